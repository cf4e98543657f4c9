"""Two laws of a learning curve, fitted to many noisy copies of it at once.

    power      L(d) = E + B / d^b
    rectified  L(d) = E + B / (D_l + d^b)        (Lin et al. 2024)

E is the loss that no data removes, D_l the data that pre-learned weights stand for. The fit is
weighted least squares on log loss, by Levenberg-Marquardt with the analytic Jacobian in the
logarithms of all parameters (so all stay positive), for a batch of curves in one go.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from precocial.errors import FitError
from precocial.worth.curve import Floats

PARAMETERS = {"power": 3, "rectified": 4}
_STEPS = 300
_TOLERANCE = 1e-13
_EXPONENTS = (0.05, 0.15, 0.3, 0.6, 1.2)
_FLOORS = (0.02, 0.3, 0.7, 0.95)
_SHIFTS = (-3.0, 0.0, 2.0)
_BOUND = 40.0
"""How far, in nats, log E, log B and log D_l may run from the data: exp(-40) is nothing."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LawFit:
    """A batch of fitted laws.

    Attributes:
        law: "power" or "rectified".
        center: log data that the parameters are centred at: x = log d - center.
        theta: (p, draws) log E, log B, log b and, for the rectified law, log D_l, where d is
            counted in units of exp(center).
        misfit: (draws,) weighted sum of squared residuals of log loss.
    """

    law: str
    center: float
    theta: Floats
    misfit: Floats

    def log_loss(self, log_data: Floats) -> Floats:
        """(n, draws) log losses at log data (n,)."""
        return _predict(self.law, self.theta, (log_data - self.center)[:, None])[0]

    def log_data(self, log_loss: Floats) -> Floats:
        """(rows, draws) log data at which log losses are reached: inf below the law's E."""
        floor, scale, exponent = self.theta[0], self.theta[1], self.theta[2]
        with np.errstate(divide="ignore", invalid="ignore"):
            excess = log_loss + np.log(-np.expm1(np.minimum(floor - log_loss, 0.0)))
            term = scale - excess
            if self.law == "rectified":
                shift = self.theta[3] - term
                term = term + np.log(-np.expm1(np.minimum(shift, 0.0)))
        result: Floats = term / np.exp(exponent) + self.center
        return result


def fit(law: str, log_data: Floats, log_loss: Floats, weights: Floats) -> LawFit:
    """The law nearest to one curve (n,), from many starting points.

    Raises:
        FitError: fewer levels than the law has parameters and one more.
    """
    needed = PARAMETERS[law] + 1
    if len(log_data) < needed:
        raise FitError(
            f"the {law} law has {PARAMETERS[law]} parameters: {needed} data sizes above 0 are "
            f"needed; got {len(log_data)}. Add sizes, or use method='cubic'"
        )
    center = float(log_data.mean())
    x = (log_data - center)[:, None]
    starts = _starts(law, x, log_loss)
    copies = np.repeat(log_loss[:, None], starts.shape[1], axis=1)
    theta, misfit = _descend(law, starts, x, copies, _scaled(weights))
    best = int(np.argmin(misfit))
    return LawFit(law=law, center=center, theta=theta[:, [best]], misfit=misfit[[best]])


def refit(first: LawFit, log_data: Floats, curves: Floats, weights: Floats) -> LawFit:
    """The law refitted to curves (n, draws), each from the parameters of `first`."""
    if curves.shape[1] == 0:
        return LawFit(
            law=first.law, center=first.center, theta=first.theta[:, :0], misfit=first.misfit[:0]
        )
    start = np.repeat(first.theta, curves.shape[1], axis=1)
    x = (log_data - first.center)[:, None]
    theta, misfit = _descend(first.law, start, x, curves, _scaled(weights))
    return LawFit(law=first.law, center=first.center, theta=theta, misfit=misfit)


def _scaled(weights: Floats) -> Floats:
    result: Floats = np.sqrt(weights / weights.mean())[:, None]
    return result


