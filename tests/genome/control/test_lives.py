"""Lives: by an evolution strategy, and by stable-baselines3 where it is installed."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from precocial.errors import ConfigError, MissingExtraError
from precocial.genome import Genome
from precocial.genome.control.episodes import episodes, policy_for, starts
from precocial.genome.control.lives import DirectEvolution, Ppo, PpoLife, ReturnFitness, live
from precocial.genome.control.policies import Policy
from precocial.genome.loops.configs import Evolution
from precocial.genome.loops.evolve import evolve
from precocial.genome.loops.parts import parameters_of

ENV = "CartPole-v1"
SMALL = Ppo(environments=2, rollout=32, batch=32, epochs=2, normalise_reward=False)


def test_a_fitness_is_the_mean_return_of_each_member() -> None:
    policy = policy_for(ENV, (8,), 0)
    genome = Genome.for_model(policy, parameters=60)
    own = parameters_of(genome)
    shifts = (0.0, 0.5, -0.5)
    members = {name: torch.stack([p.detach() + s for s in shifts]) for name, p in own.items()}
    fitness = ReturnFitness(genome, policy, ENV, n=3)
    with torch.no_grad():
        found = fitness(members, 5)
    for k in range(3):
        with torch.no_grad():
            for name, p in own.items():
                p.copy_(members[name][k])
        born = genome.birth(policy)
        assert isinstance(born, Policy)
        assert float(found[k]) == episodes(born, ENV, 3, 5).returns.mean()
    # CartPole pays 1 a step
    assert fitness.steps == 3 * float(found.sum())
    assert fitness.told == [(fitness.steps, pytest.approx(float(found.mean())))]
    assert len(starts(5, 3)) == 3


def test_a_genome_evolves_to_balance_without_a_gradient() -> None:
    policy = policy_for(ENV, (8,), 0)
    genome = Genome.for_model(policy, parameters=60, decoder="low_rank", biases="store")
    fitness = ReturnFitness(genome, policy, ENV, n=2)
    loop = Evolution(generations=15, pairs=6, sigma=0.3, rate=0.3, evaluate_every=5)
    rows = list(evolve(genome, policy, fitness, loop, seed=0))
    assert max(row["valid"] for row in rows) > 3 * rows[0]["valid"]


def test_a_direct_life_gets_better_and_leaves_its_start_alone() -> None:
    policy = policy_for(ENV, (8,), 0)
    kept = [p.detach().clone() for p in policy.parameters()]
    trainer = DirectEvolution(
        loop=Evolution(generations=50, pairs=5, sigma=0.3, rate=0.2, evaluate_every=2), episodes=2
    )
    life = live(policy, ENV, trainer, steps=4000, seed=1)
    assert all(torch.equal(a, b) for a, b in zip(kept, policy.parameters(), strict=True))
    assert len(life.returns) < 50  # cut where the steps are spent
    assert life.steps[-1] >= 4000 > life.steps[-3]
    before, after = (episodes(p, ENV, 8, 3).returns.mean() for p in (policy, life.policy))
    assert after > before


def test_what_cannot_be_used_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = policy_for(ENV, (8,), 0)
    with pytest.raises(ConfigError, match="steps"):
        live(policy, ENV, Ppo(), steps=0, seed=0)
    with pytest.raises(ConfigError, match="rollout"):
        Ppo(rollout=0)
    with pytest.raises(ConfigError, match="discount"):
        Ppo(discount=1.5)
    monkeypatch.setitem(sys.modules, "stable_baselines3", None)
    with pytest.raises(MissingExtraError, match="stable_baselines3"):
        live(policy, ENV, Ppo(), steps=10, seed=0)


@pytest.fixture
def ppo() -> Iterator[None]:
    """The tests below need the trainer; pytest says so where it is missing."""
    pytest.importorskip("stable_baselines3", reason="stable-baselines3 is not installed")
    return


@pytest.mark.usefixtures("ppo")
@pytest.mark.parametrize("env", [ENV, "Pendulum-v1"])
def test_weights_go_both_ways_and_act_alike(env: str) -> None:
    policy, other = policy_for(env, (16, 8), 0), policy_for(env, (16, 8), 1)
    with PpoLife(policy, env, SMALL, seed=0) as life:
        seen = np.random.default_rng(0).standard_normal((50, policy.widths[0]), dtype=np.float32)
        for given in (policy, other):
            life.put(given)
            for a, b in zip(life.policy().parameters(), given.parameters(), strict=True):
                assert torch.equal(a, b)
            with torch.no_grad():
                ours = given.mode(given(torch.from_numpy(seen))).numpy()
            space = life.model.action_space
            if env != ENV:
                ours = np.clip(ours, space.low, space.high)
            assert np.allclose(life.act(seen), ours, atol=1e-6)


@pytest.mark.usefixtures("ppo")
def test_the_exploration_of_the_trainer_is_the_policys_distribution() -> None:
    policy = policy_for("Pendulum-v1", (16, 8), 0)
    seen = torch.randn(30, 3)
    with PpoLife(policy, "Pendulum-v1", SMALL, seed=0) as life, torch.no_grad():
        own = life.model.policy.get_distribution(seen).distribution
        mean, log_std = policy.moments(policy(seen))
        assert torch.allclose(own.mean, mean, atol=1e-6)
        assert torch.allclose(own.stddev, log_std.exp(), atol=1e-6)
        # the optimiser moves the layer that replaced stable-baselines3's
        held = {
            id(p) for group in life.model.policy.optimizer.param_groups for p in group["params"]
        }
        assert {id(p) for p in life.model.policy.parameters()} == held


@pytest.mark.usefixtures("ppo")
def test_a_life_under_ppo_is_decided_by_its_seed_and_leaves_global_randomness_alone() -> None:
    policy = policy_for(ENV, (8,), 0)
    torch.manual_seed(0)
    wanted = torch.rand(1)
    torch.manual_seed(0)
    lives = [live(policy, ENV, SMALL, steps=256, seed=seed) for seed in (1, 1, 2)]
    assert torch.equal(torch.rand(1), wanted)
    assert lives[0].returns == lives[1].returns
    assert lives[0].returns != lives[2].returns
    same = [torch.equal(a, b) for a, b in zip(*(life.policy.parameters() for life in lives[:2]))]
    assert all(same)
    assert not torch.equal(lives[0].policy.linears()[0].weight, policy.linears()[0].weight)
    assert list(lives[0].steps) == sorted(lives[0].steps)
    assert lives[0].steps[-1] <= 256


@pytest.mark.usefixtures("ppo")
def test_a_life_without_an_episode_says_so() -> None:
    policy = policy_for("Pendulum-v1", (8,), 0)
    with pytest.raises(ConfigError, match="no episode"):
        live(policy, "Pendulum-v1", SMALL, steps=64, seed=0)
