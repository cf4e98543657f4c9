"""Where newborns live: one task, or a family of tasks that change from lifetime to lifetime."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from precocial.errors import ConfigError
from precocial.genome.data.examples import Task
from precocial.genome.file.quantise import fake_quantise
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
    return genome.birth(model) if len(genome.statistics) else calibrated(genome, model, task)


def calibrated(genome: Genome, model: nn.Module, task: Task) -> nn.Module:
    """The network at birth; BatchNorm is calibrated on training inputs."""
    if next(batch_norms(model), None) is None:
        return genome.birth(model)
    return genome.birth(model, recalibrate=_inputs(task))


def _inputs(task: Task) -> tuple[Tensor, ...]:
    count, size = CALIBRATION
    return torch.split(task.train.inputs[: count * size], size)


def score_at_birth(genome: Genome, model: nn.Module, worlds: list[Task]) -> float:
    """Mean accuracy at birth on the validation examples of `worlds`.

    Statistics that the genome stores are not looked at: `settle` takes them at the end.
    """
    found = [score(calibrated(genome, model, world), world.valid)[0] for world in worlds]
    return sum(found) / len(found)


def settle(genome: Genome, model: nn.Module, task: Task, bits: int = 32) -> None:
    """The genome as its file at `bits` holds it; stored statistics are taken from its newborn.

    So what is scored is what is saved.
    """
    _round(genome, bits)
    if len(genome.statistics):
        with torch.random.fork_rng(devices=[]):  # dropout draws
            torch.manual_seed(0)
            genome.keep_statistics(model, _inputs(task))
        _round(genome, bits)


def _round(genome: Genome, bits: int) -> None:
    if bits == 32:
        return
    values: dict[str, Tensor] = dict(genome.named_parameters())
    with torch.no_grad():
        for name, value in fake_quantise(values, bits).items():
            values[name].copy_(value)
