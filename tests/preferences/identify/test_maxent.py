"""The gradient of maximum causal entropy against finite differences and long-hand recursions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import logsumexp

from precocial.errors import ConfigError, FitError
from precocial.preferences import TabularMDP, simulate, soft_optimal
from precocial.preferences.identify import soft_kernels
from precocial.preferences.identify.maxent import (
    demonstrated_occupancy,
    fit_mce,
    likelihood_gradient,
    mce_gradient,
    timed_counts,
)
from precocial.preferences.identify.soft_plan import soft_plan

Floats = NDArray[np.float64]


def world(
    seed: int, S: int = 5, A: int = 3, discount: float = 0.9, ends: bool = False
) -> TabularMDP:
    rng = np.random.default_rng(seed)
    P = rng.dirichlet(np.full(S, 0.5), size=(S, A))
    terminal = np.zeros(S, dtype=bool)
    terminal[-1] = ends
    start = rng.dirichlet(np.ones(S))
    return TabularMDP.from_arrays(P, discount=discount, start=start, terminal=terminal)


def differences(f: Callable[[Floats], float], x: Floats, step: float = 1e-5) -> Floats:
    slope = np.zeros(x.size)
    for i in range(x.size):
        up, down = x.copy().ravel(), x.copy().ravel()
        up[i] += step
        down[i] -= step
        slope[i] = (f(up.reshape(x.shape)) - f(down.reshape(x.shape))) / (2 * step)
    return slope.reshape(x.shape)


def long_hand(mdp: TabularMDP, R: Floats, T: int, planner_discount: float) -> tuple[float, Floats]:
    """E V(s_0) and discounted visits over T steps, one line an equation."""
    P = np.where(mdp.terminal[:, None, None], 0.0, mdp.dense)
    live = ~mdp.terminal[:, None]
    V, policies = np.zeros(mdp.n_states), []
    for _ in range(T):
        Q = np.where(live, R + planner_discount * P @ V, 0.0)
        V = np.where(live[:, 0], logsumexp(Q, axis=1) - np.log(mdp.n_actions), 0.0)
        policies.append(np.exp(Q - logsumexp(Q, axis=1, keepdims=True)) * live)
    d, visits = mdp.start.copy(), np.zeros_like(R)
    for t, pi in enumerate(reversed(policies)):
        flow = d[:, None] * pi
        visits += mdp.discount**t * flow
        d = np.einsum("sa,sat->t", flow, P)
    return float(mdp.start @ V), visits


@pytest.mark.parametrize("horizon", [None, 1, 7])
@pytest.mark.parametrize("ends", [False, True])
@pytest.mark.parametrize("beta", [1.0, 2.5])
def test_the_matching_gradient_is_that_of_its_objective(
    horizon: int | None, ends: bool, beta: float
) -> None:
    mdp = world(1, ends=ends)
    rng = np.random.default_rng(2)
    R, d_E = rng.normal(size=(5, 3)), rng.random((5, 3))
    got = mce_gradient(mdp, R, d_E, horizon=horizon, beta=beta)
    found = differences(
        lambda x: float(mce_gradient(mdp, x, d_E, horizon=horizon, beta=beta).value[0]), R
    )
    np.testing.assert_allclose(got.gradient[0], found, atol=1e-6)


@pytest.mark.parametrize("horizon", [None, 6])
def test_the_likelihood_gradient_is_that_of_the_likelihood(horizon: int | None) -> None:
    mdp = world(3, ends=True)
    rng = np.random.default_rng(4)
    R = rng.normal(size=(5, 3))
    shape = (5, 3) if horizon is None else (6, 5, 3)
    n = rng.integers(0, 4, size=shape).astype(float)
    got = likelihood_gradient(mdp, R, n, horizon=horizon, beta=1.7)
    pi = soft_plan(mdp, R, horizon=horizon, beta=1.7).policies[0]
    live = ~mdp.terminal
    value = (n[..., live, :] * np.log(pi[..., live, :])).sum()
    assert got.value[0] == pytest.approx(value, abs=1e-10)
    found = differences(
        lambda x: float(likelihood_gradient(mdp, x, n, horizon=horizon, beta=1.7).value[0]), R
    )
    np.testing.assert_allclose(got.gradient[0], found, atol=1e-6)


def test_features_give_the_difference_of_feature_expectations() -> None:
    mdp = world(5)
    rng = np.random.default_rng(6)
    phi, w, d_E = rng.normal(size=(2, 5, 3)), rng.normal(size=(3, 2)), rng.random((5, 3))
    got = mce_gradient(mdp, w, d_E, features=phi, horizon=9)
    for b in range(3):
        _, visits = long_hand(mdp, np.tensordot(w[b], phi, axes=1), 9, mdp.discount)
        np.testing.assert_allclose(
            got.gradient[b], np.tensordot(phi, d_E - visits, axes=2), atol=1e-10
        )
    one = mce_gradient(mdp, w[1], d_E, features=phi, horizon=9)
    np.testing.assert_allclose(one.gradient[0], got.gradient[1], atol=1e-12)


def test_the_discount_left_out_of_the_planner_is_caught() -> None:
    # imitation 1.0.1: mce_occupancy_measures(reward=R, discount=g) plans with discount 1 and then
    # discounts the visits. Its d_E - d is not the gradient of the discounted objective.
    mdp = world(7, discount=0.8)
    rng = np.random.default_rng(8)
    R, d_E, T = 2 * rng.normal(size=(5, 3)), rng.random((5, 3)), 12
    ours = mce_gradient(mdp, R, d_E, horizon=T)
    exact = differences(lambda x: float((x * d_E).sum() - long_hand(mdp, x, T, 0.8)[0]), R)
    defect = d_E - long_hand(mdp, R, T, 1.0)[1]
    assert np.abs(ours.gradient[0] - exact).max() < 1e-6
    assert np.abs(defect - exact).max() > 1e-2
    assert ours.occupancy[0].sum() == pytest.approx((1 - 0.8**T) / 0.2, abs=1e-10)


@given(st.integers(0, 50), st.sampled_from([None, 1, 4]), st.booleans())
def test_a_batch_is_its_problems_one_by_one(seed: int, horizon: int | None, ends: bool) -> None:
    mdp = world(seed, S=4, A=2, ends=ends)
    R = np.random.default_rng(seed).normal(size=(19, 4, 2))  # more than one block of lanes
    d_E = np.random.default_rng(seed + 1).random((19, 4, 2))
    together = mce_gradient(mdp, R, d_E, horizon=horizon)
    for b in (0, 15, 16, 18):
        alone = mce_gradient(mdp, R[b], d_E[b], horizon=horizon)
        np.testing.assert_allclose(together.gradient[b], alone.gradient[0], atol=1e-8)
        np.testing.assert_allclose(together.value[b], alone.value[0], atol=1e-8)


def test_without_a_horizon_it_is_the_planner_of_the_house() -> None:
    mdp = world(9, ends=True)
    R = np.random.default_rng(10).normal(size=(2, 5, 3))
    plan = soft_plan(mdp, R, beta=3.0)
    live = ~mdp.terminal
    house = soft_optimal(3.0).policies(mdp, R)
    np.testing.assert_allclose(plan.policies[:, live], house[:, live], atol=1e-7)
    np.testing.assert_allclose(plan.occupancy, mdp.occupancy(plan.policies), atol=1e-9)
    assert plan.residual < 1e-9


def test_a_horizon_is_the_world_unrolled() -> None:
    mdp = world(23, ends=True)
    R = np.random.default_rng(24).normal(size=(5, 3))
    plan = soft_plan(mdp, R, horizon=4)
    unrolled = soft_plan(mdp.with_horizon(4), mdp.unrolled(R, 4))
    steps = unrolled.occupancy[0].reshape(5, 5, 3)
    np.testing.assert_allclose(steps.sum(axis=0), plan.occupancy[0], atol=1e-10)
    undiscounted = soft_plan(mdp.with_horizon(4).with_discount(1.0), mdp.unrolled(R, 4))
    once = 1 - mdp.start[-1]  # who does not start at the end acts at least once
    assert undiscounted.occupancy[0, :5].sum() == pytest.approx(once)


def test_a_horizon_is_the_recursion_written_out() -> None:
    mdp = world(11, ends=True)
    R = np.random.default_rng(12).normal(size=(5, 3))
    plan = soft_plan(mdp, R, horizon=8)
    value, visits = long_hand(mdp, R, 8, mdp.discount)
    assert mdp.start @ plan.values[0] == pytest.approx(value, abs=1e-12)
    np.testing.assert_allclose(plan.occupancy[0], visits, atol=1e-12)
    np.testing.assert_allclose(plan.policies[0, :, :4].sum(axis=2), 1, atol=1e-12)


def test_large_rewards_neither_overflow_nor_lose_the_best_action() -> None:
    R = 1e4 * np.random.default_rng(14).normal(size=(5, 3))
    plan = soft_plan(world(13), R, horizon=30)
    assert plan.occupancy.sum() == pytest.approx((1 - 0.9**30) / 0.1, rel=1e-10)
    assert plan.policies.max(axis=3).min() > 0.99


def test_demonstrations_are_counted_with_their_discount() -> None:
    mdp = world(15)
    demos = simulate(mdp, mdp.uniform_policy(), episodes=7, steps=5, seed=1)
    n = timed_counts(mdp, demos)
    assert n.shape == (5, 5, 3)
    assert (n.sum(axis=(1, 2)) == 7).all()
    assert n[0].sum(axis=1) == pytest.approx(
        np.bincount(demos.state[::5], minlength=5).astype(float)
    )
    assert demonstrated_occupancy(mdp, demos).sum() == pytest.approx((1 - 0.9**5) / 0.1)
    short = demonstrated_occupancy(mdp, demos, horizon=2)
    np.testing.assert_allclose(short, np.tensordot([1 / 7, 0.9 / 7], n[:2], axes=1))


@pytest.mark.parametrize("objective", ["likelihood", "matching"])
@pytest.mark.parametrize("horizon", [None, 40])
def test_a_planted_reward_is_fitted(objective: str, horizon: int | None) -> None:
    mdp = world(17, S=6, A=3, discount=0.8)
    phi = np.random.default_rng(18).normal(size=(3, 6, 3))
    w = np.array([1.0, -0.5, 0.8])
    plan = soft_plan(mdp, np.tensordot(w, phi, axes=1))
    demos = simulate(mdp, plan.policies[0], episodes=1500, steps=40, seed=2)
    fit = fit_mce(mdp, demos, features=phi, horizon=horizon, objective=objective, l2=0)
    assert fit.status == "converged"
    assert fit.advice == ""
    # The likelihood is conditioned on where the episodes went; matching takes their luck as taste.
    np.testing.assert_allclose(fit.weights, w, atol=0.1 if objective == "likelihood" else 0.25)


def test_a_table_is_fitted_to_the_policy() -> None:
    mdp = world(19, S=4, A=2)
    truth = soft_plan(mdp, np.random.default_rng(20).normal(size=(4, 2))).policies[0]
    demos = simulate(mdp, truth, episodes=200, steps=50, seed=3)
    fit = fit_mce(mdp, demos)
    assert fit.weights.shape == (8,)
    assert np.abs(fit.policy - truth).max() < 0.03
    stopped = fit_mce(mdp, demos, l2=0, max_iterations=1)
    assert stopped.status == "stopped"
    assert "max_iterations" in stopped.advice


def test_mistakes_are_named() -> None:
    mdp = world(21)
    R, d = np.zeros((5, 3)), np.zeros((5, 3))
    with pytest.raises(ConfigError, match="horizon must be at least 1"):
        mce_gradient(mdp, R, d, horizon=0)
    with pytest.raises(ConfigError, match="beta must be finite and above 0"):
        soft_plan(mdp, R, beta=0.0)
    with pytest.raises(ConfigError, match="demonstrated must be finite"):
        mce_gradient(mdp, R, d[:2])
    with pytest.raises(ConfigError, match="rewards must be finite"):
        soft_plan(mdp, np.full((5, 3), np.nan))
    with pytest.raises(ConfigError, match="weights must be"):
        mce_gradient(mdp, np.zeros(4), d, features=np.ones((2, 5, 3)))
    with pytest.raises(ConfigError, match="features must be finite"):
        mce_gradient(mdp, np.zeros(2), d, features=np.ones((2, 5)))
    with pytest.raises(ConfigError, match="counts must be finite"):
        likelihood_gradient(mdp, R, d, horizon=3)
    with pytest.raises(ConfigError, match="l2"):
        fit_mce(mdp, simulate(mdp, mdp.uniform_policy(), episodes=1, steps=1), l2=-1.0)


def test_a_discount_too_near_one_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("precocial.preferences.identify.soft_plan.MAX_SWEEPS", 10)
    with pytest.raises(FitError, match="further from 1"):
        soft_plan(world(22, discount=0.99), np.ones((5, 3)))


def test_exp_and_log_of_the_kernels_are_accurate() -> None:
    # against long double, over what the planner can ask for; ends, whole powers of two and ties too
    rng = np.random.default_rng(25)
    x = np.concatenate(
        [-(10.0 ** rng.uniform(-12, np.log10(700), 3000)), [0.0, -700.0, -np.log(2)]]
    )
    exact = np.exp(x.astype(np.longdouble))
    got = np.array([soft_kernels.exp_below_zero(v) for v in x])
    assert float(np.abs(got / exact - 1).max()) < 2e-14
    assert soft_kernels.exp_below_zero(-1e9) < 1e-300
    y = np.concatenate([1 + 10.0 ** rng.uniform(-12, 4, 3000), [1.0, 2.0, 4.0, np.sqrt(2)]])
    log = np.array([soft_kernels.log_above_one(v) for v in y])
    want = np.log(y.astype(np.longdouble))
    assert float(np.abs(log - want).max()) < 4e-15
    assert float(np.abs(log[y > 1] / want[y > 1] - 1).max()) < 2e-14
    assert soft_kernels.log_above_one(1.0) == 0.0
