"""GLAD: able teachers, easy tasks (Whitehill and others 2009)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize
from scipy.special import expit

from precocial.errors import ConfigError, one_of
from precocial.feedback.votes import Votes
from precocial.normativity.aggregators.dawid_skene import CLASS_PRIORS, ClassPrior
from precocial.normativity.aggregators.result import (
    Aggregated,
    Floats,
    History,
    coin_confusion,
    given,
    positive,
    steps_allowed,
)

MIN_SPREAD = 1e-3
"""Below it a prior is as good as a constant (ours)."""
WIDEST = 30.0
"""Bound on |alpha| and |beta| (ours): beyond it exp overflows long before a prior lets it."""
EM_STEPS, DAMPING = 20, 0.5
"""Damped EM steps before L-BFGS (ours): alone, its first long steps can swap two classes of unequal
size, which leaves every teacher with a negative ability."""


@dataclass(frozen=True, kw_only=True)
class Glad:
    """A vote is right with probability 1 / (1 + exp(-alpha_w exp(beta_t))), errors spread evenly
    (Whitehill et al., 2009, section 2); Normal(1, 1) priors on alpha and beta, classes uniform.

    The same model and priors as crowd-kit's. Departure: we maximise the marginal likelihood with
    the priors by L-BFGS, with its exact gradient (that of the expected complete likelihood, by
    Fisher's identity), after a few damped EM steps, where they alternate EM with 25 steps of
    conjugate gradients. Past counts are votes, right or wrong, on tasks of the prior's mean ease.

    Attributes:
        able, easy: the means of the priors of alpha and beta; spread: their standard deviation.
        class_prior: "uniform", or "estimated": the mean of the majority's shares, kept fixed.
        steps: the most steps; tolerance: stops when the objective changes by less, as a share.
    """

    name: str = "GLAD"
    able: float = 1.0
    easy: float = 1.0
    spread: float = 1.0
    class_prior: ClassPrior = "uniform"
    steps: int = 200
    tolerance: float = 1e-9

    def __post_init__(self) -> None:
        positive("Glad", spread=self.spread, tolerance=self.tolerance)
        positive("Glad", able=abs(self.able), easy=abs(self.easy))
        if self.spread < MIN_SPREAD:
            raise ConfigError(f"Glad: spread must be at least {MIN_SPREAD}; got {self.spread!r}")
        one_of("Glad: class_prior", self.class_prior, CLASS_PRIORS)
        steps_allowed("Glad", self.steps)

    def fit(
        self,
        votes: Votes,
        *,
        gold: Mapping[Any, Any] | None = None,
        history: History | None = None,
        weight: ArrayLike | None = None,
    ) -> Aggregated:
        """Class probabilities, abilities `parameters["ability"]` (W,) and logarithms of ease
        `parameters["ease"]` (T,)."""
        from precocial.normativity.aggregators import kernels  # loads numba, late

        data = given(votes, gold, history, weight)
        T, W, K = data.shape
        prior = np.full(K, 1 / K)
        if self.class_prior == "estimated":
            shares = data.majority().sum(axis=0) + 1
            prior = shares / shares.sum()
        proba, row = np.empty((T, K)), np.empty(K)
        slopes, curves = np.empty(W + T), np.empty(W + T)
        found = {"likelihood": 0.0}
        log_prior = np.log(prior)

        def objective(x: Floats) -> tuple[float, Floats]:
            found["likelihood"] = kernels.ability_pass(
                *data.rows, x[:W], x[W:], log_prior, data.gold, row, proba, slopes, curves
            )
            away = (x - centre) / self.spread**2
            value = found["likelihood"] - 0.5 * float(away @ (x - centre))
            slope = slopes - away
            if data.past is not None:
                more, slope_more = self._past(data.past, x[:W])
                value, slope[:W] = value + more, slope[:W] + slope_more
            return -value, -slope

        centre = np.concatenate([np.full(W, self.able), np.full(T, self.easy)])
        x = centre.copy()
        for _ in range(EM_STEPS):
            slope = -objective(x)[1]
            x += np.clip(DAMPING * slope / (curves + 1 / self.spread**2), -1, 1)
        done = minimize(
            objective, x, method="L-BFGS-B", jac=True, bounds=[(-WIDEST, WIDEST)] * (W + T),
            options={"maxiter": self.steps, "ftol": self.tolerance, "gtol": 1e-6, "maxcor": 10},
        )  # fmt: skip
        objective(done.x)  # the probabilities that belong to the solution
        ability, ease = done.x[:W].copy(), done.x[W:].copy()
        accuracy = expit(ability * np.exp(ease.mean()))
        return Aggregated(
            name=self.name, votes=votes, proba=proba, class_prior=prior,
            confusion=coin_confusion(accuracy, K) if K > 1 else np.ones((W, 1, 1)),
            accuracy=accuracy, log_likelihood=float(found["likelihood"]),
            steps=int(done.nfev) + EM_STEPS, converged=bool(done.success),
            parameters={"ability": ability, "ease": ease},
        )  # fmt: skip

    def _past(self, past: Floats, alpha: Floats) -> tuple[float, Floats]:
        """Log likelihood of past votes on tasks of average ease, and its slope in alpha."""
        ease, K = np.exp(self.easy), past.shape[1]
        right = np.trace(past, axis1=1, axis2=2)
        wrong = past.sum(axis=(1, 2)) - right
        x = alpha * ease
        log_s = -np.logaddexp(0, -x)
        value = right @ log_s + wrong @ (log_s - x - np.log(max(K - 1, 1)))
        return float(value), np.asarray(ease * (right - (right + wrong) * expit(x)))
