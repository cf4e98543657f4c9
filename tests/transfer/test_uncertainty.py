"""Bootstraps and profiles against closed forms of a straight line."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from precocial.transfer.uncertainty import case_bootstrap, profile, wild_bootstrap
from precocial.worth.solver import Problem, minimise

T = np.linspace(-1, 1, 60)
X = np.stack([np.ones_like(T), T])


def line(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return theta @ X, np.broadcast_to(X, (len(theta), *X.shape)).copy()


def fitted(spread: np.ndarray | float = 0.1, side: np.ndarray | None = None, seed: int = 0):  # type: ignore[no-untyped-def]
    target = 1 + 2 * T + spread * np.random.default_rng(seed).standard_normal(len(T))
    problem = Problem(model=line, target=target, weights=np.ones(len(T)), delta=10.0, side=side)
    return problem, minimise(problem, np.zeros((1, 2))).theta[0]


def standard_error(spread: float = 0.1) -> np.ndarray:
    return spread * np.sqrt(np.diag(np.linalg.inv(X @ X.T)))


@pytest.mark.parametrize("bootstrap", [wild_bootstrap, case_bootstrap])
def test_draws_have_the_spread_of_least_squares(bootstrap) -> None:  # type: ignore[no-untyped-def]
    problem, theta = fitted()
    draws = bootstrap(problem, theta, 2000, np.random.default_rng(1))
    assert draws.shape == (2000, 2)
    np.testing.assert_allclose(draws.mean(axis=0), theta, atol=0.003)
    np.testing.assert_allclose(draws.std(axis=0), standard_error(), rtol=0.2)


def test_wild_draws_hold_under_noise_that_differs_from_run_to_run() -> None:
    spread = 0.02 + 0.3 * (np.abs(T) > 0.7)
    wild = np.mean([
        wild_bootstrap(*fitted(spread, seed=seed), 300, np.random.default_rng(1)).std(axis=0)
        for seed in range(15)
    ], axis=0)  # fmt: skip
    inverse = np.linalg.inv(X @ X.T)
    true = np.sqrt(np.diag(inverse @ (X * spread**2) @ X.T @ inverse))
    np.testing.assert_allclose(wild, true, rtol=0.2)


def test_no_draws_are_an_empty_array() -> None:
    problem, theta = fitted()
    assert wild_bootstrap(problem, theta, 0, np.random.default_rng(1)).shape == (0, 2)


def test_bounds_stay_where_they_are_in_every_draw() -> None:
    side = np.where(np.arange(len(T)) < 10, 1, 0)
    problem, theta = fitted(side=side)
    problem.target[:10] += 5.0  # satisfied by far
    theta = minimise(problem, theta[None]).theta[0]
    free, theta_free = fitted()
    weights = np.where(side, 0.0, 1.0)
    alone = Problem(model=line, target=free.target, weights=weights, delta=10.0)
    theta_alone = minimise(alone, theta_free[None]).theta[0]
    np.testing.assert_allclose(theta, theta_alone, atol=1e-6)
    bound = wild_bootstrap(problem, theta, 800, np.random.default_rng(1)).std(axis=0)
    left_out = wild_bootstrap(alone, theta_alone, 800, np.random.default_rng(1)).std(axis=0)
    np.testing.assert_allclose(bound, left_out, rtol=0.15)


def test_the_profile_is_the_t_interval_of_a_straight_line() -> None:
    problem, theta = fitted()
    rest = problem.target - line(theta[None])[0][0]
    error = standard_error(np.sqrt((rest**2).sum() / (len(T) - 2)))[1]
    half = stats.t.ppf(0.975, len(T) - 2) * error
    got = profile(problem, theta, 1)
    assert got.low == pytest.approx(theta[1] - half, abs=0.03 * half)
    assert got.high == pytest.approx(theta[1] + half, abs=0.03 * half)
    narrow = profile(problem, theta, 1, level=0.5)
    assert got.low < narrow.low < narrow.high < got.high
    assert got.deviance[len(got.deviance) // 2] == pytest.approx(0, abs=1e-6)


def test_a_coordinate_the_runs_do_not_decide_has_an_open_profile() -> None:
    def flat(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        predicted, jacobian = line(theta[:, :2] * [1, 1])
        return predicted, np.concatenate([jacobian, np.zeros((len(theta), 1, len(T)))], axis=1)

    problem, theta = fitted()
    loose = Problem(model=flat, target=problem.target, weights=problem.weights, delta=10.0)
    got = profile(loose, np.append(theta, 0.0), 2)
    assert (got.low, got.high) == (-np.inf, np.inf)
