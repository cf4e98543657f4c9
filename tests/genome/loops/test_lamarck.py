"""The paper's loop: Eq. 3, planted recovery, and what a rule is fitted to."""

from __future__ import annotations

import copy
import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from precocial.errors import ConfigError
from precocial.genome import Genome, Pair
from precocial.genome.data.examples import Examples
from precocial.genome.lifetime.learning import Order
from precocial.genome.loops.configs import Lamarck
from precocial.genome.loops.evolve import Training, evolve
from precocial.genome.loops.lamarck import LamarckLoop, some
from tests.genome.tiny_tasks import blobs, network

SMALL = {"share": 1.0, "least_weights": 200, "weight_batch": 50}


def plainly_trained(model: nn.Module, steps: int, batch: int, rate: float, seed: int) -> nn.Module:
    """Plain training, written out without the room's loops."""
    task = blobs()
    found = copy.deepcopy(model).train()
    descent = torch.optim.Adam(found.parameters(), lr=rate)
    order = Order(len(task.train), batch, seed, task.name)
    for step in range(steps):
        examples: Examples = task.train.take(order(step))
        descent.zero_grad()
        nn.functional.cross_entropy(found(examples.inputs), examples.targets).backward()
        descent.step()
    return found


def after(epsilon: float, generations: int = 3) -> LamarckLoop:
    model = network()
    made = Genome.for_model(model, parameters=200, decoder="pair", labels="binary")
    config = Lamarck(generations=generations, epochs=1, batch=20, epsilon=epsilon, **SMALL)
    loop = LamarckLoop(made, model, blobs(), config, 5)
    for generation in range(generations):
        loop.advance(generation)
    return loop


def test_epsilon_of_1_is_plain_training_bit_for_bit() -> None:
    plain = plainly_trained(network(), steps=3 * 6, batch=20, rate=1e-3, seed=5)
    merged = after(1.0).network
    assert len(blobs().train) // 20 == 6
    for ours, theirs in zip(merged.parameters(), plain.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_epsilon_of_0_is_the_genome_alone() -> None:
    loop = after(0.0)
    for name, weight in loop.network.named_parameters():
        assert torch.equal(weight, loop.genome.weight_of(name))


def test_a_mixture_lies_between() -> None:
    plain = plainly_trained(network(), steps=6, batch=20, rate=1e-3, seed=5)
    loop = after(0.25, generations=1)
    trained = dict(plain.named_parameters())
    for name, weight in loop.network.named_parameters():
        expected = 0.25 * trained[name] + 0.75 * loop.genome.weight_of(name)
        torch.testing.assert_close(weight, expected)


def test_epsilon_follows_the_papers_schedule() -> None:
    config = Lamarck(epsilon=1.0, epsilon_decay=20)
    assert config.epsilon_at(0) == 1
    assert config.epsilon_at(20) == pytest.approx(math.exp(-1), abs=1e-15)
    assert Lamarck(epsilon=0.3).epsilon_at(400) == 0.3
    assert Lamarck().epsilon_at(0) == 0  # MNIST: replaced outright


def test_a_network_that_only_learns_does_not_lift_the_score_at_birth() -> None:
    # epsilon = 1: the network trains on, but the genome, fitted with a tiny step, stays as it is
    model = network()
    made = Genome.for_model(model, parameters=200, decoder="pair", labels="binary")
    config = Lamarck(
        generations=12, epochs=1, batch=20, rate=0.01, epsilon=1.0, weight_rate=1e-12, **SMALL
    )
    training = Training(made, model, blobs(), config)
    rows = list(training.rows())
    assert rows[-1]["loss"] < 0.3 * rows[1]["loss"]
    # what is stored raw (3 output biases) moves; everything generated does not
    assert rows[-1]["valid"] < 0.7


def test_a_genome_recovers_weights_that_another_genome_made() -> None:
    model, task = network(wide=32, hidden=24), blobs(wide=32)
    source, found = (
        Genome.for_model(model, parameters=400, decoder="pair", labels="binary", seed=seed)
        for seed in (1, 2)
    )
    rule = source.decoder_of("0.weight")
    assert isinstance(rule, Pair)
    with torch.no_grad():  # a rule that is not flat: newborn ones hardly vary
        for layer in rule.network:
            if isinstance(layer, nn.Linear):
                layer.weight.abs_()
    grown = source.birth(model)
    # The network does not move: its rate is next to nothing, and epsilon 1 keeps its weights.
    config = Lamarck(
        generations=12, epochs=0.1, batch=20, rate=1e-12, epsilon=1.0,
        share=4, least_weights=1500, weight_batch=64, weight_rate=0.01, evaluate_every=4,
    )  # fmt: skip
    rows = list(evolve(found, grown, task, config))
    assert [row["misfit"] for row in rows[1:]] == sorted(
        (row["misfit"] for row in rows[1:]), reverse=True
    )
    assert rows[-1]["misfit"] < 2e-3


def test_weights_at_places_are_those_of_the_whole() -> None:
    model = nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(96, 12))
    for decoder in ("pair", "two_tower"):
        made = Genome.for_model(model, parameters=700, decoder=decoder, labels="binary")
        for name in made.shapes:
            whole = made.weight_of(name).flatten()
            places = torch.arange(len(whole)).flip(0)
            torch.testing.assert_close(some(made.decoder_of(name), places), whole[places])


def test_a_convolutional_network_by_the_schedule_of_the_paper() -> None:
    model = nn.Sequential(
        nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Conv2d(6, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(24, 3)
    )
    task = blobs(wide=36)
    pictures = {
        part: replace(getattr(task, part), inputs=getattr(task, part).inputs.reshape(-1, 1, 6, 6))
        for part in ("train", "valid", "test")
    }
    made = Genome.for_model(model, parameters=500, decoder="pair", labels="paper")
    config = Lamarck(
        generations=40, epochs=2, batch=20, rate=3e-3, epsilon=1.0, epsilon_decay=20,
        share=1, least_weights=300, weight_batch=60, weight_rate=0.01, evaluate_every=40,
    )  # fmt: skip
    rows = list(evolve(made, model, replace(task, **pictures), config))
    assert rows[-1]["valid"] > 0.8


def test_counts_of_weights_and_their_names() -> None:
    model = network()
    made = Genome.for_model(model, parameters=200, decoder="pair", labels="binary")
    config = Lamarck(weights={"0.weight": 7}, least_weights=11, share=0.5)
    loop = LamarckLoop(made, model, blobs(), config, 0)
    sizes = {name: loop._drawn(name, value) for name, value in made.express().items()}
    assert sizes == {"0.weight": 7, "0.bias": 11, "2.weight": 18, "2.bias": 11}
    with pytest.raises(ConfigError, match=r"names \['1.weight'\]"):
        LamarckLoop(made, model, blobs(), Lamarck(weights={"1.weight": 7}), 0)
