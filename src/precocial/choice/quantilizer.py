"""Quantilizers (Taylor 2015): draw from the best fraction q of a trusted base distribution.

A quantilizer that is differentiated or certified is a `Cut`: where the base is cut, and the parts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from array_api_compat import is_torch_array

from precocial.choice.arguments import checked
from precocial.choice.arrays import (
    Array,
    Options,
    base_like,
    fixed,
    library_of,
    on_last,
    options_of,
    shares_of,
)
from precocial.choice.select import FEW, SLACK, boundary_of, doubtful, in_doubt, select
from precocial.errors import ConfigError


@dataclass(frozen=True, kw_only=True, eq=False)
class Cut:
    """A base cut at its best fraction q: the quantilizer as a function of the base, near a base.

    Index order (..., A), the options last, and (..., 1) for what each row has one of.

    Attributes:
        options: scores and base as they were given, checked.
        shares: (..., 1) q.
        boundary: (..., 1) score of the boundary group.
        above: (..., A) base above the boundary, 0 elsewhere.
        at: (..., A) base at the boundary, 0 elsewhere.
    """

    options: Options
    shares: Array
    boundary: Array
    above: Array
    at: Array

    @property
    def need(self) -> Array:
        """(..., 1) base that a quantilizer takes: q times the base of all."""
        return self.shares * self.options.xp.sum(self.options.base, axis=-1, keepdims=True)

    @property
    def left(self) -> Array:
        """(..., 1) which part of the boundary group is taken, in [0, 1]."""
        xp = self.options.xp
        rest = self.need - xp.sum(self.above, axis=-1, keepdims=True)
        left = rest / xp.sum(self.at, axis=-1, keepdims=True)
        # rounding may leave it just outside; its derivative is not the clipping's
        return left + fixed(xp.clip(left, 0.0, 1.0) - left)

    @property
    def weights(self) -> Array:
        """(..., A) the quantilizer's probabilities, in the dtype of the scores."""
        xp, options = self.options.xp, self.options
        return xp.astype((self.above + self.left * self.at) / self.need, options.dtype)

    def push(self, direction: Array) -> Array:
        """(..., A) the change of the weights along a change of the base: the derivative, times it.

        With Z, A and T the base of all, above and at the boundary, N = qZ and dots for changes:
        w = p / N above, so its change is (p. - w N.) / N; at the boundary w = p (1 - A / N) / T.
        """
        d = self._real(direction)
        if self.options.unit is not None:
            d = d / self.options.unit
        xp, N = self.options.xp, self.need
        over, equal = self._places
        A, T = _row(xp, self.above), _row(xp, self.at)
        dN = self.shares * _row(xp, d)
        dA, dT = _row(xp, xp.where(over, d, 0.0)), _row(xp, xp.where(equal, d, 0.0))
        rate = (1 - A / N) / T
        change = (A * dN / N - dA) / (N * T) - rate * dT / T
        upper = (xp.where(over, d, 0.0) - self.above * dN / N) / N
        return upper + xp.where(equal, d, 0.0) * rate + self.at * change

    def pull(self, cotangent: Array) -> Array:
        """(..., A) derivative with respect to the base of sum(cotangent * weights), row by row.

        For an option above the boundary g / N - G / (N T), at it (1 - A / N) / T * (g - G / T),
        and to each that exists q (A G / T - sum of g p above) / N^2 through Z, where G is the sum
        of g p at the boundary. So along a change of base that keeps its sum, an accepted option
        gains 1 / q, and the boundary loses it in proportion to its base (ties share). A base of 0
        has the derivative from above. Where P_b = q exactly, and in ties, it is one-sided.
        """
        g = self._real(cotangent)
        xp, N = self.options.xp, self.need
        over, equal = self._places
        A, T = _row(xp, self.above), _row(xp, self.at)
        held = _row(xp, g * self.at) / T
        through = self.shares * (A * held - _row(xp, g * self.above)) / N**2
        own = xp.where(over, (g - held) / N, 0.0)
        own = own + xp.where(equal, (g - held) * (1 - A / N) / T, 0.0)
        found = own + xp.where(self.options.scores > -xp.inf, through, 0.0)
        return found if self.options.unit is None else found / self.options.unit

    @property
    def _places(self) -> tuple[Array, Array]:
        return self.options.scores > self.boundary, self.options.scores == self.boundary

    def _real(self, values: Array) -> Array:
        given = base_like("Cut: change", values, self.options.xp, self.options.scores, -1)
        xp = self.options.xp
        found = xp.where(self.options.scores > -xp.inf, given, 0.0)
        if not bool(xp.all(xp.isfinite(fixed(found)))):
            raise ConfigError(
                "a cotangent, or a change of the base, must be finite where an option exists; got "
                "NaN or inf"
            )
        return found


