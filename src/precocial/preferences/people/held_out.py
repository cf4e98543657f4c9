"""Held-out choices, and what is foretold of them without any theory of the person.

The choices (for travel: the people) are dealt into folds, and each fold is foretold from the
others, so that every choice is held out once. That is done `DEALS` times, and what is said of a
choice is averaged. Models and baselines are given the same folds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from precocial.errors import FitError
from precocial.preferences.people.choices import MODES, ChoiceData
from precocial.preferences.people.logit import Design, maximise
from precocial.runs.streams import stream

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
CHANCE, RATE, FREQUENT = "chance", "constant rate", "more frequent option"
REGRESSION = "logistic regression"
DEALS = 5
"""How often the choices are dealt anew (ours: from one deal to another, a model's log likelihood
less a regression's moved by 8 nats of 2,160 choices, about half of its standard error)."""
_FLOOR = 1e-300
"""The least probability of a held-out choice: that of a grid cell may round to 0."""
_ONE_OPTION = 1e-12
"""A feature whose deviation is smaller than this share of its size never differs."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Forecast:
    """What somebody who had not seen a choice said of it.

    Attributes:
        name: whose it is.
        nats: (n,) log probability of what was then chosen; none for one who names an option and
            no probability.
        right: (n,) whether the likeliest option was chosen; of k options alike 1 / k.
        baseline: whether it holds no theory of the person.
    """

    name: str
    nats: Floats | None
    right: Floats
    baseline: bool = False

    @classmethod
    def of(cls, name: str, p: Floats, chosen: Ints, *, baseline: bool = False) -> Forecast:
        """From probabilities (n, M) of each option."""
        taken = p[np.arange(len(chosen)), chosen]
        best = p >= p.max(axis=1, keepdims=True)
        right = best[np.arange(len(chosen)), chosen] / best.sum(axis=1)
        return cls(
            name=name, nats=np.log(np.maximum(taken, _FLOOR)), right=right, baseline=baseline
        )

    @classmethod
    def average(cls, forecasts: Sequence[Forecast]) -> Forecast:
        """Of one who foretold the same choices several times: the mean log probability."""
        first = forecasts[0]
        nats = [forecast.nats for forecast in forecasts if forecast.nats is not None]
        return cls(
            name=first.name, baseline=first.baseline,
            nats=None if first.nats is None else np.mean(nats, axis=0),
            right=np.mean([forecast.right for forecast in forecasts], axis=0),
        )  # fmt: skip


def fold_count(share: float) -> int:
    """How many folds hold out about `share` at a time: 1 / share, at least 2."""
    return max(2, round(1 / share))


def deal_choices(data: ChoiceData, folds: int, seed: int) -> Ints:
    """(DEALS, n) fold of each choice; each person's choices are dealt evenly.

    Raises:
        FitError: a person with fewer than two choices.
    """
    rng = stream(seed, "preferences", "choices", "split")
    fold = np.zeros((DEALS, len(data)), dtype=np.int64)
    for n, subject in enumerate(data.subjects):
        own = np.flatnonzero(data.subject == n)
        if len(own) < 2:
            raise FitError(
                f"subject {subject} has {len(own)} choices; two are needed, one of them to hold out"
            )
        for deal in fold:
            deal[rng.permutation(own)] = np.arange(len(own)) % folds
    return fold


def deal_people(data: ChoiceData, folds: int, seed: int) -> Ints:
    """(DEALS, n) fold of each choice; a person's choices stay together.

    Raises:
        FitError: fewer than two people.
    """
    people, place = np.unique(data.subject, return_inverse=True)
    if len(people) < 2:
        raise FitError(f"a logit with held-out people needs two people; got {len(people)}")
    rng = stream(seed, "preferences", "travel")
    dealt = [rng.permutation(len(people)) % folds for _ in range(DEALS)]
    return np.stack([deal[place] for deal in dealt])


# ---------------------------------------------------------------- without a theory


def baselines(data: ChoiceData, folds: Ints) -> list[Forecast]:
    """Logistic regression, a constant rate, always the more frequent option, and chance.

    Each is fitted to the other folds: person by person, and for travel to all other people.
    Chance: every available option alike. Constant rate: (taken + 1/2) / (offered + 1) of each
    option, over what is available. The more frequent option gives no probability.

    Logistic regression: P(option m) = softmax of w_m . (1, x), for two options the logit of one
    w . (1, x), with all columns x scaled to mean 0 and deviation 1 on the choices it is fitted to,
    and a penalty |w|^2 / 2 on all but the constant: scikit-learn's LogisticRegression() after its
    StandardScaler(), to which it is equal. Where only one option was ever taken, which
    scikit-learn refuses, it says the constant rate. Departure: what is not available gets
    probability 0.

    Args:
        data: n choices.
        folds: (DEALS, n).
    """
    each = [_baselines(data, fold) for fold in folds]
    return [Forecast.average(same) for same in zip(*each, strict=True)]


def _baselines(data: ChoiceData, fold: Ints) -> tuple[Forecast, ...]:
    available = _available(data)
    rate, regressed = np.zeros(available.shape), np.zeros(available.shape)
    group = np.zeros_like(data.subject) if data.kind == "travel" else data.subject
    x = np.stack(list(data.columns.values()), axis=1)
    for person in np.unique(group):
        for f in np.unique(fold[group == person]):
            fit, held = (group == person) & (fold != f), (group == person) & (fold == f)
            rate[held] = _rates(available[fit], data.chosen[fit], available[held])
            regressed[held] = (
                _regressed(x, available, data, fit, held)
                if len(np.unique(data.chosen[fit])) > 1
                else rate[held]
            )
    even = available / available.sum(axis=1, keepdims=True)
    constant = Forecast.of(RATE, rate, data.chosen, baseline=True)
    return (
        Forecast.of(REGRESSION, regressed, data.chosen, baseline=True),
        constant,
        Forecast(name=FREQUENT, nats=None, right=constant.right, baseline=True),
        Forecast.of(CHANCE, even, data.chosen, baseline=True),
    )


def _available(data: ChoiceData) -> Floats:
    """(n, M) of 0 and 1."""
    if data.kind != "travel":
        return np.ones((len(data), 2))
    return np.stack([data.columns[f"available_{mode}"] for mode in MODES], axis=1)


def _rates(available: Floats, chosen: Ints, held: Floats) -> Floats:
    """(h, M) from how often each option was taken where it was available."""
    taken = np.bincount(chosen, minlength=available.shape[1]) + 0.5
    p = held * (taken / (available.sum(axis=0) + 1))
    return np.asarray(p / p.sum(axis=1, keepdims=True))


def _regressed(
    x: Floats, available: Floats, data: ChoiceData, fit: NDArray[np.bool_], held: NDArray[np.bool_]
) -> Floats:
    """(h, M) by a logistic regression."""
    mean, deviation = x[fit].mean(axis=0), x[fit].std(axis=0)
    differs = deviation > _ONE_OPTION * np.maximum(np.abs(mean), 1.0)
    scaled = np.where(differs, (x - mean) / np.where(differs, deviation, 1.0), 0.0)
    columns = np.concatenate([np.ones((len(x), 1)), scaled[:, differs]], axis=1)
    M, D = available.shape[1], columns.shape[1]
    own = np.eye(M) if M > 2 else np.array([[0.0], [1.0]])

    def design(kept: NDArray[np.bool_]) -> Design:
        features = np.einsum("mk,nd->nmkd", own, columns[kept])
        return Design(
            features=features.reshape(len(features), M, -1), available=available[kept] > 0,
            chosen=data.chosen[kept], person=data.subject[kept],
        )  # fmt: skip

    weights = maximise(design(fit), np.tile(np.r_[0.0, np.ones(D - 1)], own.shape[1]))
    return np.exp(design(held).log_probabilities(weights))
