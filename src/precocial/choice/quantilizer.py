"""Quantilizers (Taylor 2015): draw from the best fraction q of a trusted base distribution."""

from __future__ import annotations

from typing import Any, Literal

from precocial.choice.arguments import checked
from precocial.choice.arrays import Array, Options, fixed, options_of, shares_of

SLACK = 2.0**-46
"""A group whose total falls short of q by this share of q reaches it (ours: sums round, and a
base of ten equal options must give three of them at q = 0.3 and not a stray 1e-17 to a fourth)."""


@checked
def quantilize(
    scores: Any,
    q: Any,
    *,
    base: Any = None,
    axis: int = -1,
    ties: Literal["share"] = "share",
    method: Literal["auto", "sort", "select"] = "auto",
) -> Array:
    """The quantilizer: the base, cut to its best fraction q.

    With groups of equal score G_1, G_2, ... from the best down, P_k = p(G_1) + ... + p(G_k), and
    the boundary b the first k with P_k >= q:
    Q(a) = p(a) / q before b; p(a) / p(G_b) * (1 - P_{b-1} / q) in G_b; 0 after.
    It has the largest expected score among all Q <= p / q, so no cost c >= 0 is expected to be
    more than 1 / q times what it is under p. Source: Taylor, Quantilizers (2015), definition and
    theorem.

    Args:
        scores: (..., A), NumPy or torch, float32 or float64; whole numbers and lists are taken as
            float64. -inf marks an option that does not exist.
        q: in (0, 1]; one number, or one for each row.
        base: (..., A) or (A,), not negative; uniform by default. Each row is divided by its sum
            over the options that exist.
        axis: which axis the options lie on.
        ties: options of equal score share in proportion to their base.

    Returns:
        Probabilities of the scores' shape, dtype, library and device. A gradient flows to a torch
        base, exactly; none flows to the scores, whose derivative is 0 wherever there is one.

    Raises:
        ConfigError: NaN, inf, a negative base, no option of any weight, or q out of range.
    """
    options = options_of("quantilize", scores, base, axis)
    shares = shares_of("quantilize", q, options)
    w = weights(options, shares, threshold(options, shares))
    return options.xp.moveaxis(w, -1, options.axis)


def threshold(options: Options, shares: Array) -> Array:
    """(..., 1) score of the boundary group."""
    xp, S, B = options.xp, options.scores, fixed(options.base)
    order = xp.argsort(S, axis=-1, descending=True)
    ranked = xp.take_along_axis(S, order, axis=-1)
    need = shares * xp.sum(B, axis=-1, keepdims=True) * (1 - SLACK)
    reached = xp.cumulative_sum(xp.take_along_axis(B, order, axis=-1), axis=-1)
    real = xp.sum(xp.astype(-xp.inf < S, xp.int64), axis=-1, keepdims=True)
    place = xp.sum(xp.astype(reached < need, xp.int64), axis=-1, keepdims=True)
    return xp.take_along_axis(ranked, xp.minimum(place, real - 1), axis=-1)


def weights(options: Options, shares: Array, boundary: Array) -> Array:
    """(..., A) probabilities, given the score of the boundary group."""
    xp, S, B = options.xp, options.scores, options.base
    none = xp.zeros((), dtype=B.dtype, device=B.device)
    above = xp.where(boundary < S, B, none)
    at = xp.where((boundary == S) & (-xp.inf < S), B, none)
    need = shares * xp.sum(B, axis=-1, keepdims=True)
    left = (need - xp.sum(above, axis=-1, keepdims=True)) / xp.sum(at, axis=-1, keepdims=True)
    # rounding may leave a share just outside [0, 1]; its derivative is none of the clipping's
    left = left + fixed(xp.clip(left, 0.0, 1.0) - left)
    return xp.astype((above + left * at) / need, options.dtype)
