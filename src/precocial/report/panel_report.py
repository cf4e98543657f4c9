"""What a panel made of votes, as one page: `panel_page(folder)`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from precocial import io
from precocial.normativity.held_out import ABLATIONS, LEAST, OWN, WORTH_LEAST
from precocial.normativity.panel_record import DOUBTFUL, PANEL, GoldWorth, PanelRecord
from precocial.report import figures as art
from precocial.report.levels_report import certificate_section, contraction_section, level_section
from precocial.report.page import Code, Page, Part, Picture, Section, Table, Text, quantity
from precocial.runs import duration

MOST_TEACHERS = 60
"""Teachers that the picture shows, evenly through their ranks."""


def panel_page(path: io.PathLike) -> Page:
    """What the panel made of the votes, as sections.

    Args:
        path: a folder with panel.json, or that file.

    Raises:
        DataError: no record there, or a malformed one.
    """
    place = Path(path)
    record = PanelRecord.read(place / PANEL if place.is_dir() else place)
    sections = [_arms(record), _worth(record), _processes(record), _teachers(record), _ask(record),
                *(level_section(one, _FIRST.get(one.name, "")) for one in record.levels.levels),
                contraction_section(record.levels), certificate_section(record.levels),
                _making(record)]  # fmt: skip
    return Page(
        title=f"What the teachers know together: {record.source}",
        headline=headline(record),
        figures=_figures(record),
        sections=tuple(section for section in sections if section.parts),
    )


def headline(record: PanelRecord) -> str:
    """How many tasks are settled, where it departs from the majority, and how right it is."""
    settled = record.tasks - record.doubtful
    said = (
        f"{record.votes:,} votes of {len(record.teachers):,} teachers on {record.tasks:,} tasks: "
        f"{settled:,} have a class that is at least {DOUBTFUL:.0%} probable, "
        f"{record.changed:,} another than most votes."
    )
    arms = {arm.name: arm for arm in record.arms}
    if record.gold and not arms:
        when = "" if record.gold >= LEAST else f", from {LEAST} on,"
        return (
            f"{said} {record.gold:,} checked labels were learned from; --compare{when} scores it."
        )
    if not arms:
        return (
            f"{said} Without gold nothing here says how right they are: check some of those below."
        )
    own = record.arms[0]
    single = [arm for arm in record.arms[1:] if arm.name not in ABLATIONS]
    told = (
        f"{said} On gold that it had not seen it is right on {_percent(own.accuracy)} "
        f"({_percent(own.low)} to {_percent(own.high)})"
    )
    if not single:
        return f"{told}."
    best = max(single, key=lambda arm: arm.accuracy)
    return (
        f"{told}; the best single aggregator, {best.name}, on {_percent(best.accuracy)} "
        f"({_percent(best.low)} to {_percent(best.high)})."
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _figures(record: PanelRecord) -> tuple[tuple[str, str, str], ...]:
    chosen = [one for one in record.processes if one.share > 0]
    teachers = sorted(record.teachers, key=lambda one: one.accuracy)
    return (
        ("doubtful", f"{record.doubtful:,}", f"of {record.tasks:,} tasks"),
        ("processes kept", str(len(chosen)), f"of {len(record.processes)}"),
        ("teachers", f"{teachers[len(teachers) // 2].accuracy:.2f}",
         f"median accuracy; {teachers[0].accuracy:.2f} to {teachers[-1].accuracy:.2f}"),
        ("gold", f"{record.gold:,}", "checked labels given"),
    )  # fmt: skip


def _arms(record: PanelRecord) -> Section:
    """Ways to aggregate beside one another, on gold that they had not seen."""
    title = "How right is it, and which levels matter?"
    if not record.arms:
        return Section(key="arms", title=title, parts=())

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for at, arm in enumerate(record.arms):
            color = art.BLUE if at == 0 else art.INK
            axes.hlines(at, arm.low, arm.high, color=color, linewidth=1.6)
            axes.plot([arm.accuracy], [at], **art.dots(color, "o"))
        axes.set_yticks(range(len(record.arms)), [_called(arm.name) for arm in record.arms])
        axes.set_ylim(len(record.arms) - 0.5, -0.5)
        axes.set_xlabel("share of held-out gold that is right")
        axes.grid(axis="x", color=art.FAINT, linewidth=0.7)

    caption = (
        "Accuracy on gold labels that were held out of each fit, with 95 % intervals over tasks. "
        "All arms had the rest of the gold. One level: the panel with judges who do not judge one "
        "another; no meta level: with all its processes alike; the others are single aggregators."
    )
    table = Table(
        columns=("way", "right", "low", "high", "calibration error", "nats a task"),
        rows=tuple((_called(a.name), a.accuracy, a.low, a.high, a.calibration, a.nats)
                   for a in record.arms),
    )  # fmt: skip
    height = 0.9 + 0.26 * len(record.arms)
    parts: list[Part] = [
        Picture(svg=art.svg(draw, caption, width=6.5, height=height), caption=caption, table=table)
    ]
    return Section(key="arms", title=title, parts=tuple(parts))


def _called(arm: str) -> str:
    return f"{arm} (the panel)" if arm in (OWN, *ABLATIONS) else arm


def _worth(record: PanelRecord) -> Section:
    key, title = "worth", "What the panel is worth in gold labels"
    if not record.arms:
        return Section(key=key, title=title, parts=())
    if not record.worth:
        return Section.refused(key, title, (
            f"It takes {WORTH_LEAST} checked labels at least, to learn from some and to score with "
            f"the others; there are {record.gold}. See what to check next."
        ))  # fmt: skip
    text = (
        "How many more gold labels Dawid-Skene needs for the error that the panel has with so many."
    )
    rows = tuple(
        (one.gold, _worth_cell(one), one.low, one.high, one.status.replace("_", " "))
        for one in record.worth
    )
    columns = ("gold labels", "worth (gold labels)", "low", "high", "status")
    seen = dict.fromkeys(one.status for one in record.worth)
    parts: list[Part] = [Text(text=text), Table(columns=columns, rows=rows)]
    tried = [quantity(one.gold) for one in record.worth]
    parts += [Text(text=_UNREAD[status].format(least=tried[0], most=tried[-1]))
              for status in seen if status in _UNREAD]  # fmt: skip
    return Section(key=key, title=title, parts=tuple(parts))


_UNREAD = {
    "above_range": "Above range: with every number of gold labels that was tried, up to {most}, "
    "Dawid-Skene errs more often than the panel does here, so the worth is known only from below.",
    "below_range": "Below range: with the fewest gold labels that were tried, {least}, Dawid-Skene "
    "errs less often than the panel does here, so the worth is known only from above.",
    "undefined": "Undefined: Dawid-Skene's error does not fall steadily with the number of gold "
    "labels, so no one number of them stands for the panel's error.",
}


def _worth_cell(one: GoldWorth) -> float | str | None:
    if one.at_least is not None:
        return f"above {quantity(one.at_least)}"
    return one.worth if one.at_most is None else f"below {quantity(one.at_most)}"


def _processes(record: PanelRecord) -> Section:
    """What each judge says of each process, and what was kept."""
    order = sorted(record.processes, key=lambda one: -one.share)
    table = Table(
        columns=("process", "share", *record.judges, "tasks on which it differs"),
        rows=tuple((one.name, one.share, *one.raw, one.differs) for one in order),
    )
    text = (
        "Each judge scores in a unit of its own; no one of them is to be trusted, for the process "
        "that best predicts teachers is not always nearest to what is right. The share is that at "
        "the fixed point of processes and judges."
    )
    return Section(key="processes", title="Learning processes before their judges",
                   parts=(Text(text=text), table))  # fmt: skip


_FIRST = {
    "processes": "At first all processes are alike; what was said about them moves that.",
    "judges": "At first the judges are alike, but for the one who looks at gold, where there is "
    "some: its part grows with the number of gold labels.",
}


def _teachers(record: PanelRecord) -> Section:
    order = sorted(record.teachers, key=lambda one: -one.accuracy)
    shown = order
    if len(order) > MOST_TEACHERS:
        shown = [
            order[i] for i in np.linspace(0, len(order) - 1, MOST_TEACHERS).round().astype(int)
        ]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for at, one in enumerate(shown):
            axes.hlines(at, one.low, one.high, color=art.BLUE, linewidth=1.2)
            axes.plot([one.accuracy], [at], **art.dots(art.BLUE, "o", size=3.5))
        axes.set_yticks([])
        axes.set_ylim(len(shown) - 0.5, -0.5)
        axes.set_ylabel("teacher")
        axes.set_xlabel("how often right")
        axes.grid(axis="x", color=art.FAINT, linewidth=0.7)

    caption = (
        "Teachers from the best to the worst: how often each is right, with the 95 % interval. The "
        "classes are taken as found, so intervals are too narrow where teachers share mistakes."
    )
    table = Table(
        columns=("teacher", "votes", "right", "low", "high"),
        rows=tuple((one.name, one.votes, one.accuracy, one.low, one.high) for one in order[:400]),
        title="Teachers", folded=True,
    )  # fmt: skip
    height = 1.2 + 0.06 * len(shown)
    parts: list[Part] = [
        Picture(svg=art.svg(draw, caption, width=6.5, height=height), caption=caption, table=table)
    ]
    return Section(key="teachers", title="How far each teacher is to be trusted",
                   parts=tuple(parts))  # fmt: skip


def _ask(record: PanelRecord) -> Section:
    rows = tuple(zip(record.ask, record.asked_entropy, strict=True))
    parts: tuple[Part, ...] = ()
    if rows:
        text = (
            "Gold on these would tell most: half for what it settles of its own task, half for "
            "what it tells of the processes."
        )
        parts = (Text(text=text), Table(columns=("task", "entropy (nats)"), rows=rows))
    return Section(key="ask", title="What to check next", parts=parts)


def _making(record: PanelRecord) -> Section:
    parts: list[Part] = []
    if record.feedback:
        used = max(record.feedback - len(record.unused), 0)
        parts.append(
            Text(text=f"Of {record.feedback:,} records of feedback {used:,} were folded in.")
        )
    if record.unused:
        rows = tuple((one.source, one.about, one.reason) for one in record.unused[:400])
        parts.append(
            Table(columns=("source", "about", "why"), rows=rows,
                  title="Feedback that changed no label")
        )  # fmt: skip
    if record.student:
        parts.append(Text(text=f"The student: {record.student}."))
    parts.append(
        Text(text=f"Probabilities were tempered by {quantity(record.temperature)}, for teachers' "
                  f"mistakes are not independent. It took {duration(record.seconds)}.")
    )  # fmt: skip
    if record.command:
        parts += [Text(text="The command that makes this again:"), Code(text=record.command)]
    return Section(key="making", title="How it was made", parts=tuple(parts))
