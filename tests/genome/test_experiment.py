"""The paper's protocol as a resumable run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from precocial.errors import ConfigError
from precocial.genome import Genome, perceptron_784
from precocial.genome import experiment as room
from precocial.genome.experiment import (
    ProtocolConfig,
    every,
    laptop,
    named_task,
    perceptron_for,
    protocol,
    smoke,
)
from precocial.runs import config_dict, config_from, run
from tests.genome.killed import KilledError, kill_at_checkpoints


def test_the_smoke_recipe_runs_and_reports(tmp_path: Path) -> None:
    record = run(protocol, smoke(), tmp_path)
    *generations, result = record.rows
    assert [row["generation"] for row in generations] == [0, 2, 4, 6]
    assert all(row["kind"] == "generation" and "cpu_s" not in row for row in generations)
    assert result["kind"] == "result"
    best = max(generations, key=lambda row: row["valid"])
    assert result["generation"] == best["generation"]
    assert result["valid"] == best["valid"]
    # 6 + 6 digits of labels at GN5's 10 and 5 units, biases 6-5-1, and 10 raw output biases
    assert result["phenotype"] == 64 * 60 + 60 + 60 * 10 + 10
    assert 0 < result["shuffled"] < 0.3


def test_a_killed_run_ends_with_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(protocol, smoke(), tmp_path / "whole")
    monkeypatch.setattr(room, "CHECKPOINT_SECONDS", 0.0)

    kill_at_checkpoints(monkeypatch, 3)
    with pytest.raises(KilledError):
        run(protocol, smoke(), tmp_path / "cut")
    resumed = run(protocol, smoke(), tmp_path / "cut")
    assert resumed.rows == whole.rows


def test_recipes() -> None:
    paper = laptop()
    assert (paper.data, paper.preset, paper.hidden) == ("fashion-mnist", "GN30", 800)
    assert paper.loop.generations == 500
    assert paper.loop.epsilon_at(0) == 0
    assert paper.loop.weights == {"1.weight": 100_000}
    assert [(c.preset, c.seed) for c in every(paper, seeds=2)] == [
        ("GN30", 0), ("GN30", 1), ("GN20", 0), ("GN20", 1), ("GN5", 0), ("GN5", 1),
    ]  # fmt: skip
    assert config_from(ProtocolConfig, config_dict(paper)) == paper
    with pytest.raises(ConfigError, match="'fashion-mnist'"):
        ProtocolConfig(data="fashion")
    with pytest.raises(ConfigError, match="hidden"):
        replace(paper, hidden=0)


def test_its_perceptron_is_the_papers() -> None:
    task = named_task("digits")
    assert abs(float(task.train.inputs.mean())) < 1e-5
    shapes = [tuple(p.shape) for p in perceptron_784().parameters()]
    assert shapes == [(800, 784), (800,), (10, 800), (10,)]
    made = perceptron_for(task, (800,), 0)
    assert [tuple(p.shape) for p in made.parameters()] == [(800, 64), (800,), (10, 800), (10,)]
    names = list(Genome.for_model(perceptron_784(), preset="GN30").shapes)
    assert names == ["1.weight", "1.bias", "3.weight", "3.bias"]
    assert "1.weight" in (laptop().loop.weights or {})
