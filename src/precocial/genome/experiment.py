"""The paper's protocol as a run: a perceptron, its genome, 500 generations, the test set once.

`studies.negatives` holds what the paper found not to work.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import torch
from torch import nn

from precocial.errors import ConfigError, one_of
from precocial.genome.data.examples import Task, accuracy
from precocial.genome.data.readers import digits, fashion_mnist, mnist_5k, standardised
from precocial.genome.genome import Genome
from precocial.genome.lifetime.learning import score, shuffled
from precocial.genome.loops.configs import Lamarck
from precocial.genome.loops.evolve import Training
from precocial.genome.loops.worlds import newborn
from precocial.genome.presets import PRESETS
from precocial.io import Row
from precocial.runs import Run, stream_seed

DATA: dict[str, Callable[[], Task]] = {
    "digits": digits,
    "fashion-mnist": fashion_mnist,
    "mnist-5k": mnist_5k,
}
"""Tasks by name, each with one fixed split: seeds are of networks and of training."""
CHECKPOINT_SECONDS = 15.0
"""A run that is killed loses at most this, and an evaluation."""
SHUFFLES = 20
"""Shuffled networks behind a mean: one alone is off by several per cent (ours)."""


@dataclass(frozen=True, kw_only=True)
class ProtocolConfig:
    """A perceptron of one hidden layer, and the genome that it is born from."""

    data: str = "fashion-mnist"
    """one of DATA"""
    preset: str = "GN30"
    hidden: int = 800
    """units; the paper's"""
    loop: Lamarck = field(default_factory=Lamarck)
    seed: int = 0
    """of the network, the genome and all of training"""

    def __post_init__(self) -> None:
        one_of("ProtocolConfig: data", self.data, tuple(DATA))
        one_of("ProtocolConfig: preset", self.preset, tuple(PRESETS))
        if self.hidden < 1:
            raise ConfigError(f"ProtocolConfig: hidden must be at least 1; got {self.hidden}")


def laptop() -> ProtocolConfig:
    """The paper's MNIST protocol on Fashion-MNIST: 6 CPU-minutes a seed with GN30.

    A generation trains on 10,000 images, 1/5 of the 50,000 that are left when 10,000 choose, and
    fits the hidden layer's rule to 1e5 of its weights, the others to 1e4 each. That share is for
    50,000 images: on MNIST-5k, where 3,500 are left, a generation trains on 700, which is neither
    the paper's 10,000 images nor its 1/6 of an epoch.
    """
    loop = Lamarck(epochs=1 / 5, weights={"1.weight": 100_000}, evaluate_every=5)
    return ProtocolConfig(loop=loop)


def smoke() -> ProtocolConfig:
    """A few generations on digits: seconds. Shows that it runs, no more."""
    loop = Lamarck(generations=6, epochs=1, evaluate_every=2, least_weights=2000)
    return ProtocolConfig(data="digits", preset="GN5", hidden=60, loop=loop)


def every(recipe: ProtocolConfig, *, seeds: int = 5) -> list[ProtocolConfig]:
    """The recipe for the paper's three presets of a perceptron, largest first, and each seed."""
    presets = ("GN30", "GN20", "GN5") if recipe.preset == "GN30" else (recipe.preset,)
    return [
        replace(recipe, preset=preset, seed=seed)
        for preset, seed in itertools.product(presets, range(seeds))
    ]


def protocol(config: ProtocolConfig, run: Run) -> Iterator[Row]:
    """Rows of kind "generation" as `evolve` yields them, then one of kind "result".

    The result has generation (the best by validation), valid and test (accuracy at birth; the test
    examples are looked at here only), parameters and phenotype (counts), and shuffled and
    shuffled_sd: mean and spread of the test accuracy of `SHUFFLES` shuffled copies of the newborn.
    """
    task = named_task(config.data)
    model = perceptron_for(task, (config.hidden,), config.seed)
    seed = stream_seed(config.seed, "genome", "protocol", "genome")
    genome = Genome.for_model(model, preset=config.preset, seed=seed)
    training = Training(genome, model, task, config.loop, seed=config.seed)
    state = run.resume_from()
    if state is not None:
        training.restore(*state)
    best = {"generation": 0} if state is None else {"generation": state[1]["best_generation"]}
    saved = time.monotonic()
    for row in training.rows():
        if row["best"]:
            best = row
        yield {"kind": "generation", **without_cost(row)}
        if time.monotonic() - saved > CHECKPOINT_SECONDS:
            meta = training.meta() | {"best_generation": best["generation"]}
            run.checkpoint(training.arrays(), meta)
            saved = time.monotonic()
    yield {"kind": "result", "generation": best["generation"], **_figures(genome, model, task)}


def _figures(genome: Genome, model: nn.Module, task: Task) -> Row:
    born = newborn(genome, model, task)
    mixed = [score(shuffled(born, seed), task.test)[0] for seed in range(SHUFFLES)]
    mean = math.fsum(mixed) / SHUFFLES
    return {
        "valid": accuracy(born, task.valid),
        "test": accuracy(born, task.test),
        "parameters": genome.parameter_count,
        "phenotype": genome.phenotype_count,
        "shuffled": mean,
        "shuffled_sd": math.sqrt(math.fsum((x - mean) ** 2 for x in mixed) / (SHUFFLES - 1)),
    }


def without_cost(row: Row) -> Row:
    """A row without what differs from machine to machine: a run's rows are the same everywhere."""
    return {name: value for name, value in row.items() if name != "cpu_s"}


def named_task(name: str) -> Task:
    """A task of DATA, its inputs standardised."""
    one_of("data", name, tuple(DATA))
    return standardised(DATA[name]())


def perceptron_for(task: Task, hidden: tuple[int, ...], seed: int) -> nn.Sequential:
    """A ReLU perceptron for the task's inputs and classes, drawn by the seed.

    Raises:
        ConfigError: inputs that are tokens.
    """
    task.need_numbers("a perceptron")
    widths = (math.prod(task.train.inputs.shape[1:]), *hidden)
    layers: list[nn.Module] = [nn.Flatten()]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream_seed(seed, "genome", "perceptron"))
        for into, out in itertools.pairwise(widths):
            layers += [nn.Linear(into, out), nn.ReLU()]
        return nn.Sequential(*layers, nn.Linear(widths[-1], task.classes))


def seed_after_seed(
    seeds: int, run: Run, rows_of: Callable[[int], Iterator[Row]], *, start: int = 0
) -> Iterator[Row]:
    """Rows of seeds `start`, `start` + 1, ..., each with its `seed`, without those the run has.

    A seed that was cut short is computed from its start, for its networks are not kept.
    """
    done = [int(row["seed"]) for row in run.rows]
    first = max(done, default=start)
    known = done.count(first)
    for seed in range(first, start + seeds):
        for index, row in enumerate(rows_of(seed)):
            if seed > first or index >= known:
                yield row
