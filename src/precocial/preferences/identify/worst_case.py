"""The worst regret that a policy may have over a box or a polytope of rewards, with certificates.

Over a box, low <= R <= high, with d the discounted occupancies,

    max_R Reg(pi; R) = max_pi' sum max(high (d_pi' - d_pi), low (d_pi' - d_pi)),

for [-1, 1] the L1 distance of occupancies. It is convex in d_pi', so a deterministic pi' attains
it, but finding it is not convex: each answer says what proved its bound. Shape letters: S states,
A actions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, linprog, milp

from precocial.choice.arguments import checked, like
from precocial.errors import ConfigError
from precocial.preferences.identify.intervals import CompatibleRewards
from precocial.preferences.identify.regret import (
    ROUNDS,
    flow_equations,
    optimal_policies,
    policy_of,
    policy_table,
    regret,
    tables_of,
)
from precocial.preferences.mdp import TabularMDP
from precocial.runs.streams import stream

Floats = NDArray[np.float64]
ENUMERATED = 4096
"""Worlds with at most this many deterministic policies are enumerated."""
ENUMERATED_PROGRAMMES = 256
"""... where each policy needs a linear programme."""
INTERVAL_PAIRS = 256
"""Each pair's own interval is worked out for at most this many pairs: two programmes each."""
MILP_PAIRS = 40
"""A mixed-integer programme is tried with at most this many binary unknowns."""
NODES = 1000
"""Nodes of its search, a limit that does not depend on the machine."""
STARTS = 16
"""Random rewards from which the ascent begins, beside those that are always tried (ours)."""
CLOSED = 1e-8
"""A bound this near, as a share of itself, is met: linear programmes are good for about as much."""
ROUNDING = 1e-10
"""Visits are widened by this share, for what rounding may have lost."""


@dataclass(frozen=True, kw_only=True, eq=False)
class WorstCase:
    """The largest regret over a set of rewards.

    Attributes:
        regret: the largest found; `reward` has it, so it is a lower bound.
        bound: no reward of the set has more.
        reward: R[s, a].
        policy: pi'[s, a], optimal for `reward`: what should have been done.
        method: what proved the bound: "enumeration", "linear programme", "mixed-integer programme",
            "envelope" or "box".
    """

    regret: float
    bound: float
    reward: Floats
    policy: Floats
    method: str

    @property
    def exact(self) -> bool:
        """Whether bound and regret meet (to 1e-7 of the bound)."""
        return self.bound - self.regret <= 1e-7 * max(1.0, abs(self.bound))


@checked
def worst_case_box(
    mdp: TabularMDP, policy: ArrayLike, *, low: ArrayLike = -1.0, high: ArrayLike = 1.0
) -> WorstCase:
    """max over low <= R <= high of Reg(policy; R).

    A lower bound comes from ascent: the worst reward for a pi', then the best pi' for it, from many
    starts. An upper bound replaces what each state adds by its concave envelope over the visits
    that policies can pay it: first by one line (one MDP), then in full (a linear programme). Where
    they meet the answer is exact: for every deterministic policy without terminal states, and for
    the uniform one if no policy pays a state fewer visits than it pays one action there. Else all
    deterministic policies are enumerated if they are at most `ENUMERATED`, else a mixed-integer
    programme is tried if at most `MILP_PAIRS` pairs are in doubt (exact, or stopped after `NODES`
    nodes with its bound), else the envelope's bound stands.

    Args:
        low, high: bounds of R, a number or (S, A); the paper's box by default.

    Raises:
        ConfigError: a policy of another shape, or low above high.
    """
    lo, hi = _box(mdp, low, high)
    d = mdp.occupancy(policy_table(mdp, policy))
    found = _answer(mdp, d, _ascend_box(mdp, d, lo, hi))
    bound, method = _tangent_bound(mdp, d, lo, hi), "envelope"
    if _open(bound, found):
        least, most = _visits_possible(mdp)
        bound = min(bound, _envelope_bound(mdp, d, lo, hi, least, most))
    if _open(bound, found):
        doubtful = (d > 0) & (d < most[:, None]) & ~mdp.terminal[:, None]
        rival = None
        if _policies(mdp) <= ENUMERATED:
            everyone = _everyone(mdp)
            away = mdp.occupancy(everyone) - d
            reach = np.maximum(hi * away, lo * away).sum(axis=(1, 2))
            rival = everyone[reach.argmax()]
            bound, method = float(reach.max()), "enumeration"
        elif doubtful.sum() <= MILP_PAIRS:
            bound, rival = _box_programme(mdp, d, lo, hi, most, doubtful, bound)
            method = "mixed-integer programme"
        if rival is not None:
            other = _answer(mdp, d, np.where(mdp.occupancy(rival) > d, hi, lo))
            found = other if other.regret > found.regret else found
    return replace(found, bound=max(bound, found.regret), method=method)


