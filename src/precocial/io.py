"""The only place that opens files: atomic writes, JSON, JSON lines, CSV, Parquet, safetensors.

No pickle in, none out. Readers raise `DataError` with file, line and column, and return
everything or nothing. Writers go through a temporary file in the same folder and `os.replace`,
so a reader never sees half a file.
"""

from __future__ import annotations

import contextlib
import csv
import decimal
import io
import json
import math
import numbers
import os
import secrets
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from precocial.errors import ConfigError, DataError, need

MAX_TABLE_BYTES = 256 * 2**20
"""A table larger than this is refused: a run table has thousands of rows, not millions."""
MAX_TABLE_CELLS = 20_000_000
"""A few kilobytes of Parquet can stand for billions of equal cells: count before reading."""
MAX_TEXT_BYTES = 4 * 2**30
MAX_FIELD_CHARS = 100_000
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")

Row = dict[str, Any]
PathLike = str | os.PathLike[str]


# ---------------------------------------------------------------- paths


def safe_join(root: PathLike, *parts: str) -> Path:
    """`root / parts`, refused if the result, links resolved, lies outside `root`.

    Raises:
        ConfigError: absolute parts, "..", NUL bytes, or a link that leads out or in a circle.
    """
    if any("\0" in part for part in parts):
        raise ConfigError(f"a path may not hold a NUL byte; got {parts!r}")
    if any(Path(part).is_absolute() for part in parts):
        raise ConfigError(f"name paths relative to {root}; got {parts!r}")
    try:
        base = Path(root).resolve()
        path = base.joinpath(*parts).resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise ConfigError(f"{'/'.join(parts)!r} is not a usable path ({error})") from error
    if not path.is_relative_to(base):
        raise ConfigError(f"{'/'.join(parts)!r} leads outside {base}; name a path inside it")
    return path


def database_path(path: PathLike, *, create: bool) -> Path:
    """The absolute path of a SQLite file that may be opened: a regular file with SQLite's header,
    an empty one or, with `create`, one that is yet to be made in a folder that exists.

    Raises:
        DataError: missing, a folder, a link (its companions too), a device, or another format.
    """
    try:
        file = Path(path).absolute()
        if "\0" in str(file) or not file.parent.is_dir():
            raise DataError("has a NUL byte, or its folder does not exist", path=repr(path))
        for name in (file, *(Path(f"{file}{tail}") for tail in ("-wal", "-shm", "-journal"))):
            # SQLite follows links, and would write through one to a file elsewhere
            if os.path.lexists(name) and not stat.S_ISREG(os.lstat(name).st_mode):
                raise DataError("is a folder, a link or a device; name a regular file", path=name)
        if not file.exists() and create:
            return file
        if not file.exists():
            raise DataError("no such file", path=path)
        with file.open("rb") as stream:
            if stream.read(16) not in (b"", b"SQLite format 3\0"):
                raise DataError("is not a SQLite database", path=path)
        return file
    except (OSError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"cannot be opened ({error})", path=repr(path)) from error


def _open_bytes(path: PathLike, limit: int) -> bytes:
    try:
        file = Path(path)
        if file.is_dir():
            raise DataError("is a folder; name a file", path=path)
        if not file.exists():
            raise DataError("no such file", path=path)
        if not file.is_file():
            raise DataError("is not a regular file", path=path)
        size = file.stat().st_size
        if size > limit:
            raise DataError(f"has {size} bytes; at most {limit} are read", path=path)
        with file.open("rb") as stream:
            data = stream.read(size + 1)  # a buffer as large as `limit` would be made at once
            if len(data) > size:
                data += stream.read(limit + 1 - len(data))
        if len(data) > limit:  # it grew, or its size is not told beforehand (/proc)
            raise DataError(f"has more than {limit} bytes", path=path)
        return data
    except (OSError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"cannot be read ({error})", path=repr(path)) from error


def read_bytes(path: PathLike, *, limit: int = MAX_TEXT_BYTES) -> bytes:
    """The bytes of a regular file of at most `limit` bytes."""
    return _open_bytes(path, limit)


