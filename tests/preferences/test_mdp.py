"""Worlds: what they compute is what enumerating and simulating give, and bad ones are refused."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from precocial.errors import ConfigError
from precocial.preferences import TabularMDP, optimal, simulate
from tests.preferences.small_worlds import random_world, rewards


@pytest.mark.parametrize("ends", [0, 2])
def test_values_are_the_sum_of_discounted_rewards_along_the_chain(ends: int) -> None:
    world, R = random_world(ends=ends), rewards(random_world(), 1)[0]
    pi = np.random.default_rng(3).dirichlet(np.ones(3), 6)
    live = ~world.terminal
    flow = np.einsum("sa,sat->st", pi, world.dense) * live[:, None]
    paid, total = (pi * R).sum(axis=1) * live, np.zeros(6)
    for step in range(400):
        total += 0.9**step * np.linalg.matrix_power(flow, step) @ paid
    np.testing.assert_allclose(world.policy_values(pi, R), total, atol=1e-10)
    assert world.policy_return(pi, R) == pytest.approx(world.start @ total)


def test_a_return_is_occupancy_times_reward() -> None:
    world = random_world(ends=1)
    R, pi = rewards(world, 5), np.random.default_rng(3).dirichlet(np.ones(3), (5, 6))
    d = world.occupancy(pi)
    np.testing.assert_allclose((d * R).sum(axis=(1, 2)), world.policy_return(pi, R), atol=1e-12)
    assert (d[:, world.terminal] == 0).all()
    endless = random_world()
    np.testing.assert_allclose(endless.occupancy(pi).sum(axis=(1, 2)), 10.0)


def test_dense_and_sparse_say_the_same() -> None:
    world, V = random_world(ends=1), np.random.default_rng(4).normal(size=(2, 6))
    alive = np.where(world.terminal, 0, V)
    np.testing.assert_allclose(
        world.expected(V), np.einsum("sat,ht->hsa", world.dense, alive), atol=1e-12
    )


def test_a_horizon_is_backward_induction() -> None:
    world, R, steps = random_world(), rewards(random_world(), 1)[0], 5
    cut = world.with_discount(1 - 1e-9).with_horizon(steps)
    assert cut.longest_episode == steps
    cut = cut.with_discount(1.0)
    V = np.zeros(6)
    pi = optimal().policies(cut, world.unrolled(R, steps)[None])[0].reshape(steps + 1, 6, 3)
    for t in reversed(range(steps)):
        Q = R + np.einsum("sat,t->sa", world.dense, V)
        assert (pi[t].argmax(axis=1) == Q.argmax(axis=1)).all()
        V = Q.max(axis=1)


def test_arriving_pays_what_the_successors_are_worth() -> None:
    world, r = random_world(ends=2), np.arange(6.0)
    R = world.on_arrival(r)
    assert (R[world.terminal] == 0).all()
    np.testing.assert_allclose(R[:4], (world.dense @ r)[:4])


def test_simulated_visits_are_the_occupancy() -> None:
    world = random_world(ends=1, discount=0.5)
    pi = np.random.default_rng(5).dirichlet(np.ones(3), 6)
    demos = simulate(world, pi, episodes=20_000, steps=30, seed=7).check(world)
    first = np.r_[True, demos.episode[1:] != demos.episode[:-1]]
    begin = np.flatnonzero(first)
    step = np.arange(len(demos)) - np.repeat(begin, np.diff(np.r_[begin, len(demos)]))
    seen = np.zeros((6, 3))
    np.add.at(seen, (demos.state, demos.action), 0.5**step)
    # a state's discounted visits have a standard deviation below 2: 6 standard errors
    np.testing.assert_allclose(seen / 20_000, world.occupancy(pi), atol=6 * 2 / np.sqrt(20_000))
    started_dead = world.start[world.terminal].sum()
    assert len(demos.episodes) == pytest.approx(20_000 * (1 - started_dead), rel=0.02)


def test_every_deterministic_policy_of_a_tiny_world_is_no_better_than_the_optimal_one() -> None:
    world = random_world(2, states=3, actions=2)
    R = rewards(world, 1)[0]
    best = max(
        float(world.policy_return(np.eye(2)[list(actions)], R))
        for actions in itertools.product(range(2), repeat=3)
    )
    assert world.policy_return(optimal().policies(world, R[None])[0], R) == pytest.approx(best)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"discount": 1.5}, r"discount must lie in \[0, 1\]; got 1.5"),
        ({"discount": 1.0}, "circles"),
        ({"transitions": np.ones((2, 2, 3))}, r"\(S, A, S\); got shape \(2, 2, 3\)"),
        ({"transitions": np.full((2, 2, 2), 0.4)}, r"sum to 1; at \(0, 0\) it sums to 0.8"),
        ({"transitions": np.full((2, 2, 2), np.nan)}, "finite and not negative"),
        ({"start": [0.5, 0.2]}, "start must sum to 1"),
        ({"start": [1.0]}, r"start must have shape \(2,\)"),
        ({"states": ("a", "a")}, "2 different names"),
        ({"terminal": [True]}, "terminal must have shape"),
    ],
)
def test_a_broken_world_is_refused(changes: dict, said: str) -> None:
    plain = {"transitions": np.full((2, 2, 2), 0.5), "discount": 0.9}
    with pytest.raises(ConfigError, match=said):
        TabularMDP.from_arrays(**(plain | changes))


def test_discount_1_is_allowed_where_every_path_ends() -> None:
    P = np.zeros((3, 1, 3))
    P[0, 0, 1] = P[1, 0, 2] = P[2, 0, 2] = 1
    world = TabularMDP.from_arrays(P, discount=1.0, terminal=[False, False, True])
    assert world.longest_episode == 2
    np.testing.assert_allclose(world.policy_values(np.ones((3, 1)), np.ones((3, 1))), [2, 1, 0])


def test_a_horizon_below_one_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least 1; got 0"):
        random_world().with_horizon(0)


@pytest.mark.parametrize(
    "rows", [[[1.5, -0.5]] * 2, [[0.5, 0.4]] * 2, [[np.nan, 1.0]] * 2, [[1.0, 0.0]]]
)
def test_a_policy_must_be_a_distribution(rows: list[list[float]]) -> None:
    mdp = TabularMDP.from_arrays(np.full((2, 2, 2), 0.5), discount=0.5)
    for use in (mdp.policy_return, mdp.policy_values):
        with pytest.raises(ConfigError, match="a policy must"):
            use(rows, np.zeros((2, 2)))
    with pytest.raises(ConfigError, match="a policy must"):
        mdp.occupancy(rows)
