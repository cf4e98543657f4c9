"""The likeliest pairs of a posterior, and what acting for all of them at once would lose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from precocial.preferences.auditing.record import Apart, Deployed, Regret, RegretPart, StateValue
from precocial.preferences.demos import Demonstrations
from precocial.preferences.identify.regret import optimal_policies, regret_parts
from precocial.preferences.identify.starc import starc_distances
from precocial.preferences.mdp import TabularMDP
from precocial.preferences.planners import optimal
from precocial.preferences.posterior import Posterior

Floats = NDArray[np.float64]
KEPT_MASS = 0.999
"""Pairs are taken from the likeliest down until they hold this share of the posterior."""
MAX_KEPT, MAX_NUMBERS = 20_000, 20_000_000
"""Pairs, and numbers in their tables, at the most."""
ROUNDING = 1e-12
"""A mean reward this small beside the rewards is rounding."""
RARE = 1e-9
"""Moves that lead to a state more seldom than this do not (ours)."""
MAX_COMPARED = 60
"""Rewards whose distances are taken, the likeliest first."""
LARGEST_NULL_SPACE = 800
"""States x actions beyond which no null space is computed (ours: the SVD takes a second there)."""
LIKELY = 1e-3
"""A pair counts in worst cases if it is at least this likely beside the likeliest (ours)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LikelyPairs:
    """The likeliest pairs: weight (n,), planner (n,), reward (n,), R (n, S, A), pi (n, S, A).

    Weights sum to 1; the pairs hold the share `kept` of the posterior.
    """

    kept: float
    weight: Floats
    planner: NDArray[np.int64]
    reward: NDArray[np.int64]
    rewards: Floats
    policies: Floats


