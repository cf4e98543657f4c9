"""What the paper found not to work, as runs: no faster learning, no gain from late layers.

1. `curves`: the learning curve of a newborn is that of a random network moved to the left; it is
   not steeper. A newborn whose weights are shuffled is at chance.
2. `layers`: layers near the input carry over to other classes, layers near the output hurt.

Source: Shuvaev et al. 2024, results on CIFAR-10 (curves only shifted; shuffled weights at chance),
CIFAR-10 to SVHN (layers 8 and 9 alone are worse than none). Networks and data here are smaller:
perceptrons, Fashion-MNIST or digits.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from precocial.errors import ConfigError, FitError, one_of
from precocial.genome.data.examples import Examples, Task
from precocial.genome.experiment import (
    DATA,
    SHUFFLES,
    named_task,
    perceptron_for,
    seed_after_seed,
)
from precocial.genome.genome import Genome
from precocial.genome.lifetime.learning import learn, randomised, score, shuffled
from precocial.genome.loops.configs import Innate
from precocial.genome.loops.evolve import evolve
from precocial.genome.rivals.dense import TINY, pooled_linear
from precocial.io import Row
from precocial.runs import Run, stream_seed
from precocial.runs.intervals import Interval, over_seeds

LEARNERS = ("genome", "random", "shuffled", TINY)
AT_BIRTH = "shuffled at birth"


@dataclass(frozen=True, kw_only=True)
class NegativesConfig:
    """A perceptron, its genome, and the lives that are compared. All numbers are ours."""

    data: str = "fashion-mnist"
    """one of DATA"""
    hidden: tuple[int, ...] = (800,)
    parameters: int = 1973
    """of the genome, at most"""
    loop: Innate = field(default_factory=lambda: Innate(ema=0.99))
    """how the genome becomes able"""
    steps: int = 400
    """of a life"""
    rate: float = 1e-3
    tiny_rate: float = 1e-2
    """of the tiny dense model, whose inputs are few"""
    warmup_steps: int = 10
    """in all lives: without, a newborn dips first (`dip`), which is not a slower curve"""
    batch: int = 256
    seeds: int = 5
    """each with a network, a genome and an order of examples of its own"""
    seed: int = 0
    """the first of them"""

    def __post_init__(self) -> None:
        one_of("NegativesConfig: data", self.data, tuple(DATA))
        if not self.hidden or min(*self.hidden, self.steps, self.seeds, self.batch) < 1:
            raise ConfigError(
                "NegativesConfig: hidden units, steps, seeds and batch must be at least 1; got "
                f"{self.hidden}, {self.steps}, {self.seeds}, {self.batch}"
            )


def laptop_curves() -> NegativesConfig:
    """784-800-10 on Fashion-MNIST, 5 seeds: 10 CPU-minutes."""
    return NegativesConfig()


def laptop_layers() -> NegativesConfig:
    """784-200-200-5 from Fashion-MNIST's classes 0-4 to 5-9, 5 seeds."""
    return replace(laptop_curves(), hidden=(200, 200), steps=300)


def smoke() -> NegativesConfig:
    """Digits, two small layers, 2 seeds: seconds. For both; shows that they run, no more."""
    return NegativesConfig(
        data="digits",
        hidden=(40, 30),
        parameters=900,
        loop=Innate(steps=150, rate=0.01, evaluate_every=50),
        steps=60,
        batch=50,
        seeds=2,
    )


# ---------------------------------------------------------------- learning curves


def curves(config: NegativesConfig, run: Run) -> Iterator[Row]:
    """Learning curves from birth, from random and shuffled weights, and of a tiny dense model.

    Rows have arm, seed, step, accuracy and loss on the test examples; `SHUFFLES` rows a seed of the
    arm "shuffled at birth" have step 0 and differ in `number`.
    """
    task = named_task(config.data)
    yield from seed_after_seed(
        config.seeds, run, lambda seed: _curves_of(config, task, seed), start=config.seed
    )


def _curves_of(config: NegativesConfig, task: Task, seed: int) -> Iterator[Row]:
    model = perceptron_for(task, config.hidden, seed)
    born = _evolved(config, model, task, seed).birth(model)
    for number in range(SHUFFLES):
        accuracy, loss = score(shuffled(born, stream_seed(seed, "at birth", number)), task.test)
        yield {
            "arm": AT_BIRTH, "seed": seed, "number": number, "step": 0,
            "accuracy": accuracy, "loss": loss,
        }  # fmt: skip
    starts = {
        "genome": born,
        "random": randomised(model, seed),
        "shuffled": shuffled(born, seed),
        TINY: pooled_linear(task, config.parameters, seed),
    }
    for arm in LEARNERS:
        yield from _life(config, starts[arm], task, arm, seed)


