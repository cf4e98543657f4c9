"""Regret of a policy, the policy to deploy, and where its regret comes from.

    Reg(pi; R) = max_pi' V_R^pi' - V_R^pi = max_pi' <d_pi', R> - <d_pi, R>

from the start distribution, d the discounted occupancy. `worst_case` has the largest regret over a
box or polytope. Shape letters: P policies, H rewards, S states, A actions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.optimize import linprog

from precocial.choice.arguments import checked
from precocial.errors import ConfigError, FitError
from precocial.preferences.mdp import TabularMDP
from precocial.preferences.planning.values import solve
from precocial.preferences.posterior import Posterior
from precocial.runs.streams import stream

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
DROPPED = 1e-9
"""Share of a posterior that may be left out: no figure here is shown to nine digits."""
SAME = 1e-6
"""Policies nearer than this, everywhere they come, are one behaviour."""
BLOCK = 256
"""Policies held at a time."""
ROUNDS = 50
"""Most rounds of policy iteration or ascent."""


def optimal_policies(mdp: TabularMDP, rewards: ArrayLike) -> tuple[Floats, Floats]:
    """Deterministic optimal policies (H, S, A) and their returns (H,), by policy iteration from
    solved values, until no action is better by more than rounding.

    Raises:
        ConfigError: rewards of another shape or not finite.
        FitError: policy iteration did not end.
    """
    R = tables_of(mdp, rewards)
    Q = solve(mdp, R).Q
    eye = np.eye(mdp.n_actions)
    chosen = Q.argmax(axis=2)
    for _ in range(ROUNDS):
        V = mdp.policy_values(eye[chosen], R)
        Q = np.where(mdp.terminal[:, None], 0.0, R + mdp.discount * mdp.expected(V))
        gain = Q.max(axis=2) - np.take_along_axis(Q, chosen[..., None], axis=2)[..., 0]
        better = gain > 1e-12 * (1 + np.abs(Q).max(axis=(1, 2)))[:, None]
        if not better.any():
            break
        chosen = np.where(better, Q.argmax(axis=2), chosen)
    else:
        raise FitError(f"no optimal policy in {ROUNDS} rounds; take a discount further from 1")
    return eye[chosen], np.asarray(V @ mdp.start)


@checked
def regret(mdp: TabularMDP, policies: ArrayLike, rewards: ArrayLike) -> Floats:
    """Reg[p, h] of policies (P, S, A) under rewards (H, S, A), (P, H); an index is left out where
    one table (S, A) was given.

    Raises:
        ConfigError: wrong shapes, or numbers that are not finite.
    """
    pi, R = np.asarray(policies, dtype=np.float64), np.asarray(rewards, dtype=np.float64)
    many, tables = tables_of(mdp, mdp.checked_policies(pi)), tables_of(mdp, R)
    _, best = optimal_policies(mdp, tables)
    got = np.tensordot(mdp.occupancy(many), tables, axes=([1, 2], [1, 2]))
    found = np.maximum(best - got, 0.0)
    return np.asarray(found[tuple(0 if x.ndim == 2 else slice(None) for x in (pi, R))])


@checked
def expected_regret(
    mdp: TabularMDP, policy: ArrayLike, rewards: ArrayLike, probability: ArrayLike
) -> float:
    """sum_h P(h) Reg(policy; R_h): of a `Posterior` p, its rewards.block() and reward_probability.

    Raises:
        ConfigError: wrong shapes, or probabilities that are negative or do not sum to 1.
    """
    R = tables_of(mdp, rewards)
    p = _probability(probability, len(R))
    kept = p > 0
    return float(p[kept] @ regret(mdp, policy_table(mdp, policy), R[kept]))


@dataclass(frozen=True, kw_only=True, eq=False)
class Deployment:
    """A policy to deploy, and what it risks.

    Attributes:
        policy: pi[s, a].
        regret: (H,) under each reward.
        expected: under the probabilities given; nan where there were none.
        worst: the largest of `regret`.
    """

    policy: Floats
    regret: Floats
    expected: float
    worst: float


@checked
def mean_reward_policy(
    mdp: TabularMDP, rewards: ArrayLike, probability: ArrayLike
) -> Deployment:  # fmt: skip
    """The policy with the least expected regret: the best for the mean reward, because returns are
    linear in R and the first term of the regret does not depend on the policy.

    Raises:
        ConfigError: wrong shapes, or probabilities that are negative or do not sum to 1.
    """
    R = tables_of(mdp, rewards)
    p = _probability(probability, len(R))
    policy, _ = optimal_policies(mdp, np.tensordot(p, R, axes=1))
    each = regret(mdp, policy[0], R)
    return Deployment(
        policy=policy[0], regret=each, expected=float(p @ each), worst=float(each.max())
    )


@checked
def minimax_policy(
    mdp: TabularMDP, rewards: ArrayLike, probability: ArrayLike | None = None
) -> Deployment:
    """The policy, maybe random, whose largest regret over rewards (H, S, A) is least: a linear
    programme over occupancies, min t with V*_h - <x, R_h> <= t.

    Args:
        probability: only for `expected`.

    Raises:
        ConfigError: wrong shapes. FitError: the solver failed.
    """
    R = tables_of(mdp, rewards)
    _, best = optimal_policies(mdp, R)
    flow, source = flow_equations(mdp)
    pairs = R[0].size
    cost = np.append(np.zeros(pairs), 1.0)
    rows = np.hstack([-R.reshape(len(R), -1), -np.ones((len(R), 1))])
    equations = sparse.hstack([flow, sparse.csr_matrix((flow.shape[0], 1))])
    done = linprog(
        cost, A_ub=rows, b_ub=-best, A_eq=equations, b_eq=source,
        bounds=[(0, None)] * pairs + [(None, None)], method="highs",
    )  # fmt: skip
    if done.status != 0:
        raise FitError(f"minimax_policy: {done.message}; scale the rewards nearer to 1")
    policy = policy_of(mdp, done.x[:-1])
    each = regret(mdp, policy, R)
    p = None if probability is None else _probability(probability, len(R))
    expected = float("nan") if p is None else float(p @ each)
    return Deployment(policy=policy, regret=each, expected=expected, worst=float(each.max()))


@dataclass(frozen=True, kw_only=True, eq=False)
class RegretParts:
    """Where the expected regret of the policy to deploy comes from; see `regret_parts`.

    Attributes:
        total: expected regret now: sampling + planner + reward.
        sampling: what endless demonstrations of this kind would take away.
        planner: what knowing the planner, too, would then take away.
        reward: what is left: no demonstration decides it even if the planner is known.
        groups: how many different behaviours the pairs have.
        policy: pi[s, a] to deploy.
    """

    total: float
    sampling: float
    planner: float
    reward: float
    groups: int
    policy: Floats


def support(posterior: Posterior, *, dropped: float = DROPPED) -> tuple[Floats, Floats]:
    """Rewards (H, S, A) that hold all but a share `dropped` of the posterior, and their
    probabilities (H,), renormalised."""
    kept = _holding(posterior.reward_probability, dropped)
    tables = np.tensordot(posterior.rewards.weights[kept], posterior.rewards.features, axes=1)
    p = posterior.reward_probability[kept]
    return tables, p / p.sum()


def regret_parts(posterior: Posterior, *, dropped: float = DROPPED) -> RegretParts:
    """The expected regret of the best policy to deploy, split by what would take it away.

    With W(I) = E_I max_pi E[V_R^pi | I], the return of who acts well on information I,

        total    = E V*_R - W(the posterior)
        sampling = W(behaviour) - W(the posterior)      behaviour: pi(a|s) where it comes, exactly
        planner  = W(behaviour, planner) - W(behaviour)
        reward   = E V*_R - W(behaviour, planner)

    so the three add up to the total and none is negative: information never hurts who acts on it.
    Expectations are over the posterior itself; the split is ours. Pairs of planner and reward whose
    policies agree to `SAME` wherever they come from the start have one behaviour.

    Args:
        dropped: pairs that together hold less than this share are left out.
    """
    mdp, joint = posterior.mdp, posterior.probability
    kept = _holding(joint.ravel(), dropped)
    planner, reward = np.unravel_index(kept, joint.shape)
    p = joint.ravel()[kept] / joint.ravel()[kept].sum()
    used, column = np.unique(reward, return_inverse=True)
    weights = posterior.rewards.weights[used]
    tables = np.tensordot(weights, posterior.rewards.features, axes=1)
    behaviour = _behaviours(posterior, planner, column, tables)
    known = np.unique(np.stack([behaviour, planner]), axis=1, return_inverse=True)[1].ravel()
    _, best = optimal_policies(mdp, tables)
    ideal = float(p @ best[column])
    policy, now = optimal_policies(mdp, np.tensordot(p, tables[column], axes=1))
    told = _informed_return(mdp, p, column, tables, behaviour)
    both = _informed_return(mdp, p, column, tables, known)
    return RegretParts(
        total=max(ideal - float(now[0]), 0.0), sampling=max(told - float(now[0]), 0.0),
        planner=max(both - told, 0.0), reward=max(ideal - both, 0.0),
        groups=int(behaviour.max()) + 1, policy=policy[0],
    )  # fmt: skip


def _holding(p: Floats, dropped: float) -> Ints:
    """The fewest indices that hold all but `dropped`, in order."""
    order = np.argsort(-p, kind="stable")
    before = np.cumsum(p[order]) - p[order]
    return np.sort(order[before < 1 - dropped])


def _behaviours(posterior: Posterior, planner: Ints, column: Ints, tables: Floats) -> Ints:
    """(n,) the number of each pair's behaviour.

    Policies are compared by three random projections of their rows in states that they visit: two
    that differ by more than SAME agree in all three with a chance that is of no account.
    """
    mdp = posterior.mdp
    rng = stream(0, "preferences", "behaviours")
    directions = rng.normal(size=(3, mdp.n_states * mdp.n_actions))
    seen = np.empty((3, len(planner)))
    for number in np.unique(planner):
        place = np.flatnonzero(planner == number)
        for low in range(0, len(place), BLOCK):
            some = place[low : low + BLOCK]
            pi = posterior.planners[int(number)].policies(mdp, tables[column[some]])
            visits = mdp.occupancy(pi).sum(axis=2, keepdims=True)
            shown = np.where(visits > SAME, pi, 0.0)
            seen[:, some] = directions @ shown.reshape(len(some), -1).T
    label = np.zeros(len(planner), dtype=np.int64)
    for row in seen:
        order = np.lexsort((row, label))
        new = (np.diff(label[order]) > 0) | (np.diff(row[order]) > SAME)
        label[order] = np.concatenate([[0], np.cumsum(new)])
    return label


def _informed_return(
    mdp: TabularMDP, p: Floats, column: Ints, tables: Floats, group: Ints
) -> float:  # fmt: skip
    """E max_pi E[V | group]: returns are linear, so each group's rewards are added up first."""
    weight = sparse.csr_matrix((p, (group, column)), shape=(int(group.max()) + 1, len(tables)))
    flat = tables.reshape(len(tables), -1)
    total = 0.0
    for low in range(0, weight.shape[0], BLOCK):
        mean = (weight[low : low + BLOCK] @ flat).reshape(-1, *tables.shape[1:])
        total += float(optimal_policies(mdp, mean)[1].sum())
    return total