def likely_pairs(posterior: Posterior) -> LikelyPairs:
    flat = posterior.probability.ravel()
    most = min(MAX_KEPT, max(MAX_NUMBERS // posterior.rewards.features[0].size, 1))
    order = np.argsort(-flat, kind="stable")[:most]
    enough = int(np.searchsorted(flat[order].cumsum(), KEPT_MASS)) + 1
    order = order[:enough]
    p, r = np.unravel_index(order, posterior.probability.shape)
    distinct = np.unique(r)
    table = np.tensordot(posterior.rewards.weights[distinct], posterior.rewards.features, axes=1)
    R = table[np.searchsorted(distinct, r)]
    pi = np.empty_like(R)
    for planner in np.unique(p):
        mine = p == planner
        pi[mine] = posterior.planners[planner].policies(posterior.mdp, R[mine])
    return LikelyPairs(
        kept=min(float(flat[order].sum()), 1.0),
        weight=flat[order] / flat[order].sum(), planner=p.astype(np.int64),
        reward=r.astype(np.int64), rewards=R, policies=pi,
    )  # fmt: skip


def anchor_state(mdp: TabularMDP, demos: Demonstrations) -> int:
    """The first state seen that can be arrived at; the first seen, if none can."""
    reached = np.unique(mdp.successors[~mdp.terminal][mdp.probability[~mdp.terminal] > 0])
    seen = demos.state[np.isin(demos.state, reached)]
    return int(seen[0] if len(seen) else demos.state[0])


def likely_moves(mdp: TabularMDP, demos: Demonstrations, pairs: LikelyPairs) -> Floats:
    """(S, A) how often a move is made: half the shares that were seen, half the discounted
    occupancy of the likely pairs' mean policy; adds up to 1."""
    seen = demos.counts(mdp)
    likely = mdp.occupancy(np.tensordot(pairs.weight, pairs.policies, axes=1))
    return np.asarray(seen / seen.sum() / 2 + likely / max(float(likely.sum()), RARE) / 2)


def arrivals(mdp: TabularMDP, moves: Floats) -> Floats:
    """(S, S, A) the linear functions of R that are a state's reward: the mean of R(s, a) over the
    moves that lead to it, each by how often it is made and does; over all moves alike where none
    is made that does."""
    P = np.moveaxis(np.where(mdp.terminal[:, None, None], 0.0, mdp.dense), 2, 0)
    made = P * moves
    made = np.where(made.sum(axis=(1, 2), keepdims=True) > RARE, made, P)
    return np.asarray(made / np.maximum(made.sum(axis=(1, 2), keepdims=True), RARE))


def state_values(
    mdp: TabularMDP, demos: Demonstrations, posterior: Posterior, into: Floats
) -> list[StateValue]:
    """The reward of each state by `into` (S, S, A), see `arrivals`, beside `anchor_state`'s."""
    counts, weight = demos.counts(mdp), posterior.reward_probability
    mean = np.tensordot(posterior.rewards.features, into, axes=((1, 2), (1, 2)))
    worth = posterior.rewards.weights @ mean
    apart = worth - worth[:, [anchor_state(mdp, demos)]]
    rows = []
    for state in range(mdp.n_states):
        low, middle, high = _weighted_quantiles(apart[:, state], weight, (0.025, 0.5, 0.975))
        rows.append(
            StateValue(
                state=mdp.state_name(state),
                visits=int(counts[state].sum()),
                low=low,
                median=middle,
                high=high,
                more_than_first=float(weight[apart[:, state] > 0].sum()),
                less_than_first=float(weight[apart[:, state] < 0].sum()),
            )
        )
    return rows


def _weighted_quantiles(values: Floats, weight: Floats, shares: Sequence[float]) -> list[float]:
    order = np.argsort(values, kind="stable")
    total = weight[order].cumsum()
    places = np.searchsorted(total, np.asarray(shares) * total[-1])
    return [float(values[order[min(place, len(order) - 1)]]) for place in places]


def apart(posterior: Posterior) -> Apart:
    """STARC distances between the likeliest rewards, weighted by the posterior."""
    kept = np.argsort(-posterior.reward_probability, kind="stable")[:MAX_COMPARED]
    weight = posterior.reward_probability[kept] / posterior.reward_probability[kept].sum()
    R = np.tensordot(posterior.rewards.weights[kept], posterior.rewards.features, axes=1)
    distance = np.stack([starc_distances(posterior.mdp, R, one) for one in R])
    pairs = np.outer(weight, weight)
    return Apart(
        mean=float((pairs * distance).sum()), far=float(pairs[distance > 0.5].sum()),
        rewards=len(kept),
    )  # fmt: skip


def deployed(posterior: Posterior) -> Floats:
    """(S, A) what one would deploy: optimal for the mean reward, ties shared.

    A mean that is nothing but rounding beside the rewards themselves counts as 0: then every action
    is as good, and no policy can be recommended.
    """
    mean, p = posterior.mean_reward(), posterior.reward_probability
    size = np.tensordot(
        p @ np.abs(posterior.rewards.weights), np.abs(posterior.rewards.features), 1
    )
    mean = np.where(np.abs(mean).max() <= ROUNDING * size.max(), 0.0, mean)
    return np.asarray(optimal().policies(posterior.mdp, mean[None])[0])


def deployed_actions(mdp: TabularMDP, policy: Floats, pairs: LikelyPairs) -> list[Deployed]:
    """What would be done, and how much of the posterior finds it optimal."""
    best = optimal().policies(mdp, pairs.rewards) > 0
    rows = []
    for state in np.flatnonzero(~mdp.terminal):
        action = int(policy[state].argmax())
        agree = float(pairs.weight[best[:, state, action]].sum())
        names = mdp.state_name(int(state)), mdp.action_name(action)
        rows.append(Deployed(state=names[0], action=names[1], optimal_for=min(agree, 1.0)))
    return rows


def regret_shares(mdp: TabularMDP, policies: Floats, rewards: Floats) -> Floats:
    """(n,) regret of policies under rewards, as a share of best minus worst; 0 if all is one."""
    best, worst = (sign * optimal_policies(mdp, sign * rewards)[1] for sign in (1, -1))
    stake, lost = best - worst, best - mdp.policy_return(policies, rewards)
    return np.where(stake > 1e-12, lost / np.where(stake > 1e-12, stake, 1.0), 0.0).clip(0, 1)


def regret(mdp: TabularMDP, policy: Floats, pairs: LikelyPairs) -> Regret:
    """Of one policy, expected over the pairs and at worst among the likely ones."""
    _, first, place = np.unique(pairs.reward, return_index=True, return_inverse=True)
    tables = pairs.rewards[first]  # pairs share rewards
    share = regret_shares(mdp, policy, tables)[place]
    uniform = regret_shares(mdp, mdp.uniform_policy(), tables)[place]
    likely = pairs.weight >= LIKELY * pairs.weight.max()
    worst = int(np.where(likely, share, -1).argmax())
    return Regret(
        expected=float(pairs.weight @ share),
        worst=float(share[worst]),
        worst_probability=float(pairs.kept * pairs.weight[worst]),
        expected_of_uniform=float(pairs.weight @ uniform),
        threshold=LIKELY,
        kept=pairs.kept,
    )


def regret_split(posterior: Posterior) -> list[RegretPart]:
    """Where the expected regret comes from, in returns: see `identify.regret.regret_parts`."""
    parts = regret_parts(posterior)
    whole = parts.total or 1.0
    return [
        RegretPart(
            part="sampling", regret=parts.sampling, share=parts.sampling / whole,
            why="endless demonstrations of this kind would take it away",
        ),
        RegretPart(
            part="planner", regret=parts.planner, share=parts.planner / whole,
            why="knowing the planner, too, would take it away",
        ),
        RegretPart(
            part="reward", regret=parts.reward, share=parts.reward / whole,
            why="no demonstration takes it away, even with the planner known",
        ),
    ]  # fmt: skip
