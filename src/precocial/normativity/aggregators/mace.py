"""MACE: teachers who know, or guess in a way of their own (Hovy and others 2013)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import digamma

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

METHODS = ("vb", "em")


@dataclass(frozen=True, kw_only=True)
class Mace:
    """A teacher knows the class with probability c_w and gives it, or else guesses by xi_w:
    P_w[k, l] = c_w [k = l] + (1 - c_w) xi_w[l], classes uniform (Hovy et al., 2013, section 2).

    "em" adds `smoothing` / K to counts; "vb" is their variational step, exp(digamma) of counts plus
    Beta(knowing, guessing) and `guesses` on each label. Of several starts the one with the best
    log likelihood is kept. Departures: the defaults of priors are crowd-kit's; starts differ (its
    integer seed gives it the same start each time), beginning with one at the majority's shares;
    the class is summed in logarithms, where its products underflow after some hundreds of votes.
    Past counts are votes on tasks whose class is known.

    Attributes:
        method: "vb" or "em".
        starts: starting points; steps: passes for each; tolerance: stops when the log likelihood
            of a vote changes by less, in nats; 0 makes all the passes.
        seed: of the starts after the first.
    """

    name: str = "MACE"
    method: Literal["vb", "em"] = "vb"
    starts: int = 10
    steps: int = 50
    tolerance: float = 1e-7
    smoothing: float = 0.01
    knowing: float = 0.5
    guessing: float = 0.5
    guesses: float = 10.0
    seed: int = 0

    def __post_init__(self) -> None:
        one_of("Mace: method", self.method, METHODS)
        positive(
            "Mace", tolerance=self.tolerance, smoothing=self.smoothing, knowing=self.knowing,
            guessing=self.guessing, guesses=self.guesses,
        )  # fmt: skip
        steps_allowed("Mace", self.steps)
        steps_allowed("Mace", self.starts)

    def fit(
        self,
        votes: Votes,
        *,
        gold: Mapping[Any, Any] | None = None,
        history: History | None = None,
        weight: ArrayLike | None = None,
    ) -> Aggregated:
        """Class probabilities, how often a teacher knows (`parameters["knows"]`, (W,)) and how it
        guesses (`parameters["guess"]`, (W, K))."""
        from precocial.normativity.aggregators import kernels  # loads numba, late

        data = given(votes, gold, history, weight)
        _, W, K = data.shape
        rng = np.random.default_rng(self.seed)
        best: tuple[float, Floats, Floats, Floats, int, bool] | None = None
        steps = 0
        for start in range(self.starts):
            knows, guess = self._start(data, rng if start else None)
            proba, row = np.empty((len(votes.tasks), K)), np.empty(K)
            known, guessed = np.empty(W), np.empty((W, K))
            last, converged = -np.inf, False
            for step in range(self.steps + 1):
                tables = _tables(knows, guess)
                likelihood = kernels.guess_pass(
                    *data.rows, *tables, data.gold, row, proba, known, guessed
                )
                steps += 1
                converged = bool(
                    abs(likelihood - last) <= self.tolerance * max(data.weight.sum(), 1.0)
                )
                last = likelihood
                if (converged and self.tolerance > 0) or step == self.steps:
                    break
                knows, guess = self._maximised(data, known, guessed, tables[2])
            if best is None or last > best[0]:
                best = (last, proba, knows, guess, start, converged)
        assert best is not None
        return _result(self.name, data, best, steps)

    def _start(self, data: Given, rng: np.random.Generator | None) -> tuple[Floats, Floats]:
        """Knowing as good as guessing, guesses almost even; or the majority's."""
        votes, (_, W, K) = data.votes, data.shape
        if rng is not None:  # crowd-kit's start: uniform on (1, 2.5), normalised
            share, guess = rng.uniform(1, 2.5, (W, 2)), rng.uniform(1, 2.5, (W, K))
            return np.stack(
                [share[:, 0] / share.sum(axis=1), share[:, 1] / share.sum(axis=1)]
            ).T, guess / guess.sum(axis=1, keepdims=True)
        right = data.weight * data.majority()[votes.task, votes.label]
        known = np.bincount(votes.teacher, weights=right, minlength=W)
        total = np.bincount(votes.teacher, weights=data.weight, minlength=W)
        if data.past is not None:
            known = known + np.trace(data.past, axis1=1, axis2=2)
            total = total + data.past.sum(axis=(1, 2))
        share = (known + 1) / (total + 2)
        return np.stack([1 - share, share], axis=1), np.full((W, K), 1 / K)

    def _maximised(
        self, data: Given, known: Floats, guessed: Floats, guessing: Floats
    ) -> tuple[Floats, Floats]:
        """(W, 2) of guessing and knowing, (W, K) of guesses; rows need not sum to 1 under "vb"."""
        if data.past is not None:
            right = np.diagonal(data.past, axis1=1, axis2=2)
            known = known + (right * (1 - guessing)).sum(axis=1)
            guessed = guessed + data.past.sum(axis=2) - right * (1 - guessing)
        both = np.stack([guessed.sum(axis=1), known], axis=1)
        if self.method == "em":
            extra = max(self.smoothing / data.shape[2], FLOOR)
            return _share(both + extra), _share(guessed + extra)
        prior = np.maximum([self.guessing, self.knowing], FLOOR)
        return _expected(both + prior), _expected(guessed + max(self.guesses, FLOOR))


def _tables(knows: Floats, guess: Floats) -> tuple[Floats, Floats, Floats]:
    """log_guess, log_gain and guessing of `kernels.guess_pass`, each (W, K)."""
    guesses = np.maximum(knows[:, :1] * guess, FLOOR**2)
    with_known = guesses + knows[:, 1:]
    return np.log(guesses), np.log(with_known) - np.log(guesses), guesses / with_known


def _share(counts: Floats) -> Floats:
    return np.asarray(counts / counts.sum(axis=1, keepdims=True))


def _expected(counts: Floats) -> Floats:
    """exp of the expected log of a Dirichlet's probabilities."""
    return np.asarray(np.exp(digamma(counts) - digamma(counts.sum(axis=1, keepdims=True))))


def _result(
    name: str, data: Given, best: tuple[float, Floats, Floats, Floats, int, bool], steps: int
) -> Aggregated:
    likelihood, proba, knows, guess, _, converged = best
    K = data.shape[2]
    share, guess = _share(knows), _share(guess)
    confusion = np.repeat((share[:, :1] * guess)[:, None, :], K, axis=1)
    confusion[:, np.arange(K), np.arange(K)] += share[:, 1:]
    prior = np.full(K, 1 / K)
    return Aggregated(
        name=name, votes=data.votes, proba=proba, class_prior=prior, confusion=confusion,
        accuracy=np.einsum("wkk,k->w", confusion, prior), log_likelihood=float(likelihood),
        steps=steps, converged=converged, parameters={"knows": share[:, 1], "guess": guess},
    )  # fmt: skip
