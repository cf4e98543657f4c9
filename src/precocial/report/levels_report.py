"""A fixed point of levels as one page: `levels_page(folder)`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from precocial import io
from precocial.normativity.aggregators.result import TIE
from precocial.normativity.levels_record import LEVELS, LevelFigures, LevelsRecord
from precocial.report import figures as art
from precocial.report.page import Code, Page, Part, Picture, Section, Table, Text, quantity

MOST_ITEMS = 24
"""Items of a level that a picture shows, those of the largest probability."""
NAMED = 5
"""Of equally likely items, so many are named."""
TOLERANCES = 100
"""So many tolerances may lie between a settled probability and the fixed point's, as `fixed_point`
takes it."""
MOST_DOTS = 500
"""Steps that the picture of the contraction shows, evenly through them."""
ENDS = 8
"""Steps that the table of the contraction shows at its beginning, and as many at its end."""
MOST_BETWEEN = 4
"""Steps between the ends that it shows, those where the change changes most."""
LEAST_TV = 1e-17
"""What a logarithmic axis shows of no change at all."""


def levels_page(path: io.PathLike) -> Page:
    """What the levels settle in, as sections.

    Args:
        path: a folder with levels.json, or that file.

    Raises:
        DataError: no record there, or a malformed one.
    """
    place = Path(path)
    record = LevelsRecord.read(place / LEVELS if place.is_dir() else place)
    left = _LEFT if record.status == "did not converge" else ""
    sections = [contraction_section(record),
                *(level_section(level, left) for level in record.levels),
                certificate_section(record)]  # fmt: skip
    if record.statements:
        sections.append(_feedback(record))
    sections.append(_making(record))
    return Page(
        title=f"Where the levels settle: {record.source}",
        headline=headline(record),
        figures=_figures(record),
        sections=tuple(sections),
    )


_LEFT = "The levels did not settle: this is where they stood at the last step."


def headline(record: LevelsRecord) -> str:
    """Whether there is a fixed point, after how many levels, and what it decides."""
    if record.status == "did not converge":
        said = f"The levels did not settle: {record.advice}."
    else:
        moved = max(record.change, default=0.0)
        said = (
            f"After {record.needed} levels, another {len(record.added)} change at most "
            f"{quantity(moved)} (total variation): {record.advice}."
        )
        if not record.share:
            said = f"No judge stands above the last level: {record.advice}."
        elif record.gap is not None:
            said = (
                f"The mean judge can gain at most {quantity(record.gap)} elsewhere: "
                f"{record.advice}."
            )
    return f"{said} {_likeliest(record)}"


def _likeliest(record: LevelsRecord) -> str:
    """The likeliest action, or those that cannot be told apart: settled levels are known to a few
    times the tolerance."""
    actions = record.levels[0]
    mean = np.mean(actions.fixed, axis=0)
    apart = max(TIE, TOLERANCES * record.tol)
    best = np.flatnonzero(mean >= mean.max() - apart)
    where = " on average over tasks" if actions.tasks else ""
    top = f"{mean.max():.3f}"
    if len(best) == 1:
        first = actions.items[int(best[0])]
        return f"The likeliest of {actions.name} is {first}, {top}{where}."
    if len(best) == len(mean):
        return f"All {len(best)} of {actions.name} are equally likely, {top} each{where}."
    more = f" and {len(best) - NAMED} more" if len(best) > NAMED else ""
    names = ", ".join(actions.items[int(i)] for i in best[:NAMED])
    return f"The likeliest of {actions.name} are {names}{more}, equally so: {top} each{where}."


_BY = {"q": ", by q", "floor": ", by the floor", "measured": "; measured below 1",
       "end": ", over all levels", "nothing": "; it proves nothing"}  # fmt: skip


def _figures(record: LevelsRecord) -> tuple[tuple[str, str, str], ...]:
    actions = record.levels[0]
    kind = {"sample": "a judge is drawn", "mean": "by the mean judge"}[record.semantics]
    if _is_unbounded(record):
        certificate = ("contraction", "none", "is proved of the mean judge")
    elif record.gap is None:
        certificate = (
            "contraction", f"{record.contraction:.3f}",
            f"at most {record.contraction_bound:.3f}{_BY.get(record.certified_by, '')}",
        )  # fmt: skip
    else:
        certificate = ("gap", quantity(record.gap), "what the mean judge could still gain")
    if record.share:
        status = ("status", record.status, kind)
        to = "and not yet to" if record.status == "did not converge" else "to"
        levels = (
            "levels", f"{record.needed:,}", f"{to} {quantity(record.tol)} in total variation"
        )  # fmt: skip
    else:  # no claim to have settled: how far the top still decides is the certificate
        status = ("status", "a chain", f"it ends: nothing has to settle; {kind}")
        levels = ("levels", str(len(record.levels)), "none stands above the last")
    return (
        status,
        levels,
        certificate,
        ("cost factor", f"{actions.density:.3f}", f"at most {actions.allowed:.3f}"),
    )  # fmt: skip


def contraction_section(record: LevelsRecord) -> Section:
    """Level by level, what the next one changes, under its bound where there is one.

    Of the mean judge's answers no contraction is proved: the gap takes its place.
    """
    title = "Does one more level change anything?"
    if _is_unbounded(record):
        text = (
            "The levels end, so there is nothing that has to settle. How far the last of them can "
            "still move those below has no bound with a mean judge."
        )
        return Section(key="contraction", title=title, parts=(Text(text=text),))
    if _moves_elsewhere(record):
        parts: list[Part] = [Text(text=_elsewhere(record)), _added(record)]
        return Section(key="contraction", title=title, parts=tuple(parts))
    steps = np.arange(1, len(record.tv) + 1)
    dotted = _evenly(len(steps), MOST_DOTS)
    proved = [] if record.gap is not None else [
        (at, b) for at, b in zip(steps, record.bounds, strict=True) if b is not None and b > 0
    ]  # fmt: skip
    proved = [proved[i] for i in _evenly(len(proved), MOST_DOTS)]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        tv = np.maximum(record.tv, LEAST_TV)
        axes.plot(steps[dotted], tv[dotted], **art.dots(art.BLUE, "o"))
        if proved:
            axes.plot(*zip(*proved, strict=True), color=art.VERMILION, linewidth=1.2)
        axes.axhline(record.tol, color=art.INK, linewidth=0.8, linestyle=":")
        art.log_y(axes, f"change by one more {_step(record)} (TV)")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0e}")
        axes.set_xlabel(_step(record))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        art.grid(axes)

    caption = _caption(record)
    table = _steps(record)
    parts = [
        *([Text(text=_no_bound(record))] if record.gap is not None else []),
        Picture(svg=art.svg(draw, caption, width=6.5, height=3.2), caption=caption, table=table),
        _added(record),
    ]
    return Section(key="contraction", title=title, parts=tuple(parts))


def _evenly(count: int, most: int) -> Any:
    """Positions: all, or `most` of them from the first to the last."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))


