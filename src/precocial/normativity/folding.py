"""What feedback of every kind means to `NormLearner`: items in, weights and counts out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from precocial.errors import ConfigError, DataError
from precocial.feedback.records import Comparison, Item, Label, Statement, standing
from precocial.feedback.votes import Votes, name_of
from precocial.io import shown
from precocial.normativity.aggregators.result import counts_of
from precocial.normativity.mistakes import IDLE, Mistakes, pooled, unchecked

Floats = NDArray[np.float64]
KNOWN = 20.0
"""Votes that a statement about a teacher is worth when it is certain (ours: a sample as small as is
ever called one)."""
FLOOR = 0.01
"""The least that feedback leaves of a weight (ours), however many words are against it: nothing is
wholly ignored."""
LEAST = 1e-12
"""The least initial weight of a process beside the largest, however many words are against it
(ours: far above rounding)."""


@dataclass(frozen=True, kw_only=True)
class Unused:
    """A record of feedback that changed no label.

    Attributes:
        id, source: of the record.
        about: what it is about, in words.
        reason: why it was not used, and what would make it so.
    """

    id: str
    source: str
    about: str
    reason: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Folded:
    """What the items say, as numbers.

    Attributes:
        votes: the votes, with those of the sources who gave labels.
        weight: (V,) of the votes.
        history: past counts [true, given] by teacher.
        base: (M,) initial distribution of the processes.
        mistakes: (right, wrong, share) by position of class: of the answers `wrong`, this share is
            not to be read as against `right`.
        suspicions: the statements that `mistakes` come from, with their (right, wrong).
        unused: what was not used, whatever is checked.
    """

    votes: Votes
    weight: Floats
    history: dict[str, Floats]
    base: Floats
    mistakes: Mistakes
    suspicions: tuple[tuple[Statement, tuple[int, int]], ...] = ()
    unused: tuple[Unused, ...] = ()

    def left_out(self, gold: NDArray[np.int64]) -> tuple[Unused, ...]:
        """What was not used with this gold, (T,) class or -1."""
        share = {(right, wrong): one for right, wrong, one in self.mistakes}
        found = list(self.unused)
        for item, (right, wrong) in self.suspicions:
            open_ = unchecked((right, wrong, 1.0), gold)
            if share[right, wrong] <= IDLE:
                why = "all that was said of this mistake leaves it less likely than 1 in 1,000"
            elif open_:
                names = " or ".join(repr(self.votes.classes[k]) for k in open_)
                why = (
                    f"no checked label says {names}, so nothing tells the two classes apart. It "
                    "decides what ask_next asks first: check that and give it as gold"
                )
            else:
                continue
            found.append(_unused(item, why))
        return tuple(found)


def folded(
    votes: Votes,
    feedback: Iterable[Item],
    processes: Sequence[str],
    history: Mapping[Any, Any] | None,
) -> Folded:
    """The items, folded in.

    A label is a vote of its source, weighted by its confidence. Statements: on a teacher, past
    votes of which `value` were right; on a mistake, see `mistakes.pooled`; on a process or a
    datum, a factor 1 - c + 2 c value on its initial weight, or 1 - c + c value on its votes; on an
    item, a factor 1 - c + c value on its confidence, from the highest level down. A comparison of
    processes is two factors, 2c and 2(1 - c). Of a datum's votes and of a confidence at least
    `FLOOR` is left. Other items have no meaning here; what is taken back by its own source, or is
    about an item that is not among these, is listed as unused.

    Raises:
        ConfigError: an item that has none, or what is no item.
        DataError: an item about a task, teacher, class or process that is not there.
    """
    given = items_of("NormLearner", feedback)
    items = standing(given)
    sure = _confidences(items)
    made, weight = _with_labels(votes, [(one, sure[one.id]) for one in items])
    K, M = len(votes.classes), len(processes)
    past = {
        name_of("history: teacher", name): counts_of(name, table)
        for name, table in (history or {}).items()
    }
    base, suspicions = np.zeros(M), []  # logs
    left = np.ones(len(made.tasks))
    for item in items:
        c = sure[item.id]
        if isinstance(item, Label):
            continue
        if isinstance(item, Comparison) and item.of == "process":
            base[_at("process", str(item.chosen), processes)] += np.log(max(2 * c, FLOOR))
            base[_at("process", str(item.rejected), processes)] += np.log(max(2 * (1 - c), FLOOR))
        elif not isinstance(item, Statement):
            raise ConfigError(_useless(item.type, item.about.kind))
        elif item.what.on and item.what.kind != "mistake":
            raise ConfigError(
                f"NormLearner cannot hold a statement to a part: it is about {item.what.kind} "
                f"{item.what.name!r} on {item.what.on!r}. Leave `on` out, if it holds everywhere"
            )
        elif item.what.kind == "teacher":
            _at("teacher", item.what.name, made.teachers)
            off = (1 - item.value) / max(K - 1, 1)
            table = np.where(np.eye(K, dtype=bool), item.value, off) * KNOWN * c / K
            past[item.what.name] = past.get(item.what.name, np.zeros((K, K))) + table
        elif item.what.kind == "mistake":
            right = _at("class", item.what.on, votes.classes)
            wrong = _at("class", item.what.name, votes.classes)
            suspicions.append((item, (right, wrong)))
        elif item.what.kind == "process":
            factor = 1 - c + 2 * c * item.value
            base[_at("process", item.what.name, processes)] += np.log(max(factor, FLOOR))
        elif item.what.kind == "datum":
            left[_at("task", item.what.name, made.tasks)] *= 1 - c + c * item.value
        elif item.what.kind != "item":
            raise ConfigError(_useless("statement", item.what.kind))
    base = np.maximum(np.exp(base - base.max()), LEAST)
    mistakes = pooled([(*pair, sure[item.id], item.value) for item, pair in suspicions])
    return Folded(
        votes=made, weight=weight * np.maximum(left, FLOOR)[made.task], history=past,
        base=base / base.sum(), mistakes=mistakes, suspicions=tuple(suspicions),
        unused=_not_there(given, items),
    )  # fmt: skip


def items_of(owner: str, feedback: Any) -> tuple[Item, ...]:
    """The items, if they are some.

    Raises:
        ConfigError: something else.
    """
    if isinstance(feedback, str | bytes | Mapping | Item) or not isinstance(feedback, Iterable):
        raise ConfigError(
            f"{owner}: feedback must be a list of records; got {shown(feedback)}. Make them "
            "with precocial.feedback (Label, Statement, Comparison), or read_items(file)"
        )
    items = tuple(feedback)
    for place, one in enumerate(items):
        if not isinstance(one, Item):
            raise ConfigError(
                f"{owner}: feedback must hold records; got {shown(one)} at place {place}. Make "
                "them with precocial.feedback (Label, Statement, Comparison), or read_items(file)"
            )
    return items


def _not_there(given: Sequence[Item], items: Sequence[Item]) -> tuple[Unused, ...]:
    """What was taken back, and what is about items that are not there."""
    kept, known = {id(one) for one in items}, {one.id for one in given}
    back = [_unused(one, "its own source took it back") for one in given if id(one) not in kept]
    stray = [
        _unused(one, "no item of this id is among the feedback; give that too")
        for one in items
        if isinstance(one, Statement) and one.what.kind == "item" and one.what.name not in known
    ]
    return (*back, *stray)


def _unused(item: Item, reason: str) -> Unused:
    about = item.about
    on = f" on {about.on!r}" if about.on else ""
    name = f" {about.name!r}" if about.name else ""
    return Unused(id=item.id, source=item.source, about=f"{about.kind}{name}{on}", reason=reason)


def _useless(kind: str, about: str) -> str:
    return (
        f"NormLearner cannot use a {kind} about a {about}; it takes labels, statements about a "
        "teacher, mistake, process, datum or item, and comparisons of processes"
    )


def _at(kind: str, name: str, names: Sequence[str]) -> int:
    if name not in names:
        raise DataError(f"feedback on an unknown {kind} {name!r}; known are {list(names[:20])}")
    return names.index(name)


def _confidences(items: Sequence[Item]) -> dict[str, float]:
    """Of each item, after what others say about it; a statement about another has been judged
    itself before, since it stands one level higher."""
    said = {item.id: item.confidence for item in items}
    left = dict.fromkeys(said, 1.0)
    about = [one for one in items if isinstance(one, Statement) and one.what.kind == "item"]
    for one in sorted(about, key=lambda item: -item.level):
        if one.what.name in left:
            c = said[one.id] * max(left[one.id], FLOOR)
            left[one.what.name] *= 1 - c + c * one.value
    return {name: said[name] * max(left[name], FLOOR) for name in said}


def _with_labels(votes: Votes, items: Sequence[tuple[Item, float]]) -> tuple[Votes, Floats]:
    """The votes and those that labels are, with weights."""
    said = [(item, c) for item, c in items if isinstance(item, Label)]
    weight = np.ones(len(votes))
    if not said:
        return votes, weight
    teachers = list(votes.teachers)
    teachers += list(dict.fromkeys(one.source for one, _ in said if one.source not in teachers))
    task = [_at("task", one.task, votes.tasks) for one, _ in said]
    label = [_at("class", one.label, votes.classes) for one, _ in said]
    return with_more(
        votes, weight, task=task, teacher=[teachers.index(one.source) for one, _ in said],
        label=label, teachers=tuple(teachers), more=[c for _, c in said],
    )  # fmt: skip


def with_more(
    votes: Votes, weight: Floats, *, task: Any, teacher: Any, label: Any,
    teachers: tuple[str, ...], more: Any,
) -> tuple[Votes, Floats]:  # fmt: skip
    """The votes with further ones, by position, sorted by task again; and their weights."""
    tasks = np.concatenate([votes.task, np.asarray(task, dtype=np.int32)])
    order = np.argsort(tasks, kind="stable")
    made = Votes(
        task=tasks[order],
        teacher=np.concatenate([votes.teacher, np.asarray(teacher, dtype=np.int32)])[order],
        label=np.concatenate([votes.label, np.asarray(label, dtype=np.int32)])[order],
        tasks=votes.tasks, teachers=teachers, classes=votes.classes,
    )  # fmt: skip
    return made, np.concatenate([weight, np.asarray(more, dtype=np.float64)])[order]