def worst_case_of(mdp: TabularMDP, policy: ArrayLike, rewards: ArrayLike) -> WorstCase:
    """The worst of finitely many rewards (H, S, A): exact.

    Raises:
        ConfigError: wrong shapes.
    """
    R = tables_of(mdp, rewards)
    each = regret(mdp, policy_table(mdp, policy), R)
    worst = int(each.argmax())
    best, _ = optimal_policies(mdp, R[worst])
    return WorstCase(
        regret=float(each[worst]), bound=float(each[worst]), reward=R[worst], policy=best[0],
        method="enumeration",
    )  # fmt: skip


def worst_case_compatible(
    mdp: TabularMDP, policy: ArrayLike, compatible: CompatibleRewards
) -> WorstCase:
    """max over compatible rewards of Reg(policy; R), R in the polytope of `CompatibleRewards`.

    If an optimal or Boltzmann expert of this very world says in every state which action is best,
    its values are V*, the regret is linear, and one linear programme is exact. Else every
    deterministic policy is tried with a linear programme where there are at most
    `ENUMERATED_PROGRAMMES`; else ascent gives the lower bound, and the upper is that of the box of
    the rewards' own intervals (of the whole box beyond `INTERVAL_PAIRS` pairs).

    Raises:
        ConfigError: shapes. FitError: no compatible reward.
    """
    d = mdp.occupancy(policy_table(mdp, policy))
    if compatible.shape != d.shape:
        raise ConfigError(f"compatible rewards are of {compatible.shape}, the world of {d.shape}")
    for i, expert in enumerate(compatible.experts):
        best = (expert.low == 0) & (expert.high == 0)
        told = bool(best[~mdp.terminal].any(axis=1).all())
        if expert.kind != "soft" and told and _same_dynamics(expert.mdp, mdp):
            top, reward = compatible.largest(-d, of_values=mdp.start, expert=i)
            found = _answer(mdp, d, reward)
            return replace(found, bound=max(top, found.regret), method="linear programme")
    if _policies(mdp) <= ENUMERATED_PROGRAMMES:
        everyone = _everyone(mdp)
        tried = [compatible.largest(away) for away in mdp.occupancy(everyone) - d]
        top = int(np.argmax([value for value, _ in tried]))
        found = _answer(mdp, d, tried[top][1])
        return replace(found, bound=max(tried[top][0], found.regret), method="enumeration")
    return _compatible_ascent(mdp, d, compatible)


# ------------------------------------------------------------ bounds


def _answer(mdp: TabularMDP, d: Floats, reward: Floats) -> WorstCase:
    """The regret that one reward gives, bounded by nothing yet."""
    R = np.where(mdp.terminal[:, None], 0.0, reward)
    rival, best = optimal_policies(mdp, R)
    return WorstCase(
        regret=max(float(best[0] - (d * R).sum()), 0.0), bound=np.inf, reward=R, policy=rival[0],
        method="none",
    )  # fmt: skip


