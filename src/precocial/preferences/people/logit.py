"""Logits: choices between options that have features.

Utility of option m: V_m = features_m . w; P(m) = softmax over the options that are available.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from precocial.errors import FitError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
_GRADIENT = 1e-8
"""Of the mean objective, at which Newton's steps end (ours)."""
_STEPS, _HALVINGS = 100, 30
_INFORMATION = 1e-6
"""The least eigenvalue of a choice's mean information: the logit of choices that bound nothing
runs away until its gradient is 1e-8, and its information is then as small (ours)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Design:
    """n choices between M options with P features.

    Attributes:
        features: (n, M, P).
        available: (n, M).
        chosen: (n,) index of the option taken.
        person: (n,) who chose.
    """

    features: Floats
    available: Bools
    chosen: Ints
    person: Ints

    def log_probabilities(self, weights: Floats) -> Floats:
        """(n, M) in nats; -inf where an option is not available."""
        V = np.where(self.available, self.features @ weights, -np.inf)
        V -= V.max(axis=1, keepdims=True)
        return np.asarray(V - np.log(np.exp(V).sum(axis=1, keepdims=True)))

    def log_likelihoods(self, weights: Floats) -> Floats:
        """(n,) of the options chosen."""
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
        centred = (self.features - mean[:, None]).reshape(-1, len(weights))
        return np.asarray((centred * p.reshape(-1, 1)).T @ centred)

    def where(self, kept: Bools) -> Design:
        """Some of the choices."""
        return Design(
            features=self.features[kept], available=self.available[kept],
            chosen=self.chosen[kept], person=self.person[kept],
        )  # fmt: skip


def maximise(design: Design, ridge: Floats | None = None) -> Floats:
    """argmax_w of sum_i log P(chosen_i | w) - sum_p ridge_p w_p^2 / 2, (P,).

    It is concave, so Newton's steps find it.

    Args:
        design: the choices.
        ridge: (P,) penalties, at least 0; none: the plain maximum likelihood.

    Raises:
        FitError: there is no ridge, and the choices do not bound the coefficients.
    """
    n, P = len(design.chosen), design.features.shape[2]
    penalty = np.zeros(P) if ridge is None else ridge

    def objective(w: Floats) -> float:
        return float(design.log_likelihoods(w).sum() - 0.5 * penalty @ w**2) / n

    weights, height = np.zeros(P), objective(np.zeros(P))
    for _ in range(_STEPS):
        gradient = (design.scores(weights).sum(axis=0) - penalty * weights) / n
        curvature = (design.information(weights) + np.diag(penalty)) / n
        if np.abs(gradient).max() < _GRADIENT:
            break
        # The shortest solution: a constant added to every option's weight changes nothing.
        step = np.linalg.lstsq(curvature, gradient)[0]
        weights, height, moved = _ascend(objective, weights, height, step)
        if not moved:
            break
    if ridge is None and np.linalg.eigvalsh(curvature)[0] < _INFORMATION:
        raise FitError(
            "the choices do not bound the coefficients of the logit: some option is always or "
            "never taken, or time and cost never differ. More choices, or other people, would"
        )
    return weights


def _ascend(
    objective: Callable[[Floats], float], w: Floats, height: float, step: Floats
) -> tuple[Floats, float, bool]:
    """The step, halved until it leads up; or none when rounding is all that is left."""
    for _ in range(_HALVINGS):
        there = objective(w + step)
        if there > height:
            return w + step, there, True
        step = step / 2
    return w, height, False
