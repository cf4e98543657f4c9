"""Worlds whose names change, and the lives in them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from precocial.errors import ConfigError
from precocial.genome.lab.lives import Places, correct_rates, live, mean_losses, stacked
from precocial.genome.lab.worlds import Family, deal, renamed
from precocial.genome.lifetime.learning import make_optimiser, score, step_on
from precocial.runs import stream
from tests.genome.tiny_tasks import blobs, network


@given(classes=st.integers(2, 12), moved=st.integers(0, 12), seed=st.integers(0, 99))
def test_a_deal_moves_its_share_and_is_a_permutation(classes: int, moved: int, seed: int) -> None:
    if moved == 1 or moved > classes:
        return
    names = deal(classes, moved / classes, seed)
    assert sorted(names) == list(range(classes))
    assert int((names != np.arange(classes)).sum()) == moved


def test_a_single_class_has_nowhere_to_go() -> None:
    with pytest.raises(ConfigError, match="moves one class"):
        deal(10, 0.1, 0)
    with pytest.raises(ConfigError, match=r"\[0, 1\]"):
        deal(10, 1.5, 0)


def family(variability: float, **more: int) -> Family:
    task = blobs(classes=4, count=200)
    return Family(pictures=task, variability=variability, ancestral_pictures=30, **more)


def test_without_variability_all_worlds_agree() -> None:
    still = family(0)
    for world in (*still.ancestral, still.held_out(3)):
        assert torch.equal(world.test.targets, still.pictures.test.targets)


def test_with_variability_worlds_differ_in_names_only() -> None:
    moving = family(1.0)
    for one, other in itertools.pairwise(moving.ancestral):
        assert torch.equal(one.train.inputs, other.train.inputs)
    targets = {tuple(world.train.targets.tolist()) for world in moving.ancestral}
    assert len(targets) > 2
    for world in moving.ancestral:
        assert not bool((world.test.targets == moving.pictures.test.targets).any())


def test_held_out_pictures_are_no_ancestor_s() -> None:
    found = family(0.5)
    seen = {tuple(row) for row in found.ancestral[0].train.inputs.tolist()}
    new = {tuple(row) for row in found.held_out(0).train.inputs.tolist()}
    assert len(seen) == 30
    assert seen.isdisjoint(new)
    assert len(seen | new) == len(found.pictures.train)


def test_the_outer_loop_sees_ancestral_worlds_only() -> None:
    found = family(1.0, ancestral_worlds=3)
    own = {tuple(world.train.targets.tolist()) for world in found.ancestral}
    drawn = found.outer()
    assert {tuple(drawn.of(0, k).train.targets.tolist()) for k in range(12)} <= own
    assert {tuple(world.train.targets.tolist()) for world in drawn.held_out(0)} <= own


def test_a_family_refuses_what_it_cannot_deal() -> None:
    with pytest.raises(ConfigError, match="ancestral"):
        Family(pictures=blobs(), variability=0, ancestral_pictures=10_000)
    with pytest.raises(ConfigError, match="moves one class"):
        family(0.25)


def test_a_stack_of_lives_is_each_life_alone() -> None:
    tasks = [blobs(0), blobs(1)]
    nets = [network(seed=0), network(seed=1)]
    curves, grown = live(
        stacked(nets), Places.of(tasks), steps=6, rates=torch.tensor([[0.05] * 4, [0.2] * 4]),
        batch=16, seed=3, marks=(0, 6),
    )  # fmt: skip
    places = Places.of(tasks)
    losses = mean_losses(grown, places.test_inputs, places.test_targets)
    for number, (task, net, rate) in enumerate(zip(tasks, nets, (0.05, 0.2), strict=True)):
        assert curves[number, 0] == pytest.approx(score(net, task.test)[0])
        random = stream(3, "genome", "lab", "life")
        optimiser = make_optimiser("sgd", net.parameters(), rate)
        for _ in range(6):
            at = (random.random((1, 16))[0] * len(task.train)).astype(np.int64)
            step_on(net, optimiser, task.train.take(torch.from_numpy(at)))
        accuracy, loss = score(net, task.test)
        assert curves[number, 1] == pytest.approx(accuracy)
        assert losses[number] == pytest.approx(loss, rel=1e-4)


def test_a_rate_of_0_leaves_a_tensor_as_it_was() -> None:
    start = stacked([network()])
    _, grown = live(
        start, Places.of([blobs()]), steps=3, rates=torch.tensor([[0.0, 0.1, 0.1, 0.0]]),
        batch=8, seed=0, marks=(),
    )  # fmt: skip
    same = [torch.equal(a, b) for a, b in zip(start, grown, strict=True)]
    assert same == [True, False, False, True]


def test_other_networks_are_refused() -> None:
    with pytest.raises(ConfigError, match="one hidden layer"):
        stacked([nn.Sequential(nn.Linear(3, 2))])
    with pytest.raises(ConfigError, match="at least one"):
        stacked([])


def test_renamed_pictures_are_right_for_renamed_rules() -> None:
    task = blobs()
    names = np.array([1, 2, 0])
    net = network()
    other = network()
    with torch.no_grad():
        last, new = net[2], other[2]
        assert isinstance(last, nn.Linear)
        assert isinstance(new, nn.Linear)
        new.weight[names] = last.weight.clone()
        new.bias[names] = last.bias.clone()
    moved = renamed(task.test, names)
    both = Places.of([task])
    before = correct_rates(stacked([net]), both.test_inputs, both.test_targets)[0]
    assert score(other, moved)[0] == pytest.approx(before)
