"""A genome file, and what is born from it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from precocial import io
from precocial.errors import ConfigError
from precocial.genome.data.examples import Task, accuracy
from precocial.genome.data.sources import check_fits, load_model, load_task
from precocial.genome.experiment import perceptron_for
from precocial.genome.genome import Genome
from precocial.genome.loops.worlds import newborn
from precocial.genome.phenotype.parts import batch_norms
from precocial.io import Row


@dataclass(frozen=True, kw_only=True)
class Born:
    """A newborn's weights, what they cost, and what it can do."""

    arrays: dict[str, NDArray[Any]]
    """its weights and buffers by name, as `load_state_dict` takes them"""
    parameters: int
    """numbers in the genome"""
    phenotype: int
    """weights that are generated from them"""
    bytes: int
    """of the file"""
    sha256: str
    """of the file"""
    valid: float | None = None
    """accuracy at birth on validation examples; None without data or model"""
    test: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def ratio(self) -> float:
        """Weights of the newborn by parameters of the genome."""
        return self.phenotype / self.parameters

    def row(self) -> Row:
        """All but the arrays."""
        names = ("parameters", "phenotype", "bytes", "ratio", "valid", "test", "sha256")
        return {name: getattr(self, name) for name in names} | {"notes": list(self.notes)}


def bear(
    path: io.PathLike, *, model: str | None = None, data: str | None = None, seed: int = 0
) -> Born:
    """What is born from a genome file.

    Args:
        path: FILE.genome.
        model: as `load_model` takes it. Without one, the weights are generated from the file alone;
            with data it is then a ReLU perceptron of the genome's shape.
        data: as `load_task` takes it: the newborn is scored on it, and BatchNorm takes its running
            statistics from the training inputs unless the genome stores them.
        seed: of the split of the data, where they have none of their own: the one that the genome
            was trained with, or examples of training are scored as if they were new.

    Raises:
        DataError: not a genome file, or one that is cut short or altered; malformed data.
        ConfigError: a model for which the genome was not made; data that it cannot take.
    """
    genome = Genome.load(path)
    content = io.read_bytes(path, limit=1 << 30)
    task = None if data is None else load_task(data, seed=seed)
    made, notes = _model_for(genome, model, task)
    counts: dict[str, Any] = {
        "parameters": genome.parameter_count, "phenotype": genome.phenotype_count,
        "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest(),
    }  # fmt: skip
    if genome.parameter_count >= genome.phenotype_count:
        notes += ("the genome has no fewer numbers than the network: it compresses nothing",)
    if made is None:
        return Born(arrays=_expressed(genome), notes=notes, **counts)
    if task is None:
        if next(batch_norms(made), None) is not None and not len(genome.statistics):
            notes += ("BatchNorm has the statistics 0 and 1: give data to take them from",)
        return Born(arrays=_arrays(genome.birth(made)), notes=notes, **counts)
    genome.birth(made)  # another model is told before its scores are
    check_fits(made, task)
    born = newborn(genome, made, task)
    return Born(
        arrays=_arrays(born), notes=notes, valid=accuracy(born, task.valid),
        test=accuracy(born, task.test), **counts,
    )  # fmt: skip


def _model_for(
    genome: Genome, model: str | None, task: Task | None
) -> tuple[nn.Module | None, tuple[str, ...]]:
    if model is not None:
        return load_model(model), ()
    if task is None:
        return None, ("no model and no data: weights alone, without buffers and without a score",)
    hidden = [shape[0] for shape in genome.shapes.values() if len(shape) == 2][:-1]
    if not hidden or any(len(shape) > 2 for shape in genome.shapes.values()):
        raise ConfigError(
            "this genome is not a perceptron's: name its model, --model FILE.py:function"
        )
    return perceptron_for(task, tuple(hidden), 0), ()


def _arrays(model: nn.Module) -> dict[str, NDArray[Any]]:
    return {name: value.detach().cpu().numpy() for name, value in model.state_dict().items()}


def _expressed(genome: Genome) -> dict[str, NDArray[Any]]:
    found = {name: value.detach().numpy() for name, value in genome.express().items()}
    return {name: np.ascontiguousarray(value) for name, value in found.items()}
