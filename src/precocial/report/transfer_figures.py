"""The pictures of a transfer report. Each function draws on a figure; none computes a result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator
from numpy.typing import NDArray

from precocial.report import figures as art
from precocial.report.page import quantity
from precocial.transfer import Cell, RunTable
from precocial.transfer.effective import LOW_DATA

Floats = NDArray[np.float64]

ORDERED = LinearSegmentedColormap.from_list(
    "ordered", ["#0072b2", "#56b4e9", "#009e73", "#e69f00", "#d55e00"]
)
"""From little to much, through colours of Okabe and Ito."""
HURT_HELP = LinearSegmentedColormap.from_list("hurt_help", ["#d55e00", "#f7f7f7", "#0072b2"])
SHARES = (0.5, 0.9, 0.1, 0.99, 0.01, 0.999, 0.9999, 0.8, 0.2, 0.7, 0.3, 0.6, 0.4, 0.95, 0.05)
"""Where an axis of shares may have ticks, the most wanted first."""
MARKS = {"helps": "^", "hurts": "v", "undecided": "o", "unbracketed": "D"}
METHOD_COLOURS = {"joint": art.VERMILION, "readoff": art.BLUE, "logit-paper": art.GREEN}


@dataclass(frozen=True, kw_only=True)
class Curves:
    """One size's panel: runs of both arms, fitted lines with bands, and the arrow of D_T.

    Attributes:
        title: the size in words.
        scratch, tuned: the runs.
        data: (m,) where the lines are drawn.
        bands: arm to (middle, low, high), (m,) losses each; without a fit, none.
        arrow: cell whose D_T is drawn, and the loss at which.
    """

    title: str
    scratch: RunTable
    tuned: RunTable
    data: Floats
    bands: Mapping[str, tuple[Floats, Floats, Floats]]
    arrow: tuple[Cell, float] | None


def panel_columns(count: int) -> int:
    """Columns that leave few places empty."""
    return 2 if count in (2, 4) else min(count, 3)


def loss_curves(figure: Figure, panels: Sequence[Curves], unit: str, loss_label: str) -> None:
    """Loss against data, a panel a size."""
    columns = panel_columns(len(panels))
    rows = -(-len(panels) // columns)
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True)
    for place, panel in zip(axes.flat, panels, strict=False):
        _loss_panel(place, panel)
    for place in axes.flat[len(panels) :]:
        place.set_visible(False)
    for place in axes.flat[: len(panels)]:
        place.tick_params(labelbottom=True)
    figure.supxlabel(f"data ({unit})", fontsize=10, color=art.INK)
    figure.supylabel(loss_label, fontsize=10, color=art.INK)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=len(labels))


def _loss_panel(axes: Axes, panel: Curves) -> None:
    art.log_x(axes, "")
    art.loss_y(axes, "", ticks=4)
    art.grid(axes)
    axes.set_title(panel.title)
    for arm, colour in (("scratch", art.BLUE), ("pretrained", art.VERMILION)):
        if arm in panel.bands:
            middle, low, high = panel.bands[arm]
            axes.fill_between(panel.data, low, high, color=colour, alpha=0.2, linewidth=0)
            axes.plot(panel.data, middle, color=colour, linewidth=1.3)
    for table, colour, marker, label in (
        (panel.scratch, art.BLUE, "o", "from scratch"),
        (panel.tuned.where(panel.tuned.D_F > 0), art.VERMILION, "s", "fine-tuned"),
    ):
        spread = np.nan_to_num(1.96 * table.loss_se)
        axes.errorbar(table.D_F, table.loss, yerr=spread, ecolor=colour, elinewidth=0.9,
                      label=label, **art.dots(colour, marker))  # fmt: skip
    if panel.arrow is not None:
        _arrow(axes, *panel.arrow)


def _arrow(axes: Axes, cell: Cell, loss: float) -> None:
    start, end = cell.fine_tune_data, cell.fine_tune_data * cell.ratio
    left, right = axes.get_xlim()
    low, high = (min(max(start * edge, left), right) for edge in (cell.low, cell.high))
    axes.plot([low, high], [loss, loss], color=art.INK, alpha=0.25, linewidth=7,
              solid_capstyle="butt", zorder=2.5)  # fmt: skip
    axes.annotate(
        "", xy=(end, loss), xytext=(start, loss), zorder=4,
        arrowprops={"arrowstyle": "-|>", "color": art.INK, "linewidth": 1.2,
                    "shrinkA": 0, "shrinkB": 0},
    )  # fmt: skip
    axes.annotate(
        quantity(end - start), xy=(float(np.sqrt(start * end)), loss), xytext=(0, 6),
        textcoords="offset points", ha="center", fontsize=9, color=art.INK, zorder=5,
    )  # fmt: skip


def fraction_curves(
    figure: Figure, groups: Mapping[float, Sequence[Cell]], lines: Mapping[float, Floats],
    sizes: Floats, unit: str,
) -> None:  # fmt: skip
    """Fraction of effective data from transfer against N; the vertical axis is the logit."""
    axes = figure.subplots()
    art.log_x(axes, "parameters N")
    art.grid(axes)
    for at, (data, cells) in enumerate(groups.items()):
        colour = ORDERED(at / max(len(groups) - 1, 1))
        if data in lines:
            axes.plot(sizes, _logit(lines[data]), color=colour, linewidth=1.2)
        middle, low, high = (
            _logit(np.array([share(getattr(cell, name)) for cell in cells]))
            for name in ("ratio", "low", "high")
        )
        x = [cell.parameters for cell in cells]
        axes.errorbar(x, middle, yerr=[middle - low, high - middle], ecolor=colour,
                      elinewidth=1, capsize=2, label=f"{quantity(data, unit)}",
                      **art.dots(colour, "osD^vPX"[at % 7], size=5.5))  # fmt: skip
    places = _logit(np.array([share(c.ratio) for cells in groups.values() for c in cells]))
    # the points set the range: one open bar would squeeze all others
    bottom, top = float(places.min()) - 0.6, float(places.max()) + 0.6
    axes.set_ylim(bottom, top)
    ticks: dict[float, float] = {}
    for wanted in SHARES:
        place = float(_logit(np.array(wanted)))
        clear = all(abs(place - other) > (top - bottom) / 12 for other in ticks)
        if bottom <= place <= top and clear:
            ticks[place] = wanted
    axes.set_yticks(list(ticks), [f"{value:g}" for value in ticks.values()])
    axes.set_ylabel("fraction from transfer, D_T / D_E")
    axes.legend(title="fine-tuning data", loc="center left", bbox_to_anchor=(1.01, 0.5),
                alignment="left")  # fmt: skip


def share(ratio: float) -> float:
    """f = 1 - D_F / D_E; minus infinity where the interval of D_E reaches 0."""
    return 1 - 1 / ratio if ratio > 0 else -float("inf")


def _logit(share: Floats) -> Floats:
    inside = np.clip(share, 1e-3, 1 - 1e-5)
    return np.asarray(np.log(inside) - np.log1p(-inside))


def estimates(figure: Figure, rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> None:
    """Point estimates with intervals; a panel a constant, a line a method."""
    panels = figure.subplots(1, len(names), squeeze=False, sharey=True)[0]
    methods = list(dict.fromkeys(str(row["method"]) for row in rows))
    for axes, name in zip(panels, names, strict=True):
        axes.grid(color=art.FAINT, linewidth=0.7, axis="x")
        for row in rows:
            if row["constant"] != name:
                continue
            y = len(methods) - 1 - methods.index(str(row["method"]))
            colour = METHOD_COLOURS.get(str(row["method"]), art.PURPLE)
            axes.plot([row["low"], row["high"]], [y, y], color=colour, linewidth=2.2,
                      solid_capstyle="round")  # fmt: skip
            axes.plot([row["value"]], [y], **art.dots(colour, "o", size=8))
        axes.set_xlabel(name)
        if name == "k":
            _log_k_axis(axes, rows)
        else:
            axes.locator_params(axis="x", nbins=4)
        axes.set_ylim(-0.6, len(methods) - 0.4)
        axes.set_yticks(range(len(methods)), methods[::-1])
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)


def _log_k_axis(axes: Axes, rows: Sequence[Mapping[str, Any]]) -> None:
    """k is known to a factor: a logarithmic axis, with round ticks when it spans no decade."""
    ends = [float(row[name]) for row in rows if row["constant"] == "k" for name in ("low", "high")]
    axes.set_xscale("log")
    if max(ends) < 10 * min(ends):
        axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: quantity(float(value))))
    axes.xaxis.set_minor_locator(NullLocator())


def draws(figure: Figure, samples: Mapping[str, Floats], point: Mapping[str, float]) -> None:
    """Bootstrap draws of the joint fit, pair by pair: what the data cannot tell apart."""
    pairs = [pair for pair in (("alpha", "log_k"), ("alpha", "beta")) if set(pair) <= set(samples)]
    panels = figure.subplots(1, len(pairs), squeeze=False)[0]
    for axes, (x, y) in zip(panels, pairs, strict=True):
        art.grid(axes)
        axes.plot(samples[x], samples[y], alpha=0.35, **art.dots(art.VERMILION, "o", size=3.5))
        axes.plot([point[x]], [point[y]], **art.dots(art.INK, "P", size=9))
        axes.set_xlabel(x)
        axes.set_ylabel("log k (natural)" if y == "log_k" else y)
        axes.locator_params(nbins=5)


def ossification(figure: Figure, cells: Sequence[Cell], *, regime: bool, unit: str) -> None:
    """Cells over N and D_F / D(N); colour by D_E / D_F, shape by the verdict."""
    axes = figure.subplots()
    art.log_x(axes, "D_F / D(N)" if regime else f"fine-tuning data D_F ({unit})")
    if regime:
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    art.log_y(axes, "parameters N")
    art.grid(axes)
    ratios = np.array([cell.ratio for cell in cells])
    known = np.isfinite(ratios) & (ratios > 0)
    most = max(1.1, float(np.exp(np.abs(np.log(ratios[known])).max())) if known.any() else 1.1)
    edges = np.geomspace(1 / most, most, 12)
    norm = BoundaryNorm(np.log(edges), HURT_HELP.N)
    seen = None
    for verdict, marker in MARKS.items():
        own = [cell for cell in cells if cell.verdict == verdict]
        if own:
            x = [cell.regime if regime else cell.fine_tune_data for cell in own]
            shade = np.log(np.clip([_shown_ratio(cell, most) for cell in own], 1 / most, most))
            seen = axes.scatter(x, [cell.parameters for cell in own], c=shade, cmap=HURT_HELP,
                                norm=norm, marker=marker, s=110, edgecolors=art.INK,
                                linewidths=0.8, label=verdict)  # fmt: skip
    axes.margins(0.08)
    if regime and any(cell.regime > LOW_DATA for cell in cells):
        axes.axvline(LOW_DATA, color=art.INK, linewidth=1, linestyle=(0, (4, 3)))
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0),
                ncols=4)  # fmt: skip
    if seen is not None:
        bar = figure.colorbar(seen, ax=axes, pad=0.02, drawedges=False)
        spread = np.concatenate([[1.0], ratios[known]])
        bottom = float(edges[edges <= spread.min()].max())
        top = float(edges[edges >= spread.max() * (1 - 1e-9)].min())
        bar.ax.set_ylim(np.log(bottom), np.log(top))
        ticks = _round_ratios(bottom, top)
        bar.set_ticks([float(np.log(tick)) for tick in ticks], labels=[f"{t:g}" for t in ticks])
        bar.minorticks_off()
        bar.set_label("D_E / D_F")
        bar.outline.set_visible(False)


def _shown_ratio(cell: Cell, most: float) -> float:
    """A cell that is only bounded has its verdict's colour, and none where that is open."""
    bounded = {"helps": most, "hurts": 1 / most}.get(cell.verdict, 1.0)
    return cell.ratio if np.isfinite(cell.ratio) else bounded


