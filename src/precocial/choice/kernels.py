# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators
"""Compiled passes over one long row of scores and base, for `select`.

Sums are taken in blocks of `BLOCK`, so that their rounding stays near 1e-14 with 1e7 options.
Slices of a block start at 0, which spares the compiler the question whether an index is negative,
and lets it use vectors. numba is imported with this module, and this module only for a long row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, no_type_check

import numpy as np
from numba import njit

BLOCK = 1024
"""Numbers in a block: a few arrays of them stay in the first cache (ours)."""


def _compiled(function: Callable[..., Any]) -> Any:
    """Sums may be re-associated, so that they use the machine's vectors; NaN and infinity keep
    their meaning. `no_type_check`: a run-time checker must not wrap what numba has made."""
    settings: dict[str, Any] = {
        "fastmath": {"reassoc", "contract", "nsz"}, "error_model": "numpy", "nogil": True
    }  # fmt: skip
    try:
        return no_type_check(njit(cache=True, **settings)(function))
    except RuntimeError:  # no folder to keep the machine code in
        return no_type_check(njit(**settings)(function))


@_compiled
def total(base):
    """The sum of a base, and whether any number of it is negative, NaN or infinite."""
    n = len(base)
    whole, bad = 0.0, False
    for start in range(0, n, BLOCK):
        b = base[start : min(n, start + BLOCK)]
        part, below = 0.0, 0.0
        for i in range(len(b)):
            part += np.float64(b[i])
            below += 1.0 if b[i] < 0 else 0.0
        # NaN and infinity survive in the sum
        bad |= not (part < np.inf) or below > 0
        whole += part
    return whole, bad


@_compiled
def split(scores, base, low, high, scale, out, kept, inner, weight):
    """out = base * scale where the score is above `high`, 0 elsewhere; kept = the places of the
    scores in [low, high], as many as there is room for; inner and weight = their scores and base.

    Marks are gathered without a branch on any of them: half the time goes to guesses otherwise.

    Returns:
        (base above `high`, base of options that do not exist, places kept, or as many as
        there is room for when that ended the pass, scores of NaN or inf).
    """
    n, room = len(scores), np.uint64(len(kept) - 1)
    marks = np.zeros(BLOCK, dtype=np.int8)
    words = marks.view(np.int64)
    full = np.zeros(BLOCK // 8, dtype=np.int64)
    above, missing, count, wrong = 0.0, 0.0, np.uint64(0), 0
    for start in range(0, n, BLOCK):
        stop = min(n, start + BLOCK)
        s = scores[start:stop]
        o = out[start:stop]
        over, strange = 0.0, 0.0
        if base is None:
            for i in range(len(s)):
                taken = 1.0 if s[i] > high else 0.0
                over += taken
                strange += s[i] * 0.0
                o[i] = taken * scale
                marks[i] = (s[i] >= low) & (s[i] <= high)
        else:
            b = base[start:stop]
            for i in range(len(s)):
                taken = np.float64(b[i]) if s[i] > high else 0.0
                over += taken
                strange += s[i] * 0.0
                o[i] = taken * scale
                marks[i] = (s[i] >= low) & (s[i] <= high)
        if strange != 0.0:  # NaN, as infinity times 0 is
            for i in range(len(s)):
                wrong += not (s[i] < np.inf)
                if s[i] == -np.inf:
                    missing += 1.0 if base is None else np.float64(base[start + i])
        for i in range(len(s), BLOCK):
            marks[i] = 0
        above += over
        hit = np.uint64(0)
        for w in range(len(words)):
            full[hit] = 8 * w
            hit += np.uint64(words[w] != 0)
        if count + 8 * hit > room:
            return above, missing, len(kept), wrong
        before = count
        for h in range(np.int64(hit)):
            first = full[h]
            for i in range(first, first + 8):
                kept[count] = start + i
                count += np.uint64(marks[i])
        for c in range(np.int64(before), np.int64(count)):
            inner[c] = scores[kept[c]]
            if base is not None:
                weight[c] = base[kept[c]]
    return above, missing, np.int64(count), wrong


@_compiled
def narrow(scores, base, low, high, kept_scores, kept_base):
    """(Base above `high`, base in [low, high], how many those are); they are copied to `kept`."""
    above, inside, count = 0.0, 0.0, 0
    for i in range(len(scores)):
        s = scores[i]
        held = (low <= s) & (s <= high)
        weight = 1.0
        kept_scores[count] = s
        if base is not None:
            weight = np.float64(base[i])
            kept_base[count] = base[i]
        above += weight if s > high else 0.0
        inside += weight if held else 0.0
        count += held
    return above, inside, count


@_compiled
def mend(scores, base, boundary, left, scale, kept, out):
    """out at the places kept: base * scale above the boundary, `left` times that at it, 0 below;
    scores and base are those of the places."""
    for i in range(len(scores)):
        weight = scale if base is None else np.float64(base[i]) * scale
        if scores[i] < boundary:
            weight = 0.0
        elif scores[i] == boundary:
            weight *= left
        out[kept[i]] = weight


@_compiled
def sums(scores, base, boundary):
    """(Base above the boundary, base at it.)"""
    above, at = 0.0, 0.0
    for start in range(0, len(scores), BLOCK):
        s = scores[start : min(len(scores), start + BLOCK)]
        over, equal = 0.0, 0.0
        if base is None:
            for i in range(len(s)):
                over += 1.0 if s[i] > boundary else 0.0
                equal += 1.0 if s[i] == boundary else 0.0
        else:
            b = base[start : min(len(scores), start + BLOCK)]
            for i in range(len(s)):
                over += np.float64(b[i]) if s[i] > boundary else 0.0
                equal += np.float64(b[i]) if s[i] == boundary else 0.0
        above += over
        at += equal
    return above, at
