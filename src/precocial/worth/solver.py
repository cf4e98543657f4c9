"""One solver for every fit of a law: batched, robust, with analytic Jacobians.

Minimises for each of P problems at once

    sum_i  w_i * Huber_delta(r_i(theta)),   Huber_delta(r) = r^2/2  or  delta*(|r| - delta/2),

by Levenberg-Marquardt on iteratively reweighted squares. The weights of that scheme bound the
Huber function from above, so every accepted step lowers the true objective. A bootstrap, a
profile and a set of starts are each one batch. Shape letters: P problems, p parameters, n rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from precocial.errors import FitError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Model = Callable[[Floats], tuple[Floats, Floats]]
"""theta (P, p) -> predictions (P, n) and their Jacobian (P, p, n)."""

_CHUNK = 4_000_000
"""Numbers in one Jacobian: larger batches are solved in pieces to bound memory (32 MB each)."""
_POLISH = 300
"""BFGS steps at most: a law with a coordinate that runs away gains nothing more from them."""


@dataclass(frozen=True, eq=False)
class Solution:
    """theta (P, p), objective (P,), converged (P,)."""

    theta: Floats
    objective: Floats
    converged: Bools


@dataclass(frozen=True, kw_only=True, eq=False)
class Problem:
    """What is fitted.

    Attributes:
        model: predictions of the log loss.
        target: (n,) or (P, n) measured log losses.
        weights: (n,) or (P, n) row weights (bootstrap counts, say).
        delta: Huber's threshold, in units of the target.
        side: (n,) or (P, n) 0 for a measured row; +1 where the target is only known to lie at or
            above the prediction (a prediction below it costs nothing), -1 the other way round.
        fixed: (p,) or (P, p) parameters that stay where they start.
    """

    model: Model
    target: Floats
    weights: Floats
    delta: float
    side: NDArray[np.int_] | None = None
    fixed: Bools | None = None

    def batch(self, index: NDArray[np.intp], size: int) -> Problem:
        """The problems of one batch; arrays shared by all stay shared."""

        def pick(array: Any) -> Any:
            return array[index] if array is not None and array.ndim == 2 and size > 1 else array

        return replace(
            self,
            target=pick(self.target), weights=pick(self.weights), side=pick(self.side),
            fixed=pick(self.fixed),
        )  # fmt: skip

    def residuals(self, predicted: Floats) -> Floats:
        """(P, n); zero where a censored row is satisfied."""
        r = predicted - self.target
        return r if self.side is None else np.where(self.side * r < 0, 0.0, r)

    def objective(self, residuals: Floats) -> Floats:
        """(P,) the weighted sum of Huber terms."""
        size = np.abs(residuals)
        cost = np.where(
            size <= self.delta, 0.5 * residuals**2, self.delta * (size - 0.5 * self.delta)
        )
        return np.asarray((self.weights * cost).sum(axis=-1))

    def bends(self, residuals: Floats) -> Floats:
        """(P, n) weights of the reweighted squares: w * min(1, delta/|r|)."""
        return self.weights * (self.delta / np.maximum(np.abs(residuals), self.delta))


def minimise(
    problem: Problem, start: Floats, *, iterations: int = 200, tolerance: float = 1e-10
) -> Solution:
    """Solve P problems from `start` (P, p).

    A problem has converged when an accepted step lowers its objective by less than
    `tolerance` of it, or no step can. The rest come back with converged False.
    """
    size = len(start)
    rows = problem.target.shape[-1]
    step = max(1, _CHUNK // max(1, rows * start.shape[1]))
    with np.errstate(over="ignore", invalid="ignore"):  # a step that overflows is not taken
        parts = [
            _minimise(problem.batch(index, size), start[index], iterations, tolerance)
            for index in np.split(np.arange(size), range(step, size, step))
        ]
    return Solution(
        theta=np.concatenate([part.theta for part in parts]),
        objective=np.concatenate([part.objective for part in parts]),
        converged=np.concatenate([part.converged for part in parts]),
    )


def _minimise(problem: Problem, start: Floats, iterations: int, tolerance: float) -> Solution:
    theta, size = start.copy(), len(start)
    damping = np.full(size, 1e-3)
    predicted, jacobian = problem.model(theta)
    residuals = problem.residuals(predicted)
    objective = problem.objective(residuals)
    converged = np.zeros(size, dtype=bool)
    calm = np.zeros(size, dtype=int)
    active = np.arange(size)
    for _ in range(iterations):
        part = problem.batch(active, size)
        trial = theta[active] + _steps(part, residuals, jacobian, damping[active])
        trial_predicted, trial_jacobian = part.model(trial)
        trial_residuals = part.residuals(trial_predicted)
        trial_objective = part.objective(trial_residuals)
        before = objective[active]
        better = trial_objective < before  # false for NaN
        gain = np.where(better, before - trial_objective, 0.0)
        theta[active] = np.where(better[:, None], trial, theta[active])
        objective[active] = np.where(better, trial_objective, before)
        residuals = np.where(better[:, None], trial_residuals, residuals)
        jacobian = np.where(better[:, None, None], trial_jacobian, jacobian)
        damping[active] = np.clip(damping[active] * np.where(better, 0.2, 6.0), 1e-12, 1e12)
        small = gain <= tolerance * np.maximum(objective[active], 1e-300)
        calm[active] = np.where(better & ~small, 0, calm[active] + small)
        done = (calm[active] >= 4) | (objective[active] < 1e-28)
        converged[active] = done
        if done.all():
            break
        active, residuals, jacobian = active[~done], residuals[~done], jacobian[~done]
    return Solution(theta, objective, converged)


def _steps(problem: Problem, residuals: Floats, jacobian: Floats, damping: Floats) -> Floats:
    """(P, p) damped Gauss-Newton steps, on columns scaled to unit curvature."""
    bent = problem.bends(residuals)
    weighted = jacobian * bent[:, None, :]
    gradient = np.einsum("pjn,pn->pj", weighted, residuals)
    curvature = weighted @ jacobian.transpose(0, 2, 1)
    p = curvature.shape[1]
    scale = np.sqrt(np.maximum(np.einsum("pjj->pj", curvature), 1e-30))
    curvature = curvature / (scale[:, :, None] * scale[:, None, :])
    gradient = gradient / scale
    if problem.fixed is not None:
        fixed = np.broadcast_to(problem.fixed, gradient.shape)
        gradient = np.where(fixed, 0.0, gradient)
        off = fixed[:, :, None] | fixed[:, None, :]
        curvature = np.where(off, np.eye(p), curvature)
    curvature = curvature + (damping[:, None, None] + 1e-13) * np.eye(p)
    bad = ~np.isfinite(curvature).all(axis=(1, 2)) | ~np.isfinite(gradient).all(axis=1)
    curvature[bad], gradient[bad] = np.eye(p), 0.0
    steps = -np.linalg.solve(curvature, gradient[..., None])[..., 0] / scale
    # a coordinate is a logarithm: a move of more than e^3 in one step is never trusted
    longest = np.abs(steps).max(axis=1, keepdims=True)
    return np.asarray(steps * np.minimum(1.0, 3.0 / np.maximum(longest, 1e-300)))


def polish(problem: Problem, start: Floats) -> Solution:
    """One problem, from `start` (p,), to machine precision by BFGS with the exact gradient.

    Reweighted squares converge slowly when delta is far below the residuals (the objective is
    then nearly a sum of absolute values); BFGS does not.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        scale = float(problem.objective(problem.residuals(problem.model(start[None])[0]))[0])
    if not np.isfinite(scale):
        raise FitError("the start of the fit has no finite loss; check the table for outliers")
    scale = max(scale, 1e-300)

    def value(theta: Floats) -> tuple[float, Floats]:
        predicted, jacobian = problem.model(theta[None])
        residuals = problem.residuals(predicted)
        gradient = (jacobian[0] * (problem.bends(residuals) * residuals)[0]).sum(axis=1)
        if problem.fixed is not None:
            gradient = np.where(problem.fixed, 0.0, gradient)
        return float(problem.objective(residuals)[0]) / scale, gradient / scale

    with np.errstate(over="ignore", invalid="ignore"):
        result = minimize(
            value, start, jac=True, method="BFGS", options={"gtol": 1e-9, "maxiter": _POLISH}
        )
        theta = np.asarray(result.x)
        objective = value(theta)[0] * scale
    return Solution(theta[None], np.array([objective]), np.array([True]))


def best_of(problem: Problem, starts: Floats) -> Solution:
    """The best of P starts, polished if that helps: one solution."""
    found = minimise(problem, starts)
    best = int(np.argmin(found.objective))
    finer = polish(problem, found.theta[best])
    if finer.objective[0] <= found.objective[best]:
        return finer
    return Solution(
        found.theta[best : best + 1], found.objective[best : best + 1],
        found.converged[best : best + 1],
    )  # fmt: skip
