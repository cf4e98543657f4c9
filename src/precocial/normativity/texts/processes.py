"""Ways to make one text of many: the medoid, the network of words, the median."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from precocial.normativity.texts.answers import Answers
from precocial.normativity.texts.words import Floats, Ints

Process = Callable[[Answers, Floats], list[Ints]]
ROUNDS = 30
"""Ours: changes of one word in the search for a median; sentences settle in fewer."""
REFERENCES = 64
"""Ours: the heaviest texts of a task that a median is measured against."""


def medoid(answers: Answers, weight: Floats) -> list[Ints]:
    """The text with the least weighted sum of word edits to the others, over the longer of two."""
    return [answers.texts.text(one) for one in _best(answers, weight, answers.edits)]


def medoid_of_letters(answers: Answers, weight: Floats) -> list[Ints]:
    """The same by edits of characters: a word spelt otherwise is near."""
    return [answers.texts.text(one) for one in _best(answers, weight, answers.letter_edits)]


def least_error(answers: Answers, weight: Floats) -> list[Ints]:
    """The text with the least expected word error rate, were the reference one of the answers."""
    return [answers.texts.text(one) for one in _best(answers, weight, answers.rate)]


def rover(answers: Answers, weight: Floats) -> list[Ints]:
    """Vote word by word in a network of aligned texts (ROVER: Fiscus 1997).

    Texts are aligned one after another with what is there: a word that a slot knows costs 0, a
    substitution, an insertion or an omission 1, an omission where others omit 0. Each slot's
    heaviest word stands, or none. Ours: the medoid is the first text and the others follow by
    their weight; ties go to the first (Fiscus takes them as they come).
    """
    from precocial.normativity.texts import kernels

    first = _best(answers, weight, answers.edits)
    mass = answers.weight_of_texts(weight)
    return [
        kernels.network_of(
            answers.texts.words, answers.texts.starts, _by_weight(answers, mass, task, head), mass
        )
        for task, head in enumerate(first)
    ]


def median(answers: Answers, weight: Floats) -> list[Ints]:
    """A text of the least expected word error rate, not bound to be one that somebody wrote.

    From the better of `rover` and `least_error`, one word at a time is deleted, changed or put in
    (of the words in two or more texts of the task) while that helps: a local optimum.
    """
    from precocial.normativity.texts import kernels

    texts = answers.texts
    mass = answers.weight_of_texts(weight)
    length = np.maximum(texts.lengths, 1).astype(np.float64)
    out = []
    starts = zip(rover(answers, weight), _best(answers, weight, answers.rate))
    for task, (voted, chosen) in enumerate(starts):
        refs = _by_weight(answers, mass, task, int(chosen))[:REFERENCES]
        said, count = np.unique(
            np.concatenate([np.unique(texts.text(one)) for one in refs]), return_counts=True
        )
        known = said[count > 1]
        found = [
            kernels.median_of(text, texts.words, texts.starts, refs, mass, length, known, ROUNDS)
            for text in (texts.text(int(chosen)), voted)
        ]
        costs = [_cost(answers, text, refs, mass) for text in found]
        out.append(found[int(np.argmin(costs))])
    return out


def _cost(answers: Answers, text: Ints, refs: Ints, mass: Floats) -> float:
    from precocial.normativity.texts import kernels

    texts = answers.texts
    many = np.zeros(len(refs), dtype=np.int64)
    alone = np.array([0, len(text)], dtype=np.int64)
    edits = kernels.distances(text, alone, texts.words, texts.starts, many, refs)
    return float(np.sum(mass[refs] * edits / np.maximum(texts.lengths[refs], 1)))


def _best(answers: Answers, weight: Floats, loss: Floats) -> Ints:
    """The candidate of least weighted loss of each task, the first of several.

    A text that nobody with weight wrote is none, unless nobody wrote with weight at all.
    """
    from precocial.normativity.texts import kernels

    mass = answers.weight_of_texts(weight)
    total = kernels.expected_loss(loss, answers.starts, answers.blocks, answers.candidates, mass)
    ends = np.cumsum(answers.candidates)
    out = []
    for first, many, end in zip(answers.starts, answers.candidates, ends):
        scores = total[end - many : end].round(12)
        written = mass[first : first + many] > 0
        out.append(
            first + np.argmin(np.where(written, scores, np.inf) if written.any() else scores)
        )
    return np.array(out, dtype=np.int64)


def _by_weight(answers: Answers, mass: Floats, task: int, first: int) -> Ints:
    """The candidates of a task with weight, `first` before the others, heaviest next."""
    start = answers.starts[task]
    texts = np.arange(start, start + answers.candidates[task])
    texts = texts[(mass[texts] > 0) | (texts == first)]
    order = np.lexsort((texts, -mass[texts], texts != first))
    return np.asarray(texts[order], dtype=np.int64)


PROCESSES: dict[str, Process] = {
    "medoid": medoid,
    "medoid of letters": medoid_of_letters,
    "least error": least_error,
    "rover": rover,
    "median": median,
}


def words_in(answers: Answers, task: int, text: Ints, joined: str = " ") -> str:
    """A text of word numbers as it is written in its task."""
    surface = answers.surface[task]
    words = [answers.texts.vocabulary[word] for word in text]
    return joined.join(surface.get(word, word) for word in words)


def all_words(answers: Answers, texts: Sequence[Ints]) -> tuple[str, ...]:
    """`words_in` for one text of each task."""
    return tuple(words_in(answers, task, text) for task, text in enumerate(texts))
