"""Teachers of a few communities, each with a way of erring (Venanzi and others 2014)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from precocial.errors import ConfigError, one_of
from precocial.feedback.votes import Votes
from precocial.normativity.aggregators.dawid_skene import (
    CLASS_PRIORS,
    ClassPrior,
    expectation_maximisation,
    normalised,
    skill,
)
from precocial.normativity.aggregators.result import (
    Aggregated,
    Floats,
    History,
    coin_confusion,
    given,
    positive,
    steps_allowed,
)

ROUNDS = 10
"""Steps by which teachers find their communities, in each step of EM (ours)."""
PULL, CELL = 2.0, 0.1
"""Votes a class that draw a community to the one coin of all teachers, and in each cell (ours)."""


@dataclass(frozen=True, kw_only=True)
class CommunityDawidSkene:
    """Dawid-Skene with the prior strength * M_w[k, l] on w's matrix, M_w the mean of the matrices
    of the communities, weighted by how probable each is for w. Teachers of few votes borrow from
    their like, where all teachers may err in different ways.

    The idea is that of community-based Bayesian classifier combination (Venanzi et al., WWW 2014).
    Departures: EM with point estimates, where they pass messages; a fixed number of communities,
    begun at the teachers in order of accuracy.

    Attributes:
        communities: how many; strength: votes a class that a community is worth (both ours, chosen
            on generated crowds).
        per_class, class_prior, steps, tolerance: as in DawidSkene.
    """

    name: str = "communities"
    communities: int = 3
    strength: float = 8.0
    per_class: float = 1.0
    class_prior: ClassPrior = "estimated"
    steps: int = 100
    tolerance: float = 1e-5

    def __post_init__(self) -> None:
        positive(
            "CommunityDawidSkene", strength=self.strength, per_class=self.per_class,
            tolerance=self.tolerance,
        )  # fmt: skip
        one_of("CommunityDawidSkene: class_prior", self.class_prior, CLASS_PRIORS)
        steps_allowed("CommunityDawidSkene", self.steps)
        if self.communities < 1:
            raise ConfigError(
                f"CommunityDawidSkene: communities must be at least 1; got {self.communities!r}"
            )

    def fit(
        self,
        votes: Votes,
        *,
        gold: Mapping[Any, Any] | None = None,
        history: History | None = None,
        weight: ArrayLike | None = None,
    ) -> Aggregated:
        """Class probabilities and confusion matrices."""
        return expectation_maximisation(self, given(votes, gold, history, weight))

    def table(self, counts: Floats) -> Floats:
        """(W, K given, K true) probabilities from counts of that shape."""
        W, K, _ = counts.shape
        C = min(self.communities, W)
        own, flat = skill(counts, 2.0, 1.0), counts.reshape(W, K * K)
        everyone = skill(counts.sum(axis=0, keepdims=True), 1.0, 1.0)
        pull = PULL * (coin_confusion(everyone, K) if K > 1 else np.ones((1, 1, 1))) + CELL
        member = np.zeros((W, C))
        for c, part in enumerate(np.array_split(np.argsort(own, kind="stable"), C)):
            member[part, c] = 1.0
        for _ in range(ROUNDS):
            shared = normalised((member.T @ flat).reshape(C, K, K) + pull)
            size = (member.sum(axis=0) + 1) / (W + C)
            log = flat @ np.log(shared).reshape(C, K * K).T + np.log(size)
            member = np.exp(log - log.max(axis=1, keepdims=True))
            member /= member.sum(axis=1, keepdims=True)
        centre = (member @ shared.reshape(C, K * K)).reshape(W, K, K)
        return normalised(counts + self.strength * centre)
