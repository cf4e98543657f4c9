"""Planners worked out a second time: what the theorems' checks hold the shipped ones against.

By enumeration of policies and by value iteration written out over dense arrays; shares no code
with `planning` and `choice`. Only for tiny worlds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from precocial.preferences.mdp import TabularMDP

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
SWEEPS = 1000
"""0.95^1000 < 1e-22: the rest of the sum is below rounding for the discounts that are drawn."""
GAP = 1e-6
"""Options nearer than this may tie; which of them is taken is not judged."""


def best_by_enumeration(mdp: TabularMDP, rewards: Floats, policies: Floats) -> Floats:
    """Q*[h, s, a]: V* is the largest value that any of all deterministic policies has."""
    V = np.max([mdp.policy_values(pi, rewards) for pi in policies], axis=0)
    return np.asarray(rewards + mdp.discount * np.einsum("sat,ht->hsa", mdp.dense, V))


def value_iteration(
    mdp: TabularMDP, rewards: Floats, *, steps: int = SWEEPS, optimism: float = 0.0
) -> Floats:
    """Q[h, s, a] after `steps` sweeps from 0; the best successor counts with weight `optimism`."""
    P = mdp.dense
    V = np.zeros(rewards.shape[:2])
    for _ in range(steps):
        later = np.einsum("sat,ht->hsa", P, V)
        if optimism:
            top = np.where(P > 0, V[:, None, None], -np.inf).max(axis=3)
            later = (1 - optimism) * later + optimism * top
        Q = rewards + mdp.discount * later
        Q[:, mdp.terminal] = 0
        V = Q.max(axis=2)
    return np.asarray(Q)


def ranked(Q: Floats, n: int) -> tuple[Floats, Bools]:
    """(pi[h, s, a] that does the n-th best, n = 1 the best; [h, s, 1] whether no other ties)."""
    order = np.argsort(-Q, axis=2)
    pi = np.eye(Q.shape[2])[order[..., n - 1]]
    held = np.take_along_axis(Q, order[..., n - 1 : n], axis=2)
    return pi, (np.abs(Q - held) < GAP).sum(axis=2, keepdims=True) == 1


def expected_policies(
    mdp: TabularMDP, rewards: Floats, policies: Floats
) -> dict[str, tuple[Floats, Bools]]:
    """By the name of a planner of `theorems.families`: its policies, and where they are judged."""
    S = mdp.n_states
    best = best_by_enumeration(mdp, rewards, policies)
    worst = best_by_enumeration(mdp, -rewards, policies)
    first, sure = ranked(best, 1)
    everywhere = np.ones((len(rewards), S, 1), dtype=bool)

    def soft(scores: Floats) -> tuple[Floats, Bools]:
        weight = np.exp(scores)
        return weight / weight.sum(axis=2, keepdims=True), everywhere

    return {
        "optimal": (first, sure),
        "greedy": ranked(rewards, 1),
        "-(optimal)": ranked(worst, 1),
        "myopic 2": ranked(value_iteration(mdp, rewards, steps=2), 1),
        "optimist 0.5": ranked(value_iteration(mdp, rewards, optimism=0.5), 1),
        "1-th best": (first, sure),
        "epsilon 0.2": (0.8 * first + 0.2 / mdp.n_actions, sure),
        "boltzmann 2": soft(2 * best),
        "-(boltzmann 1)": soft(worst),
    }
