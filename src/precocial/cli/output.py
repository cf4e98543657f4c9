"""What every command shares: three flags and one way to show a result.

Results go to stdout, once. Progress and notes go to stderr, so that stdout can be piped.
"""

from __future__ import annotations

import dataclasses
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import Enum
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from precocial import io

PIPE_WIDTH = 120
"""Columns of a table when stdout is not a terminal; rich would fall back to 80 and cut numbers."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Common:
    """Flags that every command takes."""

    json: bool = False
    """print one JSON document, alone on stdout; null: none or not known, "inf": infinite"""
    quiet: bool = False
    """show no progress and no notes"""
    seed: int = 0
    """seed of every random stream; the same seed gives the same result"""


COMMON = Common()


def show(document: Any, view: Callable[[], Iterable[RenderableType]], common: Common) -> None:
    """Print the result of a command, once, on stdout.

    `document` is what `--json` prints: dataclasses, enums, NumPy values and paths are allowed; see
    `as_document` for numbers that are not finite. `view` returns what a person sees, top to bottom:
    tables (see `table`), or lines of text. It is not called with `--json`.
    """
    if common.json:
        sys.stdout.write(io.dumps(as_document(document), indent=2) + "\n")
        return
    console = _console(sys.stdout)
    for part in view():
        console.print(Text(printable(part)) if isinstance(part, str) else part)


def table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str | None = None
) -> Table:
    """A table of any values. Numbers get four digits and stand right; None is an empty cell."""
    grid = Table(title=title, box=SIMPLE_HEAD, title_justify="left", title_style="bold")
    cells = [[_cell(value) for value in row] for row in rows]
    for index, name in enumerate(columns):
        right = bool(cells) and all(row[index].justify == "right" for row in cells)
        grid.add_column(Text(printable(name)), justify="right" if right else "left")
    for row in cells:
        grid.add_row(*row)
    return grid


def number(value: float) -> str:
    """Four significant digits; integers below ten million in full."""
    if isinstance(value, int) and abs(value) < 10_000_000:
        return f"{value:,}"
    return f"{value:.4g}"


def note(text: str, common: Common) -> None:
    """One line on stderr, unless `--quiet`."""
    if not common.quiet:
        _console(sys.stderr).print(Text(printable(text)))


@contextmanager
def working(text: str, common: Common) -> Iterator[Any]:
    """A `runs.Progress` on stderr while something runs: on a terminal a bar with the time it has
    taken, and with the time left once its `count(done, total)` is called; elsewhere a line; nothing
    with `--quiet`."""
    from precocial.runs import Progress

    if not sys.stderr.isatty():
        note(text, common)
    with Progress(printable(text), quiet=common.quiet) as progress:
        yield progress


def _console(stream: Any) -> Console:
    terminal = stream.isatty()  # said to rich, which would otherwise ask the environment
    return Console(
        file=stream,
        force_terminal=terminal,
        width=None if terminal else PIPE_WIDTH,
        highlight=False,
        markup=False,
        emoji=False,
    )


def _cell(value: Any) -> Text:
    if value is None:
        return Text("")
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Text(number(value), justify="right")
    return Text(printable(str(value)))


def printable(text: str) -> str:
    """Text without control characters: a file may not send escape codes to a terminal."""
    return "".join(char if char.isprintable() or char == "\n" else "\ufffd" for char in text)


def as_document(value: Any) -> Any:
    """Dataclasses become objects and enums their values; the rest is left to `io.dumps`.

    JSON has no word for infinity, and null is taken: it says that there is no number, or that it is
    not known (None and NaN). So an infinite one is the text "inf" or "-inf", which `float` reads.
    """
    if isinstance(value, Enum):
        return value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value)]
        return {name: as_document(getattr(value, name)) for name in names}
    if isinstance(value, Mapping):
        return {str(as_document(key)): as_document(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [as_document(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return as_document(value.tolist())
    if isinstance(value, float) and math.isinf(value):
        return str(value)
    return value
