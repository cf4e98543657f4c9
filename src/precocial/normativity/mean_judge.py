"""The mean judge: a distribution that answers its own mean verdict, r in argmax <r', S'r>.

The answers to r are the r' with low <= r' <= high and sum 1, where low = eps p and
high = ((1-eps)/q + eps) p, that score best under the mean verdict S'r. They are a face of a
polytope that moves with r (upper hemicontinuous, convex, compact: Berge), so a fixed point exists
(Kakutani), perhaps several; but answering again and again can cycle for ever. The duality gap

    g(r) = max over r' of <r', S'r> - <r, S'r>

is one quantile operation and is 0 exactly at the fixed points, so it certifies any of them however
it was found. A fixed point solves the variational inequality of F(r) = -S'r on the polytope.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from precocial.choice import quantilize
from precocial.normativity.complementarity import lemke

Floats = NDArray[np.float64]
Solver = Literal["auto", "iterate", "extragradient", "complementarity"]
EXACT = 150
"""Up to so many judges "auto" ends with the exact solver (ours: a second at most)."""
LONGEST = 20_000
"""Extragradient steps before giving up (ours; where it converges, it takes hundreds)."""
CHECK = 25
"""Steps between two looks at the gap (ours)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Settled:
    """One run from one start: where it ended, its gap, whether that is small enough, and, if the
    answers went round in a circle, its length."""

    r: Floats
    gap: float
    steps: int
    converged: bool
    tv: tuple[float, ...] = ()
    cycle: int = 0


def box_of(p: Floats, q: float, floor: float) -> tuple[Floats, Floats]:
    """The least and the most that each item may get: eps p and ((1-eps)/q + eps) p."""
    return floor * p, ((1.0 - floor) / q + floor) * p


def quantile_in(score: Floats, low: Floats, high: Floats) -> Floats:
    """argmax of <r, score> over low <= r <= high, sum r = 1; ties share in proportion to room.

    With low = 0 and high = p/q this is the quantilizer Q_q(p, score).
    """
    room = high - low
    left = 1.0 - low.sum(axis=-1, keepdims=True)
    space = room.sum(axis=-1, keepdims=True)
    chosen = quantilize(score, left[..., 0] / space[..., 0], base=room / space)
    return np.asarray(low + left * chosen)


def gap_of(S: Floats, r: Floats, low: Floats, high: Floats) -> float:
    """g(r) = max over the polytope of <r', S'r>, less <r, S'r>; 0 at a fixed point."""
    verdict = r @ S
    return max(float((quantile_in(verdict, low, high) - r) @ verdict), 0.0)


def project(x: Floats, low: Floats, high: Floats) -> Floats:
    """The nearest point with low <= r <= high and sum r = 1 (Euclidean).

    r = clip(x - t, low, high); the t is found exactly, on the piece of the falling, piecewise
    linear sum where it crosses 1.
    """
    knots = np.sort(np.concatenate([x - low, x - high]))
    first, last = 0, len(knots) - 1
    while last - first > 1:
        middle = (first + last) // 2
        if np.clip(x - knots[middle], low, high).sum() >= 1.0:
            first = middle
        else:
            last = middle
    a, b = knots[first], knots[last]
    at, to = (np.clip(x - t, low, high).sum() for t in (a, b))
    share = (at - 1.0) / (at - to) if at > to else 0.0
    moved = x - (a + np.clip(share, 0.0, 1.0) * (b - a))
    return np.asarray(np.clip(moved, low, high))


def settle(
    S: Floats, low: Floats, high: Floats, start: Floats, *, tol: float, most: int,
    solver: Solver = "auto",
) -> Settled:  # fmt: skip
    """Look for a fixed point of the mean judge from one start.

    "iterate" answers the mean verdict again and again, as adding levels does, and may cycle.
    "extragradient" (Korpelevich 1976) steps along the verdict seen one step ahead; it converges
    where the judges' verdicts are monotone (<r - r', S'(r - r')> <= 0), rock-paper-scissors
    included, and elsewhere often. "complementarity" is Lemke's method, which always ends in a fixed
    point, at a cost that grows fast with the number of judges. "auto" tries them in this order,
    the last up to `EXACT` judges, and stops at the first gap <= tol.
    """
    start = project(start, low, high)
    ways = ("iterate", "extragradient", "complementarity") if solver == "auto" else (solver,)
    best: Settled | None = None
    for way in ways:
        if way == "iterate":
            found = _iterate(S, low, high, start, tol, min(most, 100) if len(ways) > 1 else most)
        elif way == "extragradient":
            found = _extragradient(S, low, high, start, tol, min(most, LONGEST))
        elif solver == way or len(S) <= EXACT:
            found = _exact(S, low, high, start, tol)
        else:
            continue
        if best is None or found.gap < best.gap:
            best = found
        if found.converged:
            break
    assert best is not None  # `ways` is never empty, and its first is always tried
    return best


