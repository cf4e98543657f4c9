"""A mean over seeds, and how far it may be off."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy import stats

from precocial.errors import FitError


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A mean of `seeds` runs with Student's t interval."""

    mean: float
    low: float
    """-inf with one seed, or an infinite run: nothing is known of the spread"""
    high: float
    seeds: int

    def excludes(self, value: float) -> bool:
        """Whether `value` lies outside."""
        return not self.low <= value <= self.high


def over_seeds(values: Iterable[float], level: float = 0.95) -> Interval:
    """The mean of independent runs, with the t interval of probability `level`.

    Raises:
        FitError: no runs.
    """
    found = np.array(list(values), dtype=np.float64)
    if not len(found):
        raise FitError("over_seeds: there are no runs to average")
    if np.isnan(found).any() or {-math.inf, math.inf} <= set(found.tolist()):
        raise FitError("over_seeds: runs that are NaN, or infinite both ways, have no mean")
    mean, half = float(found.mean()), math.inf
    if math.isinf(mean):
        return Interval(mean=mean, low=-math.inf, high=math.inf, seeds=len(found))
    if len(found) > 1:
        half = float(stats.t.ppf((1 + level) / 2, len(found) - 1) * stats.sem(found))
    return Interval(mean=mean, low=mean - half, high=mean + half, seeds=len(found))
