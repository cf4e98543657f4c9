"""What an aggregator is given, checked once, and what it returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from precocial.errors import ConfigError, DataError
from precocial.feedback.votes import Votes, gold_positions, name_of

Floats = NDArray[np.float64]
FLOOR = 1e-10
"""The least probability of a label given a class, as in crowd-kit: no log of 0."""
TIE = 1e-9
"""Probabilities that differ by less count as equal (ours, far above rounding)."""
History = Mapping[Any, ArrayLike]


@dataclass(frozen=True, kw_only=True, eq=False)
class Aggregated:
    """What an aggregator makes of votes: T tasks, W teachers, K classes.

    Attributes:
        name: the aggregator's.
        votes: what it was given.
        proba: (T, K) the probability of each class. A task without votes has the class prior.
        class_prior: (K,).
        confusion: (W, K, K) P[label given | true class], indexed [teacher, true, given].
        accuracy: (W,) how often a teacher is right, over the class prior; for weighted majority
            the share of agreement that is its weight.
        log_likelihood: of the votes (and the gold) under the model, in nats, its prior on
            parameters left out; None where there is no model.
        steps: passes over the votes.
        converged: whether the last step changed less than the tolerance.
        parameters: what the model has besides.
    """

    name: str
    votes: Votes
    proba: Floats
    class_prior: Floats
    confusion: Floats
    accuracy: Floats
    log_likelihood: float | None
    steps: int
    converged: bool
    parameters: Mapping[str, Floats] = field(default_factory=dict)

    @property
    def label(self) -> NDArray[np.int64]:
        """(T,) the most probable class; of equals as `likeliest` says."""
        return likeliest(self.proba, self.votes)[0]

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of `label`."""
        return tuple(self.votes.classes[k] for k in self.label)


def likeliest(proba: Floats, votes: Votes) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """(T,) the most probable class of each task, and whether another is as probable. Of equals, the
    one with more votes over all tasks, and of equals in that, the first."""
    common = np.bincount(votes.label, minlength=len(votes.classes))
    order = np.argsort(-common, kind="stable")
    best = proba >= proba.max(axis=1, keepdims=True) - TIE
    return np.asarray(order[np.argmax(best[:, order], axis=1)]), best.sum(axis=1) > 1


