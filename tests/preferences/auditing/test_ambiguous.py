"""Exact intervals: they hold every reward that fits, whatever the list says."""

from __future__ import annotations

import numpy as np
import pytest

from precocial.preferences import (
    Negated,
    Rewards,
    TabularMDP,
    boltzmann,
    epsilon_greedy,
    goals_and_dangers,
    greedy,
    hyperbolic,
    look_ahead,
    miscalibrated,
    myopic,
    nth_best,
    optimal,
    optimist,
    satisficing,
    simulate,
    soft_optimal,
)
from precocial.preferences.auditing.ambiguous import expert_of
from precocial.preferences.auditing.audit import audit
from precocial.preferences.auditing.likely import arrivals, likely_moves, likely_pairs
from precocial.preferences.auditing.record import Ambiguous
from precocial.preferences.identify.starc import shaping
from precocial.preferences.planners import Plans, Rule
from tests.preferences.small_worlds import random_world, rewards

NOISY = Rule(kind="boltzmann", parameter=4.0)
KNOWN: tuple[Plans, ...] = (
    boltzmann(4.0), soft_optimal(4.0), epsilon_greedy(0.2), miscalibrated(3.0, rule=NOISY),
    myopic(1, rule=NOISY), optimal(), greedy(),
)  # fmt: skip


def world() -> TabularMDP:
    return random_world(5, states=5, actions=3, ends=1, spread=0.4)


def of(
    planner: Plans, R: np.ndarray, listed: Rewards, *, planners: tuple[Plans, ...] = (),
    episodes: int = 400,
) -> tuple[Ambiguous, np.ndarray]:  # fmt: skip
    """What is ambiguous about one planner's behaviour, and (S, S, A) what is asked."""
    policy = planner.policies(world(), R[None])[0]
    demos = simulate(world(), policy, episodes=episodes, steps=10, seed=3)
    found = audit(world(), demos, planners=planners or (planner,), rewards=listed)
    into = arrivals(world(), likely_moves(world(), demos, likely_pairs(found.posterior)))
    anchor = int(found.record.anchor)
    return found.record.ambiguous, into - into[anchor]


def ends(found: Ambiguous, over: str) -> dict[int, tuple[float, float]]:
    return {int(row.state): (row.low, row.high) for row in found.rows if row.over == over}


@pytest.mark.parametrize("planner", KNOWN, ids=lambda planner: planner.name)
@pytest.mark.parametrize("turned", [False, True])
def test_the_true_reward_lies_inside(planner: Plans, turned: bool) -> None:
    R = rewards(world(), 1, seed=2)[0]
    R[world().terminal] = 0
    listed = Rewards.tables(np.stack([R, 0.9 * R]), ["true", "smaller"])
    person: Plans = Negated(planner=planner) if turned else planner
    found, asked = of(person, R, listed)
    assert found.status == "exact"
    assert (found.planner, found.both_signs) == (person.name, False)
    assert found.bound >= np.abs(R).max()
    for over in ("every reward", "every weighting"):
        for state, (low, high) in ends(found, over).items():
            truth = float((asked[state] * R).sum())
            assert low - 1e-6 <= truth <= high + 1e-6


def test_a_reward_that_looks_alike_lies_inside_too_and_so_nothing_is_claimed() -> None:
    """The null space moves R(s, a) by v - gamma E v: what it turns round is not settled."""
    R = 0.3 * rewards(world(), 1, seed=2)[0]
    R[world().terminal] = 0
    alike = R + _shaped(3.0 * rewards(world(), 1, seed=9)[0, :, 0])
    found, asked = of(boltzmann(4.0), R, Rewards.tables(np.stack([R, alike]), ["R", "alike"]))
    assert found.bound >= np.abs(alike).max()
    exact = [row for row in found.rows if row.over == "every reward"]
    moved = 0
    for row in exact:
        here = float((asked[int(row.state)] * R).sum())
        for v in rewards(world(), 20, seed=1)[:, :, 0]:
            other = R + _shaped(v) * 0.9 * (found.bound - 0.3) / np.abs(_shaped(v)).max()
            there = float((asked[int(row.state)] * other).sum())
            assert row.low - 1e-6 <= there <= row.high + 1e-6
            moved += here * there < 0
            assert not (row.settles and here * there < 0)
    assert moved > 20


def _shaped(v: np.ndarray) -> np.ndarray:
    """v(s) - gamma E v(s'), which no behaviour of this world shows."""
    change = shaping(world()) @ np.where(world().terminal, 0.0, v)
    return np.where(world().terminal[:, None], 0.0, change)