# ------------------------------------------------------------ tables


def flow_equations(mdp: TabularMDP) -> tuple[sparse.csr_matrix, Floats]:
    """(S, S*A) and (S,): sum_a x(s, a) - gamma sum P x = start; nothing leaves a terminal state."""
    S, A, K = mdp.successors.shape
    rows = np.repeat(np.arange(S * A), K)
    live = np.repeat(~mdp.terminal, A * K) & ~mdp.terminal[mdp.successors.ravel()]
    entries = np.where(live, -mdp.discount * mdp.probability.ravel(), 0.0)
    into = sparse.csr_matrix((entries, (mdp.successors.ravel(), rows)), shape=(S, S * A))
    out = sparse.csr_matrix((np.ones(S * A), (np.repeat(np.arange(S), A), np.arange(S * A))))
    return (into + out).tocsr(), np.where(mdp.terminal, 0.0, mdp.start)


def policy_of(mdp: TabularMDP, occupancy: Floats) -> Floats:
    """The policy with this occupancy; uniform where it never comes."""
    x = np.maximum(occupancy.reshape(mdp.n_states, mdp.n_actions), 0.0)
    visits = x.sum(axis=1, keepdims=True)
    alike = np.full_like(x, 1 / mdp.n_actions)
    return np.asarray(np.divide(x, visits, out=alike, where=visits > 0))


def policy_table(mdp: TabularMDP, policy: ArrayLike) -> Floats:
    pi = mdp.checked_policies(policy)
    if pi.ndim != 2:
        raise ConfigError(f"one policy (S, A) is needed; got shape {pi.shape}")
    return pi


def tables_of(mdp: TabularMDP, tables: ArrayLike) -> Floats:
    R = np.asarray(tables, dtype=np.float64)
    R = R[None] if R.ndim == 2 else R
    shape = (mdp.n_states, mdp.n_actions)
    if R.ndim != 3 or R.shape[1:] != shape or not len(R) or not np.isfinite(R).all():
        raise ConfigError(f"tables must be finite, (H, {shape[0]}, {shape[1]}); got {R.shape}")
    return R


def _probability(probability: ArrayLike, count: int) -> Floats:
    p = np.asarray(probability, dtype=np.float64)
    if p.shape != (count,) or not np.isfinite(p).all() or p.min() < 0 or abs(p.sum() - 1) > 1e-6:
        raise ConfigError(f"probability must be ({count},), not negative, and sum to 1; got {p!r}")
    return np.asarray(p / p.sum())
