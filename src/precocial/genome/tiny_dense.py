"""What else so many parameters buy: a linear model on coarse pictures."""

from __future__ import annotations

import math

import torch
from torch import nn

from precocial.errors import ConfigError
from precocial.genome.examples import Task
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
