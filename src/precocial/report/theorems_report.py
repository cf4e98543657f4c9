"""Occam's razor and the theorems against it as one page: `theorems_page(folder)`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from precocial import io
from precocial.preferences.occam.rows import THEOREMS, Regime, Theorems
from precocial.report import figures as art
from precocial.report.page import Page, Picture, Section, Table, Text


def theorems_page(path: io.PathLike) -> Page:
    """What enumerating the theorems found, as sections.

    Args:
        path: a folder with theorems.json, or that file.

    Raises:
        DataError: no record there, or a malformed one.
    """
    place = Path(path)
    record = Theorems.read(place / THEOREMS if place.is_dir() else place)
    failed = sum(row.failures or 0 for row in record.rows)
    cases = sum(row.cases for row in record.rows if row.failures is not None)
    return Page(
        title="Occam’s razor is insufficient",
        headline=f"{failed} failures in {cases:,} cases: behaviour decides neither planner nor "
        "reward, and the simplest pair need not be the true one.",
        figures=(),
        sections=(_theorems(record), _regimes(record)),
    )


def _theorems(record: Theorems) -> Section:
    rows = [
        {"statement": row.statement, "cases": row.cases, "failures": row.failures,
         "figure": row.figure, "holds": row.holds}
        for row in record.rows
    ]  # fmt: skip
    return Section(key="theorems", title="Every theorem, by enumeration", parts=(Table.of(rows),))


def _regimes(record: Theorems) -> Section:
    what = (
        "Posterior of each group of pairs under 2^-bits, and what acting for the likeliest pair’s "
        "reward loses, against the number of quirks of the agent; a column a language."
    )
    rows = [
        {"language": one.language, "quirks": one.quirks[i], "true": one.true[i],
         "its opposite": one.opposite[i], "degenerate": one.degenerate[i],
         "quirks in the reward": one.absorbed[i], "regret of the likeliest": one.map_regret[i]}
        for one in record.regimes
        for i in range(len(one.quirks))
    ]  # fmt: skip
    drawn = art.svg(
        lambda figure: draw_regimes(figure, record.regimes), what, width=8.2, height=4.6
    )
    return Section(key="regimes", title="When is the simplest pair the true one?", parts=(
        Text(text="With few quirks the true pair is short, and Occam’s razor may favour it by up "
             "to 2^c. Every quirk lengthens it; a degenerate pair spells the behaviour out at one "
             "length. Where the true pair of a person lies is a conjecture (9), not a theorem."),
        Picture(svg=drawn, caption=what, table=Table.of(rows)),
    ))  # fmt: skip


def draw_regimes(figure: Figure, curves: Sequence[Regime]) -> None:
    """Two panels a language: posterior above, regret below; the crossing is a line."""
    axes = figure.subplots(2, len(curves), squeeze=False, sharex=True, height_ratios=[3, 2])
    for column, one in enumerate(curves):
        above, below = axes[0, column], axes[1, column]
        above.set_title(f"language {one.language}")
        for values, colour, marker, label in (
            (one.true, art.BLUE, "o", "the true pair"),
            (one.opposite, art.GREEN, "^", "its opposite"),
            (one.degenerate, art.VERMILION, "s", "degenerate pairs"),
            (one.absorbed, art.ORANGE, "D", "quirks taken for wishes"),
        ):
            above.plot(one.quirks, values, color=colour, linewidth=1.2)
            above.plot(one.quirks, values, label=label, **art.dots(colour, marker))
        below.plot(one.quirks, one.map_regret, color=art.INK, linewidth=1.2)
        below.plot(one.quirks, one.map_regret, **art.dots(art.INK, "o"))
        for place in (above, below):
            art.grid(place)
            place.set_ylim(-0.05, 1.05)
            if one.crossing is not None:
                place.axvline(one.crossing, color=art.INK, linewidth=0.8, linestyle="--")
        below.set_xlabel("quirks of the agent (states)")
        below.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[0, 0].set_ylabel("posterior probability")
    axes[1, 0].set_ylabel("regret (share)")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=len(labels))
