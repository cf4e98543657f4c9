"""Policies: counts, their distributions, divergences in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from precocial.errors import ConfigError
from precocial.genome import Genome, cheetah_policy
from precocial.genome.control.policies import LOG_STD, Categorical, Gaussian, Policy
from precocial.genome.lifetime.learning import randomised


def test_the_cheetah_has_the_papers_count_and_is_its_plain_network() -> None:
    made = Gaussian(17, 64, 64, 12)
    assert sum(p.numel() for p in made.parameters()) == 6092
    plain = cheetah_policy()
    shapes = {name: p.shape for name, p in made.named_parameters()}
    assert shapes == {name: p.shape for name, p in plain.named_parameters()}
    plain.load_state_dict(made.state_dict())
    seen = torch.randn(5, 17)
    assert torch.equal(plain(seen), made(seen))


def test_a_newborn_policy_is_a_policy() -> None:
    made = Gaussian(17, 64, 64, 12)
    born = Genome.for_model(made, ratio=10).birth(made)
    assert isinstance(born, Gaussian)
    assert born.widths == (17, 64, 64, 12)
    assert isinstance(randomised(born, 1), Gaussian)


def test_modes() -> None:
    assert Categorical(2, 3).mode(torch.tensor([[0.0, 5.0, 1.0], [3.0, 0.0, 1.0]])).tolist() == [
        1,
        0,
    ]
    scores = torch.tensor([[0.5, -2.0, 9.0, -9.0]])
    made = Gaussian(2, 4)
    assert made.mode(scores).tolist() == [[0.5, -2.0]]
    assert made.moments(scores)[1].tolist() == [[LOG_STD[1], LOG_STD[0]]]


def test_a_deviation_outside_its_range_can_come_back() -> None:
    scores = torch.tensor([[0.0, -30.0]], requires_grad=True)
    Gaussian(2, 2).divergence(torch.tensor([[0.5, 0.0]]), scores).backward()  # type: ignore[no-untyped-call]
    assert scores.grad is not None
    # with a deviation of e^-5, KL falls as it grows
    assert float(scores.grad[0, 1]) < -100


def test_a_policy_without_a_distribution_has_no_actions() -> None:
    with pytest.raises(ConfigError, match="Categorical"):
        Policy(2, 3).mode(torch.zeros(1, 3))


def test_draws_have_the_distribution_of_the_scores() -> None:
    random = np.random.default_rng(3)
    logits = torch.tensor([0.0, 1.0, -1.0]).expand(20_000, 3)
    drawn = Categorical(2, 3).draw(logits, random)
    found = torch.bincount(drawn, minlength=3) / len(drawn)
    # five standard errors of a share
    assert float((found - logits[0].softmax(0)).abs().max()) < 5 * math.sqrt(0.25 / 20_000)
    scores = torch.tensor([0.5, -1.0, math.log(2.0), math.log(0.1)]).expand(20_000, 4)
    drawn = Gaussian(2, 4).draw(scores, random)
    assert drawn.mean(0).numpy() == pytest.approx([0.5, -1.0], abs=0.08)
    assert drawn.std(0).numpy() == pytest.approx([2.0, 0.1], rel=0.03)


def test_divergences_in_closed_form() -> None:
    p, q = torch.tensor([[math.log(0.75), math.log(0.25)]]), torch.zeros(1, 2)
    wanted = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    assert float(Categorical(2, 2).divergence(p, q)) == pytest.approx(wanted, rel=1e-5)
    made = Gaussian(2, 4)
    t = torch.tensor([[0.0, 1.0, 0.0, math.log(2.0)]])
    s = torch.tensor([[1.0, 1.0, math.log(2.0), 0.0]])
    first = math.log(2) + (1 + 1) / (2 * 4) - 0.5
    second = -math.log(2) + 4 / 2 - 0.5
    assert float(made.divergence(t, s)) == pytest.approx(first + second, rel=1e-5)
    assert float(made.divergence(t, t)) == pytest.approx(0, abs=1e-7)


def test_the_divergence_agrees_with_torchs_distributions() -> None:
    t, s = torch.randn(50, 8), torch.randn(50, 8)
    made = Gaussian(3, 8)
    dist = [torch.distributions.Normal(m, d.exp()) for m, d in (made.moments(t), made.moments(s))]
    wanted = torch.distributions.kl_divergence(*dist).sum(-1).mean()
    assert float(made.divergence(t, s)) == pytest.approx(float(wanted), rel=1e-4)
