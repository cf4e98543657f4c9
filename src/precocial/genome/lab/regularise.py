"""Does the bottleneck regularise? Held-out accuracy at an equal score on the lineage's pictures.

The same network is trained on the same few pictures twice: through a genome, and weight by weight
(a genome that stores all of them). Each is watched as it trains. The two are compared where they
know the pictures of training equally well, and at the end, each at the rate that suits it best: the
one whose best look at the validation pictures is highest.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call

from precocial.errors import ConfigError, FitError, one_of
from precocial.genome.data.examples import Examples, Task
from precocial.genome.experiment import DATA, named_task, perceptron_for
from precocial.genome.genome import Genome
from precocial.genome.lab.worlds import Family
from precocial.genome.lifetime.learning import Order, score, set_rate
from precocial.genome.loops.parts import cosine_rate
from precocial.genome.studies.negatives import reached
from precocial.io import Row
from precocial.runs import Run, stream
from precocial.runs.intervals import Interval, over_seeds

DENSE = 0
"""The level of `bytes` that stands for weights that are stored one by one."""


@dataclass(frozen=True, kw_only=True)
class RegulariseConfig:
    """A network, its genomes, and a few pictures. All numbers are ours."""

    data: str = "digits"
    """one of DATA"""
    hidden: int = 64
    pictures: int = 200
    noise: tuple[float, ...] = (0.0, 0.2)
    """share of the pictures of training whose name is wrong"""
    bytes: tuple[int, ...] = (1000, 2500)
    """most bytes of a genome's file, 8 bits a parameter; the weights take 4,810"""
    steps: int = 300
    batch: int = 64
    rates: tuple[float, ...] = (1e-3, 3e-3, 1e-2)
    """of Adam, tried for genomes and for stored weights alike"""
    every: int = 15
    """steps between looks"""
    seeds: int = 5

    def __post_init__(self) -> None:
        one_of("RegulariseConfig: data", self.data, tuple(DATA))
        if not self.noise or not all(0 <= share < 1 for share in self.noise):
            raise ConfigError(f"RegulariseConfig: noise lies in [0, 1); got {self.noise}")
        if min(self.steps, self.batch, self.every, self.seeds, *self.bytes) < 1:
            raise ConfigError("RegulariseConfig: steps, batch, every, seeds, bytes are at least 1")
        if not self.rates or not all(rate > 0 for rate in self.rates):
            raise ConfigError(f"RegulariseConfig: rates are above 0; got {self.rates}")


def laptop_regularise() -> RegulariseConfig:
    """Two sizes, three rates, clean and noisy names, 5 seeds: about a CPU-minute."""
    return RegulariseConfig()


def smoke_regularise() -> RegulariseConfig:
    """One size, 2 seeds: about a second."""
    return replace(
        laptop_regularise(),
        hidden=16,
        noise=(0.2,),
        bytes=(900,),
        rates=(1e-2,),
        steps=30,
        every=10,
        seeds=2,
    )


def regularise(config: RegulariseConfig, run: Run) -> Iterator[Row]:
    """Learning curves: noise, bytes (0 is stored weights), rate, seed, step; train, valid and test
    accuracy.

    train is on the names that were trained on, the wrong ones included; the others on right names.
    """
    task = named_task(config.data)
    done = len(run.rows)
    arms = itertools.product(
        config.noise, range(config.seeds), (DENSE, *config.bytes), config.rates
    )
    looks = len(range(0, config.steps + 1, config.every))
    for number, (noise, seed, size, rate) in enumerate(arms):
        if (number + 1) * looks <= done:
            continue
        rows = _curve(config, task, noise, size, rate, seed)
        yield from itertools.islice(rows, max(0, done - number * looks), None)


def _curve(
    config: RegulariseConfig, task: Task, noise: float, size: int, rate: float, seed: int
) -> Iterator[Row]:
    family = Family(
        pictures=task, variability=0, ancestral_pictures=config.pictures, ancestral_worlds=1,
        seed=seed,
    )  # fmt: skip
    train = mistaken(family.ancestral[0].train, noise, task.classes, seed)
    model = perceptron_for(task, (config.hidden,), seed)
    genome = (
        # With room for everything, every tensor is stored, and starts at the model's own weights.
        Genome.for_model(model, parameters=10**7, decoder="low_rank", seed=seed)
        if size == DENSE
        else Genome.for_model(model, bytes=size, seed=seed)
    )
    optimiser = torch.optim.Adam(genome.parameters(), lr=rate)
    order = Order(len(train), config.batch, seed, "regularise")
    body = _Born(model, genome)
    for step in range(config.steps + 1):
        if step % config.every == 0:
            yield {
                "noise": noise, "bytes": size, "rate": rate, "seed": seed, "step": step,
                "train": score(body, train)[0], "valid": score(body, task.valid)[0],
                "test": score(body, task.test)[0],
            }  # fmt: skip
        if step == config.steps:
            break
        batch = train.take(order(step))
        set_rate(optimiser, cosine_rate(step, config.steps, rate, 10))
        loss = nn.functional.cross_entropy(body(batch.inputs), batch.targets)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(genome.parameters(), 1.0)
        optimiser.step()


