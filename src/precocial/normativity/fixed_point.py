"""The fixed point at which one more level changes nothing, with its certificate.

Semantics "sample": K[h, :] = Q_q(p, S[h, :]), with a floor (1-eps) K + eps 1 p, and r_n = r_{n+1} K
(a Markov kernel). What is proved (ours):

1. A fixed point r* = r* K exists (a finite stochastic matrix).
2. Rows are <= p/q, so two of them share at least (2q-1)/q: delta(K) <= (1-q)/q. For q > 1/2 the
   fixed point is unique and TV(r^{N+1}, r^N) <= ((1-q)/q)^N TV(r^1, r^0), whatever the judges say.
3. With a floor delta(K) <= (1-eps) min(1, (1-q)/q).
4. r* <= ((1-eps)/q + eps) p: no cost grows by more than this factor, at any level, because every
   level quantilizes the initial distribution and not the level before it.
5. Without `share` the same holds level by level down to the actions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from precocial.choice.arguments import array_of, checked, distributions_of
from precocial.errors import ConfigError
from precocial.normativity.contraction import (
    at_most,
    dobrushin,
    second_eigenvalue,
    total_variation,
)
from precocial.normativity.hierarchy import Hierarchy
from precocial.normativity.judges import Choices
from precocial.normativity.mean_judge import Solver, box_of, quantile_in, settle

Floats = NDArray[np.float64]
TOL = 1e-10
LEAST_TOL = 1e-15
"""Ours: a level's probabilities are rounded by about as much, so less than this is never sure."""
MOST_LEVELS = 10_000
"""Ours: a contraction of 0.998 gets to 1e-10 in as many."""
STARTS = 3
ROUNDING = 1e-12
CERTIFIED = {"q": "q > 1/2", "floor": "the floor", "measured": "the measured contraction"}


@dataclass(frozen=True, kw_only=True, eq=False)
class Added:
    """What adding levels changes.

    Attributes:
        levels: N + 1, N + 2, ...
        change: the largest total variation, over all starts, between that level and the one before.
        bound: what it can be at most by the certificate.
        holds: whether every change is within its bound and within `tol`.
        tol: the tolerance asked for.
    """

    levels: tuple[int, ...]
    change: Floats
    bound: Floats
    holds: bool
    tol: float


@dataclass(frozen=True, kw_only=True, eq=False)
class CostCertificate:
    """E_r[c] beside E_p[c] for one cost.

    Attributes:
        expected, initial: E_r[c] and E_p[c] (the mean over tasks, if there are tasks).
        allowed: factor * initial, which `expected` cannot exceed for any cost c >= 0.
        factor: the largest density ratio r/p that the level can have.
    """

    expected: float
    initial: float
    allowed: float
    factor: float


@dataclass(frozen=True, kw_only=True, eq=False)
class FixedPoint:
    """Where the levels settle.

    Attributes:
        status: "converged" (unique, by the certificate), "not certified" (all starts agree, but
            nothing proves that others would), "no unique fixed point" (starts disagree), "did not
            converge", or, without `share`, "the top decides" (the levels end, and another top could
            move the actions by more than `tol`).
        advice: what to do, or what holds, in words.
        levels: the distribution of each level, by name.
        actions: level 0's.
        needed: N, the number of levels after which one more changes at most `tol` from each start
            that was tried; from any other it is at most contraction^N (for the semantics "mean":
            the solver's steps).
        tv: [n], TV between the levels n+1 and n of the shared top, from its initial distribution.
            Without `share`: how far apart two tops can still be n levels further down.
        bounds: [n], the most that `tv` can be, by the proof.
        trace: [n, h], the shared top's distribution at each of its levels.
        contraction: delta(K), measured, of the shared top (without `share`: of all steps together).
        contraction_bound: what it cannot exceed, whatever the judges say.
        second_eigenvalue: abs(lambda_2) of the shared top's kernel.
        certified_by: "q", "floor", "measured" (delta is below 1 for these judges), or "nothing".
        apart: largest total variation between what the starts ended in.
        gap: how much the mean judge could still gain by another answer, max <r', S'r> - <r, S'r>;
            None for the semantics "sample", where r* K is an equation, not a choice.
        density: largest r/p of each level, and what it cannot exceed; p is what the fixed point was
            computed from, after feedback the learned one.
        tol: the tolerance asked for.
        hierarchy, initial, kernels: what it was computed from.
    """

    status: str
    advice: str
    levels: dict[str, Floats]
    actions: Floats
    needed: int
    tv: Floats
    bounds: Floats
    trace: Floats
    contraction: float
    contraction_bound: float
    second_eigenvalue: float | None
    certified_by: str
    apart: float
    gap: float | None
    density: dict[str, tuple[float, float]]
    tol: float
    hierarchy: Hierarchy
    initial: tuple[Floats, ...]
    kernels: tuple[Choices, ...]

    def change_when_adding_level(self, n: int = 1) -> Added:
        """Run the levels N+1 to N+n from three different tops; see `Added`."""
        return change_when_adding_level(self, n)

    @checked
    def certificate(self, level: str | int, cost: ArrayLike) -> CostCertificate:
        """What a cost c >= 0 on a level's items is at the fixed point, and what it can be at most.

        `initial` is under the distribution that the fixed point was computed from: after feedback
        that is the learned one, which feedback may have moved far from the one given.

        Raises:
            ConfigError: a cost below 0 or of another shape, or no such level.
        """
        place = self.hierarchy.place(level)
        name, p = self.hierarchy.levels[place].name, self.initial[place]
        c = array_of("cost", cost, (p.shape[-1],))
        if (c < 0).any() or c.ndim > p.ndim:
            raise ConfigError("certificate: costs must not be negative, one for each item")
        factor = self.density[name][1]
        before = float((p * c).sum(axis=-1).mean())
        after = float((self.levels[name] * c).sum(axis=-1).mean())
        return CostCertificate(
            expected=after, initial=before, allowed=factor * before, factor=factor
        )


