"""What the rows of the control study say, over seeds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from precocial.errors import FitError
from precocial.runs.intervals import Interval, over_seeds

DIRECT, RANDOM, SHUFFLED = "trained", "random", "shuffled"
"""Arms that are no genome: the trained weights, untrained ones, and a newborn's in other places."""


@dataclass(frozen=True, kw_only=True)
class Birth:
    """An arm at birth, over seeds."""

    arm: str
    parameters: int
    returns: Interval
    share: Interval | None
    """of what the trained policy's return is above that of random weights, seed by seed; None where
    training gained nothing with some seed"""


@dataclass(frozen=True, kw_only=True)
class Recovery:
    """An arm in the scaled gravity, over seeds."""

    arm: str
    start: Interval
    """greedy return before the first step"""
    first: Interval
    """mean return of the first episodes"""
    ahead: Interval
    """`first` minus that of direct transfer, seed by seed"""
    end: Interval
    steps: float
    """median over seeds of the steps to the level; inf if half of them or more never get there"""
    reached: int
    """seeds that get there"""


def births(rows: Iterable[Mapping[str, Any]]) -> list[Birth]:
    """Every arm at birth, from the rows of `control`, of all seeds together.

    Raises:
        FitError: a seed without its trained and its random policy.
    """
    by_arm = _by_arm(rows, "birth")
    found = []
    for arm, own in by_arm.items():
        shares: list[float] = []
        gained = True
        for seed, row in own.items():
            top, floor = (_of(by_arm, name, seed)["return"] for name in (DIRECT, RANDOM))
            gained = gained and top > floor
            shares.append((row["return"] - floor) / (top - floor) if top > floor else 0.0)
        found.append(
            Birth(
                arm=arm,
                parameters=max(int(row["parameters"]) for row in own.values()),
                returns=over_seeds(float(row["return"]) for row in own.values()),
                share=over_seeds(shares) if gained else None,
            )
        )
    return found


def recoveries(rows: Iterable[Mapping[str, Any]]) -> list[Recovery]:
    """Every arm's life in the scaled gravity, from the rows of `control` of all seeds together.

    Raises:
        FitError: a seed without direct transfer.
    """
    by_arm = _by_arm(rows, "life")
    found = []
    for arm, own in by_arm.items():
        steps = [math.inf if row["to_level"] is None else row["to_level"] for row in own.values()]
        ahead = [row["first"] - _of(by_arm, DIRECT, s)["first"] for s, row in own.items()]
        found.append(
            Recovery(
                arm=arm,
                start=_mean(own.values(), "start"),
                first=_mean(own.values(), "first"),
                ahead=over_seeds(ahead),
                end=_mean(own.values(), "end"),
                steps=_median(steps),
                reached=sum(math.isfinite(value) for value in steps),
            )
        )
    return found


def _mean(rows: Iterable[Mapping[str, Any]], name: str) -> Interval:
    return over_seeds(float(row[name]) for row in rows)


def _median(values: Sequence[float]) -> float:
    """The upper middle: no mean of a number and infinity."""
    return sorted(values)[len(values) // 2]


def _by_arm(
    rows: Iterable[Mapping[str, Any]], kind: str
) -> dict[str, dict[int, Mapping[str, Any]]]:
    found: dict[str, dict[int, Mapping[str, Any]]] = {}
    for row in rows:
        if row["kind"] == kind:
            found.setdefault(row["arm"], {})[int(row["seed"])] = row
    return found


def _of(
    by_arm: Mapping[str, Mapping[int, Mapping[str, Any]]], arm: str, seed: int
) -> Mapping[str, Any]:
    row = by_arm.get(arm, {}).get(seed)
    if row is None:
        raise FitError(f"seed {seed} has no row of the arm {arm!r}; give the rows of whole runs")
    return row
