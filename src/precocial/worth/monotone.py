"""Reading data off a learning curve: the monotone cubic through log loss against log data.

Linear interpolation is biased here even without noise (learning curves are convex), so it is
not offered. The knots are the levels' mean log losses, made non-increasing by weighted isotonic
regression; levels that it pools become one knot at their mean log data, so the curve is strictly
monotone. Slopes come from a cubic spline (fourth order) and are cut back where they would break
monotony (Hyman 1983), which PCHIP's second-order slopes do not need but pay for in accuracy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicHermiteSpline, CubicSpline
from scipy.optimize import isotonic_regression

from precocial.errors import FitError

Floats = NDArray[np.float64]

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
        cls, data: ArrayLike, log_loss: ArrayLike, *, weights: ArrayLike | None = None
    ) -> MonotoneCurve:
        """The curve of points (n,) that may share amounts of data.

        Args:
            weights: (n,) for means and pooling; default equal.

        Raises:
            FitError: fewer than two distinct levels are left after pooling.
        """
        x = np.log(np.asarray(data, dtype=np.float64))
        y = np.asarray(log_loss, dtype=np.float64)
        w = np.ones_like(y) if weights is None else np.asarray(weights, dtype=np.float64)
        knots, place = np.unique(x, return_inverse=True)
        weight = np.bincount(place, w)
        mean = np.bincount(place, w * y) / weight
        pooled = isotonic_regression(mean, weights=weight, increasing=False)
        block = np.repeat(np.arange(len(pooled.blocks) - 1), np.diff(pooled.blocks))
        total = np.bincount(block, weight)
        knots = np.bincount(block, weight * knots) / total
        mean = np.bincount(block, weight * mean) / total
        if len(knots) < 2:
            raise FitError(
                "the loss does not fall with data anywhere on this curve, so no amount of data "
                "can be read off it; add larger amounts of data"
            )
        return cls(log_data=knots, log_loss=mean, slopes=_slopes(knots, mean))

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
        piece = np.clip(np.searchsorted(-self.log_loss, -wanted, side="right") - 1, 0, last)
        x0, x1 = self.log_data[piece], self.log_data[piece + 1]
        y0, y1 = self.log_loss[piece], self.log_loss[piece + 1]
        m0, m1 = self.slopes[piece] * (x1 - x0), self.slopes[piece + 1] * (x1 - x0)
        low, high = np.zeros_like(wanted), np.ones_like(wanted)
        for _ in range(_HALVINGS):
            t = 0.5 * (low + high)
            value = (
                (1 + 2 * t) * (1 - t) ** 2 * y0 + t * (1 - t) ** 2 * m0
                + t**2 * (3 - 2 * t) * y1 + t**2 * (t - 1) * m1
            )  # fmt: skip
            above = value > wanted
            low, high = np.where(above, t, low), np.where(above, high, t)
        found = x0 + 0.5 * (low + high) * (x1 - x0)
        found = np.where(wanted < self.log_loss[-1], np.inf, found)
        return np.asarray(np.where(wanted > self.log_loss[0], -np.inf, found))


def _slopes(x: Floats, y: Floats) -> Floats:
    """(m,) spline slopes, cut to the region in which a cubic piece stays monotone."""
    secant = np.diff(y) / np.diff(x)
    if len(x) == 2:
        return np.repeat(secant, 2)
    slopes = CubicSpline(x, y)(x, 1)
    bound = np.empty_like(slopes)
    bound[0], bound[-1] = secant[0], secant[-1]
    bound[1:-1] = np.maximum(secant[:-1], secant[1:])  # the flatter of two falling secants
    return np.clip(slopes, 3 * bound, 0.0)