# ---------------------------------------------------------------- one step


def floored(r: Floats, p: Floats, floor: float) -> Floats:
    """(1 - floor) r + floor p."""
    return (1.0 - floor) * r + floor * p if floor else r


def kernels_of(hierarchy: Hierarchy, initial: tuple[Floats, ...]) -> tuple[Choices, ...]:
    """Every judge's quantilizer at every level, under these initial distributions."""
    return tuple(
        judges.choose(p, q) for judges, p, q in zip(hierarchy.judges, initial, hierarchy.q)
    )


def below(
    hierarchy: Hierarchy, kernels: tuple[Choices, ...], initial: tuple[Floats, ...], n: int,
    r: Floats,
) -> Floats:  # fmt: skip
    """The distribution of level n when the level that judges it is distributed as r."""
    if hierarchy.semantics == "mean":
        low, high = box_of(initial[n], hierarchy.q[n], hierarchy.floor[n])
        score = np.tensordot(r, hierarchy.judges[n].scores, axes=1)
        return quantile_in(score, low, high)
    made = np.tensordot(r, kernels[n].probability, axes=1)
    return floored(made, initial[n], hierarchy.floor[n])


def contraction_bound(q: float, floor: float) -> float:
    """(1 - eps) min(1, (1-q)/q), above delta(K) for all judges."""
    return (1.0 - floor) * min(1.0, (1.0 - q) / q)


def starts_of(p: Floats, count: int = STARTS) -> Floats:
    """Different tops: p itself, then single judges, first those that p trusts most."""
    alone = np.argsort(-p, kind="stable")[: max(count - 1, 1)]
    tops = np.zeros((count, len(p)))
    tops[0] = p
    for row in range(1, count):
        tops[row, alone[(row - 1) % len(alone)]] = 1.0
    return tops


# ---------------------------------------------------------------- the fixed point


@checked
def fixed_point(
    hierarchy: Hierarchy, *, tol: float = TOL, initial: tuple[Floats, ...] | None = None,
    most_levels: int = MOST_LEVELS, solver: Solver = "auto",
    start: ArrayLike | None = None,
) -> FixedPoint:  # fmt: skip
    """The fixed point of a hierarchy under its (or other) initial distributions.

    Args:
        hierarchy: the levels.
        tol: an added level may change this much, in total variation.
        initial: the initial distributions, one for each level; the hierarchy's own by default.
        most_levels: stop there.
        solver: for the semantics "mean"; see `mean_judge.settle`.
        start: a top to begin from, besides the usual ones.

    Raises:
        ConfigError: no hierarchy, tol or most_levels out of range, a start or an initial that is no
            distribution of its level.
    """
    if not LEAST_TOL <= tol < 1 or most_levels < 1:
        raise ConfigError(
            f"fixed_point: tol must lie in [{LEAST_TOL:g}, 1), for less is rounding, and "
            f"most_levels be at least 1; got {tol!r} and {most_levels}"
        )
    given = hierarchy.initial if initial is None else _initial(hierarchy, initial)
    kernels = kernels_of(hierarchy, given) if hierarchy.semantics == "sample" else ()
    if not hierarchy.share:
        parts = _chain(hierarchy, kernels, given, tol)
    else:
        tops = starts_of(given[-1])
        if start is not None:
            tops = np.vstack([_top(start, given[-1]), tops])
        if hierarchy.semantics == "mean":
            parts = _mean(hierarchy, given, tops, tol, most_levels, solver)
        else:
            parts = _sampled(hierarchy, kernels, given, tops, tol, most_levels)
    return _result(hierarchy, kernels, given, parts, tol)


