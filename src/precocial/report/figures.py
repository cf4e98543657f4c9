"""What every picture shares: style, colours, and the way from a figure to an <svg> element.

Figures are drawn in fixed inks; on the way out these become CSS colours, so that one picture
suits a light page, a dark page and paper.
"""

from __future__ import annotations

import html
import io
import re
import warnings
from collections.abc import Callable
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FuncFormatter, MaxNLocator, NullLocator

BLUE, VERMILION, GREEN, ORANGE, PURPLE = "#0072b2", "#d55e00", "#009e73", "#e69f00", "#cc79a7"
"""Okabe and Ito (2008): told apart with every kind of colour vision."""
INK, FAINT, PAPER = "#333333", "#dddddd", "#ffffff"
REM_PER_INCH, LEAST_REM = 6.4, 34
"""On the page: 8.2 inches fill a column, and no picture gets narrower than the second."""
STYLE: dict[Any, Any] = {
    "svg.hashsalt": "precocial",
    "svg.fonttype": "none",
    "text.parse_math": False,  # a name may hold a dollar sign
    "text.color": INK,
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
}
_CSS = {
    INK: "var(--ink)",
    FAINT: "var(--line)",
    PAPER: "var(--paper)",
    BLUE: "var(--blue)",
    VERMILION: "var(--vermilion)",
    GREEN: "var(--green)",
}


def svg(draw: Callable[[Figure], None], label: str, *, width: float, height: float) -> str:
    """Draw on a fresh figure of `width` x `height` inches and return its <svg> element.

    Args:
        draw: puts axes and marks on the figure.
        label: the picture in one sentence, for those who cannot see it.

    Returns:
        The same text for the same input: no date, and ids that are hashes of what they name, so
        that pictures on one page share them without harm.
    """
    with rc_context(STYLE), warnings.catch_warnings():
        # a name may hold letters that the font lacks; the browser's fonts have them
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = Figure(figsize=(width, height), layout="constrained")
        figure.patch.set_visible(False)
        FigureCanvasSVG(figure)
        draw(figure)
        for axes in figure.axes:
            axes.patch.set_visible(False)
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return _element(out.getvalue(), label, width)


def _element(text: str, label: str, width: float) -> str:
    body = text[text.index("<svg") :]
    body = re.sub(r"\s*<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r'<g id="[^"]*"', "<g", body)
    for ink, variable in _CSS.items():
        body = re.sub(rf"(style=\"[^\"]*){ink}", rf"\1{variable}", body)
        body = re.sub(rf"(style=\"[^\"]*){ink}", rf"\1{variable}", body)
    # text without a fill of its own would stay black on a dark page
    body = body.replace('<text style="', '<text style="fill: var(--ink); ')
    name = html.escape(label, quote=True)
    # one size of letters in all pictures; on a phone a wide one scrolls rather than shrinks
    rem = REM_PER_INCH * width
    style = f"max-width: {rem:.4g}rem; min-width: {min(rem, LEAST_REM):.4g}rem"
    return body.replace("<svg", f'<svg role="img" aria-label="{name}" style="{style}"', 1)


# ---------------------------------------------------------------- axes


def log_x(axes: Axes, label: str) -> None:
    """A logarithmic horizontal axis with prefixes: 10k, 1M."""
    axes.set_xscale("log")
    axes.set_xlabel(label)
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.xaxis.set_minor_locator(NullLocator())


def log_y(axes: Axes, label: str) -> None:
    """A logarithmic vertical axis with prefixes."""
    axes.set_yscale("log")
    axes.set_ylabel(label)
    axes.yaxis.set_major_formatter(EngFormatter(sep=""))
    axes.yaxis.set_minor_locator(NullLocator())


def loss_y(axes: Axes, label: str, *, ticks: int = 5) -> None:
    """A logarithmic axis of losses, which seldom span a decade: plain round ticks."""
    axes.set_yscale("log")
    axes.set_ylabel(label)
    _plain_ticks(axes.yaxis, ticks)


def loss_x(axes: Axes, label: str, *, ticks: int = 5) -> None:
    """The same across."""
    axes.set_xscale("log")
    axes.set_xlabel(label)
    _plain_ticks(axes.xaxis, ticks)


def _plain_ticks(axis: Axis, ticks: int) -> None:
    axis.set_major_locator(MaxNLocator(ticks))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())


def grid(axes: Axes) -> None:
    axes.grid(color=FAINT, linewidth=0.7)


def dots(color: Any, marker: str, *, size: float = 4.5) -> dict[str, Any]:
    """How a run is drawn."""
    return {
        "color": color,
        "marker": marker,
        "markersize": size,
        "markeredgecolor": PAPER,
        "markeredgewidth": 0.5,
        "linestyle": "none",
    }
