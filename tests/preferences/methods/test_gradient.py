"""Continuous rewards by gradients, against exact enumeration on fine grids.

What is compared: infer() on a grid whose prior weights are the normal density at its points is the
exact posterior up to the grid's step, by other code (plain sweeps, tables). Its planner marginal,
and the marginals of the weights in bins of three grid steps, are held against those of the
weighted draws. A missing mode, a wrong covariance, density or evidence shows in one of them.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from precocial.errors import ConfigError, DataError
from precocial.preferences import (
    Demonstrations,
    Negated,
    Posterior,
    Rewards,
    TabularMDP,
    infer,
    optimal,
    soft_optimal,
)
from precocial.preferences.assumptions import BetterThanRandom, KnownReward, Sparse
from precocial.preferences.feedback import comparison
from precocial.preferences.methods.gradient import find_mode, find_modes, infer_gradient
from precocial.preferences.methods.soft import SoftModel
from precocial.preferences.planners import Plans
from tests.preferences.inference_worlds import (
    Floats,
    bandit,
    impatient,
    random_features,
    random_world,
    seen_from,
    total_variation,
    two_betas,
)

PLANNERS: tuple[Plans, ...] = (
    soft_optimal(2.0),
    impatient(2.0, beta=2.0),
    Negated(planner=soft_optimal(2.0)),
    two_betas(10.0, 1.0),
)
AXIS = np.linspace(-4, 4, 51)
STEP = AXIS[1] - AXIS[0]
EDGES = np.append(AXIS - STEP / 2, AXIS[-1] + STEP / 2)
BINS = EDGES[::3]


def exact(
    mdp: TabularMDP, demos: Demonstrations | None, features: Floats, prior: list[float],
    **more: object,
) -> Posterior:  # fmt: skip
    """The posterior on the grid, under the normal prior of scale 1."""
    rewards = Rewards.grid(features, list(AXIS))
    normal = np.exp(-0.5 * (rewards.weights**2).sum(axis=1))
    weights = np.array(prior)[:, None] * normal
    return infer(mdp, demos, PLANNERS, rewards, prior=weights, **more)  # type: ignore[arg-type]


def binned(post: Posterior, feature: int) -> Floats:
    """The marginal of one of two weights, in bins of three steps."""
    square = post.reward_probability.reshape(len(AXIS), len(AXIS))
    return square.sum(axis=1 - feature).reshape(-1, 3).sum(axis=1)


def case(seed: int) -> tuple[TabularMDP, Floats, Demonstrations]:
    mdp = random_world(seed, states=4, discount=0.6, ends=seed % 3 == 1)
    features = random_features(seed, mdp, 2)
    weights = list(np.random.default_rng(seed).normal(size=2))
    planner = PLANNERS[seed % len(PLANNERS)]
    return mdp, features, seen_from(mdp, features, planner, weights, episodes=2, seed=seed)


@pytest.mark.parametrize(
    "seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 12))]
)
def test_marginals_agree_with_enumeration(seed: int) -> None:
    mdp, features, demos = case(seed)
    prior = [0.4, 0.3, 0.1, 0.2]
    got = infer_gradient(mdp, demos, PLANNERS, features, prior=prior, draws=4096, seed=seed)
    post = exact(mdp, demos, features, prior)
    assert got.reliable, got.advice
    assert total_variation(got.planner_probability, post.planner_probability) < 0.01
    for feature in range(2):
        there = got.marginal(feature, BINS)
        assert total_variation(there, binned(post, feature)) < 0.02
    mean = post.reward_probability @ post.rewards.weights
    assert got.mean_weights() == pytest.approx(mean, abs=0.02)


def test_assumptions_and_feedback_are_the_same_factors_as_in_enumeration() -> None:
    mdp, features, demos = case(1)
    rewards = Rewards.grid(features, [0.0])
    start = int(demos.state[0])
    more = {
        "assume": [BetterThanRandom(), Sparse(scale=0.7)],
        "feedback": [comparison(mdp, rewards, [(start, 0)], [(start, 2)], beta=2.0)] * 3,
    }
    prior = [0.25] * 4
    got = infer_gradient(mdp, demos, PLANNERS, features, draws=8192, seed=1, **more)  # type: ignore[arg-type]
    post = exact(mdp, demos, features, prior, **more)
    assert total_variation(got.planner_probability, post.planner_probability) < 0.02
    for feature in range(2):
        assert total_variation(got.marginal(feature, BINS), binned(post, feature)) < 0.02
    bare = exact(mdp, demos, features, prior)
    assert total_variation(bare.planner_probability, post.planner_probability) > 0.05


@pytest.mark.parametrize("parameter", ["beta", "hyperbolic", "discount"])
def test_free_parameters_agree_with_a_grid_over_them(parameter: str) -> None:
    mdp = random_world(3, states=4)
    features = random_features(3, mdp, 1)
    base = impatient(1.0, beta=1.5)
    demos = seen_from(mdp, features, base, [2.0], episodes=6, seed=3)
    got = infer_gradient(mdp, demos, [base], features, free=[parameter], draws=8192, seed=3)
    off = np.linspace(-3, 3, 24)
    scale = np.exp(off)
    odds = mdp.discount / (1 - mdp.discount) * scale
    worlds = [
        mdp.with_discount(float(o / (1 + o))) if parameter == "discount" else mdp for o in odds
    ]
    planners: list[Plans] = [
        impatient(
            float(s) if parameter == "hyperbolic" else 1.0,
            beta=1.5 * float(s) if parameter == "beta" else 1.5,
        )
        for s in scale
    ]
    axis = np.linspace(-4, 4, 41)
    rewards = Rewards.grid(features, list(axis))
    table = np.array([
        infer(world, demos, [planner], rewards).log_data[0] - 0.5 * axis**2 - 0.5 * o**2
        for world, planner, o in zip(worlds, planners, off, strict=True)
    ])  # fmt: skip
    p = np.exp(table - table.max())
    p /= p.sum()
    centre = got.models[0].centre[1]
    half = (off[1] - off[0]) / 2
    edges = np.append(off - half, off[-1] + half)[::3] + centre
    there = got.marginal(1, edges)
    assert total_variation(there, p.sum(axis=1).reshape(-1, 3).sum(axis=1)) < 0.02
    prior = np.exp(-0.5 * off**2)
    assert total_variation(p.sum(axis=1), prior / prior.sum()) > 0.02  # the data say something


def test_without_data_the_posterior_is_the_prior() -> None:
    mdp = random_world(0, states=3)
    features = random_features(0, mdp, 3)
    got = infer_gradient(mdp, None, PLANNERS[:2], features, prior=[3, 1], scale=2.0)
    assert got.planner_probability == pytest.approx([0.75, 0.25], abs=1e-3)
    assert got.mean_weights() == pytest.approx(np.zeros(3), abs=0.02)
    (mode, _) = got.modes
    assert mode.covariance == pytest.approx(4 * np.eye(3), abs=1e-6)
    assert mode.log_evidence == pytest.approx(0.0, abs=1e-6)  # a density integrates to 1


def test_a_mode_is_where_the_slope_is_zero_and_laplace_is_its_curvature() -> None:
    # A bandit of two arms: log posterior n1 log s(w) + n2 log s(-w) - w^2 / 2, s the logistic.
    mdp = bandit()
    features = np.array([[[1.0, 0.0], [0.0, 0.0]]])
    counts = np.array([[9.0, 3.0], [0.0, 0.0]])
    model = SoftModel(mdp=mdp, features=features, counts=counts, planner=soft_optimal(1.0))
    theta, value, converged = find_mode(model, [3.0])
    share = 1 / (1 + np.exp(-theta[0]))
    assert converged
    assert 9 - 12 * share - theta[0] == pytest.approx(0, abs=1e-6)
    expected = 9 * np.log(share) + 3 * np.log(1 - share) - 0.5 * theta[0] ** 2
    assert value == pytest.approx(expected - 0.5 * np.log(2 * np.pi))
    (mode,) = find_modes(model, starts=5)
    assert 1 / mode.covariance[0, 0] == pytest.approx(12 * share * (1 - share) + 1, rel=1e-6)


def test_two_modes_of_one_planner_are_both_integrated() -> None:
    # Choosing the room whose arms pay w and -w says that |w| is large, not its sign.
    P = np.zeros((3, 2, 3))
    P[0, 0, 1] = P[0, 1, 2] = P[1, :, 2] = P[2, :, 2] = 1
    mdp = TabularMDP.from_arrays(P, discount=0.9, terminal=[False, False, True], start=[1, 0, 0])
    features = np.zeros((1, 3, 2))
    features[0, 1] = [1, -1]
    demos = Demonstrations.from_arrays([0] * 8, [0] * 8, episode=range(8))
    planners = (soft_optimal(4.0), two_betas(0.05, 0.5))
    odds = [0.02, 0.98]  # the second planner has one mode, and about half of the posterior
    got = infer_gradient(mdp, demos, planners, features, prior=odds, starts=12, draws=8192, seed=1)
    (low, high) = sorted(mode.theta[0] for mode in got.modes if mode.planner == 0)
    assert (low, high) == pytest.approx((-high, high))
    assert high > 0.5
    assert [mode.planner for mode in got.modes].count(1) == 1
    axis = np.linspace(-5, 5, 201)
    rewards = Rewards.grid(features, list(axis))
    prior = np.outer(odds, np.exp(-0.5 * axis**2))
    post = infer(mdp, demos, planners, rewards, prior=prior)
    assert total_variation(got.planner_probability, post.planner_probability) < 0.01
    edges = np.append(axis - 0.025, 5.025)[::3]
    exact = post.reward_probability.reshape(-1, 3).sum(axis=1)
    assert total_variation(got.marginal(0, edges), exact) < 0.02


def test_a_planner_and_its_opposite_find_opposite_modes() -> None:
    mdp, features, demos = case(4)
    got = infer_gradient(mdp, demos, [PLANNERS[0], PLANNERS[2]], features)
    assert got.planner_probability == pytest.approx([0.5, 0.5], abs=0.01)
    one, other = (next(m for m in got.modes if m.planner == p) for p in range(2))
    assert one.theta == pytest.approx(-other.theta, abs=1e-3)
    assert one.log_posterior == pytest.approx(other.log_posterior)


def test_draws_that_do_not_fit_say_so() -> None:
    mdp, features, demos = case(0)
    got = infer_gradient(mdp, demos, [PLANNERS[0]], features, draws=512)
    assert got.reliable
    few = replace(got, effective=np.array([3.0]))
    assert "few draws carry the weight" in few.advice
    # An assumption that few draws satisfy shows in the same way.
    tight = KnownReward(pairs=((0, 0),), values=(6.0,), sd=0.01)
    assert "few draws" in infer_gradient(mdp, demos, PLANNERS[:1], features, assume=[tight]).advice
    lost = replace(got, modes=tuple(replace(mode, converged=False) for mode in got.modes))
    assert "did not converge" in lost.advice


def test_mistakes_are_told() -> None:
    mdp, features, demos = case(0)
    for more, said in (
        ({"planners": []}, "at least one planner"),
        ({"planners": [optimal()]}, "has no gradient"),
        ({"free": ["gamma"]}, "some of"),
        ({"free": ["beta"], "assume": [BetterThanRandom()]}, "no free parameters"),
        ({"prior": [1, 2, 3]}, "must be as many weights"),
        ({"starts": 0}, "at least one planner, start"),
    ):
        with pytest.raises(ConfigError, match=said):
            infer_gradient(mdp, demos, **{"planners": PLANNERS, "features": features, **more})  # type: ignore[arg-type]
    with pytest.raises(DataError):
        infer_gradient(mdp, Demonstrations.from_arrays([99], [0]), PLANNERS, features)
