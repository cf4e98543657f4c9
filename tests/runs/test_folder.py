"""A run: its files, its rules, and what it says when something is wrong."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from precocial import io
from precocial.errors import ConfigError, DataError, RunError
from precocial.runs import Run, read_run, run, run_id, stream
from precocial.runs.folder import this_command
from precocial.runs.journal import Journal

CALLS: list[str] = []


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda handle: None)
    CALLS.clear()


@dataclass(frozen=True, kw_only=True)
class Config:
    seed: int = 0
    steps: int = 4
    stop_at: int | None = None


def training(config: Config, live: Run) -> Iterator[dict[str, Any]]:
    CALLS.append("training")
    weights, first = np.zeros(3), 0
    if state := live.resume_from():
        weights, first = state[0]["weights"], state[1]["step"]
    for step in range(first, config.steps):
        weights = weights + stream(config.seed, "noise", step).normal(size=3)
        yield {"step": step, "loss": float(weights @ weights)}
        if step % 2:
            live.checkpoint({"weights": weights}, {"step": step + 1})
    live.save("model", {"weights": weights}, {"steps": config.steps})


def by_rows(config: Config, live: Run) -> Iterator[dict[str, Any]]:
    CALLS.append(f"from {len(live.rows)}")
    for step in range(len(live.rows), config.steps):
        yield {"step": step, "draw": float(stream(config.seed, step).normal())}


INTERRUPT: list[int] = []
NESTED: list[Any] = []
for _ in range(20):
    NESTED = [NESTED]


def interrupted(config: Config, live: Run) -> Iterator[dict[str, Any]]:
    """Like `training`, but an exception comes once at the step named in INTERRUPT."""
    for row in training(config, live):
        if INTERRUPT and row["step"] == INTERRUPT[0]:
            INTERRUPT.clear()
            raise DataError("the corpus went away")
        yield row


def odd(config: Config, live: Run) -> Any:
    yield from ODD


ODD: list[Any] = []


def test_the_files_of_a_run(tmp_path: Path) -> None:
    record = run(training, Config(), tmp_path, command="precocial train --seed 0")
    folder = tmp_path / run_id(training, Config())
    assert record.path == folder
    assert {path.name for path in folder.iterdir()} == {
        "run.json",
        "rows.jsonl",
        "result.json",
        "model.safetensors",
    }
    header = json.loads((folder / "run.json").read_text())
    assert header["config"] == {"seed": 0, "steps": 4, "stop_at": None}
    assert header["seeds"] == {"seed": 0}
    assert header["command"] == "precocial train --seed 0"
    assert {"python", "precocial", "numpy"} <= set(header["versions"])
    assert header["machine"]["cores"] == os.cpu_count()
    lines = (folder / "rows.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [0, 1, 2, 3]
    assert record.complete
    assert list(record.rows) == [json.loads(line) for line in lines]
    assert record.config_as(Config) == Config()
    assert record.seconds > 0
    arrays, meta = record.load("model")
    assert meta == {"steps": 4}
    assert float(arrays["weights"] @ arrays["weights"]) == record.rows[-1]["loss"]
    assert read_run(folder) == record


def test_a_complete_run_is_read_not_run_again(tmp_path: Path) -> None:
    record = run(training, Config(), tmp_path)
    assert run(training, Config(), tmp_path) == record
    assert CALLS == ["training"]


def test_another_config_gets_another_folder(tmp_path: Path) -> None:
    one, two = (run(training, Config(seed=seed), tmp_path) for seed in (0, 1))
    assert one.path != two.path
    assert one.rows != two.rows
    assert len(list(tmp_path.iterdir())) == 2


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    one, two = (run(training, Config(), tmp_path / name) for name in "ab")
    for name in ("rows.jsonl", "model.safetensors"):
        assert (one.path / name).read_bytes() == (two.path / name).read_bytes()


@pytest.mark.parametrize("step", range(4))
def test_after_an_exception_a_run_goes_on_from_its_checkpoint(tmp_path: Path, step: int) -> None:
    whole = run(interrupted, Config(), tmp_path / "whole")
    INTERRUPT.append(step)
    with pytest.raises(DataError, match="went away"):
        run(interrupted, Config(), tmp_path / "cut")
    (folder,) = (tmp_path / "cut").iterdir()
    partial = read_run(folder)
    assert not partial.complete
    assert len(partial.rows) == step
    record = run(interrupted, Config(), tmp_path / "cut")
    assert record.rows == whole.rows
    for name in ("rows.jsonl", "model.safetensors"):
        assert (record.path / name).read_bytes() == (whole.path / name).read_bytes()
    assert not (folder / "checkpoint.safetensors").exists()
    assert record.seconds >= partial.seconds


def unfinished(root: Path) -> tuple[Path, bytes]:
    """The folder of a `by_rows` run without its result, and the bytes of all its rows."""
    folder = run(by_rows, Config(), root).path
    (folder / "result.json").unlink()
    CALLS.clear()
    return folder, (folder / "rows.jsonl").read_bytes()


def test_a_last_line_torn_anywhere_is_cut(tmp_path: Path) -> None:
    folder, whole = unfinished(tmp_path)
    for kept in range(len(whole) + 1):
        (folder / "rows.jsonl").write_bytes(whole[:kept])
        assert len(read_run(folder).rows) == whole[:kept].count(b"\n")
        assert (folder / "rows.jsonl").read_bytes() == whole[:kept]  # to read changes nothing
        record = run(by_rows, Config(), tmp_path)
        assert (folder / "rows.jsonl").read_bytes() == whole
        assert len(record.rows) == 4
        assert CALLS.pop() == f"from {whole[:kept].count(10)}"
        (folder / "result.json").unlink()


@pytest.mark.parametrize("tail", [b"\0" * 40, b'{"step": \xff', b"{", b" "])
def test_a_torn_line_may_hold_anything(tmp_path: Path, tail: bytes) -> None:
    folder, whole = unfinished(tmp_path)
    (folder / "rows.jsonl").write_bytes(whole + tail)
    assert len(read_run(folder).rows) == 4
    run(by_rows, Config(), tmp_path)
    assert (folder / "rows.jsonl").read_bytes() == whole


@pytest.mark.parametrize(
    "line",
    [b"", b"{", b"[1]", b"3", b'{"a": NaN}', b'{"a": 1e999}', b'{"a": 1, "a": 2}', b"\xff\xfe"],
)
@pytest.mark.parametrize("at", [0, 2, 3])
def test_a_damaged_line_is_an_error_with_its_number(tmp_path: Path, line: bytes, at: int) -> None:
    folder, whole = unfinished(tmp_path)
    lines = whole.splitlines()
    lines[at] = line
    (folder / "rows.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    for attempt in (lambda: read_run(folder), lambda: run(by_rows, Config(), tmp_path)):
        for _ in range(2):  # the second time too: the first left no lock behind
            with pytest.raises(RunError, match=f"line {at + 1}"):
                attempt()
    assert (folder / "rows.jsonl").read_bytes() == b"\n".join(lines) + b"\n"


def test_the_seconds_of_sessions_that_were_cut_short_count(tmp_path: Path) -> None:
    INTERRUPT.append(3)
    with pytest.raises(DataError):
        run(interrupted, Config(), tmp_path)
    (folder,) = tmp_path.iterdir()
    header = json.loads((folder / "run.json").read_text())
    assert header["seconds"] > 0
    (folder / "run.json").write_text(json.dumps(header | {"seconds": 1000.0}))
    assert 1000 < run(interrupted, Config(), tmp_path).seconds < 2000


def test_rows_that_a_checkpoint_needs_must_be_there(tmp_path: Path) -> None:
    INTERRUPT.append(3)
    with pytest.raises(DataError):
        run(interrupted, Config(), tmp_path)
    (folder,) = tmp_path.iterdir()
    first = (folder / "rows.jsonl").read_bytes().splitlines(keepends=True)[0]
    (folder / "rows.jsonl").write_bytes(first)
    with pytest.raises(RunError, match=r"belongs to 2 rows, but rows\.jsonl has 1.*delete"):
        run(interrupted, Config(), tmp_path)


@pytest.mark.wrong_types
@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"loss": math.nan}, "row 2: loss is not a finite number; use None"),
        ({"loss": {"test": [1.0, math.inf]}}, r"row 2: loss: test\[1\]"),
        ({"loss": np.float32("nan")}, "finite"),
        ({"flops": 10**400}, "finite"),
        ({3: 1.0}, "keys must be text; got 3"),
        ({"a": {1, 2}}, "a is a set"),
        ({"a": NESTED}, "nested more than 16 deep"),
        ({"a": b"x"}, "a is a bytes"),
        ({"a": "\ud800"}, "not Unicode"),
        ([("loss", 1.0)], "row 2 must be a dict; got list"),
        (None, "must be a dict; got NoneType"),
    ],
)
def test_a_row_that_cannot_be_kept_is_refused(tmp_path: Path, row: Any, words: str) -> None:
    ODD[:] = [{"fine": 1}, row]
    with pytest.raises(RunError, match=words):
        run(odd, Config(), tmp_path)
    (folder,) = tmp_path.iterdir()
    assert read_run(folder).rows == ({"fine": 1},)
    ODD[:] = [{"fine": 1}, {"loss": None}]
    assert run(odd, Config(), tmp_path).rows == ({"fine": 1}, {"loss": None})


def test_numpy_values_and_tuples_come_back_as_plain_ones(tmp_path: Path) -> None:
    ODD[:] = [
        {
            "b": np.float64(0.1),
            "a": np.int8(3),
            "c": (1, np.arange(2)),
            "d": Path("x"),
            "e": np.True_,
        }
    ]
    (row,) = run(odd, Config(), tmp_path).rows
    assert row == {"a": 3, "b": 0.1, "c": [1, [0, 1]], "d": "x", "e": True}
    assert list(row) == sorted(row)


def not_a_generator(config: Config, live: Run) -> Any:
    return [{"a": 1}]


def test_an_experiment_yields(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"returned list\. Use yield"):
        run(not_a_generator, Config(), tmp_path)


def saves(config: Config, live: Run) -> Iterator[dict[str, Any]]:
    live.save(*SAVED)
    yield {}


SAVED: list[Any] = []


@pytest.mark.wrong_types
@pytest.mark.parametrize("name", ["checkpoint", "", "../model", "a/b", ".model", "a\0", "a" * 101])
def test_the_name_of_an_artefact_stays_in_the_folder(tmp_path: Path, name: str) -> None:
    SAVED[:] = [name, {"x": np.zeros(1)}]
    with pytest.raises(ConfigError, match="name"):
        run(saves, Config(), tmp_path / "root")
    assert [path.name for path in tmp_path.iterdir()] == ["root"]


@pytest.mark.wrong_types
@pytest.mark.parametrize("arrays", [{"x": [1, 2]}, {"x": np.array(["a"])}, {"x": np.array([None])}])
def test_only_numbers_are_saved(tmp_path: Path, arrays: Any) -> None:
    SAVED[:] = ["model", arrays]
    with pytest.raises(RunError, match="'x' must be an array of numbers"):
        run(saves, Config(), tmp_path)


def test_a_damaged_artefact_is_seen(tmp_path: Path) -> None:
    record = run(training, Config(), tmp_path)
    path = record.path / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(RunError, match="damaged"):
        record.load("model")
    with pytest.raises(RunError, match="no artefact 'weights'; it has: model"):
        record.load("weights")


def test_a_run_that_began_with_other_libraries_is_not_mixed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    INTERRUPT.append(3)
    with pytest.raises(DataError):
        run(interrupted, Config(), tmp_path)
    monkeypatch.setattr("precocial.runs.folder.versions", lambda: {"python": "9.9"})
    with pytest.raises(RunError, match=r"python 3\.\S+ \(now 9\.9\)"):
        run(interrupted, Config(), tmp_path)


def test_a_complete_run_is_read_under_other_libraries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = run(training, Config(), tmp_path)
    monkeypatch.setattr("precocial.runs.folder.versions", lambda: {"python": "9.9"})
    assert run(training, Config(), tmp_path) == record


def test_an_edited_config_is_seen(tmp_path: Path) -> None:
    folder = run(training, Config(), tmp_path).path
    header = json.loads((folder / "run.json").read_text())
    header["config"]["seed"] = 9
    (folder / "run.json").write_text(json.dumps(header))
    with pytest.raises(RunError, match="was edited"):
        read_run(folder)


# ---------------------------------------------------------------- two writers, bad places


def meddler(config: Config, live: Run) -> Iterator[dict[str, Any]]:
    yield {"before": True}
    with pytest.raises(RunError, match="being written by another process"):
        run(meddler, config, live.path.parent)
    yield {"after": True}


def test_a_second_writer_is_refused_and_harms_nothing(tmp_path: Path) -> None:
    record = run(meddler, Config(), tmp_path)
    assert record.rows == ({"before": True}, {"after": True})
    assert read_run(record.path) == record


HOLD = """
import sys, time
from pathlib import Path
from precocial.runs.journal import Journal
with Journal(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_the_lock_of_a_killed_process_is_gone_with_it(tmp_path: Path) -> None:
    path = tmp_path / run_id(by_rows, Config()) / "rows.jsonl"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(RunError, match="another process"):
            run(by_rows, Config(), tmp_path)
        holder.kill()
    assert run(by_rows, Config(), tmp_path).complete


def test_a_run_that_another_process_finished_meanwhile_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow_to_lock(path: Path) -> Journal:
        monkeypatch.undo()
        run(by_rows, Config(), tmp_path)
        return Journal(path)

    monkeypatch.setattr("precocial.runs.folder.Journal", slow_to_lock)
    assert len(run(by_rows, Config(), tmp_path).rows) == 4
    assert CALLS == ["from 0"]


def test_a_write_that_takes_only_some_bytes_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: real(handle, bytes(data)[:3]))
    record = run(by_rows, Config(), tmp_path)
    assert read_run(record.path).rows == record.rows
    assert len(record.rows) == 4


