"""Hostile files: whatever a file holds, a reader returns all of it or raises PrecocialError."""

from __future__ import annotations

import io as stdio
import json
import math
import os
import stat
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as arrow
import pyarrow.parquet as parquet
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from precocial import io
from precocial.errors import ConfigError, DataError, PrecocialError

READERS: dict[str, Callable[[Path], Any]] = {
    "json": io.read_json,
    "jsonl": io.read_jsonl,
    "csv": io.read_csv,
    "tsv": io.read_csv,
    "parquet": io.read_parquet,
    "safetensors": io.read_arrays,
}


def bits(**meta: str) -> bytes:
    """A good safetensors file."""
    folder = {"weights": np.arange(6, dtype=np.float32).reshape(2, 3)}
    from safetensors.numpy import save

    return save(folder, metadata=meta)


def table_bytes() -> bytes:
    """A good Parquet file."""
    out = stdio.BytesIO()
    parquet.write_table(arrow.table({"loss": [1.0, 2.0], "arm": ["a", "b"]}), out)
    return out.getvalue()


GOOD = {
    "json": b'{"a": [1, 2.5, null, "x"], "b": {"c": true}}',
    "jsonl": b'{"a": 1}\n{"a": 2.5}\n',
    "csv": b'arm,data,loss\nbase,1000,2.5\n"tre,ated",2000,2.25\n',
    "tsv": b"arm\tdata\nbase\t1000\n",
    "parquet": table_bytes(),
    "safetensors": bits(precocial='{"a": 1}'),
}


