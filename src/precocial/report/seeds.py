"""Means over seeds with their intervals, from rows alone."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True, kw_only=True)
class Spread:
    """A mean over seeds with Student's t interval at 95 %; None with one seed."""

    mean: float
    low: float | None
    high: float | None
    seeds: int

    @property
    def sign(self) -> int:
        """1 or -1 where the interval lies on one side of 0, else 0."""
        if self.low is None or self.high is None:
            return 0
        return int(self.low > 0) - int(self.high < 0)


def spread(values: Iterable[float], *, within: tuple[float, float] | None = None) -> Spread:
    """The mean of at least one value, and its interval if there are more, cut to `within`."""
    found = np.array(list(values), dtype=np.float64)
    mean, count = float(found.mean()), len(found)
    if count < 2:
        return Spread(mean=mean, low=None, high=None, seeds=count)
    half = float(stats.t.ppf(0.975, count - 1) * found.std(ddof=1) / math.sqrt(count))
    least, most = (-math.inf, math.inf) if within is None else within
    low, high = max(least, mean - half), min(most, mean + half)
    return Spread(mean=mean, low=low, high=high, seeds=count)
