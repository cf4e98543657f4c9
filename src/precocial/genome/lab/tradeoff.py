"""Instinct against learning: a grid over variability, lifetime and genome bytes.

For every cell and seed a genome is evolved in the worlds of its lineage, written at a few bits a
parameter, and its newborns are tried in held-out worlds: the score at birth c(0), after learning
c(T), survival under the paper's Eq. 2, and the gap between ancestral and held-out worlds.

What is predicted (our reading of Zador 2019 and of Shuvaev et al. 2024): more variability or longer
lives, a smaller share of instinct; more bytes, a better score at birth, then a wider gap. With the
outer loop "innate" no genome depends on the lifetime, so longer lives of the same newborns can only
add to what is learned: there the sign for the lifetime tests nothing of evolution. With "baldwin"
it does. Signs are judged one by one, each by a 95 % interval; none is corrected for their number.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from torch import nn

from precocial.errors import ConfigError, FitError, one_of
from precocial.genome.experiment import DATA, named_task, perceptron_for
from precocial.genome.file.quantise import fake_quantise
from precocial.genome.genome import Genome
from precocial.genome.lab.lives import Places, Weights, correct_rates, live, stacked
from precocial.genome.lab.survival import (
    lifetime_survival,
    scores_at_every_step,
    takeover_generations,
)
from precocial.genome.lab.worlds import Family
from precocial.genome.lifetime.learning import usual_marks
from precocial.genome.loops.configs import Baldwin, Innate
from precocial.genome.loops.evolve import evolve
from precocial.genome.loops.parts import parameters_of, put
from precocial.io import Row
from precocial.runs import Run, stream_seed
from precocial.runs.intervals import Interval, over_seeds

Outer = Literal["innate", "baldwin"]
AXES = ("variability", "lifetime", "bytes")


@dataclass(frozen=True, kw_only=True)
class TradeoffConfig:
    """The grid, the lineage and the life. All numbers are ours."""

    data: str = "digits"
    """one of DATA"""
    hidden: int = 64
    """units of the phenotype's one hidden layer"""
    variabilities: tuple[float, ...] = (0.0, 0.4, 0.8)
    """sigma: share of the class names that change from life to life"""
    lifetimes: tuple[int, ...] = (5, 25, 125)
    """T, steps of learning"""
    bytes: tuple[int, ...] = (500, 1000, 2500)
    """B, most bytes of a genome's file; the phenotype has 4,810 weights"""
    bits: int = 8
    """of a parameter of the genome"""
    outer: Outer = "innate"
    """the outer loop: on the score at birth, or on the score after a life of T steps"""
    outer_steps: int = 600
    """of the genome; enough that the largest has learned its ancestors' pictures by heart"""
    outer_rate: float = 0.01
    outer_batch: int = 64
    ancestral_pictures: int = 200
    ancestral_worlds: int = 8
    rate: float = 0.03
    """of a life's SGD with momentum 0.9"""
    batch: int = 32
    trials: int = 4
    """held-out worlds that a genome's newborns live in, one each"""
    alpha: float = 0.05
    """of Eq. 2; the article gives none"""
    seeds: int = 5
    """each with a phenotype, a genome, pictures, deals and lives of its own"""
    seed: int = 0
    """the first of them"""

    def __post_init__(self) -> None:
        one_of("TradeoffConfig: data", self.data, tuple(DATA))
        one_of("TradeoffConfig: outer", self.outer, get_args(Outer))
        if not (self.variabilities and self.lifetimes and self.bytes):
            raise ConfigError("TradeoffConfig: every axis needs at least one level")
        for name, levels in zip(AXES, self.levels, strict=True):
            if list(levels) != sorted(set(levels)):
                raise ConfigError(f"TradeoffConfig: levels of {name} must rise; got {levels}")
        if min(self.hidden, self.seeds, self.trials, self.batch, *self.lifetimes) < 1:
            raise ConfigError(
                "TradeoffConfig: hidden, seeds, trials, batch and lifetimes must be at least 1"
            )

    @property
    def levels(self) -> tuple[Sequence[float], Sequence[float], Sequence[float]]:
        """Of the three axes, in the order of `AXES`."""
        return self.variabilities, self.lifetimes, self.bytes


def laptop() -> TradeoffConfig:
    """3 x 3 x 3 cells, 5 seeds, on digits: 65 CPU-seconds on a busy machine."""
    return TradeoffConfig()


def laptop_baldwin() -> TradeoffConfig:
    """The same grid, selected on the score after a life, with shorter lives and fewer steps of the
    genome: about 3 CPU-minutes."""
    return TradeoffConfig(outer="baldwin", outer_steps=160, lifetimes=(3, 10, 30))


