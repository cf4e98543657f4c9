"""Two learning curves and the horizontal arrow between them: what the prior is worth."""

from __future__ import annotations

import html
import io
import math
import re
import warnings
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator, NullFormatter, NullLocator, ScalarFormatter

from precocial.errors import ConfigError
from precocial.worth import Curve, Status, Worth, WorthRow

WITHOUT, WITH = "#0072B2", "#D55E00"
"""Blue and vermilion of Okabe and Ito (2008): told apart with every kind of colour vision."""
_INK = "#333333"
_STYLE: dict[Any, Any] = {
    "svg.hashsalt": "precocial",
    "svg.fonttype": "none",
    "text.parse_math": False,  # a name may hold a dollar sign
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def picture(worth: Worth, *, at: float | None = None) -> str:
    """Both curves, loss against data on logarithmic axes, with the arrow of D.

    The arrow begins at the treated loss of one size d and ends where the base curve has that loss;
    the bar around its head is the interval of d + D, fading arrowheads are open ends. A loss
    outside the base curve has a dashed arrow up to the bound. Runs without data, which have no
    place on a logarithmic axis, stand on the left edge.

    Args:
        worth: what to draw.
        at: d, one of the rows' sizes; by default the measured row whose arrow is longest.

    Returns:
        An <svg> element to put into a page: the same bytes for the same input, no script, no id
        that another picture could clash with.

    Raises:
        ConfigError: `at` is not among the rows.
    """
    row = _chosen(worth, at)
    with rc_context(_STYLE), warnings.catch_warnings():
        # a name may hold letters that the font lacks; the browser's fonts have them
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = Figure(figsize=(7.2, 4.4), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        _axes(axes, worth)
        _curves(axes, worth)
        if row is not None and row.loss is not None:
            _arrow(axes, worth, row)
        axes.legend(frameon=False, loc="best")
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return _element(out.getvalue(), caption(worth, at=at))


def caption(worth: Worth, *, at: float | None = None) -> str:
    """The picture in one sentence, for those who cannot see it."""
    unit = worth.base.data_unit
    row = _chosen(worth, at)
    text = f"Loss against data for {worth.base.arm} and {worth.treated.arm}."
    if row is None:
        return text
    if row.worth is not None:
        between = "" if row.low is None else f", {_span(row, worth.level)}"
        return (
            f"{text} At {row.data:.4g} {unit} the prior is worth {row.worth:.4g} {unit}{between}."
        )
    if row.lower_bound is not None:
        return f"{text} At {row.data:.4g} {unit} it is worth at least {row.lower_bound:.4g} {unit}."
    return f"{text} At {row.data:.4g} {unit} it is worth at most {row.upper_bound:.4g} {unit}."


def _span(row: WorthRow, level: float) -> str:
    high = "no upper end" if row.high == math.inf else f"{row.high:.4g}"
    return f"{100 * level:.4g} % interval {row.low:.4g} to {high}"


def _chosen(worth: Worth, at: float | None) -> WorthRow | None:
    if at is not None:
        for row in worth.rows:
            if row.data == at:
                return None if row.status is Status.undefined else row
        sizes = ", ".join(f"{row.data:g}" for row in worth.rows)
        raise ConfigError(f"picture: at must be one of the sizes {sizes}; got {at!r}")
    measured = [row for row in worth.rows if row.status is Status.measured]
    if measured:
        return max(measured, key=lambda row: (row.data > 0, abs(math.log(row.multiplier or 1))))
    bounded = [row for row in worth.rows if row.status is not Status.undefined]
    return bounded[0] if bounded else None


def _axes(axes: Axes, worth: Worth) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(f"data ({worth.base.data_unit})")
    axes.set_ylabel(worth.base.loss_unit)
    sizes = [size for size in (*worth.base.data, *worth.treated.data) if size > 0]
    if sizes:
        ends = [math.log10(min(sizes)), math.log10(max(sizes))]
        room = 0.06 * (ends[1] - ends[0]) + 0.1
        axes.set_xlim(10 ** (ends[0] - room), 10 ** (ends[1] + 2 * room))
        if ends[1] - ends[0] < 1:  # there may be no power of ten in between
            axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.xaxis.set_minor_formatter(NullFormatter())  # matplotlib's own would be TeX, unread here
    axes.yaxis.set_major_locator(MaxNLocator(7))
    axes.yaxis.set_major_formatter(ScalarFormatter(useOffset=False))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)


def _curves(axes: Axes, worth: Worth) -> None:
    line: dict[str, Any] = {"color": WITHOUT, "linewidth": 1.8}
    axes.plot(*zip(*worth.line, strict=True) if worth.line else ([], []), **line)
    _runs(axes, worth.base, WITHOUT, "o", f"without the prior: {worth.base.arm}")
    levels = worth.treated.levels().above_zero()
    means = [math.exp(mean) for mean in levels.mean]
    axes.plot(levels.data, means, color=WITH, linewidth=1.2, linestyle=(0, (4, 2)))
    _runs(axes, worth.treated, WITH, "s", f"with the prior: {worth.treated.arm}")


def _runs(axes: Axes, curve: Curve, color: str, marker: str, label: str) -> None:
    """Every run, so that the spread of seeds is seen."""
    some = curve.data > 0
    style: dict[str, Any] = {
        "color": color,
        "marker": marker,
        "markersize": 4.5,
        "markeredgecolor": "white",
        "markeredgewidth": 0.5,
        "linestyle": "none",
    }
    axes.plot(curve.data[some], curve.loss[some], label=label, **style)
    edge = axes.get_xlim()[0]
    axes.plot([edge] * int((~some).sum()), curve.loss[~some], clip_on=False, **style)


def _arrow(axes: Axes, worth: Worth, row: WorthRow) -> None:
    left, right = axes.get_xlim()

    def place(data: float) -> float:
        return min(max(data, left), right)

    loss = row.loss
    bound = row.lower_bound if row.lower_bound is not None else row.upper_bound
    reach = row.worth if row.worth is not None else bound
    if reach is None or loss is None:
        return
    end = place(row.data + reach)
    if row.low is not None and row.high is not None:
        low, high = place(row.data + row.low), place(row.data + row.high)
        axes.plot([low, high], [loss, loss], color=_INK, alpha=0.22, linewidth=9,
                  solid_capstyle="butt", zorder=2.5)  # fmt: skip
        for edge, past, marker in ((low, row.data + row.low < left, "<"),
                                   (high, row.data + row.high > right, ">")):  # fmt: skip
            if past:
                axes.plot([edge], [loss], marker=marker, color=_INK, alpha=0.5, clip_on=False)
    axes.annotate(
        "",
        xy=(end, loss),
        xytext=(place(row.data), loss),
        arrowprops={
            "arrowstyle": "-|>",
            "color": _INK,
            "linewidth": 1.4,
            "linestyle": "solid" if row.worth is not None else (0, (3, 2)),
            "shrinkA": 0,
            "shrinkB": 0,
        },
        zorder=4,
    )
    sign = {True: "=", False: "≥" if row.lower_bound is not None else "≤"}[row.worth is not None]
    axes.annotate(
        f"D {sign} {reach:.3g} {worth.base.data_unit}",
        xy=(math.sqrt(place(row.data) * end), loss),
        xytext=(0, 7),
        textcoords="offset points",
        ha="center",
        color=_INK,
        zorder=5,
    )


def _element(svg: str, text: str) -> str:
    """The <svg> element alone, named for screen readers, without the ids of its groups."""
    body = svg[svg.index("<svg") :]
    body = re.sub(r'<g id="[^"]*"', "<g", body)
    body = re.sub(r"\s*<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    return body.replace("<svg", f'<svg role="img" aria-label="{html.escape(text, quote=True)}"', 1)
