"""What a panel made of votes, as one page: `panel_page(folder)`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from precocial import io
from precocial.normativity.panel_record import DOUBTFUL, PANEL, PanelRecord
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
                *(level_section(level) for level in record.levels.levels),
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
        return f"{said} {record.gold:,} checked labels were learned from; --compare scores it."
    if not arms:
        return (
            f"{said} Without gold nothing here says how right they are: check some of those below."
        )
    own = record.arms[0]
    best = max(record.arms[1:], key=lambda arm: arm.accuracy)
    return (
        f"{said} On gold that it had not seen it is right on {_percent(own.accuracy)} "
        f"({_percent(own.low)} to {_percent(own.high)}); the best of the others, {best.name}, on "
        f"{_percent(best.accuracy)}."
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
        axes.set_yticks(range(len(record.arms)), [arm.name for arm in record.arms])
        axes.set_ylim(len(record.arms) - 0.5, -0.5)
        axes.set_xlabel("share of held-out gold that is right")
        axes.grid(axis="x", color=art.FAINT, linewidth=0.7)

    caption = (
        "Accuracy on gold labels that were held out of each fit, with 95 % intervals over tasks. "
        "All arms had the rest of the gold."
    )
    table = Table(
        columns=("way", "right", "low", "high", "calibration error", "nats a task"),
        rows=tuple((a.name, a.accuracy, a.low, a.high, a.calibration, a.nats) for a in record.arms),
    )  # fmt: skip
    height = 0.9 + 0.26 * len(record.arms)
    parts: list[Part] = [
        Picture(svg=art.svg(draw, caption, width=6.5, height=height), caption=caption, table=table)
    ]
    return Section(key="arms", title=title, parts=tuple(parts))


def _worth(record: PanelRecord) -> Section:
    rows = tuple(
        (one.gold, one.worth, one.low, one.high, one.status.replace("_", " "))
        for one in record.worth
    )
    text = (
        "How many more gold labels Dawid-Skene needs for the error that the panel has with so many."
    )
    parts: tuple[Part, ...] = ()
    if rows:
        parts = (
            Text(text=text),
            Table(columns=("gold labels", "worth (gold labels)", "low", "high", "status"),
                  rows=rows),
        )  # fmt: skip
    return Section(key="worth", title="What the panel is worth in gold labels", parts=parts)


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
