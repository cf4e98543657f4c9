"""Reading data off a learning curve: the monotone cubic through log loss against log data.

Linear interpolation is biased here even without noise (a learning curve is convex, so its chords
lie above it and give too much data), so it is not offered. Slopes come from a cubic spline (fourth
order) and are cut back where they would break monotony (Hyman 1983); PCHIP's second-order slopes
cannot break it, but read the data five to ten times less accurately.

`MonotoneCurve` is one curve made to fall. `cross` reads many noisy copies of a curve at once, as
they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicHermiteSpline, CubicSpline, PchipInterpolator
from scipy.optimize import isotonic_regression

from precocial.errors import FitError

Floats = NDArray[np.float64]

LEAST_SLOPE = 1e-3
"""Of the mean slope; ours: too little to move a reading, enough to have one."""
_HALVINGS = 60


@dataclass(frozen=True, kw_only=True, eq=False)
class MonotoneCurve:
    """A strictly falling curve of log loss (nats of log) over log data.

    Attributes:
        log_data: (m,) knots, rising.
        log_loss: (m,) values there, falling.
        slopes: (m,) derivatives there, at most 0.
    """

    log_data: Floats
    log_loss: Floats
    slopes: Floats

    @classmethod
    def through(
        cls,
        data: ArrayLike,
        log_loss: ArrayLike,
        *,
        weights: ArrayLike | None = None,
        pchip: bool = False,
    ) -> MonotoneCurve:
        """The curve of points (n,) that may share amounts of data.

        The knots are the levels' means. Where noise has put some out of order, they are moved as
        little as possible (weighted least squares: isotonic regression) to a curve whose slope is
        everywhere at least `LEAST_SLOPE` of its mean slope, so that it falls strictly.

        Args:
            weights: (n,) for means and pooling; default equal.
            pchip: take PCHIP's slopes.

        Raises:
            FitError: the loss falls nowhere.
        """
        x = np.log(np.asarray(data, dtype=np.float64))
        y = np.asarray(log_loss, dtype=np.float64)
        w = np.ones_like(y) if weights is None else np.asarray(weights, dtype=np.float64)
        knots, order, place = np.unique(x, return_index=True, return_inverse=True)
        weight = np.bincount(place, w)
        # w * y / w is not y to the last digit, and a flat end makes half the digits of that
        mean = y[order] if len(knots) == len(x) else np.bincount(place, w * y) / weight
        if np.any(np.diff(mean) >= 0):
            mean = _falling(knots, mean, np.asarray(weight, dtype=np.float64))
        if len(knots) < 2 or not mean[-1] < mean[0]:
            raise FitError(
                "the loss does not fall with data anywhere on this curve, so no amount of data "
                "can be read off it; add larger amounts of data"
            )
        return cls(log_data=knots, log_loss=mean, slopes=limited_slopes(knots, mean, pchip=pchip))

    def log_loss_at(self, log_data: ArrayLike) -> Floats:
        """Log loss at `log_data`; NaN outside the knots (nothing is extrapolated)."""
        spline = CubicHermiteSpline(self.log_data, self.log_loss, self.slopes, extrapolate=False)
        return np.asarray(spline(np.asarray(log_data, dtype=np.float64)))

    def log_data_at(self, log_loss: ArrayLike) -> Floats:
        """Log data at which the curve reaches `log_loss`.

        +inf where the loss is below the whole curve (more data than were measured), -inf where
        it is above it.
        """
        wanted = np.asarray(log_loss, dtype=np.float64)
        last = len(self.log_data) - 2
        right = np.searchsorted(-self.log_loss, -wanted, side="right")
        piece = np.asarray(np.clip(right - 1, 0, last))
        found = _solve(self.log_data, self.log_loss, self.slopes, piece, wanted)
        # a piece that is flat at its end cannot be solved there to more than half the digits
        for knot in (piece, piece + 1):
            found = np.where(self.log_loss[knot] == wanted, self.log_data[knot], found)
        found = np.where(wanted < self.log_loss[-1], np.inf, found)
        found = np.where(wanted > self.log_loss[0], -np.inf, found)
        return np.asarray(np.where(np.isnan(wanted), np.nan, found))


def _falling(x: Floats, y: Floats, weight: Floats) -> Floats:
    """Isotonic regression of y plus a line, minus that line: its slope is at least the line's."""
    flat = isotonic_regression(y, weights=weight, increasing=False).x
    line = LEAST_SLOPE * (flat[0] - flat[-1]) * (x - x[0]) / (x[-1] - x[0])
    return np.asarray(isotonic_regression(y + line, weights=weight, increasing=False).x - line)


