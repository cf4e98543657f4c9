"""One text of many writers' for each task: a panel of processes, judged by held-out writers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from precocial.choice import quantilize
from precocial.choice.arguments import checked, generator_of
from precocial.errors import ConfigError, one_of
from precocial.normativity.texts.answers import Answers, Name, read
from precocial.normativity.texts.processes import PROCESSES, Process, all_words
from precocial.normativity.texts.words import FORMS, Floats, Form, Ints, encoded
from precocial.normativity.texts.writers import Writers, reliabilities

Method = Literal[
    "panel", "medoid", "medoid of letters", "least error", "rover", "median"
]  # fmt: skip
METHODS = ("panel", *PROCESSES)
FOLDS = 5
"""Ours: a fifth of each task's answers is predicted from the other four fifths."""
QUANTILE = 0.25
"""Ours: the top quarter of ten processes, by the sheet's experience with votes on labels, where
the mean of the top quarter did better than the best one or the mean of all."""
JUDGED = 1000
"""Ours: judges look at so many tasks, drawn at random: a standard error below 0.01."""
JUDGES = ("held-out texts", "held-out texts of reliable writers", "held-out letters")


@dataclass(frozen=True, kw_only=True)
class Panel:
    """How the processes were chosen.

    Attributes:
        processes: names, P of them; "x, weighted" has the writers weighted by reliability.
        scores: (J, P), minus the mean error against held-out answers, judge by judge.
        chosen: (P,), the share of each: the mean over judges of the top quantile of `scores`.
        texts: of each process, one text per task.
    """

    processes: tuple[str, ...]
    judges: tuple[str, ...]
    scores: Floats
    chosen: Floats
    texts: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, kw_only=True)
class AggregatedTexts:
    """One text per task, and how far each writer can be trusted.

    Attributes:
        tasks: names, as they were given, in the order of their first answers.
        texts: one for each task; words as they were written most often in the task.
        support: (T,), the mean weighted word error of the answers were the text the reference's
            guess, that is how far the writers of the task are from it: high means unsure.
        teachers: names; `reliability` is theirs, in the same order.
        panel: how the processes were chosen, or None for a single method.
    """

    tasks: tuple[Name, ...]
    texts: tuple[str, ...]
    support: Floats
    teachers: tuple[Name, ...]
    reliability: Writers
    panel: Panel | None

    def by_task(self) -> dict[Name, str]:
        return dict(zip(self.tasks, self.texts))


@checked
def aggregate_texts(
    task: Sequence[Any],
    teacher: Sequence[Any],
    text: Sequence[Any],
    *,
    method: Method = "panel",
    form: Form = "bare",
    weigh: bool = True,
    q: float = QUANTILE,
    seed: int = 0,
) -> AggregatedTexts:
    """Make one text of the texts that several writers gave for each task.

    The panel runs five processes (`processes.PROCESSES`), each with writers equal and weighted by
    reliability. Three judges score them by how well a process, run without a fifth of a task's
    answers, predicts that fifth; each judge's top quantile of processes is taken (Taylor 2015),
    and of the processes' texts the one with the least word error to the others stands, processes
    weighing what the judges gave them. No gold text is used anywhere.

    Args:
        task, teacher, text: one of each for every answer; a text may be empty. Tasks and teachers
            are named by text or by whole numbers, each column in one way.
        method: the panel, or one process.
        form: whether words are compared in lower case without punctuation, or as written.
        weigh: whether a single method weighs writers by their reliability.
        q: in (0, 1], the share of the panel that each judge keeps.
        seed: of the folds.

    Raises:
        DataError: no answers, columns of different lengths, values that are not text, names that
            are neither text nor whole numbers, or both in one column.
        ConfigError: an unknown method or form, q outside (0, 1], or a seed below 0.
    """
    one_of("aggregate_texts: method", method, METHODS)
    one_of("aggregate_texts: form", form, FORMS)
    if not 0 < q <= 1:
        raise ConfigError(f"aggregate_texts: q must lie in (0, 1]; got {q}. 1 keeps all processes")
    generator_of("aggregate_texts", seed)  # refuses what is no seed, before the work
    # a column of a table counts its rows by labels of its own
    task, teacher, text = list(task), list(teacher), list(text)
    answers = read(task, teacher, text, form)
    writers = reliabilities(answers)
    panel = None
    if method == "panel":
        trust = dict(zip(answers.writers, writers.weight))
        some = _sample(answers, seed)
        rows = [row for row, one in enumerate(task) if one in some]
        part = read(
            [task[row] for row in rows],
            [teacher[row] for row in rows],
            [text[row] for row in rows],
            form,
        )
        scores = _judged(part, np.array([trust[one] for one in part.writers]), seed)
        found, panel = _panel(answers, writers, scores, q)
    else:
        weight = writers.weight if weigh else np.ones(len(answers.writers))
        found = PROCESSES[method](answers, weight[answers.writer_of])
    return AggregatedTexts(
        tasks=answers.tasks,
        texts=all_words(answers, found),
        support=_support(answers, writers, found),
        teachers=answers.writers,
        reliability=writers,
        panel=panel,
    )


