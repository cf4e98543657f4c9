"""Learning after birth, and the networks that newborns are compared with."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from precocial.errors import ConfigError
from precocial.genome.data.examples import accuracy
from precocial.genome.lifetime.learning import (
    Order,
    learn,
    randomised,
    score,
    shuffled,
    usual_marks,
)
from tests.genome.tiny_tasks import blobs, network

TASK = blobs()


def values(of: nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in of.parameters()])


def test_it_is_plain_adam() -> None:
    model = network()
    plain = copy.deepcopy(model)
    descent = torch.optim.Adam(plain.parameters(), lr=0.01)
    order = Order(len(TASK.train), 40, 3, TASK.name)
    for step in range(7):
        examples = TASK.train.take(order(step))
        descent.zero_grad()
        nn.functional.cross_entropy(plain(examples.inputs), examples.targets).backward()
        descent.step()
    rows = list(learn(model, TASK, steps=7, rate=0.01, batch=40, seed=3))
    assert torch.equal(values(model), values(plain))
    assert [row["step"] for row in rows] == [0, 1, 2, 5, 7]
    assert [row["examples"] for row in rows] == [0, 40, 80, 200, 280]
    assert rows[-1]["accuracy"] == accuracy(plain, TASK.valid)
    logits = plain(TASK.valid.inputs)
    expected = nn.functional.cross_entropy(logits, TASK.valid.targets).item()
    assert rows[-1]["loss"] == pytest.approx(expected, rel=1e-5)


def test_it_learns_and_the_test_split_is_scored_if_asked() -> None:
    rows = list(learn(network(), TASK, steps=60, rate=0.01, batch=40, marks=[0, 60], on="test"))
    assert rows[1]["accuracy"] > 0.85 > rows[0]["accuracy"]
    model = network()
    list(learn(model, TASK, steps=60, rate=0.01, batch=40, marks=[]))
    assert accuracy(model, TASK.test) == rows[1]["accuracy"]


def test_still_steps_leave_the_weights_and_fill_the_moments() -> None:
    model = network()
    before = values(model)
    list(learn(model, TASK, steps=5, still_steps=5, batch=40))
    assert torch.equal(values(model), before)

    # with full moments the first step is smaller than Adam's own first step, whose size is the rate
    def first_step(still: int) -> torch.Tensor:
        made = network()
        list(learn(made, TASK, steps=still + 1, still_steps=still, rate=0.01, batch=20))
        return (values(made) - before).abs()

    cold, warm = first_step(0), first_step(30)
    assert float(cold[cold > 0].median()) == pytest.approx(0.01, rel=1e-3)
    assert float(warm[warm > 0].median()) < 0.008


def test_a_warm_up_shortens_the_first_steps() -> None:
    before = values(network())
    made = network()
    list(learn(made, TASK, steps=1, warmup_steps=9, rate=0.01, batch=40))
    moved = (values(made) - before).abs()
    assert float(moved[moved > 0].median()) == pytest.approx(0.001, rel=1e-3)


def test_sgd_has_momentum() -> None:
    model = network()
    plain = copy.deepcopy(model)
    descent = torch.optim.SGD(plain.parameters(), lr=0.1, momentum=0.9)
    order = Order(len(TASK.train), 40, 0, TASK.name)
    for step in range(4):
        examples = TASK.train.take(order(step))
        descent.zero_grad()
        nn.functional.cross_entropy(plain(examples.inputs), examples.targets).backward()
        descent.step()
    list(learn(model, TASK, steps=4, rate=0.1, optimiser="sgd", batch=40))
    assert torch.equal(values(model), values(plain))


def test_shuffled_weights_are_the_same_in_other_places() -> None:
    model = network()
    mixed = shuffled(model, 1)
    for name, parameter in model.named_parameters():
        other = mixed.get_parameter(name)
        assert torch.equal(parameter.flatten().sort().values, other.flatten().sort().values)
        assert not torch.equal(parameter, other)
    assert torch.equal(values(shuffled(model, 1)), values(mixed))
    assert not torch.equal(values(shuffled(model, 2)), values(mixed))


def test_a_random_network_has_the_modules_own_weights() -> None:
    model = nn.Sequential(nn.Linear(100, 300), nn.BatchNorm1d(300), nn.ReLU(), nn.Linear(300, 3))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(7)
    made = randomised(model, 4)
    assert float(made.get_parameter("0.weight").detach().abs().max()) == pytest.approx(
        0.1, rel=1e-2
    )
    assert torch.equal(made.get_parameter("1.weight"), torch.ones(300))
    assert torch.equal(values(randomised(model, 4)), values(made))
    assert not torch.equal(values(randomised(model, 5)), values(made))
    assert float(values(model).min()) == 7

    class Bare(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.free = nn.Parameter(torch.zeros(3))

    with pytest.raises(ConfigError, match=r"1 \(Bare\) has no reset_parameters"):
        randomised(nn.Sequential(nn.Linear(2, 3), Bare()))


def test_an_order_is_an_epoch_of_every_example() -> None:
    order = Order(10, 3, 0, "a")
    epoch = torch.cat([order(step) for step in range(3)])
    assert len(set(epoch.tolist())) == 9
    later = order(7)
    again = Order(10, 3, 0, "a")
    assert torch.equal(again(7), later)
    assert torch.equal(again(0), epoch[:3])
    assert not torch.equal(Order(10, 3, 1, "a")(0), epoch[:3])
    assert len(Order(4, 9, 0, "a")(5)) == 4


def test_scores_leave_the_mode_and_do_not_depend_on_the_batch() -> None:
    model = nn.Sequential(network(), nn.Dropout(0.5)).train()
    whole, parts = score(model, TASK.test, batch=999), score(model, TASK.test, batch=7)
    assert whole == pytest.approx(parts, rel=1e-5)
    assert model.training


def test_marks_and_refusals() -> None:
    assert usual_marks(0) == [0]
    assert usual_marks(20) == [0, 1, 2, 5, 10, 20]
    with pytest.raises(ConfigError, match="marks are steps from 0 to 3"):
        next(learn(network(), TASK, steps=3, marks=[4]))
    with pytest.raises(ConfigError, match="rate above 0"):
        next(learn(network(), TASK, steps=3, rate=0))
