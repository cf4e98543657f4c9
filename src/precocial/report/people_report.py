"""People's choices as one page: `people_page(folder)`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from precocial import io
from precocial.preferences.people.record import PEOPLE, ChoiceRecord, Person
from precocial.report import figures as art
from precocial.report.page import Listing, Page, Picture, Section, Table, Text, quantity

MAX_PEOPLE = 40
EDGE = 0.05
"""A parameter with more posterior mass than this at an end of its grid is not bounded (ours)."""


def people_page(path: io.PathLike) -> Page:
    """What people's choices told, as sections.

    Args:
        path: a folder with people.json, or that file.

    Raises:
        DataError: no record there, or a malformed one.
    """
    place = Path(path)
    record = ChoiceRecord.read(place / PEOPLE if place.is_dir() else place)
    return Page(
        title=f"What do these choices tell? {record.source}",
        headline=headline(record),
        figures=_figures(record),
        sections=(_people(record), _foretold(record), _open(record)),
    )


def headline(record: ChoiceRecord) -> str:
    """The group's first figure, how well it foretells, and what stays open."""
    first = record.group[0]
    gain = record.held_out_nats - record.chance_nats
    unit = f" {first.unit}" if first.unit else ""
    return (
        f"{first.name}: {quantity(first.value)}{unit} ({quantity(first.low)} to "
        f"{quantity(first.high)}), and held-out choices are foretold "
        f"{quantity(gain / np.log(2))} bits better than by chance. What it means is not in the "
        f"choices: {len(record.undecided)} other readings explain them as well."
        + (f" Doubt the {first.name}: {first.note}." if first.note else "")
    )


def _figures(record: ChoiceRecord) -> tuple[tuple[str, str, str], ...]:
    people = len({person.subject for person in record.people})
    rest = tuple(
        (f.name, quantity(f.value), f"{quantity(f.low)} to {quantity(f.high)} {f.unit}")
        for f in record.group[:3]
    )
    return (("choices", f"{record.n_choices:,}", f"{people} people, model {record.model}"), *rest)


def _people(record: ChoiceRecord) -> Section:
    names = list(dict.fromkeys(person.parameter for person in record.people))
    shown = [
        [person for person in record.people if person.parameter == name][:MAX_PEOPLE]
        for name in names
    ]
    what = f"{100 * record.level:g} % intervals of each parameter, person by person."
    table = Table.of([
        {"person": p.subject, "parameter": p.parameter, "median": p.median, "low": p.low,
         "high": p.high, "unit": p.unit, "mass at the grid's end": p.at_edge}
        for p in record.people
    ], title="Everybody's parameters")  # fmt: skip
    drawn = art.svg(
        lambda figure: draw_intervals(figure, shown), what,
        width=8.2, height=1.5 + 0.16 * max(map(len, shown)),
    )  # fmt: skip
    loose = sum(person.at_edge > EDGE for person in record.people)
    text = "Intervals are exact on a grid of values."
    if loose:
        text += f" {loose} of {len(record.people)} reach the end of the grid: not bounded by data."
    return Section(key="people", title="What each person’s choices tell", parts=(
        Text(text=text), Picture(svg=drawn, caption=what, table=table),
    ))  # fmt: skip


def draw_intervals(figure: Drawing, columns: Sequence[Sequence[Person]]) -> None:
    """An interval a person, a panel a parameter."""
    panels = figure.subplots(1, len(columns), squeeze=False)[0]
    for axes, people in zip(panels, columns, strict=True):
        at = np.arange(len(people))
        low, middle, high = (
            np.array([getattr(person, name) for person in people])
            for name in ("low", "median", "high")
        )
        axes.hlines(at, low, high, color=art.BLUE, linewidth=1.5)
        axes.plot(middle, at, **art.dots(art.BLUE, "o", size=3.5))
        if (low > 0).all() and high.max() > 30 * low.min():
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(numticks=4))
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axes.xaxis.set_minor_locator(NullLocator())
        unit = f" ({people[0].unit})" if people[0].unit else ""
        axes.set_xlabel(f"{people[0].parameter}{unit}")
        axes.set_yticks([])
        axes.grid(axis="x", color=art.FAINT, linewidth=0.7)
    panels[0].set_ylabel("person")


def _foretold(record: ChoiceRecord) -> Section:
    rows = [
        {"by": "the model, fitted to the other choices", "nats a choice": record.held_out_nats},
        {"by": "how often each option was taken", "nats a choice": record.frequency_nats},
        {"by": "chance", "nats a choice": record.chance_nats},
    ]
    group = [
        {"figure": f.name, "value": f.value, "low": f.low, "high": f.high, "unit": f.unit}
        for f in record.group
    ]
    doubts = [Text(text=f"Doubt the {f.name}: {f.note}.") for f in record.group if f.note]
    return Section(key="foretold", title="Does it foretell choices it has not seen?", parts=(
        Text(text=f"Mean log probability of {record.n_held_out:,} held-out choices."),
        Table.of(rows), Table.of(group, title="The group"), *doubts,
    ))  # fmt: skip


def _open(record: ChoiceRecord) -> Section:
    items = tuple(
        (
            row.name[:1].upper() + row.name[1:],
            f"{row.statement[:1].upper()}{row.statement[1:]}. The two readings explain these "
            f"choices alike (log likelihoods within {row.gap_nats:.0e} nats) and recommend "
            f"different options in {100 * row.advice_differs:.0f} % of the problems.",
        )
        for row in record.undecided
    )
    return Section(key="open", title="What no choice of this kind can decide", parts=(
        Text(text="Which reading is right is a normative question: whether what moves the choice "
             "is part of what the person wants, or a bias against it."),
        Listing(items=items),
    ))  # fmt: skip
