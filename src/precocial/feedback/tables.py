"""Feedback from and to the files of others: crowd-kit's columns, TRL's JSON lines, and all fields.

Everything is read or nothing; an error names file, line and column. Votes hold names, by which
tables are joined: they are read and written as they stand. Items hold texts of strangers, which
people look at in spreadsheets: there, what a spreadsheet would run as a formula is guarded by a
quote mark on the way out, and freed of it on the way in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from precocial import io
from precocial.choice.arguments import checked
from precocial.errors import ConfigError, DataError, one_of
from precocial.feedback.records import (
    MAX_NAME,
    Item,
    Label,
    decode,
    encode,
    is_unicode,
    item_of,
    numbered,
)

CROWD = ("task", "worker", "label")
ENDINGS = (".csv", ".tsv", ".jsonl")


@dataclass(frozen=True, kw_only=True, eq=False)
class CrowdColumns:
    """Labels as three columns of equal length, in the order of the file.

    Attributes:
        task, worker, label: names, none of them empty.
        line: of the file, for errors.
    """

    task: Sequence[str]
    worker: Sequence[str]
    label: Sequence[str]
    line: Sequence[int]

    def __len__(self) -> int:
        return len(self.task)


@checked
def read_crowd(
    path: io.PathLike,
    *,
    names: Mapping[str, str] | None = None,
    others: Literal["refuse", "skip"] = "refuse",
) -> CrowdColumns:
    """A table of votes as crowd-kit has it: the columns task, worker and label.

    Args:
        path: .csv, .tsv or .jsonl. In JSON lines, whole numbers count as their digits.
        names: what the file calls a column: `{"worker": "annotator"}`. Columns that are named
            neither there nor "task", "worker", "label" are refused; to skip one, map it to "".
        others: "skip" passes over such columns.

    Raises:
        DataError: with file, line and column: a column that is missing, unknown or empty.
        ConfigError: `names` renames what is no column, or takes one column twice.
    """
    named = dict(names or {})
    where = {name: named.pop(name, name) for name in CROWD}
    skipped = {name for name, target in named.items() if target == ""}
    if set(named) - skipped:
        raise ConfigError(
            f"read_crowd: names maps task, worker and label to the file's columns, and columns to "
            f"skip to ''; got {sorted(set(named) - skipped)}"
        )
    columns, lines = columns_of(path)
    if not lines:
        raise DataError("holds no votes", path=path)
    needed_columns(columns, where, path)
    for name in columns:
        if others == "refuse" and name not in {*where.values(), *skipped}:
            raise DataError(
                f"is not a column of votes; needed are {', '.join(where.values())}. Map it to '' "
                "in `names` to skip it",
                path=path, line=1, column=name,
            )  # fmt: skip
    votes = {name: names_in(columns, column, path, lines) for name, column in where.items()}
    return CrowdColumns(**votes, line=lines)


def columns_of(path: io.PathLike) -> tuple[dict[str, list[Any]], list[int]]:
    """The columns of a .csv, .tsv or .jsonl file as they stand, and the line of each row.

    Raises:
        DataError: no such table.
        ConfigError: another ending.
    """
    if _ending(path) == ".jsonl":
        return _json_columns(path)
    columns, lines = io.read_columns(path)
    return dict(columns), lines.tolist()


def needed_columns(
    columns: Mapping[str, Any], where: Mapping[str, str], path: io.PathLike, *,
    advice: str = "Say which one holds it ({0}=COLUMN), or rename it",
) -> None:  # fmt: skip
    """Refuse a table that lacks a column.

    Args:
        columns: by name.
        where: what is needed, and how the file calls it.
        path: the file.
        advice: what to do; {0} stands for what is needed.

    Raises:
        DataError: with the columns that there are.
        ConfigError: one column is named twice.
    """
    taken = list(where.values())
    twice = next((name for name in taken if taken.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(f"the column {twice!r} is to be two of {', '.join(where)}: name two")
    for what, name in where.items():
        if name in columns:
            continue
        only = next(iter(columns), "")
        mark = next((one for one in ";\t|" if len(columns) == 1 and one in only), None)
        do = advice.format(what)
        if mark is not None:
            do = f"Its cells seem to be parted by {mark!r}: write it with commas"
        raise DataError(
            f"the column is missing; there are {', '.join(map(repr, columns))}. {do}",
            path=path, line=1, column=name,
        )  # fmt: skip


def _json_columns(path: io.PathLike) -> tuple[dict[str, list[Any]], list[int]]:
    rows = io.read_jsonl(path)
    names = list(rows[0]) if rows else []
    for line, row in enumerate(rows, 1):
        if row.keys() != rows[0].keys():
            odd = sorted(row.keys() ^ rows[0].keys())[0]
            raise DataError("stands in some lines only", path=path, line=line, column=odd)
    return {name: [row[name] for row in rows] for name in names}, list(range(1, len(rows) + 1))


def names_in(
    columns: Mapping[str, Sequence[Any]], column: str, path: io.PathLike, lines: Sequence[int]
) -> list[str]:
    """The cells of a column as names. Equal cells share one text: a million votes have few.

    Raises:
        DataError: with file, line and column: an empty cell, or what is no name.
    """
    values = columns[column]
    known: dict[Any, str] = {}
    for place, value in enumerate(values):
        if isinstance(value, str) and value in known:
            continue
        name = str(value) if type(value) is int else value
        text = isinstance(name, str) and name.strip() and len(name) <= MAX_NAME
        if not text or "\0" in name or not is_unicode(name):
            raise DataError(
                f"must be a name, not empty, of at most {MAX_NAME} characters; got "
                f"{io.shown(value)}",
                path=path, line=lines[place], column=column,
            )  # fmt: skip
        known[value] = name
    return [known[value] for value in values]


@checked
def labels_of(columns: CrowdColumns) -> tuple[Label, ...]:
    """Votes as items. Where a worker gave one task the same label twice, the ids count the times:
    to add one file to a store twice is safe."""
    votes = zip(columns.task, columns.worker, columns.label, strict=True)
    items = numbered(Label(task=task, source=who, label=label) for task, who, label in votes)
    return tuple(item for item in items if isinstance(item, Label))


@checked
def read_labels(path: io.PathLike, *, names: Mapping[str, str] | None = None) -> tuple[Label, ...]:
    """A table of votes (see `read_crowd`) as items; the worker is the source."""
    return labels_of(read_crowd(path, names=names))


def write_crowd(path: io.PathLike, items: Iterable[Item]) -> None:
    """Labels as a table task, worker, label (.csv or .jsonl), which crowd-kit and pandas read back
    as they are: a name that a spreadsheet would run as a formula is not guarded. Confidences,
    levels, times and notes have no column there and are left out; `write_items` keeps them.

    Raises:
        ConfigError: an item that is no label, or another ending.
    """
    rows = []
    for item in items:
        if not isinstance(item, Label):
            raise ConfigError(
                f"write_crowd: only labels have these columns; got a {_kind(item)} "
                f"({getattr(item, 'id', '')!r:.60}). Filter by type first"
            )
        rows.append({"task": item.task, "worker": item.source, "label": item.label})
    _write(path, rows, CROWD, guard=False)


# ---------------------------------------------------------------- all fields

COLUMNS = (
    "type", "id", "level", "source", "confidence", "time", "note",
    "task", "label", "prompt", "chosen", "rejected", "of", "completion", "good",
    "about", "name", "on", "value", "messages",
)  # fmt: skip
_CONTENT = ("prompt", "chosen", "rejected", "completion")


def write_items(path: io.PathLike, items: Iterable[Item]) -> None:
    """Items with all their fields, as .jsonl (one item a line) or .csv; `read_items` gives them
    back unchanged.

    In CSV, text that a spreadsheet would run as a formula gets a quote mark before it, which
    `read_items` takes off and other readers do not: give those .jsonl.

    In CSV, messages stand as JSON and the column "messages" names the cells that hold them.

    Raises:
        ConfigError: what is no item, or another ending.
        DataError: a text too long for a cell of CSV (write .jsonl then); the disk is full.
    """
    listed = list(items)
    for item in listed:
        _kind(item)
    if _ending(path) == ".jsonl":
        io.write_bytes(path, b"".join(encode(item) + b"\n" for item in listed))
    else:
        _write(path, [_cells(item) for item in listed], COLUMNS)


def read_items(path: io.PathLike) -> tuple[Item, ...]:
    """Items from a file that `write_items` wrote, or one like it: columns or keys that have a
    default may be left out.

    Raises:
        DataError: with file, line and, where it is known, column.
    """
    ending = _ending(path)
    if ending == ".jsonl":
        lines = io.read_text(path).split("\n")
        if lines[-1] == "":
            lines.pop()
        return tuple(decode(line, path=path, number=place) for place, line in enumerate(lines, 1))
    columns, places = io.read_columns(path)
    for name in columns:
        if name not in COLUMNS:
            raise DataError(
                f"is not a column of feedback; allowed are {', '.join(COLUMNS)}",
                path=path, line=1, column=name,
            )  # fmt: skip
    names = tuple(columns)
    return tuple(
        _item(dict(zip(names, cells, strict=True)), path, int(line))
        for line, *cells in zip(places, *columns.values(), strict=True)
    )


def _cells(item: Item) -> dict[str, Any]:
    row: dict[str, Any] = {"type": item.type}
    told: list[str] = []
    for name in item.__struct_fields__:
        value = getattr(item, name)
        if name == "what":
            row |= {"about": value.kind, "name": value.name, "on": value.on}
        elif isinstance(value, tuple):
            told.append(name)
            row[name] = msgspec.json.encode(value).decode()
        elif isinstance(value, bool):
            row[name] = "true" if value else "false"
        elif isinstance(value, datetime):
            row[name] = value.isoformat()
        else:
            row[name] = value
    return row | {"messages": " ".join(told)}


def _item(cells: dict[str, str], path: io.PathLike, line: int) -> Item:
    """A row of CSV. An empty cell is a field left out, but for the texts that may be empty."""

    def wrong(column: str, message: str) -> DataError:
        return DataError(message, path=path, line=line, column=column)

    told = cells.pop("messages", "").split()
    fields: dict[str, Any] = {}
    about: dict[str, str] = {}
    for name, cell in cells.items():
        value: Any = freed(cell)
        if name in told:
            value = io.loads(value, path=path, line=line)
        elif name in ("about", "name", "on"):
            if value:
                about["kind" if name == "about" else name] = value
            continue
        elif value == "" and not (name in _CONTENT and _has(cells.get("type", ""), name)):
            continue
        elif name in ("confidence", "value"):
            value = io.parse_number(value, path=path, line=line, column=name)
        elif name == "level":
            if not value.isascii() or not value.isdigit() or len(value) > 9:
                raise wrong(name, f"must be a whole number; got {io.shown(value)}")
            value = int(value)
        elif name == "good":
            if value not in ("true", "false"):
                raise wrong(name, f"must be true or false; got {io.shown(value)}")
            value = value == "true"
        fields[name] = value
    if about:
        fields["what"] = about
    return item_of(fields, path=path, line=line)


_FIELDS_OF = {
    "comparison": ("prompt", "chosen", "rejected"),
    "demonstration": ("prompt", "completion"),
}


def _has(type: str, name: str) -> bool:
    return name in _FIELDS_OF.get(type, ())


# ---------------------------------------------------------------- what they share


def guarded(text: str) -> str:
    """Text whose quote marks before a formula are one more, so that `freed` gives it back;
    `io.write_csv` does the rest for text that begins with a formula."""
    return "'" + text if text[:1] == "'" and text.lstrip("'")[:1] in io.FORMULA_STARTS else text


def freed(text: str) -> str:
    """Text without the quote mark that kept a spreadsheet from running it."""
    return text[1:] if text[:1] == "'" and text.lstrip("'")[:1] in io.FORMULA_STARTS else text


def _write(
    path: io.PathLike, rows: list[dict[str, Any]], names: Sequence[str], *, guard: bool = True
) -> None:
    if _ending(path) == ".jsonl":
        io.write_jsonl(path, rows)
        return
    if _ending(path) != ".csv":
        raise ConfigError(f"{path} is to be written: use the ending .csv or .jsonl")
    for place, row in enumerate(rows, 2):
        for name, value in row.items():
            if isinstance(value, str):
                if len(value) >= io.MAX_FIELD_CHARS:
                    raise DataError(
                        f"has {len(value)} characters, too long for a cell; write .jsonl",
                        path=path, line=place, column=name,
                    )  # fmt: skip
                row[name] = guarded(value) if guard else value
    used = [
        name
        for name in names
        if any(
            row.get(name) not in (None, "") or (name in _CONTENT and name in row) for row in rows
        )
    ]
    if rows:
        cells = [{name: row.get(name) for name in used} for row in rows]
        io.write_text(path, io.format_csv(cells, guard=guard))
    else:
        io.write_text(path, ",".join(names) + "\n")


def _ending(path: io.PathLike) -> str:
    ending = Path(path).suffix.lower()
    one_of(f"the ending of {str(path)!r:.80}", ending, ENDINGS)
    return ending


def _kind(item: Any) -> str:
    if not hasattr(item, "about") or not hasattr(item, "type"):
        raise ConfigError(
            f"a Label, Comparison, Demonstration or Statement is needed; got {type(item).__name__}"
        )
    return str(item.type)
