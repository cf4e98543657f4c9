"""The base curve read backwards: its observed levels, and every redrawn copy of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from precocial.errors import FitError
from precocial.worth.curve import Floats, Levels
from precocial.worth.curve_law import CURVE_LAWS, CurveFit, fit_curve, refit_curves
from precocial.worth.monotone import MonotoneCurve, cross
from precocial.worth.spread import Spread

MIN_LEVELS = 3
"""With two levels a cubic is a line."""
_LINE_POINTS = 200
_SAME_PLACE = 1e-9
_MISFIT = 1e-3
"""A law is called a misfit when noise alone would miss so far in one of a thousand tables."""
_TOO_FEW = (
    "the base arm has {} sizes above 0; a read-off needs at least "
    f"{MIN_LEVELS}. Add base runs at other sizes"
)
_FLAT = (
    "the base loss falls nowhere with data, so no amount of data can be read off it. Tune the base "
    "arm, or widen its range of sizes"
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Reading:
    """Log data at which a base curve has a log loss.

    Attributes:
        point: (r,) by the observed levels; -inf below and inf above their range, NaN where the
            curve cannot be read.
        least: (r,) where `point` is inf, the place is at least this.
        most: (r,) where `point` is -inf, the place is at most this.
        extrapolated: (r,) by the law, outside the range; NaN where there is no law or no answer.
        first: (r, draws) the first place with the loss; -inf and inf outside the range.
        last: (r, draws) the last place with it.
        unclear: (r,) the observed levels have the loss in several places.
        line: (m, 2) points (data, loss) of the curve as it was read.
        notes: what to know about the curve.
    """

    point: Floats
    least: Floats
    most: Floats
    extrapolated: Floats
    first: Floats
    last: Floats
    unclear: NDArray[np.bool_]
    line: Floats
    notes: tuple[str, ...]

    def several(self) -> Floats:
        """(r,) share of draws whose curve has the loss in several places; 0 without draws."""
        if self.first.shape[1] == 0:
            return np.zeros(len(self.point))
        result: Floats = _apart(self.first, self.last).mean(axis=1)
        return result


def read(
    method: str, levels: Levels, noise: Spread | None, curves: Floats, loss: Floats
) -> Reading:
    """Read curves (n, 1 + draws) at log losses (r, 1 + draws); column 0 is what was observed."""
    if method in CURVE_LAWS:
        return _by_law(method, levels, noise, curves, loss)
    if len(levels) < MIN_LEVELS:
        return _no_curve(levels, loss, _TOO_FEW.format(len(levels)))
    return _by_cubic(levels, noise, curves, loss, pchip=method == "pchip")


def _weights(levels: Levels, noise: Spread | None) -> Floats:
    runs = levels.runs.astype(np.float64)
    if noise is None or not noise.sd.all():
        return runs
    result: Floats = runs / noise.sd**2
    return result


def _by_cubic(
    levels: Levels, noise: Spread | None, curves: Floats, loss: Floats, *, pchip: bool
) -> Reading:
    x, seen = np.log(levels.data), curves[:, 0]
    try:
        smooth = MonotoneCurve.through(
            levels.data, seen, weights=_weights(levels, noise), pchip=pchip
        )
    except FitError:
        return _no_curve(levels, loss, _FLAT)
    moved = np.abs(np.expm1(smooth.log_loss - seen)).max()
    notes = []
    if moved > 0:
        notes.append(
            "some base levels rise with data; to read the curve they were moved by up to "
            f"{100 * moved:.2g} %"
        )
    first = cross(x, curves, loss, pchip=pchip)
    last = cross(x, curves, loss, last=True, pchip=pchip)
    grid = np.linspace(x[0], x[-1], _LINE_POINTS)
    return Reading(
        point=smooth.log_data_at(loss[:, 0]),
        least=first[:, 0].clip(max=x[-1]),
        most=last[:, 0].clip(min=x[0]),
        extrapolated=np.full(len(loss), np.nan),
        first=first[:, 1:],
        last=last[:, 1:],
        unclear=_apart(first[:, 0], last[:, 0]),
        line=np.exp(np.stack([grid, smooth.log_loss_at(grid)], axis=1)),
        notes=tuple(notes),
    )


def _by_law(
    law: str, levels: Levels, noise: Spread | None, curves: Floats, loss: Floats
) -> Reading:
    x, weights = np.log(levels.data), _weights(levels, noise)
    fitted = fit_curve(law, x, curves[:, 0], weights)
    redrawn = refit_curves(fitted, x, curves[:, 1:], weights)
    free = fitted.log_data(loss[:, :1])[:, 0]
    point = _inside(x, free)
    draws = _inside(x, redrawn.log_data(loss[:, 1:]))
    grid = np.linspace(x[0], x[-1], _LINE_POINTS)
    return Reading(
        point=point,
        least=np.full(len(loss), x[-1]),
        most=np.full(len(loss), x[0]),
        extrapolated=np.where(np.isinf(point) & np.isfinite(free), free, np.nan),
        first=draws,
        last=draws,
        unclear=np.zeros(len(loss), dtype=bool),
        line=np.exp(np.stack([grid, fitted.log_loss(grid)[:, 0]], axis=1)),
        notes=_misfit(law, fitted, levels, noise, curves[:, 0]),
    )


def _inside(x: Floats, places: Floats) -> Floats:
    """Places outside the measured sizes, by more than rounding, become -inf and inf."""
    slack = 1e-9
    clipped = np.clip(places, x[0], x[-1])
    result: Floats = np.where(
        places < x[0] - slack, -np.inf, np.where(places > x[-1] + slack, np.inf, clipped)
    )
    return result


def _misfit(
    law: str, fitted: CurveFit, levels: Levels, noise: Spread | None, seen: Floats
) -> tuple[str, ...]:
    residual = fitted.log_loss(np.log(levels.data))[:, 0] - seen
    worst = f"by up to {100 * np.abs(np.expm1(residual)).max():.2g} %"
    if noise is None or not noise.sd.all():
        return (f"the {law} law misses the base levels {worst}",)
    squares = float((levels.runs * (residual / noise.sd) ** 2).sum())
    freedom = len(levels) - fitted.phi.shape[1]
    if chi2.sf(squares, freedom) > _MISFIT:
        return ()
    return (
        f"the {law} law misses the base levels {worst}, more than the seeds' noise allows; the "
        "intervals do not include that error. Prefer method='cubic'",
    )


def _no_curve(levels: Levels, loss: Floats, note: str) -> Reading:
    """Only what lies outside every level is known."""
    seen, count = levels.mean, len(loss)
    point, least, most = np.full((3, count), np.nan)
    if len(levels):
        point[loss[:, 0] > seen.max()] = -np.inf
        point[loss[:, 0] < seen.min()] = np.inf
        most[:], least[:] = np.log(levels.data[[0, -1]])
    empty = np.empty((count, 0))
    return Reading(
        point=point,
        least=least,
        most=most,
        extrapolated=np.full(count, np.nan),
        first=empty,
        last=empty,
        unclear=np.zeros(count, dtype=bool),
        line=np.stack([levels.data, np.exp(seen)], axis=1),
        notes=(note,),
    )


def _apart(first: Floats, last: Floats) -> NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):  # inf - inf: both outside, on one side
        return np.asarray(last - first > _SAME_PLACE)
