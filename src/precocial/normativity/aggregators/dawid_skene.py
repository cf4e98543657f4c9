"""Dawid and Skene's model of teachers with a confusion matrix each, and its smoothed relatives.

P(votes) = prod_t sum_k pi[k] prod_v P_w[k, l]: the votes v = (t, w, l) on a task are independent
given its class (Dawid and Skene 1979). EM: an E step gives T[t, k], an M step counts
N_w[k, l] = sum of T[t, k] over w's votes for l. All differ only in how counts become P.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike

from precocial.errors import one_of
from precocial.feedback.votes import Votes
from precocial.normativity.aggregators.result import (
    FLOOR,
    Aggregated,
    Floats,
    Given,
    History,
    given,
    positive,
    steps_allowed,
)

ClassPrior = Literal["estimated", "uniform"]
CLASS_PRIORS = ("estimated", "uniform")
Centre = Literal["one-coin", "pooled"]
CENTRES = ("one-coin", "pooled")
COIN = 1.0
"""Votes that pull a teacher's accuracy towards everyone's where it is the centre of a prior (ours:
one vote, so that a teacher of few votes has a centre inside (0, 1))."""


@dataclass(frozen=True, kw_only=True)
class DawidSkene:
    """P_w[k, l] proportional to N_w[k, l] + cell + diagonal where k = l; pi[k] to the sum of
    T[t, k], plus `per_class`. Nothing added (the default) is Dawid and Skene's maximum likelihood.

    As crowd-kit's, from the majority's shares, with probabilities of at least 1e-10. Ours stops by
    the log likelihood itself; theirs by a bound that counts the class prior once a vote. Past
    counts join N for good, not only at the start.

    Attributes:
        diagonal, cell, per_class: counts added.
        class_prior: pi, "estimated" or "uniform".
        steps: the most passes; tolerance: stops when the log likelihood of a vote changes by less,
            in nats.
    """

    name: str = "Dawid-Skene"
    diagonal: float = 0.0
    cell: float = 0.0
    per_class: float = 0.0
    class_prior: ClassPrior = "estimated"
    steps: int = 100
    tolerance: float = 1e-5

    def __post_init__(self) -> None:
        positive(
            "DawidSkene", diagonal=self.diagonal, cell=self.cell, per_class=self.per_class,
            tolerance=self.tolerance,
        )  # fmt: skip
        one_of("DawidSkene: class_prior", self.class_prior, CLASS_PRIORS)
        steps_allowed("DawidSkene", self.steps)

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
        K = counts.shape[1]
        return normalised(counts + self.cell + self.diagonal * np.eye(K))


def smoothed_dawid_skene(name: str = "smoothed Dawid-Skene") -> DawidSkene:
    """Dawid-Skene with 2 on the diagonal, half a vote in each cell and one task in each class:
    a teacher of few votes is taken to be rather right."""
    return DawidSkene(name=name, diagonal=2.0, cell=0.5, per_class=1.0)


@dataclass(frozen=True, kw_only=True)
class OneCoin:
    """One accuracy a teacher, errors spread evenly: P_w[k, l] = s_w if k = l, else
    (1 - s_w) / (K - 1); s_w = (right + hits) / (votes + hits + misses).

    As crowd-kit's OneCoinDawidSkene when hits = misses = 0 (the default).

    Attributes:
        hits, misses: votes added to each teacher's.
        class_prior, steps, tolerance: as in DawidSkene.
    """

    name: str = "one-coin"
    hits: float = 0.0
    misses: float = 0.0
    per_class: float = 0.0
    class_prior: ClassPrior = "estimated"
    steps: int = 100
    tolerance: float = 1e-5

    def __post_init__(self) -> None:
        positive(
            "OneCoin", hits=self.hits, misses=self.misses, per_class=self.per_class,
            tolerance=self.tolerance,
        )  # fmt: skip
        one_of("OneCoin: class_prior", self.class_prior, CLASS_PRIORS)
        steps_allowed("OneCoin", self.steps)

    def fit(
        self,
        votes: Votes,
        *,
        gold: Mapping[Any, Any] | None = None,
        history: History | None = None,
        weight: ArrayLike | None = None,
    ) -> Aggregated:
        """Class probabilities and accuracies."""
        return expectation_maximisation(self, given(votes, gold, history, weight))

    def table(self, counts: Floats) -> Floats:
        """(W, K given, K true) probabilities from counts of that shape."""
        return _coins(skill(counts, self.hits, self.misses), counts.shape[1])


@dataclass(frozen=True, kw_only=True)
class CentredDawidSkene:
    """Dawid-Skene with a Dirichlet prior on each row of a teacher's matrix: P_w[k, l] proportional
    to N_w[k, l] + strength * C_w[k, l].

    The centre C follows the data, step by step: the teacher's own one-coin matrix, or the confusion
    of all teachers together. A strong prior makes it the one-coin model or one shared confusion, a
    weak one plain Dawid-Skene.

    Attributes:
        strength: votes a class that the centre is worth.
        centre: "one-coin" or "pooled".
        class_prior, steps, tolerance: as in DawidSkene.
    """

    name: str = "centred Dawid-Skene"
    strength: float = 8.0
    centre: Centre = "one-coin"
    per_class: float = 1.0
    class_prior: ClassPrior = "estimated"
    steps: int = 100
    tolerance: float = 1e-5

    def __post_init__(self) -> None:
        positive(
            "CentredDawidSkene", strength=self.strength, per_class=self.per_class,
            tolerance=self.tolerance,
        )  # fmt: skip
        one_of("CentredDawidSkene: centre", self.centre, CENTRES)
        one_of("CentredDawidSkene: class_prior", self.class_prior, CLASS_PRIORS)
        steps_allowed("CentredDawidSkene", self.steps)

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
        K = counts.shape[1]
        everyone = skill(counts.sum(axis=0, keepdims=True), COIN, COIN)[0]
        if self.centre == "one-coin":
            centre = _coins(skill(counts, COIN * everyone, COIN * (1 - everyone)), K)
        else:
            pooled = counts.sum(axis=0, keepdims=True)
            centre = normalised(pooled + COIN * _coins(np.array([everyone]), K))
        return normalised(counts + self.strength * centre)


# ---------------------------------------------------------------- the algorithm


class Model(Protocol):
    """What turns counts into probabilities; the rest is one algorithm."""

    @property
    def name(self) -> str:
        """The aggregator's."""
        ...

    @property
    def per_class(self) -> float:
        """Tasks added to each class."""
        ...

    @property
    def class_prior(self) -> ClassPrior:
        """As in DawidSkene."""
        ...

    @property
    def steps(self) -> int:
        """The most passes."""
        ...

    @property
    def tolerance(self) -> float:
        """As in DawidSkene."""
        ...

    def table(self, counts: Floats) -> Floats:
        """(W, K given, K true) probabilities from counts of that shape."""
        ...