def _evolved(config: NegativesConfig, model: nn.Module, task: Task, seed: int) -> Genome:
    genome = Genome.for_model(model, parameters=config.parameters, seed=seed)
    for _ in evolve(genome, model, task, config.loop, seed=seed):
        pass
    return genome


def _life(
    config: NegativesConfig, start: nn.Module, task: Task, arm: str, seed: int
) -> Iterator[Row]:
    rate = config.tiny_rate if arm == TINY else config.rate
    rows = learn(
        copy.deepcopy(start), task, steps=config.steps, rate=rate, batch=config.batch,
        warmup_steps=config.warmup_steps, seed=seed, marks=marks(config.steps), on="test",
    )  # fmt: skip
    for row in rows:
        kept = {name: row[name] for name in ("step", "accuracy", "loss")}
        yield {"arm": arm, "seed": seed, "number": 0, **kept}


def marks(steps: int, count: int = 20) -> list[int]:
    """0 and about `count` steps that grow by a common ratio up to `steps`."""
    return sorted({0, *(round(steps ** (k / (count - 1))) for k in range(count))})


@dataclass(frozen=True, kw_only=True)
class Shift:
    """A newborn's learning curve against that of a random network."""

    birth: Interval
    """the newborn's accuracy at birth"""
    random_birth: Interval
    head_start_steps: Interval
    """steps that the random network needs to be as good as the newborn at birth"""
    log_ratio: Interval
    """natural logarithm of (steps of the newborn) / (steps of the random network) from the
    newborn's accuracy at birth to one that both reach: below 0 is a steeper curve"""

    @property
    def steeper(self) -> bool:
        """Whether the newborn's curve is steeper, beyond the noise of seeds."""
        return self.log_ratio.high < 0


def shift(rows: Iterable[Mapping[str, Any]], *, share: float = 0.8) -> Shift:
    """What birth does to a learning curve, from the rows of `curves`.

    Both curves are compared over one span of accuracies: from the newborn's at birth up, by
    `share` of the way to the best that both reach.

    Raises:
        FitError: a random network that never gets as good as the newborn was at birth.
    """
    rows = list(rows)
    found = []
    for seed in sorted({row["seed"] for row in rows}):
        genome, random = (_curve(rows, arm, seed) for arm in ("genome", "random"))
        low = float(genome[1][0])
        high = low + share * (min(genome[1].max(), random[1].max()) - low)
        if high <= low:
            raise FitError(
                f"seed {seed}: the random network never reaches the newborn's {low:.3f} in "
                f"{int(random[0][-1])} steps; let it live longer"
            )
        head_start = reached(*random, low)
        ratio = reached(*genome, high) / (reached(*random, high) - head_start)
        found.append((low, float(random[1][0]), head_start, math.log(ratio)))
    columns = [over_seeds(column) for column in zip(*found, strict=True)]
    return Shift(
        birth=columns[0], random_birth=columns[1], head_start_steps=columns[2], log_ratio=columns[3]
    )


def _curve(rows: Sequence[Mapping[str, Any]], arm: str, seed: int) -> tuple[Any, Any]:
    mine = [row for row in rows if row["arm"] == arm and row["seed"] == seed]
    mine.sort(key=lambda row: row["step"])
    return (
        np.array([float(row["step"]) for row in mine]),
        np.array([float(row["accuracy"]) for row in mine]),
    )


def reached(steps: Any, accuracy: Any, level: float) -> float:
    """The step at which a curve first has an accuracy, straight between its points; inf if none."""
    above = np.flatnonzero(np.asarray(accuracy) >= level)
    if not len(above):
        return math.inf
    at = int(above[0])
    if at == 0:
        return float(steps[0])
    share = (level - accuracy[at - 1]) / (accuracy[at] - accuracy[at - 1])
    return float(steps[at - 1] + share * (steps[at] - steps[at - 1]))


@dataclass(frozen=True, kw_only=True)
class Chance:
    """Shuffled newborns against chance."""

    mean: float
    standard_error: float
    """of the mean, over genomes (seeds): shuffles of one genome share its weights"""
    chance: float

    @property
    def at_chance(self) -> bool:
        """Whether the mean lies within 3 standard errors of chance."""
        return abs(self.mean - self.chance) <= 3 * self.standard_error


def chance_at_birth(rows: Iterable[Mapping[str, Any]], classes: int) -> Chance:
    """Accuracy at birth of shuffled newborns, from the rows of `curves`.

    Raises:
        FitError: rows of fewer than two seeds.
    """
    by_seed: dict[int, list[float]] = {}
    for row in rows:
        if row["arm"] == AT_BIRTH:
            by_seed.setdefault(int(row["seed"]), []).append(float(row["accuracy"]))
    if len(by_seed) < 2:
        raise FitError(f"chance_at_birth needs at least 2 seeds; got {len(by_seed)}")
    means = np.array([np.mean(values) for values in by_seed.values()])
    error = float(means.std(ddof=1) / math.sqrt(len(means)))
    return Chance(mean=float(means.mean()), standard_error=error, chance=1 / classes)