def _steps(record: LevelsRecord) -> Table:
    """Change and bound step by step; of many steps both ends, and where the change changes most."""
    count = len(record.tv)
    shown = np.arange(count)
    title = "Step by step"
    if count > 2 * ENDS + MOST_BETWEEN:
        turn = np.abs(np.diff(np.log10(np.maximum(record.tv, LEAST_TV)), n=2))
        inner = np.argsort(-turn[ENDS:-ENDS], kind="stable")[:MOST_BETWEEN] + ENDS + 1
        shown = np.unique(np.concatenate([shown[:ENDS], inner, shown[-ENDS:]]))
        title = f"Step by step ({len(shown)} of {count:,}: both ends, and where the change turns)"
    rows: tuple[tuple[Any, ...], ...] = tuple(
        (int(n) + 1, f"{record.tv[n]:.3g}", "" if bound is None else f"{bound:.3g}")
        for n, bound in ((n, record.bounds[n]) for n in shown)
    )
    columns: tuple[str, ...] = (_step(record), "change (TV)", "bound")
    if record.gap is not None:
        columns, rows = columns[:2], tuple(row[:2] for row in rows)
    return Table(columns=columns, rows=rows, title=title, folded=True)


def _moves_elsewhere(record: LevelsRecord) -> bool:
    """Whether levels that did not settle stand still from the initial top: their steps, all 0, say
    the contrary of what holds."""
    failed = record.status in ("did not converge", "no unique fixed point")
    return failed and record.gap is None and max(record.tv) <= record.tol


