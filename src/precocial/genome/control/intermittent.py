"""The paper's loop for a policy: phases of PPO, the genome fitted to weights, weights replaced."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from precocial.errors import ConfigError
from precocial.genome.control.episodes import episodes
from precocial.genome.control.lives import Ppo, PpoLife
from precocial.genome.control.policies import Policy
from precocial.genome.genome import Genome
from precocial.genome.lifetime.learning import set_rate
from precocial.genome.loops.parts import copied, cosine_rate, parameters_of, put
from precocial.io import Row
from precocial.runs import stream_seed


@dataclass(frozen=True, kw_only=True)
class Intermittent:
    """Phases of training with the genome between them. Numbers are ours where none is the paper's.

    Generation n = 0, 1, ... hands on W = eps trained + (1 - eps) generated, eps(n) = exp(-n /
    epsilon_decay) (Shuvaev et al. 2024, Algorithm 1 and Eq. 3).
    """

    generations: int = 20
    steps: int = 3000
    """of the environment in a generation"""
    weight_steps: int = 300
    """of Adam on the squared error of the weights, in a generation"""
    weight_rate: float = 5e-3
    epsilon_decay: float | None = None
    """the paper's lambda; None replaces the weights outright"""
    valid: int = 10
    """episodes that choose the generation that is kept"""

    def __post_init__(self) -> None:
        if min(self.generations, self.steps, self.weight_steps, self.valid) < 1:
            raise ConfigError(
                "Intermittent: generations, steps, weight_steps and valid must be at least 1"
            )
        if not self.weight_rate > 0 or not (self.epsilon_decay is None or self.epsilon_decay > 0):
            raise ConfigError("Intermittent: weight_rate and epsilon_decay must be above 0")

    def epsilon_at(self, generation: int) -> float:
        """The share of the trained weights that generation n hands on."""
        return 0.0 if self.epsilon_decay is None else math.exp(-generation / self.epsilon_decay)


def train_intermittently(
    genome: Genome,
    policy: Policy,
    env_id: str,
    ppo: Ppo,
    config: Intermittent | None = None,
    *,
    seed: int = 0,
    gravity: float = 1.0,
    **options: Any,
) -> Iterator[Row]:
    """Train `genome` in place, a generation at a time; it ends as the best.

    No gradient of the return reaches the genome. The critic and the moments of PPO's optimiser stay
    from phase to phase; a rate that falls does so in each phase.

    Args:
        genome: of `policy`'s architecture.
        policy: where training starts; not changed.
        env_id: of a Gymnasium environment.
        ppo: how a phase trains.
        config: generations.
        seed: of the phases and the choosing episodes.
        gravity: see `make_env`, as for `options`.

    Yields:
        generation (from 1), steps (of the environment so far), misfit (relative squared error of
        the weights), valid (mean return at birth, greedy), best (whether it is the best so far).

    Raises:
        ConfigError: another model's genome, or an environment that cannot be used.
        MissingExtraError: stable-baselines3 is missing.
    """
    config = config or Intermittent()
    own = parameters_of(genome)
    best, kept = -math.inf, copied(own)
    world = {"gravity": gravity, **options}
    judge = stream_seed(seed, "genome", "intermittent", "valid")
    try:
        with PpoLife(policy, env_id, ppo, seed=seed, **world) as life:
            for generation in range(config.generations):
                life.learn(config.steps)
                trained = life.policy()
                misfit = fit_weights(
                    genome, trained, steps=config.weight_steps, rate=config.weight_rate
                )
                born = genome.birth(policy)
                assert isinstance(born, Policy)
                life.put(merged(trained, born, config.epsilon_at(generation)))
                valid = float(episodes(born, env_id, config.valid, judge, **world).returns.mean())
                if better := valid > best:
                    best, kept = valid, copied(own)
                yield {
                    "generation": generation + 1, "steps": life.steps, "misfit": misfit,
                    "valid": valid, "best": better,
                }  # fmt: skip
    finally:
        put(own, kept)


def merged(trained: Policy, born: Policy, epsilon: float) -> Policy:
    """A copy with weights epsilon * trained + (1 - epsilon) * born."""
    made = copy.deepcopy(trained)
    with torch.no_grad():
        for value, other in zip(made.parameters(), born.parameters(), strict=True):
            value.copy_(epsilon * value + (1 - epsilon) * other)
    return made


def fit_weights(genome: Genome, policy: Policy, *, steps: int = 500, rate: float = 5e-3) -> float:
    """The paper's way: the rules to the trained weights by squared error, no action is looked at.

    The sum over tensors of the mean squared error by the mean square of the tensor, all weights at
    once (a policy is small), by Adam with a cosine rate. Source: Algorithm 1 of Shuvaev et al.
    2024; the relative error is ours.

    Returns:
        The mean relative error before the last step.
    """
    own = parameters_of(genome)
    descent = torch.optim.Adam(own.values(), lr=rate)
    wanted = {name: value.detach() for name, value in policy.named_parameters()}
    error = math.inf
    for step in range(steps):
        errors = [
            nn.functional.mse_loss(weights, wanted[name])
            / wanted[name].square().mean().clamp_min(1e-12)
            for name, weights in genome.express().items()
        ]
        loss = torch.stack(errors).mean()
        set_rate(descent, cosine_rate(step, steps, rate, 0))
        descent.zero_grad()
        torch.autograd.backward(loss)
        descent.step()
        error = loss.item()
    return error