@st.composite
def damaged(draw: st.DrawFn) -> tuple[str, bytes]:
    """A good file with some bytes changed, cut, doubled or put in."""
    kind = draw(st.sampled_from(sorted(GOOD)))
    data = bytearray(GOOD[kind])
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        match draw(st.sampled_from(("change", "cut", "double", "insert"))):
            case "change":
                data[at : at + 1] = draw(st.binary(min_size=1, max_size=2))
            case "cut":
                del data[at:]
            case "double":
                data[at:at] = data[at // 2 : at]
            case "insert":
                data[at:at] = draw(
                    st.sampled_from((b"\0", b'"', b"\n", b",", b"NaN", b"\xff", b"["))
                )
    return kind, bytes(data)


def read_or_refuse(kind: str, data: bytes, folder: Path) -> Any:
    path = folder / f"file.{kind}"
    path.write_bytes(data)
    try:
        return READERS[kind](path)
    except PrecocialError as error:
        return error


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile")


@given(kind=st.sampled_from(sorted(READERS)), data=st.binary(max_size=300))
def test_random_bytes_never_escape_as_another_error(folder: Path, kind: str, data: bytes) -> None:
    read_or_refuse(kind, data, folder)


@given(case=damaged())
def test_damaged_files_never_escape_as_another_error(folder: Path, case: tuple[str, bytes]) -> None:
    read_or_refuse(*case, folder)


@given(text=st.text(alphabet='[]{}",:\\-+.0129eEtrufalsn \n\t', max_size=80))
@example("[" * 100_000)
@example('{"a":' * 100_000)
@example("1" * 10_000)
@example('{"a": 1e999}')
@example('"\\ud800"')
def test_near_json_is_read_as_json_reads_it_or_refused(text: str) -> None:
    try:
        ours = io.loads(text)
    except DataError:
        return
    assert ours == json.loads(text)
    assert io.loads(io.dumps(ours)) == ours


@given(text=st.text(alphabet='ab,"\n\r\t 1.=', max_size=80))
def test_near_csv_is_rectangular_or_refused(text: str) -> None:
    try:
        rows = io.parse_csv(text)
    except DataError:
        return
    assert all(row.keys() == rows[0].keys() for row in rows)


@pytest.mark.parametrize(
    ("kind", "data", "says"),
    [
        ("json", b"", "is not JSON"),
        ("json", b"[NaN]", "NaN is not a finite number"),
        ("json", b"[-Infinity]", "-Infinity is not"),
        ("json", b"[1e999]", "1e999 is not a finite number"),
        ("json", b'{"a": 1, "a": 2}', "the key 'a' stands twice"),
        ("json", b"[" * 100_000, "is not JSON that can be read"),
        ("json", b"9" * 5000, "is not JSON that can be read"),
        ("json", b"\xff\xfe[\x00", "is not UTF-8 text (byte 0)"),
        ("jsonl", b'{"a": 1}\n[2]\n', "line 2: each line must be a JSON object"),
        ("jsonl", b'{"a": 1}\n{"a": \n', "line 2: is not JSON"),
        ("csv", b"", "is empty; a header line is needed"),
        ("csv", b"a,b\n1\n", "line 2: has 1 cells; the header has 2"),
        ("csv", b"a,b\n1,2,3\n", "line 2: has 3 cells; the header has 2"),
        ("csv", b"a,b,a\n", "line 1, column 'a': the column stands twice"),
        ("csv", b"a\n\0\n", "holds a NUL byte"),
        ("csv", b'a\n"open', "is not CSV"),
        ("csv", b"a\n" + b"x" * 120_000 + b"\n", "more than 100000 characters"),
        ("csv", b"a\n" + b"x" * 200_000 + b"\n", "is not CSV (field larger"),
        ("parquet", b"PAR1PAR1", "is not a Parquet table"),
        ("safetensors", b"\xff" * 8 + b"{}", "is not a safetensors file"),
        ("safetensors", bits(precocial="[1]"), "the metadata must be a JSON object"),
        ("safetensors", bits(precocial="{"), "is not JSON"),
    ],
)
def test_refusals_say_where_and_why(tmp_path: Path, kind: str, data: bytes, says: str) -> None:
    error = read_or_refuse(kind, data, tmp_path)
    assert isinstance(error, DataError)
    assert says in str(error)
    assert f"file.{kind}" in str(error)


def test_an_error_knows_its_place(tmp_path: Path) -> None:
    error = read_or_refuse("csv", b"a,a\n", tmp_path)
    assert (error.path, error.line, error.column) == (tmp_path / "file.csv", 1, "a")


def test_many_columns_are_read_in_linear_time() -> None:
    names = [f"c{index}" for index in range(200_000)]
    assert io.parse_csv(",".join(names)) == []  # quadratic checking would take minutes
    with pytest.raises(DataError, match="stands twice"):
        io.loads("{" + ",".join(f'"{name}": 0' for name in [*names, "c7"]) + "}")


def test_a_small_parquet_file_that_stands_for_a_huge_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.parquet"
    count = io.MAX_TABLE_CELLS + 1
    values = arrow.DictionaryArray.from_arrays(np.zeros(count, np.int8), ["x"])
    parquet.write_table(arrow.table({"arm": values}), path)
    assert path.stat().st_size < 1_000_000
    with pytest.raises(DataError, match="cells; at most"):
        io.read_parquet(path)


def test_parquet_columns_that_share_a_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "twice.parquet"
    columns = [arrow.array([1]), arrow.array([2])]
    parquet.write_table(arrow.Table.from_arrays(columns, names=["a", "a"]), path)
    with pytest.raises(DataError, match="stands twice"):
        io.read_parquet(path)


def test_an_unknown_ending_is_refused_and_known_ones_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'\.pkl' is not known; use \.csv, \.tsv"):
        io.read_table(tmp_path / "table.pkl")
    with pytest.raises(DataError, match="no such file or folder"):
        io.read_table(tmp_path / "absent")


@pytest.mark.parametrize("reader", READERS.values())
def test_what_is_not_a_regular_file_is_refused(
    tmp_path: Path, reader: Callable[[Path], Any]
) -> None:
    os.mkfifo(tmp_path / "pipe")  # reading it would wait for ever
    for path in (tmp_path, tmp_path / "absent", tmp_path / "pipe", Path("/dev/zero"), Path("a\0b")):
        with pytest.raises(DataError):
            reader(path)


def test_a_file_over_the_limit_is_refused_even_when_its_size_is_not_told(tmp_path: Path) -> None:
    (tmp_path / "long").write_bytes(b"12345")
    with pytest.raises(DataError, match="has 5 bytes; at most 4"):
        io.read_bytes(tmp_path / "long", limit=4)
    if Path("/proc/self/maps").exists():
        with pytest.raises(DataError, match="more than 4 bytes"):
            io.read_bytes("/proc/self/maps", limit=4)


# ---------------------------------------------------------------- paths


def test_a_small_file_takes_little_memory_whatever_the_limit(tmp_path: Path) -> None:
    (tmp_path / "small").write_bytes(b"x" * 1000)
    tracemalloc.start()
    assert len(io.read_bytes(tmp_path / "small", limit=2**30)) == 1000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


@pytest.mark.parametrize(
    "parts",
    [("..",), ("a", "..", "..", "b"), ("/etc/passwd",), ("a", "/etc"), ("a\0b",), ("out", "x")],
)
def test_paths_that_lead_out_are_refused(tmp_path: Path, parts: tuple[str, ...]) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "out").symlink_to(tmp_path)
    with pytest.raises(ConfigError):
        io.safe_join(inside, *parts)


