"""Findings as files: dataclasses of plain values, to JSON and back, checked."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

import msgspec

from precocial import io
from precocial.errors import DataError

Record = TypeVar("Record")


def write_record(path: io.PathLike, record: Any) -> None:
    """A dataclass as JSON, atomically."""
    io.write_json(path, dataclasses.asdict(record))


def read_record(path: io.PathLike, kind: type[Record], *, format: int, what: str) -> Record:
    """A dataclass with a field `format` from JSON.

    Args:
        what: what it is, for messages: "an audit".

    Raises:
        DataError: another format, or a field that is missing or of a wrong type.
    """
    try:
        record = msgspec.convert(io.read_json(path), kind)
    except (msgspec.ValidationError, TypeError) as error:
        raise DataError(f"is not {what} ({error})", path=path) from error
    got = getattr(record, "format", None)
    if got != format:
        raise DataError(f"is {what} of format {got}; this version reads {format}", path=path)
    return record
