"""What a panel made of votes, as plain values: kept in panel.json and read by a report."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from precocial import io
from precocial.errors import DataError
from precocial.feedback.votes import Votes
from precocial.normativity.explanation import Teacher, entropy
from precocial.normativity.folding import Unused
from precocial.normativity.held_out import Arm
from precocial.normativity.learner import NormLearner
from precocial.normativity.levels_record import LevelsRecord
from precocial.normativity.levels_record import problems as problems_of_levels
from precocial.runs.findings import read_record, write_record
from precocial.worth import WorthRow

PANEL = "panel.json"
LABELS = "labels.csv"
FORMAT = 1
ADDED = 3
DOUBTFUL = 0.9
"""Ours: a class less probable than this is counted as doubtful."""
ALONE = 0.05
"""Ours: where so few tasks have two teachers, or a checked label, teachers are as good as not
compared with anything."""
ASKED = 50


@dataclass(frozen=True, kw_only=True)
class ProcessFigures:
    """One learning process: what each judge says in its own unit, its share, and on how many tasks
    it has another class than the learner."""

    name: str
    raw: list[float]
    share: float
    differs: int | None


@dataclass(frozen=True, kw_only=True)
class GoldWorth:
    """How many gold labels the panel with `gold` of them saves beside Dawid-Skene; where that lies
    outside what was measured, what it is at least or at most."""

    gold: float
    worth: float | None
    low: float | None
    high: float | None
    status: str
    at_least: float | None = None
    at_most: float | None = None

    @classmethod
    def of(cls, row: WorthRow) -> GoldWorth:
        """From a row of `worth`; an infinite end is none."""
        low, high = (
            end if end is not None and math.isfinite(end) else None for end in (row.low, row.high)
        )
        return cls(
            gold=row.data, worth=row.worth, low=low, high=high, status=row.status.value,
            at_least=row.lower_bound, at_most=row.upper_bound,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class PanelRecord:
    """A fitted `NormLearner`, without its votes."""

    format: int
    source: str
    votes: int
    tasks: int
    classes: list[str]
    gold: int
    feedback: int
    temperature: float
    student: str
    doubtful: int
    changed: int
    judges: list[str]
    processes: list[ProcessFigures]
    teachers: list[Teacher]
    ask: list[str]
    asked_entropy: list[float]
    levels: LevelsRecord
    arms: list[Arm]
    worth: list[GoldWorth]
    command: str = ""
    seconds: float = 0.0
    unused: list[Unused] = field(default_factory=list)
    """records of feedback that changed no label, with reasons"""
    overlap: int | None = None
    """tasks with votes of two teachers or more (None: written before this was counted)"""

    @classmethod
    def of(
        cls, learner: NormLearner, *, source: str, feedback: int = 0, arms: Sequence[Arm] = (),
        worth: Sequence[WorthRow] = (), command: str = "", seconds: float = 0.0,
    ) -> PanelRecord:  # fmt: skip
        """From a learner that was fitted."""
        votes, panel = learner.votes_, learner.panel_
        top = learner.proba_.argmax(axis=1)
        counts, place = votes.counts(), {name: k for k, name in enumerate(votes.classes)}
        named = counts[np.arange(len(counts)), [place[name] for name in learner.labels_.tolist()]]
        confidence = learner.proba_.max(axis=1)
        fixed = panel.levels
        asked = learner.ask_next(ASKED) if (learner.gold_ < 0).any() else ()
        places = {name: t for t, name in enumerate(votes.tasks)}
        left = learner.proba_[[places[name] for name in asked]]
        return cls(
            format=FORMAT,
            source=source,
            votes=len(votes),
            tasks=len(votes.tasks),
            classes=list(votes.classes),
            gold=int((learner.gold_ >= 0).sum()),
            feedback=feedback,
            temperature=float(learner.temperature_),
            student="" if learner.student_ is None else type(learner.student_.model_).__name__,
            doubtful=int((confidence < DOUBTFUL).sum()),
            changed=int((named < counts.max(axis=1)).sum()),
            judges=list(panel.verdict.judges),
            processes=[
                ProcessFigures(
                    name=name,
                    raw=panel.verdict.raw[:, i].tolist(),
                    share=float(panel.share[i]),
                    differs=int((panel.fits[i].proba.argmax(axis=1) != top).sum())
                    if i in panel.fits
                    else None,
                )
                for i, name in enumerate(panel.verdict.processes)
            ],
            teachers=list(learner.teachers_),
            ask=list(asked),
            asked_entropy=entropy(left).tolist(),
            levels=LevelsRecord.of(
                fixed,
                fixed.change_when_adding_level(ADDED),
                source="the panel's processes",
                # what was said about processes is in the distribution that they are chosen from
                before={"processes": np.full(len(panel.share), 1 / len(panel.share))},
            ),
            arms=list(arms),
            worth=[GoldWorth.of(row) for row in worth],
            command=command,
            seconds=seconds,
            unused=list(learner.unused_),
            overlap=overlap(votes),
        )

    def write(self, path: io.PathLike) -> None:
        """As JSON, atomically."""
        write_record(path, self)

    @classmethod
    def read(cls, path: io.PathLike) -> PanelRecord:
        """From JSON.

        Raises:
            DataError: not such a record, or a field that is missing or of a wrong type.
        """
        record = read_record(path, cls, format=FORMAT, what="a record of a panel")
        for problem in _problems(record):
            raise DataError(f"is a damaged record of a panel: {problem}", path=path)
        return record


def overlap(votes: Votes) -> int:
    """How many tasks have votes of two teachers or more."""
    pairs = np.unique(votes.task.astype(np.int64) * len(votes.teachers) + votes.teacher)
    return int((np.bincount(pairs // len(votes.teachers)) > 1).sum())


def unfounded(*, tasks: int, overlap: int | None, gold: int, more: Sequence[str] = ()) -> str:
    """What is to be said where nothing tells how far to trust anybody; "" where something does.

    Teachers are known by their agreement on tasks that they share and by checked labels. Where
    fewer than `ALONE` of the tasks have either, accuracies and probabilities follow from what was
    assumed beforehand.

    Args:
        more: what else was given that may tell: "the features", "the feedback".
    """
    if overlap is None or overlap + gold >= ALONE * tasks:
        return ""
    shared = f"only {overlap:,} of {tasks:,} tasks have" if overlap else "no task has"
    checked = f"{gold:,} labels are" if gold > 1 else "one label is" if gold else "none is"
    but = f"nothing but {' and '.join(more)} tells" if more else "nothing tells"
    return (
        f"{shared} two teachers and {checked} checked, so {but} how far to trust anybody: "
        "probabilities and accuracies here are assumptions"
    )


def beside(features: bool, feedback: int) -> tuple[str, ...]:
    """What there is beside votes and gold, in words."""
    return (("the features",) if features else ()) + (("the feedback",) if feedback else ())


def label_rows(learner: NormLearner) -> Iterator[io.Row]:
    """A row a task: its class, how probable that is, whether it was checked, and each class."""
    for t, task in enumerate(learner.votes_.tasks):
        p = learner.proba_[t]
        yield {
            "task": task, "label": str(learner.labels_[t]), "probability": float(p.max()),
            "checked": bool(learner.gold_[t] >= 0),
            **{f"p({name})": float(value) for name, value in zip(learner.classes_, p, strict=True)},
        }  # fmt: skip


def _problems(record: PanelRecord) -> Iterator[str]:
    """What types alone do not say."""
    if not (record.processes and record.teachers and record.classes and record.judges):
        yield "a list that must not be empty is"
    if any(len(one.raw) != len(record.judges) for one in record.processes):
        yield "a judge's figure is missing"
    if not 0 <= (record.overlap or 0) <= record.tasks:
        yield "more tasks have two teachers than there are"
    if len(record.ask) != len(record.asked_entropy):
        yield "tasks to ask and their entropies differ in length"
    numbers = [one.share for one in record.processes] + record.asked_entropy
    for teacher in record.teachers:
        if not (0 <= teacher.low <= teacher.high <= 1 and 0 <= teacher.accuracy <= 1):
            yield f"the interval of teacher {teacher.name[:40]!r} is none"
    for arm in record.arms:
        if not 0 <= arm.low <= arm.accuracy <= arm.high <= 1:
            yield f"the interval of {arm.name[:40]!r} is none"
    if not all(math.isfinite(x) for x in numbers):
        yield "a number is not finite"
    yield from problems_of_levels(record.levels)
