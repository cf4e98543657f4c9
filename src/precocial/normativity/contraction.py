"""How fast a level forgets the one above it: Dobrushin's coefficient and the second eigenvalue."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
DENSE = 200
"""Up to so many hypotheses all eigenvalues are found (ours: a tenth of a second)."""
COMPILED = 400
"""From so many the pairs are compared by compiled code (ours: it takes a second to compile)."""


def total_variation(a: Floats, b: Floats) -> float:
    """max over tasks of half the sum over items of abs(a - b)."""
    return float(0.5 * np.abs(a - b).sum(axis=-1).max())


def dobrushin(kernel: Floats) -> float:
    """delta(K) = the largest total variation between two rows of K[h, g] or K[h, t, g].

    TV(r K, r' K) <= delta TV(r, r'). With tasks it is the largest over the tasks. Exact, in
    O(rows^2 items).
    """
    if len(kernel) < 2:
        return 0.0
    if kernel.ndim == 2 and len(kernel) > COMPILED:
        from precocial.normativity.pairs import largest_distance

        return float(0.5 * largest_distance(np.ascontiguousarray(kernel)))
    largest = 0.0
    for row in range(len(kernel) - 1):
        apart = np.abs(kernel[row + 1 :] - kernel[row]).sum(axis=-1)
        largest = max(largest, float(apart.max()))
    return min(0.5 * largest, 1.0)


def second_eigenvalue(kernel: Floats) -> float | None:
    """abs(lambda_2) of a stochastic matrix, the rate at which levels settle in the end; None if
    the iterative solver of large matrices gave up."""
    m = len(kernel)
    if m < 2:
        return 0.0
    if m <= DENSE:
        return float(np.sort(np.abs(np.linalg.eigvals(kernel)))[-2])
    from scipy.sparse.linalg import ArpackNoConvergence, eigs

    start = np.random.default_rng(0).random(m)
    try:
        found = eigs(kernel, k=2, which="LM", v0=start, return_eigenvectors=False)
    except ArpackNoConvergence:
        return None
    return float(np.sort(np.abs(found))[0])
