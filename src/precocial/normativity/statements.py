"""What is said about a hierarchy: labels, scores of processes, comparisons, the whole, the sayers.

No piece of it is taken to be right. Each has a confidence (the probability, as its source sees it,
that it holds; with the rest it says nothing) and a source whose reliability is itself unknown and
is lowered or raised by what is said about the source, one level up, and about that, another up.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from precocial.errors import ConfigError
from precocial.normativity.levels import Level

Kind = Literal["label", "score", "comparison", "whole", "source", "statement"]
SOURCES, STATEMENTS, WHOLE = "sources", "statements", "whole"
Place = Callable[[str | int], int]
COUNT = 10.0
"""Ours: a statement about a source, a group or a statement counts for ten observations of it."""


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One piece of feedback, its names resolved to places.

    Attributes:
        number: its place among all that was said; what statements about it refer to.
        kind: "label" (an answer on level 0), "score" (how good an item is), "comparison" (an item
            is better than another), "whole" (how good the whole chain is), "source", "statement".
        level: place of the level; -1 for the whole, sources and statements.
        task: place of the task on level 0, 0 where there are none.
        item, other: places of the items.
        path: for the whole, (level, item) pairs; empty: the fixed point as it was when fitting
            began.
        about: the source (or group), or the number of the statement.
        about_kind: the kind of that source's feedback that is meant; "" for every kind.
        value: in [0, 1]; 1 is right, good or better, 0 its opposite.
        confidence: in [0, 1].
        source: who said it.
        count: how many observations it stands for.
        certain: whether a label is to be obeyed where it was given.
    """

    number: int
    kind: Kind
    source: str
    value: float
    confidence: float
    level: int = -1
    task: int = 0
    item: int = 0
    other: int = -1
    path: tuple[tuple[int, int], ...] = ()
    about: str | int = ""
    about_kind: str = ""
    count: float = 1.0
    certain: bool = False

    @property
    def height(self) -> int:
        """How many levels of feedback on feedback lie below it, its own included."""
        return int(self.kind in ("source", "statement"))


def statement_of(
    levels: Sequence[Level], place_of: Place, number: int, *, level: str | int, item: object,
    value: float, confidence: float, source: str, better_than: str | None, task: str | None,
    kind: str, count: float | None,
) -> Statement:  # fmt: skip
    """The statement that `Hierarchy.feedback` was given.

    Raises:
        ConfigError: an unknown level, item, task or statement; numbers out of range.
    """
    _ranges(value, confidence, source, count)
    common: dict[str, Any] = {"number": number, "source": source, "confidence": float(confidence)}
    if level in (SOURCES, STATEMENTS, WHOLE):
        _nothing_beside(level, better_than, task, kind if level != SOURCES else "")
    if level in (SOURCES, STATEMENTS):
        return _about(level, item, kind, number, count, value, common)
    weight = 1.0 if count is None else float(count)
    if level == WHOLE:
        path = _path(levels, place_of, item)
        return Statement(kind="whole", path=path, value=float(value), count=weight, **common)
    place = place_of(level)
    where = _task(levels, place, task)
    g = _item(levels, place, item)
    other = -1 if better_than is None else _item(levels, place, better_than)
    if other == g:
        raise ConfigError(f"feedback: {item!r} cannot be better than itself")
    if kind not in ("", "label", "score"):
        raise ConfigError(f'feedback: kind must be "label" or "score"; got {kind!r}')
    if kind == "label" and place > 0:
        raise ConfigError("feedback: labels are answers on level 0; above it items get scores")
    said: Kind = "score" if place > 0 or kind == "score" else "label"
    if other >= 0:
        if kind:
            raise ConfigError(f"feedback: a comparison has no kind; got {kind!r}: leave one out")
        said = "comparison"
    return Statement(
        kind=said, level=place, task=where, item=g, other=other, value=float(value), count=weight,
        certain=said == "label" and confidence == 1.0 and value == 1.0, **common,
    )  # fmt: skip


def _nothing_beside(level: str | int, better_than: str | None, task: str | None, kind: str) -> None:
    """Refuse what would say nothing of the whole, a source or a statement."""
    for name, given in (("better_than", better_than), ("task", task), ("kind", kind or None)):
        if given is not None:
            raise ConfigError(
                f"feedback on {level!r} takes no {name}; got {given!r}: leave it out, or name a "
                "level and an item of it"
            )


