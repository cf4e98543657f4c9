"""The theorems by enumeration; and that each check catches a planted fault."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from precocial.errors import ConfigError
from precocial.preferences import (
    Negated,
    Planner,
    TabularMDP,
    constructed_values,
    greedy,
    nth_best,
    optimal,
)
from precocial.preferences.occam import theorems
from precocial.preferences.occam.theorems import (
    box_rewards,
    check_half_bound,
    check_lemma_6,
    check_nth_best,
    check_proposition_8,
    check_theorem_1,
    deterministic_policies,
    random_world,
    worst_regret,
    worst_regret_by_vertices,
)


def test_theorem_1_over_every_policy_and_reward() -> None:
    first, second = check_theorem_1()
    # Sum over S = 1, 2, 3 and A = 1, 2 of A^S 3^(S A).
    assert first.cases == sum(A**S * 3 ** (S * A) for S in (1, 2, 3) for A in (1, 2)) == 6213
    assert first.holds
    assert second.holds
    assert second.cases == 9 * sum(3 ** (S * A) for S in (1, 2, 3) for A in (1, 2)) == 7722


def test_lemma_6_over_every_policy() -> None:
    found = check_lemma_6()
    shapes = [(S, A) for S in range(1, 9) for A in range(1, 9) if S * A <= 8]
    assert found.cases == 3 * sum(A**S for S, A in shapes) == 288
    assert found.holds


def test_proposition_8_over_every_policy() -> None:
    found = check_proposition_8(shapes=((1, 8), (2, 3), (3, 2), (4, 1), (2, 4)))
    assert found.holds
    assert found.cases > 500


def test_every_behaviour_is_the_nth_best_for_every_n() -> None:
    found = check_nth_best()
    shapes = [(S, A) for S in range(1, 9) for A in range(1, 9) if S * A <= 8]
    # By the planner, by value iteration, inside the box; with and without a terminal state.
    assert found.cases == 3 * sum((1 + (S > 1)) * A * A**S for S, A in shapes)
    assert found.holds


def test_the_checks_catch_planted_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    # A greedy planner with a wrong sign, and an n-th best that is one off.
    monkeypatch.setattr(theorems, "greedy", lambda: Negated(planner=greedy()))
    assert check_lemma_6(shapes=((2, 2),)).failures > 0
    assert check_proposition_8(shapes=((2, 2),)).failures > 0
    monkeypatch.setattr(theorems, "nth_best", lambda n: nth_best(max(1, n - 1)))
    found = check_nth_best(shapes=((2, 3),))
    assert not found.holds
    assert found.example.startswith("S=2 A=3 n=")


def uniform(planner: Planner, mdp: TabularMDP, rewards: np.ndarray) -> np.ndarray:
    return np.full_like(rewards, 1 / rewards.shape[-1])


def minimising(planner: Planner, mdp: TabularMDP, rewards: np.ndarray) -> np.ndarray:
    return PLANS(planner, mdp, -rewards)


PLANS = Planner.policies


@pytest.mark.parametrize("plans", [uniform, minimising])
def test_planners_that_do_not_plan_are_seen(plans: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Planner, "policies", plans)
    assert check_theorem_1(shapes=((2, 2),))[1].failures > 0
    assert check_nth_best(shapes=((2, 3),)).failures > 0


def test_values_constructed_without_the_future_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        theorems, "constructed_values",
        lambda mdp, actions, n: constructed_values(mdp.with_discount(0.0), actions, n),
    )  # fmt: skip
    found = check_nth_best(shapes=((3, 2),))
    assert found.failures > 0
    assert "terminal" in found.example


OCCUPANCY = TabularMDP.occupancy


def half(mdp: TabularMDP, pi: np.ndarray) -> np.ndarray:
    return OCCUPANCY(mdp.with_discount(0.5 * mdp.discount), pi)


def turned(mdp: TabularMDP, pi: np.ndarray) -> np.ndarray:
    return OCCUPANCY(mdp, pi)[..., ::-1]


def motionless(mdp: TabularMDP, pi: np.ndarray) -> np.ndarray:
    return pi / mdp.n_states / (1 - mdp.discount)


@pytest.mark.parametrize("wrong", [half, turned, motionless])
def test_wrong_occupancies_are_seen(wrong: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TabularMDP, "occupancy", wrong)
    found = check_half_bound(worlds=8)
    assert not found.vertices.holds
    if wrong is half:
        assert not found.deterministic.holds
        assert not found.bandit.holds
    if wrong is motionless:  # all visit alike: no regret over no regret is no number
        assert not found.bound.holds
        assert np.isnan(found.state_only)


def test_the_half_bound_on_a_thousand_worlds() -> None:
    found = check_half_bound()
    assert found.bound.holds
    assert found.bound.cases > 100_000
    assert found.deterministic.holds
    assert found.deterministic.worst < 1e-9
    assert found.bandit.holds
    assert found.bandit.worst < 1e-9
    assert found.vertices.holds
    assert found.vertices.cases > 50
    assert 0.5 <= found.state_only < 0.51
    # Halfway between the two policies that are farthest apart, the bound is attained.
    assert found.state_only_mixed == pytest.approx(0.5, abs=1e-9)
    assert found.bound.worst == pytest.approx(0.5, abs=1e-9)


def test_a_bound_above_one_half_is_seen_to_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(theorems, "EXACT", -0.01)
    found = check_half_bound(worlds=40)
    assert found.bound.failures > 0
    assert not found.bound.holds


@pytest.mark.parametrize("shape", [(1, 3), (2, 2), (3, 2), (2, 3)])
def test_worst_regret_is_the_maximum_over_the_vertices(shape: tuple[int, int]) -> None:
    mdp = random_world(*shape, seed=4)
    rng = np.random.default_rng(0)
    pi = np.concatenate(
        [deterministic_policies(*shape), rng.dirichlet(np.ones(shape[1]), (20, shape[0]))]
    )
    found = worst_regret(mdp, pi)
    np.testing.assert_allclose(found, worst_regret_by_vertices(mdp, pi), rtol=1e-12)
    # A deterministic policy can be wholly wrong: it visits what another never does.
    np.testing.assert_allclose(found[: shape[1] ** shape[0]], 2 / (1 - mdp.discount))
    # No reward inside the box is worse; regret by planning, not by occupancies.
    R = rng.uniform(-1, 1, (50, *shape))
    best = mdp.policy_return(optimal().policies(mdp, R), R)
    for one, most in zip(pi, found, strict=True):
        own = mdp.policy_return(np.broadcast_to(one, R.shape), R)
        assert (best - own <= most + 1e-6).all()


def test_worst_regret_of_state_rewards_by_vertices() -> None:
    mdp = random_world(3, 2, seed=5)
    pi = deterministic_policies(3, 2)
    R = np.repeat(box_rewards(3, 1, (-1, 1)), 2, axis=2)
    best = mdp.policy_return(optimal().policies(mdp, R), R)
    own = np.array([mdp.policy_return(np.broadcast_to(one, R.shape), R) for one in pi])
    np.testing.assert_allclose(
        worst_regret(mdp, pi, rewards="state"), (best - own).max(axis=1), atol=1e-6
    )


def test_uniform_play_of_a_bandit() -> None:
    for arms in (2, 3, 7):
        bandit = TabularMDP.from_arrays(np.ones((1, arms, 1)), discount=0.5)
        assert worst_regret(bandit, bandit.uniform_policy()) == pytest.approx(
            2 * (1 - 1 / arms) / (1 - 0.5), abs=1e-12
        )


def test_a_check_that_tried_nothing_does_not_hold() -> None:
    assert not check_lemma_6(shapes=()).holds
    with pytest.raises(ConfigError, match="needs worlds"):
        check_half_bound(worlds=0)
    with pytest.raises(ConfigError, match="too many to enumerate"):
        deterministic_policies(13, 2)
    with pytest.raises(ConfigError, match="rewards"):
        worst_regret(random_world(2, 2), np.eye(2), rewards="any")


def test_worlds_are_the_same_for_a_seed() -> None:
    one, two = random_world(3, 2, seed=1, index=7), random_world(3, 2, seed=1, index=7)
    np.testing.assert_array_equal(one.probability, two.probability)
    assert random_world(3, 2, seed=1, index=8).discount != one.discount
