"""Pictures of people's choices."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from precocial.preferences.people.comparison import Contrast, Margin, Score
from precocial.preferences.people.held_out import RATE
from precocial.preferences.people.record import Person
from precocial.report import figures as art
from precocial.report.people_words import short


def draw_gains(figure: Figure, scores: Sequence[Score], name: Callable[[str], str]) -> None:
    """How much better than a constant rate each foretells, models in blue."""
    axes = figure.subplots()
    for at, score in enumerate(scores):
        if score.gain_nats is not None:
            color = art.INK if score.baseline else art.BLUE
            _interval(axes, at, score.gain_nats, color, width=2.0)
    axes.axvline(0.0, color=art.INK, linewidth=0.8)
    axes.set_yticks(range(len(scores)), [name(score.name) for score in scores])
    axes.set_ylim(len(scores) - 0.5, -0.5)
    axes.set_xlabel(f"nats a choice over {name(RATE)}")
    axes.grid(axis="x", color=art.FAINT, linewidth=0.7)


def draw_differences(figure: Figure, pairs: Sequence[Contrast], most: int) -> None:
    """One model less another, a person a line, sorted by the first pair; decided ones in colour."""
    order = np.argsort([margin.value for margin in pairs[0].by_person])
    if len(order) > most:  # evenly through the ranks
        order = order[np.linspace(0, len(order) - 1, most).round().astype(int)]
    panels = figure.subplots(1, len(pairs), squeeze=False)[0]
    for axes, pair in zip(panels, pairs, strict=True):
        for at, i in enumerate(order):
            margin = pair.by_person[i]
            color = {1: art.BLUE, -1: art.VERMILION, 0: art.INK}[margin.sign]
            _interval(axes, at, margin, color, width=1.5)
        axes.axvline(0.0, color=art.INK, linewidth=0.8)
        axes.set_xlabel(f"{short(pair.first)} less {short(pair.second)} (nats)")
        axes.set_yticks([])
        axes.grid(axis="x", color=art.FAINT, linewidth=0.7)
    panels[0].set_ylabel("person")


def _interval(axes: Axes, at: int, margin: Margin, color: str, *, width: float) -> None:
    if margin.low is not None and margin.high is not None:
        axes.hlines(at, margin.low, margin.high, color=color, linewidth=width)
    axes.plot([margin.value], [at], **art.dots(color, "o", size=4.5))


def draw_intervals(figure: Figure, columns: Sequence[Sequence[Person]]) -> None:
    """The posterior's interval a person, and the likelihood's under it; a panel a parameter."""
    panels = figure.subplots(1, len(columns), squeeze=False)[0]
    for axes, people in zip(panels, columns, strict=True):
        _draw_parameter(axes, people)
    if len(columns[0]) > 1:
        panels[0].set_ylabel("person")


def draw_coefficients(figure: Figure, people: Sequence[Person]) -> None:
    """Of one fit to all: a parameter a line."""
    axes = figure.subplots()
    for at, person in enumerate(people):
        margin = Margin(value=person.median, low=person.low, high=person.high)
        _interval(axes, at, margin, art.BLUE, width=2.0)
    axes.axvline(0.0, color=art.INK, linewidth=0.8)
    names = [f"{p.parameter} ({p.unit})" if p.unit else p.parameter for p in people]
    axes.set_yticks(range(len(people)), names)
    axes.set_ylim(len(people) - 0.5, -0.5)
    axes.set_xlabel("coefficient (utility)")
    axes.grid(axis="x", color=art.FAINT, linewidth=0.7)


def _draw_parameter(axes: Axes, people: Sequence[Person]) -> None:
    at = np.arange(len(people))
    low, middle, high = (
        np.array([getattr(person, name) for person in people]) for name in ("low", "median", "high")
    )
    ends = np.array([
        [np.nan if end is None else end for end in (p.profile_low, p.profile_high)] for p in people
    ])  # fmt: skip
    left = np.nanmin(np.r_[low, ends[:, 0]])
    right = np.nanmax(np.r_[high, ends[:, 1]])
    under = at + 0.32
    axes.hlines(
        under, np.where(np.isnan(ends[:, 0]), left, ends[:, 0]),
        np.where(np.isnan(ends[:, 1]), right, ends[:, 1]), color=art.INK, linewidth=0.7,
    )  # fmt: skip
    for column, edge, arrow in ((0, left, "<"), (1, right, ">")):
        flat = np.isnan(ends[:, column])
        axes.plot(np.full(flat.sum(), edge), under[flat], **art.dots(art.INK, arrow, size=5))
    axes.hlines(at, low, high, color=art.BLUE, linewidth=2.2)
    axes.plot(middle, at, **art.dots(art.BLUE, "o", size=4))
    if left > 0 and right > 30 * left:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(numticks=4))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_locator(NullLocator())
    unit = f" ({people[0].unit})" if people[0].unit else ""
    axes.set_xlabel(f"{people[0].parameter}{unit}")
    axes.set_yticks([])
    axes.set_ylim(len(people) - 0.2, -0.8)
    axes.grid(axis="x", color=art.FAINT, linewidth=0.7)
