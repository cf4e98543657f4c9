"""A page: sections of text, pictures and tables, rendered as one HTML file that needs no other.

Sections are plain values; what they say is escaped here, once, by the template. Only `Picture.svg`
is put into the page as it is, and only `figures.svg` makes it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from precocial import __version__

MAX_ROWS = 400
"""Rows of a table that a page shows; the run table itself has them all."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows under a header. Cells are text, numbers, booleans or None.

    `folded` hides it behind its title until it is asked for.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    title: str = ""
    folded: bool = False
    kind: str = field(default="table", init=False)

    def numeric(self, at: int) -> bool:
        """Does column `at` hold numbers alone? Its header then stands right, as they do."""
        cells = [row[at] for row in self.rows if not _empty(row[at])]
        return bool(cells) and all(_is_number(cell) for cell in cells)

    @classmethod
    def of(
        cls, rows: Sequence[Mapping[str, Any]], *, title: str = "", folded: bool = False
    ) -> Table:
        """Plain rows; the columns are the keys in order, without those that hold nothing."""
        names = [
            name
            for name in dict.fromkeys(name for row in rows for name in row)
            if any(not _empty(row.get(name)) for row in rows)
        ]
        cells = tuple(tuple(row.get(name) for name in names) for row in rows[:MAX_ROWS])
        more = f" (the first {MAX_ROWS} of {len(rows)})" if len(rows) > MAX_ROWS else ""
        return cls(columns=tuple(names), rows=cells, title=title + more, folded=folded)


@dataclass(frozen=True, kw_only=True)
class Picture:
    """An <svg> element made by `figures.svg`, its caption, and the numbers behind it."""

    svg: str
    caption: str
    table: Table
    kind: str = field(default="picture", init=False)


@dataclass(frozen=True, kw_only=True)
class Text:
    """A paragraph; `tone` is "plain", "lead" or "refusal"."""

    text: str
    tone: str = "plain"
    kind: str = field(default="text", init=False)


@dataclass(frozen=True, kw_only=True)
class Code:
    """Lines to copy."""

    text: str
    kind: str = field(default="code", init=False)


@dataclass(frozen=True, kw_only=True)
class Listing:
    """Points, each a bold start and what follows."""

    items: tuple[tuple[str, str], ...]
    kind: str = field(default="listing", init=False)


Part = Table | Picture | Text | Code | Listing


class State(StrEnum):
    """Whether a section could be computed."""

    shown = "shown"
    refused = "refused"


@dataclass(frozen=True, kw_only=True)
class Section:
    """One part of a page. `key` is its anchor; a refused one holds the reason alone."""

    key: str
    title: str
    parts: tuple[Part, ...]
    state: State = State.shown

    @classmethod
    def refused(cls, key: str, title: str, reason: str) -> Section:
        """A section whose computation said that the data cannot decide."""
        parts = (Text(text=reason, tone="refusal"),)
        return cls(key=key, title=title, parts=parts, state=State.refused)


@dataclass(frozen=True, kw_only=True)
class Page:
    """A title, the answer in a sentence, a few figures beside it, and the sections."""

    title: str
    headline: str
    figures: tuple[tuple[str, str, str], ...]
    sections: tuple[Section, ...]


def render(page: Page) -> str:
    """The page as HTML: no script, nothing fetched, everything that came from files escaped."""
    environment = Environment(
        loader=PackageLoader("precocial.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["cell"] = cell
    environment.filters["picture"] = Markup
    return environment.get_template("page.html.j2").render(page=page, version=__version__)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _empty(value: Any) -> bool:
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def cell(value: Any) -> str:
    """A value as a table shows it."""
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return quantity(value)
    return str(value)


def parameters(value: float) -> str:
    """A model size as the field writes it: 1.2M, 7B."""
    return quantity(value).replace("G", "B")


def quantity(value: float, unit: str = "") -> str:
    """Three significant digits, with a prefix from a thousand up: 12.3k, 4.56M."""
    if math.isnan(value):
        text = "unknown"
    elif math.isinf(value):
        text = "∞" if value > 0 else "−∞"
    else:
        text = _scaled(value)
    return f"{text} {unit}" if unit else text


def _scaled(value: float) -> str:
    size = abs(float(f"{value:.3g}"))
    for power, prefix in ((12, "T"), (9, "G"), (6, "M"), (3, "k")):
        if 10.0**power <= size < 1e15:
            return f"{value / 10.0**power:.3g}{prefix}".replace("-", "−")
    return f"{value:.3g}".replace("-", "−") if size else "0"
