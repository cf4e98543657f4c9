"""Lists of rewards."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from precocial.errors import ConfigError
from precocial.preferences import Rewards
from tests.preferences.small_worlds import random_world, rewards

WORLD = random_world(ends=1)


def test_goals_pay_on_arriving() -> None:
    goals = Rewards.goals(WORLD)
    assert len(goals) == 6
    np.testing.assert_allclose(
        goals.block(), np.moveaxis(WORLD.dense, 2, 0) * ~WORLD.terminal[None, :, None]
    )
    assert goals.name(2) == "goal 2"
    assert len(Rewards.goals(WORLD, states=[1, 5])) == 2


def test_a_grid_is_every_combination() -> None:
    phi = rewards(WORLD, 2)
    same = Rewards.grid(phi, [-1.0, 0.0, 1.0], names=("left", "right"))
    assert len(same) == 9
    assert same.name(0) == "-1 left, -1 right"
    assert same.name(4) == "nothing"
    np.testing.assert_allclose(same.block(5, 6)[0], phi[1])
    own = Rewards.grid(phi, [[0.0, 2.0], [5.0]])
    np.testing.assert_allclose(own.block()[1], 2 * phi[0] + 5 * phi[1])


def test_every_reward_beside_its_opposite() -> None:
    phi = rewards(WORLD, 2)
    both = Rewards.grid(phi, [[1.0], [0.0, 2.0]], names=("a", "b")).with_opposites()
    assert both.names == ("1 a", "1 a, 2 b", "-(1 a)", "-(1 a, 2 b)")
    np.testing.assert_allclose(both.block()[1], phi[0] + 2 * phi[1])
    np.testing.assert_array_equal(both.block()[2:], -both.block()[:2])


def test_lists_are_joined_and_turned() -> None:
    first, second = Rewards.tables(rewards(WORLD, 2)), Rewards.goals(WORLD, states=[3])
    joined = first | second
    np.testing.assert_allclose(joined.block(), np.concatenate([first.block(), second.block()]))
    assert [joined.name(h) for h in range(3)] == ["R0", "R1", "goal 3"]
    np.testing.assert_allclose((-joined).block(), -joined.block())
    assert (-joined).name(2) == "-(goal 3)"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Rewards.tables(np.zeros((6, 3))), r"must be \(H, S, A\)"),
        (lambda: Rewards.tables(np.full((1, 6, 3), np.inf)), "must be finite"),
        (lambda: Rewards.goals(WORLD, states=[6]), "states must lie in 0 to 5"),
        (lambda: Rewards.grid(rewards(WORLD, 2), [[1.0]]), r"one list of values a feature \(2\)"),
        (lambda: Rewards.grid(rewards(WORLD, 2), []), "one list of values"),
        (lambda: Rewards.grid(rewards(WORLD, 8), range(9)), "43046721 rewards, at most 1000000"),
    ],
)
def test_broken_lists_are_refused(make: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        make()


def test_what_is_paid_on_arriving_is_paid_so_in_another_world() -> None:
    other = random_world(3, ends=1)
    goals = Rewards.goals(WORLD, states=[1, 5]) | Rewards.goals(WORLD, states=[3])
    there = (-goals).in_world(other)
    np.testing.assert_allclose(there.block(), -Rewards.goals(other, states=[1, 5, 3]).block())
    assert there.names == (-goals).names
    tables = Rewards.tables(rewards(WORLD, 2))
    assert tables.in_world(other) is tables
    mixed = goals | tables
    assert mixed.arrival is None
    np.testing.assert_array_equal(mixed.in_world(other).block(), mixed.block())
    with pytest.raises(ConfigError, match="the world has"):
        goals.in_world(random_world(states=3))
    with pytest.raises(ConfigError, match="arrival must be"):
        Rewards(
            features=goals.features, weights=goals.weights, feature_names=goals.feature_names,
            arrival=np.eye(2),
        )  # fmt: skip


def test_a_grid_too_large_for_64_bits_is_refused_before_it_is_listed() -> None:
    with pytest.raises(ConfigError, match=f"{3**41} rewards"):
        Rewards.grid(np.zeros((41, 2, 2)), [-1, 0, 1])