def limited_slopes(x: Floats, y: Floats, *, pchip: bool = False) -> Floats:
    """Derivatives at the knots x (n,) of curves y (n, ...) that are monotone on every piece.

    A spline's, kept within three times the flatter of the two secants, and 0 where y turns.
    """
    secant = np.diff(y, axis=0) / np.diff(x).reshape(-1, *[1] * (y.ndim - 1))
    if len(x) == 2:
        return np.repeat(secant, 2, axis=0)
    if pchip:
        return np.asarray(PchipInterpolator(x, y, axis=0)(x, 1))
    left, right = secant[:-1], secant[1:]
    flatter = np.where(np.abs(left) < np.abs(right), left, right)
    inner = np.where(np.sign(left) == np.sign(right), flatter, 0.0)
    bound = 3 * np.concatenate([secant[:1], inner, secant[-1:]])
    slopes = CubicSpline(x, y, axis=0)(x, 1)
    return np.asarray(np.clip(slopes, np.minimum(bound, 0), np.maximum(bound, 0)))


def evaluate(x: Floats, y: Floats, at: Floats, *, pchip: bool = False) -> Floats:
    """Values (r, ...) at `at` (r,) of curves y (n, ...); NaN outside the knots.

    The curves need not fall.
    """
    slopes = limited_slopes(x, y, pchip=pchip)
    return np.asarray(CubicHermiteSpline(x, y, slopes, axis=0, extrapolate=False)(at))


def cross(x: Floats, y: Floats, loss: Floats, *, last: bool = False, pchip: bool = False) -> Floats:
    """The first place where each curve comes down to a log loss, or the last where it does.

    The curves need not fall everywhere; where they do, both are one place.

    Args:
        x: (n,) log data of the levels.
        y: (n, draws) log losses there.
        loss: (r, draws) log losses to reach.

    Returns:
        (r, draws) log data; -inf where the loss is above the curve's first level (it is reached
        with less data), inf where it is below the last (it is reached with more); NaN for NaN.
    """
    slopes = limited_slopes(x, y, pchip=pchip)
    out = np.empty(loss.shape)
    for row, wanted in enumerate(loss):
        out[row] = _cross_row(x, y, slopes, wanted, last)
    out[np.isnan(loss)] = np.nan
    return out


def _cross_row(x: Floats, y: Floats, slopes: Floats, wanted: Floats, last: bool) -> Floats:
    count = len(x)
    if last:
        reached = y >= wanted
        level = count - 1 - reached[::-1].argmax(axis=0)
        edge = (level == count - 1) & (wanted < y[-1])
        never, outside = -np.inf, np.inf
        piece = np.minimum(level, count - 2)
    else:
        reached = y <= wanted
        level = reached.argmax(axis=0)
        edge = (level == 0) & (wanted > y[0])
        never, outside = np.inf, -np.inf
        piece = np.maximum(level - 1, 0)
    found = _solve(x, y, slopes, piece, wanted)
    exact = np.take_along_axis(y, level[None], axis=0)[0] == wanted
    found = np.where(exact, x[level], found)
    found = np.where(edge, outside, found)
    return np.asarray(np.where(reached.any(axis=0), found, never))


def _solve(x: Floats, y: Floats, slopes: Floats, piece: NDArray[np.intp], wanted: Floats) -> Floats:
    """Where each falling cubic piece takes the wanted value: bisection, safe on flat pieces."""
    draw = () if y.ndim == 1 else (np.arange(y.shape[1]),)
    start, end = (piece, *draw), (piece + 1, *draw)
    width = x[piece + 1] - x[piece]
    y0, y1 = y[start], y[end]
    m0, m1 = slopes[start] * width, slopes[end] * width
    low, high = np.zeros_like(wanted), np.ones_like(wanted)
    for _ in range(_HALVINGS):
        t = 0.5 * (low + high)
        value = (
            (1 + 2 * t) * (1 - t) ** 2 * y0 + t * (1 - t) ** 2 * m0
            + t**2 * (3 - 2 * t) * y1 + t**2 * (t - 1) * m1
        )  # fmt: skip
        above = value > wanted
        low, high = np.where(above, t, low), np.where(above, high, t)
    return np.asarray(x[piece] + 0.5 * (low + high) * width)
