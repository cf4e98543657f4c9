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

import contextlib
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from precocial import io
from precocial.choice.arguments import checked
from precocial.errors import ConfigError, DataError
from precocial.normativity.fields import FIELDS, Part
from precocial.normativity.fitting import Fitting
from precocial.normativity.hierarchy import Hierarchy
from precocial.normativity.levels import Level
from precocial.normativity.statements import Kind


@checked
def read_hierarchy(path: io.PathLike) -> tuple[Hierarchy, Fitting]:
    """The hierarchy that a TOML file describes, its feedback noted, and how to fit it.

    Raises:
        DataError: not TOML, an unknown or missing field, one of a wrong type, a number that is not
            finite.
        ConfigError: what `Hierarchy`, `Hierarchy.feedback` or `Fitting` refuse. Both name the file,
            the level or piece of feedback, and the field.
    """
    place = Path(path)
    try:
        given = tomllib.loads(io.read_text(place))
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"is not TOML: {error}", path=place) from error
    top = Part(path=place)
    options = top.read(given, FIELDS["top"])
    for name in ("levels", "feedback", "fitting"):
        options.pop(name, None)
    tables = top.tables(given, "levels")
    levels, scores = [], []
    for number, table in enumerate(tables, 1):
        part = top.at(f"level {table.get('name') or number!r:.80}")
        fields = part.read(table, FIELDS["levels"], needed=("name", "items"))
        if "scores" in fields:
            scores.append(_scores(fields.pop("scores"), fields, part))
        elif number < len(tables):
            raise part.wrong(
                "scores", "is missing: only the last level may go without, with share = false"
            )
        with _named(part, f"Level {fields['name']!r}: ", f"{fields['name']}: ", "Level: "):
            levels.append(Level(**fields))
    with _named(top, "Hierarchy: "):
        hierarchy = Hierarchy(levels, scores, **options)
    for number, table in enumerate(top.tables(given, "feedback") if "feedback" in given else (), 1):
        part = top.at(f"feedback {number}")
        fields = part.read(table, FIELDS["feedback"], needed=("level", "source"))
        with _named(part, "feedback: "):
            hierarchy.feedback(**fields)
    return hierarchy, _fitting(given.get("fitting", {}), hierarchy, top)


def _fitting(given: Any, hierarchy: Hierarchy, top: Part) -> Fitting:
    if not isinstance(given, dict):
        raise top.wrong("fitting", "must be a table: [fitting]")
    part = top.at("fitting")
    fields = part.read(given, FIELDS["fitting"])
    there = [level.name for level in hierarchy.levels]
    for name in fields.get("learn", ()):
        if name not in there:
            raise part.wrong("learn", f"names no level: {name!r}; there are {', '.join(there)}")
    for name in fields.get("heed", ()):
        if name not in get_args(Kind):
            raise part.wrong(
                "heed",
                f"names no kind of feedback: {name!r}; kinds are {', '.join(get_args(Kind))}",
            )
    plain: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()
    }
    with _named(part, "Fitting: "):
        return Fitting(**plain)


@contextlib.contextmanager
def _named(part: Part, *said: str) -> Iterator[None]:
    """What others refuse, with the part of the file before it in place of what they `said`."""
    try:
        yield
    except ConfigError as error:
        message = str(error)
        for words in said:
            message = message.removeprefix(words)
        raise ConfigError(f"{part}: {message}") from error


def _scores(scores: Any, level: dict[str, Any], part: Part) -> Any:
    """As they stand, or from the table that they name, its columns in the order of the items."""
    if not isinstance(scores, str):
        return scores
    table = io.safe_join(part.path.parent, scores)
    columns, lines = io.read_columns(table)
    items = level["items"]
    if sorted(columns) != sorted(items):
        raise DataError(
            f"its columns must be the items of {level['name']!r}: {', '.join(items)}; "
            f"got {', '.join(columns)}",
            path=table,
        )
    return [
        [
            io.parse_number(
                columns[item][row], path=table, line=int(line), column=item, finite=True
            )
            for item in items
        ]
        for row, line in enumerate(lines)
    ]