def smoke() -> TradeoffConfig:
    """A 2 x 2 x 2 grid, 2 seeds: seconds. Shows that it runs, no more."""
    return replace(
        laptop(),
        hidden=16,
        variabilities=(0.0, 0.8),
        lifetimes=(2, 10),
        bytes=(330, 900),
        outer_steps=40,
        trials=2,
        seeds=2,
    )


# ---------------------------------------------------------------- rows


def tradeoff(config: TradeoffConfig, run: Run) -> Iterator[Row]:
    """One row for each cell and seed; a run that was cut short goes on with the next lineage.

    Rows have variability, lifetime, bytes (the level), seed, outer;
    file_bytes and parameters of the genome;
    ancestral (accuracy at birth on the pictures and in the worlds of the ancestors), birth c(0),
    learned c(T) and random_learned (from random weights), all three on test pictures in held-out
    worlds, means over `trials` worlds; gap = ancestral - birth;
    share = (c(0) - chance) / (c(T) - chance), None where nothing beyond chance is known after
    learning; survival and random_survival, Eq. 2 over the lifetime; takeover, generations in which
    the newborn's lineage grows from 1 % to 99 % beside random ones, None where it never does.
    """
    done = len(run.rows)
    task = named_task(config.data)
    seeds = range(config.seed, config.seed + config.seeds)
    lineages = itertools.product(config.variabilities, config.bytes, seeds)
    for number, (variability, size, seed) in enumerate(lineages):
        first = number * len(config.lifetimes)
        if first + len(config.lifetimes) <= done:
            continue
        family = Family(
            pictures=task, variability=variability, seed=seed,
            ancestral_pictures=config.ancestral_pictures,
            ancestral_worlds=config.ancestral_worlds,
        )  # fmt: skip
        rows = _lineage(config, family, size, seed)
        yield from itertools.islice(rows, max(0, done - first), None)


def _lineage(config: TradeoffConfig, family: Family, size: int, seed: int) -> Iterator[Row]:
    """The rows of one genome, or with "baldwin" of one genome for each lifetime."""
    model = perceptron_for(family.pictures, (config.hidden,), seed)
    genome, lives = None, None
    for lifetime in config.lifetimes:
        if genome is None or lives is None or config.outer == "baldwin":
            genome = evolved(config, model, family, size, seed, lifetime)
            lives = _lives(config, genome.birth(model), model, family, seed)
        yield {
            "variability": family.variability, "lifetime": lifetime, "bytes": size, "seed": seed,
            "outer": config.outer, "file_bytes": genome.byte_count(config.bits),
            "parameters": genome.parameter_count,
            **_figures(config, lives, lifetime, family.pictures.classes),
        }  # fmt: skip


