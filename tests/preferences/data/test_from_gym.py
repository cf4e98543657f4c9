from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from precocial.errors import ConfigError, PrecocialError
from precocial.preferences import solve
from precocial.preferences.data.from_gym import GymWorld, mdp_from_gym
from precocial.preferences.demos import Demonstrations

ENVIRONMENTS = ("FrozenLake-v1", "CliffWalking-v1", "Taxi-v4")


def plain_value_iteration(P: Any, discount: float, sweeps: int) -> np.ndarray:
    """V over the raw table, `done` ends: independent of TabularMDP."""
    V = np.zeros(len(P))
    for _ in range(sweeps):
        V = np.array(
            [
                max(
                    sum(p * (r + (0.0 if done else discount * V[t])) for p, t, r, done in P[s][a])
                    for a in P[s]
                )
                for s in sorted(P)
            ]
        )
    return V


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_the_values_are_those_of_the_raw_table(name: str) -> None:
    world = mdp_from_gym(name, discount=0.9)
    P = gymnasium.make(name).unwrapped.P  # type: ignore[attr-defined]
    V = solve(world.mdp, world.rewards[None]).Q[0].max(axis=1)
    expected = plain_value_iteration(P, 0.9, 220)
    # What play never reaches (a taxi that drives on after delivery) may end earlier with us.
    met = world.mdp.occupancy(world.mdp.uniform_policy()).sum(axis=1) > 0
    assert met.sum() >= 11
    assert np.abs(V[met] - expected[met]).max() < 1e-6
    assert world.ends == ()


def test_frozen_lake_is_the_known_world() -> None:
    world = mdp_from_gym("FrozenLake-v1", discount=0.99, is_slippery=True)
    mdp = world.mdp
    assert np.flatnonzero(mdp.terminal).tolist() == [5, 7, 11, 12, 15]
    assert mdp.start[0] == 1
    assert mdp.actions == ("left", "down", "right", "up")
    assert mdp.states[15] == "G(3,3)"
    assert mdp.grid is not None
    assert mdp.grid[6].tolist() == [1, 2]
    assert world.rewards[14].tolist() == pytest.approx([0, 1 / 3, 1 / 3, 1 / 3])
    V = solve(mdp, world.rewards[None]).Q[0].max(axis=1)
    assert V[0] == pytest.approx(0.542, abs=1e-3)  # the well-known value of the start


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_episodes_played_in_the_environment_can_happen_in_the_world(name: str) -> None:
    env = gymnasium.make(name, max_episode_steps=60)
    env.action_space.seed(3)
    rows = []
    for episode in range(30):
        state, _ = env.reset(seed=episode)
        over = False
        while not over:
            action = env.action_space.sample()
            after, _, ended, cut, _ = env.step(action)
            rows.append((state, action, episode, after))
            state, over = after, ended or cut
    state, action, episode, arrived = np.array(rows).T
    demos = Demonstrations.from_arrays(state, action, episode=episode, arrived=arrived)
    demos.check(mdp_from_gym(name, discount=0.9).mdp)


def test_a_state_entered_both_ways_gets_an_end_state() -> None:
    # From 0: action 0 goes on to 1, action 1 ends in 1. In 1 both return to 0.
    P = {
        0: {0: [(1.0, 1, 0.0, False)], 1: [(1.0, 1, 5.0, True)]},
        1: {0: [(1.0, 0, 1.0, False)], 1: [(0.5, 0, 1.0, False), (0.5, 0, 3.0, True)]},
    }
    world = mdp_from_gym(P, discount=0.5, start=[1.0, 0.0])
    assert world.ends == (0, 1)
    assert world.mdp.terminal.tolist() == [False, False, True, True]
    assert world.rewards.tolist() == [[0, 5], [1, 2], [0, 0], [0, 0]]
    V = solve(world.mdp, world.rewards[None]).Q[0].max(axis=1)
    assert V[:2] == pytest.approx(plain_value_iteration(P, 0.5, 80), abs=1e-6)
    demos = Demonstrations.from_arrays([0, 1, 0], [0, 0, 1], arrived=[1, 0, 1])
    with pytest.raises(PrecocialError, match="cannot lead"):
        demos.check(world.mdp)
    fitted = world.relabelled(demos)
    assert fitted.arrived.tolist() == [1, 0, 3]
    fitted.check(world.mdp)
    assert demos.arrived.tolist() == [1, 0, 1]


def test_a_bare_table_as_lists_starts_anywhere_alive() -> None:
    P = [[[(1.0, 1, 1.0, True)]], [[(1.0, 1, 0.0, True)]]]
    world = mdp_from_gym(P, discount=1.0)
    assert world.mdp.terminal.tolist() == [False, True]
    assert world.mdp.start.tolist() == [1.0, 0.0]
    assert world.rewards.tolist() == [[1.0], [0.0]]
    assert world.mdp.longest_episode == 1


def test_entries_of_one_successor_are_added_up() -> None:
    P = {0: {0: [(0.25, 0, 0.0, False), (0.5, 0, 2.0, False), (0.25, 1, 4.0, True)]},
         1: {0: [(1.0, 1, 0.0, True)]}}  # fmt: skip
    world = mdp_from_gym(P, discount=0.9)
    assert world.mdp.dense[0, 0].tolist() == [0.75, 0.25]
    assert world.rewards[0, 0] == 2.0


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({}, "with something in it"),
        ({1: {0: [(1.0, 0, 0.0, False)]}}, "0 is missing"),
        ({0: {0: []}}, "must list"),
        ({0: {0: [(1.0, 3, 0.0, False)]}}, "next state 0 to 0"),
        ({0: {0: [(float("nan"), 0, 0.0, False)]}}, "finite reward"),
        ({0: {0: [(0.5, 0, 0.0, False)]}}, "must sum to 1"),
        ({0: {0: [(1.0, 0, 0.0)]}}, "are \\(probability"),
        ({0: {0: [(1.0, 0, 0.0, False)]}, 1: {}}, "with something in it"),
        ("NoSuchWorld-v0", "cannot be made"),
        ("os:FrozenLake-v1", "would import a module"),
        ("CartPole-v1", "has no table P"),
        (3, "has no table P"),
    ],
)
def test_what_is_no_world_is_refused(env: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        mdp_from_gym(env, discount=0.9)


def test_options_and_starts_are_checked() -> None:
    P = {0: {0: [(1.0, 0, 0.0, False)]}}
    with pytest.raises(ConfigError, match="need the id"):
        mdp_from_gym(P, discount=0.9, is_slippery=True)
    with pytest.raises(ConfigError, match="start must have shape"):
        mdp_from_gym(P, discount=0.9, start=[0.5, 0.5])
    with pytest.raises(ConfigError, match="discount"):
        mdp_from_gym(P, discount=1.5)
    with pytest.raises(ConfigError, match="circles"):
        mdp_from_gym(P, discount=1.0)


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.integers(0, 3), inner, max_size=4)
    ),
    max_leaves=12,
)
entry = st.tuples(
    st.sampled_from([0.5, 1.0, -1.0, float("inf")]), st.integers(-1, 2),
    st.floats(-2, 2), st.booleans(),
)  # fmt: skip


@given(
    table=junk
    | st.lists(
        st.lists(st.lists(entry, min_size=1, max_size=2), min_size=1, max_size=2), max_size=3
    )
)
def test_only_our_errors_escape(table: Any) -> None:
    try:
        world = mdp_from_gym(table, discount=0.9)
    except PrecocialError:
        return
    assert isinstance(world, GymWorld)
    assert np.isfinite(world.rewards).all()
