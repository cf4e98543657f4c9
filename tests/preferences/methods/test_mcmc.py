"""Tempered chains against exact enumeration, and their own judgement of themselves.

What is compared: the shares of draws on every planner, every reward of the grid and every weight
against the exact marginals of infer() on the same lists. A proposal that is not symmetric, a wrong
acceptance, a swap that forgets a part of the state, or a mode never reached fails.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from precocial.errors import ConfigError, FitError
from precocial.preferences import (
    Constant,
    Demonstrations,
    Negated,
    Rewards,
    Rule,
    TabularMDP,
    boltzmann,
    epsilon_greedy,
    hyperbolic,
    infer,
    myopic,
    optimal,
)
from precocial.preferences.assumptions import BetterThanRandom, KnownReward, SignAnchor, Sparse
from precocial.preferences.feedback import comparison
from precocial.preferences.methods.mcmc import infer_mcmc, r_hat_and_effective
from precocial.preferences.planners import Plans
from tests.preferences.inference_worlds import (
    Floats,
    corridor,
    frozen_lake,
    random_features,
    random_world,
    seen_from,
    total_variation,
)

NOISY = Rule(kind="boltzmann", parameter=3.0)
HALF: tuple[Plans, ...] = (
    boltzmann(3.0),
    epsilon_greedy(0.1),
    myopic(2, rule=NOISY),
    hyperbolic(1.0, sophisticated=False, rule=NOISY),
)
PLANNERS = HALF + tuple(Negated(planner=planner) for planner in HALF)
VALUES = (-2.0, -1.0, 0.0, 1.0, 2.0)


class Counted:
    """A prior over pairs that is not a product: quirky planners like small weights."""

    def log_prior(self, mdp: TabularMDP, planners: Sequence[Plans], rewards: Rewards) -> Floats:
        size = np.abs(rewards.weights).sum(axis=1)
        return np.array([-0.1 * len(planner.name) * (1 + size) for planner in planners])


def case(seed: int) -> tuple[TabularMDP, Rewards, Demonstrations]:
    worlds = (random_world(seed, ends=seed % 2 == 0), corridor(), frozen_lake(0.8))
    mdp = worlds[seed % 3]
    rewards = Rewards.grid(random_features(seed, mdp, 2), list(VALUES))
    weights = list(np.random.default_rng(seed).choice([-2.0, -1.0, 1.0, 2.0], size=2))
    demos = seen_from(mdp, rewards.features, PLANNERS[seed % 8], weights, episodes=3, seed=seed)
    return mdp, rewards, demos


@pytest.mark.parametrize(
    "seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 12))]
)
def test_marginals_agree_with_enumeration(seed: int) -> None:
    mdp, rewards, demos = case(seed)
    post = infer(mdp, demos, PLANNERS, rewards)
    got = infer_mcmc(mdp, demos, PLANNERS, rewards.features, VALUES, seed=seed)
    assert got.mixed, got.advice
    table = got.table()
    assert total_variation(got.planner_probability, post.planner_probability) < 0.02
    assert total_variation(table.sum(axis=0), post.reward_probability) < 0.02
    assert total_variation(table, post.probability) < 0.02
    assert table.sum(axis=1) == pytest.approx(got.planner_probability)
    for f in range(2):
        exact = [post.reward_probability[rewards.weights[:, f] == value].sum() for value in VALUES]
        assert total_variation(got.weight_probability(f), np.array(exact)) < 0.02
    # Nothing is lost of the pair and its opposite, which behaviour does not tell apart.
    assert got.planner_probability[:4].sum() == pytest.approx(0.5, abs=0.02)
    assert got.mean_weights() == pytest.approx(np.zeros(2), abs=0.1)


def test_priors_assumptions_and_feedback_are_the_same_factors() -> None:
    mdp, rewards, demos = case(1)
    more = {
        "prior": Counted(),
        "assume": [BetterThanRandom(), Sparse(scale=3.0)],
        "feedback": [comparison(mdp, rewards, [(0, 1)], [(0, 0)], beta=0.5)] * 3,
    }
    post = infer(mdp, demos, PLANNERS, rewards, **more)  # type: ignore[arg-type]
    got = infer_mcmc(mdp, demos, PLANNERS, rewards.features, VALUES, seed=5, **more)  # type: ignore[arg-type]
    assert got.mixed, got.advice
    table = got.table()
    assert total_variation(table.sum(axis=1), post.planner_probability) < 0.02
    assert total_variation(table.sum(axis=0), post.reward_probability) < 0.02
    assert table[np.isneginf(post.log_joint)].sum() == 0
    bare = infer(mdp, demos, PLANNERS, rewards)
    assert total_variation(bare.reward_probability, post.reward_probability) > 0.2


def test_a_planner_negated_twice_does_not_bias_the_flips() -> None:
    mdp, rewards, demos = case(0)
    once = Negated(planner=boltzmann(3.0))
    planners = (boltzmann(3.0), once, Negated(planner=once))
    post = infer(mdp, demos, planners, rewards)
    got = infer_mcmc(mdp, demos, planners, rewards.features, VALUES, seed=3)
    assert total_variation(got.planner_probability, post.planner_probability) < 0.02


def test_planners_that_never_err_are_reached_through_the_hot_end() -> None:
    # 0/1 likelihoods: most starts are impossible, and the walk must find the possible.
    mdp = random_world(2)
    rewards = Rewards.grid(random_features(2, mdp, 2), list(VALUES))
    demos = seen_from(mdp, rewards.features, optimal(), [1.0, -2.0], episodes=4, seed=2)
    planners = (optimal(), Negated(planner=optimal()))
    post = infer(mdp, demos, planners, rewards)
    assert (post.log_joint > -np.inf).mean() < 0.5
    got = infer_mcmc(mdp, demos, planners, rewards.features, VALUES, seed=2, steps=2000)
    assert total_variation(got.table().sum(axis=0), post.reward_probability) < 0.02
    assert got.table()[np.isneginf(post.log_joint)].sum() == 0


def test_chains_that_stay_in_different_modes_say_that_they_did_not_mix() -> None:
    # No ladder and no way to flip: 2 weights of one sign only, many demonstrations.
    mdp = corridor()
    features = random_features(3, mdp, 2)
    planners = (boltzmann(8.0), Negated(planner=boltzmann(8.0)))
    values = [-3.0, -2.5, 2.0, 2.5, 3.5]
    demos = seen_from(mdp, features, planners[0], [2.5, -2.5], episodes=60, seed=3)
    got = infer_mcmc(
        mdp, demos, planners, features, values, ladder=[1.0], steps=500, chains=8, seed=3
    )
    assert not got.mixed
    assert "chains disagree" in got.advice
    short = infer_mcmc(mdp, demos, planners, features, values, steps=20, burn_in=0, chains=2)
    assert not short.mixed


def test_a_list_of_pairs_too_long_to_enumerate() -> None:
    mdp = random_world(9, states=4, discount=0.6)
    features = random_features(9, mdp, 12)
    truth = [1.0, *[0.0] * 11]
    demos = seen_from(mdp, features, PLANNERS[0], truth, episodes=2, seed=9)
    got = infer_mcmc(mdp, demos, PLANNERS[:1], features, VALUES, steps=60, chains=4, burn_in=0)
    assert not got.mixed  # far too short, and it says so
    with pytest.raises(ConfigError, match="rewards"):
        got.table()  # 5 ** 12 of them
    with pytest.raises(ConfigError, match="244140625"):
        Rewards.grid(features, list(VALUES))


@pytest.mark.slow
def test_without_data_a_list_too_long_to_enumerate_keeps_its_prior() -> None:
    # Nothing is planned, so that many draws are cheap; twelve marginals, four numbers each.
    mdp = random_world(9, states=3)
    features = random_features(9, mdp, 12)
    planner = Constant(policy=mdp.uniform_policy())
    got = infer_mcmc(
        mdp,
        None,
        [planner],
        features,
        VALUES,
        assume=[Sparse(scale=1.0)],
        seed=1,
        chains=32,
        steps=10000,
    )
    assert got.mixed, got.advice
    weight = np.exp(-np.abs(VALUES))
    for f in range(12):
        assert total_variation(got.weight_probability(f), weight / weight.sum()) < 0.02


def test_the_same_seed_gives_the_same_draws() -> None:
    mdp, rewards, demos = case(0)
    one, same, other = (
        infer_mcmc(mdp, demos, PLANNERS, rewards.features, VALUES, steps=50, seed=s)
        for s in (1, 1, 2)
    )
    assert (one.place == same.place).all()
    assert (one.log_joint == same.log_joint).all()
    assert (one.place != other.place).any()


# ---------------------------------------------------------------- diagnostics


def test_independent_draws_are_all_effective() -> None:
    draws = np.random.default_rng(0).normal(size=(8, 2000))
    r_hat, effective = r_hat_and_effective(draws)
    assert r_hat == pytest.approx(1, abs=2e-3)
    assert effective == pytest.approx(16000, rel=0.1)


@pytest.mark.parametrize("rho", [0.5, 0.9, -0.4])
def test_an_autoregression_has_the_effective_size_of_its_closed_form(rho: float) -> None:
    rng = np.random.default_rng(1)
    draws = np.zeros((16, 8000))
    draws[:, 0] = rng.normal(size=16) / np.sqrt(1 - rho**2)
    for n in range(1, 8000):
        draws[:, n] = rho * draws[:, n - 1] + rng.normal(size=16)
    _, effective = r_hat_and_effective(draws)
    assert effective == pytest.approx(draws.size * (1 - rho) / (1 + rho), rel=0.1)


def test_chains_apart_have_a_large_r_hat() -> None:
    rng = np.random.default_rng(2)
    apart = rng.normal(size=(4, 500)) + np.arange(4)[:, None]
    # Between 5/3 of variance beside within 1: sqrt(8/3).
    assert r_hat_and_effective(apart)[0] == pytest.approx(np.sqrt(1 + 5 / 3 * 6 / 7), rel=0.05)
    drifting = rng.normal(size=(4, 500)) + np.linspace(0, 3, 500)
    assert r_hat_and_effective(drifting)[0] > 1.2
    assert r_hat_and_effective(np.ones((4, 100))) == (1.0, 400.0)
    assert r_hat_and_effective(np.arange(4.0)[:, None] * np.ones((4, 100)))[0] == np.inf


def test_mistakes_are_told() -> None:
    mdp, rewards, demos = case(0)
    phi = rewards.features

    class Normalised(Counted):
        def log_prior(self, mdp: TabularMDP, planners: Sequence[Plans], rewards: Rewards) -> Floats:
            return np.full((len(planners), len(rewards)), -np.log(len(planners) * len(rewards)))

    for more, said in (
        ({"values": [1.0, 1.0]}, "different finite values"),
        ({"values": [[1.0], [2.0], [3.0]]}, "one a feature"),
        ({"ladder": [0.5, 0.1]}, "falls from 1"),
        ({"ladder": [1.0, 1.0]}, "falls from 1"),
        ({"ladder": [1.0, -0.5]}, "falls from 1"),
        ({"chains": 1}, "2 chains"),
        ({"planners": ()}, "at least 1 planner"),
        ({"prior": Normalised()}, "must not normalise"),
        ({"prior": [1.0]}, "as many weights"),
    ):  # fmt: skip
        given = {"planners": PLANNERS, "values": VALUES, **more}
        with pytest.raises(ConfigError, match=said):
            infer_mcmc(mdp, demos, features=phi, **given)  # type: ignore[arg-type]
    nothing = [SignAnchor.of_feature(0, 2), KnownReward(pairs=((0, 0),), values=(99.0,))]
    with pytest.raises(FitError, match="found no pair"):
        infer_mcmc(mdp, demos, PLANNERS[:1], phi, VALUES, assume=nothing, chains=2)
