"""Does a price per byte change what evolves, or is size no bottleneck without one?

A small genetic algorithm over genomes whose length is free. A gene says: class c prefers the wave
k, by so much; an organism scores a picture by the waves that its genes name (a linear network with
the picture's cosine transform as its senses). Genes come and go by mutation: an insertion takes a
place where no gene is and a deletion one where a gene is, as many of each, so what moves the length
is selection (and, at no gene or at all of them, that there is none to delete or to insert). Fitness
is the correct rate on the lineage's pictures less price * bytes.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn

from precocial.errors import ConfigError, one_of
from precocial.genome.data.examples import Examples, Task
from precocial.genome.experiment import DATA, named_task
from precocial.genome.lab.worlds import Family
from precocial.io import Row
from precocial.runs import Run, stream
from precocial.runs.intervals import Interval, over_seeds

MOST = 31
"""Largest size of a gene's strength: 6 bits with the sign."""


@dataclass(frozen=True, kw_only=True)
class PriceConfig:
    """A population and its prices. All numbers are ours."""

    data: str = "digits"
    """one of DATA"""
    pictures: int = 200
    """that fitness is judged on"""
    prices: tuple[float, ...] = (0.0, 3e-4, 1e-3, 3e-3)
    """correct rate that a byte costs; 0 is no pressure on size"""
    individuals: int = 60
    generations: int = 600
    genes: int = 10
    """of the first genomes"""
    mutations: float = 1.0
    """tried insertions, as many deletions, and twice as many changes of strength, in a child"""
    contestants: int = 3
    """of whom the fittest becomes a parent"""
    every: int = 50
    """generations to a row"""
    seeds: int = 10

    def __post_init__(self) -> None:
        one_of("PriceConfig: data", self.data, tuple(DATA))
        if not self.prices or min(self.prices) < 0:
            raise ConfigError(f"PriceConfig: prices are at least 0, one or more; got {self.prices}")
        if min(self.individuals, self.generations, self.contestants, self.every, self.seeds) < 1:
            raise ConfigError(
                "PriceConfig: individuals, generations, contestants, every and seeds are at least 1"
            )
        if not (self.mutations > 0 and self.genes >= 0):
            raise ConfigError("PriceConfig: mutations is above 0, genes at least 0")


def laptop_price() -> PriceConfig:
    """Four prices, 10 seeds: about 40 CPU-seconds."""
    return PriceConfig()


def smoke_price() -> PriceConfig:
    """Two prices, 2 seeds, few generations: a second."""
    return replace(
        laptop_price(), prices=(0.0, 3e-3), individuals=20, generations=30, every=10, seeds=2
    )


Genomes = NDArray[np.int8]
"""[individuals, classes * waves]: the strength of each gene that there could be, 0 if absent."""


def gene_bytes(classes: int, waves: int) -> float:
    """Bytes of a gene: which class and wave, and 6 bits of strength. 1.92 for 10 classes, 64 waves.

    Counted without rounding up to whole bytes, as in one packed string.
    """
    return (math.log2(classes * waves) + 6) / 8


def waves_of(examples: Examples, like: Examples) -> NDArray[np.float64]:
    """The cosine transforms of pictures, [n, waves], each wave by its spread in `like`."""
    values, scale = (_transformed(part) for part in (examples, like))
    spread = np.maximum(scale.std(axis=0), 1e-6)
    return np.asarray((values - scale.mean(axis=0)) / spread)


def _transformed(examples: Examples) -> NDArray[np.float64]:
    pictures = examples.inputs.numpy().astype(np.float64)
    waves = dctn(pictures, axes=tuple(range(1, pictures.ndim)), norm="ortho")
    return np.asarray(waves).reshape(len(pictures), -1)


def correct_rates(
    genomes: Genomes, waves: NDArray[np.float64], targets: NDArray[np.int64], classes: int
) -> NDArray[np.float64]:
    """Accuracy of each genome, [individuals]; equal scores count as wrong."""
    rules = genomes.reshape(len(genomes), classes, -1).astype(np.float64)
    scores = np.einsum("nw,icw->inc", waves, rules, optimize=True)
    right = np.take_along_axis(scores, targets[None, :, None], axis=2)
    # The right class itself is one that is at least as good.
    return np.asarray(((scores >= right).sum(axis=2) == 1).mean(axis=1))


def mutated(genomes: Genomes, mutations: float, random: np.random.Generator) -> Genomes:
    """Children with genes inserted, deleted and changed, Poisson numbers of each."""
    children = genomes.copy()
    count, loci = children.shape
    for kind, mean in (("insert", mutations), ("delete", mutations), ("change", 2 * mutations)):
        tries = random.poisson(mean, size=count)
        for number in range(int(np.max(tries))):
            who = np.flatnonzero(tries > number)
            # A present gene at random, or for an insertion an absent one: an insertion tried at a
            # present gene would be lost, and lengths would shrink by themselves.
            free = (children[who] == 0) == (kind == "insert")
            where = (random.random((len(who), loci)) * free).argmax(axis=1)
            old = children[who, where].astype(np.int64)
            if kind == "insert":
                new = random.integers(1, MOST + 1, size=len(who))
                new *= random.choice((-1, 1), size=len(who))
                children[who, where] = np.where(old == 0, new, old)
            elif kind == "delete":
                children[who, where] = 0
            else:
                step = np.rint(random.normal(0, 6, size=len(who))).astype(np.int64)
                moved = np.clip(old + step, -MOST, MOST)
                children[who, where] = np.where((old == 0) | (moved == 0), old, moved)
    return children


