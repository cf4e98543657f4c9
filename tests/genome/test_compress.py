"""Compression and evolution as runs: a kill costs nothing, and what is scored is what is saved."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from precocial.errors import ConfigError
from precocial.genome import (
    CompressConfig,
    Genome,
    Innate,
    Lamarck,
    Life,
    accuracy,
    compress,
    compressing,
)
from precocial.genome.compress import check, row_count
from precocial.genome.data.sources import load_task
from precocial.genome.evolving import EvolveConfig, evolving, generation_count
from precocial.genome.experiment import perceptron_for
from precocial.runs import run
from tests.genome.killed import KilledError, killing
from tests.genome.tiny_tasks import blobs, network

QUICK = Innate(steps=4, batch=32, evaluate_every=2, warmup_steps=1)
SMALL = CompressConfig(
    hidden=(8,), budgets=(600, 60), loop=QUICK, rivals=("pooled linear", "subspace"),
    decoder="subspace", life_steps=2, dense_steps=3, seeds=2, seed=3, worth_sizes=(0, 40, 10**6),
    worth_life=Life(steps=2, rates=(1e-3,), batch=16, warmup_steps=0, looks=1),
)  # fmt: skip


def test_a_compression_goes_on_from_the_seed_that_was_cut_short(tmp_path: Path) -> None:
    whole = run(compressing, SMALL, tmp_path / "whole")
    with pytest.raises(KilledError):
        run(compressing, SMALL, tmp_path / "cut", on_row=killing(len(whole.rows) // 2 + 3))
    again = run(compressing, SMALL, tmp_path / "cut")
    assert again.rows == whole.rows
    assert again.artefacts == whole.artefacts
    assert "filters" in whole.artefacts
    assert {row["seed"] for row in whole.rows} == {3, 4}
    savings = [row for row in whole.rows if row["kind"] == "saving" and row["seed"] == 3]
    # the sizes that there are examples for; a linear model on digits takes more than 600 bytes hold
    assert [(row["arm"], row["data"]) for row in savings[:4]] == [
        ("genome", 0), ("genome", 40), ("random", 0), ("random", 40),
    ]  # fmt: skip


def test_a_budget_that_nothing_fits_is_a_row_with_its_reason(tmp_path: Path) -> None:
    record = run(compressing, SMALL, tmp_path)
    points = [row for row in record.rows if row["kind"] == "point"]
    (small, *_) = [row for row in points if row["budget"] == 60]
    assert small["bytes"] is None
    assert "needs at least" in small["note"]
    # the rival of the genome's own rule is left out
    assert [row["method"] for row in points if row["budget"] == 600][:3] == [
        "genome", "shuffled", "pooled linear",
    ]  # fmt: skip
    assert row_count(SMALL) == 2 * (1 + 2 * 3)
    for row in points:
        if row["method"] == "genome" and row["bytes"]:
            path = record.path / f"seed{row['seed']}-600.genome"
            assert path.stat().st_size == row["bytes"] <= 600
            task = load_task("digits")
            born = Genome.load(path).birth(perceptron_for(task, (8,), row["seed"]))
            assert accuracy(born, task.test) == row["test"]


def test_sizes_of_lives_that_are_too_large_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"digits has 1,25\d .*got \(0, 100000\)"):
        check(replace(SMALL, budgets=(600,), worth_sizes=(0, 100_000)))
    check(replace(SMALL, budgets=(600,)))


def test_the_whole_at_few_bits_is_beside_it(tmp_path: Path) -> None:
    config = replace(SMALL, budgets=(600,), seeds=1, rivals=(), life_steps=0, worth_sizes=())
    (whole,) = [row for row in run(compressing, config, tmp_path).rows if row["kind"] == "whole"]
    assert whole["quantised_bytes"] < 0.3 * whole["bytes"]
    assert abs(whole["quantised_test"] - whole["test"]) < 0.3


def test_an_evolution_goes_on_from_its_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = EvolveConfig(hidden=(6,), bytes=600, loop="innate", innate=QUICK)
    assert generation_count(config) == 4
    whole = run(evolving, config, tmp_path / "whole")
    monkeypatch.setattr(sys.modules["precocial.genome.evolving"], "CHECKPOINT_SECONDS", 0.0)
    with pytest.raises(KilledError):
        run(evolving, config, tmp_path / "cut", on_row=killing(2))
    again = run(evolving, config, tmp_path / "cut")
    assert again.rows == whole.rows
    files = [(record.path / "best.genome").read_bytes() for record in (whole, again)]
    assert files[0] == files[1]


def test_the_compressed_genome_has_the_values_of_its_file(tmp_path: Path) -> None:
    task, model = blobs(), network()
    genome = compress(model, task, bytes=500, loop=QUICK)
    assert genome.save(tmp_path / "x.genome", bits=6) <= 500
    for name, value in Genome.load(tmp_path / "x.genome").express().items():
        assert torch.equal(value, genome.express()[name])
    with pytest.raises(ConfigError, match="the model scores only 2"):
        compress(network(classes=2), task, bytes=500)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"budgets": ()}, "budgets are one or more sizes in bytes, each at least 1; got none"),
        ({"budgets": (500, -5)}, r"got \(500, -5\)"),
        ({"seeds": 0}, "seeds is at least 1; got 0"),
        ({"hidden": (0,)}, r"at least 1 unit; got \(0,\)"),
        ({"budgets": (500, 500)}, "budgets must differ"),
        ({"bits": 1}, "bits lie between 2 and 16"),
        ({"rivals": ("lottery",)}, "lottery"),
        ({"decoder": "lottery"}, "lottery"),
        ({"seed": -1}, "seed is at least 0"),
        ({"worth_sizes": (0,)}, "two or more numbers of examples"),
    ],
)
def test_settings_say_what_they_allow(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        CompressConfig(**wrong)


def test_stored_statistics_are_the_newborns(tmp_path: Path) -> None:
    task = blobs()
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(16, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Dropout(0.1), nn.Linear(12, 3)
    )
    model(100 + torch.randn(64, 16))  # statistics of another network on other inputs
    loop = Innate(steps=40, batch=60, rate=0.02, warmup_steps=2, evaluate_every=20)
    genome = compress(
        model, task, bytes=700, bits=8, loop=loop, norm_statistics="store", biases="store"
    )
    genome.save(tmp_path / "g.genome", bits=8)
    born = Genome.load(tmp_path / "g.genome").birth(model).eval()
    wanted = genome.birth(model, recalibrate=[task.train.inputs]).eval()
    assert torch.allclose(born[1].running_mean, wanted[1].running_mean, atol=0.02)
    assert torch.allclose(born[1].running_var, wanted[1].running_var, rtol=0.02)
    assert accuracy(born, task.test) == pytest.approx(accuracy(wanted, task.test), abs=0.05)
    assert accuracy(born, task.test) > 0.8


@pytest.mark.wrong_types
def test_another_loop_or_task_is_refused() -> None:
    for task, loop in ((blobs(), Lamarck()), (blobs(), "innate"), ((1, 2), None)):
        with pytest.raises(ConfigError, match="task is a Task and loop an Innate; got"):
            compress(network(), task, parameters=150, loop=loop)
