"""What the likelihood alone bounds: profile intervals, open where it is flat; and trade-offs.

A posterior interval on a grid ends at the grid's ends whatever the data say. The profile
likelihood of a parameter, its likelihood with all others at their best, does not: where it never
falls by chi2(level) / 2 below its maximum, the interval has no end on that side.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from precocial.choice.arguments import checked
from precocial.errors import ConfigError
from precocial.preferences.people.models import Axis
from precocial.preferences.people.posterior import TradeOff

Floats = NDArray[np.float64]


@checked
def profile_interval(axis: Axis, profile: Floats, level: float) -> tuple[Floats, Floats]:
    """Low and high ends (N,) of {x : 2 (max - profile(x)) <= chi2_1(level)}, NaN where there is
    none on the grid.

    Of several pieces the outermost ends; between two values of the grid the profile is taken as a
    straight line. A likelihood ratio against a chi-squared of one degree of freedom is exact with
    many choices only (Wilks 1938).

    Args:
        axis: g values.
        profile: (g, N) log likelihood in nats, others maximised.
        level: of the interval, in (0, 1).

    Raises:
        ConfigError: a profile that is not (g, N) or not finite, or another level.
    """
    if profile.ndim != 2 or len(profile) != len(axis.values) or not np.isfinite(profile).all():
        raise ConfigError(
            f"profile_interval: the profile must be finite, ({len(axis.values)}, N), a row each "
            f"value of the axis; got shape {profile.shape}"
        )
    if not 0 < level < 1:
        raise ConfigError(f"profile_interval: level must lie in (0, 1); got {level!r}")
    x = axis.scaled(axis.values)
    excess = profile - profile.max(axis=0) + chi2.ppf(level, 1) / 2
    low, high = _first_crossing(x, excess), _first_crossing(x[::-1], excess[::-1])
    return (np.exp(low), np.exp(high)) if axis.log else (low, high)


def _first_crossing(x: Floats, excess: Floats) -> Floats:
    """(N,) where excess (g, N) first reaches 0; NaN where it begins above."""
    n = np.arange(excess.shape[1])
    first = (excess >= 0).argmax(axis=0)
    before = np.maximum(first - 1, 0)
    above, below = excess[first, n], excess[before, n]
    share = np.divide(above, above - below, out=np.zeros(len(n)), where=first > 0)
    crossing = x[first] - share * (x[first] - x[before])
    return np.asarray(np.where(first > 0, crossing, np.nan))


def trade_offs(axes: Sequence[Axis], cells: Floats) -> tuple[TradeOff, ...]:
    """Posterior correlations of each pair of parameters, on the axes' own scales, the median over
    people: near 1 or -1, the choices decide a combination and not the two.

    Args:
        axes: P of them.
        cells: (g_1, ..., g_P, N) posterior; sums to 1 over the grid.
    """
    found = []
    P = len(axes)
    for i, j in combinations(range(P), 2):
        both = cells.sum(axis=tuple(k for k in range(P) if k not in (i, j)))
        x, y = (axis.scaled(axis.values) for axis in (axes[i], axes[j]))
        means = [np.einsum("ijn,i,j->n", both, a, b, optimize=True) for a, b in (
            (x, np.ones(len(y))), (np.ones(len(x)), y), (x**2, np.ones(len(y))),
            (np.ones(len(x)), y**2), (x, y),
        )]  # fmt: skip
        of_x, of_y, xx, yy, xy = means
        spread = np.sqrt(np.maximum((xx - of_x**2) * (yy - of_y**2), 0.0))
        correlation = np.divide(
            xy - of_x * of_y, spread, out=np.zeros_like(spread), where=spread > 0
        )
        found.append(TradeOff(
            first=axes[i].name, second=axes[j].name, correlation=float(np.median(correlation))
        ))  # fmt: skip
    return tuple(found)
