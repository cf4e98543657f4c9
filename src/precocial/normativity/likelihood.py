"""How likely what was said is, given the levels' distributions.

An item's worth is how far it stands above where it began, A = r/p0 + 1/100; the worth of a
distribution t over items is sum_i t_i A_i, that of a chain the product over its levels. Then every
statement is a choice (reward-rational choice):

    a label      P(says a)            = r_0(a)
    a score      P(says "good")       = A / (A + 1)           against its initial distribution
    a comparison P(says "a over b")   = A_a / (A_a + A_b)
    the whole    P(says "good")       = A / (A + 1)           A the product over all levels

and with readings rho of its source, and confidence c,

    P = c (rho_said P_said + rho_noise / K + rho_reversed P_reversed) + (1 - c) / K.

K is the number of answers. As rho_noise has a floor, one statement can move log P only so far.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from precocial.normativity.sources import Key, Sources
from precocial.normativity.statements import Statement

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
LEAST_WORTH = 0.01
"""Ours: what an item of probability 0 is worth; it keeps the log of a ratio finite."""
TINY = 1e-300


@dataclass(frozen=True, kw_only=True, eq=False)
class Heard:
    """The statements against one set of distributions.

    Attributes:
        total: sum of count * log P, in nats.
        toward: its derivative by each level's distribution, [level][g] or [level][t, g].
        credit: [statement, reading], count * confidence * the probability that it was meant so.
    """

    total: float
    toward: list[Floats]
    credit: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class Said:
    """All that was said, the labels as arrays: there may be very many of them.

    Attributes:
        statements: all, in order.
        keys: every (source, kind) that said something.
        key: [statement], which of these said it.
        labels: numbers of the labels.
        place: (task, item) of each label.
        value, weight, confidence: of each label; weight is its count.
        others: the other statements on levels.
    """

    statements: tuple[Statement, ...]
    keys: tuple[Key, ...]
    key: Ints
    labels: Ints
    place: tuple[Ints, Ints]
    value: Floats
    weight: Floats
    confidence: Floats
    others: tuple[Statement, ...]

    @staticmethod
    def of(statements: Sequence[Statement]) -> Said:
        """From the statements."""
        keys = list(dict.fromkeys((one.source, one.kind) for one in statements))
        where = {key: place for place, key in enumerate(keys)}
        labels = [one for one in statements if one.kind == "label"]
        return Said(
            statements=tuple(statements),
            keys=tuple(keys),
            key=np.array([where[one.source, one.kind] for one in statements], dtype=np.int64),
            labels=np.array([one.number for one in labels], dtype=np.int64),
            place=(
                np.array([one.task for one in labels], dtype=np.int64),
                np.array([one.item for one in labels], dtype=np.int64),
            ),
            value=np.array([one.value for one in labels]),
            weight=np.array([one.count for one in labels]),
            confidence=np.array([one.confidence for one in labels]),
            others=tuple(one for one in statements if one.kind != "label" and not one.height),
        )

    def by_key(self, credit: Floats) -> dict[Key, Floats]:
        """Credit, [statement, reading], summed over what each source said of each kind."""
        total = np.zeros((len(self.keys), credit.shape[1]))
        np.add.at(total, self.key, credit)
        return dict(zip(self.keys, total))


def hear(
    said: Said, r: Sequence[Floats], prior: Sequence[Floats], whole: Sequence[Floats],
    sources: Sources, soundness: Floats,
) -> Heard:  # fmt: skip
    """The log-likelihood of everything said on levels, its derivative, and who is credited.

    Args:
        said: all; statements about sources and statements are passed over.
        r: each level's distribution now.
        prior: each level's distribution before any feedback.
        whole: each level's distribution when fitting began, for statements on the whole.
        sources: what is believed of who says it.
        soundness: [statement], what statements about it leave of its confidence.
    """
    toward = [np.zeros_like(one) for one in r]
    credit = np.zeros((len(said.statements), 3))
    readings = np.array([sources.readings(*key) for key in said.keys]).reshape(-1, 3)
    total = _hear_labels(said, r[0], toward[0], credit, readings, soundness)
    for one in said.others:
        x, slopes = _said(one, r, prior, whole)
        rho = readings[said.key[one.number]]
        c = one.confidence * soundness[one.number]
        parts = c * rho * np.array([x, 0.5, 1.0 - x])
        P = max(float(parts.sum()) + (1.0 - c) / 2, TINY)
        total += one.count * float(np.log(P))
        credit[one.number] = one.count * parts / P
        slope = one.count * c * (rho[0] - rho[2]) / P
        for n, where, d in slopes:
            toward[n][where] += slope * d
    return Heard(total=total, toward=toward, credit=credit)


def _hear_labels(
    said: Said, r: Floats, toward: Floats, credit: Floats, readings: Floats, soundness: Floats
) -> float:  # fmt: skip
    """The labels' part of the log-likelihood; adds to their derivative and their credit.

    A value between 0 and 1 mixes the answer with its opposite.
    """
    if not len(said.labels):
        return 0.0
    at = said.place if r.ndim > 1 else (said.place[1],)
    K, v = r.shape[-1], said.value
    rest = max(K - 1, 1)
    lean = v - (1.0 - v) / rest
    x = v * r[at] + (1.0 - v) * (1.0 - r[at]) / rest
    rho = readings[said.key[said.labels]]
    c = said.confidence * soundness[said.labels]
    parts = c[:, None] * rho * np.stack([x, np.full_like(x, 1.0 / K), (1.0 - x) / rest], axis=1)
    P = np.maximum(parts.sum(axis=1) + (1.0 - c) / K, TINY)
    credit[said.labels] = said.weight[:, None] * parts / P[:, None]
    np.add.at(toward, at, said.weight * c * (rho[:, 0] - rho[:, 2] / rest) / P * lean)
    return float(said.weight @ np.log(P))


Slope = tuple[int, tuple[int | slice, ...], float | Floats]


def _said(
    one: Statement, r: Sequence[Floats], prior: Sequence[Floats], whole: Sequence[Floats]
) -> tuple[float, list[Slope]]:
    """P_said of what is no label, and its derivatives as (level, index, derivative)."""
    n, v = one.level, one.value
    if one.kind == "comparison":
        a, b = _index(one, r[n], one.item), _index(one, r[n], one.other)
        A, B = _worth(r[n], prior[n], a), _worth(r[n], prior[n], b)
        x, lean = A / (A + B), 2.0 * v - 1.0
        steep = lean / (A + B) ** 2
        slopes: list[Slope] = [
            (n, a, steep * B / float(prior[n][a])), (n, b, -steep * A / float(prior[n][b]))
        ]  # fmt: skip
        return v * x + (1.0 - v) * (1.0 - x), slopes
    if one.kind == "score":
        at = _index(one, r[n], one.item)
        worths: list[tuple[float, int, tuple[int | slice, ...], float | Floats]] = [
            (_worth(r[n], prior[n], at), n, at, 1.0 / float(prior[n][at]))
        ]
    else:
        worths = _chain_worths(one, r, prior, whole)
    A = float(np.prod([worth for worth, _, _, _ in worths]))
    x = A / (A + 1.0)
    steep = (2.0 * v - 1.0) * A / (A + 1.0) ** 2
    found: list[Slope] = [(n, at, steep / worth * d) for worth, n, at, d in worths]
    return v * x + (1.0 - v) * (1.0 - x), found


def _chain_worths(
    one: Statement, r: Sequence[Floats], prior: Sequence[Floats], whole: Sequence[Floats]
) -> list[tuple[float, int, tuple[int | slice, ...], float | Floats]]:
    """The worth of each level's part of the whole, and its derivative by the distribution."""
    if one.path:
        return [
            (_worth(r[n], prior[n], (g,)), n, (g,), 1.0 / float(prior[n][g])) for n, g in one.path
        ]
    found: list[tuple[float, int, tuple[int | slice, ...], float | Floats]] = []
    for n, (now, before, then) in enumerate(zip(r, prior, whole)):
        slope = np.divide(then, before, out=np.zeros_like(then), where=before > 0)
        if now.ndim > 1:
            slope /= len(now)
        worth = float((slope * now).sum()) + LEAST_WORTH
        found.append((worth, n, (slice(None),), slope))
    return found


