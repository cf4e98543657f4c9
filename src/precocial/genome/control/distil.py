"""From a trained policy to a genome: its newborn learns to act as the trained one does."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from precocial.errors import ConfigError, RunError
from precocial.genome.control.episodes import episodes
from precocial.genome.control.policies import Policy
from precocial.genome.genome import Genome
from precocial.genome.lifetime.learning import set_rate
from precocial.genome.loops.parts import copied, cosine_rate, parameters_of, put
from precocial.io import Row
from precocial.runs import stream, stream_seed


@dataclass(frozen=True, kw_only=True)
class Distillation:
    """Regression of the newborn's distribution of actions onto the trained policy's. Ours."""

    rounds: int = 5
    """the first on states that the trained policy visits, each further one with those of the
    newborn added (DAgger; Ross et al. 2011)"""
    episodes: int = 8
    """that are visited for a round"""
    steps: int = 1000
    """of Adam in a round; the rate falls as half a cosine over all rounds"""
    batch: int = 256
    rate: float = 5e-3
    clip: float = 1.0
    """largest norm of the gradient"""
    valid: int = 10
    """episodes that choose the round that is kept"""

    def __post_init__(self) -> None:
        if min(self.rounds, self.episodes, self.steps, self.batch, self.valid) < 1:
            raise ConfigError(
                "Distillation: rounds, episodes, steps, batch and valid must be at least 1"
            )
        if not (self.rate > 0 and self.clip > 0):
            raise ConfigError("Distillation: rate and clip must be above 0")


def distil(
    genome: Genome,
    policy: Policy,
    env_id: str,
    config: Distillation | None = None,
    *,
    seed: int = 0,
    gravity: float = 1.0,
    **options: Any,
) -> Iterator[Row]:
    """Train `genome` in place on KL(trained || newborn), a round at a time; it ends as the best.

    The gradient goes end to end from the newborn's actions to the genome. States are visited with
    actions drawn at random, by the trained policy first and by the newborn later: a copy that is
    only ever shown the states of its teacher does not learn to come back to them.

    Args:
        genome: of `policy`'s architecture.
        policy: the trained one; not changed.
        env_id: where states are visited.
        config: rounds and steps.
        seed: of episodes and batches.
        gravity: see `make_env`, as for `options`.

    Yields:
        round (from 1), states (kept so far), loss (mean over the round, nats), valid (mean return
        at birth over the choosing episodes, greedy), best (whether it is the best so far).

    Raises:
        ConfigError: another model's genome, or an environment that cannot be used.
        RunError: the loss is no longer finite.
    """
    config = config or Distillation()
    own = parameters_of(genome)
    descent = torch.optim.Adam(own.values(), lr=config.rate)
    newborn, states = policy, torch.empty(0, policy.widths[0])
    best, kept = -math.inf, copied(own)
    world = {"gravity": gravity, **options}
    try:
        for turn in range(config.rounds):
            visit = stream_seed(seed, "genome", "distil", "visited", turn)
            seen = episodes(newborn, env_id, config.episodes, visit, greedy=False, **world)
            states = torch.cat([states, torch.from_numpy(seen.observations)])
            loss = _fit(genome, policy, states, descent, config, turn, seed)
            born = genome.birth(policy)
            assert isinstance(born, Policy)
            newborn = born
            judge = stream_seed(seed, "genome", "distil", "valid")
            valid = float(episodes(newborn, env_id, config.valid, judge, **world).returns.mean())
            if better := valid > best:
                best, kept = valid, copied(own)
            yield {
                "round": turn + 1, "states": len(states), "loss": loss, "valid": valid,
                "best": better,
            }  # fmt: skip
    finally:
        put(own, kept)


def _fit(
    genome: Genome,
    policy: Policy,
    states: Tensor,
    descent: torch.optim.Optimizer,
    config: Distillation,
    turn: int,
    seed: int,
) -> float:
    """A round's steps; the mean loss."""
    with torch.no_grad():
        taught = policy(states)
    random = stream(seed, "genome", "distil", "batches", turn)
    total = 0.0
    for step in range(turn * config.steps, (turn + 1) * config.steps):
        batch = torch.from_numpy(random.integers(len(states), size=config.batch))
        scores = functional_call(policy, genome.express(), (states[batch],))
        loss = policy.divergence(taught[batch], scores)
        set_rate(descent, cosine_rate(step, config.rounds * config.steps, config.rate, 0))
        descent.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(parameters_of(genome).values(), config.clip)
        descent.step()
        total += loss.item() / config.steps
    if not math.isfinite(total):
        raise RunError("distil: the loss is no longer finite; lower the rate")
    return total
