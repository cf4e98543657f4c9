"""Curves: what goes in comes out, and nothing else goes in."""

from __future__ import annotations

import contextlib
import importlib
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from precocial import io
from precocial.errors import DataError, PrecocialError
from precocial.testing import st_curve
from precocial.worth import Curve
from precocial.worth.curve import MAX_LEVELS

ROWS = [
    {"arm": "pre", "data": 0.0, "seed": 0, "loss": 2.5},
    {"arm": "pre", "data": 10.0, "seed": 0, "loss": 2.0},
    {"arm": "pre", "data": 10.0, "seed": 1, "loss": 2.1},
]


def test_rows_come_back_sorted_and_unchanged() -> None:
    curve = Curve.from_rows(reversed(ROWS))
    assert curve.rows() == ROWS
    assert len(curve) == 3


def test_arrays_of_one_and_of_two_dimensions_agree() -> None:
    wide = Curve.from_arrays([1, 2], [[3.0, 3.1], [2.0, 2.1]], arm="a")
    tall = Curve.from_arrays([2, 1, 1, 2], [2.0, 3.0, 3.1, 2.1], [0, 0, 1, 1], arm="a")
    assert wide.rows() == tall.rows()


@pytest.mark.parametrize("module", ["pandas", "polars", "pyarrow"])
def test_data_frames_of_any_make_are_read(module: str) -> None:
    library = pytest.importorskip(module)
    make = library.Table.from_pylist if module == "pyarrow" else library.DataFrame
    assert Curve.from_frame(make(ROWS)).rows() == ROWS


def test_a_frame_that_is_none_is_refused() -> None:
    with pytest.raises(DataError, match="data frame"):
        Curve.from_frame(7)


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet"])
def test_files_are_read_back(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"curve.{ending}"
    if ending == "parquet":
        pytest.importorskip("pyarrow")
        io.write_parquet(path, ROWS)
    elif ending == "jsonl":
        io.write_jsonl(path, ROWS)
    else:
        text = io.format_csv(ROWS)
        io.write_text(path, text.replace(",", "\t") if ending == "tsv" else text)
    assert Curve.read(path).rows() == ROWS


def test_the_file_names_an_arm_without_a_name(tmp_path: Path) -> None:
    (tmp_path / "scratch.csv").write_text("data,loss\n1,2\n2,1.5\n")
    curve = Curve.read(tmp_path / "scratch.csv")
    assert curve.arm == "scratch"
    assert curve.seed.tolist() == [0, 0]


def test_one_arm_is_picked_from_several() -> None:
    rows = [*ROWS, {"arm": "scratch", "data": 10.0, "seed": 0, "loss": 3.0}]
    assert Curve.from_rows(rows, arm="pre").rows() == ROWS
    with pytest.raises(DataError, match="the arms 'pre', 'scratch'; name one"):
        Curve.from_rows(rows)
    with pytest.raises(DataError, match="no arm 'other'"):
        Curve.from_rows(rows, arm="other")


def test_an_arm_that_looks_like_a_formula_stays_text(tmp_path: Path) -> None:
    name = '=HYPERLINK("http://evil","x")'
    io.write_csv(tmp_path / "c.csv", [{**ROWS[1], "arm": name}])
    assert "'=HYPERLINK" in (tmp_path / "c.csv").read_text()
    assert Curve.read(tmp_path / "c.csv").arm == name


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("data", "=1+1"), ("data", ""), ("data", "nan"), ("data", "inf"), ("data", "-1"),
        ("data", "1_000"), ("data", "１0"), ("data", None), ("data", True), ("data", "1e999"),
        ("data", 10**400), ("data", [1]), ("loss", "0"), ("loss", "-2"), ("loss", "nan"),
        ("loss", "two"), ("loss", math.nan), ("seed", "1.5"), ("seed", "x"), ("seed", "1e30"),
        ("seed", None), ("seed", math.nan), ("arm", 3), ("arm", "a\nb"), ("arm", "x" * 999),
    ],
)  # fmt: skip
def test_a_bad_cell_is_named_by_line_and_column(column: str, value: Any) -> None:
    rows = [ROWS[0], {**ROWS[1], column: value}]
    with pytest.raises(DataError) as caught:
        Curve.from_rows(rows, path="runs.csv", arm="pre" if column != "arm" else None)
    assert caught.value.path == "runs.csv"
    assert caught.value.line == 3
    assert caught.value.column == column


