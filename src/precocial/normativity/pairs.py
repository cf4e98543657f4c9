# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators
"""The one loop over pairs of judges that NumPy is slow at; imports numba, so it is loaded last."""

from __future__ import annotations

from typing import Any, no_type_check

import numba
import numpy as np

njit: Any = numba.njit
BLOCK = 16
"""Rows that stay in the cache while all later ones pass (ours, measured at 3,000 rows)."""


@no_type_check
@njit(cache=True, fastmath=True, nogil=True)
def furthest_pair(kernel):
    """The two rows of kernel[h, g] (float32, rows a multiple of 4) that are furthest apart.

    Four rows are compared with every later one at a time, so that each number is loaded once for
    four uses.
    """
    count, items = kernel.shape
    largest, first, second = np.float32(-1.0), 0, 0
    sums = np.zeros(4, dtype=np.float32)
    for block in range(0, count, BLOCK):
        for other in range(block + 1, count):
            row = kernel[other]
            for low in range(block, min(block + BLOCK, other), 4):
                a, b, c, d = kernel[low], kernel[low + 1], kernel[low + 2], kernel[low + 3]
                s = t = u = v = np.float32(0.0)
                for i in range(items):
                    x = row[i]
                    s += abs(x - a[i])
                    t += abs(x - b[i])
                    u += abs(x - c[i])
                    v += abs(x - d[i])
                sums[0], sums[1], sums[2], sums[3] = s, t, u, v
                for k in range(4):
                    if sums[k] > largest:
                        largest, first, second = sums[k], low + k, other
    return first, second
