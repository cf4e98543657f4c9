"""Learning after birth as runs: the dip of the first steps, and the examples a genome saves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from torch import nn

from precocial.errors import ConfigError, one_of
from precocial.genome.data.examples import Task
from precocial.genome.experiment import DATA, named_task, perceptron_for, seed_after_seed
from precocial.genome.genome import Genome
from precocial.genome.lifetime.examples_saved import Life, choosing, lives
from precocial.genome.lifetime.learning import randomised
from precocial.genome.loops.configs import Innate
from precocial.genome.loops.evolve import evolve
from precocial.genome.rivals.dense import TINY, pooled_linear
from precocial.genome.studies.dip import MARKS, dip_study
from precocial.io import Row
from precocial.runs import Run


@dataclass(frozen=True, kw_only=True)
class AfterBirthConfig:
    """A perceptron, its genome, and how it lives. All numbers are ours."""

    data: str = "fashion-mnist"
    """one of DATA"""
    hidden: tuple[int, ...] = (800,)
    parameters: int = 1973
    """of the genome, at most; the tiny dense model gets as many"""
    loop: Innate = field(default_factory=lambda: Innate(ema=0.99))
    """how the genome becomes able, on all training examples"""
    seeds: int = 5
    """each with a network, a genome and lives of its own, so intervals cover all of them"""
    sizes: tuple[int, ...] = (0, 100, 300, 1000, 3000, 10000)
    """training examples of a life, for `saving`"""
    life: Life = field(default_factory=Life)
    choosing: int = 2000
    """validation examples that choose the step and the rate of a life"""

    def __post_init__(self) -> None:
        one_of("AfterBirthConfig: data", self.data, tuple(DATA))
        if min(self.seeds, self.choosing) < 1 or not self.hidden or min(self.hidden) < 1:
            raise ConfigError(
                "AfterBirthConfig: seeds, choosing and hidden units must be at least 1; got "
                f"{self.seeds}, {self.choosing}, {self.hidden}"
            )


def laptop() -> AfterBirthConfig:
    """784-800-10 on Fashion-MNIST, 5 seeds: 6 CPU-minutes for `dipping`."""
    return AfterBirthConfig()


def laptop_saving() -> AfterBirthConfig:
    """As `laptop`, 3 seeds, whose lives take longest: some 10 CPU-minutes for `saving`."""
    return replace(laptop(), seeds=3)


def smoke() -> AfterBirthConfig:
    """Digits, a small layer, 2 seeds: seconds. Shows that it runs, no more."""
    return replace(
        laptop(),
        data="digits",
        hidden=(40,),
        parameters=700,
        loop=Innate(steps=100, batch=100, rate=0.01, evaluate_every=50),
        seeds=2,
        sizes=(0, 20, 60, 200, 600),
        life=Life(steps=30, passes=0, rates=(3e-3,), batch=32, looks=3),
    )


def dipping(config: AfterBirthConfig, run: Run) -> Iterator[Row]:
    """Rows of `dip_study` on the test examples, one newborn a seed; `dips` sums them up."""
    task = named_task(config.data)
    yield from seed_after_seed(config.seeds, run, lambda seed: _dips_of(config, task, seed))


def _dips_of(config: AfterBirthConfig, task: Task, seed: int) -> Iterator[Row]:
    born = _newborn(config, task, seed)
    yield from dip_study(born, task, seeds=[seed], marks=MARKS, on="test")


def saving(config: AfterBirthConfig, run: Run) -> Iterator[Row]:
    """Rows of `lives` for the arms "genome", "random" and "tiny dense"; see `examples_saved`.

    The genome has seen all training examples, through its ancestors; a life sees its own few.
    """
    task = choosing(named_task(config.data), config.choosing)
    yield from seed_after_seed(config.seeds, run, lambda seed: _lives_of(config, task, seed))


def _lives_of(config: AfterBirthConfig, task: Task, seed: int) -> Iterator[Row]:
    born = _newborn(config, task, seed)
    newborns = {
        "genome": lambda seed: born,
        "random": lambda seed: randomised(born, seed),
        TINY: lambda seed: pooled_linear(task, config.parameters, seed),
    }
    yield from lives(newborns, task, sizes=config.sizes, seeds=[seed], life=config.life)


def _newborn(config: AfterBirthConfig, task: Task, seed: int) -> nn.Module:
    model = perceptron_for(task, config.hidden, seed)
    genome = Genome.for_model(model, parameters=config.parameters, seed=seed)
    for _ in evolve(genome, model, task, config.loop, seed=seed):
        pass
    return genome.birth(model)
