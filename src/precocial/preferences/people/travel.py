"""Choices between ways to travel: a multinomial logit, and what a minute is worth.

Utility of mode m: V_m = constant_m + b_time * time_m + b_cost * cost_m; P(m) = softmax over the
modes that are available. One set of coefficients for everybody.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp
from scipy.stats import norm

from precocial.errors import FitError
from precocial.preferences.people.choices import MODES, ChoiceData
from precocial.preferences.people.posterior import ChoicePosterior, Figure, Undecided
from precocial.runs.streams import stream

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
PARAMETERS = ("train", "car", "time", "cost")
UNITS = ("against swissmetro", "against swissmetro", "per 100 minutes", "per 100 francs")
_SCALE = 100.0
_INFORMATION = 1e-6
"""The least eigenvalue of a choice's mean information: the logit of choices that bound nothing
runs away until its gradient is 1e-8, and its information is then as small (ours)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Design:
    features: Floats
    """(n, M, P)"""
    available: Bools
    """(n, M)"""
    chosen: Ints
    """(n,)"""
    person: Ints
    """(n,)"""

    def log_probabilities(self, weights: Floats) -> Floats:
        """(n, M) in nats; -inf where a mode is not available."""
        V = np.where(self.available, self.features @ weights, -np.inf)
        return np.asarray(V - logsumexp(V, axis=1, keepdims=True))

    def log_likelihoods(self, weights: Floats) -> Floats:
        """(n,) of the modes chosen."""
        return np.asarray(self.log_probabilities(weights)[np.arange(len(self.chosen)), self.chosen])

    def scores(self, weights: Floats) -> Floats:
        """(n, P) gradient of each choice's log likelihood."""
        p = np.exp(self.log_probabilities(weights))
        taken = self.features[np.arange(len(self.chosen)), self.chosen]
        return np.asarray(taken - np.einsum("nm,nmp->np", p, self.features))

    def information(self, weights: Floats) -> Floats:
        """(P, P) minus the Hessian of the log likelihood: the features' covariance under P."""
        p = np.exp(self.log_probabilities(weights))
        mean = np.einsum("nm,nmp->np", p, self.features)
        centred = self.features - mean[:, None]
        return np.asarray(np.einsum("nm,nmp,nmq->pq", p, centred, centred, optimize=True))

    def where(self, kept: Bools) -> _Design:
        """Some of the choices."""
        return _Design(
            features=self.features[kept], available=self.available[kept],
            chosen=self.chosen[kept], person=self.person[kept],
        )  # fmt: skip


def fit_travel(
    data: ChoiceData, *, held_out: float = 0.25, level: float = 0.95, seed: int = 0
) -> ChoicePosterior:
    """A multinomial logit by maximum likelihood, with the value of time.

    The specification of Biogeme's first swissmetro example. Departures: intervals are normal with
    a covariance clustered by person (each answered nine times), H^-1 (sum_i s_i s_i^T) H^-1 for
    the persons' scores s_i; that of the value of time b_time / b_cost is by the delta method.
    `median` is the maximum-likelihood estimate and `at_edge` is 0: there is no grid.

    Raises:
        FitError: the choices do not bound the coefficients (one mode always taken, say), or
            there are fewer than two people.
    """
    design = _design(data)
    people = np.unique(design.person)
    if len(people) < 2:
        raise FitError(f"a logit with held-out people needs two people; got {len(people)}")
    count = min(max(1, round(held_out * len(people))), len(people) - 1)
    chosen = stream(seed, "preferences", "travel").permutation(people)[:count]
    test = np.isin(design.person, chosen)
    fit, held = design.where(~test), design.where(test)
    weights, covariance = _estimate(design)
    half = float(norm.ppf((1 + level) / 2)) * np.sqrt(np.diag(covariance))
    return ChoicePosterior(
        source=data.source, model="logit", parameters=PARAMETERS, units=UNITS,
        subjects=("everybody",), median=weights[None], low=(weights - half)[None],
        high=(weights + half)[None], at_edge=np.zeros((1, len(weights))), level=level,
        group=(_value_of_time(weights, covariance, level),), n_choices=len(data),
        n_held_out=int(test.sum()),
        held_out_nats=float(held.log_likelihoods(_maximum(fit)).mean()),
        frequency_nats=_by_frequency(fit, held),
        chance_nats=-float(np.log(held.available.sum(axis=1)).mean()),
        undecided=_undecided(design, weights),
    )  # fmt: skip


