"""What people and programs read: numbers, tables, documents, progress."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
import pytest

from precocial.cli import output
from precocial.cli.output import Common, as_document, number, printable, progress, show, table

Capture = pytest.CaptureFixture[str]


class Status(StrEnum):
    measured = "measured"


@dataclass(frozen=True)
class Result:
    status: Status
    inner: dict[Status, tuple[float, ...]]
    array: np.ndarray
    path: Path


def test_a_result_becomes_one_json_document(capsys: Capture) -> None:
    result = Result(Status.measured, {Status.measured: (1.0,)}, np.array([1.5, np.inf]), Path("a"))
    show([result], lambda: pytest.fail("the view is for people"), Common(json=True))
    assert json.loads(capsys.readouterr().out) == [
        {
            "status": "measured",
            "inner": {"measured": [1.0]},
            "array": [1.5, None],
            "path": "a",
        }
    ]


def test_a_class_is_not_taken_for_its_instance() -> None:
    assert as_document(Result) is Result


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3, "3"),
        (1_638_400, "1,638,400"),
        (12_000_000, "1.2e+07"),
        (2.34567, "2.346"),
        (float("nan"), "nan"),
        (3.557e8, "3.557e+08"),
    ],
)
def test_numbers_are_short(value: float, text: str) -> None:
    assert number(value) == text


def test_a_table_shows_text_as_it_is_and_numbers_on_the_right(capsys: Capture) -> None:
    rows = [["[red]a\x1b[3m", np.float32(2.5), None], ["b", 10, True]]
    show({}, lambda: [table(["[bold]name", "loss", "x"], rows, title="T"), "end [b]"], Common())
    said = capsys.readouterr().out
    assert "[bold]name" in said
    assert "[red]a\ufffd[3m" in said
    assert "end [b]" in said
    assert "\x1b" not in said
    lines = {line.split()[0]: line for line in said.splitlines() if line.strip()}
    assert lines["b"].index("10") + 2 == lines["[red]a\ufffd[3m"].index("2.5") + 3


def test_a_wide_table_is_not_cut_at_80_columns_in_a_pipe(capsys: Capture) -> None:
    show({}, lambda: [table(["a", "b"], [["x" * 60, "y" * 40]])], Common())
    assert "x" * 60 + "  " in capsys.readouterr().out


def test_half_a_surrogate_pair_can_be_shown(capsys: Capture) -> None:
    show({}, lambda: [printable("a\ud800")], Common())
    assert capsys.readouterr().out == "a\ufffd\n"


def test_progress_in_a_pipe_is_a_line_a_tenth(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 1000, 3))
    monkeypatch.setattr(output.time, "monotonic", lambda: float(next(clock)))
    with progress("Training", 40, Common()) as advance:
        for _ in range(20):
            advance(2, note="loss 2.5")
    said = capsys.readouterr()
    assert said.out == ""
    lines = said.err.splitlines()
    assert len(lines) == 10
    assert lines[0] == "Training: 4 of 40, 54 s left, loss 2.5"
    assert lines[-1].startswith("Training: 40 of 40, 0 s left")


def test_quick_work_and_quiet_work_show_no_progress(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 0.1, 0.2])
    monkeypatch.setattr(output.time, "monotonic", lambda: next(clock))
    with progress("Training", 2, Common()) as advance:
        advance()
        advance()
    with progress("Training", 2, Common(quiet=True)) as advance:
        advance(2, note="x")
    assert capsys.readouterr().err == ""


def test_progress_on_a_terminal_is_a_bar_that_leaves_no_trace_on_stdout(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(output.sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with progress("[b]Training", 2, Common()) as advance:
        advance(note="[/x]")
        advance()
    assert "[b]Training" in terminal.getvalue()
    assert capsys.readouterr().out == ""
