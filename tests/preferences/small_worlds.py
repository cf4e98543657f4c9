"""Small random worlds for the tests of this room."""

from __future__ import annotations

import numpy as np

from precocial.preferences import TabularMDP


def random_world(
    seed: int = 0,
    *,
    states: int = 6,
    actions: int = 3,
    discount: float = 0.9,
    ends: int = 0,
    spread: float = 0.3,
) -> TabularMDP:
    """Dirichlet transitions; the last `ends` states are terminal."""
    rng = np.random.default_rng(seed)
    P = rng.dirichlet(np.full(states, spread), (states, actions))
    terminal = np.arange(states) >= states - ends
    return TabularMDP.from_arrays(
        P, discount=discount, start=rng.dirichlet(np.ones(states)), terminal=terminal
    )


def rewards(world: TabularMDP, count: int = 4, seed: int = 0) -> np.ndarray:
    """(count, S, A) uniform in [-1, 1]."""
    shape = (count, world.n_states, world.n_actions)
    return np.random.default_rng(1000 + seed).uniform(-1, 1, shape)