def _round_ratios(low: float, high: float) -> list[float]:
    """Round ratios inside [low, high], few enough to be read."""
    for steps in ((1, 1.2, 1.5, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,)):
        found = [step * 10.0**power for power in range(-6, 10) for step in steps]
        inside = [ratio for ratio in found if low <= ratio <= high]
        if len(inside) <= 7:
            break
    return inside


def iso_losses(
    figure: Figure, lines: Sequence[tuple[float, Floats, Floats, Floats]], sizes: Floats,
    table: RunTable, unit: str,
) -> None:  # fmt: skip
    """Lines of equal loss over N and D_F, with bands, and the runs that were made."""
    axes = figure.subplots()
    art.log_x(axes, "parameters N")
    art.log_y(axes, f"fine-tuning data D_F ({unit})")
    art.grid(axes)
    some = table.D_F > 0
    axes.plot(table.N[some], table.D_F[some], alpha=0.6, label="runs", **art.dots("#888888", "o"))
    for at, (loss, middle, low, high) in enumerate(lines):
        colour = ORDERED(at / max(len(lines) - 1, 1))
        style = ("-", "--", "-.", ":", (0, (6, 2, 1, 2, 1, 2)))[at % 5]
        axes.fill_between(sizes, low, high, color=colour, alpha=0.22, linewidth=0)
        axes.plot(sizes, middle, color=colour, linewidth=1.7, linestyle=style,
                  label=f"{loss:.4g}")  # fmt: skip
    data = table.D_F[some]
    axes.set_ylim(data.min() / 10, data.max() * 10)
    axes.legend(title="loss", loc="center left", bbox_to_anchor=(1.01, 0.5), alignment="left")


def parity(figure: Figure, rows: Sequence[Mapping[str, Any]], loss_label: str) -> None:
    """Forecast against measured loss of runs that the fit did not see."""
    axes = figure.subplots()
    art.loss_y(axes, f"forecast {loss_label}")
    art.loss_x(axes, f"measured {loss_label}")
    art.grid(axes)
    for arm, colour, marker, label in (
        ("scratch", art.BLUE, "o", "from scratch"),
        ("pretrained", art.VERMILION, "s", "fine-tuned"),
    ):
        own = [row for row in rows if row["arm"] == arm]
        if own:
            y = np.array([row["forecast"] for row in own])
            spread = [y - [row["low"] for row in own], [row["high"] for row in own] - y]
            axes.errorbar([row["measured"] for row in own], y, yerr=spread, ecolor=colour,
                          elinewidth=1, label=label, **art.dots(colour, marker, size=5.5),
            )  # fmt: skip
    limits = [*axes.get_xlim(), *axes.get_ylim()]
    ends = min(limits), max(limits)
    axes.plot(ends, ends, color=art.INK, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    axes.set_xlim(ends)
    axes.set_ylim(ends)
    axes.legend(loc="upper left")
