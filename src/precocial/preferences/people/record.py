"""What people's choices told, as plain values: kept in people.json and read by a report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from precocial import io
from precocial.errors import DataError
from precocial.preferences.people.posterior import ChoicePosterior, Figure, Undecided
from precocial.preferences.records import read_record, write_record

PEOPLE = "people.json"
FORMAT = 1
LARGEST = 1e100
"""What a page can draw."""


@dataclass(frozen=True, kw_only=True)
class Person:
    """One parameter of one person, with its interval; `at_edge` is the mass at the grid's ends."""

    subject: str
    parameter: str
    unit: str
    median: float
    low: float
    high: float
    at_edge: float


@dataclass(frozen=True, kw_only=True)
class ChoiceRecord:
    """A `ChoicePosterior` as it is kept in a file."""

    format: int
    source: str
    model: str
    level: float
    people: list[Person]
    group: list[Figure]
    n_choices: int
    n_held_out: int
    held_out_nats: float
    frequency_nats: float
    chance_nats: float
    undecided: list[Undecided]

    @classmethod
    def of(cls, found: ChoicePosterior) -> ChoiceRecord:
        """From a fit."""
        kept = ("subject", "parameter", "unit", "median", "low", "high", "at_edge")
        return cls(
            format=FORMAT, source=found.source, model=found.model, level=found.level,
            people=[Person(**{name: row[name] for name in kept}) for row in found.rows()],
            group=list(found.group), n_choices=found.n_choices, n_held_out=found.n_held_out,
            held_out_nats=found.held_out_nats, frequency_nats=found.frequency_nats,
            chance_nats=found.chance_nats, undecided=list(found.undecided),
        )  # fmt: skip

    def write(self, path: io.PathLike) -> None:
        """As JSON, atomically."""
        write_record(path, self)

    @classmethod
    def read(cls, path: io.PathLike) -> ChoiceRecord:
        """From JSON.

        Raises:
            DataError: not such a record, or a field that is missing or of a wrong type.
        """
        record = read_record(path, cls, format=FORMAT, what="a record of choices")
        for problem in _problems(record):
            raise DataError(f"is a damaged record of choices: {problem}", path=path)
        return record


def _problems(record: ChoiceRecord) -> Iterator[str]:
    """What types alone do not say."""
    if not (record.people and record.group):
        yield "nobody is in it"
    intervals = [(row.low, row.median, row.high) for row in record.people]
    intervals += [(row.low, row.value, row.high) for row in record.group]
    if not all(-LARGEST < low <= middle <= high < LARGEST for low, middle, high in intervals):
        yield "an interval is none"
    if not (0 < record.level < 1 and record.n_choices > 0):
        yield "its level or its number of choices is out of range"