def test_a_run_that_stands_twice_names_both_lines() -> None:
    with pytest.raises(DataError, match=r"line 4, column 'seed'.*first on line 3"):
        Curve.from_rows([*ROWS[:2], {**ROWS[1], "loss": 9.0}], path="runs.csv")


def test_runs_of_another_arm_are_no_duplicates() -> None:
    rows = [ROWS[1], {**ROWS[1], "arm": "scratch"}]
    assert len(Curve.from_rows(rows, arm="pre")) == 1


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "holds no runs"),
        ([{"data": 1, "loss": 1, "step": 3}], "'step'.*allowed are arm, data, seed, loss"),
        ([{"data": 1}], "'loss': the column is missing"),
        ([{"loss": 1}], "'data': the column is missing"),
    ],
)
def test_a_table_of_another_shape_is_refused(rows: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Curve.from_rows(rows)


def test_the_log_of_one_run_is_no_learning_curve() -> None:
    steps = np.arange(1, MAX_LEVELS + 2)
    with pytest.raises(DataError, match="not the steps of one run"):
        Curve.from_arrays(steps, 1 / steps)


@pytest.mark.parametrize(
    ("data", "loss", "seed"),
    [
        ([1, 2], [1.0], None),
        ([1, 2], [[1.0, 2.0]], None),
        ([1], [[1.0]], [0]),
        ([[1]], [1.0], None),
        (["1"], [1.0], None),
        ([1], [1.0], [0.5]),
        ([1], [None], None),
        ([1j], [1.0], None),
        ([1], [[1.0], [2.0, 3.0]], None),
        ([1, 1], [1.0, 2.0], None),
        ([], [], None),
    ],
)
def test_arrays_that_do_not_fit_are_refused(data: Any, loss: Any, seed: Any) -> None:
    with pytest.raises(DataError):
        Curve.from_arrays(data, loss, seed)


def test_a_curve_cannot_be_changed() -> None:
    data = np.array([1.0, 2.0])
    curve = Curve.from_arrays(data, [2.0, 1.0])
    data[0] = 99
    assert curve.data[0] == 1
    with pytest.raises(ValueError, match="read-only"):
        curve.loss[0] = 5
    with pytest.raises(AttributeError):
        curve.arm = "other"  # type: ignore[misc]


def test_levels_are_means_of_the_log_loss() -> None:
    levels = Curve.from_rows(ROWS).levels()
    assert levels.data.tolist() == [0, 10]
    assert levels.runs.tolist() == [1, 2]
    assert levels.mean[1] == pytest.approx(math.log(math.sqrt(2.0 * 2.1)), abs=1e-15)
    assert levels.above_zero().data.tolist() == [10]


@given(st_curve(zero_shot=True))
def test_every_curve_survives_its_rows(curve: Curve) -> None:
    assert Curve.from_rows(curve.rows()).rows() == curve.rows()


cell = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.binary(),
    st.lists(st.integers(), max_size=2), st.just("1"), st.just("2.5"),
)  # fmt: skip
names = st.one_of(st.sampled_from(["arm", "data", "seed", "loss"]), st.text(max_size=5))


@given(st.lists(st.dictionaries(names, cell, max_size=5), max_size=4))
def test_no_row_escapes_as_anything_but_our_error(rows: list[dict[str, Any]]) -> None:
    try:
        curve = Curve.from_rows(rows)
    except PrecocialError:
        return
    assert np.all(curve.loss > 0)


@given(st.text(alphabet="arm,data,seed,loss\n\r\"0123.=-+e'\x00é", max_size=80))
def test_no_text_escapes_as_anything_but_our_error(text: str) -> None:
    with contextlib.suppress(PrecocialError):
        Curve.from_rows(io.parse_csv(text, path="x.csv"), path="x.csv")


def test_reading_curves_imports_no_data_frame_library() -> None:
    source = Path(importlib.import_module("precocial.worth.curve").__file__ or "").read_text()
    assert not any(f"import {name}" in source for name in ("pandas", "polars", "pyarrow"))


def test_an_arm_of_a_file_without_arms_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "curve.csv"
    file.write_text("data,loss\n1,2\n10,1\n")
    with pytest.raises(DataError, match="no column of arms"):
        Curve.read(file, arm="x")
    assert Curve.read(file).arm == "curve"
