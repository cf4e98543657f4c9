"""The study on digits: what it reports is what the file says."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from precocial.errors import ConfigError, DataError
from precocial.genome import Genome
from precocial.genome.data.examples import accuracy
from precocial.genome.experiment import named_task, perceptron_for
from precocial.genome.studies import fashion_study as room
from precocial.genome.studies.fashion_study import (
    GENOME_FILE,
    SETTINGS,
    births,
    fashion_study,
    headlines,
    smoke,
)
from precocial.runs import config_dict, config_from, run, run_id
from tests.genome.killed import KilledError, kill_at_checkpoints


def test_the_smoke_recipe_is_able_at_birth_and_says_what_is_in_the_file(tmp_path: Path) -> None:
    config = smoke()
    record = run(fashion_study, config, tmp_path)
    *generations, result = record.rows
    assert [row["generation"] for row in generations] == [*range(0, 161, 40)]
    path = tmp_path / record.id / GENOME_FILE
    assert result["bytes"] == os.path.getsize(path)
    task = named_task("digits")
    born = Genome.load(path).birth(perceptron_for(task, (36,), 0))
    assert accuracy(born, task.test) == result["test"]
    assert accuracy(born, task.valid) == result["valid"]
    # training was on the values that the file keeps
    assert result["valid"] == max(row["valid"] for row in generations)
    assert generations[0]["valid"] < 0.3
    assert result["test"] > 0.6
    assert result["phenotype"] == 64 * 36 + 36 + 36 * 10 + 10


def test_a_killed_run_ends_with_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(smoke(), steps=24)
    whole = run(fashion_study, config, tmp_path / "whole")
    monkeypatch.setattr(room, "CHECKPOINT_SECONDS", 0.0)

    kill_at_checkpoints(monkeypatch, 2)
    with pytest.raises(KilledError):
        run(fashion_study, config, tmp_path / "cut")
    resumed = run(fashion_study, config, tmp_path / "cut")
    assert resumed.rows == whole.rows
    files = [tmp_path / name / whole.id / GENOME_FILE for name in ("whole", "cut")]
    assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize("budget", [{"most_parameters": 100}, {"most_bytes": 100}])
def test_a_budget_that_is_not_kept_is_refused(tmp_path: Path, budget: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="its budget is 100"):
        run(fashion_study, replace(smoke(), steps=2, **budget), tmp_path)  # type: ignore[arg-type]


def test_the_headlines_are_three_budgets_with_five_seeds() -> None:
    configs = headlines()
    assert len({run_id(fashion_study, config) for config in configs}) == 15
    assert [setting.most_parameters for setting in SETTINGS] == [1973, None, 500]
    assert [setting.most_bytes for setting in SETTINGS] == [None, 2000, None]
    for config in configs:
        assert config_from(type(config), config_dict(config)) == config


def test_a_table_is_over_seeds() -> None:
    rows = [
        {"kind": "result", "setting": "a", "parameters": 7, "bytes": size, "valid": 0.5, "test": t}
        for size, t in ((30, 0.8), (40, 0.9))
    ]
    (birth,) = births([{"kind": "generation"}, *rows])
    assert (birth.setting, birth.parameters, birth.most_bytes) == ("a", 7, 40)
    assert birth.test.mean == pytest.approx(0.85)
    assert birth.test.high - birth.test.mean == pytest.approx(12.706 * 0.05, rel=1e-4)
    with pytest.raises(DataError, match="none of them is complete"):
        births([{"kind": "generation"}])
    with pytest.raises(DataError, match="genomes of"):
        births([rows[0], {**rows[1], "parameters": 8}])
