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
        FitError: no runs, or one that is not finite.
    """
    found = np.array(list(values), dtype=np.float64)
    if not len(found):
        raise FitError("over_seeds: there are no runs to average")
    if not np.isfinite(found).all():
        raise FitError(f"over_seeds: every run must be finite; got {found.tolist()}")
    mean, half = float(found.mean()), math.inf
    if len(found) > 1:
        half = float(stats.t.ppf((1 + level) / 2, len(found) - 1) * stats.sem(found))
    return Interval(mean=mean, low=mean - half, high=mean + half, seeds=len(found))
