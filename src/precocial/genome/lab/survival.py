"""From scores over a lifetime to who takes over: the paper's Eq. 2 and what follows from it.

p(t+1) = p(t) [1 - alpha (1 - c(t))]: p(t) is the probability of being alive at t, c(t) the correct
rate, 0 < alpha < 1 the weight of the trait (Shuvaev et al. 2024, Eq. 2; no value is given there).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logit

from precocial.errors import ConfigError, DataError


def survival_curve(scores: ArrayLike, alpha: float) -> NDArray[np.float64]:
    """Eq. 2: p(0) = 1, p(1), ..., p(T) from the scores c(0), ..., c(T-1).

    Args:
        scores: correct rates in [0, 1], time on the last axis.
        alpha: weight of the trait, in (0, 1).

    Returns:
        Probabilities of being alive, one longer than `scores` along the last axis.

    Raises:
        ConfigError: alpha outside (0, 1).
        DataError: no scores, or scores outside [0, 1].
    """
    if not 0 < alpha < 1:
        raise ConfigError(
            f"survival: alpha must lie between 0 and 1, both excluded; got {alpha!r}. Near 0 the "
            "trait hardly matters, near 1 every error kills"
        )
    rates = np.asarray(scores, dtype=np.float64)
    if rates.ndim == 0 or rates.shape[-1] == 0:
        raise DataError("survival needs at least one score, time on the last axis")
    if not bool(((rates >= 0) & (rates <= 1)).all()):
        raise DataError("survival: scores are correct rates in [0, 1]; got others or NaN")
    alive = np.cumprod(1 - alpha * (1 - rates), axis=-1)
    return np.concatenate([np.ones((*rates.shape[:-1], 1)), alive], axis=-1)


def lifetime_survival(scores: ArrayLike, alpha: float) -> NDArray[np.float64]:
    """S = prod_{t<T} [1 - alpha (1 - c(t))], the last value of `survival_curve`."""
    return survival_curve(scores, alpha)[..., -1]


def scores_at_every_step(
    marks: Sequence[int], scores: ArrayLike, lifetime: int
) -> NDArray[np.float64]:
    """c(0), ..., c(T-1) from scores at some steps, in straight lines between them.

    Args:
        marks: steps that were scored, rising, from 0 to at least `lifetime` - 1.
        scores: the scores there, [..., marks].
        lifetime: T.

    Raises:
        DataError: marks that do not rise or do not reach over the lifetime.
    """
    at = np.asarray(marks, dtype=np.float64)
    if lifetime < 1 or len(at) == 0 or at[0] != 0 or at[-1] < lifetime - 1:
        raise DataError(
            f"scores_at_every_step: marks must reach from 0 to {lifetime - 1}; got {list(marks)}"
        )
    if bool((np.diff(at) <= 0).any()):
        raise DataError(f"scores_at_every_step: marks must rise; got {list(marks)}")
    steps = np.arange(lifetime)
    values = np.asarray(scores, dtype=np.float64)
    return np.apply_along_axis(lambda row: np.interp(steps, at, row), -1, values)


def lineage_shares(
    survival: float, other: float, *, start: float, generations: int
) -> NDArray[np.float64]:
    """The share of a lineage under selection: x' = x S1 / (x S1 + (1 - x) S2).

    In closed form logit x(n) = logit x(0) + n ln(S1 / S2). Derived from Eq. 2: lineages differ in
    survival only, not in fertility.

    Args:
        survival: S1, of the lineage.
        other: S2, of the other lineage.
        start: its share x(0), in (0, 1).
        generations: how many.

    Returns:
        x(0), ..., x(generations).
    """
    _check(survival, other, start)
    if generations < 0:
        raise ConfigError(f"lineage_shares: generations must be at least 0; got {generations}")
    odds = logit(start) + np.arange(generations + 1) * math.log(survival / other)
    return np.asarray(np.exp(-np.logaddexp(0.0, -odds)))


def takeover_generations(
    survival: float, other: float, *, start: float = 0.01, end: float = 0.99
) -> float:
    """Generations until the share is `end`: [logit x1 - logit x0] / ln(S1 / S2).

    Infinite where the lineage never gets there, since it does not survive better (or, for an end
    below the start, not worse).

    Args:
        survival: S1, of the lineage that takes over.
        other: S2.
        start: x0, in (0, 1).
        end: x1, in (0, 1).
    """
    _check(survival, other, start)
    _check(survival, other, end)
    way = float(logit(end) - logit(start))
    pull = math.log(survival / other)
    if way == 0:
        return 0.0
    return way / pull if way * pull > 0 else math.inf


def _check(survival: float, other: float, share: float) -> None:
    if not (0 < survival <= 1 and 0 < other <= 1):
        raise ConfigError(f"a lifetime's survival lies in (0, 1]; got {survival!r} and {other!r}")
    if not 0 < share < 1:
        raise ConfigError(f"a lineage's share lies between 0 and 1, both excluded; got {share!r}")
