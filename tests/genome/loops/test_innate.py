"""End to end: it learns, implicit or not, rounded or not, and the loss is what it says."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from precocial.errors import DataError
from precocial.genome import Genome, accuracy
from precocial.genome.loops.configs import Innate
from precocial.genome.loops.evolve import Training, evolve
from precocial.genome.loops.innate import InnateLoop
from precocial.genome.loops.parts import (
    cosine_rate,
    multiplies_without_weights,
    parameters_of,
)
from tests.genome.tiny_tasks import blobs, network


def genome(decoder: str = "two_tower") -> Genome:
    return Genome.for_model(network(), parameters=200, decoder=decoder, labels="binary")


def rounded(parameters: dict[str, torch.Tensor], bits: int) -> dict[str, torch.Tensor]:
    """To multiples of 2^-bits, with a straight gradient."""
    return {
        name: value + ((value * 2**bits).round() / 2**bits - value).detach()
        for name, value in parameters.items()
    }


@pytest.mark.parametrize("decoder", ["pair", "two_tower"])
def test_a_newborn_becomes_able(decoder: str) -> None:
    made, model, task = genome(decoder), network(), blobs()
    rows = list(evolve(made, model, task, Innate(steps=300, batch=40, rate=0.02)))
    assert rows[0]["valid"] < 0.7
    assert rows[-1]["valid"] > 0.9
    assert accuracy(made.birth(model), task.test) > 0.9


def test_the_implicit_pass_is_the_materialised_one() -> None:
    made, model, task = genome(), network(), blobs()
    assert multiplies_without_weights(made)
    assert not multiplies_without_weights(genome("pair"))
    loop = InnateLoop(made, model, task, Innate(), 0)
    assert loop._implicit is not None
    inputs = task.train.inputs[:9]
    implicit = loop._forward(inputs)
    loop._implicit = None
    torch.testing.assert_close(implicit, loop._forward(inputs))


@pytest.mark.parametrize("decoder", ["pair", "two_tower"])
def test_bits_round_what_is_trained_and_what_is_scored(decoder: str) -> None:
    model, task = network(), blobs()
    made = genome(decoder)
    loop = Innate(steps=200, batch=40, rate=0.02, bits=3, evaluate_every=50)
    rows = list(evolve(made, model, task, loop, quantise=rounded))
    with torch.no_grad():
        own = parameters_of(made)
        whole = {name: value.clone() for name, value in own.items()}
        for name, value in rounded(own, 3).items():
            own[name].copy_(value)
    best = max(row["valid"] for row in rows)
    assert accuracy(made.birth(model), task.valid) == best > 0.8
    assert any(not torch.equal(whole[name], own[name]) for name in own)


def test_a_mean_of_the_genome_is_scored_and_kept() -> None:
    model, task = network(), blobs()
    made = genome()
    config = Innate(steps=60, batch=40, rate=0.02, ema=0.9, evaluate_every=60)
    training = Training(made, model, task, config)
    rows = training.rows()
    next(rows)
    assert next(rows)["best"]
    loop = training._loop
    assert isinstance(loop, InnateLoop)
    mean = {name: value.clone() for name, value in loop.candidate().items()}
    last = {name: value.detach().clone() for name, value in parameters_of(made).items()}
    rows.close()
    for name, value in parameters_of(made).items():
        assert torch.equal(value, mean[name])
        assert not torch.equal(value, last[name])


def test_the_loss_with_a_teacher() -> None:
    task = blobs()
    teacher = torch.randn(len(task.train), 3, generator=torch.Generator().manual_seed(0))
    config = Innate(distil=0.25, temperature=2.0, label_smoothing=0.1)
    loop = InnateLoop(genome(), network(), task, config, 0, teacher=teacher)
    index = torch.tensor([3, 8, 1])
    scores = torch.tensor([[0.5, -1.0, 2.0], [0.0, 0.0, 0.3], [1.0, 2.0, 3.0]])
    targets = torch.tensor([2, 0, 1])
    p = (teacher[index] / 2).softmax(1)
    divergence = float((p * (p.log() - (scores / 2).log_softmax(1))).sum(1).mean())
    smooth = 0.9 * nn.functional.one_hot(targets, 3) + 0.1 / 3
    entropy = float(-(smooth * scores.log_softmax(1)).sum(1).mean())
    expected = 0.75 * entropy + 0.25 * 4 * divergence
    assert float(loop._loss(scores, targets, index)) == pytest.approx(expected, rel=1e-5)


def test_a_teacher_that_does_not_fit_is_refused() -> None:
    task = blobs()
    with pytest.raises(DataError, match=r"\(120, 3\)"):
        InnateLoop(genome(), network(), task, Innate(distil=0.5), 0)
    with pytest.raises(DataError, match=r"got \(120, 2\)"):
        InnateLoop(genome(), network(), task, Innate(distil=0.5), 0, teacher=torch.zeros(120, 2))


def test_the_rate_rises_in_a_line_and_falls_by_a_cosine_in_steps() -> None:
    rates = [cosine_rate(step, 100, 2.0, 4) for step in range(101)]
    assert rates[0] == pytest.approx(2.0 / 5)
    assert rates[50] == pytest.approx(1.0)
    assert rates[100] == pytest.approx(0.0)
    assert rates[4:] == sorted(rates[4:], reverse=True)


def test_the_score_with_bits_is_that_of_the_saved_genome(tmp_path: Path) -> None:
    model, task = network(), blobs()
    made = genome()
    rows = list(
        evolve(made, model, task, Innate(steps=100, batch=40, rate=0.02, bits=4, evaluate_every=20))
    )
    made.save(tmp_path / "a.genome", bits=4)
    loaded = Genome.load(tmp_path / "a.genome")
    best = max(row["valid"] for row in rows)
    assert accuracy(loaded.birth(model), task.valid) == best > 0.7
