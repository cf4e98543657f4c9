"""Regret in closed form and by enumeration; who deploys what, and where the regret comes from."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from precocial.errors import ConfigError
from precocial.preferences import (
    Constant,
    Negated,
    Rewards,
    TabularMDP,
    boltzmann,
    infer,
    optimal,
    simulate,
)
from precocial.preferences.identify.regret import (
    expected_regret,
    mean_reward_policy,
    minimax_policy,
    optimal_policies,
    regret,
    regret_parts,
    support,
)

Floats = NDArray[np.float64]


def world(seed: int, S: int = 3, A: int = 2, ends: bool = False) -> TabularMDP:
    rng = np.random.default_rng(seed)
    P = rng.dirichlet(np.full(S, 0.5), size=(S, A))
    terminal = np.zeros(S, dtype=bool)
    terminal[-1] = ends
    start = rng.dirichlet(np.ones(S))
    return TabularMDP.from_arrays(P, discount=0.8, start=start, terminal=terminal)


def bandit(A: int = 2) -> TabularMDP:
    return TabularMDP.from_arrays(np.ones((1, A, 1)), discount=0.0)


def everyone(mdp: TabularMDP) -> Floats:
    choices = itertools.product(range(mdp.n_actions), repeat=mdp.n_states)
    return np.eye(mdp.n_actions)[list(choices)]


@given(st.integers(0, 200), st.booleans())
@settings(max_examples=40)
def test_regret_is_what_enumeration_says(seed: int, ends: bool) -> None:
    mdp, rng = world(seed, ends=ends), np.random.default_rng(seed)
    R = rng.normal(size=(4, 3, 2))
    pi = rng.dirichlet(np.ones(2), size=(5, 3))
    best = np.array([mdp.policy_return(everyone(mdp), r).max() for r in R])
    own = np.array([mdp.policy_return(pi, r) for r in R]).T
    np.testing.assert_allclose(regret(mdp, pi, R), best - own, atol=1e-10)
    _, found = optimal_policies(mdp, R)
    np.testing.assert_allclose(found, best, atol=1e-12)
    worst = np.array([mdp.policy_return(everyone(mdp), r).min() for r in R])
    np.testing.assert_allclose(
        regret(mdp, pi, R) + regret(mdp, pi, -R), np.broadcast_to(best - worst, (5, 4)), atol=1e-10
    )


def test_a_world_without_a_discount() -> None:
    mdp = world(12).with_horizon(3).with_discount(1.0)
    R = np.random.default_rng(12).normal(size=(12, 2))
    # by hand: from the last step to the first
    V = np.zeros(12)
    for s in reversed(range(9)):
        V[s] = max(R[s, a] + mdp.dense[s, a] @ V for a in range(2))
    _, best = optimal_policies(mdp, R)
    assert best[0] == pytest.approx(V @ mdp.start)
    uniform = mdp.policy_return(mdp.uniform_policy(), R)
    assert regret(mdp, mdp.uniform_policy(), R) == pytest.approx(V @ mdp.start - uniform)


def test_one_and_many() -> None:
    mdp = bandit(3)
    R, pi = np.array([[1.0, 0, -1]]), np.array([[0.5, 0.5, 0]])
    assert regret(mdp, pi, R) == pytest.approx(0.5)
    assert regret(mdp, pi, R).shape == ()
    assert regret(mdp, pi[None], R).shape == (1,)
    assert regret(mdp, pi, R[None]).shape == (1,)
    assert regret(mdp, np.stack([pi, pi]), np.stack([R] * 3)).shape == (2, 3)


def test_the_mean_reward_policy_has_the_least_expected_regret() -> None:
    mdp, rng = world(1), np.random.default_rng(1)
    R, p = rng.normal(size=(5, 3, 2)), rng.dirichlet(np.ones(5))
    got = mean_reward_policy(mdp, R, p)
    each = [expected_regret(mdp, pi, R, p) for pi in everyone(mdp)]
    assert got.expected == pytest.approx(min(each))
    assert got.expected == pytest.approx(float(p @ got.regret))
    assert got.worst == pytest.approx(got.regret.max())
    assert expected_regret(mdp, got.policy, R, p) == pytest.approx(got.expected)


def test_minimax_mixes_where_mixing_helps() -> None:
    mdp = bandit(2)
    R = np.array([[[1.0, 0.0]], [[0.0, 1.0]]])
    got = minimax_policy(mdp, R)
    np.testing.assert_allclose(got.policy, [[0.5, 0.5]], atol=1e-9)
    assert got.worst == pytest.approx(0.5)
    assert np.isnan(got.expected)
    assert minimax_policy(mdp, R, [0.5, 0.5]).expected == pytest.approx(0.5)
    # a reward three times as large pulls the policy its way: 3 (1 - x) = x
    scaled = R * np.array([3.0, 1.0])[:, None, None]
    np.testing.assert_allclose(minimax_policy(mdp, scaled).policy, [[0.75, 0.25]], atol=1e-9)


@given(st.integers(0, 100), st.booleans())
@settings(max_examples=40)
def test_nothing_has_a_smaller_worst_regret_than_minimax(seed: int, ends: bool) -> None:
    mdp, rng = world(seed, ends=ends), np.random.default_rng(seed)
    R = rng.normal(size=(4, 3, 2))
    got = minimax_policy(mdp, R)
    others = np.concatenate([everyone(mdp), rng.dirichlet(np.ones(2), size=(50, 3))])
    assert got.worst <= regret(mdp, others, R).max(axis=1).min() + 1e-8
    near = 0.95 * got.policy + 0.05 * others
    assert got.worst <= regret(mdp, near, R).max(axis=1).min() + 1e-8


def test_the_support_of_a_posterior_drops_what_has_no_weight() -> None:
    mdp = bandit(2)
    rewards = Rewards.tables(np.array([[[1.0, 0.0]], [[0.0, 1.0]], [[0.5, 0.5]]]))
    post = infer(mdp, None, [optimal()], rewards, prior=[[0.6, 0.4, 0.0]])
    tables, p = support(post)
    np.testing.assert_allclose(p, [0.6, 0.4])
    np.testing.assert_allclose(tables[1], [[0.0, 1.0]])


def parts(*planners: object) -> tuple[float, float, float, float]:
    """Two opposite tastes in a bandit, nothing seen."""
    rewards = Rewards.tables(np.array([[[1.0, 0.0]], [[0.0, 1.0]]]))
    got = regret_parts(infer(bandit(2), None, list(planners), rewards))  # type: ignore[arg-type]
    assert got.total == pytest.approx(got.sampling + got.planner + got.reward)
    return got.total, got.sampling, got.planner, got.reward


def test_regret_is_split_by_what_would_take_it_away() -> None:
    anti = Negated(planner=optimal())
    fixed = Constant(policy=np.array([[1.0, 0.0]]))
    assert parts(optimal()) == pytest.approx((0.5, 0.5, 0, 0))
    # each behaviour fits one taste of a rational and the other of an anti-rational agent
    assert parts(optimal(), anti) == pytest.approx((0.5, 0, 0.5, 0))
    # who does the same whatever the taste never shows it
    assert parts(fixed) == pytest.approx((0.5, 0, 0, 0.5))
    # half the time no datum helps; an agent who is seen to take 0 is the fixed one twice as often
    total, sampling, planner, reward = parts(optimal(), fixed)
    assert reward == pytest.approx(0.25)
    assert sampling + planner == pytest.approx(0.25)
    assert total == pytest.approx(0.5)
    # seen 1 (1/4): sure. seen 0 (3/4): taste 0 with 2/3, so 1/2 of all. 1/4 + 1/2 - 1/2
    assert sampling == pytest.approx(0.25)


def test_behaviour_counts_where_it_comes() -> None:
    # From state 0 all paths stay in 0: what would be done in 1 is never seen.
    P = np.zeros((2, 2, 2))
    P[0, :, 0] = P[1, :, 1] = 1
    mdp = TabularMDP.from_arrays(P, discount=0.5, start=[1.0, 0.0])
    R = np.zeros((2, 2, 2))
    R[0, 1], R[1, 1] = [1, 0], [0, 1]
    R[:, 0] = [1, 0]
    got = regret_parts(infer(mdp, None, [optimal()], Rewards.tables(R)))
    assert got.groups == 1
    assert got.total == pytest.approx(0)


def test_the_split_of_a_real_posterior() -> None:
    mdp, rng = world(3, S=4), np.random.default_rng(3)
    R = rng.uniform(-1, 1, size=(40, 4, 2))
    demos = simulate(mdp, boltzmann(5.0).policies(mdp, R[:1])[0], episodes=5, steps=4, seed=1)
    planners = [
        boltzmann(5.0),
        Negated(planner=boltzmann(5.0)),
        Constant(policy=np.full((4, 2), 0.5)),
    ]
    post = infer(mdp, demos, planners, Rewards.tables(np.concatenate([R, -R])))
    got = regret_parts(post)
    tables, p = support(post)
    assert got.total == pytest.approx(expected_regret(mdp, got.policy, tables, p), abs=1e-7)
    assert got.total == pytest.approx(got.sampling + got.planner + got.reward, abs=1e-9)
    assert min(got.sampling, got.planner, got.reward) >= 0
    # (p, R) and (-p, -R) do the same; the constant planner is one behaviour for all rewards
    assert regret_parts(infer(mdp, None, planners, post.rewards)).groups == 80 + 1
    assert got.planner > 0.01
    more = infer(
        mdp, simulate(mdp, boltzmann(5.0).policies(mdp, R[:1])[0], episodes=3000, steps=4, seed=2),
        planners, Rewards.tables(np.concatenate([R, -R])),
    )  # fmt: skip
    assert regret_parts(more).sampling < 1e-6


def test_mistakes_are_named() -> None:
    mdp = world(4)
    with pytest.raises(ConfigError, match="must be finite"):
        regret(mdp, np.ones((2, 2)), np.ones((3, 2)))
    with pytest.raises(ConfigError, match="a policy must be finite"):
        expected_regret(mdp, np.ones((2, 2)), np.ones((1, 3, 2)), [1.0])
    with pytest.raises(ConfigError, match="probability must be"):
        mean_reward_policy(mdp, np.ones((2, 3, 2)), [0.5, 0.6])