# ---------------------------------------------------------------- layers


def layers(config: NegativesConfig, run: Run) -> Iterator[Row]:
    """Learning other classes with some layers from the genome, or from its trained network.

    The genome is evolved on the first half of the classes; lives are on the second half. Arms are
    "none", "all", "first k" and "last k" (layers from the genome, the others random), and the same
    with "trained" before them (layers of a network that was trained on the first half: the paper's
    direct transfer). Rows have arm, seed, step, accuracy and loss on the test examples.
    """
    task = named_task(config.data)
    half = task.classes // 2
    source, target = with_classes(task, range(half)), with_classes(task, range(half, 2 * half))
    yield from seed_after_seed(
        config.seeds,
        run,
        lambda seed: _layers_of(config, source, target, seed),
        start=config.seed,
    )


def _layers_of(config: NegativesConfig, source: Task, target: Task, seed: int) -> Iterator[Row]:
    model = perceptron_for(source, config.hidden, seed)
    born = _evolved(config, model, source, seed).birth(model)
    trained = randomised(model, stream_seed(seed, "genome", "trained"))
    for _ in _life(config, trained, source, "", seed):
        pass
    for arm, start in arms(randomised(model, seed), born, trained).items():
        yield from _life(config, start, target, arm, seed)


def arms(random: nn.Module, born: nn.Module, trained: nn.Module) -> dict[str, nn.Module]:
    """The random network with layers of another in it, by the arm's name."""
    names = layer_names(random)
    found = {"none": copy.deepcopy(random)}
    for prefix, donor in (("", born), ("trained ", trained)):
        found[f"{prefix}all"] = grafted(random, donor, names)
        for k in range(1, len(names)):
            found[f"{prefix}first {k}"] = grafted(random, donor, names[:k])
            found[f"{prefix}last {k}"] = grafted(random, donor, names[-k:])
    return found


def layer_names(model: nn.Module) -> list[str]:
    """Modules with parameters of their own, in order."""
    return [
        name
        for name, module in model.named_modules()
        if next(module.parameters(recurse=False), None) is not None
    ]


def grafted(model: nn.Module, donor: nn.Module, names: Iterable[str]) -> nn.Module:
    """A copy of `model` whose layers `names` are those of `donor`."""
    made = copy.deepcopy(model)
    with torch.no_grad():
        for name in names:
            made.get_submodule(name).load_state_dict(donor.get_submodule(name).state_dict())
    return made


def with_classes(task: Task, classes: range) -> Task:
    """The examples of some neighbouring classes, numbered from 0."""

    def kept(part: Examples) -> Examples:
        inside = (part.targets >= classes.start) & (part.targets < classes.stop)
        found = part.take(torch.nonzero(inside).flatten())
        return Examples(inputs=found.inputs, targets=found.targets - classes.start)

    return Task(
        name=f"{task.name} {classes.start}-{classes.stop - 1}",
        train=kept(task.train),
        valid=kept(task.valid),
        test=kept(task.test),
        classes=len(classes),
    )


@dataclass(frozen=True, kw_only=True)
class Gain:
    """What the layers of an arm are worth to a life on other classes."""

    arm: str
    accuracy: Interval
    """mean over the marks of a life, birth apart, minus that of the arm "none", seed by seed"""
    half_way: Interval
    """log of the steps to half of the way from chance to the end of "none", against "none": below
    0 is faster; a life that never gets there counts as if its last step had, so is too fast"""


def gains(rows: Iterable[Mapping[str, Any]], classes: int) -> list[Gain]:
    """Every arm against "none", from the rows of `layers`; paired by seed.

    Marks lie closer at the start, so early accuracies weigh more.
    """
    rows = list(rows)
    seeds = sorted({row["seed"] for row in rows})
    found = []
    for arm in dict.fromkeys(row["arm"] for row in rows):
        ahead, sooner = [], []
        for seed in seeds:
            none, own = _curve(rows, "none", seed), _curve(rows, arm, seed)
            ahead.append(float(own[1][1:].mean() - none[1][1:].mean()))
            level = (1 / classes + float(none[1][-1])) / 2
            # one step more: an arm may be there at birth
            own_steps = min(reached(*own, level), float(own[0][-1]))
            sooner.append(math.log1p(own_steps) - math.log1p(reached(*none, level)))
        found.append(Gain(arm=arm, accuracy=over_seeds(ahead), half_way=over_seeds(sooner)))
    return found
