"""Bars on a terminal, lines elsewhere, nothing when quiet."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import pytest

from precocial.runs import Progress, Run, duration, sweep


@dataclass(frozen=True, kw_only=True)
class Config:
    seed: int


def experiment(config: Config, live: Run) -> Iterator[dict[str, Any]]:
    yield {"seed": config.seed}


def show(root: Path, file: TextIO, quiet: bool) -> None:
    configs = [Config(seed=seed) for seed in range(3)]
    with Progress("training", quiet=quiet, file=file) as progress:
        sweep(experiment, configs, root, backend="serial", on_done=progress)


def on_terminal(tmp_path: Path, quiet: bool = False) -> str:
    ours, theirs = os.openpty()
    with open(theirs, "w") as file:
        show(tmp_path / "root", file, quiet)
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


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-3, "0 s"), (9.4, "9 s"), (59.6, "1 min 00 s"), (125, "2 min 05 s"), (3725, "1 h 02 min")],
)
def test_durations_are_short(seconds: float, said: str) -> None:
    assert duration(seconds) == said
