"""End to end: the gradient of the loss at birth reaches the genome."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.func import functional_call

from precocial.errors import ConfigError, DataError
from precocial.genome.data.examples import Task
from precocial.genome.file.quantise import fake_quantise
from precocial.genome.genome import Genome
from precocial.genome.lifetime.learning import Order, set_rate
from precocial.genome.loops.configs import Innate
from precocial.genome.loops.parts import (
    Tensors,
    copied,
    cosine_rate,
    multiplies_without_weights,
    parameters_of,
    put,
)
from precocial.genome.loops.worlds import Worlds, choosers, score_at_birth, world_of

Quantise = Callable[[Tensors, int], Tensors]
"""(parameters by name, bits) to rounded ones, through which the gradient passes unchanged."""


class InnateLoop:
    """Adam on the newborn's loss in progress."""

    def __init__(
        self,
        genome: Genome,
        model: nn.Module,
        task: Task | Worlds,
        config: Innate,
        seed: int,
        *,
        teacher: Tensor | None = None,
        quantise: Quantise = fake_quantise,
    ) -> None:
        _check_teacher(task, config, teacher)
        self.genome, self.model, self.task, self.config = genome, model, task, config
        self.seed, self._teacher, self._quantise = seed, teacher, quantise
        self.generations, self.every = config.steps, config.evaluate_every
        self._optimiser = torch.optim.Adam(parameters_of(genome).values(), lr=config.rate)
        self._mean = copied(parameters_of(genome)) if config.ema else {}
        self._choosers = choosers(task, seed)
        cheap = multiplies_without_weights(genome)
        self._implicit = genome.implicit(model).train() if cheap else None
        self._body = copy.deepcopy(model).train()
        self._order: Order | None = None

    def advance(self, generation: int) -> tuple[dict[str, float], int]:
        config = self.config
        world = world_of(self.task, self.seed, generation)
        index = self._batch(world, generation)
        # Not `take`, which checks the values again: that is a sixth of a cheap step.
        inputs, targets = world.train.inputs[index], world.train.targets[index]
        loss = self._loss(self._forward(inputs), targets, index)
        set_rate(
            self._optimiser,
            cosine_rate(generation, config.steps, config.rate, config.warmup_steps),
        )
        self._optimiser.zero_grad()
        torch.autograd.backward(loss)
        own = parameters_of(self.genome)
        nn.utils.clip_grad_norm_(own.values(), config.clip)
        self._optimiser.step()
        # A young mean forgets faster, so that the first values do not linger.
        decay = min(config.ema, (generation + 1) / (generation + 10))
        with torch.no_grad():
            for name, mean in self._mean.items():
                mean.lerp_(own[name], 1 - decay)
        return {"loss": loss.item()}, len(targets)

    def _batch(self, world: Task, step: int) -> Tensor:
        if isinstance(self.task, Worlds):  # a world is seen once
            return Order(len(world.train), self.config.batch, self.seed, world.name, step)(0)
        if self._order is None:
            self._order = Order(len(world.train), self.config.batch, self.seed, world.name)
        return self._order(step)

    def _forward(self, inputs: Tensor) -> Tensor:
        """Scores of the newborn, with the gradient to the genome."""
        parameters: Tensors | None = None
        if self.config.bits is not None:
            parameters = self._quantise(parameters_of(self.genome), self.config.bits)
        if self._implicit is not None:
            named = {f"genome.{name}": value for name, value in (parameters or {}).items()}
            scores: Tensor = functional_call(self._implicit, named, (inputs,))
            return scores
        weights = (
            self.genome.express()
            if parameters is None
            else functional_call(self.genome, parameters, ())
        )
        scores = functional_call(self._body, weights, (inputs,))
        return scores

    def _loss(self, scores: Tensor, targets: Tensor, index: Tensor) -> Tensor:
        config = self.config
        loss = nn.functional.cross_entropy(scores, targets, label_smoothing=config.label_smoothing)
        if self._teacher is None or config.distil == 0:
            return loss
        T = config.temperature
        divergence = nn.functional.kl_div(
            (scores / T).log_softmax(1),
            (self._teacher[index] / T).log_softmax(1),
            reduction="batchmean",
            log_target=True,
        )
        # T^2 keeps the size of the gradient as T grows (Hinton, Vinyals and Dean 2015).
        return (1 - config.distil) * loss + config.distil * T * T * divergence

    def candidate(self) -> Tensors:
        return self._mean or parameters_of(self.genome)

    def scores(self) -> dict[str, float]:
        own: Tensors = dict(self.genome.named_parameters())
        kept = copied(own)
        if self.config.bits is not None:
            put(own, copied(self._quantise(own, self.config.bits)))
        valid = score_at_birth(self.genome, self.model, self._choosers)
        put(own, kept)
        return {"valid": valid, "chosen_by": valid}

    def optimisers(self) -> dict[str, tuple[torch.optim.Optimizer, Mapping[str, Tensor]]]:
        return {"genome": (self._optimiser, parameters_of(self.genome))}

    def state(self) -> Tensors:
        buffers = {f"buffer.{name}": value for name, value in self._body.named_buffers()}
        return {f"mean.{name}": value for name, value in self._mean.items()} | buffers


def _check_teacher(task: Task | Worlds, config: Innate, teacher: Tensor | None) -> None:
    if config.distil == 0:
        return
    if isinstance(task, Worlds):
        raise ConfigError("Innate: distil needs one task; Worlds have no teacher")
    wanted = (len(task.train), task.classes)
    if teacher is None or tuple(teacher.shape) != wanted:
        got = None if teacher is None else tuple(teacher.shape)
        raise DataError(
            f"distil needs the teacher's scores of all training examples, {wanted}, not yet "
            f"normalised; got {got}"
        )
