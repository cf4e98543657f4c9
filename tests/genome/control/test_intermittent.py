"""The paper's loop for a policy: weights fitted, weights merged, phases of PPO."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from precocial.errors import ConfigError
from precocial.genome import Genome
from precocial.genome.control.episodes import episodes, policy_for
from precocial.genome.control.intermittent import (
    Intermittent,
    fit_weights,
    merged,
    train_intermittently,
)
from precocial.genome.control.lives import Ppo
from precocial.genome.control.policies import Policy
from precocial.genome.rivals.training import stored_genome

ENV = "CartPole-v1"


def test_weights_are_fitted_where_a_rule_can_hold_them() -> None:
    policy = policy_for(ENV, (16,), 0)
    genome = Genome.for_model(policy, parameters=90, decoder="low_rank", biases="store", seed=1)
    planted = genome.birth(policy)
    assert isinstance(planted, Policy)
    other = Genome.for_model(policy, parameters=90, decoder="low_rank", biases="store", seed=2)
    assert fit_weights(other, planted, steps=600, rate=0.05) < 1e-3
    born = other.birth(policy)
    seen = torch.from_numpy(np.random.default_rng(0).standard_normal((20, 4), dtype=np.float32))
    with torch.no_grad():
        assert torch.allclose(born(seen), planted(seen), atol=0.05)


def test_merging_is_by_the_share_of_the_trained_weights() -> None:
    trained, born = policy_for(ENV, (8,), 0), policy_for(ENV, (8,), 1)
    for epsilon, wanted in ((1.0, trained), (0.0, born)):
        found = merged(trained, born, epsilon)
        assert all(
            torch.equal(a, b) for a, b in zip(found.parameters(), wanted.parameters(), strict=True)
        )
    half = merged(trained, born, 0.25).linears()[0].weight
    mean = 0.25 * trained.linears()[0].weight + 0.75 * born.linears()[0].weight
    assert torch.allclose(half, mean)


def test_settings() -> None:
    assert Intermittent().epsilon_at(3) == 0
    assert Intermittent(epsilon_decay=20).epsilon_at(0) == 1
    assert Intermittent(epsilon_decay=20).epsilon_at(20) == pytest.approx(math.exp(-1))
    with pytest.raises(ConfigError, match="generations"):
        Intermittent(generations=0)
    with pytest.raises(ConfigError, match="epsilon_decay"):
        Intermittent(epsilon_decay=0.0)


def test_a_genome_that_can_hold_the_policy_is_what_ppo_trained() -> None:
    pytest.importorskip("stable_baselines3", reason="stable-baselines3 is not installed")
    policy = policy_for(ENV, (16,), 0)
    genome = stored_genome(policy)
    ppo = Ppo(environments=2, rollout=64, batch=64, epochs=5, rate=3e-3, normalise_reward=False)
    config = Intermittent(generations=3, steps=512, weight_steps=200, weight_rate=0.02, valid=5)
    rows = list(train_intermittently(genome, policy, ENV, ppo, config, seed=0))
    assert [row["steps"] for row in rows] == [512, 1024, 1536]
    assert all(row["misfit"] < 0.01 for row in rows)
    born = genome.birth(policy)
    assert isinstance(born, Policy)
    before, after = (episodes(p, ENV, 10, 3).returns.mean() for p in (policy, born))
    assert after > 2 * before
    best = [row["valid"] for row in rows if row["best"]]
    assert best[-1] == max(row["valid"] for row in rows)