def read_text(path: PathLike, *, limit: int = MAX_TABLE_BYTES) -> str:
    """A UTF-8 file as text; a byte-order mark is dropped.

    Raises:
        DataError: missing, too large, or not UTF-8.
    """
    try:
        return _open_bytes(path, limit).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"is not UTF-8 text (byte {error.start}); save it as UTF-8"
        raise DataError(message, path=path) from error


def write_bytes(path: PathLike, data: bytes) -> None:
    """Write a file atomically and durably: temporary file, fsync, replace, fsync of the folder."""
    target = Path(path)
    temporary = target.parent / f".{target.name[:40]}.{secrets.token_hex(8)}"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _fsync_folder(target.parent)
    except OSError as error:
        raise DataError(f"cannot be written ({error.strerror or error})", path=path) from error
    except ValueError as error:  # a NUL byte in the name
        raise DataError(f"cannot be written ({error})", path=repr(path)) from error


def write_text(path: PathLike, text: str) -> None:
    """Write UTF-8 text atomically."""
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise DataError(
            f"cannot be written: character {error.start} is half a surrogate pair", path=path
        ) from error
    write_bytes(path, data)


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# ---------------------------------------------------------------- JSON


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _finite(value: Any) -> Any:
    """NaN and infinities become null: JSON has no word for them."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def dumps(value: Any, *, indent: int | None = None) -> str:
    """JSON with sorted keys; NumPy values and paths allowed; NaN and infinities become null."""
    try:
        return json.dumps(
            _finite(value), sort_keys=True, indent=indent, allow_nan=False, default=_plain
        )
    except RecursionError as error:
        raise DataError("is nested too deeply for JSON") from error


def loads(text: str, *, path: object = None, line: int | None = None, finite: bool = True) -> Any:
    """Strict JSON: duplicate keys are refused and, unless `finite` is False, NaN and infinities
    (1e999 too)."""
    strict: dict[str, Any] = {"parse_constant": _constant, "parse_float": _number} if finite else {}
    try:
        return json.loads(text, object_pairs_hook=_unique, **strict)
    except json.JSONDecodeError as error:
        place = line or error.lineno
        raise DataError(f"is not JSON ({error.msg})", path=path, line=place) from error
    except (RecursionError, ValueError) as error:
        why = "{}" if isinstance(error, DataError) else "is not JSON that can be read ({})"
        raise DataError(why.format(error), path=path, line=line) from error


def _unique(pairs: list[tuple[str, Any]]) -> Row:
    twice = _twice([key for key, _ in pairs])
    if twice is not None:
        raise DataError(f"the key {twice!r} stands twice")
    return dict(pairs)


def _constant(word: str) -> Any:
    raise DataError(f"{word[:40]} is not a finite number; use null")


def _number(word: str) -> float:
    return float(word) if math.isfinite(float(word)) else float(_constant(word))


def _twice(names: Sequence[str]) -> str | None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def read_json(path: PathLike) -> Any:
    """One JSON document."""
    return loads(read_text(path), path=path)


def write_json(path: PathLike, value: Any) -> None:
    """One JSON document, atomically, two spaces of indent and a final newline."""
    write_text(path, dumps(value, indent=2) + "\n")


def read_jsonl(path: PathLike, *, torn_tail: bool = False) -> list[Row]:
    """JSON lines, each an object.

    With `torn_tail`, a last line without its newline (a writer was killed) is left out.
    """
    text = read_text(path)
    lines = text.split("\n")
    tail = lines.pop()
    if tail and not torn_tail:
        lines.append(tail)
    rows: list[Row] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            if any(rest.strip() for rest in lines[number:]):
                raise DataError("an empty line stands between rows", path=path, line=number)
            break
        row = loads(line, path=path, line=number)
        if not isinstance(row, dict):
            raise DataError("each line must be a JSON object", path=path, line=number)
        rows.append(row)
    return rows


def write_jsonl(path: PathLike, rows: Iterable[Mapping[str, Any]]) -> None:
    """JSON lines, atomically."""
    write_text(path, "".join(dumps(row) + "\n" for row in rows))


# ---------------------------------------------------------------- tables


def parse_number(
    value: Any, *, path: object = None, line: int | None = None, column: str | None = None,
    finite: bool = False,
) -> float:  # fmt: skip
    """A number, or plain text of one, as a float; NaN and infinities pass unless `finite`.

    Raises:
        DataError: anything else; "1_000" and digits of other scripts, which `float` takes, too.
    """
    plain = isinstance(value, numbers.Real | decimal.Decimal) and not isinstance(value, bool)
    text = isinstance(value, str) and value.isascii() and "_" not in value
    with contextlib.suppress(ValueError, OverflowError):
        if (plain or text) and (not finite or math.isfinite(float(value))):
            return float(value)
    kind = "a finite number" if finite else "a number"
    raise DataError(f"must be {kind}; got {shown(value)}", path=path, line=line, column=column)


def shown(value: Any) -> str:
    """At most 80 characters of a value, for messages."""
    try:
        return f"{value!r:.80}"
    except ValueError:  # Python refuses to print integers of thousands of digits
        return f"an integer of {value.bit_length()} bits"


def _csv_cells(text: str, path: object, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The header, then each row, with the line on which it ends."""
    if "\0" in text:
        raise DataError("holds a NUL byte", path=path)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)

    def wrong(message: str) -> DataError:
        return DataError(message, path=path, line=reader.line_num)

    try:
        header = next(reader, None)
        if header is None:
            raise DataError("is empty; a header line is needed", path=path)
        names = [name.strip() for name in header]
        twice = _twice(names)
        if twice is not None:
            raise DataError("the column stands twice", path=path, line=1, column=twice)
        yield reader.line_num, names
        empty = None
        for cells in reader:
            if not cells:
                empty = empty or reader.line_num
                continue
            if empty:  # skipped, it would shift the line that every later error names
                raise DataError("an empty line stands between rows", path=path, line=empty)
            if len(cells) != len(names):
                raise wrong(f"has {len(cells)} cells; the header has {len(names)}")
            if any(len(cell) > MAX_FIELD_CHARS for cell in cells):
                raise wrong(f"a cell has more than {MAX_FIELD_CHARS} characters")
            yield reader.line_num, cells
    except csv.Error as error:
        raise wrong(f"is not CSV ({error})") from error


