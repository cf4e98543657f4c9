"""Every outer loop: determinism, resuming, and what chooses a generation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from precocial import io
from precocial.errors import ConfigError, RunError
from precocial.genome import Genome, accuracy
from precocial.genome.loops.configs import Baldwin, Evolution, Innate, Lamarck, LoopConfig
from precocial.genome.loops.evolve import Training, evolve
from tests.genome.tiny_tasks import blobs, network

LOOPS: list[LoopConfig] = [
    Lamarck(generations=4, epochs=1, batch=20, share=1, least_weights=50, weight_batch=50),
    Innate(steps=8, batch=20, ema=0.9, evaluate_every=2),
    Baldwin(steps=4, lifetimes=2, lifetime_steps=2, batch=20, evaluate_every=1),
    Baldwin(
        steps=4, lifetimes=1, lifetime_steps=2, batch=20, evaluate_every=1,
        method="reptile", lifetime_optimiser="adam", lifetime_rate=0.01,
    ),
    Evolution(generations=4, pairs=3, batch=20, evaluate_every=1),
]  # fmt: skip
NAMES = ["lamarck", "innate", "maml", "reptile", "es"]


def genome(model: nn.Module, decoder: str = "two_tower") -> Genome:
    return Genome.for_model(model, parameters=200, decoder=decoder, labels="binary")


def without_cost(rows: Any) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != "cpu_s"} for row in rows]


def values(of: nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in of.parameters()])


@pytest.mark.parametrize("loop", LOOPS, ids=NAMES)
def test_same_arguments_same_rows_and_another_seed_other_rows(loop: LoopConfig) -> None:
    model, task = network(), blobs()
    found = []
    for seed in (3, 3, 4):
        made = genome(model)
        found.append((without_cost(evolve(made, model, task, loop, seed=seed)), values(made)))
    assert found[0][0] == found[1][0]
    assert torch.equal(found[0][1], found[1][1])
    assert found[0][0] != found[2][0]


@pytest.mark.parametrize("decoder", ["pair", "two_tower"])
@pytest.mark.parametrize("loop", LOOPS, ids=NAMES)
def test_a_restored_training_goes_on_bit_by_bit(
    loop: LoopConfig, decoder: str, tmp_path: Any
) -> None:
    model, task = network(), blobs()
    whole = genome(model, decoder)
    expected = without_cost(evolve(whole, model, task, loop, seed=1))

    first = Training(genome(model, decoder), model, task, loop, seed=1)
    rows = first.rows()
    told = without_cost(next(rows) for _ in range(3))
    io.write_arrays(tmp_path / "state.safetensors", first.arrays(), meta=first.meta())
    rows.close()

    arrays, meta = io.read_arrays(tmp_path / "state.safetensors")
    made = genome(model, decoder)
    second = Training(made, model, task, loop, seed=1)
    second.restore(arrays, meta)
    assert told + without_cost(second.rows()) == expected
    assert torch.equal(values(made), values(whole))


@pytest.mark.parametrize("loop", LOOPS, ids=NAMES)
def test_the_best_generation_is_kept_and_the_test_split_plays_no_part(loop: LoopConfig) -> None:
    model, task = network(), blobs()
    made = genome(model)
    rows = list(evolve(made, model, task, loop, seed=2))
    chosen_by = "learned" if isinstance(loop, Baldwin) else "valid"
    best = [row for row in rows if row["best"]][-1]
    assert best[chosen_by] == max(row[chosen_by] for row in rows)
    assert accuracy(made.birth(model), task.valid) == best["valid"]

    # other test examples, of other inputs and classes: not a bit of the rows may move
    other = replace(task, test=blobs(9).test)
    again = genome(model)
    assert without_cost(evolve(again, model, other, loop, seed=2)) == without_cost(rows)


@pytest.mark.parametrize("loop", LOOPS, ids=NAMES)
def test_the_model_is_not_changed(loop: LoopConfig) -> None:
    model = network()
    before = values(model)
    list(evolve(genome(model), model, blobs(), loop))
    assert torch.equal(values(model), before)
    assert model.training


def test_a_caller_who_stops_early_keeps_the_best_so_far() -> None:
    model, task = network(), blobs()
    made = genome(model)
    best = 0.0
    for row in evolve(made, model, task, Innate(steps=40, batch=20, rate=0.05, evaluate_every=5)):
        best = max(best, row["valid"])
        if row["generation"] == 20:
            break
    del row
    assert accuracy(made.birth(model), task.valid) == best


def test_dropout_does_not_depend_on_torchs_generator() -> None:
    model = nn.Sequential(nn.Linear(16, 12), nn.ReLU(), nn.Dropout(0.5), nn.Linear(12, 3))
    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        made = genome(model)
        found.append(without_cost(evolve(made, model, blobs(), LOOPS[1])))
    assert found[0] == found[1]


def test_batch_norm_is_calibrated_at_birth() -> None:
    model = nn.Sequential(nn.Linear(16, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Linear(12, 3))
    for loop in LOOPS:
        made = genome(model)
        rows = list(evolve(made, model, blobs(), loop))
        assert 0 <= rows[-1]["valid"] <= 1
    # inputs far from 0: without calibration the running mean of 0 would spoil the newborn
    task = blobs()
    shift = {
        part: replace(getattr(task, part), inputs=getattr(task, part).inputs + 30)
        for part in ("train", "valid", "test")
    }
    loop = Innate(steps=150, batch=40, rate=0.02, evaluate_every=150)
    rows = list(evolve(genome(model), model, replace(task, **shift), loop))
    assert rows[-1]["valid"] > 0.8


def test_what_cannot_be_done_is_refused() -> None:
    model, task = network(), blobs()
    made = genome(model)

    def fitness(members: dict[str, torch.Tensor], seed: int) -> torch.Tensor:
        return torch.zeros(1)

    with pytest.raises(ConfigError, match="needs a Task"):
        evolve(made, model, fitness, Innate()).__next__()
    with pytest.raises(ConfigError, match="another model"):
        evolve(made, network(hidden=5), task, Innate()).__next__()
    with pytest.raises(ConfigError, match="bits"):
        evolve(made, model, task, Innate(bits=31)).__next__()
    with pytest.raises(ConfigError, match="one finite score for each of 2 genomes"):
        list(evolve(made, model, fitness, Evolution(pairs=1)))
    first = Training(made, model, task, Innate(steps=2))
    other = Training(genome(network(hidden=7)), network(hidden=7), task, Innate(steps=2))
    with pytest.raises(RunError, match="another genome"):
        first.restore(other.arrays(), other.meta())


def test_a_loss_that_is_lost_is_said() -> None:
    model, task = network(), blobs()
    wild = Baldwin(steps=4, lifetime_steps=3, lifetime_rate=1e30, batch=10, evaluate_every=1)
    with pytest.raises(RunError, match="loss is no longer finite at generation 1; lower the rate"):
        list(evolve(genome(model), model, task, wild))


@pytest.mark.parametrize(
    ("kind", "field", "value", "said"),
    [
        (Lamarck, "epsilon", 1.5, r"epsilon lies in \[0, 1\]"),
        (Lamarck, "epsilon_decay", 0.0, "above 0"),
        (Lamarck, "generations", 0, "at least 1"),
        (Innate, "ema", 1.0, r"ema lies in \[0, 1\)"),
        (Innate, "distil", -0.1, "distil lies"),
        (Innate, "rate", float("nan"), "above 0"),
        (Baldwin, "method", "mame", "'maml'"),
        (Evolution, "sigma", 0.0, "above 0"),
    ],
)
@pytest.mark.wrong_types
def test_settings_are_checked(kind: Any, field: str, value: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        kind(**{field: value})
