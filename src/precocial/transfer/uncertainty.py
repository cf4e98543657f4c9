"""How far a fit can be trusted: bootstraps over runs, and profile likelihoods.

Every bootstrap and every profile is one batch of the solver.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from precocial.errors import ConfigError
from precocial.worth.solver import Problem, minimise

Floats = NDArray[np.float64]

MIN_DRAWS, MAX_DRAWS = 20, 20_000
"""Ours: an interval of fewer draws is chance; more fill the memory and change no digit."""
_MAX_LEVERAGE, _TAIL = 0.9, 0.975
_LOOSE = 1e-7
"""Draws are solved to this share of their objective: far inside their own spread."""


def check_draws(who: str, draws: int, *, none: bool = True, least: int = MIN_DRAWS) -> None:
    """Raise ConfigError unless draws is a whole number in least..MAX_DRAWS, or 0 if `none`."""
    whole = isinstance(draws, int | np.integer) and not isinstance(draws, bool)
    if whole and (least <= draws <= MAX_DRAWS or (none and draws == 0)):
        return
    raise ConfigError(
        f"{who}: draws must be {'0 (no intervals) or ' if none else ''}a whole number in "
        f"{least}..{MAX_DRAWS}; got {draws!r}"
    )


def check_level(who: str, level: float) -> None:
    """Raise ConfigError unless level lies in (0, 1)."""
    if not isinstance(level, int | float | np.floating) or not 0 < level < 1:
        raise ConfigError(f"{who}: level must lie in (0, 1); got {level!r}. The usual is 0.95")


def case_bootstrap(problem: Problem, theta: Floats, draws: int, rng: np.random.Generator) -> Floats:
    """(draws, p) refits to runs drawn with replacement, as Besiroglu et al. 2024 do."""
    n = problem.target.shape[-1]
    weights = rng.multinomial(n, np.full(n, 1 / n), size=draws).astype(np.float64)
    start = np.repeat(theta[None], draws, axis=0)
    return minimise(replace(problem, weights=weights), start, tolerance=_LOOSE).theta


def wild_bootstrap(problem: Problem, theta: Floats, draws: int, rng: np.random.Generator) -> Floats:
    """(draws, p) wild bootstrap over runs: each run's residual, freed of its own leverage on the
    fit, keeps or flips its sign. Holds under noise that differs from run to run.

    A parameter that few runs decide has few degrees of freedom; its draws are widened from a
    normal to Student's t of that many (Satterthwaite's count, as Bell and McCaffrey 2002).
    """
    predicted, jacobian = problem.model(theta[None])
    residuals = problem.residuals(predicted)[0]
    columns = _bent_columns(problem, residuals, jacobian[0])
    q, _ = np.linalg.qr(columns)
    spread = residuals / (1 - np.minimum((q**2).sum(axis=1), _MAX_LEVERAGE))
    signs = rng.choice([-1.0, 1.0], size=(draws, len(residuals)))
    fresh = predicted - signs * spread
    if problem.side is not None:
        fresh = np.where(problem.side != 0, problem.target, fresh)
    solved = minimise(
        replace(problem, target=fresh), np.repeat(theta[None], draws, axis=0), tolerance=_LOOSE
    )
    influence = np.linalg.pinv(columns) ** 2
    freedom = influence.sum(axis=1) ** 2 / np.maximum((influence**2).sum(axis=1), 1e-300)
    widen = stats.t.ppf(_TAIL, np.maximum(freedom, 3)) / stats.norm.ppf(_TAIL)
    return np.asarray(theta + widen * (solved.theta - theta))


def _bent_columns(problem: Problem, residuals: Floats, jacobian: Floats) -> Floats:
    """(n, p) square-root-weighted columns of the Jacobian, each of unit length."""
    bent = np.sqrt(problem.bends(residuals[None])[0])
    if problem.side is not None:
        bent = np.where((problem.side != 0) & (residuals == 0), 0.0, bent)
    columns = (jacobian * bent).T
    return np.asarray(columns / np.maximum(np.linalg.norm(columns, axis=0), 1e-300))


@dataclass(frozen=True, kw_only=True, eq=False)
class Profile:
    """The profile of one coordinate of a fit.

    Attributes:
        values: (m,) where the coordinate was held.
        deviance: (m,) twice the rise of the objective, in units of the residual variance.
        low, high: the interval; infinite where the profile does not rise enough.
        level: of the interval.
    """

    values: Floats
    deviance: Floats
    low: float
    high: float
    level: float


def profile(
    problem: Problem, theta: Floats, at: int, *, level: float = 0.95, points: int = 25
) -> Profile:
    """Hold coordinate `at` of theta (p,), refit the rest, and see how the objective rises.

    The rise is scaled by the Huber estimate of the residual variance,
    E[psi^2] / E[psi'], and compared with an F distribution of 1 and n - p degrees of freedom.
    """
    residuals = problem.residuals(problem.model(theta[None])[0])[0]
    measured = np.ones(len(residuals), bool) if problem.side is None else problem.side == 0
    psi = np.clip(residuals[measured], -problem.delta, problem.delta)
    inside = np.mean(np.abs(residuals[measured]) <= problem.delta)
    freedom = max(1, int(measured.sum()) - len(theta))
    variance = float((psi**2).sum() / freedom / max(float(inside), 0.05))
    limit = float(stats.f.ppf(level, 1, freedom))
    best = float(problem.objective(residuals[None])[0])
    step = _standard_error(problem, theta, at, variance) * np.sqrt(limit)
    fixed = np.arange(len(theta)) == at
    values = theta[at] + step * np.linspace(-3, 3, points)
    start = np.repeat(theta[None], points, axis=0)
    start[:, at] = values
    solved = minimise(replace(problem, fixed=fixed), start, tolerance=_LOOSE)
    deviance = 2 * np.maximum(solved.objective - best, 0) / max(variance, 1e-300)
    middle = points // 2
    return Profile(
        values=values, deviance=deviance, level=level,
        low=_crossing(values[middle::-1], deviance[middle::-1], limit, -np.inf),
        high=_crossing(values[middle:], deviance[middle:], limit, np.inf),
    )  # fmt: skip


def _standard_error(problem: Problem, theta: Floats, at: int, variance: float) -> float:
    predicted, jacobian = problem.model(theta[None])
    columns = jacobian[0] * np.sqrt(problem.bends(problem.residuals(predicted))[0])
    covariance = np.linalg.pinv(columns @ columns.T) * variance
    return float(np.sqrt(max(covariance[at, at], 1e-24)))


def _crossing(values: Floats, deviance: Floats, limit: float, open_end: float) -> float:
    """Where the deviance first passes the limit, walking outward; its root is nearly linear."""
    above = np.flatnonzero(deviance > limit)
    if len(above) == 0 or above[0] == 0:
        return open_end
    right = above[0]
    root = np.sqrt(deviance[right - 1 : right + 1])
    share = (np.sqrt(limit) - root[0]) / (root[1] - root[0])
    return float(values[right - 1] + share * (values[right] - values[right - 1]))
