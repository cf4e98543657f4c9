"""Best-of-n: n draws from a base, of which the best is taken; its exact distribution."""

from __future__ import annotations

from typing import Any

import numpy as np

from precocial.choice.arguments import checked
from precocial.choice.arrays import Array, fixed, options_of
from precocial.errors import ConfigError


@checked
def best_of_n(scores: Any, n: int, *, base: Any = None, axis: int = -1) -> Array:
    """The best of n independent draws from the base; of draws that tie, any.

    With F the base of all options that score no more than a, and G that of those that score the
    same: P(a) = p(a) / G * (F^n - (F - G)^n). n = 1 is the base, large n the best group. No
    option has more than n times its base.

    Args:
        scores, base, axis: as of `quantilize`.
        n: how many draws.

    Returns:
        Probabilities of the scores' shape, dtype, library and device. A gradient flows to a torch
        base.

    Raises:
        ConfigError: as of `quantilize`, or n < 1.
    """
    if n < 1:
        raise ConfigError(f"best_of_n: n must be 1 or more; got {n}")
    options = options_of("best_of_n", scores, base, axis)
    xp, S = options.xp, options.scores
    order = xp.argsort(S, axis=-1)
    ranked = xp.take_along_axis(S, order, axis=-1)
    p = xp.take_along_axis(options.base, order, axis=-1)
    p = p / xp.sum(p, axis=-1, keepdims=True)
    upto = xp.cumulative_sum(p, axis=-1)
    edge = xp.ones_like(ranked[..., :1], dtype=xp.bool)
    differs = ranked[..., 1:] != ranked[..., :-1]
    # the sum before the first of a group and that up to its last, for each member of the group
    below = running_max(xp, xp.where(xp.concat([edge, differs], axis=-1), upto - p, 0.0))
    last = xp.where(xp.concat([differs, edge], axis=-1), upto, xp.inf)
    F = -xp.flip(running_max(xp, xp.flip(-last, axis=-1)), axis=-1)
    one, none = xp.ones_like(p), xp.zeros_like(p)
    G = xp.where(fixed(p) > 0, F - below, one)
    G = xp.where(fixed(G) > 0, G, p)  # a difference that rounding took: of the group, one is left
    # written so that a small group loses no digits: 1 - (1 - G / F)^n
    part = xp.clip(G / xp.where(fixed(p) > 0, F, one), 0.0, 1.0)
    all_of_it = part == 1.0
    rest = xp.log1p(-xp.where(all_of_it, 0.0, part))
    taken = xp.where(all_of_it, one, -xp.expm1(n * rest)) * F**n
    w = xp.where(fixed(p) > 0, p / G * taken, none)
    w = w / xp.sum(w, axis=-1, keepdims=True)
    back = xp.take_along_axis(w, xp.argsort(order, axis=-1), axis=-1)
    return xp.moveaxis(xp.astype(back, options.dtype), -1, options.axis)


def running_max(xp: Any, values: Array) -> Array:
    """The largest so far, along the last axis; the array API has none."""
    if isinstance(values, np.ndarray):
        return np.maximum.accumulate(values, axis=-1)
    return xp.cummax(values, dim=-1).values
