"""How sure to be: one temperature for the probabilities of a panel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from precocial.normativity.aggregators.result import hits

Floats = NDArray[np.float64]
TEMPERATURE = 3.0
"""Ours, chosen by `benchmarks/real_crowds.py` with one family of crowds left out."""
SPREAD = 0.5
"""Standard deviation of the logarithm of the temperature from one crowd to the next (ours: from
those in `benchmarks/real_crowds.py`, where the best ones lie from 2 to 4)."""
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


def calibration_error(proba: Floats, gold: NDArray[np.int64], bins: int = 10) -> float:
    """Expected calibration error of the most probable class over tasks with gold: mean over `bins`
    of equal width, weighted by tasks, of |mean probability - share that are right|. Ties share."""
    known = np.flatnonzero(gold >= 0)
    if not len(known):
        return 0.0
    p = proba[known]
    sure = p.max(axis=1)
    hit = hits(p, gold[known])
    place = np.minimum((sure * bins).astype(int), bins - 1)
    count = np.bincount(place, minlength=bins)
    gap = np.bincount(place, sure - hit, bins)
    return float(np.abs(gap).sum() / count.sum())