def crossed(
    genomes: Genomes, fitness: NDArray[np.float64], contestants: int, random: np.random.Generator
) -> Genomes:
    """As many children, each locus from one of two parents, which are winners of tournaments."""
    count, loci = genomes.shape
    drawn = random.integers(count, size=(2, count, contestants))
    winners = np.take_along_axis(drawn, fitness[drawn].argmax(axis=2)[..., None], axis=2)[..., 0]
    mothers, fathers = winners
    own = random.random((count, loci)) < 0.5
    return np.asarray(np.where(own, genomes[mothers], genomes[fathers]))


def price(config: PriceConfig, run: Run) -> Iterator[Row]:
    """Rows of a generation: price, seed, generation; genes, bytes and ancestral (means of the
    population), and of the fittest: best_bytes, best_ancestral, best_test, on pictures of others.
    """
    task = named_task(config.data)
    for amount, seed in itertools.product(config.prices, range(config.seeds)):
        yield from _history(config, task, amount, seed)


def _history(config: PriceConfig, task: Task, amount: float, seed: int) -> Iterator[Row]:
    family = Family(
        pictures=task, variability=0, ancestral_pictures=config.pictures, ancestral_worlds=1,
        seed=seed,
    )  # fmt: skip
    train, classes = family.ancestral[0].train, task.classes
    seen, others = waves_of(train, train), waves_of(task.test, train)
    names, other_names = train.targets.numpy(), task.test.targets.numpy()
    random = stream(seed, "genome", "lab", "price")  # the same for all prices: paired
    genomes = _first(config, classes * seen.shape[1], random)
    each = gene_bytes(classes, seen.shape[1])
    for generation in range(config.generations + 1):
        rates = correct_rates(genomes, seen, names, classes)
        lengths = (genomes != 0).sum(axis=1)
        fitness = rates - amount * each * lengths
        if generation % config.every == 0 or generation == config.generations:
            best = int(fitness.argmax())
            test = correct_rates(genomes[best : best + 1], others, other_names, classes)
            yield {
                "price": amount, "seed": seed, "generation": generation,
                "genes": float(lengths.mean()), "bytes": float(each * lengths.mean()),
                "ancestral": float(rates.mean()), "best_bytes": float(each * lengths[best]),
                "best_ancestral": float(rates[best]), "best_test": float(test[0]),
            }  # fmt: skip
        children = mutated(
            crossed(genomes, fitness, config.contestants, random), config.mutations, random
        )
        children[0] = genomes[int(fitness.argmax())]  # the fittest is kept
        genomes = children


def _first(config: PriceConfig, loci: int, random: np.random.Generator) -> Genomes:
    genomes = np.zeros((config.individuals, loci), dtype=np.int8)
    for row in genomes:
        where = random.choice(loci, size=min(config.genes, loci), replace=False)
        row[where] = random.integers(1, MOST + 1, size=len(where)) * random.choice(
            (-1, 1), size=len(where)
        )
    return genomes


@dataclass(frozen=True, kw_only=True)
class Priced:
    """What evolved under a price, and how it differs from what evolved without."""

    price: float
    bytes: Interval
    """of the fittest genome, at the end"""
    growth: Interval
    """change of the population's mean bytes over the last third of the generations"""
    ancestral: Interval
    test: Interval
    """correct rate of the fittest on pictures that nobody was judged on"""
    bytes_change: Interval
    """against the least price, paired over seeds"""
    test_change: Interval
    gap_change: Interval
    """of (ancestral - test)"""


def priced(rows: Iterable[Mapping[str, Any]]) -> list[Priced]:
    """The end of each history, from the rows of `price`; the least price is what others are
    compared with."""
    rows = list(rows)
    last = max(row["generation"] for row in rows)
    marks = sorted({row["generation"] for row in rows})
    before = max(mark for mark in marks if mark <= 2 * last / 3)
    at = {(row["price"], row["seed"], row["generation"]): row for row in rows}
    seeds, prices = sorted({row["seed"] for row in rows}), sorted({row["price"] for row in rows})

    def over(amount: float, figure: str, less: float | None = None) -> Interval:
        base = [0.0 if less is None else at[less, seed, last][figure] for seed in seeds]
        ends = [at[amount, seed, last][figure] for seed in seeds]
        return over_seeds(end - start for end, start in zip(ends, base, strict=True))

    def gap(amount: float, seed: int) -> float:
        end = at[amount, seed, last]
        return float(end["best_ancestral"] - end["best_test"])

    return [
        Priced(
            price=amount,
            bytes=over(amount, "best_bytes"),
            growth=over_seeds(
                at[amount, seed, last]["bytes"] - at[amount, seed, before]["bytes"]
                for seed in seeds
            ),
            ancestral=over(amount, "best_ancestral"),
            test=over(amount, "best_test"),
            bytes_change=over(amount, "best_bytes", prices[0]),
            test_change=over(amount, "best_test", prices[0]),
            gap_change=over_seeds(gap(amount, seed) - gap(prices[0], seed) for seed in seeds),
        )
        for amount in prices
    ]
