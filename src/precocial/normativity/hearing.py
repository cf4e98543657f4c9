"""Feedback of `precocial.feedback`, from a store, a table or a simulated teacher, for a hierarchy.

label, comparison of data, demonstration    level 0, the task by its name
comparison or statement of a process, loss  the level above 0 that has an item of that name
statement about a teacher                   feedback on a source
statement about an item                     feedback on that statement
statement about a kind of mistake           feedback on every label that says so
statement about a datum                     feedback on every label of that task
statement about the whole                   feedback on the whole
"""

from __future__ import annotations

from collections.abc import Iterable

from precocial.choice.arguments import checked
from precocial.errors import DataError
from precocial.feedback.records import Comparison, Demonstration, Item, Label, Statement, plain
from precocial.normativity.folding import items_of
from precocial.normativity.hierarchy import Hierarchy

NEARLY = 0.999
"""What a record's confidence of 1, its default, is read as, unless certainty is to be obeyed."""


@checked
def hear_all(
    hierarchy: Hierarchy, items: Iterable[Item], *, obey_certain: bool = False
) -> dict[str, int]:
    """Note every item; returns the number of the statement that each item's id became.

    Args:
        hierarchy: where to note them.
        items: labels, comparisons, demonstrations and statements; what they are about before them.
        obey_certain: a record's confidence is 1 if nothing was said of it, so that it counts as
            0.999 here; True takes it at its word.

    Raises:
        ConfigError: no hierarchy, or what is no item.
        DataError: an item that is about nothing in this hierarchy, named by its id.
    """
    numbers: dict[str, int] = {}
    labels: list[Label] = []
    for item in items_of("hear_all", items):
        sure = item.confidence if obey_certain else min(item.confidence, NEARLY)
        if isinstance(item, Label):
            labels.append(item)
        try:
            numbers[item.id] = _note(hierarchy, item, sure, numbers, labels)
        except ValueError as error:
            raise DataError(f"item {item.id}: {error}") from error
    return numbers


def _note(
    hierarchy: Hierarchy, item: Item, sure: float, numbers: dict[str, int], labels: list[Label]
) -> int:  # fmt: skip
    tasked = bool(hierarchy.levels[0].tasks)
    if isinstance(item, Label):
        return hierarchy.feedback(
            level=0, item=item.label, task=item.task if tasked else None, source=item.source,
            confidence=sure,
        )  # fmt: skip
    if isinstance(item, Demonstration):
        task = plain(item.prompt) if tasked else None
        return hierarchy.feedback(
            level=0, item=plain(item.completion), task=task, value=float(item.good),
            source=item.source, confidence=sure,
        )  # fmt: skip
    if isinstance(item, Comparison):
        level = 0 if item.of == "datum" else _level_of(hierarchy, plain(item.chosen))
        return hierarchy.feedback(
            level=level, item=plain(item.chosen), better_than=plain(item.rejected),
            task=plain(item.prompt) if tasked and level == 0 else None, source=item.source,
            confidence=sure,
        )  # fmt: skip
    return _note_statement(hierarchy, item, sure, numbers, labels)


def _note_statement(
    hierarchy: Hierarchy, item: Statement, sure: float, numbers: dict[str, int],
    labels: list[Label],
) -> int:  # fmt: skip
    about, said = item.what, {"value": item.value, "source": item.source, "confidence": sure}
    if about.kind in ("process", "loss"):
        level = _level_of(hierarchy, about.name)
        return hierarchy.feedback(level=level, item=about.name, **said)  # type: ignore[arg-type]
    if about.kind == "teacher":
        return hierarchy.feedback(level="sources", item=about.name, **said)  # type: ignore[arg-type]
    if about.kind == "whole":
        return hierarchy.feedback(level="whole", **said)  # type: ignore[arg-type]
    if about.kind == "item":
        if about.name not in numbers:
            raise DataError(f"is about item {about.name!r}, which has not been heard before it")
        meant = [numbers[about.name]]
    elif about.kind == "mistake":
        if about.on:
            raise DataError(
                f"is about answers {about.name!r} where {about.on!r} is right, which a hierarchy "
                "cannot tell; leave `on` empty"
            )
        meant = [numbers[one.id] for one in labels if one.label == about.name]
    else:
        meant = [numbers[one.id] for one in labels if one.task == about.name]
    if not meant:
        raise DataError(f"is about the {about.kind} {about.name!r}, of which nothing was said")
    found = [hierarchy.feedback(level="statements", item=one, **said) for one in meant]  # type: ignore[arg-type]
    return found[-1]


def _level_of(hierarchy: Hierarchy, name: str) -> int:
    """The lowest level above the actions that has an item of this name (0 if it is alone)."""
    for place, level in enumerate(hierarchy.levels):
        if name in level.where and (place > 0 or len(hierarchy.levels) == 1):
            return place
    raise DataError(f"no level above the actions has an item {name!r}")
