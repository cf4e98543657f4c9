"""The pictures of an audit of preferences. Each function draws on a figure; none computes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from precocial.preferences.auditing.record import AuditRecord, Deciding, Family, Interval, Over
from precocial.report import figures as art

MAX_BARS = 14
ARROWS = {
    "left": "←", "right": "→", "up": "↑", "down": "↓", "stay": "·",
    "north": "↑", "south": "↓", "east": "→", "west": "←",
}  # fmt: skip


def visited_grid(figure: Figure, record: AuditRecord) -> None:
    """The grid, darker where more was seen, with the action that would be taken."""
    places = record.world.grid or []
    rows, columns = 1 + max(r for r, _ in places), 1 + max(c for _, c in places)
    visits, dead = np.full((rows, columns), np.nan), set(record.world.terminal)
    for state, (row, column) in enumerate(places):
        seen = record.coverage.visits[state]
        visits[row, column] = np.nansum([visits[row, column], seen])
    axes = figure.subplots()
    image = axes.imshow(np.sqrt(visits), cmap="Blues", vmin=0)
    bar = figure.colorbar(image, ax=axes, shrink=0.8)
    ticks = np.unique(np.linspace(0, np.sqrt(np.nanmax(visits)), 4).round().astype(int))
    bar.set_ticks(ticks.tolist(), labels=[str(tick**2) for tick in ticks])
    bar.set_label("times seen", color=art.INK)
    actions = {row.state: row for row in record.policy}
    top = np.sqrt(np.nanmax(visits)) or 1.0
    for state, (row, column) in enumerate(places):
        name = record.world.state_names[state]
        chosen = actions.get(name)
        word = "×" if state in dead or chosen is None else _arrow(chosen.action)
        dark = np.sqrt(visits[row, column]) > 0.6 * top
        colour = art.PAPER if dark else art.INK
        axes.text(column, row, word, ha="center", va="center", color=colour, fontsize=11)
    axes.set_xticks(range(columns))
    axes.set_yticks(range(rows))
    axes.set_xlabel("column")
    axes.set_ylabel("row")


def _arrow(action: str) -> str:
    return ARROWS.get(action.lower(), action[:4])


INTERVALS: dict[Over, tuple[str, float, float]] = {
    "every reward": (art.INK, 1.0, -0.26),
    "every weighting": (art.GREEN, 2.6, 0.0),
    "the list": (art.BLUE, 5.0, 0.26),
}
"""Colour, width and place of each set's interval."""


def intervals(figure: Figure, rows: Sequence[Interval]) -> None:
    """What arriving at a state is worth beside the anchor, an interval a state and set."""
    axes = figure.subplots()
    states = list(dict.fromkeys(row.state for row in rows))
    place = {state: at for at, state in enumerate(states)}
    for over, (colour, width, off) in INTERVALS.items():
        these = [row for row in rows if row.over == over]
        if these:
            at = np.array([place[row.state] for row in these]) + off
            low, high = [row.low for row in these], [row.high for row in these]
            axes.hlines(at, low, high, color=colour, linewidth=width, label=over)
            axes.plot([*low, *high], [*at, *at], "|", color=colour, markersize=6)
    axes.axvline(0, color=art.INK, linewidth=0.8, linestyle="--")
    axes.set_yticks(range(len(states)), states)
    axes.invert_yaxis()
    axes.set_ylabel("state")
    axes.set_xlabel("reward of the moves that lead there, beside the anchor's")
    axes.grid(axis="x", color=art.FAINT, linewidth=0.7)
    if rows:
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)


def families(figure: Figure, rows: Sequence[Family]) -> None:
    """Posterior of each planner beside its held-out log likelihood."""
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=[1, 1])
    at = np.arange(len(rows))
    left.barh(at, [row.probability for row in rows], color=art.BLUE, height=0.6)
    left.set_yticks(at, [row.planner for row in rows])
    left.invert_yaxis()
    left.set_xlabel("posterior probability")
    left.set_ylabel("planner")
    told = [np.nan if row.held_out_nats is None else row.held_out_nats for row in rows]
    right.plot(told, at, **art.dots(art.VERMILION, "s", size=5.5))
    right.axvline(rows[0].uniform_nats, color=art.INK, linewidth=0.8, linestyle="--")
    right.set_xlabel("held-out log likelihood\n(nats an action; dashed: choosing at random)")
    for axes in (left, right):
        axes.grid(axis="x", color=art.FAINT, linewidth=0.7)
        axes.xaxis.set_major_locator(MaxNLocator(4))


def deciding(figure: Figure, rows: Sequence[Deciding]) -> None:
    """Bits from one more datum, what costs nothing marked."""
    axes = figure.subplots()
    at = np.arange(len(rows))
    colours = [art.VERMILION if row.kind == "assumption" else art.BLUE for row in rows]
    axes.barh(at, [row.bits for row in rows], color=colours, height=0.6)
    axes.set_yticks(at, [_wrapped(f"{row.what} (cost {row.cost:g})") for row in rows])
    axes.invert_yaxis()
    axes.set_xlabel("bits about the pair (blue: expected from one datum; red: by assuming)")
    axes.set_ylabel("what is added")
    axes.grid(axis="x", color=art.FAINT, linewidth=0.7)


def _wrapped(text: str, width: int = 38) -> str:
    lines: list[str] = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) > width and lines[-1]:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)
