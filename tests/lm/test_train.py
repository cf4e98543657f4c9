"""The loop: schedule, batches, losses, resume."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from precocial.errors import ConfigError, DataError, RunError
from precocial.lm.gpt import GPT, GPTConfig
from precocial.lm.tokens import TokenText
from precocial.lm.train import (
    SCHEDULES,
    TrainConfig,
    Training,
    batches,
    evaluate,
    load_weights,
    weights_of,
)

SHAPE = GPTConfig(vocabulary=5, context=8, width=8, depth=1)


def text(tokens, sizes=None) -> TokenText:
    array = np.asarray(tokens, dtype=np.uint16)
    sizes = np.ones(len(array)) if sizes is None else sizes
    return TokenText(array, np.asarray(sizes, dtype=np.uint16))


def noise(n: int, seed: int = 0) -> TokenText:
    return text(np.random.default_rng(seed).integers(0, 5, n))


CYCLE = text([0, 1, 2, 3, 4] * 60)


def model(seed: int = 0) -> GPT:
    return GPT(SHAPE, generator=torch.Generator().manual_seed(seed))


def training(data=CYCLE, tune=CYCLE, *, seed: int = 0, **fields) -> Training:
    config = TrainConfig(**{"steps": 40, "batch": 4, "evaluations": 4, **fields})
    return Training(model(), data, tune, config, seed)


# ---------------------------------------------------------------- schedule


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_rate_rises_in_the_warm_up_and_falls_to_zero(schedule):
    config = TrainConfig(steps=100, learning_rate=2.0, warmup=0.1, schedule=schedule)
    rates = [config.rate(step) for step in range(1, 101)]
    assert rates[0] == pytest.approx(0.2)
    assert rates[9] == pytest.approx(2.0)
    assert rates[:10] == sorted(rates[:10])
    assert rates[9:] == sorted(rates[9:], reverse=True)
    assert rates[-1] == pytest.approx(2.0 if schedule == "constant" else 0.0)
    halfway = {"linear": 1.0, "cosine": 1.0, "constant": 2.0}[schedule]
    assert config.rate(55) == pytest.approx(halfway)


@given(st.integers(1, 5000), st.integers(1, 40))
def test_the_last_step_is_always_looked_at(steps, evaluations):
    marks = TrainConfig(steps=steps, evaluations=evaluations).evaluation_steps
    assert marks[-1] == steps
    assert list(marks) == sorted(set(marks))
    assert marks[0] >= 1
    assert len(marks) <= evaluations


@pytest.mark.parametrize(
    "bad",
    [
        {"steps": 0}, {"batch": 0}, {"learning_rate": 0.0}, {"learning_rate": math.inf},
        {"warmup": 1.0}, {"warmup": -0.1}, {"schedule": "steep"}, {"clip": 0.0}, {"patience": -1},
        {"evaluations": 0}, {"weight_decay": -1.0},
    ],
)  # fmt: skip
def test_a_training_that_cannot_be_is_refused(bad):
    with pytest.raises(ConfigError, match="TrainConfig"):
        TrainConfig(**bad)


# ---------------------------------------------------------------- batches


@given(st.integers(9, 200), st.integers(1, 7), st.integers(0, 5))
def test_an_epoch_reads_the_text_once(n, batch, seed):
    data = TokenText(np.arange(n, dtype=np.uint16), np.ones(n, dtype=np.uint16))
    stream = batches(data, context=8, batch=batch, seed=seed)
    starts: list[int] = []
    while len(starts) < (n - 8 + 7) // 8:
        inputs, targets = next(stream)
        assert inputs.shape == targets.shape == (batch, 8)
        assert torch.equal(inputs + 1, targets)
        starts += inputs[:, 0].tolist()
    least = (n - 8) // 8  # windows of an epoch, whatever its offset
    first = starts[: max(1, least)]
    assert len(set(first)) == len(first)
    assert len({start % 8 for start in first}) == 1  # one offset, windows that do not overlap


def test_batches_go_on_at_any_update():
    whole = list(itertools.islice(batches(noise(100), context=8, batch=3, seed=1), 30))
    later = itertools.islice(batches(noise(100), context=8, batch=3, seed=1, first=21), 10)
    for (one, _), (two, _) in zip(whole[20:], later, strict=True):
        assert torch.equal(one, two)


def test_seeds_draw_other_batches():
    one, two = (next(batches(noise(900), context=8, batch=8, seed=seed))[0] for seed in (0, 1))
    assert not torch.equal(one, two)


def test_text_shorter_than_the_context_is_refused():
    with pytest.raises(DataError, match="8 tokens of training text are shorter"):
        next(batches(noise(8), context=8, batch=1, seed=0))
    with pytest.raises(DataError, match="shorter than the context"):
        evaluate(model(), noise(8))


# ---------------------------------------------------------------- loss


def test_the_loss_is_the_mean_over_all_tokens_but_the_first():
    data, net = noise(8 * 100 + 1), model()
    tokens = torch.from_numpy(data.tokens.astype(np.int64))
    with torch.no_grad():
        logits = net(tokens[:-1].view(100, 8))
    expected = torch.nn.functional.cross_entropy(logits.flatten(0, 1), tokens[1:]).item()
    found = evaluate(net, data)
    assert found.nats_per_byte == pytest.approx(expected, rel=1e-6)
    assert 0 < found.standard_error < 0.1


def test_loss_is_told_per_byte():
    data = noise(8 * 50 + 1)
    double = text(data.tokens, np.full(len(data), 2))
    one, two = evaluate(model(), data), evaluate(model(), double)
    assert two.nats_per_byte == pytest.approx(one.nats_per_byte / 2)
    assert two.standard_error == pytest.approx(one.standard_error / 2)


def test_a_model_that_knows_nothing_loses_log_v():
    net = model()
    with torch.no_grad():
        net.tokens.weight.zero_()  # tied: all logits are zero
    found = evaluate(net, noise(200))
    assert found.nats_per_byte == pytest.approx(math.log(5))
    assert found.standard_error == pytest.approx(0, abs=1e-6)


def test_the_standard_error_covers_fresh_text():
    net = model()
    losses = [evaluate(net, noise(8 * 40 + 1, seed)) for seed in range(60)]
    spread = np.std([loss.nats_per_byte for loss in losses])
    assert np.mean([loss.standard_error for loss in losses]) == pytest.approx(spread, rel=0.3)


# ---------------------------------------------------------------- training


def test_a_cycle_is_learned():
    run = training(steps=150, learning_rate=0.02)
    looks = list(run.evaluations())
    assert looks[0].tune_loss > 1.4
    assert looks[0].train_loss is None
    assert run.best_loss < 0.1
    assert evaluate(run.best_model(), CYCLE).nats_per_byte == pytest.approx(run.best_loss)


def test_the_best_weights_are_those_of_the_lowest_validation_loss():
    run = training(data=noise(40), tune=noise(200, 7), steps=200, learning_rate=0.03, patience=0)
    looks = list(run.evaluations())
    losses = [look.tune_loss for look in looks]
    assert run.best_loss == min(losses) < losses[-1]  # forty random tokens are learned by heart
    assert run.best_step == looks[losses.index(min(losses))].step
    assert evaluate(run.best_model(), run.tune).nats_per_byte == run.best_loss


def test_patience_ends_a_run_that_only_gets_worse():
    fields = {"steps": 400, "learning_rate": 0.03, "evaluations": 20}
    data, tune = noise(40), noise(200, 7)
    patient = training(data=data, tune=tune, patience=3, **fields)
    stubborn = training(data=data, tune=tune, patience=0, **fields)
    ends = [list(run.evaluations())[-1].step for run in (patient, stubborn)]
    assert ends[0] < ends[1] == 400
    assert patient.since_best == 3


def test_the_start_can_be_the_best():
    run = training(data=noise(40), tune=CYCLE, steps=100, learning_rate=0.03)
    start = training(steps=200, learning_rate=0.02)
    list(start.evaluations())
    load_weights(run.model, weights_of(start.best_model()))
    list(run.evaluations())
    assert run.best_step == 0
    assert run.best_loss == pytest.approx(start.best_loss)


def test_a_training_is_decided_by_its_seed():
    ends = []
    for seed in (0, 0, 1):
        run = training(seed=seed)
        list(run.evaluations())
        ends.append(run.arrays())
    same = [np.array_equal(ends[0][name], ends[1][name]) for name in ends[0]]
    other = [np.array_equal(ends[0][name], ends[2][name]) for name in ends[0]]
    assert all(same)
    assert not all(other)


@pytest.mark.parametrize("stop", [0, 1, 2, 3])
def test_a_resumed_training_ends_with_the_same_bits(stop):
    whole = training(noise(120), noise(80, 3))
    looks = list(whole.evaluations())
    cut = training(noise(120), noise(80, 3))
    seen = list(itertools.islice(cut.evaluations(), stop + 1))
    saved = {name: np.atleast_1d(array.copy()) for name, array in cut.arrays().items()}
    resumed = training(noise(120), noise(80, 3))
    resumed.restore(saved, cut.meta())
    seen += list(resumed.evaluations())
    assert seen == looks
    assert resumed.meta() == whole.meta()
    for name, array in whole.arrays().items():
        assert np.array_equal(array, resumed.arrays()[name]), name


def test_a_loss_that_is_no_number_names_the_rate():
    run = training(learning_rate=7.5)
    with torch.no_grad():
        run.model.tokens.weight[0, 0] = math.nan
    with pytest.raises(RunError, match=r"became nan at step 0 with learning rate 7\.5; lower"):
        list(run.evaluations())
    run = training(learning_rate=7.5)
    looks = run.evaluations()
    next(looks)
    with torch.no_grad():
        run.model.norm.weight.fill_(math.inf)
    with pytest.raises(RunError, match=r"loss became nan at step 1 of 40 with learning rate 7\.5"):
        next(looks)


def test_weights_of_another_model_are_refused():
    arrays = weights_of(model())
    other = GPT(replace(SHAPE, width=16))
    with pytest.raises(RunError, match=r"another model: tokens\.weight has shape"):
        load_weights(other, arrays)
    arrays.pop("norm.weight")
    with pytest.raises(RunError, match=r"differ in norm\.weight"):
        load_weights(model(), arrays)
