"""Selection by what is learned: the family of tasks that only learning can solve."""

from __future__ import annotations

import copy
import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call

from precocial.errors import ConfigError
from precocial.genome import Examples, Genome, Task
from precocial.genome.lifetime.learning import Order, make_optimiser, score, step_on
from precocial.genome.loops.baldwin import BaldwinLoop
from precocial.genome.loops.configs import Baldwin, Innate, Lamarck
from precocial.genome.loops.evolve import evolve
from precocial.genome.loops.worlds import Worlds
from tests.genome.tiny_tasks import blobs, network

TASK = blobs()
PERMUTATIONS = [torch.tensor(p) for p in itertools.permutations(range(3))]


def permuted(seed: int) -> Task:
    """The clouds under other names, all six ways equally likely: at birth chance is the best."""
    order = PERMUTATIONS[int(np.random.default_rng(seed).integers(6))]

    def renamed(part: Examples) -> Examples:
        return replace(part, targets=order[part.targets])

    return replace(
        TASK,
        train=renamed(TASK.train),
        valid=renamed(TASK.valid),
        test=renamed(TASK.test),
    )


WORLDS = Worlds(draw=permuted, valid=6)


def genome() -> Genome:
    return Genome.for_model(network(), parameters=230, decoder="two_tower", labels="binary")


def learned(made: Genome, config: Baldwin) -> tuple[float, float]:
    """Mean test accuracy at birth and after a lifetime, over all six worlds."""
    born = grown = 0.0
    for seed in range(100, 118):
        world = permuted(seed)
        newborn = made.birth(network())
        born += score(newborn, world.test)[0]
        learner = make_optimiser("sgd", newborn.parameters(), config.lifetime_rate)
        order = Order(len(world.train), config.batch, seed, "life")
        for step in range(config.lifetime_steps):
            step_on(newborn, learner, world.train.take(order(step)))
        grown += score(newborn, world.test)[0]
    return born / 18, grown / 18


def test_where_only_learning_helps_baldwin_beats_innate() -> None:
    baldwin = Baldwin(steps=50, lifetimes=3, lifetime_steps=4, batch=32, rate=0.02)
    by_learning, by_birth = genome(), genome()
    rows = list(evolve(by_learning, network(), WORLDS, baldwin))
    list(evolve(by_birth, network(), WORLDS, Innate(steps=150, batch=32, rate=0.02)))
    born, grown = learned(by_learning, baldwin)
    born_innate, grown_innate = learned(by_birth, baldwin)
    assert born < 0.5  # no genome can know the names
    assert born_innate < 0.5
    assert grown > grown_innate + 0.1
    assert rows[-1]["learned"] > rows[0]["learned"]


def test_first_order_maml_is_the_gradient_after_the_lifetime() -> None:
    made, model = genome(), network()
    config = Baldwin(lifetime_steps=2, lifetime_rate=0.1, batch=20)
    loop = BaldwinLoop(made, model, TASK, config, 0)
    born = made.express()
    order = Order(len(TASK.train), 20, 0, "here")
    loss, gradient = loop._live(born, TASK, order)

    grown = copy.deepcopy(made.birth(model))
    velocity = {name: torch.zeros_like(p) for name, p in grown.named_parameters()}
    for step in range(2):
        examples = TASK.train.take(order(step))
        grown.zero_grad()
        nn.functional.cross_entropy(grown(examples.inputs), examples.targets).backward()
        with torch.no_grad():
            for name, p in grown.named_parameters():
                assert p.grad is not None
                velocity[name] = 0.9 * velocity[name] + p.grad
                p -= 0.1 * velocity[name]
    fresh = TASK.train.take(order(2))
    grown.zero_grad()
    expected = nn.functional.cross_entropy(grown(fresh.inputs), fresh.targets)
    expected.backward()
    assert loss == pytest.approx(expected.item(), rel=1e-5)
    for name, p in grown.named_parameters():
        assert p.grad is not None
        torch.testing.assert_close(gradient[name], p.grad, rtol=1e-4, atol=1e-6)

    reptile = BaldwinLoop(made, model, TASK, replace(config, method="reptile"), 0)
    _, moved = reptile._live(born, TASK, order)
    for name, p in grown.named_parameters():
        expected_move = (born[name] - p).detach() / (2 * 0.1)
        torch.testing.assert_close(moved[name], expected_move, rtol=1e-4, atol=1e-5)


def test_the_gradient_at_the_weights_reaches_the_genome() -> None:
    # one lifetime of a step so short that it moves nothing: first-order MAML is then the gradient
    # of the newborn's loss, and Adam's first step has the sign of it
    made, model = genome(), network()
    config = Baldwin(
        steps=10**6, lifetimes=1, lifetime_steps=1, lifetime_rate=1e-12, batch=120, clip=1e9
    )
    before = {name: p.detach().clone() for name, p in made.named_parameters()}
    loss = nn.functional.cross_entropy(
        functional_call(model, made.express(), (TASK.train.inputs,)), TASK.train.targets
    )
    gradient = dict(zip(before, torch.autograd.grad(loss, list(made.parameters())), strict=True))
    BaldwinLoop(made, model, TASK, config, 0).advance(0)
    for name, p in made.named_parameters():
        clear = gradient[name].abs() > 1e-4
        moved = (p.detach() - before[name])[clear]
        assert torch.equal(moved.sign(), -gradient[name][clear].sign())


def test_reptile_learns_too() -> None:
    config = Baldwin(steps=60, lifetimes=2, lifetime_steps=4, batch=32, rate=0.02, method="reptile")
    rows = list(evolve(genome(), network(), WORLDS, config))
    assert max(row["learned"] for row in rows) > rows[0]["learned"] + 0.05


def test_worlds_are_drawn_apart_and_not_for_lamarck() -> None:
    seen: list[int] = []

    def draw(seed: int) -> Task:
        seen.append(seed)
        return TASK

    list(evolve(genome(), network(), Worlds(draw=draw, valid=2), Baldwin(steps=2, lifetimes=3)))
    assert len(seen) == len(set(seen)) == 2 + 2 * 3
    with pytest.raises(ConfigError, match="inherit trained weights"):
        list(evolve(genome(), network(), WORLDS, Lamarck()))
    with pytest.raises(ConfigError, match="at least 1"):
        Worlds(draw=draw, valid=0)
