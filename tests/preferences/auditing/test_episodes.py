"""Bits of whole demonstrations against sums over every episode; second worlds."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import xlogy

from precocial.preferences import (
    Rewards,
    TabularMDP,
    boltzmann,
    goals_and_dangers,
    infer,
    myopic,
    simulate,
)
from precocial.preferences.auditing.deciding import COSTS, information_bits, what_would_decide
from precocial.preferences.auditing.episodes import (
    directions_left,
    episode_bits,
    forced_start,
    second_episode,
    second_worlds,
    usual_episode,
    usual_length,
)
from precocial.preferences.auditing.likely import LikelyPairs, likely_pairs
from precocial.preferences.planners import Rule
from precocial.preferences.posterior import Posterior
from tests.preferences.small_worlds import random_world, rewards

BOTH = (boltzmann(4.0), myopic(1, rule=Rule(kind="boltzmann", parameter=4.0)))


def world() -> TabularMDP:
    plain = random_world(5, states=4, actions=2, ends=1, spread=0.4)
    return replace(plain, start=np.array([1.0, 0.0, 0.0, 0.0]))


def policies(count: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet([0.4, 0.4], (count, 4))


def enumerated(
    mdp: TabularMDP, pi: np.ndarray, weight: np.ndarray, start: int, steps: int
) -> float:
    """I(pair; episode) by summing over every episode of the world."""
    total = np.zeros(len(pi))
    mixed = 0.0
    for path in itertools.product(range(mdp.n_actions), range(mdp.n_states), repeat=steps):
        state, chance, did = start, 1.0, np.ones(len(pi))
        for action, after in zip(path[::2], path[1::2], strict=True):
            if mdp.terminal[state]:  # nothing is done there: count such episodes once
                chance *= float(action == after == 0)
                continue
            did = did * pi[:, state, action]
            chance *= mdp.dense[state, action, after]
            state = after
        total += -chance * xlogy(did, did)
        mean = float(weight @ did)
        mixed += -chance * float(xlogy(mean, mean))
    return (mixed - float(weight @ total)) / float(np.log(2))


@pytest.mark.parametrize("start", [0, 1, 2])
def test_bits_are_the_sum_over_every_episode(start: int) -> None:
    weight = np.array([0.5, 0.3, 0.2])
    bits, error = episode_bits(
        world(), policies(), weight, np.eye(4)[[start]], steps=3, episodes=4000,
        rng=np.random.default_rng(1),
    )  # fmt: skip
    exact = enumerated(world(), policies(), weight, start, 3)
    assert 0 < error[0] < 0.02
    assert bits[0] == pytest.approx(exact, abs=5 * error[0])
    entropy = -xlogy(weight, weight).sum() / np.log(2)
    assert 0 < bits[0] < entropy


def test_one_step_is_the_information_of_the_action() -> None:
    weight = np.array([0.5, 0.3, 0.2])
    bits, error = episode_bits(
        world(), policies(), weight, np.eye(4), steps=1, episodes=7, rng=np.random.default_rng(0)
    )
    expected = np.where(world().terminal, 0.0, information_bits(policies(), weight))
    np.testing.assert_allclose(bits, expected, atol=1e-12)
    np.testing.assert_allclose(error, 0, atol=1e-9)


def test_pairs_that_act_alike_tell_nothing_and_never_is_no_trouble() -> None:
    same = np.repeat(policies(1), 3, axis=0)
    sure = np.zeros((2, 4, 2))
    sure[0, :, 0] = sure[1, :, 1] = 1
    rng = np.random.default_rng(0)
    for pi, weight, told in ((same, np.full(3, 1 / 3), 0.0), (sure, np.full(2, 0.5), 1.0)):
        bits, _ = episode_bits(world(), pi, weight, np.eye(4)[:1], steps=5, episodes=9, rng=rng)
        assert bits[0] == pytest.approx(told, abs=1e-9)


def posterior() -> tuple[Posterior, LikelyPairs]:
    R = goals_and_dangers(world()).block(1, 2)
    demos = simulate(world(), boltzmann(4.0).policies(world(), R)[0], episodes=4, steps=3, seed=2)
    found = infer(world(), demos, BOTH, goals_and_dangers(world()))
    return found, likely_pairs(found)


def test_a_forced_start_tells_at_least_what_the_usual_one_does() -> None:
    _, pairs = posterior()
    one_step = information_bits(pairs.policies, pairs.weight)
    state, forced = forced_start(world(), pairs, 4, one_step, seed=0)
    usual = usual_episode(world(), pairs, 4, seed=0)
    assert not world().terminal[state]
    assert forced.bits > usual.bits - 3 * (forced.standard_error + usual.standard_error)
    each = [enumerated(world(), pairs.policies, pairs.weight, s, 2) for s in range(3)]
    assert int(np.argmax(each)) == forced_start(world(), pairs, 2, one_step, seed=0)[0]


def test_second_worlds_plan_anew_and_pay_on_arriving() -> None:
    found, pairs = posterior()
    here = {one.what: one for one in second_worlds(world(), found, pairs, 0.45)}
    assert list(here) == [
        "with discount 0.45", "where the likeliest state, if one is, always follows",
        "where 50 % of actions fail and any other happens",
    ]  # fmt: skip
    discount, surer, fails = here.values()
    assert discount.mdp.discount == 0.45
    assert set(np.unique(surer.mdp.probability[~world().terminal])) == {0.0, 1.0}
    even = world().dense.mean(axis=1)[:, None]
    np.testing.assert_allclose(fails.mdp.dense, (world().dense + even) / 2)
    for one in here.values():
        rewards_there = goals_and_dangers(one.mdp)
        for at in (0, len(pairs.weight) - 1):
            planner, reward = found.planners[pairs.planner[at]], int(pairs.reward[at])
            there = planner.policies(one.mdp, rewards_there.block(reward, reward + 1))[0]
            np.testing.assert_allclose(one.policies[at], there, atol=1e-9)
        told = second_episode(one, pairs, 4, seed=0)
        assert 0 <= told.bits <= 20


def test_directions_left_are_told_only_where_the_reward_is_the_same() -> None:
    found, pairs = posterior()
    discount, surer, fails = second_worlds(world(), found, pairs, 0.45)
    assert directions_left(world(), discount) == 0  # the terminal state, worth 0, pins the constant
    assert directions_left(world(), surer) is None
    assert directions_left(world(), fails) is None
    tables = replace(found, rewards=Rewards.tables(rewards(world(), len(found.rewards))))
    for one in second_worlds(world(), tables, pairs, 0.45):
        assert directions_left(world(), one) == 0
    endless = random_world(5, states=4, actions=2, ends=0, spread=0.4)
    other = replace(discount, mdp=endless.with_discount(0.3))
    assert directions_left(endless, other) == 1
    assert directions_left(endless, replace(discount, mdp=endless)) == 4


def test_a_world_without_slip_is_not_offered_where_there_is_none_or_ties_would_choose() -> None:
    found, pairs = posterior()
    sure = TabularMDP.from_arrays(
        np.eye(4)[np.array([[1, 2], [2, 0], [0, 1], [3, 3]])], discount=0.9
    )
    tied = TabularMDP.from_arrays(np.full((4, 2, 4), 0.25), discount=0.9)
    for mdp in (sure, tied):
        assert not any("likeliest" in w.what for w in second_worlds(mdp, found, pairs, 0.45))


def test_all_kinds_are_ranked_by_bits_per_cost() -> None:
    found, pairs = posterior()
    assert found.demos is not None
    assert usual_length(found.demos) == round(len(found.demos) / 4) > 1
    rows = what_would_decide(world(), found.demos, found, pairs, [], COSTS, seed=1)
    worth = [row.bits / row.cost for row in rows]
    assert worth == sorted(worth, reverse=True)
    kinds = [row.kind for row in rows]
    assert kinds.count("demonstration") == 2
    assert kinds.count("second world") == 3
    assert {row.cost for row in rows if row.kind == "second world"} == {COSTS["second world"]}
    again = what_would_decide(world(), found.demos, found, pairs, [], COSTS, seed=1)
    assert rows == again
    dear = {**COSTS, "forced start": 1e9}
    last = what_would_decide(world(), found.demos, found, pairs, [], dear, seed=1)[-1]
    assert "forced to start" in last.what
