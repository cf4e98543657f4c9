"""The pictures of a genome's pages. Each function draws on a figure; none computes a result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator
from numpy.typing import NDArray

from precocial.report import figures as art
from precocial.report.genome_findings import GENOME, NAMES, SHUFFLED, Curve, Point
from precocial.report.page import quantity
from precocial.report.seeds import Spread

COLOURS = {
    GENOME: art.VERMILION,
    SHUFFLED: art.INK,
    "pooled linear": art.BLUE,
    "tiny dense": art.GREEN,
    "pruned": art.ORANGE,
    "low_rank": art.PURPLE,
    "subspace": "#56b4e9",
    "chunked": "#8c6d31",
}
"""Okabe and Ito (2008), and a brown of ours; markers differ too."""
MARKS = {
    GENOME: "o", SHUFFLED: "x", "pooled linear": "s", "tiny dense": "^", "pruned": "D",
    "low_rank": "v", "subspace": "P", "chunked": "X",
}  # fmt: skip
ARM_COLOURS = {"genome": art.VERMILION, "random": art.BLUE, "shuffled": art.INK}
SIGNED = LinearSegmentedColormap.from_list("signed", ["#d55e00", "#f7f7f7", "#0072b2"])
PER_ROW = 8


def accuracy_by_bytes(figure: Figure, points: Sequence[Point], whole: Spread, size: int) -> None:
    """Test accuracy against bytes, a line a method, with intervals over seeds."""
    axes = figure.subplots()
    axes.set_xscale("log")
    axes.set_xlabel("size of the file (bytes)")
    axes.xaxis.set_minor_locator(NullLocator())
    ticks = sorted({point.budget for point in points})
    axes.set_xticks(ticks, [quantity(tick) for tick in ticks])
    accuracy_y(axes, "right on the test examples (%)")
    art.grid(axes)
    for method in dict.fromkeys(point.method for point in points):
        mine = [point for point in points if point.method == method]
        own, colour = method == GENOME, COLOURS.get(method, art.INK)
        middle, low, high = ends([point.test for point in mine])
        axes.errorbar(
            [point.bytes for point in mine], middle, yerr=[middle - low, high - middle],
            color=colour, ecolor=colour, elinewidth=0.9, capsize=2,
            linewidth=2.0 if own else 1.0, linestyle=":" if method == SHUFFLED else "-",
            marker=MARKS.get(method, "*"), markersize=6 if own else 4.5, zorder=4 if own else 3,
            label=NAMES.get(method, method),
        )  # fmt: skip
    axes.axhline(100 * whole.mean, color=art.INK, linewidth=0.8, linestyle="--",
                 label=f"whole, trained ({quantity(size, 'bytes')})")  # fmt: skip
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))


def accuracy_y(axes: Axes, label: str) -> None:
    """An axis of shares in percent."""
    axes.set_ylabel(label)
    axes.yaxis.set_major_locator(MaxNLocator(6))


def ends(spreads: Sequence[Spread]) -> tuple[NDArray[np.float64], ...]:
    """Means and ends in percent; with one seed, the mean itself."""
    middle = np.array([100 * one.mean for one in spreads])
    low = np.array([100 * (one.mean if one.low is None else one.low) for one in spreads])
    high = np.array([100 * (one.mean if one.high is None else one.high) for one in spreads])
    return middle, low, high


def learning_curves(
    figure: Figure,
    curves: Sequence[Curve],
    *,
    along: str = "steps of Adam after birth (0: before any)",
    of: str = "test",
) -> None:
    """Accuracy against steps, an arm a line, with bands."""
    axes = figure.subplots()
    axes.set_xscale("symlog", linthresh=1)
    axes.set_xlabel(along)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    accuracy_y(axes, f"right on the {of} examples (%)")
    art.grid(axes)
    for curve in curves:
        colour = ARM_COLOURS.get(curve.arm, art.GREEN)
        middle, low, high = ends(curve.accuracy)
        axes.fill_between(curve.steps, low, high, color=colour, alpha=0.15, linewidth=0)
        axes.plot(
            curve.steps, middle, color=colour, linewidth=1.4, marker="o", markersize=3,
            linestyle="--" if curve.arm == "shuffled" else "-", label=curve.arm,
        )  # fmt: skip
    axes.legend(loc="lower right")


def filters(figure: Figure, groups: Mapping[str, NDArray[Any]]) -> None:
    """Filters of the first layer, each on a scale of its own, a block of rows a network."""
    heights = [-(-len(found) // PER_ROW) for found in groups.values()]
    axes = figure.subplots(sum(heights), PER_ROW, squeeze=False)
    row = 0
    for (name, found), rows in zip(groups.items(), heights, strict=True):
        block = axes[row : row + rows].flat
        for place in block:
            place.set_axis_off()
        for place, one in zip(axes[row : row + rows].flat, found, strict=False):
            most = float(np.abs(one).max()) or 1.0
            place.imshow(one, cmap=SIGNED, vmin=-most, vmax=most, interpolation="nearest")
        axes[row, 0].set_title(name)
        row += rows


def gains(figure: Figure, rows: Sequence[tuple[str, float, float, float]]) -> None:
    """Accuracy ahead of random layers, an arm a line."""
    axes = figure.subplots()
    at = np.arange(len(rows))
    middle = np.array([row[1] for row in rows])
    low, high = np.array([row[2] for row in rows]), np.array([row[3] for row in rows])
    known = np.isfinite(low) & np.isfinite(high)
    axes.hlines(at[known], 100 * low[known], 100 * high[known], color=art.BLUE, linewidth=2)
    axes.plot(100 * middle, at, **art.dots(art.BLUE, "o"))
    axes.axvline(0, color=art.INK, linewidth=0.8)
    axes.set_yticks(at, [row[0] for row in rows])
    axes.invert_yaxis()
    axes.set_ylabel("layers that are handed on")
    axes.set_xlabel("accuracy over a life, minus that with random layers (points)")
    axes.grid(axis="x", color=art.FAINT, linewidth=0.7)


def maps(
    figure: Figure,
    cells: Sequence[Mapping[str, Any]],
    names: Mapping[str, str],
    axes_of: tuple[str, str, str],
) -> None:
    """Heat maps of figures over two axes, a column for each level of the third."""
    down, across, apart = axes_of
    levels = {axis: sorted({cell[axis] for cell in cells}) for axis in axes_of}
    grid = figure.subplots(len(names), len(levels[apart]), squeeze=False, sharex=True, sharey=True)
    for row, (figure_name, title) in enumerate(names.items()):
        values = [cell[figure_name] for cell in cells if cell[figure_name] is not None]
        bounds = (min(values, default=0.0), max(values, default=1.0))
        if figure_name == "share":  # where next to nothing is learned, a share may be anything
            bounds = (0.0, 1.0)
        for column, level in enumerate(levels[apart]):
            place = grid[row, column]
            here = np.full((len(levels[down]), len(levels[across])), np.nan)
            for cell in cells:
                if cell[apart] == level and cell[figure_name] is not None:
                    i, j = levels[down].index(cell[down]), levels[across].index(cell[across])
                    here[i, j] = cell[figure_name]
            place.imshow(here, cmap="viridis", vmin=bounds[0], vmax=bounds[1], origin="lower",
                         aspect="auto")  # fmt: skip
            _numbers(place, here, bounds)
            place.set_title(f"{title}, {quantity(level)} {apart}")
            place.set_xticks(range(len(levels[across])), [f"{x:g}" for x in levels[across]])
            place.set_yticks(range(len(levels[down])), [f"{y:g}" for y in levels[down]])
    figure.supxlabel(across, fontsize=10, color=art.INK)
    figure.supylabel(down, fontsize=10, color=art.INK)


def _numbers(axes: Axes, values: NDArray[np.float64], bounds: tuple[float, float]) -> None:
    middle = (bounds[0] + bounds[1]) / 2
    for (i, j), value in np.ndenumerate(values):
        if not np.isfinite(value):
            axes.text(j, i, "–", ha="center", va="center", color=art.INK, fontsize=9)
        else:
            # the map's own ends, not the page's ink: a cell is as dark by night as by day
            colour = "#fdfdfd" if value < middle else "#111111"
            axes.text(j, i, f"{value:.2f}", ha="center", va="center", color=colour, fontsize=9)