def parse_csv(text: str, *, path: object = None, delimiter: str = ",") -> list[Row]:
    """CSV text with a header; values stay strings; ragged rows, duplicate columns are refused."""
    lines = _csv_cells(text, path, delimiter)
    _, names = next(lines)
    return [dict(zip(names, cells, strict=True)) for _, cells in lines]


def _delimiter(path: PathLike) -> str:
    return "\t" if str(path).lower().endswith((".tsv", ".tab")) else ","


def read_columns(path: PathLike) -> tuple[dict[str, list[str]], NDArray[np.int64]]:
    """A CSV or TSV file as columns, and the line on which each row ends: lighter than rows."""
    lines = _csv_cells(read_text(path), path, _delimiter(path))
    _, names = next(lines)
    columns: list[list[str]] = [[] for _ in names]
    known, places = dict[str, str](), list[int]()
    for place, cells in lines:
        places.append(place)
        for column, cell in zip(columns, cells, strict=True):
            column.append(known.setdefault(cell, cell))
    return dict(zip(names, columns, strict=True)), np.array(places, dtype=np.int64)


def read_csv(path: PathLike) -> list[Row]:
    """A CSV (or, by its ending, TSV) file with a header; values stay strings."""
    return parse_csv(read_text(path), path=path, delimiter=_delimiter(path))


def _cell(value: Any) -> Any:
    """A spreadsheet runs a text cell that begins like a formula: a quote mark stops it."""
    if isinstance(value, str) and value.startswith(FORMULA_STARTS) and not _is_number(value):
        return "'" + value
    return "" if value is None else value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return not text[0].isspace()