def _elsewhere(record: LevelsRecord) -> str:
    levels = f"{len(record.tv):,} levels"
    moved = max(record.change, default=0.0)
    if moved <= record.tol:
        return (
            f"From the initial distribution of the top no level changes, over {levels}. From other "
            f"tops they settle too, but up to {quantity(record.apart)} (total variation) from "
            "there: it is the top that decides."
        )
    return (
        f"From the initial distribution of the top no level changes, over {levels}: it is a fixed "
        f"point. From other tops, a single judge each, one more level still changes "
        f"{quantity(moved)} (total variation) after as many, so nothing leads there."
    )


def _is_unbounded(record: LevelsRecord) -> bool:
    """Whether the levels end under a mean judge: neither a contraction nor a gap says anything."""
    return record.semantics == "mean" and record.gap is None


def _step(record: LevelsRecord) -> str:
    return "level" if record.gap is None else "step"


def _caption(record: LevelsRecord) -> str:
    if record.gap is not None:
        what = "Total variation between one answer of the mean judge and the next (dots)"
    elif record.share:
        what = "Total variation between one level and the next (dots)"
    else:
        what = "Total variation that two tops can still be apart at each level further down (dots)"
    line = "" if record.gap is not None else ", the most that it can be (line),"
    return f"{what}{line} and the tolerance (dotted)."


def _no_bound(record: LevelsRecord) -> str:
    """What certifies the mean judge's fixed point, for want of a contraction."""
    return (
        "Nothing bounds beforehand how far the mean judge's answers move. What proves the fixed "
        f"point is the gap, {quantity(record.gap or 0.0)}: what any other answer to the settled "
        f"verdict would gain on it. {record.advice[:1].upper()}{record.advice[1:]}."
    )


def _added(record: LevelsRecord) -> Table:
    """What further levels change."""
    rows = tuple(
        (level, f"{change:.3g}", f"{bound:.3g}")
        for level, change, bound in zip(
            record.added, record.change, record.change_bound, strict=True
        )
    )
    columns = ("added level", "largest change from three tops", "bound")
    if not record.share:
        columns = ("added level", "how far apart three tops leave the lowest level", "bound")
    if record.gap is not None:
        columns = ("added level", "gap, over the largest score above 1", "tolerance")
    return Table(columns=columns, rows=rows, title="Adding levels")