def expectation_maximisation(model: Model, data: Given) -> Aggregated:
    """EM from the majority's shares: passes over the votes until the likelihood stays."""
    from precocial.normativity.aggregators import kernels  # loads numba, late

    _, W, K = data.shape
    proba = data.majority()
    counts = np.zeros((W, K, K))
    kernels.confusion_counts(*data.rows, proba, counts)
    row, last, converged, step = np.empty(K), -np.inf, False, 0
    total = max(data.weight.sum(), 1.0)
    while step < model.steps and not converged:
        table, prior = _from_counts(model, data, counts, proba)
        likelihood = kernels.confusion_pass(
            *data.rows, np.log(table), np.log(prior), data.gold, row, proba, counts
        )
        step += 1
        converged = bool(abs(likelihood - last) <= model.tolerance * total)
        last = likelihood
    # the matrices that the probabilities came from, so that the likelihood is theirs
    confusion = np.ascontiguousarray(table.transpose(0, 2, 1))
    right = np.einsum("wkk,k->w", table, prior)
    return Aggregated(
        name=model.name, votes=data.votes, proba=proba, class_prior=prior, confusion=confusion,
        accuracy=right, log_likelihood=float(last), steps=step, converged=converged,
    )  # fmt: skip


def _from_counts(model: Model, data: Given, counts: Floats, proba: Floats) -> tuple[Floats, Floats]:
    """The M step: tables (W, K given, K true) and the class prior."""
    K = data.shape[2]
    table = model.table(counts if data.past is None else counts + data.past)
    if model.class_prior == "uniform":
        return table, np.full(K, 1 / K)
    prior = np.maximum(proba.sum(axis=0) + model.per_class, FLOOR)
    return table, prior / prior.sum()


def normalised(counts: Floats) -> Floats:
    """Counts (W, K given, K true) as probabilities of what is given."""
    floored = np.maximum(counts, FLOOR)
    return np.asarray(floored / floored.sum(axis=1, keepdims=True))


def skill(counts: Floats, hits: Any, misses: Any) -> Floats:
    """(W,) share of right votes; of all teachers' where one has none."""
    right, total = np.trace(counts, axis1=1, axis2=2), counts.sum(axis=(1, 2))
    everyone = right.sum() / total.sum() if total.sum() > 0 else 1 / counts.shape[1]
    own = np.divide(
        right + hits, total + hits + misses,
        out=np.full(len(counts), everyone), where=total + hits + misses > 0,
    )  # fmt: skip
    return np.asarray(np.clip(own, FLOOR, 1 - FLOOR))


def _coins(skill: Floats, K: int) -> Floats:
    from precocial.normativity.aggregators.result import coin_confusion

    return coin_confusion(skill, K) if K > 1 else np.ones((len(skill), 1, 1))
