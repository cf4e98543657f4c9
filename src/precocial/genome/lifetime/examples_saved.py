"""What a genome is worth in training examples: learning curves over data, with and without it."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import torch
from torch import nn

from precocial.errors import ConfigError, DataError, one_of
from precocial.genome.data.examples import Task
from precocial.genome.lifetime.learning import learn, score
from precocial.io import Row
from precocial.runs import stream
from precocial.worth import Curve, Worth, worth

Measure = Literal["loss", "error"]
Newborns = Mapping[str, Callable[[int], nn.Module]]
"""Arms by name: (seed) to a network that is about to live, from the genome or not."""


@dataclass(frozen=True, kw_only=True)
class Life:
    """How a network lives on its examples: the same way in every arm. All numbers are ours.

    Arms differ in the rate and in the steps that they need, a small model in more of both than a
    newborn, so both are left to the validation examples and the grid is wide: an arm that is cut
    short makes every other one look worth more. `cut_short` says whether one was.
    """

    steps: int = 2000
    """most steps of a life on few examples"""
    passes: float = 40.0
    """over the examples that a life may make on many, where those are more steps; with 12 a linear
    model of 1,973 parameters was 0.017 nats worse on Fashion-MNIST's validation images (10,000
    examples, one seed)"""
    rates: tuple[float, ...] = (3e-2, 1e-2, 3e-3, 5e-4)
    """of Adam; each is tried in each life"""
    batch: int = 64
    warmup_steps: int = 10
    looks: int = 20
    """scores on the validation examples on the way, after one at birth; the first ones lie closest,
    as the squares do"""
    patience: int = 6
    """looks without a lower loss, after which a rate is given up"""

    def __post_init__(self) -> None:
        if not self.rates or min(self.rates) <= 0 or min(self.steps, self.batch) < 1:
            raise ConfigError(
                f"Life: rates above 0, steps and batch at least 1; got {self.rates}, "
                f"{self.steps}, {self.batch}"
            )
        if not (0 <= self.passes < math.inf and self.patience >= 1):
            raise ConfigError(
                "Life: passes is a finite number of at least 0 and patience at least 1; got "
                f"{self.passes}, {self.patience}"
            )
        if not 1 <= self.looks <= self.steps or self.warmup_steps < 0:
            raise ConfigError(
                f"Life: looks lies in 1..steps and warmup_steps is at least 0; got {self.looks}, "
                f"{self.warmup_steps}"
            )

    def most_steps(self, examples: int) -> int:
        """Steps of a life on so many examples, unless it is given up before."""
        return max(self.steps, math.ceil(self.passes * examples / min(self.batch, examples)))

    def marks(self, examples: int) -> list[int]:
        """Steps at which such a life is looked at, birth left out."""
        steps = self.most_steps(examples)
        shares = [((look + 1) / self.looks) ** 2 for look in range(self.looks)]
        return sorted({max(1, round(steps * share)) for share in shares})


def few(task: Task, examples: int, seed: int) -> Task:
    """The task with so many of its training examples, drawn by the seed; a larger draw of one
    seed holds the smaller ones.

    Raises:
        ConfigError: more than there are, or none.
    """
    if not 1 <= examples <= len(task.train):
        raise ConfigError(f"few: examples lie in 1..{len(task.train)}; got {examples}")
    order = stream(seed, "genome", "few", task.name).permutation(len(task.train))
    return replace(task, train=task.train.take(torch.from_numpy(order[:examples])))


def choosing(task: Task, count: int) -> Task:
    """The task with at most so many validation examples, the same in every run: they choose the
    step and the rate of a life, and a look at all of them would take longer than the life."""
    order = stream(0, "genome", "choosing", task.name).permutation(len(task.valid))
    return replace(task, valid=task.valid.take(torch.from_numpy(order[:count])))


def lives(
    newborns: Newborns,
    task: Task,
    *,
    sizes: Sequence[int],
    seeds: Iterable[int] = range(3),
    life: Life | None = None,
    skip: int = 0,
) -> Iterator[Row]:
    """One lifetime for each arm, number of examples and seed.

    A life takes the rate and the step at which the validation loss was least (step 0 is birth, so
    learning cannot make a newborn worse), and is measured there on the test examples, which decide
    nothing. The validation examples are not counted as data, in any arm.

    Args:
        newborns: the arms.
        task: what is learned.
        sizes: training examples of a life; 0 is the network as it is born.
        seeds: of newborns, of examples drawn, and of their order.
        life: how they live.
        skip: rows at the start that are there already, for resuming.

    Yields:
        arm, data, seed, rate, step, late (whether that step lies in the last quarter of those
        that a life may have), valid_loss, loss (nats), error (share wrong).
    """
    cells = [(arm, size, seed) for arm in newborns for size in sizes for seed in seeds]
    for arm, size, seed in cells[skip:]:
        found = _live(newborns[arm](seed), task, size, seed, life or Life())
        yield {"arm": arm, "data": size, "seed": seed, **found}


def _live(newborn: nn.Module, task: Task, size: int, seed: int, life: Life) -> Row:
    least, best = score(newborn, task.valid)[1], copy.deepcopy(newborn)
    chosen = {"rate": 0.0, "step": 0, "late": False}
    for rate in life.rates if size else ():
        network = copy.deepcopy(newborn)
        marks = life.marks(size)
        rows = learn(
            network, few(task, size, seed), steps=marks[-1], rate=rate, batch=life.batch,
            warmup_steps=life.warmup_steps, seed=seed, marks=marks, on="valid",
        )  # fmt: skip
        own, waited = math.inf, 0
        for row in rows:
            own, waited = (row["loss"], 0) if row["loss"] < own else (own, waited + 1)
            if row["loss"] < least:
                least, best = row["loss"], copy.deepcopy(network)
                chosen = {
                    "rate": rate,
                    "step": row["step"],
                    "late": row["step"] > 3 * marks[-1] / 4,
                }
            if waited == life.patience:
                break
    accuracy, loss = score(best, task.test)
    return {**chosen, "valid_loss": least, "loss": loss, "error": 1 - accuracy}


def cut_short(rows: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Of each arm's lives on any examples, the share that were best in their last quarter.

    Such an arm may do better with longer lives: its curve lies too high, and what is read off it
    is not to be trusted.
    """
    rows = [row for row in rows if row["data"]]
    arms = dict.fromkeys(str(row["arm"]) for row in rows)
    found = {arm: [bool(row["late"]) for row in rows if row["arm"] == arm] for arm in arms}
    return {arm: sum(late) / len(late) for arm, late in found.items()}


