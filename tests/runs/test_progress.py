"""Bars on a terminal, lines elsewhere, nothing when quiet."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import pytest

from precocial.runs import Progress, Run, duration, progress, sweep


@dataclass(frozen=True, kw_only=True)
class Config:
    seed: int


def experiment(config: Config, live: Run) -> Iterator[dict[str, Any]]:
    yield {"seed": config.seed}


def show(root: Path, file: TextIO, quiet: bool) -> None:
    configs = [Config(seed=seed) for seed in range(3)]
    with Progress("training", quiet=quiet, file=file) as shown:
        sweep(experiment, configs, root, backend="serial", on_done=shown)


def on_terminal(tmp_path: Path, quiet: bool = False) -> str:
    return seen_on_terminal(lambda file: show(tmp_path / "root", file, quiet))


def seen_on_terminal(work: Callable[[TextIO], None]) -> str:
    ours, theirs = os.openpty()
    with open(theirs, "w") as file:
        work(file)
        file.write("end")
        file.flush()
        seen = b""
        while not seen.endswith(b"end"):
            seen += os.read(ours, 65536)
    os.close(ours)
    return seen.decode().removesuffix("end")


def in_file(tmp_path: Path, quiet: bool = False) -> str:
    with (tmp_path / "stderr").open("w") as file:
        show(tmp_path / "root", file, quiet)
    return (tmp_path / "stderr").read_text()


def test_plain_lines_where_there_is_no_terminal(tmp_path: Path) -> None:
    lines = in_file(tmp_path).splitlines()
    assert [line.split(",")[0] for line in lines] == [f"training: {n} of 3" for n in (1, 2, 3)]
    assert lines[-1] == "training: 3 of 3, 0 s left"


def test_a_bar_on_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    text = on_terminal(tmp_path)
    assert "training" in text
    assert "3/3" in text
    assert "0 s left" in text
    assert "training: 3 of 3" not in text


@pytest.mark.parametrize("shown", [in_file, on_terminal])
def test_nothing_when_quiet(tmp_path: Path, shown: Any) -> None:
    assert shown(tmp_path, quiet=True) == ""


def count(file: TextIO, parts: int, quiet: bool = False) -> None:
    with Progress("weighing", quiet=quiet, file=file) as shown:
        for done in range(1, parts + 1):
            shown.count(done, parts)


def test_other_work_is_counted_in_few_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 1000, 2))  # two seconds a part
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(clock)))
    with (tmp_path / "stderr").open("w") as file:
        count(file, 10)
    assert (tmp_path / "stderr").read_text().splitlines() == [
        "weighing: 3 of 10, 14 s left", "weighing: 6 of 10, 8 s left", "weighing: 9 of 10, 2 s left"
    ]  # fmt: skip


def test_what_goes_before_the_first_part_is_not_taken_for_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter((0.0, 1000.0, 1010.0))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with (tmp_path / "stderr").open("w") as file:
        count(file, 2)
    assert (tmp_path / "stderr").read_text() == ("weighing: 1 of 2\nweighing: 2 of 2, 0 s left\n")


def test_work_that_is_soon_done_says_nothing(tmp_path: Path) -> None:
    with (tmp_path / "stderr").open("w") as file:
        count(file, 3)
        count(file, 3, quiet=True)
    assert (tmp_path / "stderr").read_text() == ""


def test_other_work_has_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    text = seen_on_terminal(lambda file: count(file, 4))
    assert "weighing" in text
    assert "4/4" in text
    assert "0 s left" in text


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-3, "0 s"), (9.4, "9 s"), (59.6, "1 min 00 s"), (125, "2 min 05 s"), (3725, "1 h 02 min")],
)
def test_durations_are_short(seconds: float, said: str) -> None:
    assert duration(seconds) == said