def _iterate(
    S: Floats, low: Floats, high: Floats, start: Floats, tol: float, most: int
) -> Settled:  # fmt: skip
    r, tvs, cycle = start, [], 0
    seen = {np.round(r, 12).tobytes(): 0}
    for step in range(1, most + 1):
        new = quantile_in(r @ S, low, high)
        tvs.append(float(0.5 * np.abs(new - r).sum()))
        r = new
        if tvs[-1] <= tol:
            break
        before = seen.setdefault(np.round(r, 12).tobytes(), step)
        if before < step:
            cycle = step - before
            break
    gap = gap_of(S, r, low, high)
    return Settled(
        r=r, gap=gap, steps=len(tvs), converged=tvs[-1] <= tol and gap <= tol, tv=tuple(tvs),
        cycle=cycle,
    )  # fmt: skip


def _extragradient(
    S: Floats, low: Floats, high: Floats, start: Floats, tol: float, most: int
) -> Settled:  # fmt: skip
    # Below 1 over the Lipschitz constant of the centred verdict; a constant in S moves nothing.
    centred = S - S.mean()
    size = float(np.linalg.norm(centred, 2)) if len(S) <= 300 else float(np.linalg.norm(centred))
    step = 0.9 / size if size > 0 else 1.0
    r, best, low_gap = start, start, np.inf
    for step_number in range(1, most + 1):
        ahead = project(r + step * (r @ centred), low, high)
        r = project(r + step * (ahead @ centred), low, high)
        if step_number % CHECK and step_number < most:
            continue
        exact = polished(S, r, low, high)
        for one in (r, exact):
            gap = gap_of(S, one, low, high)
            if gap < low_gap:
                best, low_gap = one, gap
        if low_gap <= tol:
            break
    return Settled(r=best, gap=low_gap, steps=step_number, converged=low_gap <= tol)


def polished(S: Floats, r: Floats, low: Floats, high: Floats) -> Floats:
    """The exact point on the face where r lies: items between their limits must tie.

    (S'r)_i = mu for every free item i, sum r = 1; a linear system. Returns r where that leads
    outside the limits.
    """
    near = 1e-6 * (high - low) + 1e-14
    free = (r > low + near) & (r < high - near)
    count = int(free.sum())
    if count == 0:
        return project(np.where(r > 0.5 * (low + high), high, low), low, high)
    fixed = np.where(free, 0.0, np.where(r >= high - near, high, low))
    A = np.zeros((count + 1, count + 1))
    A[:count, :count] = S[np.ix_(free, free)].T
    A[:count, count], A[count, :count] = -1.0, 1.0
    known = np.append(-(fixed @ S)[free], 1.0 - fixed.sum())
    solved = np.linalg.lstsq(A, known, rcond=None)[0]
    fixed[free] = solved[:count]
    if ((fixed < low - 1e-12) | (fixed > high + 1e-12)).any():
        return r
    return np.clip(fixed, low, high)


def _exact(S: Floats, low: Floats, high: Floats, start: Floats, tol: float) -> Settled:
    """Lemke's method on the conditions of a fixed point.

    With C = -(S - max S - 1)' > 0, z = (x, u, nu) and r = low + x: C r - nu + u >= 0 against x,
    high - r >= 0 against u, sum r - 1 >= 0 against nu. The matrix is copositive and its homogeneous
    solutions cannot cut the ray, so the method always ends in a solution. The start decides which:
    it tilts the path.
    """
    m = len(S)
    C = (S.max() + 1.0 - S).T / max(float(np.ptp(S)), 1e-300) if np.ptp(S) > 0 else np.ones((m, m))
    M = np.zeros((2 * m + 1, 2 * m + 1))
    M[:m, :m], M[:m, m : 2 * m], M[:m, 2 * m] = C, np.eye(m), -1.0
    M[m : 2 * m, :m], M[2 * m, :m] = -np.eye(m), 1.0
    known = np.concatenate([C @ low, high - low, [low.sum() - 1.0]])
    tilt = np.concatenate([2.0 - start / max(start.max(), 1e-300), np.ones(m + 1)])
    z, steps = lemke(M, known, tilt)
    if z is None:
        return Settled(r=start, gap=gap_of(S, start, low, high), steps=steps, converged=False)
    r = np.clip(low + z[:m], low, high)
    r = project(polished(S, r, low, high), low, high)
    gap = gap_of(S, r, low, high)
    return Settled(r=r, gap=gap, steps=steps, converged=gap <= tol)
