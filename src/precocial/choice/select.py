"""The score at which a base is cut, without sorting all of it (after Floyd and Rivest's select).

A sample of the options brackets the score; one pass sums what lies above the bracket and keeps what
lies within, some hundredths of all; and so on until little is left, which is sorted. A bracket that
missed is moved and the pass repeated, so the answer never depends on luck, and no random number is
drawn: the sample takes the places of a Weyl sequence.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device, to_device
from numpy.typing import NDArray

from precocial.choice.arrays import NOTHING, SMALL, Array, wide_of
from precocial.errors import ConfigError

SLACK = 2.0**-42
"""A group whose total falls short of q by this share of q reaches it (ours: sums round, and ten
equal options must give three at q = 0.3 and not a stray 1e-17 to a fourth)."""
DOUBT = 2.0**-44
"""Sums this close to what is needed, as a share of it, are taken again in one fixed order (ours:
far above rounding, which is near 1e-15, and below SLACK)."""
FEW = 2048
"""So many options are sorted (ours, measured at 1e4 to 1e7)."""
SAMPLE = 8192
"""Options that a sample has at most, and twice as many of a weighted base, whose sums vary more
(ours, measured likewise)."""
DEVIATIONS = (2.5, 6.0, np.inf)
"""Half the width of a bracket, in standard deviations of the sample: first try, second, third.
(Ours: by the normal distribution 2.5 miss once in eighty, and keep .4 of what six would.)"""
_GOLDEN = 0.6180339887498949
Row = NDArray[Any]


def select(name: str, scores: Row, base: Row | None, q: float) -> Row:
    """The quantilizer of one long row of NumPy.

    Args:
        name: of the caller, for what is said of wrong numbers.
        scores: (A,), C-contiguous, float32 or float64; -inf where an option does not exist.
        base: (A,) likewise, or None for a uniform one.
        q: in (0, 1].

    Raises:
        ConfigError: NaN, infinity, a negative base, or nothing to choose from.
    """
    from precocial.choice import kernels  # brings numba, which is slow to load

    whole, bad = (float(len(scores)), False) if base is None else kernels.total(base)
    if bad or not whole < np.inf or (base is not None and 0 < whole < SMALL):
        if base is None or not np.isfinite(base).all() or (base < 0).any():
            raise ConfigError(f"{name}: base must be finite and not negative")
        base = base / base.max()  # finite, but its sum is not, or hardly above 0
        whole = kernels.total(base)[0]
    out, held = np.empty_like(scores), _room(scores, base, len(scores) // 8 + FEW)
    tries, end = iter(DEVIATIONS), float(np.finfo(scores.dtype).max)
    low, high = bracket(scores, base, q, next(tries))
    while True:
        need = q * whole or 1.0
        above, missing, count, wrong = kernels.split(scores, base, low, high, 1 / need, out, *held)
        if wrong:
            raise ConfigError(f"{name}: scores must be numbers below infinity; got NaN or inf")
        if missing or not whole:
            scores, base = present(name, scores, base)
            whole = kernels.total(base)[0]
            held = _room(scores, base, len(scores) + 8)
            low, high = bracket(scores, base, q, np.inf)
            continue
        if count == len(held[0]):  # more lies within than there was room for
            held = _room(scores, base, len(scores) + 8)
            continue
        kept, inner, weight = (None if one is None else one[:count] for one in held)
        last = bool(low <= -end and high >= end)
        if last or above < need * (1 - SLACK):
            found = boundary_of(inner, weight, need * (1 - SLACK) - above, sure=last)
            if found is not None:
                break
        low, high = bracket(scores, base, q, next(tries))
    over, at = kernels.sums(inner, weight, found)
    over += above
    if doubtful(over, at, need):
        kept, inner, weight = np.arange(len(scores)), scores, base
        found = in_doubt(scores, base, q)
        over, at = kernels.sums(scores, base, found)
    kernels.mend(inner, weight, found, min(max((need - over) / at, 0.0), 1.0), 1 / need, kept, out)
    return out


def _room(scores: Row, base: Row | None, size: int) -> tuple[NDArray[np.int64], Row, Row | None]:
    weight = None if base is None else np.empty(size, dtype=base.dtype)
    return np.empty(size, dtype=np.int64), np.empty(size, dtype=scores.dtype), weight


def present(name: str, scores: Row, base: Row | None) -> tuple[Row, Row]:
    """Scores and base without weight on options that do not exist.

    Raises:
        ConfigError: no weight is left.
    """
    there = scores > -np.inf
    left = there.astype(np.float64) if base is None else np.where(there, base, 0)
    if not left.any():
        raise ConfigError(NOTHING.format(name=name))
    return np.where(there, scores, -np.finfo(scores.dtype).max), left


def bracket(scores: Array, base: Array | None, q: float, wide: float) -> tuple[float, float]:
    """Two scores between which the boundary of q lies, likely, as a sample says; `wide` standard
    deviations to either side. Of a large sample only what lies about the two is sorted."""
    n, end = scores.shape[0], float(np.finfo(str(scores.dtype).removeprefix("torch.")).max)
    if n <= FEW or not wide < np.inf:
        return -end, end
    most = SAMPLE if base is None else 2 * SAMPLE
    places = sample_places(n, max(FEW // 4, min(most, n // 64)))
    s: Row = _sampled(scores, places)
    w: Row = np.ones(len(s)) if base is None else _sampled(base, places)
    whole = float(w.sum())
    if not whole > 0:
        return -end, end
    width = wide * np.sqrt(q * (1 - q) * np.sum(w * w)) + w.max()
    ends = q * whole - width, q * whole + width
    above = 0.0
    if len(s) > FEW:
        about = _narrowed(s, w, *bracket(s, w, q, 3 + wide / 4))
        if about[0] < ends[0] and ends[1] < about[0] + about[1]:
            above, s, w = about[0], about[2], np.asarray(about[3])
    order = np.argsort(-s)
    first, last = np.searchsorted(above + np.cumsum(w[order]), ends)
    high = end if first == 0 else s[order[first]]
    low = -end if last >= len(s) else s[order[last]]
    return max(float(low), -end), min(float(high), end)


@lru_cache(maxsize=4)  # rows of one length are the rule
def sample_places(n: int, size: int) -> NDArray[np.int64]:
    """So many places, in order, one in each of as many equal parts of n."""
    x = np.arange(size) * _GOLDEN
    places = (np.arange(size) + (x - np.floor(x))) * (n / size)
    return np.asarray(places, dtype=np.int64)


def _sampled(values: Array, places: NDArray[np.int64]) -> Row:
    if isinstance(values, np.ndarray):
        return values[places].astype(np.float64, copy=False)
    xp = array_namespace(values)
    taken = values[xp.asarray(places, device=device(values))]
    return np.asarray(to_device(taken, "cpu"), dtype=np.float64)


def boundary_of(scores: Array, base: Array | None, need: float, *, sure: bool) -> float | None:
    """The largest score s with base(scores >= s) >= need; scores (A,), in the order of any.

    Where all of them fall short: the least score that has weight if `sure`, else None.
    """
    tries = iter(DEVIATIONS)
    whole = _total(scores, base)
    if whole < need and not sure:
        return None
    while scores.shape[0] > FEW and whole >= need:
        low, high = bracket(scores, base, max(need / whole, 0.0), next(tries))
        above, inside, inner, weight = _narrowed(scores, base, low, high)
        if above < need <= above + inside:
            if low == high:
                return low
            if inner.shape[0] > scores.shape[0] // 2:
                break
            scores, base, whole, need = inner, weight, inside, need - above
            tries = iter(DEVIATIONS)
    return _sorted_boundary(scores, base, need, sure=sure)


def _total(scores: Array, base: Array | None) -> float:
    if base is None:
        return float(scores.shape[0])
    xp = array_namespace(scores)
    return float(xp.sum(base, dtype=wide_of(scores)))


def _narrowed(
    scores: Array, base: Array | None, low: float, high: float
) -> tuple[float, float, Array, Array | None]:
    """Base above `high`, base in [low, high], and the scores and base of those."""
    if isinstance(scores, np.ndarray):
        from precocial.choice import kernels

        inner = np.empty(len(scores) + 1, dtype=scores.dtype)
        weight = None if base is None else np.empty(len(scores) + 1, dtype=base.dtype)
        above, inside, count = kernels.narrow(scores, base, low, high, inner, weight)
        return above, inside, inner[:count], None if weight is None else weight[:count]
    within, over = (scores >= low) & (scores <= high), scores > high
    inner, weight = scores[within], None if base is None else base[within]
    above = _total(scores[over], None if base is None else base[over])
    return above, _total(inner, weight), inner, weight


def _sorted_boundary(scores: Array, base: Array | None, need: float, *, sure: bool) -> float | None:
    xp = array_namespace(scores)
    if base is not None:
        scores, base = scores[base > 0], base[base > 0]
    order = xp.argsort(-scores)
    if base is None:
        place = max(int(np.ceil(need)) - 1, 0)
    else:
        reached = xp.cumulative_sum(base[order], dtype=wide_of(scores))
        place = int(xp.sum(reached < need, dtype=xp.int64))
    if place >= scores.shape[0] and not sure:
        return None
    return float(scores[order[min(place, scores.shape[0] - 1)]])


def doubtful(above: Any, at: Any, need: Any) -> Any:
    """Whether this is not the boundary, or might not be but for rounding."""
    edge = need * (1 - SLACK)
    return (above > edge - DOUBT * need) | (above + at < edge + DOUBT * need)


def in_doubt(scores: Array, base: Array | None, q: float) -> float:
    """The boundary of (A,) scores, -inf where nothing is, by sums in one fixed order.

    Sums of base where(scores > s, base, 0) fall with s even when rounded, because the order of the
    additions stays, so the least s whose sum falls short of q is found by halving.
    """
    xp = array_namespace(scores)
    B = xp.ones_like(scores) if base is None else base
    B = xp.astype(B, wide_of(scores))
    none = xp.zeros_like(B)
    groups = xp.unique_values(scores[(scores > -xp.inf) & (B > 0)])
    edge = q * float(xp.sum(B, dtype=wide_of(scores))) * (1 - SLACK)
    first, last = 0, groups.shape[0] - 1
    while first < last:
        middle = (first + last) // 2
        above = float(xp.sum(xp.where(scores > groups[middle], B, none), dtype=wide_of(scores)))
        first, last = (first, middle) if above < edge else (middle + 1, last)
    return float(groups[first])