def test_what_only_the_list_settles_is_said_to_be_the_lists_word() -> None:
    goals = goals_and_dangers(world())
    R = goals.block(2, 3)[0]
    listed = Rewards.tables(np.stack([R, 0.5 * R]), ["goal", "half"])
    found, _ = of(boltzmann(4.0), R, listed, episodes=3)
    by_list = [row for row in found.rows if row.over == "the list"]
    assert any(row.settles for row in by_list)
    narrow = {row.state: row.high - row.low for row in by_list}
    for row in found.rows:
        if row.over == "every reward":
            assert row.high - row.low > narrow[row.state]
    done = found.settled
    assert done.behaviour + done.features + done.by_list <= done.states == len(by_list)
    assert done.by_list > 0 == done.behaviour


def test_while_the_sign_is_open_no_order_is_settled() -> None:
    R = goals_and_dangers(world()).block(2, 3)[0]
    both = (boltzmann(4.0), Negated(planner=boltzmann(4.0)))
    found, _ = of(boltzmann(4.0), R, goals_and_dangers(world()), planners=both)
    assert found.both_signs
    assert found.probability == pytest.approx(1.0)
    assert found.settled.behaviour == found.settled.features == 0
    for row in found.rows:
        assert row.over == "the list" or row.low == pytest.approx(-row.high, abs=1e-9)


@pytest.mark.parametrize(
    "planner",
    [
        myopic(3, rule=NOISY), look_ahead(2, rule=NOISY), optimist(0.5, rule=NOISY), nth_best(2),
        hyperbolic(1.0, sophisticated=False, rule=NOISY), satisficing(0.9), boltzmann(0.0),
        look_ahead(1, rule=NOISY),
    ],
    ids=lambda planner: planner.name,
)  # fmt: skip
def test_planners_without_a_linear_form_are_not_forced_into_one(planner: Plans) -> None:
    counts = np.ones((5, 3))
    assert expert_of(planner, world(), counts) is None


def test_without_an_exact_tool_the_list_alone_is_shown() -> None:
    R = goals_and_dangers(world()).block(2, 3)[0]
    found, _ = of(myopic(3, rule=NOISY), R, goals_and_dangers(world()))
    assert (found.status, found.planner, found.free) == ("no exact tool", "", None)
    assert {row.over for row in found.rows} == {"the list"}


def test_a_planner_that_no_reward_in_the_box_explains_is_refuted() -> None:
    habit = np.full((5, 3), 0.05)
    habit[np.arange(5), np.arange(5) % 3] = 0.9
    demos = simulate(world(), habit, episodes=400, steps=10, seed=3)
    weak = goals_and_dangers(world())
    found = audit(world(), demos, planners=[boltzmann(0.1)], rewards=weak).record.ambiguous
    assert found.status == "refuted"
    assert "no reward with |R| at most" in found.why
    assert {row.over for row in found.rows} == {"the list"}


def test_free_directions_are_the_shapings_and_what_was_never_seen() -> None:
    R = goals_and_dangers(world()).block(2, 3)[0]
    found, _ = of(boltzmann(4.0), R, goals_and_dangers(world()))
    assert found.free is not None
    assert (found.free.rewards, found.free.unseen, found.free.numbers) == (4, 0, 12)
    assert found.free.weightings < found.free.features


class Contrary:
    """Does what its negation under another name does."""

    name = "contrary"

    def policies(self, mdp: TabularMDP, rewards: np.ndarray) -> np.ndarray:
        return boltzmann(4.0).policies(mdp, -rewards)


def test_nothing_is_settled_while_another_planner_is_likely() -> None:
    R = rewards(world(), 1, seed=2)[0]
    R[world().terminal] = 0
    listed = Rewards.tables(np.stack([R, -R]), ["true", "opposite"])
    sure, _ = of(boltzmann(4.0), R, listed)
    assert sure.settled.behaviour + sure.settled.features > 0
    open_, _ = of(boltzmann(4.0), R, listed, planners=(boltzmann(4.0), Contrary()))
    assert open_.planner == "boltzmann 4"
    assert open_.probability == pytest.approx(0.5)
    assert open_.settled.behaviour == open_.settled.features == 0


def test_a_planner_that_is_improbable_is_not_taken_as_known() -> None:
    R = rewards(world(), 1, seed=2)[0]
    R[world().terminal] = 0
    listed = Rewards.tables(np.stack([R, 0.9 * R]), ["true", "smaller"])
    person = hyperbolic(3.0, sophisticated=False, rule=NOISY)
    found, _ = of(person, R, listed, planners=(person, boltzmann(4.0)), episodes=2000)
    assert found.status == "no exact tool"
    assert found.settled.behaviour == found.settled.features == 0
