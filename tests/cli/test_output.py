"""What people and programs read: numbers, tables, documents."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from precocial.cli.output import Common, as_document, number, printable, show, table, working

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
            "array": [1.5, "inf"],
            "path": "a",
        }
    ]


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (float("inf"), '"inf"'),
        (-np.float64("inf"), '"-inf"'),
        (np.array([[np.inf, np.nan], [1.0, -np.inf]]), '[["inf",null],[1.0,"-inf"]]'),
        ({"low": None, "high": np.float32("inf")}, '{"high":"inf","low":null}'),
        (float("nan"), "null"),
        (None, "null"),
        (True, "true"),
        (np.int64(3), "3"),
    ],
)
def test_nothing_and_infinity_are_two_things(value: Any, says: str, capsys: Capture) -> None:
    show(value, list, Common(json=True))
    document = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert json.dumps(document, sort_keys=True, separators=(",", ":")) == says


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


def test_work_is_announced_on_stderr_unless_quiet(capsys: Capture) -> None:
    with working("weigh\x1bing", Common()) as progress:
        progress.count(1, 2)
    assert capsys.readouterr() == ("", "weigh\ufffding\n")
    with working("weighing", Common(quiet=True)) as progress:
        progress.count(1, 2)
    assert capsys.readouterr() == ("", "")
