"""What a panel made of votes, as one page: `panel_page(folder)`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from precocial import io
from precocial.normativity.explanation import Teacher
from precocial.normativity.held_out import ABLATIONS, BARE, LEAST, OWN, WORTH_LEAST, Arm
from precocial.normativity.panel_record import (
    DOUBTFUL,
    PANEL,
    GoldWorth,
    PanelRecord,
    beside,
    unfounded,
)
from precocial.report import figures as art
from precocial.report.levels_report import certificate_section, contraction_section, level_section
from precocial.report.page import Code, Page, Part, Picture, Section, Table, Text, quantity
from precocial.runs import duration

MOST_TEACHERS = 60
"""Teachers that the picture shows, evenly through their ranks."""
LISTED = 200
"""Teachers that the table lists from each end where there are more than twice as many."""
PEER = "Dawid-Skene"
"""What the worth is measured against."""


def panel_page(path: io.PathLike) -> Page:
    """What the panel made of the votes, as sections.

    Args:
        path: a folder with panel.json, or that file.

    Raises:
        DataError: no record there, or a malformed one.
    """
    place = Path(path)
    record = PanelRecord.read(place / PANEL if place.is_dir() else place)
    sections = [_unfounded(record), _arms(record), _worth(record), _processes(record),
                _teachers(record), _ask(record),
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
    who = "1 teacher" if len(record.teachers) == 1 else f"{len(record.teachers):,} teachers"
    found = (
        f"{settled:,} have a class that is at least {DOUBTFUL:.0%} probable, "
        f"{record.changed:,} another than most votes."
    )
    said = f"{record.votes:,} votes of {who} on {record.tasks:,} tasks: {_doubt(record) or found}"
    if record.gold and not record.arms:
        when = "" if record.gold >= LEAST else f", from {LEAST} on,"
        return (
            f"{said} {record.gold:,} checked labels were learned from; --compare{when} scores it."
        )
    if not record.arms:
        return (
            f"{said} Without gold nothing here says how right they are: check some of those below."
        )
    own, single = record.arms[0], _single(record)
    told = (
        f"{said} On gold that it had not seen it is right on {_percent(own.accuracy)} "
        f"({_percent(own.low)} to {_percent(own.high)})"
    )
    if not single:
        return f"{told}."
    best = max(single, key=lambda arm: arm.accuracy)
    of = "the only" if len(single) == 1 else f"the best of {len(single)}"
    alone = " from votes and gold alone" if _beside(record) else ""
    return (
        f"{told}; {of} single aggregator{'s' if len(single) > 1 else ''}, {best.name}, "
        f"on {_percent(best.accuracy)}{alone} "
        f"({_percent(best.low)} to {_percent(best.high)})."
    )


def _single(record: PanelRecord) -> list[Arm]:
    """The arms that are no panel."""
    return [arm for arm in record.arms[1:] if arm.name not in (*ABLATIONS, BARE)]


def _beside(record: PanelRecord) -> tuple[str, ...]:
    """What the panel read beside votes and gold."""
    return beside(bool(record.student), record.feedback)


def _doubt(record: PanelRecord) -> str:
    """That nothing tells how far to trust anybody, where it is so."""
    told = unfounded(
        tasks=record.tasks, overlap=record.overlap, gold=record.gold, more=_beside(record)
    )
    return f"{told}." if told else ""


def _unfounded(record: PanelRecord) -> Section:
    key, title = "unfounded", "What nothing here can tell"
    told = _doubt(record)
    if not told:
        return Section(key=key, title=title, parts=())
    return Section.refused(key, title, (
        f"{told[:1].upper()}{told[1:]} They follow from what was taken for granted of teachers "
        "before any vote was read. Let two or more teachers answer the same tasks, or check some."
    ))  # fmt: skip


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _figures(record: PanelRecord) -> tuple[tuple[str, str, str], ...]:
    chosen = [one for one in record.processes if one.share > 0]
    teachers = sorted(record.teachers, key=lambda one: one.accuracy)
    doubtful = ("doubtful", f"{record.doubtful:,}", f"of {record.tasks:,} tasks")
    trust = (
        "teachers", f"{teachers[len(teachers) // 2].accuracy:.2f}",
        f"median accuracy; {teachers[0].accuracy:.2f} to {teachers[-1].accuracy:.2f}",
    )  # fmt: skip
    if _doubt(record):
        doubtful = ("doubtful", "unknown", f"of {record.tasks:,} tasks")
        trust = ("teachers", f"{len(teachers):,}", "how right they are is not known")
    return (
        doubtful,
        ("processes kept", str(len(chosen)), f"of {len(record.processes)}"),
        trust,
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

    names = ", ".join(arm.name for arm in _single(record))
    caption = (
        "Accuracy on gold labels that were held out of each fit, with 95 % intervals over tasks. "
        "All arms had the rest of the gold. One level: the panel with judges who do not judge one "
        "another; no meta level: with all its processes alike; single aggregators: "
        f"{names or 'none'}."
    )
    table = Table(
        columns=("way", "right", "low", "high", "calibration error", "nats a task"),
        rows=tuple((_called(a.name), a.accuracy, a.low, a.high, a.calibration, a.nats)
                   for a in record.arms),
    )  # fmt: skip
    height = 0.9 + 0.26 * len(record.arms)
    parts: list[Part] = [
        *_unequal(record),
        Picture(svg=art.svg(draw, caption, width=6.5, height=height), caption=caption, table=table),
    ]
    return Section(key="arms", title=title, parts=tuple(parts))


def _unequal(record: PanelRecord) -> list[Part]:
    """Where the panel read more than the aggregators: what of its lead is due to that."""
    more, arms = _beside(record), {arm.name: arm for arm in record.arms}
    if not more:
        return []
    said = (
        f"The panel's arms read {' and '.join(more)} too; the single aggregators read votes and "
        "gold alone."
    )
    own, bare, peer = (arms.get(name) for name in (OWN, BARE, PEER))
    if own and bare and peer:
        lead, due = (100 * (own.accuracy - one.accuracy) for one in (peer, bare))
        said += (
            f" Of the panel's lead of {_points(lead)} points over {PEER}, {_points(due)} are due "
            f"to {' and '.join(more)}: without, it is right on {_percent(bare.accuracy)}."
        )
    return [Text(text=said)]


def _points(value: float) -> str:
    return f"{value:.1f}".replace("-", "\N{MINUS SIGN}")


def _called(arm: str) -> str:
    return f"{arm} (the panel)" if arm in (OWN, *ABLATIONS, BARE) else arm


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
    if _beside(record):
        more = " and ".join(_beside(record))
        text += f" The panel read {more} too, Dawid-Skene did not: what that gives stands above."
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
    order = _worst_first(record.teachers)
    places = np.linspace(0, len(order) - 1, min(MOST_TEACHERS, len(order)))
    shown = [order[i] for i in places.round().astype(int)]

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

    some = f"{len(shown)} of {len(order):,}, evenly" if len(shown) < len(order) else "all"
    caption = (
        f"Teachers ({some}), first those of whom it is surest that they are often wrong: how often "
        "each is right, with the 95 % interval, by whose upper end they stand. The classes are "
        "taken as found, so intervals are too narrow where teachers share mistakes."
    )
    worst, best = _ends(order)
    left = len(order) - len(worst) - len(best)
    title = "Teachers, the surely worst first (by the upper end)"
    if best:
        title = (
            f"The {len(worst)} of {len(order):,} teachers who are surely worst (by the upper end)"
        )
    table = _listed(worst, title)
    height = 1.2 + 0.06 * len(shown)
    parts: list[Part] = [
        Picture(svg=art.svg(draw, caption, width=6.5, height=height), caption=caption, table=table)
    ]
    if best:
        parts.append(_listed(best, f"The {len(best)} who are surely best (by the lower end)"))
    if left:
        parts.append(Text(text=f"{left:,} teachers between are left out here; {PANEL} has all."))
    return Section(key="teachers", title="How far each teacher is to be trusted",
                   parts=tuple(parts))  # fmt: skip


def _worst_first(teachers: Sequence[Teacher]) -> list[Teacher]:
    """By the upper end of the interval: who gave one wrong vote may still be right, and comes after
    who gave a hundred."""
    return sorted(teachers, key=lambda one: (one.high, one.accuracy, -one.votes))


def _ends(order: list[Teacher]) -> tuple[list[Teacher], list[Teacher]]:
    """All, or `LISTED` from the worst and, of the rest, as many of the best by the lower end."""
    if len(order) <= 2 * LISTED:
        return order, []
    rest = sorted(order[LISTED:], key=lambda one: (-one.low, -one.accuracy, -one.votes))
    return order[:LISTED], rest[:LISTED]


def _listed(teachers: Sequence[Teacher], title: str) -> Table:
    rows = tuple((one.name, one.votes, one.accuracy, one.low, one.high) for one in teachers)
    return Table(columns=("teacher", "votes", "right", "low", "high"), rows=rows, title=title,
                 folded=True)  # fmt: skip


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
