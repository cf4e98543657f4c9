"""How far the mean of a level may be off: the spread of seeds, and curves redrawn from it.

A plain bootstrap of two to five seeds is too narrow: resampling n seeds shrinks the variance by
(n-1)/n and takes the spread as known (its 95 % intervals cover 68, 82 and 87 % with 2, 3 and 5
seeds, by simulation). So residuals are pooled over the levels, widened by
sqrt(n/(n-1)), scaled to each level's spread, and every draw divides by its own draw of the spread,
as Student's t does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from precocial.worth.curve import Floats, Levels

TREND_LEVELS = 4
"""Levels with several seeds from which on the spread may change with data; ours."""
_STEPS = 100
_ROUNDING = 1e-12
"""A spread of log loss below this is rounding: the runs are equal."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Spread:
    """The spread of runs around the mean of their level, in log loss.

    Attributes:
        sd: (n,) standard deviation of one run at each level.
        freedom: degrees of freedom behind `sd`.
        residuals: (m,) deviations over sd, of mean square 1, to draw from.
        borrowed: the arm had no level with two seeds, so the other arm's spread stands in.
    """

    sd: Floats
    freedom: float
    residuals: Floats
    borrowed: bool = False


def spread(levels: Levels) -> Spread | None:
    """The spread of seeds within levels, pooled; None where no level has two seeds.

    With `TREND_LEVELS` levels of several seeds, log variance is a line in log data (fitted by
    maximum likelihood, one degree of freedom less); with fewer it is one number. Levels with one
    seed take the spread of the line. Zero data stands at the line's mean.
    """
    freedom = (levels.runs - 1).astype(np.float64)
    if freedom.sum() == 0:
        return None
    squares = np.array([((group - group.mean()) ** 2).sum() for group in levels.log_loss])
    pooled = float(squares.sum() / freedom.sum())
    if pooled < _ROUNDING**2:
        return Spread(sd=np.zeros(len(levels)), freedom=float(freedom.sum()), residuals=np.zeros(1))
    variance, used = np.full(len(levels), pooled), float(freedom.sum())
    several = (freedom > 0) & (levels.data > 0)
    if several.sum() >= TREND_LEVELS:
        variance = _trend(levels.data, squares, freedom, several, pooled)
        used -= 1
    sd = np.sqrt(variance)
    residuals = np.concatenate(
        [
            (group - group.mean()) * np.sqrt(len(group) / (len(group) - 1)) / sd[index]
            for index, group in enumerate(levels.log_loss)
            if len(group) > 1
        ]
    )
    residuals /= np.sqrt(np.mean(residuals**2))
    return Spread(sd=sd, freedom=used, residuals=residuals)


def _trend(
    data: Floats, squares: Floats, freedom: Floats, several: np.ndarray, pooled: float
) -> Floats:
    """Variance exp(a + b log data) by Fisher scoring on the gamma likelihood of s^2."""
    size = np.zeros(len(data))
    size[data > 0] = np.log(data[data > 0])
    size[data > 0] -= size[several].mean()
    design = np.stack([np.ones(several.sum()), size[several]], axis=1)
    s2, weight = squares[several] / freedom[several], freedom[several] / 2
    line = np.array([np.log(pooled), 0.0])
    for _ in range(_STEPS):
        score = design.T @ (weight * (s2 * np.exp(-design @ line) - 1))
        step = np.linalg.solve((design.T * weight) @ design, score)
        # far from the optimum a full step overshoots, because s2/variance is unbounded above
        line = line + step / max(1.0, float(np.abs(step).max()))
        if np.abs(step).max() < 1e-10:
            break
    variance: Floats = np.exp(line[0] + line[1] * size)
    return variance


def borrow(own: Levels, other: Spread) -> Spread:
    """The other arm's spread for an arm whose levels have one seed each: its root mean square."""
    level = np.sqrt(np.mean(other.sd**2))
    return Spread(
        sd=np.full(len(own), level),
        freedom=other.freedom,
        residuals=other.residuals,
        borrowed=True,
    )


def redraw(levels: Levels, noise: Spread, draws: int, rng: np.random.Generator) -> Floats:
    """(n, draws) mean log losses that other seeds might have given.

    mean + sd * sqrt(freedom / chi2) * (mean of as many residuals as the level has runs), with
    one chi2 a draw: the spread is uncertain in common.
    """
    scale = np.sqrt(noise.freedom / rng.chisquare(noise.freedom, draws))
    out = np.empty((len(levels), draws))
    for index, runs in enumerate(levels.runs.tolist()):
        picks = rng.integers(len(noise.residuals), size=(runs, draws))
        out[index] = noise.residuals[picks].mean(axis=0)
    result: Floats = levels.mean[:, None] + noise.sd[:, None] * scale * out
    return result
