"""Can a genome carry a way of learning, where it cannot carry what is to be known?

In these worlds every name changes in every life, so no weights at birth can know them. What lasts
is which things have a name at all: most of what a learner sees is clutter (scrambled pictures with
names at random), and a genome of a few bytes can say what to look at first, as newborns look at
faces. Others say how fast each tensor learns, or weights at birth, evolved on the score at birth
or on the score after a life. All are selected in the worlds of ancestors and tried in others.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.fft import dctn
from scipy.stats import rankdata
from torch import Tensor, nn

from precocial.errors import ConfigError, one_of
from precocial.genome.data.examples import Examples, Task
from precocial.genome.experiment import DATA, named_task, perceptron_for
from precocial.genome.file.quantise import fake_quantise
from precocial.genome.genome import Genome
from precocial.genome.lab.lives import Chooser, Places, live, mean_losses, stacked
from precocial.genome.lab.worlds import Family
from precocial.genome.loops.configs import Baldwin, Innate
from precocial.genome.loops.evolve import evolve
from precocial.genome.loops.parts import parameters_of, put
from precocial.genome.loops.worlds import Worlds
from precocial.genome.studies.negatives import reached
from precocial.io import Row
from precocial.runs import Run, stream, stream_seed
from precocial.runs.intervals import Interval, over_seeds

Genes = NDArray[np.float64]
BANDS = 5
"""Of spatial frequency, that attention sees (ours)."""
STEP = 1 / 8
"""A gene of learning is a byte: a multiple of 1/8 from -16 to 16 (ours)."""
ARMS = ("plain", "rates", "attention", "innate weights", "baldwin weights")
"""What a genome carries: a rate of learning; one for each tensor; a rate and what to attend to; or
weights, by the innate or the baldwinian loop, and a rate."""
GENES = {"plain": 1, "rates": 4, "attention": 2 + BANDS, "innate weights": 1, "baldwin weights": 1}
"""Numbers that are evolved: log2 of rates relative to the config's; the fading of attention in a
life, and its weight for each band."""


@dataclass(frozen=True, kw_only=True)
class AttentionConfig:
    """Cluttered worlds without lasting names, and how ways of learning evolve. Numbers are ours."""

    data: str = "digits"
    """one of DATA"""
    hidden: int = 32
    clutter: tuple[float, ...] = (0.75, 0.0)
    """share of what a life sees that is scrambled and named at random; 0 is the control, in which
    there is nothing to look away from"""
    pictures: int = 600
    """of the ancestors, clutter included"""
    worlds: int = 16
    """of the ancestors"""
    lifetime: int = 20
    """T, steps of learning that selection looks at"""
    longest: int = 80
    """steps of the lives that are tried in the end"""
    rate: float = 0.05
    """of SGD with momentum 0.9, where the gene of the rate is 0"""
    batch: int = 16
    generations: int = 30
    pairs: int = 6
    """half of a generation"""
    sigma: float = 0.5
    """of mutations"""
    step: float = 1.5
    """of the mean genome, along the mean mutation by rank"""
    bytes: int = 1000
    """of genomes that carry weights, at most"""
    weight_steps: int = 200
    """of the innate loop; the baldwinian loop, whose steps cost a lifetime, has half as many"""
    trials: int = 8
    """held-out worlds that each arm is tried in"""
    seeds: int = 5

    def __post_init__(self) -> None:
        one_of("AttentionConfig: data", self.data, tuple(DATA))
        if not self.clutter or not all(0 <= share < 1 for share in self.clutter):
            raise ConfigError(f"AttentionConfig: clutter lies in [0, 1); got {self.clutter}")
        if min(self.lifetime, self.generations, self.pairs, self.trials, self.seeds) < 1:
            raise ConfigError(
                "AttentionConfig: lifetime, generations, pairs, trials, seeds are at least 1"
            )
        if self.longest < self.lifetime or not (self.sigma > 0 and self.step > 0):
            raise ConfigError(
                "AttentionConfig: longest is at least the lifetime, sigma and step are above 0"
            )


def laptop_heuristic() -> AttentionConfig:
    """With clutter and without, 5 seeds: about 50 CPU-seconds."""
    return AttentionConfig()


def smoke_heuristic() -> AttentionConfig:
    """With clutter, 2 seeds, a few generations: seconds."""
    return replace(
        laptop_heuristic(), hidden=8, clutter=(0.75,), lifetime=4, longest=8, generations=2,
        pairs=2, weight_steps=4, trials=2, seeds=2, pictures=100, worlds=2,
    )  # fmt: skip


# ---------------------------------------------------------------- what a learner sees


def cluttered(examples: Examples, share: float, classes: int, seed: int) -> Examples:
    """round(share * n) of the pictures with their pixels scrambled, each its own way, and named at
    random. Brightness and contrast stay what they were."""
    random = stream(seed, "genome", "lab", "clutter")
    where = torch.from_numpy(random.permutation(len(examples))[: round(share * len(examples))])
    inputs, targets = examples.inputs.clone(), examples.targets.clone()
    flat = inputs[where].flatten(1).numpy()
    inputs[where] = torch.from_numpy(random.permuted(flat, axis=1)).reshape(inputs[where].shape)
    targets[where] = torch.from_numpy(random.integers(classes, size=len(where)))
    return Examples(inputs=inputs, targets=targets)


def senses(examples: Examples) -> NDArray[np.float64]:
    """What attention sees of each picture, [n, BANDS]: log energy in bands of spatial frequency,
    relative to all pictures at hand (mean 0, standard deviation 1)."""
    pictures = examples.inputs.numpy().astype(np.float64)
    pictures = pictures.reshape(len(pictures), *pictures.shape[-2:])
    power = np.asarray(dctn(pictures, axes=(1, 2), norm="ortho")) ** 2
    height, width = power.shape[1:]
    # Diagonals of the cosine transform, from coarse to fine, the mean brightness left out.
    radius = np.arange(height)[:, None] / height + np.arange(width)[None, :] / width
    band = np.minimum((radius / 2 * BANDS).astype(int), BANDS - 1)
    band[0, 0] = -1
    energy = np.stack([power[:, band == number].sum(axis=1) for number in range(BANDS)], axis=1)
    seen = np.log(energy + 1e-6)
    return np.asarray((seen - seen.mean(axis=0)) / np.maximum(seen.std(axis=0), 1e-6))


def attend(seen: NDArray[np.float64], genes: Genes, lifetime: int) -> Chooser:
    """What each of m lives looks at: picture i with probability in proportion to exp(s a . seen_i).

    s = exp(-fade t / T): with fade above 0 attention lets go in the course of a life.

    Args:
        seen: what is at hand, [n, BANDS].
        genes: [m, 1 + BANDS], the fading (taken as 0 if below) and the weights a.
        lifetime: T.
    """
    pull = genes[:, 1:] @ seen.T
    fade = np.maximum(genes[:, :1], 0)

    def choose(step: int, uniforms: NDArray[np.float64]) -> Tensor:
        wanted = np.exp(-fade * step / lifetime) * pull
        heap = np.cumsum(np.exp(wanted - wanted.max(axis=1, keepdims=True)), axis=1)
        places = [
            np.searchsorted(row, row[-1] * chance, side="right")
            for row, chance in zip(heap, uniforms, strict=True)
        ]
        return torch.from_numpy(np.minimum(np.array(places), len(seen) - 1))

    return choose


# ---------------------------------------------------------------- lives and selection


@dataclass(frozen=True, kw_only=True)
class _Lineage:
    """A family of cluttered worlds without lasting names."""

    config: AttentionConfig
    family: Family
    clutter: float
    seed: int

    def ancestral(self, number: int) -> Task:
        """World `number` of the ancestors; what is chosen by are its validation pictures."""
        return self._cluttered(self.family.ancestral[number % self.config.worlds], number)

    def held_out(self, number: int) -> Task:
        return self._cluttered(self.family.held_out(number), self.config.worlds + number)

    def _cluttered(self, world: Task, number: int) -> Task:
        seed = stream_seed(self.seed, "clutter of world", number)
        return replace(world, train=cluttered(world.train, self.clutter, world.classes, seed))

    def networks(self, arm: str, numbers: Sequence[int], born: nn.Module | None) -> list[nn.Module]:
        """Newborns: with the arm's weights, or each with random weights of its own."""
        if born is not None:
            return [born for _ in numbers]
        shape = (self.config.hidden,)
        return [
            perceptron_for(self.family.pictures, shape, stream_seed(self.seed, "network", number))
            for number in numbers
        ]


