"""How the fixed point answers to the initial distributions: the exact implicit gradient.

With r* = r* K(p), a change of p moves r* by dr* = r* dK (I - K + 1 r*)^-1, and the levels below by
dr_n = dr_{n+1} K + r_{n+1} dK. Here the same in reverse: one linear system, or a series that
converges at the rate of the levels themselves, serves every parameter of every level at once.

A quantilizer is piecewise linear in p: where p is not just at a kink, what lies above the boundary
has dQ = dp/q, what lies beyond has 0, and the boundary takes minus the sum. So with the boundary
mean b_h of a vector v under p, d<Q_h, v>/dp_g = alpha_hg (v_g - b_h), alpha_hg = Q_h(g)/p_g.
At a kink this is one of the derivatives on either side.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from precocial.choice.arguments import array_of, checked
from precocial.errors import ConfigError, FitError
from precocial.normativity.fixed_point import FixedPoint
from precocial.normativity.hierarchy import Hierarchy
from precocial.normativity.judges import Choices

Floats = NDArray[np.float64]
Method = Literal["auto", "solve", "series"]
DENSE = 400
"""Up to so many hypotheses the linear system is solved (ours: a few hundredths of a second)."""
SERIES_TOL = 1e-14
LONGEST = 2000


@checked
def gradient(
    fixed: FixedPoint, toward: dict[str, ArrayLike], *, method: Method = "auto"
) -> dict[str, Floats]:
    """dF/dlog p of every level, for F = F(r_0, r_1, ...) through the fixed point.

    Args:
        fixed: where to differentiate.
        toward: dF/dr[g] (or [t, g]) for each level that F looks at, by name.
        method: "solve" the linear system, sum the "series" (matrix times vector only), or "auto".

    Returns:
        For each level G[g] = p_g dF/dp_g, of the shape of its initial distribution, as if the p_g
        were free. In logits the derivative is G - p sum(G): see `in_logits`.

    Raises:
        ConfigError: a level that does not exist, or the semantics "mean".
        FitError: no fixed point was found, or several.
    """
    hierarchy, kernels = fixed.hierarchy, fixed.kernels
    if hierarchy.semantics != "sample":
        raise ConfigError(
            'gradient: only semantics="sample" has a gradient everywhere; the mean judge jumps'
        )
    if fixed.status in ("no unique fixed point", "did not converge"):
        raise FitError(
            f"gradient: {fixed.status}, so there is nothing to differentiate; {fixed.advice}"
        )
    names = [level.name for level in hierarchy.levels]
    for name in toward:
        if name not in names:
            raise ConfigError(f"gradient: no level {name!r}; there are {', '.join(names)}")
    wanted = [_asked(fixed, toward, n) for n in range(len(names))]
    r = [fixed.levels[name] for name in names]
    return dict(zip(names, gradient_at(hierarchy, kernels, fixed.initial, r, wanted, method)))


def gradient_at(
    hierarchy: Hierarchy, kernels: Sequence[Choices], initial: Sequence[Floats],
    r: Sequence[Floats], toward: Sequence[Floats], method: Method = "auto",
) -> list[Floats]:  # fmt: skip
    """`gradient`, level by level, at distributions r that have settled under these kernels."""
    found: list[Floats] = []
    v = toward[0]
    top = len(r) - 1
    for n in range(top):
        p, eps = initial[n], hierarchy.floor[n]
        found.append(_through(kernels[n], r[n + 1], v, eps) + eps * p * v)
        v = toward[n + 1] + _lifted(kernels[n], v, eps, p)
    p, eps = initial[top], hierarchy.floor[top]
    if not hierarchy.share:
        return [*found, p * v]
    y = _resolved(kernels[top].probability, r[top], p, eps, v, method)
    return [*found, _through(kernels[top], r[top], y, eps) + eps * p * y]


@checked
def in_logits(fixed: FixedPoint, free: dict[str, Floats]) -> dict[str, Floats]:
    """dF/dtheta for p = softmax(theta), from the G of `gradient`: G - p sum(G)."""
    return {
        level.name: free[level.name] - p * free[level.name].sum(axis=-1, keepdims=True)
        for level, p in zip(fixed.hierarchy.levels, fixed.initial)
    }


def _asked(fixed: FixedPoint, toward: dict[str, ArrayLike], n: int) -> Floats:
    shape = fixed.initial[n].shape
    name = fixed.hierarchy.levels[n].name
    if name not in toward:
        return np.zeros(shape)
    found = array_of(f"gradient: toward {name!r}", toward[name], shape)
    if found.shape != shape:
        raise ConfigError(
            f"gradient: toward {name!r} must have shape {shape}; got shape {found.shape}"
        )
    return found


def _through(choices: Choices, r: Floats, v: Floats, eps: float) -> Floats:
    """p_g sum_h r_h d<Q_h, v>/dp_g = v_g (rK)_g - sum_h r_h b_h K[h, g]."""
    K = choices.probability
    chosen = np.tensordot(r, K, axes=1)
    mean = choices.boundary_mean(v)
    taken = np.einsum("h...,h...g->...g", r.reshape(-1, *[1] * (mean.ndim - 1)) * mean, K)
    return np.asarray((1.0 - eps) * (v * chosen - taken))


def _lifted(choices: Choices, v: Floats, eps: float, p: Floats) -> Floats:
    """K v, what each judge's choice is worth, summed over the tasks."""
    worth = choices.probability * v
    lifted = worth.reshape(len(worth), -1).sum(axis=1)
    return np.asarray((1.0 - eps) * lifted + eps * float((p * v).sum()))


