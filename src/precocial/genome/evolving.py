"""One genome by any of the four outer loops, as a run that a kill does not set back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from torch import nn

from precocial.errors import ConfigError, one_of
from precocial.genome.data.examples import Task, accuracy
from precocial.genome.data.sources import (
    data_digest,
    fresh_model,
    load_task,
    model_digest,
)
from precocial.genome.decoders.layouts import RETINOTOPIC, layout_image
from precocial.genome.decoders.rules import RULES
from precocial.genome.experiment import CHECKPOINT_SECONDS, perceptron_for, without_cost
from precocial.genome.file.quantise import fake_quantise
from precocial.genome.genome import Genome
from precocial.genome.loops.configs import Baldwin, Evolution, Innate, Lamarck
from precocial.genome.loops.evolve import Training
from precocial.genome.loops.worlds import newborn, settle
from precocial.io import Row
from precocial.runs import Run

LOOPS = ("innate", "lamarck", "baldwin", "es")
GENOME = "best.genome"
"""The name of the file in the run's folder."""


@dataclass(frozen=True, kw_only=True)
class EvolveConfig:
    """A model, a task, the size of the genome, and the loop that makes it able."""

    data: str = "digits"
    """what `load_task` reads"""
    model: str = ""
    """FILE.py:function; none: a ReLU perceptron with `hidden` units"""
    hidden: tuple[int, ...] = (200,)
    bytes: int | None = None
    """of the `.genome` file, at most; or give one of the next three"""
    parameters: int | None = None
    ratio: float | None = None
    preset: str | None = None
    bits: int = 8
    """of a parameter in the file"""
    decoder: str = "two_tower"
    """one of RULES, or "retinotopic" """
    loop: str = "innate"
    """one of LOOPS, which says which of the next four counts"""
    innate: Innate = field(default_factory=lambda: Innate(ema=0.99))
    lamarck: Lamarck = field(default_factory=Lamarck)
    baldwin: Baldwin = field(default_factory=Baldwin)
    es: Evolution = field(default_factory=Evolution)
    seed: int = 0
    model_sha256: str = ""
    """of the model's file; `evolve_digests` fills it in"""
    data_sha256: str = ""
    """of the data's files, likewise"""

    def __post_init__(self) -> None:
        one_of("EvolveConfig: decoder", self.decoder, (*RULES, RETINOTOPIC))
        one_of("EvolveConfig: loop", self.loop, LOOPS)
        if not self.hidden or min(self.hidden) < 1 or self.seed < 0:
            raise ConfigError(
                f"EvolveConfig: hidden units are at least 1, seed at least 0; got {self.hidden}, "
                f"{self.seed}"
            )
        if not (2 <= self.bits <= 16 or self.bits == 32):
            raise ConfigError(
                f"EvolveConfig: bits lie between 2 and 16, or are 32; got {self.bits}"
            )


def evolve_digests(config: EvolveConfig) -> EvolveConfig:
    """The config with the digests of its files: another model or other data are another run."""
    model = model_digest(config.model) if config.model else ""
    return replace(config, model_sha256=model, data_sha256=data_digest(config.data))


def generation_count(config: EvolveConfig) -> int:
    """Generations of the loop in all."""
    loop = getattr(config, config.loop)
    return int(loop.generations if isinstance(loop, Lamarck | Evolution) else loop.steps)


def unborn(config: EvolveConfig) -> tuple[Genome, nn.Module, Task]:
    """The genome before any evolution, its model and the task.

    Raises:
        ConfigError: as `check_fits` and `Genome.for_model`.
        DataError: malformed data.
    """
    task = load_task(config.data)
    if config.model:
        model = fresh_model(config.model, task, config.seed)
    else:
        model = perceptron_for(task, config.hidden, config.seed)
    genome = Genome.for_model(
        model, bytes=config.bytes, parameters=config.parameters, ratio=config.ratio,
        preset=config.preset, decoder=config.decoder, bits=config.bits, seed=config.seed,
        input_shape=layout_image(config.decoder, task),
    )  # fmt: skip
    return genome, model, task


def evolving(config: EvolveConfig, run: Run) -> Iterator[Row]:
    """Rows of kind "generation" as `evolve` yields them, then one of kind "result".

    `innate` trains on the genome as it is after rounding to `bits`; the others are rounded at the
    end. The result has generation (the best by validation), valid and test (accuracy at birth of
    the genome as the file holds it; the test examples are looked at here only), bytes, parameters
    and phenotype (counts). The genome is kept in the run's folder as best.genome.
    """
    genome, model, task = unborn(config)
    loop = getattr(config, config.loop)
    if isinstance(loop, Innate) and config.bits < 32:
        loop = replace(loop, bits=config.bits)
    training = Training(genome, model, task, loop, seed=config.seed, quantise=fake_quantise)
    state = run.resume_from()
    if state is not None:
        training.restore(*state)
    best = 0 if state is None else state[1]["best_generation"]
    saved = time.monotonic()
    for row in training.rows():
        best = row["generation"] if row["best"] else best
        yield {"kind": "generation", **without_cost(row)}
        if time.monotonic() - saved > CHECKPOINT_SECONDS:
            run.checkpoint(training.arrays(), training.meta() | {"best_generation": best})
            saved = time.monotonic()
    settle(genome, model, task, config.bits)
    size = genome.save(run.path / GENOME, bits=config.bits)
    born = newborn(genome, model, task)
    yield {
        "kind": "result", "generation": best, "valid": accuracy(born, task.valid),
        "test": accuracy(born, task.test), "bytes": size,
        "parameters": genome.parameter_count, "phenotype": genome.phenotype_count,
    }  # fmt: skip
