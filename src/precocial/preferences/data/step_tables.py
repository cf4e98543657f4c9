"""Tables with a row a step: CSV, TSV, JSON lines, Parquet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from precocial import io
from precocial.errors import DataError
from precocial.preferences.data.recording import Bools, Floats, Ints, Recording, from_steps

Columns = str | Sequence[str]
TABLES = (".csv", ".tsv", ".tab", ".jsonl", ".parquet")


def read_steps(path: io.PathLike, **names: Columns) -> Recording:
    """A recording from a table; see `readers.read_recording`.

    Raises:
        DataError: with file, line (of a Parquet file: none) and column.
        MissingExtraError: Parquet, and pyarrow is not installed.
    """
    rows = io.read_table(path)
    if not rows:
        raise DataError("there are no demonstrations: at least one step is needed", path=path)
    table = _Steps(path, rows)
    before, done = (table.vectors(table.needed(what, names)) for what in ("state", "action"))
    order, episode, follows = table.order(names)
    after, known = np.roll(before[order], -1, axis=0), follows
    next_names = table.next_names(names)
    if next_names is not None:
        told = table.vectors(next_names, empty=True)[order]
        after, known = table.told(order, told, after, follows, next_names)
    terminal = table.named("terminal", names)
    ended = np.zeros(len(rows), dtype=bool) if terminal is None else table.flags(terminal)[order]
    found = from_steps(
        before[order], done[order], episode=episode, arrived=np.where(known[:, None], after, 0.0),
        ended=ended, path=path,
    )  # fmt: skip
    lines = None if table.first_line is None else order + table.first_line
    return replace(found, known=known, lines=lines)


class _Steps:
    """Rows of a file, with the places that errors name."""

    def __init__(self, path: io.PathLike, rows: list[io.Row]) -> None:
        self.path, self.rows = path, rows
        # Parquet has no lines; a JSON lines file has no header.
        self.first_line = {".jsonl": 1, ".parquet": None}.get(Path(path).suffix.lower(), 2)

    def error(self, message: str, row: int | None, column: str) -> DataError:
        """A DataError at a row."""
        line = None if row is None or self.first_line is None else row + self.first_line
        if line is None and row is not None:
            message = f"row {row}: {message}"
        return DataError(message, path=self.path, line=line, column=column)

    # ------------------------------------------------------------ which columns

    def _has(self, column: str) -> bool:
        return any(column in row for row in self.rows)

    def named(self, what: str, names: dict[str, Columns]) -> str | None:
        """The one column of `what`, if there is one or the user named one."""
        given = names.get(what)
        if given is not None and not (isinstance(given, str) and self._has(given)):
            raise self.missing(given if isinstance(given, str) else ", ".join(given), what)
        return given if isinstance(given, str) else what if self._has(what) else None

    def needed(self, what: str, names: dict[str, Columns]) -> tuple[str, ...]:
        """The columns of state or action."""
        given = names.get(what, what)
        columns = (given,) if isinstance(given, str) else tuple(given)
        for column in columns or (what,):
            if not self._has(column):
                raise self.missing(column, what)
        return columns

    def next_names(self, names: dict[str, Columns]) -> tuple[str, ...] | None:
        """The columns of the next state: as named, or those of the state after "next_"."""
        if "next_state" in names:
            return self.needed("next_state", names)
        state = names.get("state", "state")
        usual = ("next_state",) if isinstance(state, str) else tuple(f"next_{s}" for s in state)
        return usual if all(map(self._has, usual)) else None

    def missing(self, column: str, what: str) -> DataError:
        """That a column is not there."""
        held = ", ".join(map(str, self.rows[0]))[:300]
        return DataError(
            f"there is no such column; the file has {held}. Name the right one: "
            f'read_recording(path, {what}="..."), on the command line --column {what}=...',
            path=self.path, column=column,
        )  # fmt: skip

    # ------------------------------------------------------------ numbers

    def vectors(self, columns: Sequence[str], *, empty: bool = False) -> Floats:
        """(n, D): D columns of numbers, or one whose cells are lists. NaN for an empty cell, if
        those are allowed."""
        if len(columns) == 1 and any(isinstance(row.get(columns[0]), list) for row in self.rows):
            return self._lists(columns[0], empty=empty)
        return np.stack([self._numbers(column, empty=empty) for column in columns], axis=1)

    def _numbers(self, column: str, *, empty: bool) -> Floats:
        found = np.empty(len(self.rows))
        for i, row in enumerate(self.rows):
            found[i] = self._number(row.get(column), i, column, empty=empty)
        return found

    def _number(self, cell: Any, row: int, column: str, *, empty: bool) -> float:
        if cell is None or cell == "":
            if empty:
                return float("nan")
            raise self.error("is empty; a number is needed", row, column)
        try:
            if isinstance(cell, bool) or not isinstance(cell, str | int | float):
                raise ValueError
            value = float(cell)
            fine = abs(value) < float("inf")
        except (ValueError, OverflowError):
            fine = False
        if not fine:
            raise self.error(f"a finite number is needed; got {str(cell)[:40]!r}", row, column)
        return value

    def _lists(self, column: str, *, empty: bool) -> Floats:
        width = max(len(row[column]) for row in self.rows if isinstance(row.get(column), list))
        found = np.full((len(self.rows), width), np.nan)
        for i, row in enumerate(self.rows):
            cell = row.get(column)
            if empty and (cell is None or cell == []):
                continue
            if not isinstance(cell, list) or len(cell) != width or width == 0:
                raise self.error(f"a list of {max(width, 1)} numbers is needed", i, column)
            found[i] = [self._number(value, i, column, empty=False) for value in cell]
        return found

    def flags(self, column: str) -> Bools:
        """(n,) a column of 0 and 1, or false and true."""
        words = {"0": False, "1": True, "false": False, "true": True, "0.0": False, "1.0": True}
        found = np.zeros(len(self.rows), dtype=bool)
        for i, row in enumerate(self.rows):
            flag = words.get(str(row.get(column)).strip().lower())
            if flag is None:
                raise self.error(f"0 or 1 is needed; got {str(row.get(column))[:40]!r}", i, column)
            found[i] = flag
        return found

    # ------------------------------------------------------------ order

    def order(self, names: dict[str, Columns]) -> tuple[Ints, Ints, Bools]:
        """(n,) the order of rows, and in that order the episode and whether the next row is the
        next step."""
        episode = self._episodes(self.named("episode", names))
        column = self.named("step", names)
        if column is None:
            order = np.arange(len(episode))
            follows = np.r_[episode[1:] == episode[:-1], False]
            changes = np.flatnonzero(np.r_[True, ~follows[:-1]])
            again = np.flatnonzero(np.diff(episode[changes]) < 0)
            if len(again):
                raise self.error(
                    "the rows of an episode must stand together, or a column step must order them",
                    int(changes[again[0] + 1]), str(names.get("episode", "episode")),
                )  # fmt: skip
            return order, episode, follows
        step = self._numbers(column, empty=False)
        bad = np.flatnonzero((step != np.floor(step)) | (np.abs(step) > 2**53))
        if len(bad):
            raise self.error(f"a whole number is needed; got {step[bad[0]]:g}", int(bad[0]), column)
        order = np.lexsort((step, episode))
        same = np.r_[episode[order][1:] == episode[order][:-1], False]
        ahead = np.r_[np.diff(step[order]), 0.0]
        twice = np.flatnonzero(same & (ahead == 0))
        if len(twice):
            row = int(order[twice[0] + 1])
            raise self.error(f"step {step[row]:g} stands twice in its episode", row, column)
        return order, episode[order], same & (ahead == 1)

    def _episodes(self, column: str | None) -> Ints:
        """(n,) numbers of the episodes, by first appearance."""
        if column is None:
            return np.zeros(len(self.rows), dtype=np.int64)
        numbered: dict[Any, int] = {}
        found = np.empty(len(self.rows), dtype=np.int64)
        for i, row in enumerate(self.rows):
            cell = row.get(column)
            if cell is None or cell == "" or not isinstance(cell, str | int | float):
                raise self.error("a number or a name of the episode is needed", i, column)
            found[i] = numbered.setdefault(cell, len(numbered))
        return found

    def told(
        self, order: Ints, told: Floats, ahead: Floats, follows: Bools, columns: Sequence[str]
    ) -> tuple[Floats, Bools]:
        """Next states as the file tells them, else as the next row shows them.

        Numbered states must not contradict the next row; measured ones may be rounded.
        """
        if told.shape != ahead.shape:
            raise DataError(
                f"the next state has {told.shape[1]} numbers and the state {ahead.shape[1]}",
                path=self.path, column=columns[0],
            )  # fmt: skip
        given: Bools = np.asarray(~np.isnan(told).any(axis=1))
        if told.shape[1] == 1 and (ahead == np.floor(ahead)).all():
            wrong = np.flatnonzero(given & follows & (told[:, 0] != ahead[:, 0]))
            if len(wrong):
                row = int(order[wrong[0]])
                raise self.error(
                    f"the next state is {told[wrong[0], 0]:g}, and the next step of the episode is "
                    f"in {ahead[wrong[0], 0]:g}. A new episode needs a new name in the column "
                    "episode",
                    row, columns[0],
                )  # fmt: skip
        return np.where(given[:, None], told, ahead), given | follows
