"""The soft planner: its values against plain sweeps, its gradient against finite differences."""

from __future__ import annotations

import numpy as np
import pytest

from precocial.errors import ConfigError, FitError
from precocial.preferences import (
    Backup,
    Negated,
    Rewards,
    TabularMDP,
    boltzmann,
    hyperbolic,
    optimal,
    self_aware,
    soft_optimal,
    solve,
)
from precocial.preferences.feedback import comparison
from precocial.preferences.methods.soft import Soft, SoftModel, soft_values
from precocial.preferences.planners import Plans
from tests.preferences.inference_worlds import (
    Floats,
    corridor,
    impatient,
    random_features,
    random_world,
    two_betas,
)

TWO_BETAS = two_betas(6.0, 1.0)
PLANNERS: dict[str, tuple[Plans, tuple[str, ...]]] = {
    "soft": (soft_optimal(1.7), ("beta", "discount")),
    "soft, negated": (Negated(planner=soft_optimal(1.7)), ("beta", "discount")),
    "naive": (impatient(), ("beta", "hyperbolic", "discount")),
    "naive, one delay": (impatient(delays=1), ("hyperbolic",)),
    "naive, negated twice": (Negated(planner=Negated(planner=impatient())), ("hyperbolic",)),
    "two betas": (TWO_BETAS, ("discount",)),
}


def model_of(mdp: TabularMDP, planner: Plans, free: tuple[str, ...], seed: int) -> SoftModel:
    rng = np.random.default_rng(seed)
    counts = rng.poisson(3.0, size=(mdp.n_states, mdp.n_actions)).astype(float)
    counts[mdp.terminal] = 0
    return SoftModel(
        mdp=mdp, features=random_features(seed, mdp, 3), counts=counts, planner=planner,
        free=free, scale=2.0,
    )  # fmt: skip


def finite_differences(model: SoftModel, theta: Floats, step: float = 1e-4) -> Floats:
    def value(at: Floats) -> float:
        return float(model.log_likelihood(at)[0] + model.log_prior(at)[0])

    slope = []
    for away in step * np.eye(len(theta)):
        near = value(theta + away) - value(theta - away)
        far = value(theta + 2 * away) - value(theta - 2 * away)
        slope.append((8 * near - far) / (12 * step))
    return np.array(slope)


@pytest.mark.parametrize("name", PLANNERS)
@pytest.mark.parametrize("seed", range(3))
def test_the_gradient_is_that_of_finite_differences(name: str, seed: int) -> None:
    planner, free = PLANNERS[name]
    model = model_of(random_world(seed, ends=seed == 1), planner, free, seed)
    theta = model.centre + 0.5 * np.random.default_rng(seed).normal(size=len(model.centre))
    value, slope = model.log_posterior_gradient(theta)
    assert value == pytest.approx(float(model.log_likelihood(theta)[0] + model.log_prior(theta)[0]))
    wanted = finite_differences(model, theta)
    assert np.abs(slope - wanted).max() < 1e-6 * max(1.0, np.abs(wanted).max())
    assert np.abs(slope).min() > 1e-3  # every parameter is seen to matter


def test_the_gradient_counts_feedback() -> None:
    mdp = corridor()
    model = model_of(mdp, soft_optimal(1.0), (), 0)
    rewards = Rewards.grid(model.features, [0.0])
    said = comparison(mdp, rewards, [(0, 1), (1, 1)], [(0, 2)], beta=2.0)
    told = SoftModel(
        mdp=mdp, features=model.features, counts=model.counts, planner=model.planner,
        feedback=(said, said),
    )  # fmt: skip
    theta = np.array([0.3, -0.2, 0.5])
    slope = told.log_posterior_gradient(theta)[1]
    assert np.abs(slope - finite_differences(told, theta)).max() < 1e-6
    assert np.abs(slope - model.log_posterior_gradient(theta)[1]).max() > 0.1


@pytest.mark.parametrize("name", PLANNERS)
def test_policies_are_those_of_the_planner(name: str) -> None:
    planner, _ = PLANNERS[name]
    mdp = random_world(7, ends=True)
    model = model_of(mdp, planner, (), 7)
    theta = np.random.default_rng(7).normal(size=(4, 3))
    expected = planner.policies(mdp, model.rewards(theta))
    assert np.exp(model.log_policies(theta)) == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("discount", [0.0, 0.5, 0.99, 0.9999])
def test_newton_reaches_the_fixed_point_at_every_discount(discount: float) -> None:
    mdp = random_world(8, discount=discount)
    R = np.random.default_rng(8).normal(size=(3, 5, 3))
    Q = soft_values(mdp, R, Soft.of(soft_optimal(2.0), mdp))
    V = (np.log(np.exp(2.0 * (Q - Q.max(axis=2, keepdims=True))).mean(axis=2))) / 2.0 + Q.max(
        axis=2
    )
    assert np.abs(R + discount * mdp.expected(V) - Q).max() < 1e-11 * max(1, np.abs(Q).max())
    if discount < 0.999:
        sweeps = solve(mdp, R, Backup(kind="soft", beta=2.0)).Q
        assert pytest.approx(sweeps, abs=1e-7) == Q


def test_beta_and_the_size_of_weights_are_one_to_behaviour() -> None:
    mdp = corridor()
    half, whole = (model_of(mdp, soft_optimal(beta), (), 1) for beta in (1.0, 2.0))
    theta = np.array([0.4, -1.0, 0.7])
    assert half.log_likelihood(2 * theta) == pytest.approx(whole.log_likelihood(theta))


def test_mistakes_are_told() -> None:
    mdp = corridor()
    for planner in (optimal(), boltzmann(1.0), self_aware(1.0), hyperbolic(1, sophisticated=False)):
        with pytest.raises(ConfigError, match="has no gradient"):
            Soft.of(planner, mdp)
    for planner, free, said in (
        (soft_optimal(1.0), ("hyperbolic",), "not hyperbolic"),
        (TWO_BETAS, ("beta",), "two betas"),
        (soft_optimal(1.0), ("discount", "beta"), "in this order"),
        (soft_optimal(1.0), ("gamma",), "some of"),
    ):
        with pytest.raises(ConfigError, match=said):
            model_of(mdp, planner, free, 0)
    with pytest.raises(ConfigError, match=r"\(0, 1\)"):
        model_of(corridor(discount=0.0), soft_optimal(1.0), ("discount",), 0)
    with pytest.raises(ConfigError, match="features must be"):
        SoftModel(
            mdp=mdp,
            features=np.zeros((1, 2, 2)),
            counts=np.zeros((6, 3)),
            planner=soft_optimal(1.0),
        )


def test_rewards_beyond_double_precision_are_refused() -> None:
    mdp = random_world(8)
    R = 1e300 * np.random.default_rng(8).normal(size=(1, 5, 3))
    with pytest.raises(FitError, match="no fixed point"):
        soft_values(mdp, R, Soft.of(soft_optimal(1e10), mdp))