class Aggregator(Protocol):
    """A way to turn votes into probabilities of classes."""

    @property
    def name(self) -> str:
        """A short name, unique in a panel."""
        ...

    def fit(
        self,
        votes: Votes,
        *,
        gold: Mapping[Any, Any] | None = None,
        history: History | None = None,
        weight: ArrayLike | None = None,
    ) -> Aggregated:
        """What it makes of the votes."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class Given:
    """Votes with their gold, history and weights, as arrays.

    Attributes:
        votes: the votes.
        starts: (T + 1,) where each task's votes begin.
        weight: (V,).
        gold: (T,) a class or -1.
        past: (W, K, K) past counts, indexed [teacher, given, true].
    """

    votes: Votes
    starts: NDArray[np.int64]
    weight: Floats
    gold: NDArray[np.int64]
    past: Floats | None

    @property
    def shape(self) -> tuple[int, int, int]:
        """T, W, K."""
        return len(self.votes.tasks), len(self.votes.teachers), len(self.votes.classes)

    @property
    def rows(self) -> tuple[Any, ...]:
        """What every kernel takes first; without a sign, an index need not be tested for one."""
        teacher, label = self.votes.teacher.view(np.uint32), self.votes.label.view(np.uint32)
        return self.starts.view(np.uint64), teacher, label, self.weight

    def majority(self) -> Floats:
        """(T, K) shares of votes, gold as certainty; the mean of these for tasks without votes."""
        counts = weighted_counts(self)
        total = counts.sum(axis=1, keepdims=True)
        voted = total[:, 0] > 0
        shares = np.divide(counts, total, out=np.zeros_like(counts), where=total > 0)
        K = counts.shape[1]
        rest = shares[voted].mean(axis=0) if voted.any() else np.full(K, 1 / K)
        shares[~voted] = rest
        return clamped(shares, self.gold)


def given(
    votes: Votes,
    gold: Mapping[Any, Any] | None = None,
    history: History | None = None,
    weight: ArrayLike | None = None,
) -> Given:
    """What an aggregator is given, checked.

    Raises:
        DataError: gold or history that does not fit the votes, weights that are negative, not
            finite, or not one a vote.
    """
    if not isinstance(votes, Votes):
        raise ConfigError(
            f"an aggregator takes Votes; got {type(votes).__name__}. Make them with "
            "precocial.feedback.as_votes(task, worker, label)"
        )
    V, W, K = len(votes), len(votes.teachers), len(votes.classes)
    weights = np.ones(V) if weight is None else np.asarray(weight, dtype=np.float64)
    if weights.shape != (V,) or not np.isfinite(weights).all() or (weights < 0).any():
        raise DataError(
            f"weight must hold {V} finite numbers, none below 0, one a vote; got an array of shape "
            f"{weights.shape}"
        )
    past = None
    if history:
        place = {name: i for i, name in enumerate(votes.teachers)}
        past = np.zeros((W, K, K))
        for name, table in history.items():
            counts = counts_of(name, table)
            if counts.shape != (K, K) or not np.isfinite(counts).all() or (counts < 0).any():
                raise DataError(
                    f"history of {name!r} must hold counts [true class, label given] of shape "
                    f"({K}, {K}), none below 0; got shape {counts.shape}"
                )
            teacher = place.get(name_of("history: teacher", name))
            if teacher is not None:  # others' records are of no use here, and do no harm
                past[teacher] = counts.T
    return Given(
        votes=votes, starts=votes.starts, weight=weights, gold=gold_positions(votes, gold),
        past=past,
    )  # fmt: skip


def counts_of(name: Any, table: Any) -> Floats:
    """A teacher's past counts, as an array.

    Raises:
        DataError: no numbers.
    """
    try:
        return np.array(table, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"history of {name!r} must hold counts [true class, label given]; got {table!r:.60}"
        ) from error


def weighted_counts(data: Given, weight: Floats | None = None) -> Floats:
    """(T, K) the summed weight of the votes for each class."""
    T, _, K = data.shape
    at = data.votes.task.astype(np.int64) * K + data.votes.label
    weights = data.weight if weight is None else weight
    return np.asarray(np.bincount(at, weights=weights, minlength=T * K), float).reshape(T, K)


def clamped(proba: Floats, gold: NDArray[np.int64]) -> Floats:
    """A copy of the probabilities with gold as certainty."""
    made, known = proba.copy(), np.flatnonzero(gold >= 0)
    made[known] = 0.0
    made[known, gold[known]] = 1.0
    return made


def coin_confusion(accuracy: Floats, K: int) -> Floats:
    """(W, K, K) matrices with one accuracy a teacher, errors spread evenly."""
    off = (1 - accuracy) / max(K - 1, 1)
    made = np.repeat(off, K * K).reshape(len(accuracy), K, K)
    made[:, np.arange(K), np.arange(K)] = accuracy[:, None]
    return made


def hits(proba: Floats, known: NDArray[np.int64]) -> Floats:
    """(N,) of N tasks with classes `known`, the chance that a fair draw among the most probable
    classes of `proba` (N, K) is right: ties share."""
    best = proba >= proba.max(axis=1, keepdims=True) - TIE
    return np.asarray(best[np.arange(len(known)), known] / best.sum(axis=1))


def positive(owner: str, **settings: float) -> None:
    """Settings must be finite and not below 0.

    Raises:
        ConfigError: one is not.
    """
    for name, value in settings.items():
        if not np.isfinite(value) or value < 0:
            raise ConfigError(f"{owner}: {name} must be finite and not below 0; got {value!r}")


def steps_allowed(owner: str, steps: int) -> None:
    """At least one step.

    Raises:
        ConfigError: fewer.
    """
    if steps < 1:
        raise ConfigError(f"{owner}: steps must be at least 1; got {steps!r}")
