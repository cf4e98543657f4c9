"""Rivals: what equal bytes buy, counted as a genome's bytes are."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from precocial.errors import ConfigError
from precocial.genome import Task, accuracy, digits, pooled, pruned, tiny_dense
from precocial.genome.rivals.pruned import most_entries, places_bits
from precocial.genome.rivals.training import Rival, fit, rounded, stored_genome
from tests.genome.tiny_tasks import blobs, network


def test_places_cost_the_logarithm_of_their_number() -> None:
    assert places_bits(10, 3) == pytest.approx(math.log2(120))
    assert places_bits(7, 7) == pytest.approx(0, abs=1e-9)


def test_the_most_entries_fit_and_one_more_does_not() -> None:
    total, nbytes, bits = 5000, 300, 6
    kept = most_entries(total, nbytes, bits)
    assert kept * bits + places_bits(total, kept) <= 8 * nbytes
    assert (kept + 1) * bits + places_bits(total, kept + 1) > 8 * nbytes
    with pytest.raises(ConfigError, match="hold no entry"):
        most_entries(total, 1, bits)


def test_a_pruned_model_keeps_its_budget_and_little_else() -> None:
    task, model = blobs(), network()
    fit(model, task, steps=60, rate=1e-2)
    found = pruned(model, task, 100, steps=30, bits=6, seed=0)
    left = sum(int((p != 0).sum()) for p in found.model.parameters())
    assert left == found.parameters <= most_entries(243, 96, 6)
    assert found.bytes <= 100
    assert accuracy(found.model, task.test) > 0.8


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


def test_a_stored_model_is_itself() -> None:
    model = network()
    born = stored_genome(model).birth(nn.Sequential(*network(seed=1)))
    for one, other in zip(model.parameters(), born.parameters()):
        assert torch.equal(one, other)