def _design(data: ChoiceData) -> _Design:
    def by_mode(name: str) -> Floats:
        return np.stack([data.columns[f"{name}_{mode}"] for mode in MODES], axis=1)

    shape = (len(data), len(MODES))
    constants = [np.broadcast_to(np.array(MODES) == name, shape) for name in PARAMETERS[:2]]
    numbers = [by_mode("time") / _SCALE, by_mode("cost") / _SCALE]
    return _Design(
        features=np.stack([*constants, *numbers], axis=2).astype(np.float64),
        available=by_mode("available") > 0, chosen=data.chosen, person=data.subject,
    )  # fmt: skip


def _maximum(design: _Design) -> Floats:
    """The likeliest weights; the log likelihood is concave, so Newton's steps find them."""
    n = len(design.chosen)
    found = minimize(
        lambda w: -design.log_likelihoods(w).sum() / n,
        np.zeros(design.features.shape[2]),
        jac=lambda w: -design.scores(w).sum(axis=0) / n,
        hess=lambda w: design.information(w) / n,
        method="trust-exact",
        options={"gtol": 1e-8},
    )
    weights = np.asarray(found.x)
    information = design.information(weights) / n
    if not found.success or np.linalg.eigvalsh(information)[0] < _INFORMATION:
        raise FitError(
            "the choices do not bound the coefficients of the logit: some mode is always or never "
            "taken, or time and cost never differ. More choices, or other people, would"
        )
    return weights


def _estimate(design: _Design) -> tuple[Floats, Floats]:
    """Weights (P,) and their covariance (P, P), clustered by person."""
    weights = _maximum(design)
    _, place = np.unique(design.person, return_inverse=True)
    scores = np.zeros((place.max() + 1, len(weights)))
    np.add.at(scores, place, design.scores(weights))
    inverse = np.linalg.inv(design.information(weights))
    return weights, inverse @ (scores.T @ scores) @ inverse


def _value_of_time(weights: Floats, covariance: Floats, level: float) -> Figure:
    """Francs that an hour is worth, b_time / b_cost, by the delta method."""
    time, cost = weights[2:]
    gradient = np.array([0.0, 0.0, 1 / cost, -time / cost**2])
    half = float(norm.ppf((1 + level) / 2) * np.sqrt(gradient @ covariance @ gradient))
    value = float(time / cost)
    return Figure(
        name="value of time", value=60 * value, low=60 * (value - half), high=60 * (value + half),
        unit="francs per hour",
    )  # fmt: skip


def _by_frequency(fit: _Design, held: _Design) -> float:
    """Held-out log probability from how often each mode was taken where it was available."""
    modes = range(fit.available.shape[1])
    taken = np.array([(fit.chosen == m).sum() for m in modes]) + 0.5
    share = taken / (fit.available.sum(axis=0) + 1)
    p = np.where(held.available, share, 0.0)
    p = p / p.sum(axis=1, keepdims=True)
    return float(np.log(p[np.arange(len(held.chosen)), held.chosen]).mean())


def _undecided(design: _Design, weights: Floats) -> tuple[Undecided, ...]:
    """The readings of the same choices that no number of choices tells apart."""
    n = np.arange(len(design.chosen))

    def chosen_of(features: Floats, w: Floats) -> Floats:
        V = np.where(design.available, features @ w, -np.inf)
        return np.asarray((V - logsumexp(V, axis=1, keepdims=True))[n, design.chosen])

    def best(V: Floats) -> Ints:
        return np.asarray(np.where(design.available, V, -np.inf).argmax(axis=1))

    own, X = design.log_likelihoods(weights), design.features
    # The constants as reluctance of the planner: utility has them not, the planner adds them.
    plain = weights * np.array([0.0, 0.0, 1.0, 1.0])
    habit = np.where(design.available, X @ plain + X[..., :2] @ weights[:2], -np.inf)
    as_habit = (habit - logsumexp(habit, axis=1, keepdims=True))[n, design.chosen]
    readings = (
        ("bias", "whether people like a mode for itself, or go by it out of habit: the constants "
         "as preference or as bias", as_habit, X @ plain),
        ("sign", "whether people choose what they want, or want the opposite and choose against "
         "it: utility and planner may both be negated", chosen_of(-X, -weights), -X @ weights),
        ("scale", "how much is at stake: only the product of the scale of utility and the inverse "
         "temperature shows; ratios such as the value of time are free of it",
         chosen_of(X * 3.0, weights / 3.0), 3.0 * (X @ weights)),
    )  # fmt: skip
    return tuple(
        Undecided(
            name=name, statement=statement,
            gap_nats=float(abs(likelihood.sum() - own.sum())),
            advice_differs=float((best(X @ weights) != best(utility)).mean()),
        )
        for name, statement, likelihood, utility in readings
    )  # fmt: skip
