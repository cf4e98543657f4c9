"""Reading a learning curve backwards: from a loss to the data that reaches it.

Everything is in log data and log loss, between the levels a monotone cubic (PCHIP; Fritsch and
Butland 1984), never a line: a learning curve is convex, so its chords lie above it and give too
much data even without noise.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.optimize import isotonic_regression

from precocial.worth.curve import Floats

MIN_LEVELS = 3
"""With two levels a cubic is a line."""
LEAST_SLOPE = 1e-3
"""A repaired curve falls at least this share of its mean slope everywhere; ours."""
_HALVINGS = 60


def falling(x: Floats, y: Floats, weights: Floats) -> Floats:
    """The curve nearest to y (n,) by weighted squares that falls strictly in x (n,).

    Levels that noise has put out of order are moved as little as possible so that the slope is at
    least `LEAST_SLOPE` of the mean slope: isotonic regression of y plus that line, minus it again.
    A curve whose last level is not below its first is returned flat or with flat parts.
    """
    slope = LEAST_SLOPE * max(0.0, float((y[0] - y[-1]) / (x[-1] - x[0])))
    line = slope * (x - x[0])
    if np.all(np.diff(y + line) <= 0):
        return y
    repaired = isotonic_regression(y + line, weights=weights, increasing=False).x
    result: Floats = repaired - line
    return result


def cross(x: Floats, curves: Floats, loss: Floats, *, last: bool = False) -> Floats:
    """The first place where each curve comes down to a log loss (or the last one where it does).

    The curves need not fall everywhere; where they do, both are one place.

    Args:
        x: (n,) log data of the levels.
        curves: (n, draws) log losses.
        loss: (rows, draws) log losses to reach.

    Returns:
        (rows, draws) log data; -inf where the loss is above the curve's first level (it is reached
        with less data), inf where it is below the last (it is reached with more); NaN for NaN.
    """
    cubic = PchipInterpolator(x, curves, axis=0).c
    out = np.empty(loss.shape)
    for row, target in enumerate(loss):
        out[row] = _cross_row(x, curves, cubic, target, last)
    out[np.isnan(loss)] = np.nan
    return out


def _cross_row(x: Floats, curves: Floats, cubic: Floats, loss: Floats, last: bool) -> Floats:
    count = len(x)
    if last:
        reached = curves >= loss
        level = count - 1 - reached[::-1].argmax(axis=0)
        missing, outside = -np.inf, np.inf
        edge = (level == count - 1) & (loss < curves[-1])
        segment = np.minimum(level, count - 2)
    else:
        reached = curves <= loss
        level = reached.argmax(axis=0)
        missing, outside = np.inf, -np.inf
        edge = (level == 0) & (loss > curves[0])
        segment = np.maximum(level - 1, 0)
    root = _solve(x, cubic, segment, loss)
    # exactly on a level: no rounding from the solver
    exact = np.take_along_axis(curves, level[None], axis=0)[0] == loss
    root = np.where(exact, x[level], root)
    root = np.where(edge, outside, root)
    result: Floats = np.where(reached.any(axis=0), root, missing)
    return result


def _solve(x: Floats, cubic: Floats, segment: NDArray[np.int64], loss: Floats) -> Floats:
    """Bisection: a segment of a PCHIP is monotone, so nothing faster is as safe."""
    draw = np.arange(len(loss))
    a, b, c, d = cubic[:, segment, draw]
    width = np.diff(x)[segment]
    low, high = np.zeros(len(loss)), width.copy()
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        above = ((a * middle + b) * middle + c) * middle + d > loss
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    result: Floats = x[segment] + (low + high) / 2
    return result


def evaluate(x: Floats, curves: Floats, at: Floats) -> Floats:
    """Log losses (rows, draws) of curves (n, draws) at log data `at` (rows,), by PCHIP."""
    result: Floats = PchipInterpolator(x, curves, axis=0, extrapolate=False)(at)
    return result
