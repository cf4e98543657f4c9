"""`evolve`: one interface to the four outer loops, and what a kill must not lose."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from precocial.errors import ConfigError, RunError
from precocial.genome.data.examples import Task
from precocial.genome.file.quantise import fake_quantise
from precocial.genome.genome import Genome
from precocial.genome.loops.baldwin import BaldwinLoop
from precocial.genome.loops.configs import Baldwin, Evolution, Innate, Lamarck, LoopConfig
from precocial.genome.loops.es import EvolutionLoop, Fitness
from precocial.genome.loops.innate import InnateLoop, Quantise
from precocial.genome.loops.lamarck import LamarckLoop
from precocial.genome.loops.parts import (
    Arrays,
    Loop,
    copied,
    holding,
    optimiser_arrays,
    parameters_of,
    put,
    restore_optimiser,
)
from precocial.genome.loops.worlds import Worlds, settle, world_of
from precocial.genome.phenotype.parts import check_single
from precocial.io import Row
from precocial.runs import stream_seed


def evolve(
    genome: Genome,
    model: nn.Module,
    task: Task | Worlds | Fitness,
    loop: LoopConfig,
    *,
    seed: int = 0,
    teacher: Tensor | None = None,
    quantise: Quantise = fake_quantise,
) -> Iterator[Row]:
    """Train `genome` in place, a row at a time; it ends as the best generation.

    The validation examples choose that generation; the test examples are never looked at. A
    caller that stops early keeps the best so far. Networks start from `model`, which is not
    changed; only `Lamarck` looks at its weights. Same arguments, same rows (the costs apart).

    Args:
        genome: of `model` (`Genome.for_model`).
        model: the phenotype.
        task: a task; `Worlds` for `Innate`, `Baldwin` and `Evolution`; for `Evolution` also a
            `Fitness`, a function of a population and a seed, and then `valid` is the fitness of
            the mean genome.
        loop: which loop, with its settings.
        seed: of the order of examples, draws of weights, worlds and mutations.
        teacher: scores [training examples, classes], not normalised, if `Innate.distil` is set.
        quantise: rounds the genome's parameters, if `Innate.bits` is set; by default as
            `Genome.save` does.

    Returns:
        An iterator; training goes on as it is asked for rows. They have
        generation (0 is before any training), steps (of what steps on batches: equal to the
        generation but for Lamarck), examples (presented so far), valid (accuracy at birth on the
        validation examples), best (whether it is the best so far), cpu_s (of this process, so
        far). Means since the last row, from the second row on: loss (nats; of the training
        network for Lamarck, of the newborn for Innate, after the lifetime for Baldwin); misfit
        (Lamarck: share of the weights' variance that the rules miss), fitness and best_fitness
        (Evolution). learned: Baldwin's accuracy after a lifetime, which chooses there.

    Raises:
        ConfigError: a task that the loop cannot use, another model's genome, a model of other
            numbers than float32.
        RunError: the loss is no longer finite.
    """
    training = Training(genome, model, task, loop, seed=seed, teacher=teacher, quantise=quantise)
    return training.rows()


class Training:
    """`evolve` in progress: what a run folder keeps, and goes on from.

    `arrays()` and `meta()` after a row, given to `restore()` of a `Training` made with the same
    arguments, continue it bit by bit on a CPU.
    """

    def __init__(
        self,
        genome: Genome,
        model: nn.Module,
        task: Task | Worlds | Fitness,
        loop: LoopConfig,
        *,
        seed: int = 0,
        teacher: Tensor | None = None,
        quantise: Quantise = fake_quantise,
    ) -> None:
        if not isinstance(genome, Genome):
            raise ConfigError(f"evolve: genome is a Genome; got {type(genome).__name__}")
        genome.birth(model)  # refuses another model before anything is trained
        check_single(model)
        self.genome, self.seed = genome, seed
        self._model, self._task = model, task
        self._loop = _made(genome, model, task, loop, seed, teacher, quantise)
        self._per_generation = _steps_of(self._loop)
        self.generation, self.examples, self.cpu_s = 0, 0, 0.0
        self.best_score, self._told = -math.inf, False
        self._best = copied(parameters_of(genome))

    def rows(self) -> Iterator[Row]:
        """The rows that are not yet told; at the end, or when closed, the best is in the genome.

        So are the statistics of its newborn, if the genome stores any.
        """
        began = time.process_time() - self.cpu_s
        try:
            if not self._told:
                yield self._row({}, began)
            while self.generation < self._loop.generations:
                yield self._row(self._advance(), began)
        finally:
            put(parameters_of(self.genome), self._best)
            if len(self.genome.statistics) and isinstance(self._task, Task | Worlds):
                settle(self.genome, self._model, world_of(self._task, self.seed, 0))

    def _advance(self) -> dict[str, float]:
        """Generations until the next row; the means of what they measured."""
        until = min(self._loop.generations, self.generation + self._loop.every)
        totals: dict[str, float] = {}
        count = until - self.generation
        with torch.random.fork_rng(devices=[]):
            # dropout draws from torch's generator: from here on the seed decides
            torch.manual_seed(stream_seed(self.seed, "genome", "evolve", self.generation))
            for generation in range(self.generation, until):
                measured, seen = self._loop.advance(generation)
                self.examples += seen
                for name, value in measured.items():
                    totals[name] = totals.get(name, 0.0) + value / count
        self.generation = until
        lost = [name for name, value in totals.items() if not math.isfinite(value)]
        if lost:
            raise RunError(
                f"evolve: {lost[0]} is no longer finite at generation {until}; lower the rate"
            )
        return totals

    def _row(self, measured: Mapping[str, float], began: float) -> Row:
        with holding(self.genome, candidate := copied(self._loop.candidate())):
            scores = self._loop.scores()
        chosen_by = scores.pop("chosen_by")
        best = chosen_by > self.best_score
        if best:
            self.best_score, self._best = chosen_by, candidate
        self._told = True
        self.cpu_s = time.process_time() - began
        return {
            "generation": self.generation,
            "steps": self.generation * self._per_generation,
            "examples": self.examples,
            **scores,
            **measured,
            "best": best,
            "cpu_s": round(self.cpu_s, 3),
        }

    def arrays(self) -> Arrays:
        """Genome, best genome, networks and moments, by name."""
        found = {f"genome.{name}": p for name, p in parameters_of(self.genome).items()}
        found |= {f"best.{name}": value for name, value in self._best.items()}
        found |= {f"state.{name}": value for name, value in self._loop.state().items()}
        arrays = {name: value.detach().numpy().copy() for name, value in found.items()}
        for prefix, (optimiser, parameters) in self._loop.optimisers().items():
            arrays |= optimiser_arrays(prefix, optimiser, parameters)
        return arrays

    def meta(self) -> dict[str, Any]:
        """With `arrays()` all that `restore` needs."""
        return {
            "generation": self.generation,
            "examples": self.examples,
            "best_score": self.best_score,
            "cpu_s": self.cpu_s,
        }

    def restore(self, arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any]) -> None:
        """Go on from what `arrays()` and `meta()` said.

        Raises:
            RunError: they belong to another genome or loop.
        """
        live = {f"genome.{name}": p for name, p in parameters_of(self.genome).items()}
        live |= {f"best.{name}": value for name, value in self._best.items()}
        live |= {f"state.{name}": value for name, value in self._loop.state().items()}
        if not set(live) <= set(arrays) or any(
            live[name].numel() != arrays[name].size for name in live
        ):
            raise RunError("evolve: the checkpoint belongs to another genome, model or loop")
        put(live, {name: torch.tensor(arrays[name]).reshape(live[name].shape) for name in live})
        for prefix, (optimiser, parameters) in self._loop.optimisers().items():
            restore_optimiser(arrays, prefix, optimiser, parameters)
        self.generation, self.examples = int(meta["generation"]), int(meta["examples"])
        self.best_score, self.cpu_s = float(meta["best_score"]), float(meta["cpu_s"])
        self._told = True


def _made(
    genome: Genome,
    model: nn.Module,
    task: Task | Worlds | Fitness,
    loop: LoopConfig,
    seed: int,
    teacher: Tensor | None,
    quantise: Quantise,
) -> Loop:
    kind = type(loop).__name__
    if isinstance(loop, Evolution):
        return EvolutionLoop(genome, model, task, loop, seed)
    if not isinstance(task, Task | Worlds):
        raise ConfigError(f"evolve: {kind} needs a Task; a fitness function is for Evolution")
    if isinstance(loop, Innate):
        return InnateLoop(genome, model, task, loop, seed, teacher=teacher, quantise=quantise)
    if isinstance(loop, Baldwin):
        return BaldwinLoop(genome, model, task, loop, seed)
    if not isinstance(loop, Lamarck):
        raise ConfigError(f"evolve: loop is Lamarck, Innate, Baldwin or Evolution; got {kind}")
    if isinstance(task, Worlds):
        raise ConfigError("evolve: Lamarck needs one Task: its networks inherit trained weights")
    return LamarckLoop(genome, model, task, loop, seed)


def _steps_of(loop: Loop) -> int:
    return loop.steps_in_generation if isinstance(loop, LamarckLoop) else 1
