"""Rivals: what equal bytes buy, counted as a genome's bytes are."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from precocial.errors import ConfigError
from precocial.genome import Task, accuracy, digits, pooled, tiny_dense
from precocial.genome.rivals.training import Rival, quantised, rounded, stored_genome
from tests.genome.tiny_tasks import blobs, network


@pytest.mark.parametrize("task", [blobs(), digits()], ids=["numbers", "pictures"])
def test_dense_rivals_are_rounded_counted_and_able(task: Task) -> None:
    for make, least in ((pooled, 0.7), (tiny_dense, 0.5)):
        found: Rival = make(task, 700, steps=30, bits=6, seed=0)
        assert found.parameters <= 700
        assert found.bytes == stored_genome(found.model).byte_count(6)
        again, size = rounded(found.model, 6)
        assert size == found.bytes
        for one, other in zip(again.parameters(), found.model.parameters()):
            assert torch.equal(one, other)
        assert accuracy(found.model, task.test) > least


def test_too_few_parameters_are_refused() -> None:
    with pytest.raises(ConfigError, match="a linear model needs 51 parameters; got 50"):
        pooled(blobs(), 50, steps=1, bits=6, seed=0)
    with pytest.raises(ConfigError, match="too few for a hidden layer"):
        tiny_dense(blobs(), 40, steps=1, bits=6, seed=0)


def test_a_quantised_model_keeps_its_statistics() -> None:
    model = nn.Sequential(nn.Linear(16, 5), nn.BatchNorm1d(5), nn.Linear(5, 3))
    model(torch.randn(40, 16))
    made, size = quantised(model, 4)
    assert size == stored_genome(made).byte_count(4)
    assert torch.equal(made[1].running_mean, model[1].running_mean)
    assert len(made[0].weight.unique()) <= 16 < len(model[0].weight.unique())


def test_a_stored_model_is_itself() -> None:
    model = network()
    born = stored_genome(model).birth(nn.Sequential(*network(seed=1)))
    for one, other in zip(model.parameters(), born.parameters()):
        assert torch.equal(one, other)