def test_a_circle_of_links_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    try:
        path = io.safe_join(tmp_path, "a", "file")
    except ConfigError:
        return
    # Newer Pythons resolve the circle to itself; then reading must refuse it.
    with pytest.raises(DataError):
        io.read_bytes(path)


@given(parts=st.lists(st.text(max_size=8), max_size=4))
@example(["x" * 5000])
@example(["\ud800"])
def test_a_joined_path_always_lies_inside(folder: Path, parts: list[str]) -> None:
    try:
        path = io.safe_join(folder, *parts)
    except ConfigError:
        return
    assert path.is_relative_to(folder.resolve())


def test_a_link_that_stays_inside_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert io.safe_join(tmp_path, "link", "x") == (tmp_path / "real" / "x").resolve()


# ---------------------------------------------------------------- writing


@pytest.mark.parametrize("point", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_file_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    path = tmp_path / "file"
    io.write_text(path, "old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, point, full)
    with pytest.raises(DataError, match="No space left on device"):
        io.write_text(path, "new")
    monkeypatch.undo()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


def test_an_interrupted_write_leaves_the_old_file_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    io.write_text(path, "old")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        io.write_text(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


def test_writing_replaces_a_link_and_not_what_it_points_to(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    io.write_text(tmp_path / "link", "new")
    assert (tmp_path / "secret").read_text() == "secret"
    assert (tmp_path / "link").read_text() == "new"


def test_the_mode_of_a_new_file_follows_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        io.write_text(tmp_path / "file", "x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640


@pytest.mark.parametrize("name", ["folder", "a\0b", "x" * 300, "file/below"])
def test_names_that_cannot_be_written_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        io.write_text(tmp_path / name, "x")
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


def test_half_a_surrogate_pair_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="half a surrogate pair"):
        io.write_text(tmp_path / "file", "ab\ud800")
    assert os.listdir(tmp_path) == []


def test_a_long_name_can_be_written(tmp_path: Path) -> None:
    io.write_text(tmp_path / ("x" * 250), "text")
    assert (tmp_path / ("x" * 250)).read_text() == "text"


# ---------------------------------------------------------------- round trips

leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
documents = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


@given(value=documents)
def test_json_returns_what_was_written(value: Any) -> None:
    def finite(item: Any) -> Any:
        if isinstance(item, float) and not math.isfinite(item):
            return None
        if isinstance(item, dict):
            return {key: finite(inner) for key, inner in item.items()}
        return [finite(inner) for inner in item] if isinstance(item, list) else item

    assert io.loads(io.dumps(value)) == finite(value)


def test_numpy_values_and_paths_have_a_json_form() -> None:
    value = {
        "array": np.array([1.0, np.nan]),
        "whole": np.int64(3),
        "truth": np.bool_(True),
        "real": np.float32(np.inf),
        "path": Path("a/b"),
        "pair": (1, 2),
    }
    assert json.loads(io.dumps(value)) == {
        "array": [1.0, None],
        "whole": 3,
        "truth": True,
        "real": None,
        "path": "a/b",
        "pair": [1, 2],
    }


def test_a_value_nested_too_deeply_is_refused() -> None:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(DataError, match="nested too deeply"):
        io.dumps(value)


characters = st.characters(exclude_categories=("Cs",), exclude_characters="\0")


@given(rows=st.lists(st.fixed_dictionaries({"a": st.text(characters), "b": st.text(characters)})))
def test_csv_returns_the_text_that_was_written(rows: list[dict[str, str]]) -> None:
    back = io.parse_csv(io.format_csv(rows)) if rows else []
    for row, again in zip(rows, back, strict=True):
        for name, text in row.items():
            assert again[name] in (text, "'" + text)


@given(text=st.builds(str.__add__, st.sampled_from(io.FORMULA_STARTS), st.text(characters)))
@example("+cmd|' /C calc'!A0")
@example("-2+3")
def test_no_cell_that_is_written_begins_like_a_formula(text: str) -> None:
    row = io.parse_csv(io.format_csv([{"a": text, text + "x": ""}]))[0]
    assert row["a"] == "'" + text or isinstance(float(row["a"]), float)  # float() may raise
    assert list(row)[1].startswith("'")


@pytest.mark.parametrize("text", ["-1.5", "+2", "-1e-3"])
def test_a_number_kept_as_text_is_not_quoted(text: str) -> None:
    assert io.parse_csv(io.format_csv([{"a": text}])) == [{"a": text}]


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", ">i8", "bool", "u1", "f2"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3)])
def test_arrays_keep_values_shape_and_meta(
    tmp_path: Path, dtype: str, shape: tuple[int, ...]
) -> None:
    array = np.arange(math.prod(shape)).reshape(shape).astype(dtype)
    path = tmp_path / "a.safetensors"
    io.write_arrays(path, {"x": array, "turned": array.T}, meta={"step": 3})
    arrays, meta = io.read_arrays(path)
    assert meta == {"step": 3}
    assert arrays["x"].shape == shape
    np.testing.assert_array_equal(arrays["x"], array)
    np.testing.assert_array_equal(arrays["turned"], array.T)


def test_arrays_of_objects_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'x' must hold numbers"):
        io.write_arrays(tmp_path / "a.safetensors", {"x": np.array([object()])})


def test_a_torn_last_line_is_left_out_only_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"a": 1}\n{"a": ')
    assert io.read_jsonl(path, torn_tail=True) == [{"a": 1}]
    with pytest.raises(DataError, match="line 2"):
        io.read_jsonl(path)


def test_tables_return_what_was_written(tmp_path: Path) -> None:
    rows = [{"arm": "base", "loss": 2.5}, {"arm": "treated", "loss": 2.25}]
    io.write_parquet(tmp_path / "t.parquet", rows)
    io.write_jsonl(tmp_path / "t.jsonl", rows)
    io.write_csv(tmp_path / "t.csv", rows)
    assert io.read_table(tmp_path / "t.parquet") == rows
    assert io.read_table(tmp_path / "t.jsonl") == rows
    assert io.read_table(tmp_path / "t.csv") == [
        {"arm": "base", "loss": "2.5"},
        {"arm": "treated", "loss": "2.25"},
    ]


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [("t.csv", "a,b\n1,2\n\n3,4\n", 3), ("t.jsonl", '{"a": 1}\n\n{"a": 2}\n', 2)],
)
def test_an_empty_line_between_rows_is_refused_with_its_number(
    tmp_path: Path, name: str, text: str, line: int
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=f"line {line}.*an empty line stands between rows"):
        io.read_table(tmp_path / name)
    (tmp_path / name).write_text(text.replace("\n\n", "\n") + "\n\n")
    assert len(io.read_table(tmp_path / name)) == 2


def test_columns_are_the_rows_turned_round(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('a,b\n1,"x\ny"\n2,z\n')
    columns, lines = io.read_columns(path)
    assert columns == {"a": ["1", "2"], "b": ["x\ny", "z"]}
    assert lines.tolist() == [3, 4]
    rows = io.read_csv(path)
    assert [dict(zip(columns, row)) for row in zip(*columns.values())] == rows


def test_the_path_of_a_database(tmp_path: Path) -> None:
    new = tmp_path / "new.db"
    assert io.database_path(new, create=True) == new
    assert not new.exists()
    with pytest.raises(DataError, match="no such file"):
        io.database_path(new, create=False)
    new.write_text("text")
    with pytest.raises(DataError, match="not a SQLite database"):
        io.database_path(new, create=True)
    for name in ("wal", "shm", "journal"):
        link = tmp_path / f"some.db-{name}"
        link.symlink_to(new)
        with pytest.raises(DataError, match="a link"):
            io.database_path(tmp_path / "some.db", create=True)
        link.unlink()
