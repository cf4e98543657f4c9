"""What people's choices told, as plain values: kept in people.json and read by a report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from typing import Any

from precocial import io
from precocial.errors import DataError
from precocial.preferences.people.choices import KINDS
from precocial.preferences.people.comparison import Comparison
from precocial.preferences.people.held_out import FREQUENT, RATE, REGRESSION
from precocial.preferences.people.posterior import ChoicePosterior, Figure, TradeOff, Undecided
from precocial.runs.findings import read_record, write_record

PEOPLE = "people.json"
FORMAT = 2
LARGEST = 1e100
"""What a page can draw."""


@dataclass(frozen=True, kw_only=True)
class Person:
    """One parameter of one person, with its posterior interval and that of the likelihood alone
    (None: not bounded on that side); `at_edge` is the mass at the grid's ends."""

    subject: str
    parameter: str
    unit: str
    median: float
    low: float
    high: float
    profile_low: float | None
    profile_high: float | None
    at_edge: float


@dataclass(frozen=True, kw_only=True)
class ChoiceRecord:
    """A `ChoicePosterior` as it is kept in a file."""

    format: int
    kind: str
    source: str
    model: str
    level: float
    people: list[Person]
    group: list[Figure]
    n_choices: int
    comparison: Comparison
    trade_offs: list[TradeOff]
    undecided: list[Undecided]
    cautions: list[str]

    @classmethod
    def of(cls, found: ChoicePosterior) -> ChoiceRecord:
        """From a fit."""
        kept = [field.name for field in fields(Person)]
        return cls(
            format=FORMAT, kind=found.kind, source=found.source, model=found.model,
            level=found.level,
            people=[Person(**{name: row[name] for name in kept}) for row in found.rows()],
            group=list(found.group), n_choices=found.n_choices, comparison=found.comparison,
            trade_offs=list(found.trade_offs), undecided=list(found.undecided),
            cautions=list(found.cautions),
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
    comparison = record.comparison
    if record.kind not in KINDS:
        yield f"its kind is none of {', '.join(KINDS)}"
    if not (record.people and record.group and comparison.people):
        yield "nobody is in it"
    if not all(-LARGEST < number < LARGEST for number in _numbers(asdict(record))):
        yield "a number is too large to draw"
    intervals = [(row.low, row.median, row.high) for row in record.people]
    intervals += [(row.low, row.value, row.high) for row in record.group]
    if not all(low <= middle <= high for low, middle, high in intervals):
        yield "an interval is none"
    if not (0 < record.level < 1 and record.n_choices > 0):
        yield "its level or its number of choices is out of range"
    names = {score.name for score in comparison.scores}
    if not names >= {RATE, FREQUENT, REGRESSION} or all(s.baseline for s in comparison.scores):
        yield "a baseline or every model is missing in its comparison"
    if any(len(c.by_person) != len(comparison.people) for c in comparison.contrasts):
        yield "a contrast is not of the same people"


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for part in value:
            yield from _numbers(part)
    elif isinstance(value, int | float):
        yield value
