"""Rows of long runs that the package ships: NAME.jsonl, and NAME.json on how they were made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from precocial import io
from precocial.errors import DataError
from precocial.io import Row

RESULTS = Path(__file__).parent.parent / "results"
_PLACES = 6


def rounded(rows: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Rows with six places, which keeps the tables small."""
    return [
        {key: round(v, _PLACES) if isinstance(v, float) else v for key, v in row.items()}
        for row in rows
    ]


def write_shipped(name: str, rows: Iterable[Mapping[str, Any]], provenance: Any) -> None:
    """Ship the rows, rounded, and how they were made."""
    io.write_jsonl(RESULTS / f"{name}.jsonl", rounded(rows))
    io.write_json(RESULTS / f"{name}.json", provenance)


def shipped(name: str) -> list[Row]:
    """The rows of a run that is shipped.

    Raises:
        DataError: there is none of this name.
    """
    path = RESULTS / f"{name}.jsonl"
    if not path.is_file():
        raise DataError(
            f"no rows of {name!r} are shipped; make them with --remake --only {name} of "
            "benchmarks/genome_study.py, genome_lab.py or genome_control.py",
            path=path,
        )
    return io.read_jsonl(path)


def is_shipped(name: str) -> bool:
    """Whether the rows of a run are shipped."""
    return (RESULTS / f"{name}.jsonl").is_file()
