"""How sure to be: one temperature for the probabilities of a panel."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar

from precocial.choice.arguments import array_of, checked, distributions_of
from precocial.errors import ConfigError
from precocial.normativity.aggregators.result import hits

Floats = NDArray[np.float64]
TEMPERATURE = 3.0
"""Ours, chosen by `benchmarks/real_crowds.py` with one family of crowds left out."""
SPREAD = 0.5
"""Standard deviation of the logarithm of the temperature from one crowd to the next (ours: a
factor of e either way is two of them)."""
LEAST = 1e-6
"""The least probability that is given a logarithm (ours)."""


def tempered(proba: Floats, temperature: float) -> Floats:
    """p^(1 / temperature), normalised; classes keep their order."""
    log = np.log(np.maximum(proba, LEAST)) / temperature
    made = np.exp(log - log.max(axis=-1, keepdims=True))
    return np.asarray(made / made.sum(axis=-1, keepdims=True))


def fitted_temperature(gold: NDArray[np.int64], unseen: Floats, prior: float) -> float:
    """The most probable temperature, given gold labels and Normal(log prior, SPREAD) on its log.

    Args:
        gold: (T,) class or -1.
        unseen: (T, K) probabilities of processes that were fitted without gold: with it, gold tasks
            are certain and say nothing. The shares that mix them may have been chosen with gold.
        prior: the temperature without gold.
    """
    known = np.flatnonzero(gold >= 0)
    if not len(known) or unseen.shape[1] < 2:
        return prior

    def cost(log: float) -> float:
        p = tempered(unseen[known], float(np.exp(log)))
        miss = -np.log(p[np.arange(len(known)), gold[known]]).sum()
        return float(miss + 0.5 * ((log - np.log(prior)) / SPREAD) ** 2)

    found = minimize_scalar(cost, bounds=(np.log(0.2), np.log(20)), method="bounded")
    return float(np.exp(found.x))


@checked
def calibration_error(proba: ArrayLike, gold: ArrayLike, bins: int = 10) -> float:
    """Expected calibration error of the most probable class over tasks with gold: mean over `bins`
    of equal width, weighted by tasks, of |mean probability - share that are right|. Ties share.

    Args:
        proba: (T, K), a distribution for each task with gold; other rows are not read.
        gold: (T,) class, 0 to K - 1, or -1 where it is not known.
        bins: how many.

    Raises:
        ConfigError: no gold at all, arrays of other shapes, numbers that are no distributions or
            no classes, or no bins.
    """
    p = array_of("calibration_error: proba", proba, np.shape(proba)[-1:])
    if p.ndim != 2 or not p.shape[1]:
        raise ConfigError(f"calibration_error: proba must be (tasks, classes); got shape {p.shape}")
    true = array_of("calibration_error: gold", gold, (len(p),))
    if true.ndim != 1 or not np.isin(true, np.arange(-1, p.shape[1])).all():
        raise ConfigError(
            f"calibration_error: gold must be classes, 0 to {p.shape[1] - 1}, or -1 where none is "
            f"known, one for each of {len(p)} tasks"
        )
    if bins < 1:
        raise ConfigError(f"calibration_error: bins must be at least 1; got {bins}")
    known = np.flatnonzero(true >= 0)
    if not len(known):
        raise ConfigError("calibration_error: gold is known of no task, so there is no error")
    p = distributions_of("calibration_error: proba", p[known], p.shape[1:])
    sure = p.max(axis=1)
    hit = hits(p, true[known].astype(np.int64))
    place = np.minimum((sure * bins).astype(int), bins - 1)
    count = np.bincount(place, minlength=bins)
    gap = np.bincount(place, sure - hit, bins)
    return float(np.abs(gap).sum() / count.sum())