class _Born:
    """The network as the genome now writes it."""

    def __init__(self, model: nn.Module, genome: Genome) -> None:
        self._model, self._genome = model, genome

    def __call__(self, inputs: Tensor) -> Tensor:
        scores: Tensor = functional_call(self._model, self._genome.express(), (inputs,))
        return scores


def mistaken(examples: Examples, share: float, classes: int, seed: int) -> Examples:
    """The same pictures, round(share * n) of them with the name of another class."""
    random = stream(seed, "genome", "lab", "mistaken")
    where = random.permutation(len(examples))[: round(share * len(examples))]
    targets = examples.targets.clone()
    shift = torch.from_numpy(random.integers(1, classes, size=len(where)))
    targets[torch.from_numpy(where)] = (targets[torch.from_numpy(where)] + shift) % classes
    return Examples(inputs=examples.inputs, targets=targets)


@dataclass(frozen=True, kw_only=True)
class Regularised:
    """A genome against stored weights, on the same pictures."""

    noise: float
    bytes: int
    rate: float
    """chosen for the genome"""
    dense_rate: float
    """chosen for stored weights"""
    level: Interval
    """the training score at which they are compared: the highest that both reach, by seed"""
    advantage: Interval
    """held-out accuracy of the genome less that of stored weights, at that score, paired"""
    advantage_at_end: Interval
    """the same after all steps, whatever the training scores"""
    train_at_end: Interval
    """training score of the genome after all steps"""


def regularised(rows: Iterable[Mapping[str, Any]]) -> list[Regularised]:
    """What a bottleneck does to held-out accuracy, from the rows of `regularise`."""
    rows, found = list(rows), []
    sizes = sorted({(row["noise"], row["bytes"]) for row in rows if row["bytes"] != DENSE})
    for noise, size in sizes:
        arms = {kind: _at_best_rate(rows, noise, kind) for kind in (size, DENSE)}
        pairs = [
            _compared(_points(arms[size], seed), _points(arms[DENSE], seed))
            for seed in sorted({row["seed"] for row in rows})
        ]
        level, advantage, at_end, train = (over_seeds(c) for c in zip(*pairs, strict=True))
        found.append(
            Regularised(
                noise=noise, bytes=int(size), rate=float(arms[size][0]["rate"]),
                dense_rate=float(arms[DENSE][0]["rate"]), level=level, advantage=advantage,
                advantage_at_end=at_end, train_at_end=train,
            )
        )  # fmt: skip
    return found


Points = tuple[NDArray[np.float64], NDArray[np.float64]]


def _at_best_rate(
    rows: list[Mapping[str, Any]], noise: float, size: float
) -> list[Mapping[str, Any]]:
    """The rows of one arm at the rate whose best look at the validation pictures is highest, mean
    over seeds."""
    mine = [row for row in rows if (row["noise"], row["bytes"]) == (noise, size)]
    if not mine:
        raise FitError(f"regularised: no rows with noise {noise} and bytes {size}")
    best: dict[Any, dict[Any, float]] = {}
    for row in mine:
        looks = best.setdefault(row["rate"], {})
        looks[row["seed"]] = max(looks.get(row["seed"], 0.0), row["valid"])
    chosen = max(best, key=lambda rate: math.fsum(best[rate].values()) / len(best[rate]))
    return [row for row in mine if row["rate"] == chosen]


def _points(rows: list[Mapping[str, Any]], seed: int) -> Points:
    """Training and test accuracy, step by step."""
    mine = sorted((row for row in rows if row["seed"] == seed), key=lambda row: int(row["step"]))
    return np.array([row["train"] for row in mine]), np.array([row["test"] for row in mine])


def _compared(genome: Points, dense: Points) -> tuple[float, float, float, float]:
    level = float(min(genome[0].max(), dense[0].max()))
    gain = held_out_at(*genome, level) - held_out_at(*dense, level)
    return level, gain, float(genome[1][-1] - dense[1][-1]), float(genome[0][-1])


def held_out_at(train: NDArray[np.float64], test: NDArray[np.float64], level: float) -> float:
    """Test accuracy where the training score first reaches `level`, between looks in a line."""
    when = reached(np.arange(len(train), dtype=np.float64), train, level)
    return float(np.interp(when, np.arange(len(test)), test))
