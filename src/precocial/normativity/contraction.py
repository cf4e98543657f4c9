"""How fast a level forgets the one above it: Dobrushin's coefficient and the second eigenvalue."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
DENSE = 200
"""Up to so many hypotheses all eigenvalues are found (ours: a tenth of a second)."""
LOOSE, RESTARTS = 1e-2, 20
"""Relative accuracy of the eigenvalue of larger kernels, and when to give up (ours: many judges
without structure have a disc of eigenvalues of almost one size)."""
SHORT = 1e-6
"""By how much single precision can miss the largest distance."""
COMPILED = 400
"""From so many the pairs are compared by compiled code (ours: it takes a second to compile)."""


def total_variation(a: Floats, b: Floats) -> float:
    """max over tasks of half the sum over items of abs(a - b)."""
    return float(0.5 * np.abs(a - b).sum(axis=-1).max())


def dobrushin(kernel: Floats) -> float:
    """delta(K) = the largest total variation between two rows of K[h, g] or K[h, t, g].

    TV(r K, r' K) <= delta TV(r, r'). With tasks it is the largest over the tasks. All pairs are
    compared, O(rows^2 items); above 400 rows in single precision, and the furthest pair again in
    double, so that it may then be short of the largest by 1e-6.
    """
    if len(kernel) < 2:
        return 0.0
    if kernel.ndim == 2 and len(kernel) > COMPILED:
        from precocial.normativity.pairs import furthest_pair

        rows = np.zeros((-(-len(kernel) // 4) * 4, kernel.shape[1]), dtype=np.float32)
        rows[: len(kernel)] = kernel
        rows[len(kernel) :] = kernel[-1]
        a, b = (min(int(row), len(kernel) - 1) for row in furthest_pair(rows))
        return min(float(0.5 * np.abs(kernel[a] - kernel[b]).sum()), 1.0)
    largest = 0.0
    for row in range(len(kernel) - 1):
        apart = np.abs(kernel[row + 1 :] - kernel[row]).sum(axis=-1)
        largest = max(largest, float(apart.max()))
    return min(0.5 * largest, 1.0)


def at_most(delta: float, rows: int) -> float:
    """What `dobrushin` of so many rows can be at most, given what it returned."""
    return min(delta + SHORT, 1.0) if rows > COMPILED else delta


def second_eigenvalue(kernel: Floats) -> float | None:
    """abs(lambda_2) of a stochastic matrix, the rate at which levels settle in the end.

    To 1 % above 200 rows, where None says that the iterative solver gave up.
    """
    m = len(kernel)
    if m < 2:
        return 0.0
    if m <= DENSE:
        return float(np.sort(np.abs(np.linalg.eigvals(kernel)))[-2])
    from scipy.sparse.linalg import ArpackNoConvergence, eigs

    start = np.random.default_rng(0).random(m)
    try:
        found = eigs(
            kernel, k=2, which="LM", v0=start, tol=LOOSE, maxiter=RESTARTS, ncv=40,
            return_eigenvectors=False,
        )  # fmt: skip
    except ArpackNoConvergence:
        return None
    return float(np.sort(np.abs(found))[0])