def _ascend_box(mdp: TabularMDP, d: Floats, low: Floats, high: Floats) -> Floats:
    """The vertex of the box that the best of many ascents reaches."""
    rng = stream(0, "preferences", "worst case")
    shared = np.divide(d, d.sum(axis=1, keepdims=True), where=d > 0, out=np.zeros_like(d))
    avoid = np.where(shared > 1 / mdp.n_actions, low, high)
    random = np.where(rng.random((STARTS, *d.shape)) < 0.5, low, high)
    R = np.concatenate([[avoid, np.where(d > 0, low, high)], random])
    reached = np.full(len(R), -np.inf)
    for _ in range(ROUNDS):
        rivals, _ = optimal_policies(mdp, R)
        away = mdp.occupancy(rivals) - d
        value = np.maximum(high * away, low * away).sum(axis=(1, 2))
        R = np.where(away > 0, high, low)
        if (value <= reached + 1e-12 * (1 + np.abs(value))).all():
            break
        reached = value
    return np.asarray(R[int(value.argmax())])


def _open(bound: float, found: WorstCase) -> bool:
    return bound - found.regret > CLOSED * max(1.0, bound)


def _visits_possible(mdp: TabularMDP) -> tuple[Floats, Floats]:
    """(S,) and (S,): no policy pays a state fewer or more discounted visits than these."""
    R = np.repeat(np.eye(mdp.n_states)[:, :, None], mdp.n_actions, axis=2)
    _, most = optimal_policies(mdp, R)
    _, least = optimal_policies(mdp, -R)
    most = np.where(mdp.terminal, 0.0, most * (1 + ROUNDING))
    return np.maximum(np.where(mdp.terminal, 0.0, -least * (1 - ROUNDING)), 0.0), most


def _tangent_bound(mdp: TabularMDP, d: Floats, low: Floats, high: Floats) -> float:
    """What pairs add rises by at most `high` a visit from what they add unvisited: one MDP."""
    unvisited = np.maximum(-high * d, -low * d)
    _, best = optimal_policies(mdp, high)
    return float(unvisited[~mdp.terminal].sum() + best[0])


def _envelope_bound(
    mdp: TabularMDP, d: Floats, low: Floats, high: Floats, least: Floats, most: Floats
) -> float:
    """max over policies of each state's concave envelope over {x >= 0, least <= sum_a x <= most}.

    Its corners are `least` or `most` visits with one action: x is a mixture of corners, unknowns
    the shares of corners, and the flow equations hold for the mixture.
    """
    live = np.flatnonzero(~mdp.terminal)
    n, A = len(live), mdp.n_actions
    away = np.maximum(-high * d, -low * d)  # what a pair adds that is never taken
    flow, source = flow_equations(mdp)
    columns = (live[:, None] * A + np.arange(A)).ravel()
    gains, blocks = [], []
    for visits in (least, most):
        x = np.broadcast_to(visits[:, None], d.shape) - d
        alone = np.maximum(high * x, low * x) - away
        gains.append((alone + away.sum(axis=1, keepdims=True))[live].ravel())
        blocks.append(flow[:, columns] @ sparse.diags(np.repeat(visits[live], A)))
    share = sparse.csr_matrix((np.ones(n * A), (np.repeat(np.arange(n), A), np.arange(n * A))))
    equations = sparse.vstack([sparse.hstack(blocks), sparse.hstack([share, share])])
    done = linprog(
        -np.concatenate(gains), A_eq=equations.tocsr(), b_eq=np.concatenate([source, np.ones(n)]),
        method="highs",
    )  # fmt: skip
    return -float(done.fun) if done.status == 0 else float("inf")


