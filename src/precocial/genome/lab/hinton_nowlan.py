"""How learning guides evolution: Hinton and Nowlan 1987, in seconds.

The setting is as commonly described (the article was not read): 20 loci with alleles right, wrong
and undecided, at first 1/4, 1/4 and 1/2; 1,000 individuals; an individual with a wrong allele can
never succeed, another guesses its undecided loci anew in each of up to 1,000 trials and keeps what
succeeds; its fitness is 1 + 19 n / 1,000, n the trials that are left; parents are drawn in
proportion to fitness and crossed at one point; no mutation. There is one target and no slope
towards it: without learning, only luck finds it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from precocial.errors import ConfigError
from precocial.io import Row
from precocial.runs import Run, stream
from precocial.runs.intervals import Interval, over_seeds

WRONG, RIGHT, UNDECIDED = 0, 1, 2
Genotypes = NDArray[np.int8]
"""[individuals, loci] of WRONG, RIGHT and UNDECIDED."""


@dataclass(frozen=True, kw_only=True)
class HintonNowlanConfig:
    """The setting, as commonly described, and the control without learning."""

    loci: int = 20
    individuals: int = 1000
    trials: int = 1000
    generations: int = 50
    undecided: float = 0.5
    """share of undecided alleles at first; the rest is half right, half wrong"""
    most: float = 20.0
    """fitness of who is born right, against 1 of who never succeeds"""
    learning: tuple[bool, ...] = (True, False)
    """arms: without learning an undecided allele is settled once, at birth, by a coin"""
    seeds: int = 10

    def __post_init__(self) -> None:
        if min(self.loci, self.individuals, self.trials, self.seeds) < 1 or self.generations < 0:
            raise ConfigError(
                "HintonNowlanConfig: loci, individuals, trials and seeds must be at least 1, "
                "generations at least 0"
            )
        if not 0 <= self.undecided <= 1 or not self.most >= 1:
            raise ConfigError(
                "HintonNowlanConfig: undecided lies in [0, 1], most is at least 1; got "
                f"{self.undecided} and {self.most}"
            )


def laptop() -> HintonNowlanConfig:
    """The setting as commonly described, 10 seeds with and without learning: 10 CPU-seconds."""
    return HintonNowlanConfig()


def smoke() -> HintonNowlanConfig:
    """Fewer of everything: a fraction of a second."""
    return replace(laptop(), loci=10, individuals=200, trials=100, generations=15, seeds=2)


def expected_fitness(undecided: ArrayLike, trials: int, most: float = 20.0) -> NDArray[np.float64]:
    """Mean fitness of an individual with no wrong allele, in closed form.

    With u undecided loci a trial succeeds with p = 2^-u. n is the trials less the failures before
    the first success, 0 if there is none: E[n] = G - (1 - (1-p)^G) (1-p) / p, G trials. The fitness
    is 1 + (most - 1) E[n] / G, so who is born right has `most`.
    """
    p = 2.0 ** -np.asarray(undecided, dtype=np.float64)
    reached = -np.expm1(trials * np.log1p(-np.minimum(p, 1 - 1e-16)))
    left = np.where(p < 1, trials - reached * (1 - p) / p, trials)
    return np.asarray(1 + (most - 1) * left / trials)


def fitness(
    genotypes: Genotypes, random: np.random.Generator, *, trials: int, most: float = 20.0
) -> NDArray[np.float64]:
    """One life each, [individuals]: the number of failures before success is drawn, not played."""
    able = (genotypes != WRONG).all(axis=1)
    undecided = (genotypes == UNDECIDED).sum(axis=1)
    failures = random.geometric(2.0**-undecided) - 1
    left = np.where(able, np.maximum(trials - failures, 0), 0)
    return np.asarray(1 + (most - 1) * left / trials)


def offspring(
    genotypes: Genotypes, weights: NDArray[np.float64], random: np.random.Generator
) -> Genotypes:
    """As many children: two parents each, in proportion to `weights`, crossed at one point."""
    count, loci = genotypes.shape
    mothers, fathers = random.choice(count, size=(2, count), p=weights / weights.sum())
    cut = random.integers(0, loci, size=(count, 1))
    return np.asarray(np.where(np.arange(loci) < cut, genotypes[mothers], genotypes[fathers]))


def hinton_nowlan(config: HintonNowlanConfig, run: Run) -> Iterator[Row]:
    """Rows of one generation each: learning, seed, generation; right, wrong and undecided (shares
    of alleles); fitness (mean); able (share of individuals without a wrong allele).
    """
    for learning in config.learning:
        for seed in range(config.seeds):
            yield from _history(config, learning, seed)


def _history(config: HintonNowlanConfig, learning: bool, seed: int) -> Iterator[Row]:
    random = stream(seed, "genome", "lab", "hinton and nowlan")
    one_kind = (1 - config.undecided) / 2
    shape = (config.individuals, config.loci)
    kinds, shares = (WRONG, RIGHT, UNDECIDED), (one_kind, one_kind, config.undecided)
    genotypes = random.choice(kinds, size=shape, p=shares).astype(np.int8)
    trials = config.trials if learning else 1
    for generation in range(config.generations + 1):
        found = fitness(genotypes, random, trials=trials, most=config.most)
        yield {
            "learning": learning,
            "seed": seed,
            "generation": generation,
            "right": float((genotypes == RIGHT).mean()),
            "wrong": float((genotypes == WRONG).mean()),
            "undecided": float((genotypes == UNDECIDED).mean()),
            "able": float((genotypes != WRONG).all(axis=1).mean()),
            "fitness": float(found.mean()),
        }
        genotypes = offspring(genotypes, found, random)


@dataclass(frozen=True, kw_only=True)
class Guidance:
    """What learning did to evolution: the last generation with learning and without."""

    right: Interval
    """share of right alleles with learning"""
    right_without: Interval
    undecided: Interval
    """share of undecided alleles that learning leaves in place"""
    wrong: Interval
    fitness_gain: Interval
    """mean fitness with learning less that without, paired over seeds"""


def guidance(rows: Iterable[Mapping[str, Any]]) -> Guidance:
    """The last generation of the rows of `hinton_nowlan`, both arms."""
    rows = list(rows)
    last = max(row["generation"] for row in rows)
    ends = {(bool(row["learning"]), row["seed"]): row for row in rows if row["generation"] == last}
    seeds = sorted({seed for _, seed in ends})

    def over(figure: str, learning: bool) -> Interval:
        return over_seeds(ends[learning, seed][figure] for seed in seeds)

    return Guidance(
        right=over("right", True),
        right_without=over("right", False),
        undecided=over("undecided", True),
        wrong=over("wrong", True),
        fitness_gain=over_seeds(
            ends[True, seed]["fitness"] - ends[False, seed]["fitness"] for seed in seeds
        ),
    )
