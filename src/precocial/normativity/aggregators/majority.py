"""Majority vote, and majority weighted by agreement with it (Wawa)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from precocial.feedback.votes import Votes
from precocial.normativity.aggregators.result import (
    Aggregated,
    Floats,
    Given,
    History,
    clamped,
    coin_confusion,
    given,
    weighted_counts,
)


@dataclass(frozen=True, kw_only=True)
class Majority:
    """P[t, k] = share of the votes on task t that are for k.

    Ties share. Weights count as so many votes; gold replaces a task's shares; history changes
    nothing, since teachers count alike.
    """

    name: str = "majority"

    def fit(
        self,
        votes: Votes,
        *,
        gold: Mapping[Any, Any] | None = None,
        history: History | None = None,
        weight: ArrayLike | None = None,
    ) -> Aggregated:
        """Shares of votes; accuracies are the teachers' agreement with them."""
        data = given(votes, gold, history, weight)
        proba = data.majority()
        return _result(self.name, data, proba, _agreement(data, proba), 1)


@dataclass(frozen=True, kw_only=True)
class WeightedMajority:
    """Votes weighted by their teacher's agreement with the majority ("worker agreement with
    aggregate", Wawa): s_w = mean over w's votes of P_majority[t, l], P[t, k] proportional to the
    sum of s_w over the votes for k.

    As crowd-kit's Wawa, but ties share where it agrees with one label of them; gold counts as the
    aggregate of its task; past counts join the agreement.
    """

    name: str = "weighted majority"

    def fit(
        self,
        votes: Votes,
        *,
        gold: Mapping[Any, Any] | None = None,
        history: History | None = None,
        weight: ArrayLike | None = None,
    ) -> Aggregated:
        """Weighted shares; accuracies are the weights."""
        data = given(votes, gold, history, weight)
        first = data.majority()
        shared = np.where(first >= first.max(axis=1, keepdims=True) - 1e-12, 1.0, 0.0)
        skill = _agreement(data, clamped(shared / shared.sum(axis=1, keepdims=True), data.gold))
        counts = weighted_counts(data, data.weight * skill[votes.teacher])
        total = counts.sum(axis=1, keepdims=True)
        proba = np.divide(counts, total, out=first.copy(), where=total > 0)
        return _result(self.name, data, clamped(proba, data.gold), skill, 2)


def _agreement(data: Given, proba: Floats) -> Floats:
    """(W,) weighted mean of proba[t, l] over each teacher's votes and past; of all for none."""
    votes, W = data.votes, data.shape[1]
    right = np.bincount(
        votes.teacher, weights=data.weight * proba[votes.task, votes.label], minlength=W
    )
    total = np.bincount(votes.teacher, weights=data.weight, minlength=W)
    if data.past is not None:
        right = right + np.trace(data.past, axis1=1, axis2=2)
        total = total + data.past.sum(axis=(1, 2))
    everyone = right.sum() / total.sum() if total.sum() > 0 else 1.0
    return np.asarray(np.divide(right, total, out=np.full(W, everyone), where=total > 0))


def _result(name: str, data: Given, proba: Floats, accuracy: Floats, steps: int) -> Aggregated:
    return Aggregated(
        name=name, votes=data.votes, proba=proba, class_prior=proba.mean(axis=0),
        confusion=coin_confusion(accuracy, data.shape[2]), accuracy=accuracy,
        log_likelihood=None, steps=steps, converged=True,
    )  # fmt: skip