def _resolved(K: Floats, r: Floats, p: Floats, eps: float, v: Floats, method: Method) -> Floats:
    """y = (I - K_eps + 1 r*)^-1 v."""
    m = len(r)
    if method == "solve" or (method == "auto" and m <= DENSE):
        A = np.eye(m) - (1.0 - eps) * K + (r - eps * p)[None, :]
        try:
            return np.asarray(np.linalg.solve(A, v))
        except np.linalg.LinAlgError as error:  # K has the eigenvalue 1 more than once
            raise FitError(
                "gradient: the top level has more than one fixed point, so there is nothing to "
                "differentiate; set a floor (0.01 say), or q > 1/2"
            ) from error
    # (K - 1r)^k v = K^k (v - <r, v> 1) for k >= 1: the mean is kept apart, the rest dies out.
    term = v - float(r @ v)
    y, size = v.copy(), max(float(np.abs(v).max()), 1e-300)
    for _ in range(LONGEST):
        term = (1.0 - eps) * (K @ term) + (eps * float(p @ term) if eps else 0.0)
        y += term
        if float(np.abs(term).max()) <= SERIES_TOL * size:
            return y
    return _resolved(K, r, p, eps, v, "solve")


@checked
def influence(fixed: FixedPoint, item: str, *, task: str | None = None) -> dict[str, Floats]:
    """d log r_0(item) / d log p_n[g] of every level, in logits: whom an outcome hangs on.

    Raises:
        ConfigError: no such item or task, or an item that has probability 0.
    """
    bottom = fixed.hierarchy.levels[0]
    if item not in bottom.items or (task is not None) != bool(bottom.tasks):
        raise ConfigError(
            f"influence: item must be one of level {bottom.name!r}, with a task exactly where it "
            f"has tasks; got item {item!r}, task {task!r}"
        )
    where: tuple[int, ...] = (bottom.items.index(item),)
    if task is not None and bottom.tasks is not None:
        if task not in bottom.tasks:
            raise ConfigError(f"influence: no task {task!r}")
        where = (bottom.tasks.index(task), *where)
    r = fixed.levels[bottom.name]
    if r[where] <= 0:
        raise ConfigError(f"influence: {item!r} has probability 0, so its log has no derivative")
    toward = np.zeros_like(r)
    toward[where] = 1.0 / r[where]
    return in_logits(fixed, gradient(fixed, {bottom.name: toward}))