def _row(xp: Any, values: Array) -> Array:
    return xp.sum(values, axis=-1, keepdims=True)


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
    theorem. A P_k within 2e-13 of q counts as q, as sums are rounded.

    Args:
        scores: (..., A), NumPy or torch, float32 or float64; whole numbers and lists are taken as
            float64. -inf marks an option that does not exist.
        q: in (0, 1]; one number, or one for each row.
        base: (..., A) or (A,), not negative; uniform by default. Each row is divided by its sum
            over the options that exist.
        axis: which axis the options lie on.
        ties: options of equal score share in proportion to their base.
        method: "sort", or "select", which finds the boundary without sorting all; "auto" selects
            in rows of more than 2,048 options. The boundary is the same bit for bit.

    Returns:
        Probabilities of the scores' shape, dtype, library and device. A gradient flows to a torch
        base, exactly; none flows to the scores, whose derivative is 0 wherever there is one.

    Raises:
        ConfigError: NaN, inf, a negative base, no option of any weight, or q out of range.
    """
    xp, S, at = on_last("quantilize", scores, axis)
    S = fixed(S)
    if method != "sort" and S.shape[-1] > FEW and "cpu" in str(S.device) and not _traced(base):
        w = _select_rows(xp, S, base, shares_of("quantilize", q, S), at)
    else:
        w = cut(scores, q, base=base, axis=axis, method=method).weights
    return w if at in (-1, w.ndim - 1) else xp.moveaxis(w, -1, at)


def _traced(base: Any) -> bool:
    return is_torch_array(base) and base.requires_grad


def _select_rows(xp: Any, S: Array, base: Any, shares: Array, axis: int) -> Array:
    """`select` on each row; a tensor of the CPU is seen as an array of NumPy, without a copy."""
    size = S.shape[-1]
    rows = np.ascontiguousarray(np.asarray(S)).reshape(-1, size)
    bases = [None] * len(rows)
    if base is not None:
        B = np.asarray(base_like("quantilize", base, xp, S, axis))
        bases = list(np.broadcast_to(B, tuple(S.shape)).reshape(-1, size))
    out = [
        select("quantilize", s, None if b is None else np.ascontiguousarray(b), float(q))
        for s, b, q in zip(rows, bases, np.asarray(shares).ravel(), strict=True)
    ]
    whole = out[0] if len(out) == 1 else np.stack(out) if out else np.empty_like(rows)
    return xp.asarray(whole.reshape(tuple(S.shape)))


@checked
def cut(
    scores: Any,
    q: Any,
    *,
    base: Any = None,
    axis: int = -1,
    method: Literal["auto", "sort", "select"] = "auto",
) -> Cut:
    """Where `quantilize` cuts the base, with the derivative with respect to the base.

    Args:
        scores, q, base, method: as of `quantilize`.
        axis: as there; all arrays of the `Cut` have the options last.

    Raises:
        ConfigError: as there.
    """
    options = options_of("quantilize", scores, base, axis)
    shares = shares_of("quantilize", q, options.scores)
    return cut_at(options, shares, _boundary(options, shares, method))


def cut_at(options: Options, shares: Array, boundary: Array) -> Cut:
    """The parts above and at a boundary; of a row in doubt the boundary is found again."""
    xp, S, B = options.xp, options.scores, options.base
    boundary = boundary + 0.0  # of 0 and -0, which are equal, the same one always
    above, at = xp.where(boundary < S, B, 0.0), xp.where(boundary == S, B, 0.0)
    need = shares * _row(xp, fixed(B))
    doubt = doubtful(_row(xp, fixed(above)), _row(xp, fixed(at)), need)[..., 0]
    if bool(xp.any(doubt)):
        mended = xp.asarray(boundary, copy=True)
        for place in np.argwhere(np.asarray(doubt.tolist())):
            row = tuple(int(i) for i in place)
            ranked, base = options.ranked[row], fixed(B)[row]
            mended[(*row, 0)] = in_doubt(ranked, base, float(shares[(*row, 0)]))
        above, at = xp.where(mended < S, B, 0.0), xp.where(mended == S, B, 0.0)
        boundary = mended + 0.0
    return Cut(options=options, shares=shares, boundary=boundary, above=above, at=at)


def _boundary(options: Options, shares: Array, method: str) -> Array:
    """(..., 1) score of the boundary group."""
    xp, S, B = options.xp, options.ranked, fixed(options.base)
    need = shares * _row(xp, B) * (1 - SLACK)
    if method == "select" or (method == "auto" and S.shape[-1] > FEW):
        found = xp.empty(tuple(need.shape), dtype=S.dtype, device=S.device)
        for place in np.ndindex(tuple(S.shape[:-1])):
            found[(*place, 0)] = boundary_of(
                S[place], B[place], float(need[(*place, 0)]), sure=True
            )
        return found
    order = xp.argsort(S, axis=-1, descending=True)
    ranked = xp.take_along_axis(S, order, axis=-1)
    reached = xp.cumulative_sum(xp.take_along_axis(B, order, axis=-1), axis=-1)
    real = xp.sum(-xp.inf < S, axis=-1, keepdims=True, dtype=xp.int64)
    place = xp.sum(reached < need, axis=-1, keepdims=True, dtype=xp.int64)
    return xp.take_along_axis(ranked, xp.minimum(place, real - 1), axis=-1)


@checked
def base_gradient(scores: Any, q: Any, base: Any, cotangent: Any, *, axis: int = -1) -> Array:
    """Derivative of sum(cotangent * quantilize(scores, q, base=base)) with respect to the base.

    One row of base (A,) that serves every row of scores has its derivatives summed over the rows:
    for K[h, :] = Q_q(p, S[h, :]) and f(K), pass S, p and df/dK.

    Args:
        scores, q, base, axis: as of `quantilize`.
        cotangent: of the scores' shape.

    Returns:
        As the base in shape, float64. See `Cut.pull` for the formula and for where it is
        one-sided, and `Cut.push` for the change along a direction.

    Raises:
        ConfigError: as of `quantilize`, or a cotangent that does not fit or is not finite.
    """
    xp, S, at = on_last("base_gradient", scores, axis)
    shape = tuple(library_of("base_gradient: base", base)[1].shape)
    g = base_like("base_gradient: cotangent", cotangent, xp, S, axis)
    gradient = cut(scores, q, base=fixed(library_of("base", base)[1]), axis=axis).pull(g)
    if len(shape) <= 1:
        return xp.reshape(_summed(xp, gradient, shape), shape)
    return _summed(xp, xp.moveaxis(gradient, -1, at), shape)


def _summed(xp: Any, values: Array, shape: tuple[int, ...]) -> Array:
    """The values, summed over what broadcasting to them repeated."""
    extra = tuple(range(values.ndim - len(shape)))
    summed = xp.sum(values, axis=extra) if extra else values
    for i, length in enumerate(shape):
        if length != summed.shape[i]:
            if length != 1:
                raise ConfigError(f"base must fit the scores; got {shape}")
            summed = xp.sum(summed, axis=i, keepdims=True)
    return summed
