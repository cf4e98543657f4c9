"""Lemke's method for a linear complementarity problem, with lexicographic ratios.

Find z >= 0 with w = M z + k >= 0 and z'w = 0 (Lemke 1965; Cottle, Pang and Stone 1992, 4.4).
Written here because SciPy has no solver for it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
ZERO = 1e-11
MOST = 20_000


def lemke(M: Floats, known: Floats, tilt: Floats) -> tuple[Floats | None, int]:
    """A solution z and the number of pivots; None if the path ends in a ray or is too long.

    Args:
        M: (n, n).
        known: k, (n,).
        tilt: the covering vector d > 0, (n,): the path solves M z + k + d z0 for falling z0.
    """
    n = len(known)
    if (known >= 0).all():
        return np.zeros(n), 0
    # Columns: w (the inverse of the basis, which breaks ties too), z, z0, and the right-hand side.
    T = np.hstack([np.eye(n), -M, -tilt[:, None], known[:, None]])
    basis = list(range(n))
    row = int(np.argmin(known / tilt))
    entering = 2 * n
    for pivots in range(1, MOST + 1):
        leaving = basis[row]
        _pivot(T, row, entering)
        basis[row] = entering
        if leaving == 2 * n:
            z = np.zeros(2 * n + 1)
            z[basis] = T[:, -1]
            return np.maximum(z[n : 2 * n], 0.0), pivots
        entering = leaving + n if leaving < n else leaving - n
        row_or_ray = _leaves(T, entering, basis.index(2 * n), n)
        if row_or_ray is None:
            return None, pivots
        row = row_or_ray
    return None, MOST


def _pivot(T: Floats, row: int, column: int) -> None:
    T[row] /= T[row, column]
    factor = T[:, column].copy()
    factor[row] = 0.0
    there = np.flatnonzero(factor)
    T[there] -= factor[there, None] * T[row]


def _leaves(T: Floats, entering: int, artificial: int, n: int) -> int | None:
    """The row whose variable reaches 0 first; z0's row if it is among them; else by the lexicon."""
    column = T[:, entering]
    rows = np.flatnonzero(column > ZERO)
    if not len(rows):
        return None
    ratio = T[rows, -1] / column[rows]
    rows = rows[ratio <= ratio.min() + ZERO]
    if artificial in rows:
        return artificial
    for place in range(n):
        if len(rows) == 1:
            break
        ratio = T[rows, place] / column[rows]
        rows = rows[ratio <= ratio.min() + ZERO]
    return int(rows[0])