def format_csv(rows: Sequence[Mapping[str, Any]], *, guard: bool = True) -> str:
    """Rows as CSV text; the columns are the keys as they first appear; `guard`: as `write_csv`."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines: list[list[Any]] = [names, *([row.get(name) for name in names] for row in rows)]
    return "".join(_csv_line([_cell(x) if guard else x for x in line]) for line in lines)


def _csv_line(cells: Sequence[Any]) -> str:
    # A writer that ends lines with "\n" leaves a lone "\r" in a cell bare, and readers take that
    # for the end of a row. So write "\r\n", which has both quoted, and shorten it.
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerow(cells)
    return out.getvalue()[:-2] + "\n"


def write_csv(path: PathLike, rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows as CSV, atomically; text that a spreadsheet would run as a formula is quoted."""
    write_text(path, format_csv(rows))


def read_parquet(path: PathLike) -> list[Row]:
    """A Parquet file as rows. Needs the extra [tables]."""
    parquet = need("pyarrow.parquet", "tables")
    data = _open_bytes(path, MAX_TABLE_BYTES)
    try:
        file = parquet.ParquetFile(io.BytesIO(data))
        names = file.schema_arrow.names
        cells = file.metadata.num_rows * max(len(names), 1)
        twice = _twice(names)
        if twice is not None:
            raise DataError("the column stands twice", path=path, column=twice)
        if cells > MAX_TABLE_CELLS:
            raise DataError(f"has {cells} cells; at most {MAX_TABLE_CELLS} are read", path=path)
        rows: list[Row] = file.read().to_pylist()
    except DataError:
        raise
    except Exception as error:  # pyarrow raises its own family on damaged files
        raise DataError(f"is not a Parquet table ({error})", path=path) from error
    return rows


def write_parquet(path: PathLike, rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows as Parquet, atomically. Needs the extra [tables]."""
    need("pyarrow.parquet", "tables")
    arrow, parquet = need("pyarrow", "tables"), need("pyarrow.parquet", "tables")
    out = io.BytesIO()
    parquet.write_table(arrow.Table.from_pylist([dict(row) for row in rows]), out)
    write_bytes(path, out.getvalue())


def read_table(path: PathLike) -> list[Row]:
    """Rows of a .csv, .tsv, .jsonl or .parquet file, by its ending."""
    suffix = Path(path).suffix.lower()
    if not suffix and not os.path.lexists(path):  # a folder that is not there, most likely
        raise DataError("no such file or folder", path=path)
    readers = {
        ".csv": read_csv,
        ".tsv": read_csv,
        ".tab": read_csv,
        ".jsonl": read_jsonl,
        ".parquet": read_parquet,
    }
    if suffix not in readers:
        raise DataError(f"the ending {suffix!r} is not known; use {', '.join(readers)}", path=path)
    return readers[suffix](path)


# ---------------------------------------------------------------- arrays


def write_arrays(
    path: PathLike, arrays: Mapping[str, NDArray[Any]], *, meta: Mapping[str, Any] | None = None
) -> None:
    """Named arrays as one safetensors file, atomically; `meta` is kept as JSON in its header.

    Needs safetensors (extra [torch]).
    """
    safetensors = need("safetensors.numpy", "torch")
    for name, array in arrays.items():
        if array.dtype.kind not in "biuf":
            raise ConfigError(f"array {name!r} must hold numbers; its type is {array.dtype}")
    plain = {
        # not `ascontiguousarray`, which makes a scalar a vector; the format keeps no byte order
        name: np.asarray(array, dtype=array.dtype.newbyteorder("="), order="C")
        for name, array in arrays.items()
    }
    write_bytes(path, safetensors.save(plain, metadata={"precocial": dumps(meta or {})}))


def read_arrays(path: PathLike) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Arrays and `meta` of a safetensors file."""
    safetensors = need("safetensors.numpy", "torch")
    data = _open_bytes(path, MAX_TEXT_BYTES)
    try:
        arrays: dict[str, NDArray[Any]] = safetensors.load(data)
        length = int.from_bytes(data[:8], "little")
        header = loads(data[8 : 8 + length].decode("utf-8"), path=path)
        meta = loads(header.get("__metadata__", {}).get("precocial", "{}"), path=path)
        if not isinstance(meta, dict):
            raise DataError("the metadata must be a JSON object", path=path)
    except DataError:
        raise
    except Exception as error:  # the library raises its own family on damaged files
        raise DataError(f"is not a safetensors file ({error})", path=path) from error
    return arrays, meta
