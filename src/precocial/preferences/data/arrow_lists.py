"""Columns of numbers from Arrow files, of which nothing is unpacked that the file does not hold.

Only plain numbers and lists of them are taken. Compression, dictionaries and views, with which a
few bytes can stand for gigabytes, are refused: the writers that are read here use none.
"""

from __future__ import annotations

import struct
from collections.abc import Collection
from pathlib import Path
from typing import Any

from precocial import io
from precocial.errors import DataError, need

_MAGIC = b"ARROW1\0\0"
_HEADER, _COMPRESSION = 2, 3
"""Places of the fields in the tables Message and RecordBatch of Arrow's Message.fbs."""


def read_arrow(path: Path, names: Collection[str]) -> dict[str, list[Any]]:
    """The columns of `names` that there are, as lists, from an Arrow stream or file.

    Other columns are not decoded.

    Raises:
        DataError: damaged, too large, compressed, or columns that are not numbers.
        MissingExtraError: pyarrow is not installed.
    """
    pa, ipc = need("pyarrow", "tables"), need("pyarrow.ipc", "tables")
    data = io.read_bytes(path, limit=io.MAX_TABLE_BYTES)
    # A file is a stream with a table of contents after it, which might point elsewhere.
    stream = data[len(_MAGIC) :] if data.startswith(_MAGIC) else data
    try:
        for message in ipc.MessageReader.open_stream(stream):
            if message.type == "record batch" and _is_compressed(message.metadata.to_pybytes()):
                raise DataError("is compressed Arrow, which is not read", path=path)
        schema = ipc.open_stream(stream).schema
        kept = [index for name in names if (index := schema.get_field_index(name)) >= 0]
        for index in kept:
            if not _is_plain(pa.types, schema.field(index).type):
                raise DataError(
                    f"numbers or lists of them are needed; got {schema.field(index).type}",
                    path=path, column=schema.field(index).name,
                )  # fmt: skip
        options = ipc.IpcReadOptions(included_fields=kept)
        table = ipc.open_stream(stream, options=options).read_all()
        if not kept or table.num_rows > 8 * len(data):  # a number takes a bit or more
            raise DataError(f"holds none of {', '.join(names)}", path=path)
        table.validate(full=True)  # offsets of a damaged file may point anywhere
        return {name: table.column(name).to_pylist() for name in table.column_names}
    except DataError:
        raise
    except Exception as error:  # pyarrow raises its own family on damaged files
        told = str(error)[:200]
        raise DataError(f"is not an Arrow file that can be read ({told})", path=path) from error


def _is_plain(types: Any, kind: Any) -> bool:
    """Whether each value takes room in the file: numbers, and lists of them."""
    while True:
        if types.is_fixed_size_list(kind) and kind.list_size < 1:
            return False
        if not (types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)):
            return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind))
        kind = kind.value_type


def _is_compressed(message: bytes) -> bool:
    """Whether the flatbuffer of a record batch's message has its field `compression`."""
    (root,) = struct.unpack_from("<I", message, 0)
    header = _field(message, root, _HEADER)
    if header is None:
        raise ValueError("a message has no header")
    (offset,) = struct.unpack_from("<I", message, header)
    return _field(message, header + offset, _COMPRESSION) is not None


def _field(buffer: bytes, table: int, number: int) -> int | None:
    """Where a field of a flatbuffer's table lies; None if it is not there."""
    (back,) = struct.unpack_from("<i", buffer, table)
    fields = table - back
    (size,) = struct.unpack_from("<H", buffer, fields)
    place = 4 + 2 * number
    if place + 2 > size:
        return None
    (offset,) = struct.unpack_from("<H", buffer, fields + place)
    return table + offset if offset else None
