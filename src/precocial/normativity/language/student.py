"""A log-linear student: from a sentence and a lemma to how the lemma is written there.

It chooses among scripts ("-and+ood", "+Ced"), so that it can inflect lemmas it has never seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, sparse, special

from precocial.errors import ConfigError
from precocial.normativity.language.grammar import Item, follow

Floats = NDArray[np.float64]
LETTERS = 6
"""Endings of up to so many letters are features (ours: longer than most stems)."""
PENALTY = 0.03
"""Of half the squared weights, over the mean log loss times the number of items: chosen among 0.01
to 1 on seeds 100 and 101, which no reported figure uses."""
STEPS = 80
"""Of L-BFGS: the loss no longer changes in the fourth digit."""


def features(item: Item) -> list[str]:
    """What the student sees: the cell, endings of the lemma, the numbers of the nouns and where.

    It is given which noun comes first and which last, not which of them governs the verb.
    """
    lemma, cell = item.word.lemma, item.cell
    found = [cell]
    if cell == "gap":
        before, after = lemma.split("_")
        found += [f"gap<{before[-size:]}" for size in range(1, LETTERS) if size <= len(before)]
        found += [f"gap>{after[:size] or '.'}" for size in range(4)]
        found += [f"gap{before[-1:]}_{after[:1] or '.'}", f"gap{before[-2:]}_{after[:2]}"]
        # Each family of spellings has its own weights.
        return [f"{one} {item.choices[0]}" for one in found]
    context = cell
    if cell == "present":
        nouns = (item.plural, *item.attractors)
        found += [f"first {nouns[0]}", f"last {nouns[-1]}", f"any {any(nouns)}"]
        found += [f"last {nouns[-1]} of {min(len(nouns), 3)}"]
        context = f"present {nouns[0]}"
        found += [f"{context}|{lemma[-size:]}" for size in (1, 2)]
    found += [
        f"{cell}|{lemma[-size:]}" for size in range(1, LETTERS + 1) if size <= len(lemma)
    ]
    shape = "".join("v" if letter in "aeiou" else "c" for letter in lemma[-3:])
    return [*found, f"{cell}|{shape}", f"{cell}|{shape}|{lemma[-1]}", f"{cell}|={lemma}"]


@dataclass(frozen=True, kw_only=True)
class Student:
    """P(script | item) proportional to exp(sum of the weights of its features), over the scripts
    that fit the lemma. weights[f, k]."""

    feature_names: Mapping[str, int]
    scripts: tuple[str, ...]
    cells: tuple[frozenset[str], ...]
    weights: Floats

    def predict(self, items: Sequence[Item]) -> list[dict[str, float]]:
        """The probability of each form, for each item."""
        X = _design(items, self.feature_names)
        allowed = _allowed(items, self.scripts, self.cells)
        proba = special.softmax(np.where(allowed, X @ self.weights, -np.inf), axis=1)
        out = []
        for item, row, fits in zip(items, proba, allowed):
            forms: dict[str, float] = {}
            for k in np.flatnonzero(fits):
                form = follow(self.scripts[k], item.word.lemma)
                if form is not None:
                    forms[form] = forms.get(form, 0.0) + float(row[k])
            out.append(forms)
        return out

    def answers(self, items: Sequence[Item]) -> list[str]:
        """The most probable form of each item."""
        return [max(forms, key=lambda form: forms[form]) for forms in self.predict(items)]


def train(
    items: Sequence[Item],
    targets: Sequence[Mapping[str, float]],
    *,
    penalty: float = PENALTY,
    weight: Sequence[float] | None = None,
) -> Student:
    """Fit a student to the probability of each script, item by item.

    Minimises -sum_i w_i sum_k target_ik log P(k | i) + penalty / 2 * sum of squared weights.

    Args:
        items: what was asked.
        targets: script -> probability; a script that does not fit the lemma is left out.
        penalty: above 0.
        weight: of each item.

    Raises:
        ConfigError: no items, not as many targets, or a penalty that is not above 0.
    """
    if not items or len(items) != len(targets) or not penalty > 0:
        raise ConfigError(
            f"train: {len(items)} items, {len(targets)} targets, penalty {penalty}; give a target "
            "for each item and a penalty above 0"
        )
    names: dict[str, int] = {}
    for item in items:
        for feature in features(item):
            names.setdefault(feature, len(names))
    scripts = sorted({script for target in targets for script in target})
    place = {script: k for k, script in enumerate(scripts)}
    seen = [{item.cell for item, target in zip(items, targets) if one in target} for one in scripts]
    cells = tuple(frozenset(one) for one in seen)
    Y = np.zeros((len(items), len(scripts)))
    for row, target in enumerate(targets):
        for script, share in target.items():
            Y[row, place[script]] = share
    allowed = _allowed(items, scripts, cells)
    Y = np.where(allowed, Y, 0.0)
    total = Y.sum(axis=1, keepdims=True)
    Y = np.divide(Y, total, out=np.zeros_like(Y), where=total > 0)
    share = np.ones(len(items)) if weight is None else np.asarray(weight, dtype=np.float64)
    Y *= share[:, None]
    weights = _fit(_design(items, names), Y, allowed, penalty)
    return Student(feature_names=names, scripts=tuple(scripts), cells=cells, weights=weights)


def _fit(X: sparse.csr_matrix, Y: Floats, allowed: NDArray[np.bool_], penalty: float) -> Floats:
    shape = X.shape[1], Y.shape[1]
    mass = Y.sum(axis=1, keepdims=True)
    back = X.T.tocsr()

    def loss(flat: Floats) -> tuple[float, Floats]:
        W = flat.reshape(shape)
        scores = np.where(allowed, X @ W, -np.inf)
        top = special.logsumexp(scores, axis=1, keepdims=True)
        log_p = np.where(allowed, scores - top, 0.0)
        slope = back @ (mass * np.exp(scores - top) - Y) + penalty * W
        return float(-np.sum(Y * log_p) + penalty / 2 * np.sum(W**2)), slope.ravel()

    found = optimize.minimize(
        loss, np.zeros(shape[0] * shape[1]), jac=True, method="L-BFGS-B",
        options={"maxiter": STEPS, "maxcor": 6},
    )  # fmt: skip
    return np.asarray(found.x, dtype=np.float64).reshape(shape)


def _design(items: Sequence[Item], names: Mapping[str, int]) -> sparse.csr_matrix:
    rows, columns = [], []
    for row, item in enumerate(items):
        for feature in features(item):
            if feature in names:
                rows.append(row)
                columns.append(names[feature])
    ones = np.ones(len(rows))
    return sparse.csr_matrix((ones, (rows, columns)), shape=(len(items), len(names)))


def _allowed(
    items: Sequence[Item], scripts: Sequence[str], cells: Sequence[frozenset[str]]
) -> NDArray[np.bool_]:
    """(N, K): whether the script fits the lemma and was seen in such a cell; never none."""
    out = np.array([
        [item.cell in where and follow(script, item.word.lemma) is not None
         and (not item.choices or script[1:] in item.choices)
         for script, where in zip(scripts, cells)]
        for item in items
    ])  # fmt: skip
    out[~out.any(axis=1)] = True
    return out
