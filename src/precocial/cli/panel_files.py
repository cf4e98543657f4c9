"""The files that `precocial normativity aggregate` and `ask` read, checked before any long work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from precocial.cli.output import Common, note
from precocial.cli.words import Words, flat, named_once

MISSING = frozenset(
    ("nan", "NaN", "-nan", "-NaN", "NA", "N/A", "n/a", "#N/A", "#NA", "<NA>", "NaT", "null",
     "NULL", "None")
)  # fmt: skip
"""What tables write for a value that is missing: the words that pandas reads so, and its NaT."""
SHOWN = 10
"""Names listed in an error."""


@dataclass(frozen=True, kw_only=True)
class Given:
    """What there is beside the votes, and how the files are read."""

    gold: Path | None = None
    """table with the columns task and label: classes that were checked"""
    features: Path | None = None
    """table with the column task and numbers: a student is taught from them"""
    feedback: Path | None = None
    """statements about teachers, mistakes, processes or other
    feedback: a store (.db) or a table as
    `precocial.feedback.write_items` writes it"""
    column: Words = ()
    """what the files call a column: worker=annotator label=answer.
    Gold and features may call it so too, or by its own name"""
    classes: Words = ()
    """all classes there are, parted by spaces, where nobody
    voted for some of them; a label such as NA or nan counts
    as missing unless it is named here"""

    def files(self) -> dict[str, Path | None]:
        """By what they are."""
        return {
            "table of gold": self.gold, "table of features": self.features,
            "feedback": self.feedback,
        }  # fmt: skip


GIVEN = Given()


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """What the files hold: `Votes`, task to class, (T, D) features, records of feedback."""

    votes: Any
    gold: dict[str, str] | None
    X: Any
    items: list[Any]


def case_of(path: Path, given: Given, common: Common) -> Case:
    """What the files hold.

    Raises:
        DataError, ConfigError: with the file, and line and column where there are any.
    """
    import numpy as np

    from precocial.errors import ConfigError
    from precocial.feedback.tables import CROWD, read_crowd
    from precocial.feedback.votes import as_votes
    from precocial.normativity.panel_record import beside, overlap, unfounded

    names = named_once("--column", given.column, "NAME=COLUMN")
    for name in names:
        if name not in CROWD:
            raise ConfigError(f"--column renames {', '.join(CROWD)}; got {name!r}")
    classes = tuple(word.strip() for word in flat(given.classes))
    columns = read_crowd(path, names=names, others="skip")
    said = names.get("label", "label")
    for name in CROWD[:2]:
        odd = sum(1 for value in columns.__dict__[name] if value in MISSING)
        if odd:
            note(f"! {odd} votes have a {name} that looks missing (nan, NA, ...): it is taken as "
                 "a name", common)  # fmt: skip
    _known_labels(columns.label, columns.line, classes, path, said)
    votes = as_votes(columns.task, columns.worker, columns.label, classes=classes or None)
    pair = votes.task.astype(np.int64) * len(votes.teachers) + votes.teacher
    again = len(votes) - len(np.unique(pair))
    if again:
        note(f"! {again} votes repeat a worker on a task; each of them counts", common)
    if len(votes.classes) == 1:
        note(f"! all votes are for {votes.classes[0]!r}: there is nothing to tell apart", common)
    known = None if given.gold is None else _gold(given.gold, votes, classes, names, common)
    items = [] if given.feedback is None else _items(given.feedback, votes)
    case = Case(
        votes=votes, gold=known, items=items,
        X=None if given.features is None else _features(given.features, votes, names, common),
    )  # fmt: skip
    note(
        f"{len(votes):,} votes of {len(votes.teachers):,} teachers on {len(votes.tasks):,} tasks, "
        f"{len(votes.classes)} classes",
        common,
    )
    told = unfounded(
        tasks=len(votes.tasks), overlap=overlap(votes), gold=len(known or {}),
        more=beside(given.features is not None, len(items)),
    )  # fmt: skip
    if told:
        note(f"! {told}", common)
    return case


def _known_labels(
    labels: Sequence[str], lines: Sequence[int], classes: tuple[str, ...], path: Path, column: str,
    voted: Sequence[str] = (),
) -> None:  # fmt: skip
    """Refuse a label that is none of the classes, that looks missing, or that is another one's
    number (of `classes`, of those `voted` for, or of the labels before it)."""
    from precocial.errors import DataError

    numbers = {_number(name): name for name in reversed(classes or tuple(voted))}
    for label in dict.fromkeys(labels):
        name = label.strip()
        same = numbers.setdefault(_number(name), name)
        if same != name and name not in classes:
            said = (
                f"{name!r} and {same!r} are one number; write them alike or, if they are two "
                "classes, name all classes with --classes"
            )
        elif classes and name not in classes:
            said = (
                f"{name!r} is none of --classes {_listed(classes)}; name it there too (classes are "
                "parted by spaces), or drop these rows"
            )
        elif not classes and name in MISSING:
            said = (
                f"{name!r} is what tables write for a missing value: drop these rows or, if it is "
                "a class, name all of them with --classes"
            )
        else:
            continue
        raise DataError(said, path=path, line=lines[list(labels).index(label)], column=column)


def _number(name: str) -> float | str:
    """The number that a name is, or the name if it is none."""
    try:
        return float(name)
    except ValueError:
        return name


def _columns(
    path: Path, needed: Sequence[str], names: Mapping[str, str]
) -> tuple[dict[str, list[Any]], list[int], dict[str, str]]:
    """The columns of a table beside the votes, its lines, and what it calls those needed: as
    --column does or by their own names."""
    from precocial.errors import DataError
    from precocial.feedback.tables import columns_of, needed_columns

    columns, lines = columns_of(path)
    where = {}
    for name in needed:
        other = names.get(name, name)
        if other != name and {other, name} <= columns.keys():
            raise DataError(
                f"has the columns {other!r} (--column {name}={other}) and {name!r}: drop or rename "
                "one", path=path, line=1, column=name,
            )  # fmt: skip
        where[name] = other if other in columns else name
    advice = "Rename it; or, where all files call it so, --column {0}=COLUMN"
    needed_columns(columns, where, path, advice=advice)
    return columns, lines, where


def _gold(
    path: Path, votes: Any, classes: tuple[str, ...], names: Mapping[str, str], common: Common
) -> dict[str, str]:
    """Task to class, of tasks with votes."""
    from precocial.errors import DataError
    from precocial.feedback.tables import names_in

    columns, lines, where = _columns(path, ("task", "label"), names)
    tasks, labels = (names_in(columns, where[name], path, lines) for name in ("task", "label"))
    if not tasks:
        raise DataError("holds no labels", path=path)
    _known_labels(labels, lines, classes, path, where["label"], votes.classes)
    known: dict[str, str] = {}
    kinds, voted, unvoted = set(votes.classes), set(votes.tasks), set()
    for task, label, line in zip(tasks, labels, lines, strict=True):
        name, kind = task.strip(), label.strip()
        if known.setdefault(name, kind) != kind:
            raise DataError(
                f"the task {name!r} is called {kind!r} here and {known[name]!r} before; give one "
                "label for each task", path=path, line=line, column=where["label"],
            )  # fmt: skip
        if name not in voted:
            unvoted.add(name)
        elif kind not in kinds:
            raise DataError(
                f"nobody voted for the class {kind!r}, only for {_listed(votes.classes)}; if it is "
                "no slip, name all classes with --classes",
                path=path, line=line, column=where["label"],
            )  # fmt: skip
    if len(unvoted) == len(known):
        raise DataError(
            f"none of its {len(known)} tasks has votes; the first is {next(iter(known))!r}, of the "
            f"votes {votes.tasks[0]!r}", path=path, column=where["task"],
        )  # fmt: skip
    if unvoted:
        note(f"! {len(unvoted)} gold tasks have no votes and are left out", common)
    return {task: label for task, label in known.items() if task in voted}


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(map(repr, names[:SHOWN])) + more


def _items(path: Path, votes: Any) -> list[Any]:
    """Records of feedback that the panel can use, from a store or a table."""
    from precocial.errors import ConfigError, DataError
    from precocial.feedback.store import Store
    from precocial.feedback.tables import read_items
    from precocial.normativity.folding import folded
    from precocial.normativity.panel import default_panel

    if path.suffix.lower() in (".db", ".sqlite", ".sqlite3"):
        with Store(path, create=False) as store:
            items: list[Any] = [entry.item for entry in store.read()]
    else:
        items = list(read_items(path))
    try:
        folded(votes, items, [one.name for one in default_panel()], None)
    except (ConfigError, DataError) as error:
        raise DataError(str(error), path=path) from error
    return items


def _features(path: Path, votes: Any, names: Mapping[str, str], common: Common) -> Any:
    """(T, D) finite numbers, a row for each task, in the order of the tasks."""
    import numpy as np

    from precocial import io
    from precocial.errors import DataError
    from precocial.feedback.tables import names_in
    from precocial.normativity.student import LARGEST

    columns, lines, where = _columns(path, ("task",), names)
    own, tasks = where["task"], votes.tasks
    wide = [name for name in columns if name != own]
    if not wide:
        raise DataError(f"needs columns of numbers beside the column {own}", path=path)
    place: dict[str, int] = {}
    for row, task in enumerate(names_in(columns, own, path, lines)):
        if place.setdefault(task.strip(), row) != row:
            raise DataError(
                f"the task {task!r} stands twice", path=path, line=lines[row], column=own
            )
    missing = [task for task in tasks if task not in place]
    if missing:
        raise DataError(f"has no row for {len(missing)} tasks, {missing[0]!r} first", path=path)
    more = len(place.keys() - set(tasks))
    if more:
        note(f"! {more} rows of features are of tasks without votes and are left out", common)
    X = np.empty((len(tasks), len(wide)))
    for d, name in enumerate(wide):
        column = columns[name]
        for t, task in enumerate(tasks):
            row = place[task]
            at: dict[str, Any] = {"path": path, "line": lines[row], "column": name}
            X[t, d] = io.parse_number(column[row], finite=True, **at)
            if abs(X[t, d]) > LARGEST:
                raise DataError(
                    f"must be at most {LARGEST:g} in size; got {io.shown(column[row])}. Scale the "
                    "column, or mend the number", **at,
                )  # fmt: skip
    return X
