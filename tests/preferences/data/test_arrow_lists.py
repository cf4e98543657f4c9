from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from precocial import io
from precocial.errors import DataError
from precocial.preferences.data.arrow_lists import read_arrow

pa = pytest.importorskip("pyarrow")


def written(path: Path, table: Any, *, file: bool = False, compression: str | None = None) -> Path:
    sink = BytesIO()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    new = pa.ipc.new_file if file else pa.ipc.new_stream
    with new(sink, table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=2)
    path.write_bytes(sink.getvalue())
    return path


TABLE = pa.table(
    {
        "obs": pa.array([[0.5, 1.0], [2.0], []]), "acts": pa.array([1, 2, 3], pa.int8()),
        "terminal": [True, False, True], "infos": ["a", "b", "c"],
        "fixed": pa.array([[1, 2]] * 3, pa.list_(pa.int64(), 2)),
    }
)  # fmt: skip


@pytest.mark.parametrize("file", [False, True])
def test_columns_come_back_as_lists(tmp_path: Path, file: bool) -> None:
    path = written(tmp_path / "a.arrow", TABLE, file=file)
    found = read_arrow(path, ("obs", "acts", "terminal", "fixed", "absent"))
    assert found == {name: TABLE[name].to_pylist() for name in ("obs", "acts", "terminal", "fixed")}


@pytest.mark.parametrize("file", [False, True])
@pytest.mark.parametrize("compression", ["zstd", "lz4"])
def test_what_a_few_bytes_blow_up_is_refused(tmp_path: Path, file: bool, compression: str) -> None:
    if not pa.Codec.is_available(compression):
        pytest.skip(f"this pyarrow has no {compression}")
    path = written(tmp_path / "a.arrow", TABLE, file=file, compression=compression)
    with pytest.raises(DataError, match="is compressed"):
        read_arrow(path, ("acts",))


@pytest.mark.parametrize(
    "column",
    [
        pa.array([[1], [1]], pa.list_view(pa.int64())),
        pa.array([1, 1]).dictionary_encode(),
        pa.array([[], []], pa.list_(pa.int64(), 0)),
        pa.array([[[]], [[]]], pa.list_(pa.list_(pa.int64(), 0), 1)),
        pa.nulls(2),
        pa.array(["a", "b"]),
        pa.array([{"a": 1}] * 2),
        pa.RunEndEncodedArray.from_arrays(pa.array([2], pa.int32()), pa.array([1])),
    ],
    ids=lambda column: str(column.type),
)
def test_only_plain_numbers_are_taken(tmp_path: Path, column: Any) -> None:
    path = written(tmp_path / "a.arrow", pa.table({"obs": column}))
    with pytest.raises(DataError, match=r"column 'obs': numbers or lists"):
        read_arrow(path, ("obs",))


def test_files_that_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "a.arrow", TABLE)
    with pytest.raises(DataError, match="holds none of x, y"):
        read_arrow(path, ("x", "y"))
    whole = path.read_bytes()
    for data in (b"", b"junk", whole[:40], whole[:-30], b"ARROW1\0\0"):
        path.write_bytes(data)
        with pytest.raises(DataError, match=r"is not an Arrow file|holds none"):
            read_arrow(path, ("acts",))
    path.write_bytes(whole)
    monkeypatch.setattr(io, "MAX_TABLE_BYTES", 100)
    with pytest.raises(DataError, match="at most 100 are read"):
        read_arrow(path, ("acts",))
