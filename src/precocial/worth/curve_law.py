"""The power law or the rectified law of one curve, fitted to many noisy copies of it at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from precocial.errors import FitError
from precocial.worth.curve import Floats
from precocial.worth.laws import LAWS, Law, project
from precocial.worth.solver import Model, Problem, minimise

CURVE_LAWS: dict[str, Law] = {"power": LAWS["power"], "rectified": LAWS["rectified_one_size"]}
_STARTS = 8
_SQUARES = 1e9
"""A Huber threshold that no residual reaches: plain least squares."""
_TOLERANCE = 1e-13


@dataclass(frozen=True, kw_only=True, eq=False)
class CurveFit:
    """A batch of fitted laws.

    Attributes:
        law: of `CURVE_LAWS`.
        center: log data that the coordinates are centred at.
        phi: (draws, p) the law's coordinates.
        misfit: (draws,) half the weighted sum of squared residuals of log loss.
    """

    law: Law
    center: float
    phi: Floats
    misfit: Floats

    def log_loss(self, log_data: Floats) -> Floats:
        """(n, draws) log losses at log data (n,)."""
        y = log_data - self.center
        return self.law.evaluate(self.phi, np.zeros_like(y), y).log_loss.T

    def log_data(self, log_loss: Floats) -> Floats:
        """(rows, draws) log data at which log losses are reached: inf below the law's floor."""
        found = self.law.log_data(self.phi, np.zeros(len(log_loss)), log_loss.T)
        return np.asarray(found + self.center).T


def fit_curve(law: str, log_data: Floats, log_loss: Floats, weights: Floats) -> CurveFit:
    """The law nearest to one curve (n,) in weighted least squares on log loss.

    Raises:
        FitError: fewer levels than the law has parameters and one more.
    """
    chosen = CURVE_LAWS[law]
    count = len(chosen.coordinates)
    if len(log_data) < count + 1:
        raise FitError(
            f"the {law} law has {count} parameters: {count + 1} data sizes above 0 are "
            f"needed; got {len(log_data)}. Add sizes, or use method='cubic'"
        )
    center = float(log_data.mean())
    y = log_data - center
    problem = _problem(chosen, y, log_loss, weights)
    starts = project(chosen, np.zeros_like(y), y, log_loss)
    cost = problem.objective(problem.residuals(problem.model(starts)[0]))
    starts = starts[np.argsort(cost, kind="stable")[:_STARTS]]
    found = minimise(problem, starts, iterations=300, tolerance=_TOLERANCE)
    best = [int(np.argmin(found.objective))]
    return CurveFit(law=chosen, center=center, phi=found.theta[best], misfit=found.objective[best])


def refit_curves(first: CurveFit, log_data: Floats, curves: Floats, weights: Floats) -> CurveFit:
    """The law refitted to curves (n, draws), each from the parameters of `first`."""
    start = np.repeat(first.phi, curves.shape[1], axis=0)
    misfit = first.misfit[:0]
    if len(start):
        problem = _problem(first.law, log_data - first.center, curves.T, weights)
        found = minimise(problem, start, iterations=300, tolerance=_TOLERANCE)
        start, misfit = found.theta, found.objective
    return CurveFit(law=first.law, center=first.center, phi=start, misfit=misfit)


def _problem(law: Law, y: Floats, target: Floats, weights: Floats) -> Problem:
    return Problem(
        model=_model(law, y), target=target, weights=weights / weights.mean(), delta=_SQUARES
    )


def _model(law: Law, y: Floats) -> Model:
    def model(phi: Floats) -> tuple[Floats, Floats]:
        at = law.evaluate(phi, np.zeros_like(y), y)
        return at.log_loss, at.jacobian

    return model