def level_section(level: LevelFigures, intro: str = "") -> Section:
    """Initial, learned and settled distribution of one level, under a paragraph if there is one."""
    initial, learned, fixed = (
        np.mean(table, axis=0) for table in (level.initial, level.learned, level.fixed)
    )
    shown = np.argsort(-fixed, kind="stable")[:MOST_ITEMS]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        at = np.arange(len(shown))
        axes.barh(at, fixed[shown], height=0.7, color=art.BLUE)
        axes.plot(initial[shown], at, **art.dots(art.INK, "|", size=9))
        axes.plot(learned[shown], at, **art.dots(art.VERMILION, "o", size=4))
        axes.set_yticks(at, [level.items[i][:40] for i in shown])
        axes.set_ylim(len(shown) - 0.5, -0.5)
        axes.set_xlabel("probability")
        axes.grid(axis="x", color=art.FAINT, linewidth=0.7)

    over = f", mean over {len(level.tasks)} tasks" if level.tasks else ""
    caption = (
        f"The level {level.name}{over}: settled (bars), initial (strokes), learned from feedback "
        "(dots)."
    )
    table = Table(
        columns=("item", "initial", "learned", "settled"),
        rows=tuple((level.items[i], float(initial[i]), float(learned[i]), float(fixed[i]))
                   for i in np.argsort(-fixed, kind="stable")),
        title=level.name, folded=True,
    )  # fmt: skip
    height = 0.9 + 0.24 * len(shown)
    parts: list[Part] = [
        *([Text(text=intro)] if intro else []),
        Picture(svg=art.svg(draw, caption, width=6.5, height=height), caption=caption, table=table),
    ]
    if level.tasks:
        rows = tuple(
            (task, level.items[int(np.argmax(row))], float(np.max(row)))
            for task, row in zip(level.tasks, level.fixed, strict=True)
        )
        parts.append(Table(columns=("task", "likeliest", "probability"), rows=rows[:400],
                           title="Task by task", folded=True))  # fmt: skip
    return Section(key=f"level-{level.name}", title=f"The level {level.name}", parts=tuple(parts))


def certificate_section(record: LevelsRecord) -> Section:
    rows = tuple(
        (level.name, level.q, level.floor, f"{level.density:.4f}", f"{level.allowed:.4f}",
         level.density <= level.allowed + 1e-9,
         "∞" if level.from_given is None else f"{level.from_given:.4f}")
        for level in record.levels
    )  # fmt: skip
    text = (
        "At the fixed point no item of a level is more than this many times as likely as in the "
        "learned distribution, to which feedback has led from the initial one; so no cost that is "
        "not negative is expected to be more than this many times what it is there, whatever the "
        "judges want. The last column is against the initial distribution."
    )
    return Section(
        key="certificate", title="What it can cost",
        parts=(Text(text=text),
               Table(columns=("level", "q", "floor", "largest ratio", "at most", "holds",
                              "against the initial"),
                     rows=rows)),
    )  # fmt: skip


def _feedback(record: LevelsRecord) -> Section:
    rows = tuple(
        (one.source, one.kind, round(one.weight, 3),
         f"{one.interval[0]:.3f} to {one.interval[1]:.3f}", round(one.readings["noise"], 3),
         round(one.readings["reversed"], 3))
        for one in record.sources
    )  # fmt: skip
    moved = ", ".join(
        f"{level.name} {quantity(level.kl)}" for level in record.levels if level.kl > 0
    )
    parts: list[Part] = [
        Text(text=f"{record.statements} statements, {record.obeyed} of them certain and obeyed. "
                  f"The fit: {record.fit_status} after {record.steps} steps. {record.fit_advice}"),
        Table(columns=("source", "kind of feedback", "taken at its word", "95 % interval", "noise",
                       "the opposite"), rows=rows, title="How far each source is believed"),
    ]  # fmt: skip
    if record.unused:
        left = tuple((one.number, one.source, one.kind, one.reason) for one in record.unused[:400])
        parts.append(Table(columns=("number", "source", "kind", "why"), rows=left,
                           title="Statements that could not be used"))  # fmt: skip
    if moved:
        parts.append(Text(text=f"What feedback moved, in nats from the initial: {moved}."))
    return Section(key="feedback", title="What was said, and by whom", parts=tuple(parts))


def _making(record: LevelsRecord) -> Section:
    text = (
        "Our finite formulation of the recursive quantilizer as summarised in Alignment Newsletter "
        "#133 and Intermittent Distillations #1."
    )
    parts: list[Part] = [Text(text=text)]
    if record.command:
        parts += [Text(text="The command that makes this page again:"), Code(text=record.command)]
    return Section(key="making", title="How it was made", parts=tuple(parts))
