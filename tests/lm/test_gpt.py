"""The model."""

from __future__ import annotations

import math

import pytest
import torch

from precocial.errors import ConfigError
from precocial.lm.gpt import GPT, GPTConfig, count_params, train_flops

SMALL = GPTConfig(vocabulary=11, context=8, width=12, depth=2, heads=3)


def build(config: GPTConfig = SMALL, seed: int = 0) -> GPT:
    return GPT(config, generator=torch.Generator().manual_seed(seed))


def test_a_position_sees_its_past_and_not_its_future():
    model = build()
    tokens = torch.arange(8).view(1, 8)
    changed = tokens.clone()
    changed[0, 5] = 9
    before, after = model(tokens), model(changed)
    assert torch.equal(before[:, :5], after[:, :5])
    assert not torch.isclose(before[:, 5:], after[:, 5:]).all(-1).any()


def test_shorter_windows_give_the_same_logits():
    model = build()
    tokens = torch.arange(8).view(1, 8)
    assert torch.allclose(model(tokens)[:, :4], model(tokens[:, :4]), atol=1e-6)


@pytest.mark.parametrize("tied", [True, False])
def test_parameters_are_counted_with_and_without_the_vocabulary(tied):
    config = GPTConfig(vocabulary=50, context=7, width=16, depth=3, heads=2, tied=tied)
    n, total = count_params(build(config))
    assert n == 3 * (12 * 16**2 + 4 * 16) + 2 * 16
    assert total == n + (1 if tied else 2) * 50 * 16 + 7 * 16


def test_flops_follow_six_n():
    model = build(GPTConfig(vocabulary=2, context=1, width=64, depth=4))
    assert train_flops(model, 1000) == pytest.approx(6000 * count_params(model)[0], rel=0.02)
    assert train_flops(model, 2000) == 2 * train_flops(model, 1000)


def test_weights_are_drawn_from_the_generator_alone():
    torch.manual_seed(1)
    first = build(seed=3)
    torch.manual_seed(2)
    again, other = build(seed=3), build(seed=4)
    for (_, one), (_, two) in zip(first.named_parameters(), again.named_parameters(), strict=True):
        assert torch.equal(one, two)
    assert not torch.equal(first.tokens.weight, other.tokens.weight)


def test_a_new_model_knows_little():
    config = GPTConfig(vocabulary=100, context=16, width=64)
    tokens = torch.randint(100, (64, 17), generator=torch.Generator().manual_seed(0))
    logits = build(config)(tokens[:, :-1])
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
    assert math.log(100) - 0.1 < loss.item() < math.log(100) + 1.5


@pytest.mark.parametrize("bad", [{"width": 0}, {"depth": -1}, {"heads": 5}, {"context": 0}])
def test_a_shape_that_cannot_be_is_refused(bad):
    with pytest.raises(ConfigError, match="GPTConfig"):
        GPTConfig(**{"width": 12, **bad})
