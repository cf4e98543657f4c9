"""Every kind of feedback as a choice from a set, and its one likelihood (reward-rational choice).

A comparison is a choice of one trajectory out of two, a correction the choice of the corrected
trajectory over the original, a label "stop" the choice of stopping over going on. What an option
is worth is linear in the reward through its features (discounted visits, say):
score = features . reward.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from precocial.choice.arguments import checked
from precocial.choice.rules import boltzmann
from precocial.errors import ConfigError

Floats = NDArray[np.float64]


@checked
@dataclass(frozen=True, kw_only=True, eq=False)
class Choice:
    """One option chosen from a set.

    Attributes:
        features: (options, F) of each option.
        chosen: index of the option that was taken.
        beta: how sharply the chooser tells scores apart: P proportional to exp(beta * score).
        count: how often it happened.
        kind: what it was, for people: "comparison", "correction", ...
    """

    features: Floats
    chosen: int
    beta: float = 1.0
    count: float = 1.0
    kind: str = "choice"

    def __post_init__(self) -> None:
        shape = np.shape(self.features)
        if len(shape) != 2 or 0 in shape or not np.isfinite(self.features).all():
            raise ConfigError(
                f"Choice: features must be finite, (options, F); got an array of shape {shape}"
            )
        if not 0 <= self.chosen < shape[0]:
            raise ConfigError(f"Choice: chosen must lie in 0 to {shape[0] - 1}; got {self.chosen}")
        if not (np.isfinite(self.beta) and np.isfinite(self.count) and self.count >= 0):
            raise ConfigError("Choice: beta must be finite, count finite and not negative")


@checked
def log_likelihood(feedback: Sequence[Choice], rewards: ArrayLike) -> Floats:
    """(H,) log probability in nats of all the feedback under rewards (H, F), or (F,) for one.

    Raises:
        ConfigError: rewards of another shape or not finite, or feedback of another world.
    """
    R = np.atleast_2d(np.asarray(rewards, dtype=np.float64))
    if R.ndim != 2 or not np.isfinite(R).all():
        raise ConfigError(
            f"log_likelihood: rewards must be finite, (H, F), a row for each; got shape {R.shape}"
        )
    total = np.zeros(len(R))
    for choice in feedback:
        if choice.features.shape[1] != R.shape[1]:
            raise ConfigError(
                f"a {choice.kind} has {choice.features.shape[1]} features, the rewards "
                f"{R.shape[1]}; both must be of one world"
            )
        if choice.count == 0:  # nothing was said; of a probability of 0 it would be 0 times inf
            continue
        with np.errstate(divide="ignore"):
            log_p = np.log(boltzmann(R @ choice.features.T, choice.beta)[:, choice.chosen])
        total += choice.count * log_p
    return total