def _rates(arm: str, genes: Genes, rate: float) -> Tensor:
    """Of the four tensors, [m, 4]."""
    own = genes[:, :4] if arm == "rates" else genes[:, :1]
    rates = rate * 2.0 ** np.broadcast_to(own, (len(genes), 4))
    return torch.from_numpy(np.ascontiguousarray(rates)).to(torch.float32)


def _judge(
    lineage: _Lineage, arm: str, born: nn.Module | None, genes: Genes, generation: int
) -> NDArray[np.float64]:
    """Fitness of each genome, [m]: minus the loss after a life, all in one ancestral world."""
    config, members = lineage.config, len(genes)
    random = stream(lineage.seed, "genome", "lab", "world of generation", generation)
    world = lineage.ancestral(int(random.integers(config.worlds)))
    judged = replace(world, test=world.valid)
    places = Places.of([judged] * members)
    chooser = None
    if arm == "attention":
        chooser = attend(senses(world.train), genes[:, 1:], config.lifetime)
    network = lineage.networks(arm, [1000 + generation], born)
    _, grown = live(
        stacked(network * members), places, steps=config.lifetime,
        rates=_rates(arm, genes, config.rate), batch=config.batch,
        seed=stream_seed(lineage.seed, "life", generation), marks=(), choose=chooser,
    )  # fmt: skip
    losses = mean_losses(grown, places.test_inputs, places.test_targets)
    return -np.nan_to_num(losses, nan=math.inf, posinf=1e9)