@pytest.mark.parametrize("name", ["rows.jsonl", "run.json", "checkpoint.safetensors"])
def test_a_file_that_is_a_link_out_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    INTERRUPT.append(3)
    with pytest.raises(DataError):
        run(interrupted, Config(), tmp_path / "root")
    (folder,) = (tmp_path / "root").iterdir()
    outside = tmp_path / "outside"
    (folder / name).rename(outside)
    (folder / name).symlink_to(outside)
    before = outside.read_bytes()
    for _ in range(2):
        with pytest.raises(RunError):
            run(interrupted, Config(), tmp_path / "root")
    if name != "checkpoint.safetensors":
        with pytest.raises(RunError, match="outside"):
            read_run(folder)
    assert outside.read_bytes() == before


def test_a_root_that_is_a_file_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be written"):
        run(by_rows, Config(), tmp_path / "file")


def test_rows_without_a_header_are_not_touched(tmp_path: Path) -> None:
    path = tmp_path / run_id(by_rows, Config()) / "rows.jsonl"
    path.parent.mkdir()
    path.write_text('{"somebody": "else"}\n')
    with pytest.raises(RunError, match=r"rows but no run\.json"):
        run(by_rows, Config(), tmp_path)
    assert path.read_text() == '{"somebody": "else"}\n'


def test_a_journal_cuts_and_appends(tmp_path: Path) -> None:
    with Journal(tmp_path / "rows.jsonl") as journal:
        for step in range(3):
            journal.append({"step": step})
        journal.cut(1)
        journal.append({"step": "new"})
        assert journal.rows == [{"step": 0}, {"step": "new"}]
    assert io.read_jsonl(tmp_path / "rows.jsonl") == [{"step": 0}, {"step": "new"}]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["/somewhere/bin/precocial", "demo", "--out", "a b"], "precocial demo --out 'a b'"),
        (["/somewhere/train.py", "1"], "python train.py 1"),
        (["-c"], "precocial.runs.run(...) from Python"),
        ([""], "python"),
    ],
)
def test_the_command_names_no_folder(
    monkeypatch: pytest.MonkeyPatch, argv: list[str], said: str
) -> None:
    monkeypatch.setattr(sys, "argv", argv)
    assert this_command() == said
