"""No gradient: an evolution strategy on the genome, for a task or for any fitness."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from precocial.errors import ConfigError
from precocial.genome.data.examples import Task
from precocial.genome.genome import Genome
from precocial.genome.lifetime.learning import Order
from precocial.genome.loops.configs import Evolution
from precocial.genome.loops.parts import Tensors, parameters_of
from precocial.genome.loops.worlds import Worlds, choosers, score_at_birth, world_of
from precocial.runs import stream, stream_seed

Fitness = Callable[[Tensors, int], Tensor | Sequence[float]]
"""(genomes, seed) to one score each, higher is better. Genomes are the genome's parameters by name,
stacked along a first axis of members: loop over them, or `torch.vmap` over
`functional_call(genome, member, ())`. All randomness of the judgement comes from the seed, which is
the same for all members of a generation."""


class EvolutionLoop:
    """Mutate in pairs, judge, rank, step."""

    def __init__(
        self,
        genome: Genome,
        model: nn.Module,
        task: Task | Worlds | Fitness,
        config: Evolution,
        seed: int,
    ) -> None:
        self.genome, self.model, self.task, self.config = genome, model, task, config
        self.seed = seed
        self.generations, self.every = config.generations, config.evaluate_every
        self._optimiser = torch.optim.Adam(parameters_of(genome).values(), lr=config.rate)
        self._body = copy.deepcopy(model).train()
        self._choosers = choosers(task, seed) if isinstance(task, Task | Worlds) else None

    def advance(self, generation: int) -> tuple[dict[str, float], int]:
        config, own = self.config, parameters_of(self.genome)
        noise = self._noise(own, generation)
        members = {
            name: torch.cat(
                [value + config.sigma * noise[name], value - config.sigma * noise[name]]
            )
            for name, value in own.items()
        }
        with torch.no_grad():
            fitness, seen = self._judge({n: m.detach() for n, m in members.items()}, generation)
        shaped = centred_ranks(fitness)
        pull = (shaped[: config.pairs] - shaped[config.pairs :]) / (2 * config.pairs * config.sigma)
        for name, value in own.items():
            if config.decay:
                value.data.mul_(1 - config.rate * config.decay)
            value.grad = -torch.einsum("k,k...->...", pull, noise[name])
        self._optimiser.step()
        return {"fitness": float(fitness.mean()), "best_fitness": float(fitness.max())}, seen

    def _noise(self, own: Tensors, generation: int) -> Tensors:
        found = {}
        for name, value in own.items():
            random = stream(self.seed, "genome", "es", name, generation)
            drawn = random.standard_normal((self.config.pairs, *value.shape), dtype=np.float32)
            found[name] = torch.from_numpy(drawn)
        return found

    def _judge(self, members: Tensors, generation: int) -> tuple[Tensor, int]:
        count = 2 * self.config.pairs
        if isinstance(self.task, Task | Worlds):
            world = world_of(self.task, self.seed, generation)
            step = 0 if isinstance(self.task, Worlds) else generation
            order = Order(len(world.train), self.config.batch, self.seed, world.name)
            examples = world.train.take(order(step))

            def judge(member: Tensors) -> Tensor:
                weights = functional_call(self.genome, member, ())
                scores = functional_call(self._body, weights, (examples.inputs,))
                return -nn.functional.cross_entropy(scores, examples.targets)

            if self.config.at_once == 1:
                each = ({name: m[k] for name, m in members.items()} for k in range(count))
                return torch.stack([judge(member) for member in each]), count * len(examples)
            found: Tensor = vmap(judge, chunk_size=self.config.at_once)(members)
            return found, count * len(examples)
        return self._fitness(members, count, ("judged", generation)), 0

    def _fitness(self, members: Tensors, count: int, names: tuple[str | int, ...]) -> Tensor:
        assert not isinstance(self.task, Task | Worlds)
        seed = stream_seed(self.seed, "genome", "es", "fitness", *names)
        found = torch.as_tensor(self.task(members, seed), dtype=torch.float64)
        if found.shape != (count,) or not bool(torch.isfinite(found).all()):
            raise ConfigError(
                f"evolve: a fitness gives one finite score for each of {count} genomes; got shape "
                f"{tuple(found.shape)}{'' if torch.isfinite(found).all() else ' with NaN or inf'}"
            )
        return found

    def candidate(self) -> Tensors:
        return parameters_of(self.genome)

    def scores(self) -> dict[str, float]:
        if self._choosers is None:
            alone = {name: p.detach()[None] for name, p in parameters_of(self.genome).items()}
            # One seed for all generations: they are chosen on the same episodes.
            with torch.no_grad():
                valid = float(self._fitness(alone, 1, ("valid",))[0])
        else:
            valid = score_at_birth(self.genome, self.model, self._choosers)
        return {"valid": valid, "chosen_by": valid}

    def optimisers(self) -> dict[str, tuple[torch.optim.Optimizer, Mapping[str, Tensor]]]:
        return {"genome": (self._optimiser, parameters_of(self.genome))}

    def state(self) -> Tensors:
        return {f"buffer.{name}": value for name, value in self._body.named_buffers()}


def centred_ranks(fitness: Tensor) -> Tensor:
    """Ranks spread over [-1/2, 1/2], equal scores sharing their mean rank; 0 for a lone member."""
    count = len(fitness)
    if count < 2:
        return torch.zeros(count)
    below = (fitness[:, None] > fitness[None, :]).sum(1)
    equal = (fitness[:, None] == fitness[None, :]).sum(1)
    ranks = below + (equal - 1) / 2
    return (ranks / (count - 1) - 0.5).to(torch.float32)
