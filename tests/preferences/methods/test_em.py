"""EM over planners against exact enumeration.

What is compared: on a finite list, EM's reward is the mode of the exact marginal over rewards, and
its responsibilities are the exact conditional P(planner | that mode, demos). With continuous
weights, the mode is looked for by enumerating a coarse grid and then finer ones around the best
point, and the exact conditional there is held against EM's responsibilities. A climb that ends at
a lower maximum, or wrong responsibilities, fails.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import logsumexp

from precocial.errors import ConfigError
from precocial.preferences import (
    Demonstrations,
    Negated,
    Posterior,
    Rewards,
    Rule,
    TabularMDP,
    boltzmann,
    epsilon_greedy,
    hyperbolic,
    infer,
    myopic,
    optimal,
    soft_optimal,
)
from precocial.preferences.feedback import comparison
from precocial.preferences.methods.em import em, infer_em
from precocial.preferences.planners import Plans
from tests.preferences.inference_worlds import (
    Floats,
    impatient,
    random_features,
    random_world,
    seen_from,
    total_variation,
    two_betas,
)

NOISY = Rule(kind="boltzmann", parameter=3.0)
LISTED: tuple[Plans, ...] = (
    boltzmann(3.0),
    epsilon_greedy(0.2),
    myopic(2, rule=NOISY),
    hyperbolic(1.0, sophisticated=False, rule=NOISY),
    Negated(planner=boltzmann(3.0)),
)
SOFT: tuple[Plans, ...] = (
    soft_optimal(2.0),
    impatient(2.0, beta=2.0),
    Negated(planner=soft_optimal(2.0)),
    two_betas(10.0, 1.0),
)
PRIOR = [0.45, 0.25, 0.1, 0.2]


def conditional(post: Posterior, reward: int) -> Floats:
    column = post.probability[:, reward]
    return np.asarray(column / column.sum())


# ---------------------------------------------------------------- finite lists


@pytest.mark.parametrize("seed", range(12))
def test_on_a_list_it_finds_the_mode_and_the_exact_conditional(seed: int) -> None:
    mdp = random_world(seed, discount=0.6, ends=seed % 3 == 1)
    features = random_features(seed, mdp, 2)
    rewards = Rewards.grid(features, [-2.0, -1.0, 0.0, 1.0, 2.0])
    demos = seen_from(
        mdp, features, LISTED[seed % 5], list(rewards.weights[3 + seed]), episodes=3, seed=seed
    )
    post = infer(mdp, demos, LISTED, rewards)
    mode = int(post.reward_probability.argmax())
    fit = em(post, starts=25, seed=seed)
    best = logsumexp(post.log_joint, axis=0).max()
    assert fit.log_marginal[-1] == pytest.approx(best)
    # A reward and its opposite may tie exactly: either is a mode.
    assert fit.reward is not None
    assert post.reward_probability[fit.reward] == pytest.approx(post.reward_probability[mode])
    assert total_variation(fit.responsibilities[0], conditional(post, fit.reward)) < 1e-12
    assert (np.diff(fit.log_marginal) > -1e-9).all()


def test_pairs_that_are_ruled_out_stay_out() -> None:
    mdp = random_world(2)
    rewards = Rewards.grid(random_features(2, mdp, 2), [-1.0, 0.0, 1.0])
    demos = seen_from(mdp, rewards.features, optimal(), [1.0, -1.0], episodes=5, seed=2)
    post = infer(mdp, demos, (optimal(), boltzmann(3.0)), rewards)
    assert np.isneginf(post.log_joint).any()
    fit = em(post, starts=9)
    assert fit.reward == post.reward_probability.argmax()
    assert total_variation(fit.responsibilities[0], conditional(post, fit.reward)) < 1e-12
    with pytest.raises(ConfigError, match="at least one start"):
        em(post, starts=0)


# ---------------------------------------------------------------- continuous weights


def exact(
    mdp: TabularMDP, demos: Demonstrations, features: Floats, axes: list[Floats]
) -> Posterior:
    rewards = Rewards.grid(features, [list(axis) for axis in axes])
    normal = np.exp(-0.5 * (rewards.weights**2).sum(axis=1))
    return infer(mdp, demos, SOFT, rewards, prior=np.array(PRIOR)[:, None] * normal)


@pytest.mark.parametrize(
    "seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 12))]
)
def test_with_continuous_weights_it_finds_the_mode_and_its_conditional(seed: int) -> None:
    mdp = random_world(seed, states=4, discount=0.6, ends=seed % 3 == 1)
    features = random_features(seed, mdp, 2)
    weights = list(np.random.default_rng(seed).normal(size=2))
    demos = seen_from(mdp, features, SOFT[seed % 4], weights, episodes=8, seed=seed)
    fit = infer_em(mdp, [demos], SOFT, features, prior=PRIOR, seed=seed)
    assert fit.converged
    at, axis = np.zeros(2), np.linspace(-3, 3, 25)
    for closer in (6, 5, 5, 1):
        post = exact(mdp, demos, features, [at[0] + axis, at[1] + axis])
        mode = int(post.reward_probability.argmax())
        at, step = post.rewards.weights[mode], axis[1] - axis[0]
        axis = np.linspace(axis[0], axis[-1], 21) / closer
    assert step == pytest.approx(0.002)
    assert np.abs(fit.weights - at).max() <= 2 * step
    assert total_variation(fit.responsibilities[0], conditional(post, mode)) < 0.02
    # At EM's own reward the two codes agree to the planners' tolerance.
    own = Rewards(features=features, weights=fit.weights[None], feature_names=("w0", "w1"))
    there = infer(mdp, demos, SOFT, own, prior=np.array([PRIOR]).T)
    assert total_variation(fit.responsibilities[0], there.planner_probability) < 1e-6


def test_every_step_raises_the_marginal_and_the_highest_end_is_kept() -> None:
    mdp = random_world(1, states=4)
    features = random_features(1, mdp, 2)
    demos = seen_from(mdp, features, SOFT[0], [1.0, -0.5], episodes=8, seed=1)
    fit = infer_em(mdp, [demos], SOFT, features, starts=6)
    # One person's demonstrations need no list, as in `infer_gradient` and `infer_mcmc`.
    assert infer_em(mdp, demos, SOFT, features, starts=6).log_marginal == fit.log_marginal
    assert len(fit.log_marginal) > 2
    assert (np.diff(fit.log_marginal) > -1e-9).all()
    assert fit.log_marginal[-1] == max(fit.ends)
    assert len(fit.ends) == 6
    assert min(fit.ends) < max(fit.ends) - 0.1  # there are lower maxima here


def test_people_share_a_reward_and_keep_planners_of_their_own() -> None:
    mdp = random_world(4, states=5)
    features = random_features(4, mdp, 2)
    planners = (soft_optimal(3.0), Negated(planner=soft_optimal(3.0)), impatient(4.0, beta=3.0))
    truth, true = [1.2, -0.8], [0, 0, 2, 1, 0, 0]
    people = [
        seen_from(mdp, features, planners[p], truth, episodes=30, seed=i)
        for i, p in enumerate(true)
    ]
    fit = infer_em(mdp, people, planners, features, learn_shares=True, prior=[0.6, 0.1, 0.3])
    assert fit.responsibilities.argmax(axis=1).tolist() == true
    assert fit.weights == pytest.approx(truth, abs=0.25)
    assert fit.shares == pytest.approx(fit.responsibilities.mean(axis=0), abs=1e-6)
    # Responsibilities are each person's exact conditional, under the shares found.
    own = Rewards(features=features, weights=fit.weights[None], feature_names=("w0", "w1"))
    for who, r in zip(people, fit.responsibilities, strict=True):
        there = infer(mdp, who, planners, own, prior=fit.shares[:, None]).planner_probability
        assert total_variation(r, there) < 1e-6


def test_feedback_moves_the_reward_and_counts_once() -> None:
    # With one planner EM is a plain climb: its end is where enumeration has its mode.
    mdp = random_world(5, states=4, discount=0.6)
    features = random_features(5, mdp, 1)
    rewards = Rewards.grid(features, list(np.linspace(-4, 4, 801)))
    demos = seen_from(mdp, features, SOFT[0], [0.5], episodes=2, seed=5)
    said = [comparison(mdp, rewards, [(0, 0)], [(0, 1)], beta=4.0)] * 4
    post = infer(
        mdp, demos, SOFT[:2], rewards, feedback=said,
        prior=np.tile(np.exp(-0.5 * rewards.weights[:, 0] ** 2), (2, 1)),
    )  # fmt: skip
    fit = infer_em(mdp, [demos], SOFT[:2], features, feedback=said)
    assert fit.weights == pytest.approx(
        post.rewards.weights[post.reward_probability.argmax()], abs=0.01
    )
    without = infer_em(mdp, [demos], SOFT[:2], features)
    assert abs(fit.weights[0] - without.weights[0]) > 0.05


def test_mistakes_are_told() -> None:
    mdp = random_world(0)
    features = random_features(0, mdp, 1)
    demos = Demonstrations.from_arrays([0, 1], [0, 0], arrived=[-1, -1])
    with pytest.raises(ConfigError, match="at least one person"):
        infer_em(mdp, [], SOFT, features)
    with pytest.raises(ConfigError, match="at least one person, planner and start"):
        infer_em(mdp, [demos], SOFT, features, starts=0)
    with pytest.raises(ConfigError, match="has no gradient"):
        infer_em(mdp, [demos], [boltzmann(1.0)], features)
    with pytest.raises(ConfigError, match="as many weights"):
        infer_em(mdp, [demos], SOFT, features, prior=[1.0])