def _initial(hierarchy: Hierarchy, initial: tuple[Floats, ...]) -> tuple[Floats, ...]:
    levels = hierarchy.levels
    if len(initial) != len(levels):
        raise ConfigError(
            f"fixed_point: initial must hold {len(levels)} distributions, one a level; got "
            f"{len(initial)}"
        )
    found = []
    for level, given in zip(levels, initial):
        p = distributions_of(f"fixed_point: initial of {level.name!r}", given, level.p.shape)
        if p.shape != level.p.shape:
            raise ConfigError(
                f"fixed_point: initial of {level.name!r} must have shape {level.p.shape}; got "
                f"{p.shape}"
            )
        found.append(p)
    return tuple(found)


def _top(start: ArrayLike, p: Floats) -> Floats:
    top = array_of("fixed_point: start", start, p.shape)
    if top.shape != p.shape or not np.isfinite(top).all() or (top < 0).any() or top.sum() <= 0:
        raise ConfigError(f"fixed_point: start must be a distribution of shape {p.shape}")
    return np.asarray(top / top.sum())


def _sampled(
    hierarchy: Hierarchy, kernels: tuple[Choices, ...], initial: tuple[Floats, ...], tops: Floats,
    tol: float, most: int,
) -> dict[str, Any]:  # fmt: skip
    """Level after level of the shared top, from all starts at once."""
    K, p = kernels[-1].probability, initial[-1]
    q, eps = hierarchy.q[-1], hierarchy.floor[-1]
    delta = (1.0 - eps) * dobrushin(K)
    sure, bound = at_most(delta, len(p)), contraction_bound(q, eps)
    by = "floor" if eps else "q"
    if bound >= 1.0:
        by = "measured" if sure < 1.0 - ROUNDING else "nothing"
    rate = min(bound, sure)
    R, trace, tvs = tops, [tops[0]], []
    for _ in range(most):
        new = floored(R @ K, p, eps)
        new /= new.sum(axis=1, keepdims=True)
        change = 0.5 * np.abs(new - R).sum(axis=1)
        tvs.append(change)
        R = new
        trace.append(R[0])
        if change.max() <= tol:
            break
    tv = np.array(tvs)
    apart = max(total_variation(R[0], one) for one in R)
    settled = bool(tv[-1].max() <= tol)
    # Both ends lie within tv/(1 - rate) of the one fixed point, where there is a rate.
    close = max(2.0 * tol / max(1.0 - rate, 1e-3), 100.0 * tol)
    status = "converged" if by != "nothing" else "not certified"
    if not settled:
        status = "did not converge"
    elif by == "nothing" and apart > close:
        status = "no unique fixed point"
    lam = second_eigenvalue(K)
    return {
        "status": status, "top": R[0], "needed": len(tv) - 1, "tv": tv[:, 0], "rate": rate,
        "change": float(tv[-1].max()),
        "bounds": (bound if bound < 1.0 else sure) ** np.arange(len(tv)) * tv[0, 0],
        "trace": np.array(trace),
        "contraction": delta, "contraction_bound": bound, "certified_by": by, "apart": apart,
        "second_eigenvalue": None if lam is None else (1.0 - eps) * lam, "gap": None,
    }  # fmt: skip


def _unit(hierarchy: Hierarchy) -> float:
    return max(float(np.abs(hierarchy.judges[-1].scores).max()), 1.0)