def selected(
    judge: Callable[[Genes, int], NDArray[np.float64]],
    start: Genes,
    *,
    generations: int,
    pairs: int,
    sigma: float,
    step: float,
    seed: int,
) -> Genes:
    """The mean genome after an evolution strategy on a few numbers.

    theta moves by step * sum_k u(f_k) n_k / pairs, n_k mutations in pairs of opposite sign of
    standard deviation sigma, u the rank of the fitness spread over [-1/2, 1/2] (as `Evolution`,
    without Adam). What is judged, and what is returned, is rounded to `STEP`.
    """
    theta = start.astype(np.float64)
    for generation in range(generations):
        noise = stream(seed, "genome", "lab", "mutations", generation).standard_normal(
            (pairs, len(theta))
        )
        moves = sigma * np.concatenate([noise, -noise])
        ranks = (rankdata(judge(rounded_genes(theta + moves), generation)) - 1) / (
            2 * pairs - 1
        ) - 0.5
        theta = theta + step * ranks @ moves / pairs
    return rounded_genes(theta)


def rounded_genes(genes: Genes) -> Genes:
    """To multiples of `STEP` that a byte holds."""
    return np.asarray(np.clip(np.rint(genes / STEP), -127, 127) * STEP)


def _weights(lineage: _Lineage, arm: str) -> tuple[nn.Module, int]:
    """A newborn whose weights evolved in the ancestral worlds, and the bytes of its genome."""
    config, seed = lineage.config, lineage.seed
    model = perceptron_for(lineage.family.pictures, (config.hidden,), seed)
    genome = Genome.for_model(model, bytes=config.bytes, seed=seed)
    worlds = [lineage.ancestral(number) for number in range(config.worlds)]
    drawn = Worlds(draw=lambda key: worlds[key % len(worlds)], valid=3)
    steps = config.weight_steps
    loop: Innate | Baldwin = (
        Innate(
            steps=steps, batch=64, rate=0.01, warmup_steps=10, evaluate_every=max(1, steps // 4)
        )
        if arm == "innate weights"
        else Baldwin(
            steps=max(1, steps // 2), lifetimes=1, lifetime_steps=config.lifetime,
            lifetime_rate=config.rate, batch=config.batch, rate=0.01, warmup_steps=10,
            evaluate_every=max(1, steps // 8),
        )
    )  # fmt: skip
    for _ in evolve(genome, model, drawn, loop, seed=seed):
        pass
    put(parameters_of(genome), fake_quantise(parameters_of(genome), 8))
    return genome.birth(model), genome.byte_count(8)


def heuristic(config: AttentionConfig, run: Run) -> Iterator[Row]:
    """Learning curves in held-out worlds: clutter, arm, seed, step, accuracy (mean over `trials`,
    on test pictures without clutter), file_bytes (of what the genome carries), and the genes.
    """
    task = named_task(config.data)
    marks = _marks(config)
    done = len(run.rows)
    cases = itertools.product(config.clutter, range(config.seeds), ARMS)
    for number, (clutter, seed, arm) in enumerate(cases):
        if (number + 1) * len(marks) <= done:
            continue
        family = Family(
            pictures=task, variability=1.0, ancestral_pictures=config.pictures,
            ancestral_worlds=config.worlds, seed=seed,
        )  # fmt: skip
        lineage = _Lineage(config=config, family=family, clutter=clutter, seed=seed)
        rows = _arm(lineage, arm, marks)
        yield from itertools.islice(rows, max(0, done - number * len(marks)), None)


def _marks(config: AttentionConfig) -> tuple[int, ...]:
    every = max(1, config.lifetime // 5)
    return tuple(sorted({*range(0, config.longest + 1, every), config.lifetime, config.longest}))


def _arm(lineage: _Lineage, arm: str, marks: Sequence[int]) -> Iterator[Row]:
    config, seed = lineage.config, lineage.seed
    born, size = (None, 0) if "weights" not in arm else _weights(lineage, arm)

    def judge(genes: Genes, generation: int) -> NDArray[np.float64]:
        return _judge(lineage, arm, born, genes, generation)

    genes = selected(
        judge, np.zeros(GENES[arm]), generations=config.generations, pairs=config.pairs,
        sigma=config.sigma, step=config.step, seed=seed,
    )  # fmt: skip
    curves = _tried(lineage, arm, born, genes, marks)
    for step, accuracy in zip(marks, curves.mean(axis=0), strict=True):
        yield {
            "clutter": lineage.clutter, "arm": arm, "seed": seed, "step": step,
            "accuracy": float(accuracy), "file_bytes": size + len(genes),
            "genes": " ".join(f"{gene:g}" for gene in genes),
        }  # fmt: skip


def _tried(
    lineage: _Lineage, arm: str, born: nn.Module | None, genes: Genes, marks: Sequence[int]
) -> NDArray[np.float64]:
    """Correct rates [trials, marks] in held-out worlds, one life in each."""
    config, found = lineage.config, []
    for number in range(config.trials):
        world = lineage.held_out(number)
        chooser = None
        if arm == "attention":
            chooser = attend(senses(world.train), genes[None, 1:], config.lifetime)
        rates, _ = live(
            stacked(lineage.networks(arm, [number], born)), Places.of([world]),
            steps=config.longest, rates=_rates(arm, genes[None], config.rate), batch=config.batch,
            seed=stream_seed(lineage.seed, "held-out life", number), marks=marks, choose=chooser,
        )  # fmt: skip
        found.append(rates[0])
    return np.stack(found)


# ---------------------------------------------------------------- what it says


@dataclass(frozen=True, kw_only=True)
class Carried:
    """What an arm's genome does for learning, against a genome that carries one rate."""

    clutter: float
    arm: str
    file_bytes: float
    birth: Interval
    learned: Interval
    """accuracy after the lifetime that selection looked at"""
    gain: Interval
    """of that, over the plain arm, paired over seeds"""
    log_speed: Interval
    """natural logarithm of (plain's steps) / (the arm's steps) to what plain knows after a
    lifetime; above 0 is faster. An arm that never knows it counts with its longest life."""


def carried(rows: Iterable[Mapping[str, Any]], lifetime: int) -> list[Carried]:
    """The arms against "plain", from the rows of `heuristic`; `lifetime` as in its config."""
    rows = list(rows)
    curves: dict[tuple[Any, Any, Any], list[tuple[float, float]]] = {}
    sizes: dict[tuple[Any, Any], float] = {}
    for row in rows:
        key = (row["clutter"], row["arm"], row["seed"])
        curves.setdefault(key, []).append((float(row["step"]), float(row["accuracy"])))
        sizes[row["clutter"], row["arm"]] = float(row["file_bytes"])
    seeds = sorted({row["seed"] for row in rows})
    found = []
    for (clutter, arm), size in sizes.items():
        figures = [
            _against(curves[clutter, arm, seed], curves[clutter, "plain", seed], lifetime)
            for seed in seeds
        ]
        birth, learned, gain, speed = (over_seeds(column) for column in zip(*figures, strict=True))
        found.append(
            Carried(
                clutter=clutter, arm=arm, file_bytes=size, birth=birth, learned=learned, gain=gain,
                log_speed=speed,
            )
        )  # fmt: skip
    return found


def _against(
    arm: list[tuple[float, float]], plain: list[tuple[float, float]], lifetime: int
) -> tuple[float, float, float, float]:
    (steps, own), (_, other) = (np.array(sorted(curve)).T for curve in (arm, plain))
    known, level = (float(np.interp(lifetime, steps, curve)) for curve in (own, other))
    # At birth already there: one step at most.
    mine, theirs = (max(1.0, min(steps[-1], reached(steps, c, level))) for c in (own, other))
    return float(own[0]), known, known - level, math.log(theirs / mine)
