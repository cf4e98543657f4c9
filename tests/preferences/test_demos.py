"""Demonstrations: counted as they are, and refused where they cannot have happened."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from precocial.errors import ConfigError, DataError
from precocial.preferences import Demonstrations, TabularMDP, simulate
from tests.preferences.small_worlds import random_world


def corridor() -> TabularMDP:
    """0 - 1 - 2 (terminal); action 0 left, action 1 right, walls keep."""
    P = np.zeros((3, 2, 3))
    P[0, 0, 0] = P[0, 1, 1] = P[1, 0, 0] = P[1, 1, 2] = P[2, :, 2] = 1
    return TabularMDP.from_arrays(P, discount=0.9, terminal=[False, False, True])


def test_counts_and_next_states_by_episode() -> None:
    demos = Demonstrations.from_arrays([0, 1, 1, 0], [1, 1, 0, 1], episode=[0, 0, 5, 5])
    assert demos.arrived.tolist() == [1, -1, 0, -1]
    assert demos.episodes.tolist() == [0, 5]
    world = corridor()
    assert demos.check(world) is demos
    assert demos.counts(world).tolist() == [[0, 2], [1, 1], [0, 0]]


@pytest.mark.parametrize(
    ("state", "action", "said"),
    [
        ([0, 7], [1, 1], "row 1: state 7 is not in this world, which has 3"),
        ([0, -1], [1, 1], "row 1: state -1 is not in this world"),
        ([0, 1], [1, 2], "row 1: action 2 is not in this world, which has 2"),
        ([1, 1], [1, 1], "row 0: action 1 in state 1 cannot lead to state 1"),
        ([1, 2], [1, 0], "row 1: state 2 is terminal"),
    ],
)
def test_what_cannot_have_happened_is_refused(state: list, action: list, said: str) -> None:
    with pytest.raises(DataError, match=said):
        Demonstrations.from_arrays(state, action).check(corridor())


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (([], []), "there are no demonstrations"),
        (([0, 1], [1]), "equally many; got 2, 1, 2"),
        (([0, np.nan], [1, 1]), "state: row 1 is nan; whole numbers"),
        (([0, 0.5], [1, 1]), "state: row 1 is 0.5"),
        (([0, np.inf], [1, 1]), "state: row 1 is inf"),
        (([0.0, 1e300], [1, 1]), "too large"),
        ((["a", "b"], [1, 1]), "state: whole numbers are needed"),
        (([[0]], [1]), "one column is needed"),
    ],
)
def test_columns_that_are_none_are_refused(columns: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        Demonstrations.from_arrays(*columns)


def test_torn_episodes_and_short_next_states_are_refused() -> None:
    with pytest.raises(DataError, match="must stand together"):
        Demonstrations.from_arrays([0, 1, 0], [1, 1, 1], episode=[0, 1, 0])
    with pytest.raises(DataError, match="next states must be as many"):
        Demonstrations.from_arrays([0, 1], [1, 1], arrived=[1])


def test_parts_keep_whole_episodes_and_share_none() -> None:
    world = random_world()
    demos = simulate(world, world.uniform_policy(), episodes=20, steps=7, seed=3)
    rest, held = demos.split(0.25, seed=1)
    assert len(held.episodes) == 5
    assert set(rest.episodes).isdisjoint(held.episodes)
    assert len(rest) + len(held) == len(demos) == 140
    np.testing.assert_array_equal(rest.counts(world) + held.counts(world), demos.counts(world))
    with pytest.raises(ConfigError, match="two episodes"):
        held.where(held.episode == held.episode[0]).split(0.5)


def test_the_same_seed_gives_the_same_demonstrations() -> None:
    world = random_world(ends=1)
    first, again, other = (
        simulate(world, world.uniform_policy(), episodes=9, steps=9, seed=seed)
        for seed in (4, 4, 5)
    )
    assert first.state.tolist() == again.state.tolist()
    assert first.state.tolist() != other.state.tolist()
    for bad in ({"episodes": 0}, {"steps": 0}):
        with pytest.raises(ConfigError, match="at least one episode"):
            simulate(world, world.uniform_policy(), **({"episodes": 1, "steps": 1} | bad))
    over = TabularMDP.from_arrays(np.ones((1, 1, 1)), discount=0.9, start=[1.0], terminal=[True])
    with pytest.raises(ConfigError, match="every start state is terminal"):
        simulate(over, np.ones((1, 1)), episodes=1, steps=1)


def test_a_step_that_cannot_happen_is_told_with_its_line() -> None:
    world = random_world()
    demos = Demonstrations.from_arrays([0, 1, 99], [0, 0, 0])
    with pytest.raises(DataError, match=r"^row 2: state 99 is not in this world"):
        demos.check(world)
    with pytest.raises(DataError, match=r"^a.csv, line 7: state 99 is not") as told:
        demos.check(world, path="a.csv", lines=np.array([2, 5, 7]))
    assert (told.value.path, told.value.line) == ("a.csv", 7)