def _starts(law: str, x: Floats, y: Floats) -> Floats:
    """Every exponent with every floor (and shift); B by the mean of what they leave."""
    out = []
    low = float(y.min())
    for exponent in _EXPONENTS:
        for share in _FLOORS:
            excess = np.log(np.maximum(np.exp(y - low) - share, 1e-9)) + low
            for shift in _SHIFTS if law == "rectified" else (0.0,):
                growth = exponent * x[:, 0]
                if law == "rectified":
                    growth = np.logaddexp(shift, growth)
                start = [low + np.log(share), float(np.mean(excess + growth)), np.log(exponent)]
                out.append([*start, shift] if law == "rectified" else start)
    return np.array(out).T


def _predict(law: str, theta: Floats, x: Floats) -> tuple[Floats, Floats]:
    """Log loss (n, draws) and its derivatives (p, n, draws) in theta."""
    floor, scale, slope = theta[0], theta[1], np.exp(theta[2])
    growth, per_slope, per_shift = slope * x, slope * x, None
    if law == "rectified":
        part = expit(growth - theta[3])
        growth, per_slope = np.logaddexp(theta[3], growth), part * per_slope
        per_shift = 1 - part
    term = scale - growth
    log_loss = np.logaddexp(floor, term)
    share = expit(term - floor)
    gradient = [1 - share, share, -share * per_slope]
    if per_shift is not None:
        gradient.append(-share * per_shift)
    return log_loss, np.stack(gradient)


def _descend(
    law: str, theta: Floats, x: Floats, curves: Floats, scale: Floats
) -> tuple[Floats, Floats]:
    """Levenberg-Marquardt on every column of theta (p, draws)."""
    low, high = _bounds(law, x, curves)
    theta = np.clip(theta, low, high)
    predicted, gradient = _predict(law, theta, x)
    residual = scale * (predicted - curves)
    misfit = (residual**2).sum(axis=0)
    damping = np.full(theta.shape[1], 1e-3)
    active = np.arange(theta.shape[1])
    for _ in range(_STEPS):
        jacobian = (scale * gradient[:, :, active]).transpose(2, 1, 0)
        hessian = jacobian.transpose(0, 2, 1) @ jacobian
        slope = (jacobian * residual[:, active].T[:, :, None]).sum(axis=1)
        diagonal = np.einsum("bpp->bp", hessian)
        ridge = damping[active, None] * (diagonal + 1e-12 * diagonal.max(axis=1, keepdims=True))
        hessian = hessian + np.einsum("bp,pq->bpq", ridge + 1e-300, np.eye(len(theta)))
        step = -np.linalg.solve(hessian, slope[:, :, None])[:, :, 0].T
        moved = np.clip(theta[:, active] + np.clip(step, -2, 2), low, high)
        predicted, slopes = _predict(law, moved, x)
        left = scale * (predicted - curves[:, active])
        cost = (left**2).sum(axis=0)
        better = cost <= misfit[active]
        gain = misfit[active] - cost
        small = np.abs(moved - theta[:, active]).max(axis=0) < 1e-11
        done = better & ((gain <= _TOLERANCE * misfit[active]) | small) | (damping[active] > 1e12)
        took = active[better]
        theta[:, took], misfit[took] = moved[:, better], cost[better]
        residual[:, took], gradient[:, :, took] = left[:, better], slopes[:, :, better]
        damping[active] = np.where(better, damping[active] / 5, damping[active] * 4)
        active = active[~done]
        if not len(active):
            break
    return theta, misfit


def _bounds(law: str, x: Floats, curves: Floats) -> tuple[Floats, Floats]:
    """The floor stays below the curve, exponents between 1e-3 and 20."""
    low, high = float(curves.min()), float(curves.max())
    lower = [low - _BOUND, low - _BOUND, np.log(1e-3)]
    upper = [high, high + _BOUND, np.log(20.0)]
    if law == "rectified":
        lower, upper = [*lower, -_BOUND], [*upper, _BOUND]
    return np.array(lower)[:, None], np.array(upper)[:, None]
