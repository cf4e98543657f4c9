"""A hierarchy as a file: TOML in, a `Hierarchy` with its feedback and how to fit it out.

    q = 0.75
    floor = 0.01

    [[levels]]
    name = "answers"
    items = ["colour", "color"]
    initial = [0.5, 0.5]
    scores = [[1, 0], [0, 1]]      # of the answers, by each judge of the level above

    [[levels]]
    name = "judges"
    items = ["british", "american"]
    scores = "judges.csv"          # of the judges by themselves: a column for each item

    [[feedback]]
    level = "answers"
    item = "colour"
    source = "editor"
    confidence = 0.9

A table of scores has a row for each judge and a column for each item, under a header of item names.
"""

from __future__ import annotations

import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

from precocial import io
from precocial.choice.arguments import checked
from precocial.errors import ConfigError, DataError
from precocial.normativity.fitting import Fitting
from precocial.normativity.hierarchy import Hierarchy
from precocial.normativity.levels import Level

TOP = ("q", "floor", "semantics", "share", "depth", "levels", "feedback", "fitting")
LEVEL = ("name", "items", "initial", "logits", "q", "floor", "tasks", "scores")
FEEDBACK = ("level", "item", "value", "confidence", "source", "better_than", "task", "kind",
            "count")  # fmt: skip
FITTING = tuple(field.name for field in fields(Fitting))
LISTS = ("items", "tasks", "initial", "logits")


@checked
def read_hierarchy(path: io.PathLike) -> tuple[Hierarchy, Fitting]:
    """The hierarchy that a TOML file describes, its feedback noted, and how to fit it.

    Raises:
        DataError: not TOML, an unknown or missing field, scores that are no table of numbers.
        ConfigError: what `Hierarchy`, `Hierarchy.feedback` or `Fitting` refuse.
    """
    place = Path(path)
    try:
        given = tomllib.loads(io.read_text(place))
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"is not TOML: {error}", path=place) from error
    _known(given, TOP, "the file", place)
    tables = _tables(given, "levels", place)
    levels = [_level(one, place) for one in tables]
    scores = [_scores(one, place) for one in tables if "scores" in one]
    bare = [one["name"] for one in tables[:-1] if "scores" not in one]
    if bare:
        raise DataError(
            f"the level {bare[0]!r} has no scores: only the last level may go without, with "
            "share = false",
            path=place,
        )
    options = {name: given[name] for name in TOP[:5] if name in given}
    try:
        hierarchy = Hierarchy(levels, scores, **options)
        for one in _tables(given, "feedback", place) if "feedback" in given else ():
            _known(one, FEEDBACK, "feedback", place)
            _needed(one, ("level", "source"), "feedback", place)
            hierarchy.feedback(**one)
        return hierarchy, _fitting(given.get("fitting", {}), place)
    except ConfigError as error:
        raise ConfigError(f"{place}: {error}") from error


def _fitting(given: Any, path: Path) -> Fitting:
    if not isinstance(given, dict):
        raise DataError("fitting must be a table: [fitting]", path=path)
    _known(given, FITTING, "fitting", path)
    plain: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in given.items()
    }
    return Fitting(**plain)


def _tables(given: dict[str, Any], name: str, path: Path) -> list[dict[str, Any]]:
    found = given.get(name)
    if not isinstance(found, list) or not found or not all(isinstance(x, dict) for x in found):
        raise DataError(f"needs one or more [[{name}]]", path=path)
    return found


def _known(given: dict[str, Any], allowed: tuple[str, ...], what: str, path: Path) -> None:
    strange = [name for name in given if name not in allowed]
    if strange:
        raise DataError(
            f"{what} has an unknown field {strange[0]!r}; allowed are {', '.join(allowed)}",
            path=path,
        )


def _needed(given: dict[str, Any], needed: tuple[str, ...], what: str, path: Path) -> None:
    for name in needed:
        if name not in given:
            raise DataError(f"{what} has no {name!r}", path=path)


def _level(given: dict[str, Any], path: Path) -> Level:
    _known(given, LEVEL, "a level", path)
    _needed(given, ("name", "items"), "a level", path)
    for name in LISTS:
        if not isinstance(given.get(name, []), list):
            raise DataError(f"{name} must be a list; got {given[name]!r}", path=path)
    return Level(**{name: value for name, value in given.items() if name != "scores"})


def _scores(given: dict[str, Any], path: Path) -> Any:
    """As they stand, or from the table that they name, its columns in the order of the items."""
    scores = given["scores"]
    if not isinstance(scores, str):
        return scores
    table = io.safe_join(path.parent, scores)
    columns, lines = io.read_columns(table)
    items = given["items"]
    if sorted(columns) != sorted(map(str, items)):
        raise DataError(
            f"its columns must be the items of {given['name']!r}: {', '.join(map(str, items))}; "
            f"got {', '.join(columns)}",
            path=table,
        )
    return [
        [
            io.parse_number(columns[item][row], path=table, line=int(line), column=item)
            for item in items
        ]
        for row, line in enumerate(lines)
    ]
