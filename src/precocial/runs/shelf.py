"""Rows of long runs that a room ships: NAME.jsonl, and NAME.json on how they were made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from precocial import io
from precocial.errors import DataError
from precocial.io import Row

_PLACES = 6


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """A folder of shipped rows; `remade_by` says what makes them again."""

    folder: Path
    remade_by: str

    def put(self, name: str, rows: Iterable[Mapping[str, Any]], provenance: Any) -> None:
        """Ship the rows, numbers to six places, which keeps the tables small, and how they were
        made."""
        io.write_jsonl(self.folder / f"{name}.jsonl", rounded(rows))
        io.write_json(self.folder / f"{name}.json", provenance)

    def rows(self, name: str) -> list[Row]:
        """The rows of a run that is shipped.

        Raises:
            DataError: there is none of this name.
        """
        if not self.has(name):
            raise DataError(
                f"no rows of {name!r} are shipped; make them with --remake --only {name} of "
                f"{self.remade_by}",
                path=self.folder / f"{name}.jsonl",
            )
        return io.read_jsonl(self.folder / f"{name}.jsonl")

    def has(self, name: str) -> bool:
        """Whether the rows of a run are shipped."""
        return (self.folder / f"{name}.jsonl").is_file()


def rounded(rows: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Rows with six places."""
    return [
        {key: round(v, _PLACES) if isinstance(v, float) else v for key, v in row.items()}
        for row in rows
    ]
