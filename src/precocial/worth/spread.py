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
    trend = noise_trend(levels.data, squares, freedom)
    sd = trend.sd(levels.data)
    if not sd.any():
        return Spread(sd=sd, freedom=trend.freedom, residuals=np.zeros(1))
    residuals = np.concatenate(
        [
            (group - group.mean()) * np.sqrt(len(group) / (len(group) - 1)) / sd[index]
            for index, group in enumerate(levels.log_loss)
            if len(group) > 1
        ]
    )
    residuals /= np.sqrt(np.mean(residuals**2))
    return Spread(sd=sd, freedom=trend.freedom, residuals=residuals)


@dataclass(frozen=True, kw_only=True)
class NoiseTrend:
    """Standard deviation of one run's log loss over data: exp((a + b (log data - center)) / 2).

    Attributes:
        log_variance: a; -inf where the runs are equal.
        slope: b.
        center: of log data.
        freedom: degrees of freedom behind the line.
    """

    log_variance: float
    slope: float
    center: float
    freedom: float

    def sd(self, data: Floats) -> Floats:
        """(n,) at data (n,); zero data stands at the centre."""
        size = np.zeros(len(data))
        size[data > 0] = np.log(data[data > 0]) - self.center
        return np.asarray(np.exp(0.5 * (self.log_variance + self.slope * size)))


def noise_trend(data: Floats, squares: Floats, freedom: Floats) -> NoiseTrend:
    """The spread of one run from sums of squares of log loss at n amounts of data, (n,) each.

    A line with `TREND_LEVELS` levels that have freedom, and as much of it, else one number.
    `freedom` need not be whole: residuals about a law share what the law's parameters leave.
    """
    used = float(freedom.sum())
    pooled = float(squares.sum() / used)
    if pooled < _ROUNDING**2:
        return NoiseTrend(log_variance=-np.inf, slope=0.0, center=0.0, freedom=used)
    several = (freedom > 0) & (data > 0)
    if several.sum() < TREND_LEVELS or used < TREND_LEVELS:
        return NoiseTrend(log_variance=float(np.log(pooled)), slope=0.0, center=0.0, freedom=used)
    size = np.log(data[several])
    line = _line(size - size.mean(), squares[several], freedom[several], pooled)
    return NoiseTrend(
        log_variance=float(line[0]), slope=float(line[1]), center=float(size.mean()),
        freedom=used - 1,
    )  # fmt: skip


def _line(size: Floats, squares: Floats, freedom: Floats, pooled: float) -> Floats:
    """(a, b) of variance exp(a + b size) by Fisher scoring on the gamma likelihood of s^2."""
    design = np.stack([np.ones(len(size)), size], axis=1)
    s2, weight = squares / freedom, freedom / 2
    line = np.array([np.log(pooled), 0.0])
    for _ in range(_STEPS):
        score = design.T @ (weight * (s2 * np.exp(-design @ line) - 1))
        step = np.linalg.solve((design.T * weight) @ design, score)
        # far from the optimum a full step overshoots, because s2/variance is unbounded above
        line = line + step / max(1.0, float(np.abs(step).max()))
        if np.abs(step).max() < 1e-10:
            break
    return line


def borrow(own: Levels, other: Spread) -> Spread:
    """The other arm's spread for an arm whose levels have one seed each: its root mean square."""
    level = np.sqrt(np.mean(other.sd**2))
    return Spread(
        sd=np.full(len(own), level),
        freedom=other.freedom,
        residuals=other.residuals,
        borrowed=True,
    )


def widening(freedom: float, draws: int, rng: np.random.Generator) -> Floats:
    """(draws,) factors sqrt(freedom / chi2) that turn a normal into Student's t."""
    return np.asarray(np.sqrt(freedom / rng.chisquare(freedom, draws)))


def redraw(levels: Levels, noise: Spread, draws: int, rng: np.random.Generator) -> Floats:
    """(n, draws) mean log losses that other seeds might have given.

    mean + sd * sqrt(freedom / chi2) * (mean of as many residuals as the level has runs), with
    one chi2 a draw: the spread is uncertain in common.
    """
    scale = widening(noise.freedom, draws, rng)
    out = np.empty((len(levels), draws))
    for index, runs in enumerate(levels.runs.tolist()):
        picks = rng.integers(len(noise.residuals), size=(runs, draws))
        out[index] = noise.residuals[picks].mean(axis=0)
    result: Floats = levels.mean[:, None] + noise.sd[:, None] * scale * out
    return result
