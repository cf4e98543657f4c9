"""Quantilizing the level before instead of the initial distribution: possible, and dear.

Q_q of Q_q of Q_q of p keeps a smaller part with every level, so costs may grow by 1/q with every
level: q^-N. A hierarchy quantilizes the initial distribution at every level and pays 1/q once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from precocial.choice.arguments import checked
from precocial.errors import ConfigError
from precocial.normativity.fixed_point import floored
from precocial.normativity.hierarchy import Hierarchy

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Rebased:
    """A shared level, re-based N times.

    Attributes:
        trace: [n, h], the distribution after n levels, the initial one first.
        density: [n], the largest r/p after n levels.
        cost_factor: [n], what no cost can have grown by more than: q^-n without a floor.
        advice: the warning.
    """

    trace: Floats
    density: Floats
    cost_factor: Floats
    advice: str


@checked
def rebase(hierarchy: Hierarchy, levels: int) -> Rebased:
    """r_{n+1} = r_n K(r_n): the shared level judges itself with r_n, not p, as the base.

    Raises:
        ConfigError: no shared level, the semantics "mean", or levels below 1.
    """
    if not hierarchy.share or hierarchy.semantics != "sample":
        raise ConfigError('rebase: needs share=True and semantics="sample"')
    if levels < 1:
        raise ConfigError(f"rebase: levels must be at least 1; got {levels}")
    p, q, eps = hierarchy.initial[-1], hierarchy.q[-1], hierarchy.floor[-1]
    trace, judges = [p], hierarchy.judges[-1]
    for _ in range(levels):
        r = trace[-1]
        new = floored(r @ judges.choose(r, q).probability, p, eps)
        trace.append(new / new.sum())
    # C_{n+1} = (1 - eps)/q C_n + eps, from C_0 = 1
    factor = [1.0]
    for _ in range(levels):
        factor.append((1.0 - eps) / q * factor[-1] + eps)
    ratio = np.divide(trace, p, out=np.zeros((levels + 1, len(p))), where=p > 0)
    return Rebased(
        trace=np.array(trace), density=ratio.max(axis=1), cost_factor=np.array(factor),
        advice=f"re-based {levels} times, a cost may grow by {factor[-1]:.3g}; the fixed point of "
        f"levels that keep their base pays {(1.0 - eps) / q + eps:.3g} at most",
    )  # fmt: skip
