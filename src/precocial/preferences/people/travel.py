"""Choices between ways to travel: a multinomial logit, and what a minute is worth.

Utility of mode m: V_m = constant_m + b_time * time_m + b_cost * cost_m; P(m) = softmax over the
modes that are available. One set of coefficients for everybody.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp
from scipy.stats import norm

from precocial.preferences.people.cautions import cautions
from precocial.preferences.people.choices import MODES, ChoiceData
from precocial.preferences.people.comparison import compare
from precocial.preferences.people.held_out import Forecast, baselines, deal_people, fold_count
from precocial.preferences.people.logit import Design, maximise
from precocial.preferences.people.posterior import ChoicePosterior, Figure, Undecided

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
PARAMETERS = ("train", "car", "time", "cost")
UNITS = ("against swissmetro", "against swissmetro", "per 100 minutes", "per 100 francs")
_SCALE = 100.0


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
    count = fold_count(held_out)
    folds = deal_people(data, count, seed)
    design = _design(data)
    weights, covariance = _estimate(design)
    own = Forecast.average([_foretold(design, fold) for fold in folds])
    half = float(norm.ppf((1 + level) / 2)) * np.sqrt(np.diag(covariance))
    low, high = (weights - half)[None], (weights + half)[None]
    return ChoicePosterior(
        kind=data.kind, source=data.source, model="logit", parameters=PARAMETERS, units=UNITS,
        subjects=("everybody",), median=weights[None], low=low, high=high,
        profile_low=low, profile_high=high, at_edge=np.zeros((1, len(weights))), level=level,
        group=(_value_of_time(weights, covariance, level),), n_choices=len(data),
        comparison=compare(
            [own, *baselines(data, folds)], data.subject, data.subjects, folds=count, level=level
        ),
        trade_offs=(), undecided=_undecided(design, weights), cautions=cautions(data),
    )  # fmt: skip


def _foretold(design: Design, fold: Ints) -> Forecast:
    """Each person's choices from those of the other folds' people."""
    p = np.zeros(design.available.shape)
    for f in np.unique(fold):
        others = maximise(design.where(fold != f))
        p[fold == f] = np.exp(design.where(fold == f).log_probabilities(others))
    return Forecast.of("logit", p, design.chosen)


def _design(data: ChoiceData) -> Design:
    def by_mode(name: str) -> Floats:
        return np.stack([data.columns[f"{name}_{mode}"] for mode in MODES], axis=1)

    shape = (len(data), len(MODES))
    constants = [np.broadcast_to(np.array(MODES) == name, shape) for name in PARAMETERS[:2]]
    numbers = [by_mode("time") / _SCALE, by_mode("cost") / _SCALE]
    return Design(
        features=np.stack([*constants, *numbers], axis=2).astype(np.float64),
        available=by_mode("available") > 0, chosen=data.chosen, person=data.subject,
    )  # fmt: skip


def _estimate(design: Design) -> tuple[Floats, Floats]:
    """Weights (P,) and their covariance (P, P), clustered by person."""
    weights = maximise(design)
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


def _undecided(design: Design, weights: Floats) -> tuple[Undecided, ...]:
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
        ("scale", "how much a trip matters, or how steadily people choose: the scale of utility "
         "and the inverse temperature are one number, their product, and every coefficient holds "
         "it; ratios such as the value of time are free of it",
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