def _box_programme(
    mdp: TabularMDP,
    d: Floats,
    low: Floats,
    high: Floats,
    most: Floats,
    doubtful: NDArray[np.bool_],
    bound: float,
) -> tuple[float, Floats | None]:
    """The bound and the policy of the mixed-integer programme; unknowns x (pairs), t (pairs in
    doubt) and their signs z; the pairs not in doubt have a linear term."""
    pairs, place = d.size, np.flatnonzero(doubtful)
    n = len(place)
    lo, hi, dd = low.ravel(), high.ravel(), d.ravel()
    u = np.repeat(most, mdp.n_actions)
    plain = np.where(dd <= 0, hi, lo)
    plain[place] = 0.0
    constant = -float((plain * dd).sum())
    flow, source = flow_equations(mdp)
    pick = sparse.csr_matrix((np.ones(n), (np.arange(n), place)), shape=(n, pairs))
    eye = sparse.identity(n)
    room = hi[place] - lo[place]
    up = sparse.hstack([-sparse.diags(hi[place]) @ pick, eye, sparse.diags(room * dd[place])])
    down = sparse.hstack(
        [-sparse.diags(lo[place]) @ pick, eye, -sparse.diags(room * (u - dd)[place])]
    )
    wide = sparse.hstack([flow, sparse.csr_matrix((flow.shape[0], 2 * n))])
    limits = [
        LinearConstraint(wide.tocsc(), source, source),
        LinearConstraint(up.tocsc(), -np.inf, -hi[place] * dd[place] + room * dd[place]),
        LinearConstraint(down.tocsc(), -np.inf, -lo[place] * dd[place]),
    ]
    done = milp(
        np.concatenate([-plain, -np.ones(n), np.zeros(n)]),
        constraints=limits,
        integrality=np.concatenate([np.zeros(pairs + n), np.ones(n)]),
        bounds=Bounds(
            np.concatenate([np.zeros(pairs), np.full(n, -np.inf), np.zeros(n)]),
            np.concatenate([u, np.full(n, np.inf), np.ones(n)]),
        ),
        options={"node_limit": NODES, "mip_rel_gap": 0.0},
    )
    if done.mip_dual_bound is not None and np.isfinite(done.mip_dual_bound):
        bound = min(bound, constant - float(done.mip_dual_bound))
    return bound, None if done.x is None else policy_of(mdp, done.x[:pairs])


def _compatible_ascent(mdp: TabularMDP, d: Floats, compatible: CompatibleRewards) -> WorstCase:
    """The worst reward for a rival, then the best rival for it, from several rivals; the bound of
    the rewards' own box."""
    rng = stream(0, "preferences", "worst compatible")
    found = _answer(mdp, d, compatible.largest(-d)[1])
    for start in range(STARTS + 1):
        near = found if start == 0 else _answer(mdp, d, rng.normal(size=d.shape))
        held = near if start == 0 else None
        for _ in range(ROUNDS):
            further = _answer(mdp, d, compatible.largest(mdp.occupancy(near.policy) - d)[1])
            if held is not None and not _open(further.regret, held):
                break
            near = held = further
        found = held if held is not None and held.regret > found.regret else found
    low, high = np.full_like(d, -compatible.bound), np.full_like(d, compatible.bound)
    if d.size <= INTERVAL_PAIRS:
        ends = compatible.intervals(np.eye(d.size).reshape(d.size, *d.shape)).reshape(*d.shape, 2)
        low, high = ends[..., 0] - CLOSED, ends[..., 1] + CLOSED
    box = worst_case_box(mdp, policy_of(mdp, d), low=low, high=high)
    return replace(found, bound=max(box.bound, found.regret), method="box")


def _policies(mdp: TabularMDP) -> int:
    """How many deterministic policies differ."""
    return int(mdp.n_actions ** int((~mdp.terminal).sum()))


def _everyone(mdp: TabularMDP) -> Floats:
    """Every deterministic policy, as (P, S, A); action 0 in terminal states."""
    live = np.flatnonzero(~mdp.terminal)
    grid = np.indices((mdp.n_actions,) * len(live)).reshape(len(live), -1).T
    actions = np.zeros((len(grid), mdp.n_states), dtype=np.int64)
    actions[:, live] = grid
    return np.eye(mdp.n_actions)[actions]


def _same_dynamics(one: TabularMDP, other: TabularMDP) -> bool:
    return (
        one.discount == other.discount
        and np.array_equal(one.terminal, other.terminal)
        and np.allclose(one.dense, other.dense, atol=1e-12)
    )


def _box(mdp: TabularMDP, low: ArrayLike, high: ArrayLike) -> tuple[Floats, Floats]:
    shape = (mdp.n_states, mdp.n_actions)
    lo, hi = (
        like("worst_case_box: a bound", np.asarray(x, np.float64), shape) for x in (low, high)
    )
    if not (np.isfinite(lo).all() and np.isfinite(hi).all() and (lo <= hi).all()):
        raise ConfigError("worst_case_box: low and high must be finite, low nowhere above high")
    return lo, hi