def _panel(
    answers: Answers, writers: Writers, scores: Floats, q: float
) -> tuple[list[Ints], Panel]:
    names = tuple(name + kind for name in PROCESSES for kind in ("", ", weighted"))
    texts = [process(answers, weight) for process, weight in _runs(answers, writers.weight)]
    chosen = np.asarray(quantilize(scores, q)).mean(axis=0)
    panel = Panel(
        processes=names,
        judges=JUDGES,
        scores=scores,
        chosen=chosen,
        texts=tuple(all_words(answers, one) for one in texts),
    )
    return _agreed(texts, chosen), panel


def _runs(answers: Answers, trust: Floats) -> list[tuple[Process, Floats]]:
    """Each process with the weights of the answers, equal and by trust in the writer."""
    kinds = np.ones(len(answers.writer_of)), trust[answers.writer_of]
    return [(process, weight) for process in PROCESSES.values() for weight in kinds]


def _sample(answers: Answers, seed: int) -> set[Name]:
    many = len(answers.tasks)
    drawn = np.random.default_rng(seed).permutation(many)[:JUDGED]
    return {answers.tasks[one] for one in drawn}


def _judged(answers: Answers, trust: Floats, seed: int) -> Floats:
    """(J, P): minus the mean loss of each process against answers that it was not given."""
    fold = _folds(answers, seed)
    runs = _runs(answers, trust)
    trust = trust[answers.writer_of]
    scores = np.zeros((len(JUDGES), len(runs)))
    for place, (process, weight) in enumerate(runs):
        words, letters = np.zeros(len(fold)), np.zeros(len(fold))
        for out in range(FOLDS):
            held = np.flatnonzero(fold == out)
            if len(held):
                found = process(answers, np.where(fold == out, 0.0, weight))
                words[held], letters[held] = _errors(answers, found, held)
        seen = fold >= 0
        if seen.any():
            scores[0, place] = -words[seen].mean()
            scores[1, place] = -np.average(words[seen], weights=trust[seen])
            scores[2, place] = -letters[seen].mean()
    return scores


def _folds(answers: Answers, seed: int) -> Ints:
    """The fold of each answer, drawn within its task; -1 where a task has one answer alone."""
    random = np.random.default_rng(seed)
    order = np.lexsort((random.random(len(answers.task_of)), answers.task_of))
    count = np.bincount(answers.task_of, minlength=len(answers.tasks))
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order)) - (np.cumsum(count) - count)[answers.task_of[order]]
    start = random.integers(0, FOLDS, len(count))
    return np.where(count[answers.task_of] > 1, (place + start[answers.task_of]) % FOLDS, -1)


def _errors(answers: Answers, found: Sequence[Ints], held: Ints) -> tuple[Floats, Floats]:
    """Word error rate, at most 1 counted as it is, and letter edits, of texts against answers."""
    from precocial.normativity.texts import kernels

    texts, vocabulary = answers.texts, answers.texts.vocabulary
    guess = encoded([[vocabulary[word] for word in one] for one in found], vocabulary)
    task, text = answers.task_of[held], answers.text_of[held]
    edits = kernels.distances(guess.words, guess.starts, texts.words, texts.starts, task, text)
    spelt = [" ".join(vocabulary[word] for word in one) for one in found]
    given = [" ".join(vocabulary[word] for word in texts.text(one)) for one in text]
    letters = encoded([*spelt, *given])
    place = np.arange(len(held)) + len(spelt)
    far = kernels.distances(
        letters.words, letters.starts, letters.words, letters.starts, task, place
    )
    size = np.maximum(np.maximum(letters.lengths[task], letters.lengths[place]), 1)
    return edits / np.maximum(texts.lengths[text], 1), far / size


def _agreed(texts: Sequence[Sequence[Ints]], chosen: Floats) -> list[Ints]:
    """Of each task's texts, the one of least word error to the others, by the processes' shares.

    Ties go to the process with the larger share, then to the first.
    """
    from precocial.normativity.texts import kernels

    kept = np.flatnonzero(chosen > 0)
    kept = kept[np.argsort(-chosen[kept], kind="stable")]
    out = []
    for task in range(len(texts[0])):
        options = [texts[process][task] for process in kept.tolist()]
        losses = [
            sum(
                share * kernels.distance(other, one) / max(len(other), 1)
                for other, share in zip(options, chosen[kept])
            )
            for one in options
        ]
        out.append(options[int(np.argmin(np.round(losses, 12)))])
    return out


def _support(answers: Answers, writers: Writers, found: Sequence[Ints]) -> Floats:
    words, _ = _errors(answers, found, np.arange(len(answers.task_of)))
    weight = writers.weight[answers.writer_of]
    many = len(answers.tasks)
    total = np.bincount(answers.task_of, weight * words, minlength=many)
    return total / np.bincount(answers.task_of, weight, minlength=many)
