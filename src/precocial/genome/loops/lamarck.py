"""The paper's loop: train the network, fit the genome to its weights, hand on a mixture."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from precocial.errors import ConfigError
from precocial.genome.data.examples import Task
from precocial.genome.decoders.decoder import Decoder, Stored
from precocial.genome.decoders.pair import Pair
from precocial.genome.genome import Genome
from precocial.genome.lifetime.learning import Order, step_on
from precocial.genome.loops.configs import Lamarck
from precocial.genome.loops.parts import Tensors, copied, parameters_of
from precocial.genome.loops.worlds import score_at_birth
from precocial.runs import stream


class LamarckLoop:
    """Algorithm 1 of Shuvaev et al. 2024 in progress. Both optimisers keep their moments."""

    def __init__(
        self, genome: Genome, model: nn.Module, task: Task, config: Lamarck, seed: int
    ) -> None:
        unknown = sorted(set(config.weights or {}) - set(genome.shapes))
        if unknown:
            raise ConfigError(
                f"Lamarck: weights names {unknown}; the model's tensors are {list(genome.shapes)}"
            )
        self.genome, self.task, self.config, self.seed = genome, task, config, seed
        self.generations, self.every = config.generations, config.evaluate_every
        self.network = copy.deepcopy(model).train()
        self._order = Order(len(task.train), config.batch, seed, task.name)
        self.steps_in_generation = max(
            1, round(config.epochs * len(task.train) / self._order.batch)
        )
        self._learner = torch.optim.Adam(self.network.parameters(), lr=config.rate)
        self._fitter = torch.optim.Adam(parameters_of(genome).values(), lr=config.weight_rate)

    def advance(self, generation: int) -> tuple[dict[str, float], int]:
        self.network.train()
        losses = [
            step_on(self.network, self._learner, self.task.train.take(self._order(step)))
            for step in range(
                generation * self.steps_in_generation, (generation + 1) * self.steps_in_generation
            )
        ]
        trained = dict(self.network.named_parameters())
        self._fit(copied(trained), generation)
        misfit = self._merge(trained, self.config.epsilon_at(generation))
        measured = {"loss": math.fsum(losses) / len(losses), "misfit": misfit}
        return measured, self.steps_in_generation * self._order.batch

    def _fit(self, trained: Tensors, generation: int) -> None:
        """Rules to weights by squared error, a batch of each in turn; what is stored is copied.

        In turn, because a rule that serves several tensors must not forget the first of them.
        """
        drawn = {}
        for name, weights in trained.items():
            decoder = self.genome.decoder_of(name)
            if isinstance(decoder, Stored):
                with torch.no_grad():
                    decoder.values.copy_(weights.reshape(decoder.values.shape))
            else:
                random = stream(self.seed, "genome", "lamarck", name, generation)
                places = random.integers(weights.numel(), size=self._drawn(name, weights))
                drawn[name] = torch.split(torch.from_numpy(places), self.config.weight_batch)
        for turn in range(max((len(batches) for batches in drawn.values()), default=0)):
            for name, batches in drawn.items():
                if turn < len(batches):
                    self._fit_batch(name, trained[name], batches[turn])

    def _drawn(self, name: str, weights: Tensor) -> int:
        named = (self.config.weights or {}).get(name)
        if named is not None:
            return named
        return max(self.config.least_weights, round(self.config.share * weights.numel()))

    def _fit_batch(self, name: str, weights: Tensor, places: Tensor) -> None:
        decoder = self.genome.decoder_of(name)
        # Unlike zeros, None leaves the moments of the other rules as they are.
        self._fitter.zero_grad(set_to_none=True)
        error = nn.functional.mse_loss(some(decoder, places), weights.flatten()[places])
        torch.autograd.backward(error)
        self._fitter.step()

    @torch.no_grad()
    def _merge(self, trained: Mapping[str, Tensor], epsilon: float) -> float:
        """W = eps trained + (1 - eps) generated; the share of the weights' variance not fitted."""
        missed = spread = 0.0
        for name, weights in trained.items():
            generated = self.genome.weight_of(name)
            if not isinstance(self.genome.decoder_of(name), Stored):
                missed += float(((weights - generated) ** 2).sum())
                spread += float(((weights - weights.mean()) ** 2).sum())
            weights.copy_(epsilon * weights + (1 - epsilon) * generated)
        return missed / spread if spread else 0.0

    def candidate(self) -> Tensors:
        return parameters_of(self.genome)

    def scores(self) -> dict[str, float]:
        valid = score_at_birth(self.genome, self.network, [self.task])
        return {"valid": valid, "chosen_by": valid}

    def optimisers(self) -> dict[str, tuple[torch.optim.Optimizer, Mapping[str, Tensor]]]:
        return {
            "learner": (self._learner, dict(self.network.named_parameters())),
            "fitter": (self._fitter, parameters_of(self.genome)),
        }

    def state(self) -> Tensors:
        buffers = {f"buffer.{name}": value for name, value in self.network.named_buffers()}
        return {f"network.{name}": p for name, p in self.network.named_parameters()} | buffers


def some(decoder: Decoder, places: Tensor) -> Tensor:
    """Generated weights at flat, row-major places of W[out, in]."""
    if isinstance(decoder, Pair):
        return decoder.at(places // decoder.columns, places % decoder.columns)
    return decoder.weight().flatten()[places]
