"""Votes: who called which task what. Columns in, whole numbers out, sorted by task.

Names are compared as text: 1, 1.0 and "1" are one class, since one file is read as whole numbers
and the next, for one missing value elsewhere, as floats.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from precocial.errors import ConfigError, DataError, one_of
from precocial.feedback.records import Label

Indices = NDArray[np.int32]
Duplicates = Literal["keep", "last", "refuse"]
DUPLICATES = ("keep", "last", "refuse")
COLUMNS = ("task", "worker", "label")
DIGITS = 18
"""Names of more digits are sorted as text and not as numbers."""
SHOWN = 5
"""Names listed in an error."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Votes:
    """V votes of W teachers on T tasks about K classes; `as_votes` makes one from columns.

    Attributes:
        task, teacher, label: (V,) positions in `tasks`, `teachers` and `classes`, sorted by task;
            within a task in the order given.
        tasks, teachers, classes: the names. A task may have no vote, a class no vote either.
    """

    task: Indices
    teacher: Indices
    label: Indices
    tasks: tuple[str, ...]
    teachers: tuple[str, ...]
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        sizes = {len(self.task), len(self.teacher), len(self.label)}
        if len(sizes) != 1:
            raise DataError(f"task, teacher and label must be of one length; got {sorted(sizes)}")
        if not self.tasks or not self.teachers or not self.classes:
            raise DataError("votes need a task, a teacher and a class at least; got none")
        for name, values, count in (
            ("task", self.task, len(self.tasks)),
            ("teacher", self.teacher, len(self.teachers)),
            ("label", self.label, len(self.classes)),
        ):
            if len(values) and (values.min() < 0 or values.max() >= count):
                raise DataError(f"{name} must lie in 0 to {count - 1}; got {values.max()}")
        if (np.diff(self.task) < 0).any():
            raise DataError("votes must be sorted by task; as_votes() sorts them")

    def __len__(self) -> int:
        return len(self.task)

    @property
    def starts(self) -> NDArray[np.int64]:
        """(T + 1,) task t has the votes starts[t] to starts[t + 1]."""
        counts = np.bincount(self.task, minlength=len(self.tasks))
        return np.concatenate([[0], np.cumsum(counts)])

    def counts(self) -> NDArray[np.float64]:
        """(T, K) how many votes each class has on each task."""
        T, K = len(self.tasks), len(self.classes)
        flat = np.bincount(self.task.astype(np.int64) * K + self.label, minlength=T * K)
        return flat.reshape(T, K).astype(np.float64)

    def kept(self, mask: NDArray[np.bool_]) -> Votes:
        """The votes where `mask` (V,) is true; tasks, teachers and classes stay as they are."""
        return Votes(
            task=self.task[mask], teacher=self.teacher[mask], label=self.label[mask],
            tasks=self.tasks, teachers=self.teachers, classes=self.classes,
        )  # fmt: skip


def as_votes(
    task: Iterable[Any],
    worker: Iterable[Any],
    label: Iterable[Any],
    *,
    classes: Sequence[Any] | None = None,
    tasks: Sequence[Any] | None = None,
    duplicates: Duplicates = "keep",
) -> Votes:
    """Votes from three columns: lists, arrays, or the columns of a data frame.

    Tasks and teachers come in the order in which they are first seen; classes in the order of
    numbers if all are whole numbers, else of text, unless `classes` gives them.

    Args:
        task, worker, label: (V,) who called what which; names or numbers.
        classes: all that may be voted for; a vote for another is refused. By default, what is
            voted for.
        tasks: all tasks, where some may have no vote.
        duplicates: what happens to two votes of one teacher on one task. "keep": each counts (as
            in crowd-kit), "last": the last one counts, "refuse": an error.

    Raises:
        DataError: no votes, columns of different lengths, missing values, a vote for an unknown
            class or task, duplicates that are refused.
        ConfigError: names given twice in `classes` or `tasks`, or an unknown `duplicates`.
    """
    one_of("votes: duplicates", duplicates, DUPLICATES)
    columns = {"task": _column(task), "worker": _column(worker), "label": _column(label)}
    sizes = {name: len(values) for name, values in columns.items()}
    if len(set(sizes.values())) > 1:
        raise DataError(f"votes: columns must be of one length; got {sizes}")
    if not sizes["task"]:
        raise DataError("votes: got none; a row with task, worker and label at least is needed")
    t, task_names = _factorised("task", columns["task"], tasks)
    w, teachers = _factorised("worker", columns["worker"], None)
    y, class_names = _factorised("label", columns["label"], classes)
    if classes is None:
        y, class_names = _in_order(y, class_names)
    if duplicates != "keep":
        kept = _last_of_each(t, w, len(teachers))
        if duplicates == "refuse" and len(kept) < len(t):
            again = np.setdiff1d(np.arange(len(t)), kept)[0]
            raise DataError(
                f"votes: worker {teachers[w[again]]!r} voted more than once on task "
                f"{task_names[t[again]]!r} ({len(t) - len(kept)} votes are repeats); allowed with "
                "duplicates='keep' (each counts) or 'last'"
            )
        t, w, y = t[kept], w[kept], y[kept]
    order = np.argsort(t, kind="stable")
    return Votes(
        task=t[order], teacher=w[order], label=y[order],
        tasks=task_names, teachers=teachers, classes=class_names,
    )  # fmt: skip


