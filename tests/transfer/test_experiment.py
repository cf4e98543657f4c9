"""Sweeps of seconds, from folders to the run table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from precocial import io
from precocial.runs import read_runs
from precocial.transfer import RunTable, experiment
from precocial.transfer.experiment import run_sweep
from precocial.transfer.ladder import SweepResult
from precocial.transfer.table import COLUMNS
from tests.transfer.tiny_texts import TINY, write_both


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> tuple[Path, Path]:
    return write_both(tmp_path_factory.mktemp("texts"))


@pytest.fixture(scope="module")
def told() -> list[tuple[int, int, float | None]]:
    return []


@pytest.fixture(scope="module")
def result(tmp_path_factory, folders, told) -> SweepResult:
    source, target = folders
    return run_sweep(
        TINY,
        source=source,
        target=target,
        root=tmp_path_factory.mktemp("sweep"),
        workers=1,
        on_done=lambda record, done, total, left: told.append((done, total, left)),
        command="make tiny",
    )


def test_every_cell_has_a_row(result):
    cells = {(row["arm"], row["N"], row["D_F"], row["seed"]) for row in result.rows}
    assert len(cells) == len(result.rows) == 3 * (4 + 1 + 4)
    sizes = sorted({row["N"] for row in result.rows})
    assert sizes == [12 * width**2 + 6 * width for width in TINY.widths]
    scratch = {row["D_F"] for row in result.rows if row["arm"] == "scratch"}
    tuned = {row["D_F"] for row in result.rows if row["arm"] == "pretrained"}
    assert scratch == {500, 1000, 4000}
    assert tuned == {0, 200, 500, 1000}


def test_rows_are_a_run_table(result):
    table = RunTable.read(result.path / "table.csv")
    assert len(table) == len(result.rows)
    assert result.table.rows() == table.rows()
    assert all(set(row) == set(COLUMNS) for row in result.rows)
    assert set(table.unit) == {"bytes"}


def test_arms_tell_what_they_read(result):
    for row in result.rows:
        arm = row["arm"]
        assert row["source"] == ("english" if arm == "pretrained" else "")
        assert (row["D_pre"] > 0) == (arm == "pretrained")
        zero_shot = arm == "pretrained" and row["D_F"] == 0
        assert (row["tokens_seen"] == 0) == zero_shot
        assert row["run_id"].endswith("-zero-shot") == zero_shot


def test_fine_tuning_begins_where_pre_training_ended(result):
    runs = {record.id: record for record in read_runs(result.path / "runs")}
    started = [record for record in runs.values() if record.config["start"]]
    assert len(started) == 3 * 4 + 3  # cells, and one rate a rung that lost
    for record in started:
        start = runs[record.config["start"]]
        assert start.config["train_on"] == "source"
        assert start.config["model"] == record.config["model"]


def test_rates_are_those_that_won_on_the_tuning_text(result):
    report = io.read_json(result.path / "sweep.json")
    tried = report["tuning"]
    assert len(tried) == 2 + 3 * 2 + 3 * 2
    for arm, data in {(row["arm"], row["data_bytes"]) for row in tried}:
        grid = [row for row in tried if (row["arm"], row["data_bytes"]) == (arm, data)]
        best = min(grid, key=lambda row: row["tune_loss"])
        assert [row for row in grid if row["chosen"]] == [best]
        for row in result.rows:
            if row["arm"] == arm and row["D_F"] == data:
                width = {12 * w**2 + 6 * w: w for w in TINY.widths}[row["N"]]
                assert row["lr"] == pytest.approx(best["multiple"] * TINY.rule_rate(width))


def test_the_sweep_says_how_to_make_it_again(result):
    report = io.read_json(result.path / "sweep.json")
    assert report["command"] == "make tiny"
    assert report["config"]["widths"] == list(TINY.widths)
    assert len(report["texts"]["target"]["sha256"]) == 64
    assert report["versions"]["torch"]
    assert report["seconds"] > 0
    assert "python_like_share_of_source" in report["texts"]
    assert len(report["pretraining"]) == 3


def test_progress_counts_every_run_once(result, told):
    runs = read_runs(result.path / "runs")
    assert [done for done, _, _ in told] == list(range(1, len(runs) + 1))
    assert {total for _, total, _ in told} == {len(runs)}
    assert told[-1][2] == pytest.approx(0, abs=0.1)


def test_a_finished_sweep_is_read_and_not_run(result, folders, monkeypatch):
    def never(*given: Any) -> None:
        raise AssertionError("a model was trained again")

    monkeypatch.setattr("precocial.lm.trials.Training", never)
    source, target = folders
    before = (result.path / "table.csv").read_bytes()
    lefts: list[float | None] = []
    again = run_sweep(
        TINY,
        source=source,
        target=target,
        root=result.path,
        on_done=lambda record, done, total, left: lefts.append(left),
    )
    assert again.rows == result.rows
    assert (result.path / "table.csv").read_bytes() == before
    assert set(lefts) == {None}


@pytest.mark.parametrize("workers", [1, 2])
def test_a_sweep_that_was_stopped_goes_on_to_the_same_table(tmp_path, result, folders, workers):
    source, target = folders

    def stop(record: Any, done: int, total: int, left: float | None) -> None:
        if done == 14:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_sweep(TINY, source=source, target=target, root=tmp_path, workers=1, on_done=stop)
    assert not (tmp_path / "table.csv").exists()
    run_sweep(TINY, source=source, target=target, root=tmp_path, workers=workers)
    assert (tmp_path / "table.csv").read_bytes() == (result.path / "table.csv").read_bytes()


def test_another_seed_gives_another_sweep(tmp_path, result, folders):
    source, target = folders
    one = replace(
        TINY, seed=1, widths=(4,), scratch_rates=(1.0,), pretrain_rates=(1.0,),
        fine_tune_rates=(0.1,),
    )  # fmt: skip
    other = run_sweep(one, source=source, target=target, root=tmp_path, workers=1)
    mine = {row["loss"] for row in result.rows if row["N"] == 12 * 16 + 24}
    assert not mine & {row["loss"] for row in other.rows}


def test_pre_trained_models_can_have_seeds(tmp_path, folders):
    source, target = folders
    one = replace(TINY, widths=(4,), pretrain_seeds=2, scratch_rates=(1.0,), pretrain_rates=(1.0,))
    found = run_sweep(one, source=source, target=target, root=tmp_path, workers=1)
    zero_shot = [row for row in found.rows if row["arm"] == "pretrained" and not row["D_F"]]
    assert [row["seed"] for row in zero_shot] == [0, 1]
    assert zero_shot[0]["loss"] != zero_shot[1]["loss"]
    runs = {record.id: record for record in read_runs(tmp_path / "runs")}
    second = [row for row in found.rows if row["seed"] == 1 and row["D_F"] == 200]
    start = runs[runs[second[0]["run_id"]].config["start"]]
    assert start.config["seed"] == 1


def test_notes_point_at_weak_spots(result):
    row = {"arm": "scratch", "N": 100, "D_F": 900, "loss": 2.0}
    rows = [row, row | {"arm": "pretrained", "D_F": 300, "loss": 1.9}]
    rows.append(row | {"arm": "pretrained", "D_F": 200, "loss": 2.1})
    tried = [
        experiment.Tried(
            arm="scratch",
            data_bytes=900,
            multiple=multiple,
            learning_rate=multiple,
            tune_loss=loss,
            chosen=loss == 1.0,
        )
        for multiple, loss in ((0.5, 1.2), (1.0, 1.1), (2.0, 1.0))
    ]
    none = experiment._Runs(scratch={}, pretrained={}, fine_tuned={})
    edge, short, last = experiment._notes(TINY, rows, none, tried)
    assert "edge of those tried (x2 of 0.5, 1, 2)" in edge
    assert "N = 100: fine-tuned on 300 bytes" in short
    assert "--steps-scale 2" in last
