"""On the score after a lifetime: first-order MAML and Reptile through the genome."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.func import functional_call

from precocial.genome.data.examples import Task
from precocial.genome.genome import Genome
from precocial.genome.lifetime.learning import Order, make_optimiser, score, set_rate, step_on
from precocial.genome.loops.configs import Baldwin
from precocial.genome.loops.parts import Tensors, cosine_rate, parameters_of
from precocial.genome.loops.worlds import Worlds, calibrated, choosers, score_at_birth, world_of


class BaldwinLoop:
    """Lifetimes whose outcome, not whose weights, reaches the genome."""

    def __init__(
        self, genome: Genome, model: nn.Module, task: Task | Worlds, config: Baldwin, seed: int
    ) -> None:
        self.genome, self.model, self.task, self.config = genome, model, task, config
        self.seed = seed
        self.generations, self.every = config.steps, config.evaluate_every
        self._optimiser = torch.optim.Adam(parameters_of(genome).values(), lr=config.rate)
        self._choosers = choosers(task, seed)
        self._body = copy.deepcopy(model).train()

    def advance(self, generation: int) -> tuple[dict[str, float], int]:
        config = self.config
        weights = self.genome.express()
        toward = {name: torch.zeros_like(value) for name, value in weights.items()}
        losses, seen = [], 0
        for number in range(generation * config.lifetimes, (generation + 1) * config.lifetimes):
            world = world_of(self.task, self.seed, number)
            order = Order(len(world.train), config.batch, self.seed, world.name, number)
            loss, gradient = self._live(weights, world, order)
            losses.append(loss)
            seen += (config.lifetime_steps + 1) * order.batch
            for name, value in gradient.items():
                toward[name] += value / config.lifetimes
        set_rate(
            self._optimiser,
            cosine_rate(generation, config.steps, config.rate, config.warmup_steps),
        )
        self._optimiser.zero_grad()
        torch.autograd.backward(list(weights.values()), list(toward.values()))
        nn.utils.clip_grad_norm_(parameters_of(self.genome).values(), config.clip)
        self._optimiser.step()
        return {"loss": math.fsum(losses) / len(losses)}, seen

    def _live(self, born: Tensors, world: Task, order: Order) -> tuple[float, Tensors]:
        """One lifetime from the weights at birth: loss of a fresh batch after it, gradient."""
        config = self.config
        weights = {name: value.detach().clone().requires_grad_() for name, value in born.items()}
        learner = make_optimiser(config.lifetime_optimiser, weights.values(), config.lifetime_rate)
        body = _Bound(self._body, weights)
        for step in range(config.lifetime_steps):
            step_on(body, learner, world.train.take(order(step)))
        fresh = world.train.take(order(config.lifetime_steps))
        loss = nn.functional.cross_entropy(body(fresh.inputs), fresh.targets)
        if config.method == "reptile":
            length = config.lifetime_steps * config.lifetime_rate
            moved = {name: (born[name].detach() - w.detach()) for name, w in weights.items()}
            return loss.item(), {name: value / length for name, value in moved.items()}
        gradient = torch.autograd.grad(loss, list(weights.values()), allow_unused=True)
        return loss.item(), {
            name: torch.zeros_like(weights[name]) if value is None else value
            for name, value in zip(weights, gradient, strict=True)
        }

    def candidate(self) -> Tensors:
        return parameters_of(self.genome)

    def scores(self) -> dict[str, float]:
        learned = math.fsum(map(self._grown_up, self._choosers)) / len(self._choosers)
        return {
            "valid": score_at_birth(self.genome, self.model, self._choosers),
            "learned": learned,
            "chosen_by": learned,
        }

    def _grown_up(self, world: Task) -> float:
        """Accuracy on the validation examples after a lifetime."""
        grown = calibrated(self.genome, self.model, world).train()
        config = self.config
        learner = make_optimiser(
            config.lifetime_optimiser, grown.parameters(), config.lifetime_rate
        )
        order = Order(len(world.train), config.batch, self.seed, world.name, "held out")
        for step in range(config.lifetime_steps):
            step_on(grown, learner, world.train.take(order(step)))
        return score(grown, world.valid)[0]

    def optimisers(self) -> dict[str, tuple[torch.optim.Optimizer, Mapping[str, Tensor]]]:
        return {"genome": (self._optimiser, parameters_of(self.genome))}

    def state(self) -> Tensors:
        return {f"buffer.{name}": value for name, value in self._body.named_buffers()}


class _Bound(nn.Module):
    """A model with other weights in its place."""

    def __init__(self, model: nn.Module, weights: Tensors) -> None:
        super().__init__()
        # In a list: what is bound is no parameter of this module.
        self._model, self._weights = [model], weights

    def forward(self, inputs: Tensor) -> Tensor:
        scores: Tensor = functional_call(self._model[0], self._weights, (inputs,))
        return scores
