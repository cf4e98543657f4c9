"""Where newborns live: one task, or a family of tasks that change from lifetime to lifetime."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from precocial.errors import ConfigError
from precocial.genome.data.examples import Task
from precocial.genome.genome import Genome
from precocial.genome.lifetime.learning import score
from precocial.genome.phenotype.parts import batch_norms
from precocial.runs import stream_seed

CALIBRATION = (4, 256)
"""Batches, and inputs in each, from which BatchNorm takes its statistics at birth (ours)."""


@dataclass(frozen=True, kw_only=True)
class Worlds:
    """Tasks of one shape, each drawn by a seed: a new one for every lifetime."""

    draw: Callable[[int], Task]
    """(seed) to the world that it names"""
    valid: int = 8
    """worlds, drawn apart from those of training, whose validation examples choose"""

    def __post_init__(self) -> None:
        if self.valid < 1:
            raise ConfigError(f"Worlds: valid must be at least 1; got {self.valid}")

    def of(self, seed: int, number: int) -> Task:
        """The world of lifetime `number`."""
        return self.draw(stream_seed(seed, "genome", "worlds", number))

    def held_out(self, seed: int) -> list[Task]:
        """The worlds that choose."""
        return [
            self.draw(stream_seed(seed, "genome", "held-out worlds", number))
            for number in range(self.valid)
        ]


def world_of(task: Task | Worlds, seed: int, number: int) -> Task:
    """The task of lifetime `number`."""
    return task if isinstance(task, Task) else task.of(seed, number)


def choosers(task: Task | Worlds, seed: int) -> list[Task]:
    """The tasks whose validation examples choose a generation."""
    return [task] if isinstance(task, Task) else task.held_out(seed)


def newborn(genome: Genome, model: nn.Module, task: Task) -> nn.Module:
    """The network at birth; BatchNorm is calibrated on training inputs unless stored."""
    if next(batch_norms(model), None) is None or len(genome.statistics):
        return genome.birth(model)
    count, size = CALIBRATION
    batches = torch.split(task.train.inputs[: count * size], size)
    return genome.birth(model, recalibrate=batches)


def score_at_birth(genome: Genome, model: nn.Module, worlds: list[Task]) -> float:
    """Mean accuracy at birth on the validation examples of `worlds`."""
    found = [score(newborn(genome, model, world), world.valid)[0] for world in worlds]
    return sum(found) / len(found)
