"""The dip: a newborn that is able gets worse in the first steps of Adam, and what helps."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from torch import nn

from precocial.errors import ConfigError
from precocial.genome.data.examples import Task
from precocial.genome.lifetime.learning import Optimiser, learn
from precocial.io import Row
from precocial.runs.intervals import Interval, over_seeds

MARKS = (0, 1, 2, 3, 5, 7, 10, 15, 20, 30, 40, 60)
"""Steps that are scored (ours): dense where the dip is."""


@dataclass(frozen=True, kw_only=True)
class Remedy:
    """One way to take the first steps; see `learn`."""

    name: str
    rate: float = 1e-3
    optimiser: Optimiser = "adam"
    warmup_steps: int = 0
    still_steps: int = 0


REMEDIES = (
    Remedy(name="Adam"),
    Remedy(name="warm-up of 20 steps", warmup_steps=20),
    Remedy(name="a fifth of the rate", rate=2e-4),
    Remedy(name="moments filled in 10 still steps", still_steps=10),
    Remedy(name="SGD with momentum", rate=1e-2, optimiser="sgd"),
)
"""Adam as it comes (its first step moves every weight by the whole rate, however small its
gradient), and four ways around that. The numbers are ours."""


def dip_study(
    newborn: nn.Module,
    task: Task,
    *,
    remedies: Sequence[Remedy] = REMEDIES,
    seeds: Iterable[int] = range(5),
    marks: Sequence[int] = MARKS,
    batch: int = 256,
    on: Literal["valid", "test"] = "valid",
) -> Iterator[Row]:
    """How far a newborn falls in its first steps, by remedy and seed of the examples' order.

    Yields:
        remedy, seed, born (accuracy at step 0), lowest (least accuracy from step 1 on),
        lowest_step, dip (born - lowest, 0 where it never falls), back_step (first mark from which
        on no later one is below birth; null if none), end (accuracy at the last mark),
        curve ([step, accuracy] pairs).

    Raises:
        ConfigError: fewer than two marks, or marks without step 0.
    """
    if len(set(marks)) < 2 or 0 not in marks:
        raise ConfigError(f"dip_study: marks need step 0 and a later one; got {list(marks)}")
    for remedy in remedies:
        for seed in seeds:
            rows = learn(
                copy.deepcopy(newborn),
                task,
                steps=max(marks),
                rate=remedy.rate,
                optimiser=remedy.optimiser,
                warmup_steps=remedy.warmup_steps,
                still_steps=remedy.still_steps,
                batch=batch,
                seed=seed,
                marks=marks,
                on=on,
            )
            curve = [(int(row["step"]), float(row["accuracy"])) for row in rows]
            yield {"remedy": remedy.name, "seed": seed, **_fall(curve)}


def _fall(curve: Sequence[tuple[int, float]]) -> Row:
    born, later = curve[0][1], curve[1:]
    lowest_step, lowest = min(later, key=lambda point: point[1])
    below = [step for step, accuracy in later if accuracy < born]
    back = [step for step, _ in curve if step > max(below, default=-1)]
    return {
        "born": born,
        "lowest": lowest,
        "lowest_step": lowest_step,
        "dip": max(0.0, born - lowest),
        "back_step": back[0] if back else None,
        "end": later[-1][1],
        "curve": [list(point) for point in curve],
    }


@dataclass(frozen=True, kw_only=True)
class Dip:
    """A remedy over seeds."""

    remedy: str
    dip: Interval
    """accuracy lost at the lowest mark"""
    end: Interval
    """accuracy at the last mark"""


def dips(rows: Iterable[Mapping[str, Any]]) -> list[Dip]:
    """Each remedy's dip and end over seeds, in the order in which they came."""
    rows = list(rows)
    return [
        Dip(
            remedy=name,
            dip=over_seeds(row["dip"] for row in rows if row["remedy"] == name),
            end=over_seeds(row["end"] for row in rows if row["remedy"] == name),
        )
        for name in dict.fromkeys(row["remedy"] for row in rows)
    ]