def votes_of(given: Any) -> Votes:
    """Votes from what holds them: `Votes`; a table or mapping with columns task, worker and label;
    what has these as attributes (or teacher for worker), as `read_crowd` and `simulate_teachers`
    give; a list of `Label`; or three columns.

    Raises:
        ConfigError: something else, rows in place of columns, or a table without these columns.
        DataError: as of `as_votes`.
    """
    if isinstance(given, Votes):
        return given
    if isinstance(given, Mapping) or hasattr(given, "columns"):
        # a table of pyarrow holds its names apart from its columns
        held = (
            given if isinstance(given, Mapping) else getattr(given, "column_names", given.columns)
        )
        if not set(COLUMNS) <= set(held):
            raise ConfigError(
                f"votes need columns {', '.join(COLUMNS)}; got {list(held)!r:.200}. Rename yours, "
                "or give three columns as a tuple"
            )
        return as_votes(*(given[name] for name in COLUMNS))
    worker = getattr(given, "worker", getattr(given, "teacher", None))
    if worker is not None and hasattr(given, "task") and hasattr(given, "label"):
        return as_votes(given.task, worker, given.label)
    if isinstance(given, tuple | list) and given:
        if all(isinstance(one, Label) for one in given):
            return as_votes(
                [one.task for one in given], [one.source for one in given],
                [one.label for one in given],
            )  # fmt: skip
        if any(isinstance(one, Mapping) or (isinstance(one, tuple) and len(one) == 3)
               for one in given):  # fmt: skip
            raise ConfigError(
                "votes must be columns and not rows; got rows, it seems. Give "
                "as_votes(*zip(*rows)), or a table with columns task, worker and label"
            )
        if len(given) == 3:
            return as_votes(*given)
    raise ConfigError(
        "votes must be Votes, a table with columns task, worker and label, what read_crowd gives, "
        f"or three columns; got {type(given).__name__}"
    )


def gold_labels(task: Iterable[Any], label: Iterable[Any]) -> dict[str, str]:
    """Gold labels as a mapping from task to class, from two columns.

    Raises:
        DataError: columns of different lengths, missing values, or a task with two labels.
    """
    rows, said = _column(task), _column(label)
    if len(rows) != len(said):
        raise DataError(f"gold: columns must be of one length; got {len(rows)} and {len(said)}")
    if not len(rows):
        return {}
    t, tasks = _factorised("task", rows, None)
    y, classes = _factorised("label", said, None)
    found: dict[str, str] = {}
    for one, other in zip(t, y, strict=True):
        name, value = tasks[one], classes[other]
        if found.setdefault(name, value) != value:
            raise DataError(
                f"gold: task {name!r} is called {found[name]!r} and {value!r}; give one label for "
                "each task"
            )
    return found


def gold_positions(given: Votes, gold: Mapping[Any, Any] | None) -> NDArray[np.int64]:
    """(T,) the class of each task whose gold is known, -1 elsewhere.

    Raises:
        DataError: gold for a task or of a class that the votes do not know.
    """
    found = np.full(len(given.tasks), -1, dtype=np.int64)
    if not gold:
        return found
    place = {name: i for i, name in enumerate(given.tasks)}
    kinds = {name: i for i, name in enumerate(given.classes)}
    named = {name_of("gold: task", t): name_of("gold: label", y) for t, y in gold.items()}
    if len(named) < len(gold):
        raise DataError("gold: two of the tasks have the same name; give one label for each")
    strange = [t for t in named if t not in place]
    if strange:
        raise DataError(
            f"gold: {len(strange)} tasks are not among the votes: {strange[:SHOWN]}; leave them "
            "out, or name all tasks with as_votes(..., tasks=...)"
        )
    strange = sorted({y for y in named.values() if y not in kinds})
    if strange:
        raise DataError(
            f"gold: unknown classes {strange[:SHOWN]}; known are {list(given.classes[:20])}. If "
            "nobody votes for a class, name all with as_votes(..., classes=...)"
        )
    for t, y in named.items():
        found[place[t]] = kinds[y]
    return found


