"""Distillation: a genome that can hold its teacher becomes it; a small one comes close."""

from __future__ import annotations

import pytest
import torch

from precocial.errors import ConfigError
from precocial.genome.control.distil import Distillation, distil
from precocial.genome.control.episodes import episodes, policy_for
from precocial.genome.control.policies import Categorical, Policy
from precocial.genome.loops.parts import copied, parameters_of
from precocial.genome.rivals.training import stored_genome

ENV = "CartPole-v1"
QUICK = Distillation(rounds=2, episodes=3, steps=150, batch=64, valid=5, rate=0.02)


def balancer() -> Policy:
    """Pushes to where the pole falls: a PD controller, 500 steps from most starts."""
    policy = Categorical(4, 2, 2)
    first, last = policy.linears()
    with torch.no_grad():
        first.weight.copy_(torch.tensor([[0.02, 0.1, 1.0, 0.5], [0.0, 0.0, 0.0, 0.0]]))
        first.bias.zero_()
        last.weight.copy_(torch.tensor([[-40.0, 0.0], [40.0, 0.0]]))
        last.bias.zero_()
    return policy


def test_the_teacher_balances_and_a_random_policy_does_not() -> None:
    assert episodes(balancer(), ENV, 5, 0).returns.mean() > 400
    assert episodes(policy_for(ENV, (2,), 0), ENV, 5, 0).returns.mean() < 100


def test_a_genome_learns_to_act_like_its_teacher() -> None:
    teacher = balancer()
    genome = stored_genome(policy_for(ENV, (2,), 3))
    before = genome.birth(teacher)
    rows = list(distil(genome, teacher, ENV, QUICK, seed=0))
    assert [row["round"] for row in rows] == [1, 2]
    assert rows[1]["states"] > rows[0]["states"]
    born = genome.birth(teacher)
    assert isinstance(born, Policy)
    assert isinstance(before, Policy)
    seen = torch.from_numpy(episodes(teacher, ENV, 5, 9, greedy=False).observations)
    with torch.no_grad():
        gap = [float(teacher.divergence(teacher(seen), policy(seen))) for policy in (before, born)]
    assert gap[1] < 0.2 * gap[0]
    assert episodes(born, ENV, 5, 1).returns.mean() > 300


def test_the_later_rounds_see_the_newborns_own_states() -> None:
    # one step at no rate leaves the newborn as it is: what it visits is known
    teacher, start = balancer(), policy_for(ENV, (2,), 3)
    config = Distillation(rounds=2, episodes=2, steps=1, batch=4, valid=1, rate=1e-12)
    rows = list(distil(stored_genome(start), teacher, ENV, config, seed=4))
    first = rows[0]["states"]
    assert first > 2 * rows[0]["valid"]  # the teacher lives longer than the newborn
    assert rows[1]["states"] - first < first


def test_the_best_round_is_kept_also_when_stopped() -> None:
    genome = stored_genome(policy_for(ENV, (2,), 3))
    rows = distil(genome, balancer(), ENV, QUICK, seed=0)
    row = next(rows)
    after_one = copied(parameters_of(genome))
    rows.close()  # type: ignore[attr-defined]
    assert row["best"]
    for name, value in parameters_of(genome).items():
        assert torch.equal(value.detach(), after_one[name])


def test_same_seed_same_rows() -> None:
    found = [
        list(distil(stored_genome(policy_for(ENV, (2,), 3)), balancer(), ENV, QUICK, seed=5))
        for _ in range(2)
    ]
    assert found[0] == found[1]


def test_settings_are_checked() -> None:
    with pytest.raises(ConfigError, match="at least 1"):
        Distillation(rounds=0)
    with pytest.raises(ConfigError, match="above 0"):
        Distillation(rate=0.0)