def _ranges(value: float, confidence: float, source: str, count: float | None) -> None:
    for what, number in (("value", value), ("confidence", confidence)):
        if not 0 <= number <= 1:
            raise ConfigError(f"feedback: {what} must lie in [0, 1]; got {number}")
    if not source:
        raise ConfigError("feedback: source must name who says it")
    if count is not None and not (np.isfinite(count) and count > 0):
        raise ConfigError(f"feedback: count must be above 0; got {count}")


def _about(
    level: str | int, item: object, kind: str, number: int, count: float | None, value: float,
    common: dict[str, Any],
) -> Statement:  # fmt: skip
    weight = COUNT if count is None else float(count)
    if level == STATEMENTS:
        if not isinstance(item, int | np.integer) or not 0 <= int(item) < number:
            raise ConfigError(
                f"feedback: item must be the number of an earlier statement, 0 to {number - 1}; "
                f"got {item!r}"
            )
        return Statement(
            kind="statement", about=int(item), value=float(value), count=weight, **common
        )
    if not isinstance(item, str) or not item:
        raise ConfigError(f"feedback: item must name a source; got {item!r}")
    if kind not in ("", *get_args(Kind)):
        raise ConfigError(
            f"feedback: kind must be one of {', '.join(get_args(Kind))}, or empty for all that the "
            f"source says; got {kind!r}"
        )
    if item == common["source"]:
        raise ConfigError("feedback: a source's word on itself says nothing; leave it out")
    return Statement(
        kind="source", about=item, about_kind=kind, value=float(value), count=weight, **common
    )


def _path(levels: Sequence[Level], place_of: Place, item: object) -> tuple[tuple[int, int], ...]:
    if item is None:
        return ()
    if not isinstance(item, Mapping) or not item:
        raise ConfigError(
            "feedback on the whole takes item=None, the fixed point as it stands, or a chain "
            "{level: item}"
        )
    if levels[0].tasks and place_of(0) in map(place_of, item):
        raise ConfigError("feedback on the whole: with tasks, leave level 0 out of the chain")
    places = [(place_of(level), one) for level, one in item.items()]
    return tuple((n, _item(levels, n, one)) for n, one in places)


def _item(levels: Sequence[Level], place: int, item: object) -> int:
    level = levels[place]
    if not isinstance(item, str) or item not in level.where:
        shown = ", ".join(level.items[:5]) + (", ..." if len(level.items) > 5 else "")
        raise ConfigError(f"feedback: level {level.name!r} has no item {item!r}; it has {shown}")
    found = level.where[item]
    if not (level.p[..., found] > 0).all():
        raise ConfigError(
            f"feedback: {item!r} of level {level.name!r} has initial probability 0, which no "
            f"feedback can change; give it some"
        )
    return found


def _task(levels: Sequence[Level], place: int, task: str | None) -> int:
    tasks: Sequence[str] | None = levels[place].tasks
    if (task is None) != (not tasks):
        raise ConfigError(
            "feedback: task must be given exactly where the level has tasks; got "
            f"{task!r} for level {levels[place].name!r}"
        )
    if task is None or not tasks:
        return 0
    found = levels[place].task_where.get(task, -1)
    if found < 0:
        raise ConfigError(f"feedback: no task {task!r}")
    return found


def unused(
    statements: Sequence[Statement], *, heed: Collection[str] | None, fixed: bool,
    groups: Mapping[str, str],
) -> dict[int, str]:  # fmt: skip
    """Number -> reason, of what a fit cannot use.

    Args:
        statements: all that was said.
        heed: the kinds that are heard, or None.
        fixed: whether sources keep their prior.
        groups: source -> group.
    """
    kinds: dict[str, set[str]] = {}
    for one in statements:
        for who in {one.source, groups.get(one.source, one.source)}:
            kinds.setdefault(who, set()).add(one.kind)
    said = {one.kind for one in statements} - {"source", "statement"}
    for who in {*groups, *groups.values()}:  # the silent members of a group learn with it
        kinds.setdefault(who, set()).update(said)
    found = {}
    for one in statements:
        if heed is not None and one.kind not in heed:
            found[one.number] = f"feedback of kind {one.kind!r} is not among those to heed"
        elif one.kind == "source" and fixed:
            found[one.number] = 'with reliability="fixed" nobody is believed more or less'
        elif one.kind == "source" and str(one.about) not in kinds:
            found[one.number] = f"nothing was said by {one.about!r}, and no group has that name"
        elif (
            one.kind == "source" and one.about_kind and one.about_kind not in kinds[str(one.about)]
        ):
            found[one.number] = f"{one.about!r} said nothing of kind {one.about_kind!r}"
    return found
