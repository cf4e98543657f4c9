# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators
"""Edit distances and word networks, compiled: loops over words that NumPy has no form for.

A text is a run of word numbers; many texts are one array `words` and `starts`, text i being
`words[starts[i]:starts[i + 1]]`. Only `texts` calls these.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, no_type_check

import numba
import numpy as np

njit: Any = numba.njit
NONE = -1
"""The word of a place in the network where a text says nothing."""


def _compiled(function: Callable[..., Any]) -> Any:
    """The machine code, kept beside the source where that can be written."""
    try:
        return no_type_check(njit(cache=True)(function))
    except RuntimeError:  # no folder to keep it in
        return no_type_check(njit(function))


@_compiled
def distance(left, right):
    """Fewest insertions, deletions and substitutions of words that turn one text to the other."""
    row = np.arange(len(right) + 1)
    for i in range(len(left)):
        corner = row[0]
        row[0] = i + 1
        for j in range(len(right)):
            best = corner + (left[i] != right[j])
            corner = row[j + 1]
            best = min(best, corner + 1, row[j] + 1)
            row[j + 1] = best
    return row[-1]


@_compiled
def distances(words, starts, others, other_starts, left, right):
    """The edit distance of each pair (left[i], right[i]) of texts of the two lists, shape (P,)."""
    out = np.empty(len(left), np.int64)
    for i in range(len(left)):
        a, b = left[i], right[i]
        out[i] = distance(
            words[starts[a] : starts[a + 1]], others[other_starts[b] : other_starts[b + 1]]
        )
    return out


@_compiled
def _place(text, network, sizes, holes, length, cost):
    """Fill cost[i, j], the cheapest alignment of i words of the text with j slots."""
    for i in range(len(text) + 1):
        for j in range(length + 1):
            if i == 0 and j == 0:
                cost[i, j] = 0
                continue
            best = 1_000_000
            if i > 0 and j > 0:
                known = False
                for k in range(sizes[j - 1]):
                    known = known or network[j - 1, k] == text[i - 1]
                best = cost[i - 1, j - 1] + (0 if known else 1)
            if j > 0:
                best = min(best, cost[i, j - 1] + (0 if holes[j - 1] else 1))
            if i > 0:
                best = min(best, cost[i - 1, j] + 1)
            cost[i, j] = best


@_compiled
def _add(network, weights, sizes, slot, word, weight):
    for k in range(sizes[slot]):
        if network[slot, k] == word:
            weights[slot, k] += weight
            return
    network[slot, sizes[slot]] = word
    weights[slot, sizes[slot]] = weight
    sizes[slot] += 1


@_compiled
def _heaviest(network, weights, sizes, length):
    """The heaviest word of each slot, where that is a word."""
    out = np.empty(length, np.int64)
    kept = 0
    for slot in range(length):
        best = 0
        for k in range(1, sizes[slot]):
            if weights[slot, k] > weights[slot, best]:
                best = k
        if network[slot, best] != NONE:
            out[kept] = network[slot, best]
            kept += 1
    return out[:kept]


@_compiled
def network_of(words, starts, order, weight):
    """The word transition network of the texts in `order`, and its vote, heaviest word per slot.

    Ties go to the word that came first in `order`.
    """
    total = 0
    for text in order:
        total += starts[text + 1] - starts[text]
    width = len(order) + 1
    network = np.full((total, width), NONE, np.int64)
    weights = np.zeros((total, width))
    sizes = np.zeros(total, np.int64)
    holes = np.zeros(total, np.bool_)
    length, before = 0, 0.0
    for text in order:
        said = words[starts[text] : starts[text + 1]]
        cost = np.empty((len(said) + 1, length + 1), np.int64)
        _place(said, network, sizes, holes, length, cost)
        # Walk back, writing the new network from its end, so that no slot is read after it is
        # overwritten: the new one is never shorter than the old.
        i, j = len(said), length
        inserted = 0
        a, b = i, j
        while a > 0 or b > 0:
            if _is_pair(said, network, sizes, cost, a, b):
                a, b = a - 1, b - 1
            elif b > 0 and cost[a, b] == cost[a, b - 1] + (0 if holes[b - 1] else 1):
                b -= 1
            else:
                a -= 1
                inserted += 1
        at = length + inserted - 1
        while i > 0 or j > 0:
            pair = _is_pair(said, network, sizes, cost, i, j)
            skip = not pair and j > 0 and cost[i, j] == cost[i, j - 1] + (0 if holes[j - 1] else 1)
            if pair or skip:
                if at != j - 1:
                    network[at] = network[j - 1]
                    weights[at] = weights[j - 1]
                    sizes[at] = sizes[j - 1]
                    holes[at] = holes[j - 1]
                _add(network, weights, sizes, at, said[i - 1] if pair else NONE, weight[text])
                holes[at] = holes[at] or skip
                i, j = (i - 1, j - 1) if pair else (i, j - 1)
            else:
                sizes[at] = 0
                holes[at] = False
                if before > 0:
                    _add(network, weights, sizes, at, NONE, before)
                    holes[at] = True
                _add(network, weights, sizes, at, said[i - 1], weight[text])
                i -= 1
            at -= 1
        length += inserted
        before += weight[text]
    return _heaviest(network, weights, sizes, length)


@_compiled
def _is_pair(said, network, sizes, cost, i, j):
    """Whether the cheapest alignment ends with word i in slot j."""
    if i == 0 or j == 0:
        return False
    known = False
    for k in range(sizes[j - 1]):
        known = known or network[j - 1, k] == said[i - 1]
    return cost[i, j] == cost[i - 1, j - 1] + (0 if known else 1)


@_compiled
def expected_loss(loss, task_starts, block_starts, candidates, weight):
    """For every candidate, the sum over its task's texts of weight * loss, shape (C,).

    Task t's block of `loss` is (candidates of t, texts of t), row by row, from block_starts[t];
    its texts are task_starts[t]:task_starts[t + 1], its candidates the first of them.
    """
    out = np.empty(candidates.sum())
    at = 0
    for task in range(len(candidates)):
        texts = task_starts[task + 1] - task_starts[task]
        for c in range(candidates[task]):
            total = 0.0
            for k in range(texts):
                place = block_starts[task] + c * texts + k
                total += weight[task_starts[task] + k] * loss[place]
            out[at] = total
            at += 1
    return out


@_compiled
def left_out(loss, task_starts, block_starts, candidates, weight, text_of, own, among):
    """How far each answer is from the medoid of the other answers to its task, shape (V,).

    Answer i says text text_of[i] with weight own[i]; `weight` is the sum over a text's answers.
    A text that nobody else wrote is no candidate for its own writer. An answer with no other
    beside it has -1. `among[i]` is the task of answer i.
    """
    out = np.empty(len(text_of))
    totals = expected_loss(loss, task_starts, block_starts, candidates, weight)
    first = np.zeros(len(candidates) + 1, np.int64)
    for task in range(len(candidates)):
        first[task + 1] = first[task] + candidates[task]
    for i in range(len(text_of)):
        task = among[i]
        texts = task_starts[task + 1] - task_starts[task]
        k = text_of[i] - task_starts[task]
        best, least = -1.0, np.inf
        for c in range(candidates[task]):
            if c == k and weight[text_of[i]] <= own[i] * (1 + 1e-9):
                continue
            lost = loss[block_starts[task] + c * texts + k]
            score = totals[first[task] + c] - own[i] * lost
            if score < least - 1e-12:
                best, least = lost, score
        out[i] = best
    return out


@_compiled
def _tables(text, ref):
    """Distances of each beginning, and of each ending, of `text` to those of `ref`.

    Ending i, j is text[i:] against ref[j:].
    """
    n, m = len(text), len(ref)
    head = np.empty((n + 1, m + 1), np.int64)
    tail = np.empty((n + 1, m + 1), np.int64)
    for i in range(n + 1):
        for j in range(m + 1):
            if i == 0 or j == 0:
                head[i, j] = i + j
                tail[n - i, m - j] = i + j
                continue
            same = head[i - 1, j - 1] + (text[i - 1] != ref[j - 1])
            head[i, j] = min(same, head[i - 1, j] + 1, head[i, j - 1] + 1)
            a, b = n - i, m - j
            same = tail[a + 1, b + 1] + (text[a] != ref[b])
            tail[a, b] = min(same, tail[a + 1, b] + 1, tail[a, b + 1] + 1)
    return head, tail


@_compiled
def _joined(head, tail, ref, word):
    """The distance to `ref` of a beginning, one word (or NONE) and an ending, from their rows."""
    m = len(ref)
    if word == NONE:
        best = head[0] + tail[0]
        for j in range(1, m + 1):
            best = min(best, head[j] + tail[j])
        return best
    row = head[0] + 1
    best = row + tail[0]
    for j in range(1, m + 1):
        row = min(row + 1, head[j] + 1, head[j - 1] + (word != ref[j - 1]))
        best = min(best, row + tail[j])
    return best


@_compiled
def median_of(text, words, starts, refs, weight, lengths, known, rounds):
    """Change one word at a time while it lowers the weighted sum of errors per word of `refs`.

    `known` are the words that may come in. Each round makes the best single deletion,
    substitution or insertion; it stops where none helps, or after `rounds`.
    """
    for _ in range(rounds):
        n = len(text)
        # Place i: delete (row 0) or replace (rows 1..) word i; place n + i: insert before it.
        total = np.zeros((2 * n + 1, len(known) + 1))
        now = total[0, 0]
        for ref in refs:
            said = words[starts[ref] : starts[ref + 1]]
            head, tail = _tables(text, said)
            share = weight[ref] / lengths[ref]
            now += share * head[n, len(said)]
            for i in range(n):
                total[i, 0] += share * _joined(head[i], tail[i + 1], said, NONE)
            for k in range(len(known)):
                for i in range(n):
                    total[i, k + 1] += share * _joined(head[i], tail[i + 1], said, known[k])
                for i in range(n + 1):
                    total[n + i, k + 1] += share * _joined(head[i], tail[i], said, known[k])
        total[n:, 0] = np.inf
        best = np.argmin(total)
        place, put = best // (len(known) + 1), best % (len(known) + 1)
        if total[place, put] >= now - 1e-9:
            break
        at = place if place < n else place - n
        rest = text[at + 1 :] if place < n else text[at:]
        size = 1 if put > 0 else 0
        changed = np.empty(at + size + len(rest), np.int64)
        changed[:at] = text[:at]
        if size:
            changed[at] = known[put - 1]
        changed[at + size :] = rest
        text = changed
    return text
