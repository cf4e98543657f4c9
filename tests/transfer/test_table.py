"""Hostile run tables: all of a table is read, or a PrecocialError says what is wrong and where."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from precocial import io
from precocial.errors import ConfigError, DataError, PrecocialError
from precocial.testing import st_run_table_rows
from precocial.transfer import COLUMNS, RunTable, read_runs, run_table

TEXT = ("run_id", "arm", "source", "unit", "loss_unit")
HEADER = "run_id,arm,N,D_F,loss\n"
GOOD = "a,scratch,1e6,1000,3.5\nb,pretrained,1e6,1000,3.0\n"
READERS: list[Callable[[Path], RunTable]] = [RunTable.read, read_runs]
one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def rows(**first: Any) -> list[dict[str, Any]]:
    """Two good runs, the first with other values."""
    good = {"run_id": "a", "arm": "scratch", "N": 1e6, "D_F": 1e3, "loss": 3.5}
    return [good | first, good | {"run_id": "b", "arm": "pretrained", "loss": 3.0}]


def same(left: RunTable, right: RunTable) -> bool:
    return all(
        np.array_equal(getattr(left, name), getattr(right, name), equal_nan=name not in TEXT)
        for name in COLUMNS
    )


def check_whole(table: RunTable, count: int) -> None:
    """What every table that comes out of a reader keeps to."""
    assert len(table) == count
    for name in COLUMNS:
        column = getattr(table, name)
        assert column.shape == (count,)
        assert column.dtype.kind == ("U" if name in TEXT else "f")
        if name not in TEXT:
            assert not np.isinf(column).any()
    assert len(set(table.run_id)) == count
    assert set(table.arm) <= {"scratch", "pretrained"}
    assert (table.loss > 0).all()
    assert (table.D_F >= 0).all()


# ---------------------------------------------------------------- cells


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *[(name, bad) for name in ("N", "D_F", "loss", "loss_se", "lr")
          for bad in ("x", "-1", -1, math.inf, "inf", "1e999", True, [1], {}, b"1", np.True_,
                      1j, 10**5000)],
        *[("N", 0), ("loss", 0), ("D_F", 0), ("D_F", None), ("loss", None), ("D_F", math.nan),
          ("loss", "nan"), ("loss", " "), ("loss", np.array([1.0, 2.0]))],
        *[("arm", bad) for bad in ("Scratch", "", None, 1, "scratch ")],
        *[("run_id", bad) for bad in ("b", 1.5, True, "x" * 501, "a\nb", "a\0b", ["a"])],
        *[("source", bad) for bad in (1, 2.5, "a\tb")],
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)  # fmt: skip
def test_a_bad_cell_is_named(column: str, value: Any) -> None:
    with pytest.raises(DataError) as caught:
        RunTable.from_rows(rows(**{column: value}), path="runs.csv")
    twice = (column, value) == ("run_id", "b")
    assert caught.value.column == column
    assert caught.value.line == (3 if twice else 2)
    assert str(caught.value).startswith("runs.csv, line ")


@pytest.mark.wrong_types
@pytest.mark.parametrize("bad", [1, None, "abc", ["arm"], 2.5])
def test_a_row_that_is_no_row(bad: Any) -> None:
    with pytest.raises(DataError, match="must map columns to values"):
        RunTable.from_rows([*rows(), bad])


@pytest.mark.parametrize("column", ["unit", "loss_unit"])
def test_mixed_units(column: str) -> None:
    table = rows(**{column: "bytes"})
    with pytest.raises(DataError, match="several units") as caught:
        RunTable.from_rows([table[0], table[1] | {column: "tokens"}])
    assert caught.value.column == column
    with pytest.raises(DataError, match="several units"):  # said of one run, not of the other
        RunTable.from_rows(table)


def test_sizes_in_all_rows_or_none() -> None:
    with pytest.raises(DataError, match="all rows or none") as caught:
        RunTable.from_rows(rows(N=None))
    assert (caught.value.line, caught.value.column) == (2, "N")
    table = RunTable.from_rows([row | {"N": None} for row in rows()])
    assert np.isnan(table.N).all()


def test_zero_shot_is_for_pretrained_runs_only() -> None:
    assert RunTable.from_rows(rows(arm="pretrained", D_F=0)).D_F[0] == 0
    with pytest.raises(DataError, match="zero-shot"):
        RunTable.from_rows(rows(arm="scratch", D_F=0))


@pytest.mark.parametrize("missing", ["arm", "D_F", "loss"])
def test_required_columns(missing: str) -> None:
    with pytest.raises(DataError, match="missing") as caught:
        RunTable.from_rows([{k: v for k, v in row.items() if k != missing} for row in rows()])
    assert caught.value.column == missing


def test_unknown_columns_are_named() -> None:
    with pytest.raises(DataError, match="not a column") as caught:
        RunTable.from_rows(rows(loos=3.0))
    assert caught.value.column == "loos"


def test_no_runs_and_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="no runs"):
        RunTable.from_rows([])
    monkeypatch.setattr("precocial.transfer.table.MAX_ROWS", 1)
    with pytest.raises(DataError, match="at most 1 are read"):
        RunTable.from_rows(rows())


cells = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8),
    st.binary(max_size=4), st.lists(st.integers(), max_size=2), st.just(10**5000),
    st.sampled_from(["scratch", "pretrained", "1e6", "NaN", "=1+1", "'", "-1", "", 1.0, 1e6]),
)  # fmt: skip


@given(
    st.lists(
        st.fixed_dictionaries(
            {"arm": st.sampled_from(["scratch", "pretrained"]) | cells,
             "D_F": st.just(10.0) | cells, "loss": st.just(2.0) | cells},
            optional={name: cells for name in COLUMNS if name not in ("arm", "D_F", "loss")},
        ),
        max_size=4,
    )
)  # fmt: skip
def test_random_cells(listed: list[dict[str, Any]]) -> None:
    try:
        table = RunTable.from_rows(listed)
    except PrecocialError:
        return
    check_whole(table, len(listed))


# ---------------------------------------------------------------- files


@one_folder
@given(data=st.binary(max_size=60), ending=st.sampled_from(["csv", "tsv", "jsonl", "parquet"]))
def test_random_bytes(data: bytes, ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"runs.{ending}"
    path.write_bytes(data)
    for read in READERS:
        with pytest.raises(PrecocialError):
            read(path)


@one_folder
@given(at=st.integers(0, len(HEADER + GOOD)), junk=st.binary(max_size=6), cut=st.booleans())
def test_damaged_files(at: int, junk: bytes, cut: bool, tmp_path: Path) -> None:
    good = (HEADER + GOOD).encode()
    path = tmp_path / "runs.csv"
    path.write_bytes(good[:at] + junk + (b"" if cut else good[at:]))
    for read in READERS:
        try:
            table = read(path)
        except PrecocialError:
            continue
        check_whole(table, len(table))


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (HEADER.encode(), "no runs"),
        ((HEADER + GOOD).encode()[:-8], "cells"),
        ((HEADER + GOOD + "c,scratch").encode(), "line 4"),
        (HEADER.encode() + b"\xff\xfe,scratch,1,1,1\n", "UTF-8"),
        ((HEADER + '"a').encode(), "CSV"),
        ((HEADER + GOOD + "c,scratch,1e6,1,x\n").encode(), "line 4, column 'loss'"),
        (b"loss,loss\n1,2\n", "twice"),
        ((HEADER + "a" * 200_000 + ",scratch,1,1,1\n").encode(), "characters|field"),
    ],
)
def test_bad_files(
    read: Callable[[Path], RunTable], content: bytes, says: str, tmp_path: Path
) -> None:
    path = tmp_path / "runs.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=says) as caught:
        read(path)
    assert str(path) in str(caught.value)


def test_lines_are_the_files(tmp_path: Path) -> None:
    io.write_jsonl(tmp_path / "runs.jsonl", [rows()[0], rows()[1] | {"loss": -1.0}])
    with pytest.raises(DataError, match="above 0") as caught:
        RunTable.read(tmp_path / "runs.jsonl")
    assert caught.value.line == 2


def test_huge_files_are_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    with path.open("wb") as file:
        file.truncate(io.MAX_TABLE_BYTES + 1)  # sparse
    for read in READERS:
        with pytest.raises(DataError, match="at most"):
            read(path)


@pytest.mark.parametrize("read", READERS)
def test_path_tricks(read: Callable[[Path], RunTable], tmp_path: Path) -> None:
    folder = tmp_path / "folder.csv"
    folder.mkdir()
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)  # nobody writes: a plain open would hang
    loop = tmp_path / "loop.csv"
    loop.symlink_to(loop)
    device = tmp_path / "zero.csv"
    device.symlink_to("/dev/zero")
    secret = tmp_path / "no.csv"
    for path in (folder, pipe, loop, device, secret, Path("/dev/zero"), Path("runs\0.csv"),
                 Path("x" * 5000 + ".csv"), tmp_path / "runs.xlsx", tmp_path / "runs"):  # fmt: skip
        with pytest.raises(PrecocialError):
            read(path)


# ---------------------------------------------------------------- round trips and frames


names = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]), min_size=1, max_size=12)


@one_folder
@given(listed=st_run_table_rows(amounts=(2, 3), seeds=(1, 2)))
def test_round_trip_of_generated_tables(listed: list[dict[str, Any]], tmp_path: Path) -> None:
    table = RunTable.from_rows(listed)
    table.write(tmp_path / "runs.csv")
    for read in READERS:
        assert same(read(tmp_path / "runs.csv"), table)
    assert same(RunTable.from_rows(table.rows()), table)


@one_folder
@given(
    ids=st.lists(names, min_size=1, max_size=4, unique=True),
    source=names,
    loss=st.floats(min_value=0, max_value=1e299, exclude_min=True),
    lr=st.none() | st.floats(0, 1e299),
    seed=st.none() | st.integers(0, 2**53),
)
def test_round_trip_is_exact(
    ids: list[str], source: str, loss: float, lr: Any, seed: Any, tmp_path: Path
) -> None:
    listed = [
        {"run_id": name, "arm": "pretrained", "source": source, "D_F": index, "loss": loss,
         "lr": lr, "seed": seed}
        for index, name in enumerate(ids)
    ]  # fmt: skip
    try:
        table = RunTable.from_rows(listed)
    except DataError:  # "=a" and "'=a" are one name
        assert any(name[0] == "'" for name in ids)
        return
    table.write(tmp_path / "runs.csv")
    assert same(RunTable.read(tmp_path / "runs.csv"), table)


@pytest.mark.parametrize(
    "text", ["=HYPERLINK(1)", "+cmd|' /C calc'!A0", "-1+1", "@SUM(A1)", "=1+1,2", '="x"']
)
def test_formulas_are_quoted_in_the_file_and_come_back(text: str, tmp_path: Path) -> None:
    table = RunTable.from_rows(rows(source=text, run_id=text))
    path = tmp_path / "runs.csv"
    table.write(path)
    cells = [cell for row in io.read_csv(path) for cell in row.values()]
    assert cells.count("'" + text) == 2
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in cells)
    assert same(RunTable.read(path), table)
    assert table.source[0] == text


@pytest.mark.parametrize("ending", ["jsonl", "parquet", "tsv"])
def test_other_formats_read_the_same(ending: str, tmp_path: Path) -> None:
    table, path = RunTable.from_rows(rows(lr=0.1)), tmp_path / f"runs.{ending}"
    if ending == "tsv":
        path.write_text(io.format_csv(table.rows()).replace(",", "\t"))
    else:
        {"jsonl": io.write_jsonl, "parquet": io.write_parquet}[ending](path, table.rows())
    for read in READERS:
        assert same(read(path), table)


class OldFrame:
    """Before pandas 3, `to_dict` gave pandas.NA, which is neither true nor false."""

    def to_dict(self, orient: str) -> list[dict[str, Any]]:
        assert orient == "records"
        return [row | {"seed": pd.NA} for row in rows(lr=0.1)[:1]] + [rows()[1] | {"lr": pd.NA}]


def test_frames() -> None:
    table = RunTable.from_rows(rows(lr=0.1))
    frame = pd.DataFrame(rows(lr=0.1))
    assert np.isnan(frame["lr"][1])  # pandas' way to say nothing
    assert same(run_table(frame), table)
    assert same(run_table(frame.convert_dtypes()), table)
    assert same(run_table(OldFrame()), table)
    assert same(run_table(iter(rows(lr=0.1))), table)
    assert run_table(table) is table
    with pytest.raises(DataError, match="already"):
        run_table(pd.concat([frame, frame]))


@pytest.mark.parametrize("bad", [3, None])
def test_not_a_table(bad: Any) -> None:
    with pytest.raises(ConfigError, match="rows, a data frame or a RunTable"):
        run_table(bad)


@pytest.mark.parametrize("text", ["1_000", "١٢٣", "0x10", "1e5f"])
def test_numbers_are_plain(text: str) -> None:
    with pytest.raises(DataError, match="must be a number"):
        RunTable.from_rows([{"arm": "scratch", "D_F": text, "loss": 1.0}])


def test_a_seed_is_whole() -> None:
    with pytest.raises(DataError, match=r"'seed'.*whole"):
        RunTable.from_rows([{"arm": "scratch", "D_F": 1.0, "loss": 1.0, "seed": 1.5}])


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl", "t.parquet"])
def test_a_table_survives_every_kind_of_file(name: str, tmp_path: Path) -> None:
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    rows = [
        {"run_id": f"r{i}", "arm": "scratch", "D_F": 10.0**i, "loss": 3 - 0.1 * i} for i in range(4)
    ]
    table = run_table(rows)
    table.write(tmp_path / name)
    again = RunTable.read(tmp_path / name)
    assert again.run_id.tolist() == table.run_id.tolist()
    np.testing.assert_array_equal(again.loss, table.loss)
    np.testing.assert_array_equal(again.D_F, table.D_F)


@pytest.mark.parametrize("name", ["t.txt", "t.tsv", "t"])
def test_a_table_is_written_only_where_it_can_be_read_back(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the ending of a run table"):
        run_table([{"arm": "scratch", "D_F": 1.0, "loss": 1.0}]).write(tmp_path / name)
    assert not (tmp_path / name).exists()
