"""The file of rows: appended to, fsynced, and locked by the one process that writes it.

`io` replaces whole files; this is the one file that grows, so it is opened here.
"""

from __future__ import annotations

import fcntl
import math
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from precocial import io
from precocial.errors import DataError, RunError
from precocial.io import Row

MAX_DEPTH = 16


def plain_row(row: Any, place: str = "a row") -> Row:
    """`row` as it reads back from JSON: NumPy values become Python's, tuples become lists.

    Raises:
        RunError: not a dict with text keys, NaN or infinity, a number too large for a double,
            or a value that JSON cannot hold; the message names the key.
    """
    if not isinstance(row, Mapping):
        raise RunError(f"{place} must be a dict; got {type(row).__name__}")
    plain: Row = _plain(row, place, 0)
    return plain


def _plain(value: Any, place: str, depth: int) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value, place)
    if isinstance(value, int | float):
        return _number(value, place)
    if depth >= MAX_DEPTH:
        raise RunError(f"{place} is nested more than {MAX_DEPTH} deep")
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise RunError(f"{place}: keys must be text; got {key!r}")
        return {
            _text(key, place): _plain(item, f"{place}: {key}", depth + 1)
            for key, item in sorted(value.items())
        }
    if isinstance(value, list | tuple):
        return [_plain(item, f"{place}[{index}]", depth + 1) for index, item in enumerate(value)]
    if isinstance(value, os.PathLike):
        return _text(os.fspath(value), place)
    raise RunError(f"{place} is a {type(value).__name__}, which JSON cannot hold")


def _text(value: Any, place: str) -> str:
    try:
        return str(value.encode("utf-8"), "utf-8")
    except UnicodeError as error:
        raise RunError(f"{place} is text that is not Unicode ({error})") from error


def _number(value: int | float, place: str) -> int | float:
    try:
        finite = math.isfinite(value)
    except OverflowError:
        finite = False
    if not finite:
        raise RunError(f"{place} is not a finite number; use None, and say why in another column")
    return int(value) if isinstance(value, int) else float(value)


def parse_rows(data: bytes, path: Path) -> tuple[list[Row], list[int]]:
    """The whole lines of a rows file, and the offset in bytes at which each ends.

    A last line without its newline was torn by a kill or a full disk and is left out.

    Raises:
        RunError: any other damage, with the line's number.
    """
    rows: list[Row] = []
    ends: list[int] = []
    end = 0
    for number, line in enumerate(data.split(b"\n")[:-1], 1):
        end += len(line) + 1
        try:
            value = io.loads(line.decode("utf-8"), path=path, line=number)
            rows.append(plain_row(value, f"{path}, line {number}"))
        except (UnicodeDecodeError, DataError) as error:
            raise RunError(f"{error} ({path}, line {number}); {_DAMAGED}") from error
        ends.append(end)
    return rows, ends


_DAMAGED = "the run folder is damaged: delete it, then run again"


class Journal:
    """The rows file, open and locked. The lock dies with the process, so it is never stale.

    Raises:
        RunError: another process (or this one, twice) writes here; not a regular file; or the
            folder cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, flags, 0o666)
        except OSError as error:
            raise unwritable(path, error) from error
        try:
            self._lock()
            self.rows, self._ends = parse_rows(self._read(), path)
        except BaseException:
            self.close()
            raise

    def _lock(self) -> None:
        if not stat.S_ISREG(os.fstat(self._file).st_mode):
            raise RunError(f"{self.path} is not a regular file; {_DAMAGED}")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunError(
                f"{self.path.parent} is being written by another process; wait for it to end"
            ) from error
        except OSError as error:
            raise unwritable(self.path, error) from error

    def _read(self) -> bytes:
        try:
            return io.read_bytes(self.path, limit=io.MAX_TABLE_BYTES)
        except DataError as error:
            raise RunError(str(error)) from error

    def append(self, row: Any) -> Row:
        """Write one row and make it durable; the row as it reads back."""
        plain = plain_row(row, f"row {len(self.rows) + 1}")
        line = io.dumps(plain).encode() + b"\n"
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[os.write(self._file, rest) :]
            os.fsync(self._file)
        except OSError as error:
            raise unwritable(self.path, error) from error
        self.rows.append(plain)
        self._ends.append((self._ends[-1] if self._ends else 0) + len(line))
        return plain

    def cut(self, count: int) -> None:
        """Keep the first `count` rows, and drop a torn line after them."""
        del self.rows[count:], self._ends[count:]
        end = self._ends[-1] if self._ends else 0
        try:
            if os.fstat(self._file).st_size != end:
                os.ftruncate(self._file, end)
                os.fsync(self._file)
        except OSError as error:
            raise unwritable(self.path, error) from error

    def close(self) -> None:
        """Close the file, which also unlocks it."""
        os.close(self._file)

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def unwritable(path: Path, error: BaseException) -> RunError:
    """The error for a disk that is full or a folder without rights."""
    return RunError(
        f"{path} cannot be written ({getattr(error, 'strerror', None) or error}). What was "
        f"written is kept: free some space or change the rights, then run again and it resumes"
    )
