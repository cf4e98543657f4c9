"""The rows of the laptop recipes that are shipped, and what they say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from precocial import io
from precocial.errors import DataError
from precocial.genome.intervals import Interval
from precocial.genome.lab.attention import laptop_heuristic
from precocial.genome.lab.hinton_nowlan import guidance
from precocial.genome.lab.questions import (
    Answer,
    bottleneck_answers,
    heuristic_answers,
    price_answers,
)
from precocial.genome.lab.tradeoff import predictions
from precocial.io import Row

RESULTS = Path(__file__).parents[1] / "results"
"""NAME.csv has the rows of a run, NAME.json its config, command, seeds and code."""
SHIPPED = ("tradeoff", "tradeoff_baldwin", "regularise", "price", "heuristic", "hinton_nowlan")
"""Names of the runs; those that were not made yet are left out of what is told."""
_WORDS = ("arm", "outer", "genes")
_FLAGS = {"True": True, "False": False, "": None}
_PLACES = 6


def rounded(rows: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Rows with six places, which keeps the tables small."""
    return [
        {name: round(v, _PLACES) if isinstance(v, float) else v for name, v in row.items()}
        for row in rows
    ]


def shipped(name: str) -> list[Row]:
    """The rows of a laptop run that is shipped, numbers as numbers.

    Raises:
        DataError: there is none of this name.
    """
    path = RESULTS / f"{name}.csv"
    if not path.is_file():
        raise DataError(
            f"no rows of {name!r} are shipped; make them: "
            f"python benchmarks/genome_lab.py --remake --only {name}",
            path=path,
        )
    return [{key: _value(key, text) for key, text in row.items()} for row in io.read_csv(path)]


def _value(key: str, text: str) -> str | float | bool | None:
    if key in _WORDS:
        return text
    if text in _FLAGS:
        return _FLAGS[text]
    return int(text) if text.lstrip("-").isdigit() else float(text)


def has(name: str) -> bool:
    """Whether the rows of a run are shipped."""
    return (RESULTS / f"{name}.csv").is_file()


def answers() -> list[Answer]:
    """All that is answered by shipped rows."""
    found: list[Answer] = []
    if has("regularise"):
        found += bottleneck_answers(shipped("regularise"))
    if has("price"):
        found += price_answers(shipped("price"))
    if has("heuristic"):
        found += heuristic_answers(shipped("heuristic"), laptop_heuristic().lifetime)
    return found


def rows() -> list[Row]:
    """What is shipped, as rows of `benchmarks/genome_lab.py`."""
    found = [
        _row(f"{name}: {one.statement} ({one.verdict})", one.change, one.figure)
        for name in ("tradeoff", "tradeoff_baldwin")
        if has(name)
        for one in predictions(shipped(name))
    ]
    found += [_row(f"{one.figure} ({one.reading})", one.measured, "") for one in answers()]
    if has("hinton_nowlan"):
        said = guidance(shipped("hinton_nowlan"))
        found += [
            _row("Hinton and Nowlan: right alleles, with learning", said.right, "share"),
            _row("Hinton and Nowlan: right alleles, without", said.right_without, "share"),
            _row("Hinton and Nowlan: undecided alleles left", said.undecided, "share"),
            _row("Hinton and Nowlan: fitness that learning adds", said.fitness_gain, "fitness"),
        ]
    return found


def _row(name: str, measured: Interval, unit: str) -> Row:
    return {
        "name": name,
        "ours": round(measured.mean, 4),
        "peer": f"[{measured.low:.4f}, {measured.high:.4f}]",
        "peer_name": "95 % interval",
        "ratio": None,
        "unit": unit,
        "better": "",
    }