def _index(one: Statement, r: Floats, item: int) -> tuple[int, ...]:
    return (one.task, item) if r.ndim > 1 else (item,)


def _worth(r: Floats, prior: Floats, at: tuple[int, ...]) -> float:
    return float(r[at]) / float(prior[at]) + LEAST_WORTH


# ---------------------------------------------------------------- feedback on feedback


def soundness_of(statements: Sequence[Statement], sources: Sources, least: float) -> Floats:
    """[statement], what is left of each one's confidence by what was said about it.

    A Beta with one observation in its favour, to which a statement about it adds count * weight,
    for or against; its own weight is its speaker's, times its own soundness. What is said about a
    statement comes after it, so the last are settled first.
    """
    sound = np.ones(len(statements))
    favour, all_said = np.ones(len(statements)), np.ones(len(statements))
    for one in reversed(statements):
        sound[one.number] = max(favour[one.number] / all_said[one.number], least)
        if one.kind == "statement":
            rho = float(sources.readings(one.source, one.kind)[0])
            weight = one.count * one.confidence * rho * sound[one.number]
            about = int(one.about)
            favour[about] += weight * one.value
            all_said[about] += weight
    return sound


def said_of_sources(
    statements: Sequence[Statement], sources: Sources, soundness: Floats
) -> tuple[dict[Key, Floats], Floats]:
    """Observations of each (source or group, kind) in what was said about it, and the credit,
    [statement, reading], of those who said it.

    "s is reliable to v" counts v for "as said" and 1 - v for the other readings, as they stand to
    each other in the prior, times the probability that its speaker is to be read as said.
    """
    found: dict[Key, Floats] = {}
    credit = np.zeros((len(statements), 3))
    against = sources.prior * np.array([0.0, 1.0, 0.0])
    if against.sum() <= 0:
        against = np.array([0.0, 1.0, 0.0])
    for one in statements:
        if one.kind != "source":
            continue
        rho = sources.readings(one.source, one.kind)
        c = one.confidence * soundness[one.number]
        share = np.array([one.value, 0.0, 0.0]) + (1.0 - one.value) * against / against.sum()
        key = (str(one.about), one.about_kind)
        found[key] = found.get(key, 0.0) + one.count * c * rho[0] * share
        theirs = float(sources.readings(key[0], key[1] or "label")[0])
        agrees = one.value * theirs + (1.0 - one.value) * (1.0 - theirs)
        parts = c * rho * np.array([agrees, 0.5, 1.0 - agrees])
        credit[one.number] = one.count * parts / max(float(parts.sum()) + (1.0 - c) / 2, TINY)
    return found, credit