# ---------------------------------------------------------------- names


def _column(values: Iterable[Any]) -> Any:
    """What can be counted and read twice: an array of numbers, or a list."""
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise ConfigError(f"votes: a column must be a sequence; got {type(values).__name__}")
    if hasattr(values, "to_numpy"):  # a column of a data frame
        values = values.to_numpy()
    elif hasattr(values, "__array__"):  # a tensor
        values = np.asarray(values)
    if isinstance(values, np.ndarray):
        if values.ndim != 1:
            raise ConfigError(f"votes: a column must be of shape (V,); got {values.shape}")
        return values if values.dtype.kind in "iu" else values.tolist()
    return values if isinstance(values, list) else list(values)


def _factorised(
    name: str, column: Any, allowed: Sequence[Any] | None
) -> tuple[Indices, tuple[str, ...]]:
    """The names, and which of them each row holds.

    A dict is some ten times quicker than np.unique on text: it hashes where that one sorts.
    """
    codes: NDArray[Any]
    if isinstance(column, np.ndarray):
        values, first, codes = np.unique(column, return_index=True, return_inverse=True)
        order = np.argsort(first)
        seen, rank = values[order].tolist(), np.empty(len(order), dtype=np.int32)
        rank[order] = np.arange(len(order))
        codes = rank[codes]
    else:
        try:
            seen = list(dict.fromkeys(column))
        except TypeError as error:
            raise DataError(f"{name} must hold names or numbers; {error}", column=name) from error
        place = {value: i for i, value in enumerate(seen)}
        codes = np.fromiter(map(place.__getitem__, column), np.int32, len(column))
    texts = [name_of(name, value, codes, i) for i, value in enumerate(seen)]
    if allowed is not None:
        names = [name_of(name, value) for value in allowed]
        if len(set(names)) < len(names):
            raise ConfigError(f"votes: a {name} is named twice in {names[:20]}")
    else:
        names = list(dict.fromkeys(texts))
    kinds = {one: i for i, one in enumerate(names)}
    strange = [one for one in dict.fromkeys(texts) if one not in kinds]
    if strange:
        raise DataError(
            f"unknown {name}: {strange[:SHOWN]}; allowed are {names[:20]}. Name it too, or drop "
            "these rows", line=_row(codes, texts.index(strange[0])), column=name,
        )  # fmt: skip
    return np.array([kinds[one] for one in texts], dtype=np.int32)[codes], tuple(names)


def name_of(name: str, value: Any, codes: Any = None, code: int = 0) -> str:
    """The text of a name: 3, 3.0 and " 3" are "3".

    Args:
        name: of what it is one, for the error.
        value: the name as given.
        codes, code: of a column, to tell the row.

    Raises:
        DataError: a missing value.
    """
    kind = type(value).__name__
    missing = value is None or kind in ("NAType", "NaTType")
    if isinstance(value, float | np.floating):
        missing = not math.isfinite(value)
        if not missing and float(value).is_integer():
            value = int(value)
    text = "" if missing else str(value).strip()
    if not text:
        line = None if codes is None else _row(codes, code)
        raise DataError(
            f"a value is missing (got {value!r}); every vote needs a task, a worker and a label: "
            "fill it in or drop the row", line=line, column=name.removeprefix("gold: "),
        )  # fmt: skip
    return text


def _row(codes: Any, code: int) -> int:
    """Counted from 1, without a header."""
    return int(np.argmax(codes == code)) + 1


def _in_order(codes: Indices, names: tuple[str, ...]) -> tuple[Indices, tuple[str, ...]]:
    digits = [name.removeprefix("-") for name in names]
    whole = all(one.isdecimal() and len(one) <= DIGITS for one in digits)
    order = sorted(range(len(names)), key=lambda i: (int(names[i]) if whole else 0, names[i]))
    rank = np.empty(len(names), dtype=np.int32)
    rank[order] = np.arange(len(names))
    return rank[codes], tuple(names[i] for i in order)


def _last_of_each(task: Indices, teacher: Indices, teachers: int) -> NDArray[np.int64]:
    pair = task.astype(np.int64) * teachers + teacher
    _, first = np.unique(pair[::-1], return_index=True)
    return np.sort(len(pair) - 1 - first)