def examples_saved(
    rows: Iterable[Mapping[str, Any]],
    *,
    treated: str = "genome",
    base: str = "random",
    measure: Measure = "loss",
    at: Sequence[int] | None = None,
    bootstrap: int = 2000,
    seed: int = 0,
) -> Worth:
    """The examples that the genome saves: D with base(d + D) = treated(d), by `precocial.worth`.

    Args:
        rows: what `lives` yielded.
        treated: the arm with the genome.
        base: the arm without; take a tiny dense model for what its bytes would buy otherwise.
        measure: "loss", or "error", the share wrong, where each life must err at least once.
        at: numbers of examples d; default: all of the treated arm. 0 is the newborn.
        bootstrap: draws behind the intervals over seeds.
        seed: of the draws.

    Raises:
        DataError: no rows of an arm, or an error of 0, which has no logarithm.
    """
    one_of("examples_saved: measure", measure, get_args(Measure))
    rows = list(rows)
    curves = []
    for arm in (base, treated):
        mine = [row for row in rows if row["arm"] == arm]
        if not mine:
            arms = ", ".join(dict.fromkeys(str(row["arm"]) for row in rows)) or "none"
            raise DataError(f"examples_saved: no rows of the arm {arm!r}; there are {arms}")
        keep = [
            {"data": row["data"], "seed": row["seed"], "loss": row[measure], "arm": arm}
            for row in mine
        ]
        unit = "nats" if measure == "loss" else "share wrong"
        curves.append(Curve.from_rows(keep, data_unit="examples", loss_unit=unit))
    return worth(curves[0], curves[1], at=at, bootstrap=bootstrap, seed=seed)