def evolved(
    config: TradeoffConfig, model: nn.Module, family: Family, size: int, seed: int, lifetime: int
) -> Genome:
    """A genome of at most `size` bytes, evolved in the family's ancestral worlds, then rounded."""
    genome = Genome.for_model(model, bytes=size, bits=config.bits, seed=seed)
    loop: Innate | Baldwin
    if config.outer == "innate":
        loop = Innate(
            steps=config.outer_steps, batch=config.outer_batch, rate=config.outer_rate,
            warmup_steps=10, evaluate_every=max(1, config.outer_steps // 4),
        )  # fmt: skip
    else:
        loop = Baldwin(
            steps=config.outer_steps, lifetimes=1, lifetime_steps=lifetime, batch=config.batch,
            lifetime_rate=config.rate, rate=config.outer_rate, warmup_steps=10,
            evaluate_every=max(1, config.outer_steps // 2),
        )  # fmt: skip
    for _ in evolve(genome, model, family.outer(), loop, seed=seed):
        pass
    put(parameters_of(genome), fake_quantise(parameters_of(genome), config.bits))
    return genome


@dataclass(frozen=True, kw_only=True)
class Lives:
    """What a genome's newborns did: correct rates [trials, marks], and at home."""

    marks: tuple[int, ...]
    born: NDArray[np.float64]
    random: NDArray[np.float64]
    ancestral: float


def _lives(
    config: TradeoffConfig, born: nn.Module, model: nn.Module, family: Family, seed: int
) -> Lives:
    """Newborns and random networks in the same held-out worlds, on the same batches."""
    worlds = [family.held_out(number) for number in range(config.trials)]
    marks = tuple(sorted({*usual_marks(max(config.lifetimes)), *config.lifetimes}))
    rates, _ = live(
        stacked([born] * config.trials + [model] * config.trials), Places.of(worlds * 2),
        steps=max(config.lifetimes), rates=config.rate, batch=config.batch,
        seed=stream_seed(seed, "genome", "lab", "lives"), marks=marks,
    )  # fmt: skip
    return Lives(
        marks=marks,
        born=rates[: config.trials],
        random=rates[config.trials :],
        ancestral=at_home(stacked([born]), family),
    )


def at_home(weights: Weights, family: Family) -> float:
    """Accuracy of one network on the ancestors' pictures, mean over their worlds."""
    places = Places.of(family.ancestral)
    first, first_bias, second, second_bias = (
        value.expand(len(places), *value.shape[1:]) for value in weights
    )
    own = (first, first_bias, second, second_bias)
    return float(correct_rates(own, places.train_inputs, places.train_targets).mean())


def _figures(config: TradeoffConfig, lives: Lives, lifetime: int, classes: int) -> Row:
    at = lives.marks.index(lifetime)
    birth, learned = float(lives.born[:, 0].mean()), float(lives.born[:, at].mean())
    survival, random_survival = (
        float(lifetime_survival(scores_at_every_step(lives.marks, rates, lifetime), config.alpha)
              .mean())
        for rates in (lives.born, lives.random)
    )  # fmt: skip
    takeover = takeover_generations(survival, random_survival)
    return {
        "ancestral": lives.ancestral,
        "birth": birth,
        "learned": learned,
        "random_learned": float(lives.random[:, at].mean()),
        "gap": lives.ancestral - birth,
        "chance": 1 / classes,
        "share": instinct_share(birth, learned, 1 / classes),
        "survival": survival,
        "random_survival": random_survival,
        "takeover": takeover if math.isfinite(takeover) else None,
    }


def instinct_share(birth: float, learned: float, chance: float) -> float | None:
    """(c(0) - chance) / (c(T) - chance); None where c(T) is not above chance."""
    return (birth - chance) / (learned - chance) if learned > chance else None


# ---------------------------------------------------------------- what the grid says


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """A sign that is predicted, and the change that was measured."""

    statement: str
    axis: str
    figure: str
    """column of the rows that changes"""
    sign: int
    """predicted: 1 up, -1 down"""
    low_level: float
    high_level: float
    change: Interval
    """from the low to the high level, mean over the other axes, paired over seeds"""

    @property
    def verdict(self) -> Literal["holds", "fails", "not decided"]:
        """Whether the 95 % interval lies on the predicted side of 0, on the other, or on both."""
        if not self.change.excludes(0):
            return "not decided"
        return "holds" if self.change.mean * self.sign > 0 else "fails"


LEAST_LEARNED = 0.05
"""Of c(T) - chance: below it the share of instinct is a quotient of two noises. Ours."""
PREDICTED = (
    ("variability up: the share of instinct falls", "variability", "share", -1, "all"),
    ("lifetime up: the share of instinct falls", "lifetime", "share", -1, "all"),
    ("bytes up: instinct rises, first step", "bytes", "birth", 1, "first"),
    ("bytes up: instinct rises, last step", "bytes", "birth", 1, "last"),
    ("bytes up: then the gap widens, first step", "bytes", "gap", 1, "first"),
    ("bytes up: then the gap widens, last step", "bytes", "gap", 1, "last"),
)
"""Statement, axis, figure, sign, and between which levels of the axis: all, the first two or the
last two."""
PREDICTED_OF_BALDWIN = ("lifetime up: the score at birth falls", "lifetime", "birth", -1, "all")
"""Of "baldwin" only: the other loop does not know how long a life lasts."""


def predictions(rows: Iterable[Mapping[str, Any]]) -> list[Prediction]:
    """The predicted signs with what was measured, from the rows of `tradeoff`.

    That of the share from "lifetime up" is in part so by definition for "innate": the genome is the
    same for all lifetimes, and its newborns learn for longer. With two levels of bytes the first
    step is the last and is judged once. The share is not judged where next to nothing is learned.

    Raises:
        FitError: a grid with fewer than two levels on an axis.
    """
    rows = list(rows)
    found, baldwin = [], all(row["outer"] == "baldwin" for row in rows)
    for statement, axis, figure, sign, span in PREDICTED + (PREDICTED_OF_BALDWIN,) * baldwin:
        levels = sorted({row[axis] for row in rows})
        if len(levels) < 2:
            raise FitError(f"predictions: the grid has one level of {axis}; give two or more")
        if len(levels) == 2 and span == "last":
            continue  # the first step is the last
        if figure == "share" and not _told(rows, axis, (levels[0], levels[-1])):
            continue
        low = levels[-2] if span == "last" else levels[0]
        high = levels[1] if span == "first" else levels[-1]
        change = contrast(rows, axis, figure, low, high)
        found.append(
            Prediction(
                statement=statement.split(", first")[0] if len(levels) == 2 else statement,
                axis=axis,
                figure=figure,
                sign=sign,
                low_level=float(low),
                high_level=float(high),
                change=change,
            )
        )
    return found


def contrast(
    rows: Iterable[Mapping[str, Any]], axis: str, figure: str, low: float, high: float
) -> Interval:
    """Change of a figure from one level of an axis to another, paired over seeds.

    For each seed: the difference of the means over all cells of a level. The share of instinct is
    the ratio of those means, (c(0) - chance) / (c(T) - chance), for single cells may have learned
    next to nothing.

    Raises:
        FitError: no rows at a level, or a share where nothing beyond chance is known.
    """
    rows = list(rows)
    return over_seeds(
        _level(rows, axis, figure, high, seed) - _level(rows, axis, figure, low, seed)
        for seed in sorted({row["seed"] for row in rows})
    )


def _level(
    rows: Sequence[Mapping[str, Any]], axis: str, figure: str, level: float, seed: int
) -> float:
    mine = [row for row in rows if row[axis] == level and row["seed"] == seed]
    if not mine:
        raise FitError(f"contrast: no rows with {axis} {level} and seed {seed}")
    found = _share(mine) if figure == "share" else _mean(mine, figure)
    if found is None:
        raise FitError(f"contrast: with {axis} {level} nothing beyond chance is learned")
    return found


def _mean(rows: Sequence[Mapping[str, Any]], figure: str) -> float:
    return math.fsum(row[figure] for row in rows) / len(rows)


def _share(rows: Sequence[Mapping[str, Any]]) -> float | None:
    learned, chance = _mean(rows, "learned"), _mean(rows, "chance")
    if learned - chance < LEAST_LEARNED:
        return None
    return instinct_share(_mean(rows, "birth"), learned, chance)


def _told(rows: Sequence[Mapping[str, Any]], axis: str, levels: Sequence[float]) -> bool:
    """Whether every seed has learned enough at these levels for a share of instinct."""
    return all(
        _share([row for row in rows if row[axis] == level and row["seed"] == seed]) is not None
        for level in levels
        for seed in {row["seed"] for row in rows}
    )


def cell_table(rows: Iterable[Mapping[str, Any]]) -> list[Row]:
    """One row a cell: the mean over seeds of every figure, and half the width of its 95 % interval.

    share is the ratio of the cell's means; takeover is of the cell's mean survivals, because
    selection acts on lineages.
    """
    figures = ("birth", "learned", "random_learned", "ancestral", "gap", "survival",
               "random_survival", "file_bytes")  # fmt: skip
    rows, found = list(rows), []
    for cell in sorted({tuple(row[name] for name in AXES) for row in rows}):
        mine = [row for row in rows if tuple(row[name] for name in AXES) == cell]
        summary: Row = dict(zip(AXES, cell, strict=True))
        for figure in figures:
            one = over_seeds(row[figure] for row in mine)
            half = one.high - one.mean
            summary |= {figure: one.mean, f"{figure}_half": half if len(mine) > 1 else None}
        time = takeover_generations(summary["survival"], summary["random_survival"])
        found.append(
            summary | {"share": _share(mine), "takeover": time if math.isfinite(time) else None}
        )
    return found


HalfStatus = Literal["measured", "above_range", "below_range", "undefined"]


@dataclass(frozen=True, kw_only=True)
class Half:
    """Where instinct is half of the ability: the variability at which the mean share is 1/2."""

    lifetime: float
    bytes: float
    variability: float | None
    """None where the line lies outside the grid"""
    status: HalfStatus


def half_line(rows: Iterable[Mapping[str, Any]]) -> list[Half]:
    """For each lifetime and size: the variability at which instinct is half, in straight lines.

    "above_range": even the most variable world leaves more than half to instinct; "below_range":
    even the least variable one does not; "undefined": at the end that decides it nothing is learned
    beyond chance, so there is no share.
    """
    rows, found = list(rows), []
    for lifetime, size in sorted({(row["lifetime"], row["bytes"]) for row in rows}):
        points: list[tuple[float, float | None]] = []
        for level in sorted({row["variability"] for row in rows}):
            share = _share([
                row for row in rows
                if (row["lifetime"], row["bytes"], row["variability"]) == (lifetime, size, level)
            ])  # fmt: skip
            points.append((float(level), share))
        where, status = _crossing(points)
        found.append(
            Half(lifetime=float(lifetime), bytes=float(size), variability=where, status=status)
        )
    return found


def _crossing(points: Sequence[tuple[float, float | None]]) -> tuple[float | None, HalfStatus]:
    known = [(level, share) for level, share in points if share is not None]
    if not known or points[0][1] is None:
        return None, "undefined"
    if known[0][1] < 0.5:
        return None, "below_range"
    for (before, more), (after, less) in itertools.pairwise(known):
        if less < 0.5:
            return before + (after - before) * (more - 0.5) / (more - less), "measured"
    return None, "undefined" if points[-1][1] is None else "above_range"
