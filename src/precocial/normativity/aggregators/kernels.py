# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators
"""Passes over votes sorted by task: the loops of the aggregators, compiled.

Tables of a teacher are indexed [teacher, label given, true class], so that what one vote adds to
the scores of all classes lies in one run of memory. Only the aggregators call these; numba is
loaded with this module, a third of a second.
"""

from __future__ import annotations

import math
from typing import Any

import numba

njit: Any = numba.njit
NOTHING = -100.0
"""A log probability below which a class is given none (ours): exp would be spent on 1e-44."""


@njit(cache=True, nogil=True)
def finish(row, gold, out):
    """Turns log scores of classes into probabilities, or gold into certainty; log of their sum."""
    K = len(row)
    if gold >= 0:
        for k in range(K):
            out[k] = 0.0
        out[gold] = 1.0
        return row[gold]
    best = 0
    for k in range(1, K):
        if row[k] > row[best]:
            best = k
    top = row[best]
    total = 1.0
    for k in range(K):
        below = row[k] - top
        if k == best:
            out[k] = 1.0
        elif below < NOTHING:
            out[k] = 0.0
        else:
            out[k] = math.exp(below)
            total += out[k]
    for k in range(K):
        out[k] /= total
    return top + math.log(total)


@njit(cache=True, nogil=True)
def confusion_pass(starts, teacher, label, weight, log_p, log_prior, gold, row, proba, counts):
    """One E step with the counts of the next M step, for a confusion matrix a teacher.

    log_p, counts: (W, K said, K true); proba: (T, K) is written; the log likelihood is returned.
    """
    T, K = proba.shape
    counts[:] = 0.0
    likelihood = 0.0
    for t in range(T):
        for k in range(K):
            row[k] = log_prior[k]
        for v in range(starts[t], starts[t + 1]):
            w, said, much = teacher[v], label[v], weight[v]
            for k in range(K):
                row[k] += much * log_p[w, said, k]
        likelihood += finish(row, gold[t], proba[t])
        for v in range(starts[t], starts[t + 1]):
            w, said, much = teacher[v], label[v], weight[v]
            for k in range(K):
                counts[w, said, k] += much * proba[t, k]
    return likelihood


@njit(cache=True, nogil=True)
def confusion_counts(starts, teacher, label, weight, proba, counts):
    """The counts of an M step from probabilities alone."""
    T, K = proba.shape
    counts[:] = 0.0
    for t in range(T):
        for v in range(starts[t], starts[t + 1]):
            into = counts[teacher[v], label[v]]
            for k in range(K):
                into[k] += weight[v] * proba[t, k]


@njit(cache=True, nogil=True)
def guess_pass(
    starts, teacher, label, weight, log_guess, log_gain, guessing, gold, row, proba, knows, guesses
):
    """One E step of MACE and the counts of its next M step.

    log_guess: (W, K) log of guessing and then giving a label; log_gain: log of how much more
    likely a label is where it is the true one; guessing: the share of guesses in that case.
    knows: (W,), guesses: (W, K) and proba: (T, K) are written; the log likelihood is returned,
    under uniform classes.
    """
    T, K = proba.shape
    knows[:] = 0.0
    guesses[:] = 0.0
    likelihood = 0.0
    for t in range(T):
        row[:] = -math.log(K)
        for v in range(starts[t], starts[t + 1]):
            row[label[v]] += weight[v] * log_gain[teacher[v], label[v]]
            likelihood += weight[v] * log_guess[teacher[v], label[v]]
        likelihood += finish(row, gold[t], proba[t])
        for v in range(starts[t], starts[t + 1]):
            w, said = teacher[v], label[v]
            right = proba[t, said]
            known = right * (1.0 - guessing[w, said])
            knows[w] += weight[v] * known
            guesses[w, said] += weight[v] * (1.0 - known)
    return likelihood


@njit(cache=True, nogil=True)
def ability_pass(
    starts, teacher, label, weight, alpha, beta, log_prior, gold, row, proba, slope, curve
):
    """The log likelihood of GLAD and its gradient, with the probabilities that it rests on.

    alpha: (W,) abilities; beta: (T,) logarithms of how easy tasks are. The gradient of the
    marginal likelihood is that of the expected complete one (Fisher's identity), so one pass
    serves: sum of weight (P[right] - s) times the derivative of x = alpha exp(beta). slope and
    curve: (W + T,), curve the diagonal of the expected curvature, weight s (1 - s) dx dx.
    """
    T, K = proba.shape
    W = len(alpha)
    slope[:] = 0.0
    curve[:] = 0.0
    likelihood = 0.0
    others = math.log(max(K - 1, 1))
    for t in range(T):
        row[:] = log_prior
        ease = math.exp(beta[t])
        for v in range(starts[t], starts[t + 1]):
            x = alpha[teacher[v]] * ease
            # log s = -softplus(-x); log (1 - s) = log s - x
            log_s = -math.log1p(math.exp(-abs(x))) + min(x, 0.0)
            likelihood += weight[v] * (log_s - x - others)
            row[label[v]] += weight[v] * (x + others)
        likelihood += finish(row, gold[t], proba[t])
        for v in range(starts[t], starts[t + 1]):
            w = teacher[v]
            x = alpha[w] * ease
            small = math.exp(-abs(x))
            s = 1.0 / (1.0 + small) if x >= 0 else small / (1.0 + small)
            off = weight[v] * (proba[t, label[v]] - s)
            bent = weight[v] * s * (1.0 - s)
            slope[w] += off * ease
            slope[W + t] += off * x
            curve[w] += bent * ease * ease
            curve[W + t] += bent * x * x
    return likelihood
