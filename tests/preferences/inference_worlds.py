"""Small worlds for the tests of inference."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from precocial.preferences import Backup, Demonstrations, Planner, Rule, TabularMDP, simulate
from precocial.preferences.planners import Plans

Floats = NDArray[np.float64]
MOVES = ((0, -1), (1, 0), (0, 1), (-1, 0))
LAKE = ("SFFF", "FHFH", "FFFH", "HFFG")
"""FrozenLake's 4 x 4 map (Gymnasium, MIT)."""


def frozen_lake(discount: float = 0.9) -> TabularMDP:
    """Three directions alike, the way back excluded; holes and the goal end it."""
    size, P = len(LAKE), np.zeros((16, 4, 16))
    for s in range(16):
        for a in range(4):
            for b in ((a - 1) % 4, a, (a + 1) % 4):
                row = min(max(s // size + MOVES[b][0], 0), size - 1)
                column = min(max(s % size + MOVES[b][1], 0), size - 1)
                P[s, a, row * size + column] += 1 / 3
    start = np.zeros(16)
    start[0] = 1
    terminal = [cell in "HG" for row in LAKE for cell in row]
    return TabularMDP.from_arrays(P, discount=discount, start=start, terminal=terminal)


def corridor(length: int = 6, discount: float = 0.9) -> TabularMDP:
    """Left, right or stay; the step in either direction fails one time in five."""
    P = np.zeros((length, 3, length))
    for s in range(length):
        for a, step in enumerate((-1, 1, 0)):
            P[s, a, min(max(s + step, 0), length - 1)] += 0.8
            P[s, a, s] += 0.2
    return TabularMDP.from_arrays(P, discount=discount)


def random_world(
    seed: int, *, states: int = 5, actions: int = 3, discount: float = 0.8, ends: bool = False
) -> TabularMDP:
    """Dirichlet transitions; with `ends`, the last state is terminal."""
    rng = np.random.default_rng(seed)
    P = rng.dirichlet(np.full(states, 0.5), size=(states, actions))
    terminal = np.arange(states) == states - 1 if ends else np.zeros(states, dtype=bool)
    return TabularMDP.from_arrays(P, discount=discount, terminal=terminal)


def random_features(seed: int, mdp: TabularMDP, count: int) -> Floats:
    """(F, S, A) standard normal."""
    rng = np.random.default_rng(1000 + seed)
    return rng.normal(size=(count, mdp.n_states, mdp.n_actions))


def bandit(arms: int = 2) -> TabularMDP:
    """One choice, then the end."""
    P = np.zeros((2, arms, 2))
    P[:, :, 1] = 1
    return TabularMDP.from_arrays(P, discount=1.0, start=[1, 0], terminal=[False, True])


def total_variation(one: Floats, other: Floats) -> float:
    """Half the L1 distance."""
    return float(0.5 * np.abs(one - other).sum())


def impatient(k: float = 1.3, *, beta: float = 1.7, delays: int = 4) -> Planner:
    """A soft naive hyperbolic planner."""
    return Planner(
        name=f"soft naive {k:g}",
        backup=Backup(kind="soft", beta=beta, hyperbolic=k, delays=delays),
        rule=Rule(kind="boltzmann", parameter=beta),
    )


def two_betas(backup: float, rule: float) -> Planner:
    """A soft planner that acts with another noise than it foresees."""
    return Planner(
        name=f"soft {backup:g}, acts {rule:g}", backup=Backup(kind="soft", beta=backup),
        rule=Rule(kind="boltzmann", parameter=rule),
    )  # fmt: skip


def seen_from(
    mdp: TabularMDP, features: Floats, planner: Plans, weights: list[float], *,
    episodes: int, seed: int,
) -> Demonstrations:  # fmt: skip
    """Eight-step episodes of one planner under one reward."""
    R = np.tensordot(np.array([weights]), features, axes=1)
    policy = planner.policies(mdp, R)[0]
    return simulate(mdp, policy, episodes=episodes, steps=8, seed=seed)
