"""Pruning: what entries cost, what is cut, and what is kept."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from precocial.errors import ConfigError
from precocial.genome import accuracy, pruned
from precocial.genome.rivals.pruned import highest, largest_masks, places_bits, sparse_bits
from precocial.genome.rivals.training import fit
from tests.genome.tiny_tasks import blobs, network


def test_places_cost_the_logarithm_of_their_number() -> None:
    assert places_bits(10, 3) == pytest.approx(math.log2(120))
    assert places_bits(7, 7) == pytest.approx(0, abs=1e-9)


def test_entries_in_few_rows_and_columns_cost_less_than_scattered_ones() -> None:
    dense, scattered = (torch.zeros(40, 30, dtype=torch.bool) for _ in range(2))
    dense[3:7, 5:10] = True
    scattered.view(-1)[torch.arange(20) * 59] = True
    counts = 8 + math.log2(1201) + math.log2(41) + math.log2(31) + 1
    block = math.log2(math.comb(40, 4)) + math.log2(math.comb(30, 5))
    assert sparse_bits({"w": dense}, 6) == pytest.approx(counts + 20 * 6 + block)
    anywhere = math.log2(math.comb(1200, 20))
    assert sparse_bits({"w": scattered}, 6) == pytest.approx(counts + 20 * 6 + anywhere)


def test_the_most_entries_fit_and_one_more_does_not() -> None:
    scores = {"w": torch.rand(50, 90), "b": torch.rand(50)}
    kept = largest_masks(scores, 300, 6)
    entries = sum(int(mask.sum()) for mask in kept.values())
    assert sparse_bits(kept, 6) <= 8 * 300 < sparse_bits(highest(scores, entries + 1), 6)
    threshold = min(float(scores[name][mask].min()) for name, mask in kept.items())
    assert all(float(scores[name][~mask].max()) < threshold for name, mask in kept.items())
    with pytest.raises(ConfigError, match="hold no entry"):
        largest_masks(scores, 1, 6)


def test_a_pruned_model_keeps_its_budget_and_little_else() -> None:
    task, model = blobs(), network()
    fit(model, task, steps=60, rate=1e-2)
    before = [parameter.clone() for parameter in model.parameters()]
    found = pruned(model, task, 100, steps=120, bits=6, seed=0)
    left = sum(int((p != 0).sum()) for p in found.model.parameters())
    assert left <= found.parameters < 120
    assert 90 < found.bytes <= 100
    assert accuracy(found.model, task.test) > 0.8
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    for parameter in found.model.parameters():
        assert len(parameter.unique()) <= 64  # the values of 6 bits
    with pytest.raises(ConfigError, match="hold no entry"):
        pruned(model, task, 8, steps=4, bits=6, seed=0)


def test_a_module_named_statistics_is_rounded_like_any_other() -> None:
    torch.manual_seed(0)
    task, layers = blobs(), network()
    model = nn.Sequential()
    for place, layer in enumerate(layers):
        model.add_module("statistics" if place == 0 else f"other{place}", layer)
    found = pruned(model, task, 100, steps=40, bits=3, seed=0)
    for parameter in found.model.parameters():
        assert len(parameter.unique()) <= 7


def test_weights_of_a_unit_that_nothing_reads_are_cut_first() -> None:
    task, model = blobs(), network()
    fit(model, task, steps=60, rate=1e-2)
    with torch.no_grad():
        first, last = model[0], model[2]
        assert isinstance(first, nn.Linear)
        assert isinstance(last, nn.Linear)
        first.weight[0] = 10.0  # the largest of all, and read by no answer
        last.weight[:, 0] = 0.0
    found = pruned(model, task, 130, steps=40, bits=6, seed=0)
    assert not dict(found.model.named_parameters())["0.weight"][0].any()