def _mean(
    hierarchy: Hierarchy, initial: tuple[Floats, ...], tops: Floats, tol: float, most: int,
    solver: Solver,
) -> dict[str, Any]:  # fmt: skip
    low, high = box_of(initial[-1], hierarchy.q[-1], hierarchy.floor[-1])
    # What is chosen does not hang on the scores' unit; what counts as no gap must not either.
    unit = _unit(hierarchy)
    S = hierarchy.judges[-1].scores / unit
    ends = [settle(S, low, high, top, tol=tol, most=most, solver=solver) for top in tops]
    close = [end for end in ends if end.converged]
    best = close[0] if close else min(ends, key=lambda end: end.gap)
    apart = max((total_variation(a.r, b.r) for a in close for b in close), default=0.0)
    status = "converged" if len(close) == len(ends) else "not certified"
    if apart > max(100.0 * tol, 1e-6):
        status = "no unique fixed point"
    if not close:
        status = "did not converge"
    tv = np.array(best.tv or [0.0])
    return {
        "status": status, "top": best.r, "needed": best.steps, "tv": tv,
        "bounds": np.ones(len(tv)), "trace": np.array([tops[0], best.r]), "rate": 1.0,
        "contraction": 1.0, "contraction_bound": 1.0, "certified_by": "gap",
        "cycle": max(end.cycle for end in ends),
        "apart": apart, "second_eigenvalue": None, "gap": unit * best.gap,
    }  # fmt: skip


def _chain(
    hierarchy: Hierarchy, kernels: tuple[Choices, ...], initial: tuple[Floats, ...], tol: float
) -> dict[str, Any]:
    """Without sharing: the levels end, and what is asked is how much the top can still decide."""
    deltas, bound, delta = [1.0], [1.0], 1.0
    steps = range(len(hierarchy.judges) - 1, -1, -1)
    for n in steps:
        bound.append(bound[-1] * contraction_bound(hierarchy.q[n], hierarchy.floor[n]))
        if kernels:
            delta *= (1.0 - hierarchy.floor[n]) * dobrushin(kernels[n].probability)
        deltas.append(delta)
    sampled = bool(kernels)
    settled = sampled and min(delta, bound[-1]) <= tol
    return {
        "status": "converged" if settled else "the top decides", "top": initial[-1],
        "needed": len(hierarchy.judges),
        "tv": np.array(deltas if sampled else [1.0]), "rate": delta if sampled else 1.0,
        "bounds": np.array(bound if sampled else [1.0]), "trace": initial[-1][None],
        "contraction": delta, "contraction_bound": bound[-1], "apart": 0.0,
        "certified_by": "end", "second_eigenvalue": None, "gap": None,
    }  # fmt: skip


def _result(
    hierarchy: Hierarchy, kernels: tuple[Choices, ...], initial: tuple[Floats, ...],
    parts: dict[str, Any], tol: float,
) -> FixedPoint:  # fmt: skip
    """Follow the top down to the actions, and say what holds."""
    parts.pop("rate")
    cycle, change = parts.pop("cycle", 0), parts.pop("change", 0.0)
    r = parts.pop("top")
    found = [r]
    for n in range(len(hierarchy.levels) - 2, -1, -1):
        r = below(hierarchy, kernels, initial, n, r)
        found.append(r)
    levels = {level.name: one for level, one in zip(hierarchy.levels, reversed(found))}
    density = {}
    for level, p, q, eps in zip(hierarchy.levels, initial, hierarchy.q, hierarchy.floor):
        ratio = np.divide(levels[level.name], p, out=np.zeros_like(p), where=p > 0)
        chosen = hierarchy.share or level is not hierarchy.levels[-1]
        allowed = (1.0 - eps) / q + eps if chosen else 1.0
        density[level.name] = (float(ratio.max()), allowed)
    return FixedPoint(
        levels=levels, actions=levels[hierarchy.levels[0].name], density=density, tol=tol,
        hierarchy=hierarchy, initial=initial, kernels=kernels,
        advice=_advice(parts, hierarchy, cycle, change), **parts,
    )  # fmt: skip


