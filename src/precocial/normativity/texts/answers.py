"""Who wrote what: answers grouped by task, equal texts joined, all losses within a task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from precocial.errors import DataError
from precocial.feedback.records import is_unicode
from precocial.normativity.texts.words import Encoded, Floats, Form, Ints, encoded, words_of

Name: TypeAlias = str | int
"""Of a task or a writer: text, or a whole number."""
MOST = 64
"""Ours: of a task's distinct texts, the most frequent 64 may be chosen or enter the network."""


@dataclass(frozen=True, kw_only=True)
class Answers:
    """V answers of W writers to T tasks, with D distinct texts, sorted by task.

    Within a task the texts stand by how many wrote them, then by who came first; the first
    `candidates[t]` of them may be chosen.

    Attributes:
        tasks, writers: names.
        task_of, writer_of, text_of: of each answer, shape (V,); `text_of` counts texts.
        starts: (T + 1,), the first text of each task.
        candidates: (T,).
        blocks: (T + 1,), where each task's losses start.
        texts: the distinct texts.
        edits: losses in [0, 1], laid out as `kernels.expected_loss` says: edit distance by words
            over the longer of the two; `letter_edits` the same by characters.
        rate: edit distance by words over the length of the column's text: the word error rate of
            the candidate if that text were the reference.
        surface: of each task, how its words were written most often.
    """

    tasks: tuple[Name, ...]
    writers: tuple[Name, ...]
    task_of: Ints
    writer_of: Ints
    text_of: Ints
    starts: Ints
    candidates: Ints
    blocks: Ints
    texts: Encoded
    edits: Floats
    rate: Floats
    surface: tuple[dict[str, str], ...] = field(repr=False)

    @cached_property
    def letter_edits(self) -> Floats:
        """By far the dearest of the losses, so made when it is asked for."""
        spelt = [
            " ".join(self.texts.vocabulary[word] for word in self.texts.text(one))
            for one in range(len(self.texts))
        ]
        return _losses(encoded(spelt), *_pairs(self.starts, self.candidates))[0]

    def weight_of_texts(self, weight: Floats) -> Floats:
        """The sum of the weights of those who wrote each text, shape (D,)."""
        return np.bincount(self.text_of, weight, minlength=len(self.texts)).astype(np.float64)


def read(
    task: Sequence[Name], teacher: Sequence[Name], text: Sequence[str], form: Form = "bare"
) -> Answers:
    """Group answers by task.

    Raises:
        DataError: when there are none, the columns differ in length, a text is none, or a column of
            names holds something else than text alone or whole numbers alone.
    """
    _check(task, teacher, text)
    tasks, task_of = _numbered("task", task)
    writers, writer_of = _numbered("teacher", teacher)
    split = [words_of(one, form) for one in text]
    order, texts, text_of, starts = _distinct(task_of, split, len(tasks))
    surface: list[Counter[tuple[str, str]]] = [Counter() for _ in tasks]
    for where, one in zip(task_of, text):
        surface[where].update(
            (bare[0], word) for word in one.split() if (bare := words_of(word, form))
        )
    many = encoded(texts)
    candidates = np.minimum(np.diff(starts), MOST)
    blocks = np.concatenate([[0], np.cumsum(candidates * np.diff(starts))])
    left, right = _pairs(starts, candidates)
    edits, rate = _losses(many, left, right)
    return Answers(
        tasks=tasks,
        writers=writers,
        task_of=task_of[order],
        writer_of=writer_of[order],
        text_of=text_of,
        starts=starts,
        candidates=candidates,
        blocks=blocks,
        texts=many,
        edits=edits,
        rate=rate,
        surface=tuple(_commonest(counts) for counts in surface),
    )


def _check(task: Sequence[Name], teacher: Sequence[Name], text: Sequence[str]) -> None:
    sizes = len(task), len(teacher), len(text)
    if len(set(sizes)) > 1:
        raise DataError(
            f"texts: {sizes[0]} tasks, {sizes[1]} teachers and {sizes[2]} texts; "
            "give one of each for every answer"
        )
    if not sizes[0]:
        raise DataError("texts: no answers; give at least one task, teacher and text")
    for row, one in enumerate(text):
        if not isinstance(one, str):
            raise DataError(
                f"texts: text {row} must be text; got {one!r}. An answer without words is ''"
            )
        if not (one.isascii() or is_unicode(one)):
            raise DataError(
                f"texts: text {row} holds half of a surrogate pair, which is no character; got "
                f"{one!r:.60}. Read the file again with the right encoding"
            )


def _numbered(what: str, names: Sequence[Name]) -> tuple[tuple[Name, ...], Ints]:
    """The names, each once, as they were given; and which of them each answer has."""
    numbers: dict[Name, int] = {}
    found = [
        numbers.setdefault(_name(what, row, one), len(numbers)) for row, one in enumerate(names)
    ]
    first = next(iter(numbers))
    other = next((one for one in numbers if type(one) is not type(first)), None)
    if other is not None:  # is 7 the same as "7"? nobody can tell
        raise DataError(
            f"texts: {what} holds {first!r} and {other!r}; give all as text or all as whole numbers"
        )
    return tuple(numbers), np.array(found, dtype=np.int64)


def _name(what: str, row: int, given: Any) -> Name:
    if isinstance(given, str):
        return str(given)
    if isinstance(given, int | np.integer) and not isinstance(given, bool):
        return int(given)
    raise DataError(f"texts: {what} {row} must be text or a whole number; got {given!r}")


def _distinct(
    task_of: Ints, split: Sequence[tuple[str, ...]], tasks: int
) -> tuple[Ints, list[tuple[str, ...]], Ints, Ints]:
    """The order of answers by task; the distinct texts; each answer's; each task's first."""
    order = np.argsort(task_of, kind="stable")
    counts: list[Counter[tuple[str, ...]]] = [Counter() for _ in range(tasks)]
    for answer in order:
        counts[task_of[answer]][split[answer]] += 1
    texts: list[tuple[str, ...]] = []
    number: list[dict[tuple[str, ...], int]] = []
    starts = np.zeros(tasks + 1, dtype=np.int64)
    for task, count in enumerate(counts):
        ranked = [one for one, _ in count.most_common()]
        number.append({one: len(texts) + place for place, one in enumerate(ranked)})
        texts += ranked
        starts[task + 1] = len(texts)
    text_of = np.array([number[task_of[answer]][split[answer]] for answer in order])
    return order, texts, text_of, starts


def _pairs(starts: Ints, candidates: Ints) -> tuple[Ints, Ints]:
    left, right = [], []
    for first, end, many in zip(starts[:-1], starts[1:], candidates):
        texts = np.arange(first, end)
        left.append(np.repeat(texts[:many], len(texts)))
        right.append(np.tile(texts, many))
    return np.concatenate(left), np.concatenate(right)


def _losses(texts: Encoded, left: Ints, right: Ints) -> tuple[Floats, Floats]:
    from precocial.normativity.texts import kernels

    edits = kernels.distances(texts.words, texts.starts, texts.words, texts.starts, left, right)
    length = np.maximum(texts.lengths, 1)
    return edits / np.maximum(length[left], length[right]), edits / length[right]


def _commonest(counts: Counter[tuple[str, str]]) -> dict[str, str]:
    out: dict[str, str] = {}
    for (bare, word), _ in counts.most_common():
        out.setdefault(bare, word)
    return out
