"""Dense models of few parameters: linear on coarse pictures, or with a few hidden units."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import nn

from precocial.errors import ConfigError
from precocial.genome.data.examples import Task, accuracy
from precocial.genome.rivals.training import Rival, rounded, trained
from precocial.runs import stream_seed

TINY = "tiny dense"
"""Its name among arms."""


def pooled_linear(task: Task, parameters: int, seed: int = 0) -> nn.Sequential:
    """A linear model on pictures averaged over blocks, the finest that has so few parameters.

    Raises:
        ConfigError: inputs that are not pictures [n, channels, height, width], or fewer parameters
            than a model on the mean of each channel has.
    """
    shape = tuple(task.train.inputs.shape[1:])
    if len(shape) != 3:
        raise ConfigError(f"pooled_linear: inputs are [n, channels, height, width]; got {shape}")
    channels, *sides = shape
    room = (parameters / task.classes - 1) / channels
    side = min(math.isqrt(max(0, math.floor(room))), *sides)
    if side < 1:
        raise ConfigError(
            f"pooled_linear needs at least {(channels + 1) * task.classes} parameters; got "
            f"{parameters}"
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream_seed(seed, "genome", "pooled linear"))
        linear = nn.Linear(channels * side * side, task.classes)
    return nn.Sequential(nn.AdaptiveAvgPool2d(side), nn.Flatten(), linear)


def pooled(task: Task, parameters: int, *, steps: int, bits: int, seed: int) -> Rival:
    """A linear model on pictures averaged over blocks, the finest that the parameters allow.

    On other inputs a linear model on all of them.

    Raises:
        ConfigError: too few parameters; tokens.
    """

    def make() -> nn.Module:
        return linear_within(task, parameters, seed)

    return _rival(trained(make, task, steps=steps, seed=seed), bits)


def linear_within(task: Task, parameters: int, seed: int) -> nn.Module:
    """A linear model of at most so many parameters, untrained; on pictures as `pooled_linear`.

    Raises:
        ConfigError: too few parameters; tokens.
    """
    task.need_numbers("a linear model")
    if len(task.train.inputs.shape) == 4:
        return pooled_linear(task, parameters, seed)
    return _linear(task, parameters, seed)


def _linear(task: Task, parameters: int, seed: int) -> nn.Module:
    inputs = math.prod(task.train.inputs.shape[1:])
    least = (inputs + 1) * task.classes
    if parameters < least:
        raise ConfigError(f"a linear model needs {least} parameters; got {parameters}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream_seed(seed, "genome", "linear"))
        return nn.Sequential(nn.Flatten(), nn.Linear(inputs, task.classes))


def tiny_dense(task: Task, parameters: int, *, steps: int, bits: int, seed: int) -> Rival:
    """A ReLU network of one hidden layer on averaged pictures.

    The blocks are the ones, among all that leave at least two hidden units, with which the
    validation examples are classified best. Inputs that are no pictures are taken as they are.

    Raises:
        ConfigError: too few parameters; tokens.
    """
    task.need_numbers("tiny_dense")
    shape = tuple(task.train.inputs.shape[1:])
    best: nn.Module | None = None
    score, layouts = -1.0, list(_layouts(shape, task.classes, parameters))
    if not layouts:
        raise ConfigError(f"tiny_dense: {parameters} parameters are too few for a hidden layer")
    for side, hidden in layouts:
        model = trained(_mlp(shape, side, hidden, task.classes, seed), task, steps=steps, seed=seed)
        found = accuracy(model, task.valid)
        if found > score:
            best, score = model, found
    assert best is not None
    return _rival(best, bits)


def _mlp(
    shape: tuple[int, ...], side: int | None, hidden: int, classes: int, seed: int
) -> Callable[[], nn.Module]:
    inputs = math.prod(shape) if side is None else shape[0] * side * side
    averaged = [] if side is None else [nn.AdaptiveAvgPool2d(side)]

    def make() -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(stream_seed(seed, "genome", "tiny dense"))
            return nn.Sequential(
                *averaged,
                nn.Flatten(),
                nn.Linear(inputs, hidden),
                nn.ReLU(),
                nn.Linear(hidden, classes),
            )

    return make


def _layouts(
    shape: tuple[int, ...], classes: int, parameters: int
) -> Iterator[tuple[int | None, int]]:
    """(side of the averaged picture, hidden units), the most units that the parameters allow.

    None stands for inputs as they are, where they are no pictures.
    """
    if len(shape) != 3:
        hidden = (parameters - classes) // (math.prod(shape) + 1 + classes)
        if hidden >= 2:
            yield None, hidden
        return
    for side in (4, 5, 7, 9, 14):
        inputs = shape[0] * side * side
        hidden = (parameters - classes) // (inputs + 1 + classes)
        if hidden >= 2 and side <= min(shape[1:]):
            yield side, hidden


def _rival(model: nn.Module, bits: int) -> Rival:
    model, size = rounded(model, bits)
    return Rival(model=model, parameters=sum(p.numel() for p in model.parameters()), bytes=size)