def _advice(parts: dict[str, Any], hierarchy: Hierarchy, cycle: int, change: float) -> str:
    status, by = parts["status"], parts["certified_by"]
    if status == "did not converge" and hierarchy.semantics == "mean":
        how = f"go round in a cycle of {cycle}" if cycle else "did not settle"
        return (
            f"the mean judge's answers {how}; the gap is {parts['gap']:.3g}. Try "
            'solver="complementarity", a larger floor, or semantics="sample"'
        )
    if status == "did not converge":
        left = f"levels still change, by {change:.3g}; allow more of them (most_levels)"
        if by != "nothing":
            return f"{left} or a larger tol: they must settle, by {CERTIFIED[by]}"
        return f"{left}, or set a floor (or q > 1/2), with which they must settle"
    if status == "no unique fixed point":
        known = (
            'take semantics="sample" with a floor'
            if hierarchy.semantics == "mean"
            else "set a floor, or q > 1/2,"
        )
        return (
            f"what the levels settle in depends on the top that they began from; {known} or say "
            "which top is meant"
        )
    if status == "not certified" and by == "gap":
        return "the gap proves a fixed point, but not every start led to one: there may be others"
    if status == "not certified":
        return (
            "every start led to the same point, but with q <= 1/2 and no floor nothing proves that "
            "all would; a floor of 0.01 makes it certain"
        )
    if by == "gap":
        return "the gap proves a fixed point; that it is the only one is seen from the starts alone"
    if by == "end":
        most = min(parts["contraction"], parts["contraction_bound"])
        more = "" if status == "converged" else "; with share=true the top would judge itself"
        return (
            "the levels end, so nothing has to settle; another top could move the actions by "
            f"{most:.3g} at most{more}"
        )
    return f"one fixed point, whatever the top, by {CERTIFIED[by]}"


# ---------------------------------------------------------------- more levels


@checked
def change_when_adding_level(
    fixed: FixedPoint, n: int = 1, *, tops: ArrayLike | None = None
) -> Added:
    """Rerun with N+1 to N+n levels from different tops, and see what each further level changes.

    Semantics "sample", shared: the changes are TV(r^{N+k}, r^{N+k-1}) from three tops, the bound
    the contraction to the power N+k-1. Semantics "mean": r* is among the answers to its own
    verdict up to `gap`, so a level that answers r* changes nothing, and the change reported is the
    gap, in units of the largest score above 1. Without `share` no judges stand above the top: the
    change is that of the lowest level between three tops, and the bound the product of the steps',
    or 1 where a mean judge leaves none.

    Raises:
        ConfigError: n below 1, or tops that are not distributions over the top level.
    """
    if n < 1:
        raise ConfigError(f"change_when_adding_level: n must be at least 1; got {n}")
    hierarchy, p = fixed.hierarchy, fixed.initial[-1]
    levels = tuple(range(fixed.needed + 1, fixed.needed + n + 1))
    if hierarchy.semantics == "mean" and hierarchy.share:
        gap = np.full(n, fixed.gap or 0.0) / _unit(hierarchy)
        holds = bool((gap <= fixed.tol).all())
        return Added(
            levels=levels, change=gap, bound=np.full(n, fixed.tol), holds=holds, tol=fixed.tol
        )
    R = starts_of(p) if tops is None else np.atleast_2d(array_of("tops", tops, p.shape))
    if not len(R) or R.ndim > 2 or (R < 0).any() or (np.abs(R.sum(axis=1) - 1) > 1e-9).any():
        raise ConfigError("change_when_adding_level: tops must be distributions, a row each")
    if not hierarchy.share:
        return _change_in_chain(fixed, R, levels)
    K, eps = fixed.kernels[-1].probability, hierarchy.floor[-1]
    rate = min(at_most(fixed.contraction, len(p)), fixed.contraction_bound)
    changes, first = [], 0.0
    for level in range(1, fixed.needed + n + 1):
        new = floored(R @ K, p, eps)
        moved = float((0.5 * np.abs(new - R).sum(axis=1)).max())
        first = moved if level == 1 else first
        R = new
        if level > fixed.needed:
            changes.append(moved)
    bound = rate ** np.array([level - 1.0 for level in levels]) * first
    change = np.array(changes)
    holds = bool((change <= bound + ROUNDING).all() and (change <= fixed.tol).all())
    return Added(levels=levels, change=change, bound=bound, holds=holds, tol=fixed.tol)


def _change_in_chain(fixed: FixedPoint, R: Floats, levels: tuple[int, ...]) -> Added:
    ends = []
    for r in R:
        for n in range(len(fixed.hierarchy.levels) - 2, -1, -1):
            r = below(fixed.hierarchy, fixed.kernels, fixed.initial, n, r)
        ends.append(r)
    apart = max(total_variation(a, b) for a in ends for b in ends)
    tops = max(total_variation(a, b) for a in R for b in R)
    change = np.full(len(levels), apart)
    most = fixed.contraction * tops if fixed.kernels else 1.0
    bound = np.full(len(levels), most)
    holds = bool((change <= bound + ROUNDING).all())
    return Added(levels=levels, change=change, bound=bound, holds=holds, tol=fixed.tol)
