"""Episodes of CartPole: against a plain loop, by seed, with other gravity."""

from __future__ import annotations

import math
import sys
from types import SimpleNamespace

import gymnasium
import numpy as np
import pytest
import torch

from precocial.errors import ConfigError, MissingExtraError
from precocial.genome import Genome, ReturnFitness
from precocial.genome.control.episodes import (
    SENSES,
    _scale_gravity,
    episodes,
    make_env,
    policy_for,
    starts,
)
from precocial.genome.control.policies import Categorical, Policy

ENV = "CartPole-v1"


@pytest.fixture
def policy() -> Policy:
    return policy_for(ENV, (16,), 0)


def test_they_are_those_of_a_plain_loop(policy: Policy) -> None:
    found = episodes(policy, ENV, 3, 7)
    env = gymnasium.make(ENV)
    seen = []
    for k, seed in enumerate(starts(7, 3)):
        observation, done, total = env.reset(seed=seed)[0], False, 0.0
        while not done:
            seen.append(observation)
            with torch.no_grad():
                action = int(policy(torch.tensor(observation)).argmax())
            observation, reward, terminated, truncated, _ = env.step(action)
            done, total = terminated or truncated, total + float(reward)
        assert found.returns[k] == total
        assert found.lengths[k] == total
    assert np.array_equal(found.observations, np.stack(seen))


def test_the_seed_decides_them(policy: Policy) -> None:
    first = episodes(policy, ENV, 4, 1, greedy=False)
    again = episodes(policy, ENV, 4, 1, greedy=False)
    assert np.array_equal(first.observations, again.observations)
    other = episodes(policy, ENV, 4, 2, greedy=False)
    assert not np.array_equal(first.observations, other.observations)
    few, many = episodes(policy, ENV, 2, 1), episodes(policy, ENV, 5, 1)
    assert few.returns.tolist() == many.returns[:2].tolist()


def test_gravity_is_scaled() -> None:
    assert make_env(ENV, gravity=1.5).unwrapped.gravity == pytest.approx(9.8 * 1.5)
    assert make_env(ENV).unwrapped.gravity == 9.8
    turned = []
    for gravity in (1.0, 1.5):
        env = make_env(ENV, gravity=gravity)
        env.reset(seed=0)
        env.unwrapped.state = np.array([0.0, 0.0, 0.1, 0.0])
        turned.append(env.step(0)[0][3])
    # 0.02 s, pole of 0.1 kg and 0.5 m (half), cart of 1 kg: what half of g more does to the pole
    more = 0.02 * 4.9 * np.sin(0.1) / (0.5 * (4 / 3 - 0.1 * np.cos(0.1) ** 2 / 1.1))
    assert turned[1] - turned[0] == pytest.approx(more, rel=1e-4)


def test_gravity_of_mujoco_is_scaled_along_the_vertical() -> None:
    pulls = np.array([0.1, 0.2, -9.81])
    env = SimpleNamespace(model=SimpleNamespace(opt=SimpleNamespace(gravity=pulls)))
    _scale_gravity(env, "HalfCheetah-v5", 1.5)
    assert pulls.tolist() == pytest.approx([0.1, 0.2, -9.81 * 1.5])


def test_options_reach_the_environment(policy: Policy) -> None:
    assert episodes(policy, ENV, 2, 0, max_episode_steps=3).lengths.tolist() == [3, 3]


def test_policies_fit_their_environment() -> None:
    made = policy_for(ENV, (64, 64), 0)
    assert isinstance(made, Categorical)
    assert made.widths == (4, 64, 64, 2)
    again, other = policy_for(ENV, (64, 64), 0), policy_for(ENV, (64, 64), 1)
    assert torch.equal(made[0].weight, again[0].weight)  # type: ignore[arg-type]
    assert not torch.equal(made[0].weight, other[0].weight)  # type: ignore[arg-type]
    assert policy_for("Pendulum-v1", (8,), 0).widths == (3, 8, 2)


def test_real_actions_are_clipped_to_their_bounds() -> None:
    policy = policy_for("Pendulum-v1", (8,), 0)
    last = policy.linears()[-1]
    with torch.no_grad():
        last.weight.zero_()
        last.bias.copy_(torch.tensor([50.0, 0.0]))
        far = episodes(policy, "Pendulum-v1", 2, 0)
        last.bias.copy_(torch.tensor([2.0, 0.0]))
        bound = episodes(policy, "Pendulum-v1", 2, 0)
    assert far.returns.tolist() == bound.returns.tolist()


def test_senses_multiply_observations(policy: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = make_env(ENV).reset(seed=3)[0]
    monkeypatch.setitem(SENSES, ENV, (1.0, 0.5, 2.0, 10.0))
    scaled = make_env(ENV).reset(seed=3)[0]
    assert scaled == pytest.approx(plain * np.array([1.0, 0.5, 2.0, 10.0]))
    assert episodes(policy, ENV, 2, 0).observations.dtype == np.float32


def test_what_cannot_be_used_says_so(policy: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="cannot be made"):
        make_env("NoSuchPole-v1")
    with pytest.raises(ConfigError, match="import a module"):
        make_env("antigravity:Pole-v1")
    with pytest.raises(ConfigError, match="no gravity"):
        make_env("FrozenLake-v1", gravity=2.0)
    with pytest.raises(ConfigError, match="vectors"):
        policy_for("FrozenLake-v1", (8,), 0)
    with pytest.raises(ConfigError, match="at least 1"):
        episodes(policy, ENV, 0, 0)
    monkeypatch.setitem(sys.modules, "mujoco", None)
    with pytest.raises(MissingExtraError, match=r"precocial\[control\]"):
        make_env("HalfCheetah-v5")
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    with pytest.raises(MissingExtraError, match=r"precocial\[gym\]"):
        make_env(ENV)


@pytest.mark.wrong_types
def test_other_policies_counts_layers_and_gravities_are_refused(policy: Policy) -> None:
    other, torques = policy_for("Acrobot-v1", (8,), 0), policy_for("Pendulum-v1", (8,), 0)
    genome = Genome.for_model(other, parameters=400)
    for wrong, says in (
        (other, "from 4 observations to 2 scores; this one is from 6 to 3"),
        (torques, "needs a Categorical policy; got Gaussian"),
        (torch.nn.Linear(4, 2), "needs a Categorical policy; got Linear"),
    ):
        with pytest.raises(ConfigError, match=says):
            episodes(wrong, ENV, 1, 0)
        with pytest.raises(ConfigError, match=says):
            ReturnFitness(genome, wrong, ENV)
    for n in (0, "a", 1.5):
        with pytest.raises(ConfigError, match="n must be at least 1"):
            ReturnFitness(genome, policy, ENV, n=n)
    for gravity in (math.nan, math.inf, -1, "a"):
        with pytest.raises(ConfigError, match="gravity is a factor of at least 0"):
            make_env(ENV, gravity=gravity)
    for hidden in ((0,), (-1,), ("a",), 3):
        with pytest.raises(ConfigError, match="hidden layers have at least 1 unit"):
            policy_for(ENV, hidden, 0)
    with pytest.raises(ConfigError, match="an environment is named"):
        make_env(None)
