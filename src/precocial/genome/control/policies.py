"""Policies: networks whose outputs are the parameters of a distribution of actions."""

from __future__ import annotations

import itertools

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from precocial.errors import ConfigError

LOG_STD = (-5.0, 2.0)
"""Log standard deviations are clamped to this range (ours), so that no torque is certain."""


class Policy(nn.Sequential):
    """Linear layers with tanh between them: observations [n, in] to scores [n, out].

    Its parameters are those of a plain `nn.Sequential`, so `Genome.for_model` compresses it and
    `Genome.birth` gives a policy again. What the scores mean is up to the two kinds below.
    """

    def __init__(self, *widths: int) -> None:
        layers: list[nn.Module] = []
        for into, out in itertools.pairwise(widths):
            layers += [nn.Linear(into, out), nn.Tanh()]
        super().__init__(*layers[:-1])
        self.widths = widths

    def linears(self) -> list[nn.Linear]:
        """The layers that have weights, in order."""
        return [layer for layer in self if isinstance(layer, nn.Linear)]

    def mode(self, scores: Tensor) -> Tensor:
        """The likeliest action of each row: [n], or [n, actions]."""
        raise _no_actions(self)

    def draw(self, scores: Tensor, random: np.random.Generator) -> Tensor:
        """An action of each row at random."""
        raise _no_actions(self)

    def divergence(self, taught: Tensor, scores: Tensor) -> Tensor:
        """Mean over rows of KL(taught || scores) between the two distributions, in nats."""
        raise _no_actions(self)


def _no_actions(policy: Policy) -> ConfigError:
    return ConfigError(
        f"{type(policy).__name__} says nothing of actions; use Categorical or Gaussian"
    )


class Categorical(Policy):
    """Discrete actions: scores are their logits, pi(a | s) = softmax(scores)[a]."""

    def mode(self, scores: Tensor) -> Tensor:
        return scores.argmax(-1)

    def draw(self, scores: Tensor, random: np.random.Generator) -> Tensor:
        # The argmax of logits plus Gumbel noise is a draw from their softmax.
        noise = random.gumbel(size=tuple(scores.shape))
        return (scores + torch.from_numpy(noise).to(scores)).argmax(-1)

    def divergence(self, taught: Tensor, scores: Tensor) -> Tensor:
        return nn.functional.kl_div(
            scores.log_softmax(-1), taught.log_softmax(-1), reduction="batchmean", log_target=True
        )


class Gaussian(Policy):
    """Real actions, independent normals: the first half of the scores are their means, the second
    half their log standard deviations, clamped to `LOG_STD`.

    17-64-64-12 is the paper's HalfCheetah network by its count of 6,092 parameters (our reading;
    see `cheetah_policy`). Environments clip an action to their bounds.
    """

    def moments(self, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Means and log standard deviations, [n, actions] each.

        The gradient passes the clamp as it is: a newborn may begin far outside, and must come back.
        """
        mean, log_std = scores.chunk(2, dim=-1)
        return mean, log_std + (log_std.clamp(*LOG_STD) - log_std).detach()

    def mode(self, scores: Tensor) -> Tensor:
        return self.moments(scores)[0]

    def draw(self, scores: Tensor, random: np.random.Generator) -> Tensor:
        mean, log_std = self.moments(scores)
        noise = random.standard_normal(tuple(mean.shape))
        return mean + log_std.exp() * torch.from_numpy(noise).to(mean)

    def divergence(self, taught: Tensor, scores: Tensor) -> Tensor:
        mean_t, log_t = self.moments(taught)
        mean, log_std = self.moments(scores)
        spread = torch.exp(2 * (log_t - log_std))
        shift = ((mean_t - mean) * torch.exp(-log_std)) ** 2
        return (log_std - log_t + 0.5 * (spread + shift - 1)).sum(-1).mean()


def as_actions(policy: Policy, chosen: Tensor) -> NDArray[np.generic]:
    """Actions as environments take them: int64 [n], or float32 [n, actions]."""
    return chosen.detach().numpy().astype(np.int64 if isinstance(policy, Categorical) else "f4")
