"""A log-linear student: from a sentence and a lemma to how the lemma is written there.

It chooses among scripts ("-and+ood", "+Ced"), so that it can inflect lemmas it has never seen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, sparse, special

from precocial.choice.arguments import checked
from precocial.errors import ConfigError
from precocial.normativity.language.grammar import Item, follow

Floats = NDArray[np.float64]
LETTERS = 6
"""Endings of up to so many letters are features (ours: longer than most stems)."""
PENALTY = 0.1
"""Of half the squared weights, over the sum of the log loss. Ours: 0.03 and 0.3 were compared on
students taught with right forms on development seeds (100 to 102, which no reported figure uses);
0.1 was taken between them and not compared."""
STEPS = 40
"""Of L-BFGS: more change no answer on seeds 100 to 102."""


def features(item: Item, lemmas: frozenset[str] = frozenset()) -> list[str]:
    """What the student sees: endings of the lemma, what known lemma it ends in, its syllables,
    the numbers of the nouns and where they stand.

    It is given which noun comes first and which last, not which of them governs the verb.
    """
    lemma, cell = item.word.lemma, item.cell
    if cell == "gap":
        return _around(item)
    found = ["always"]
    if cell == "present":
        nouns = (item.plural, *item.attractors)
        found += [f"first {nouns[0]}", f"last {nouns[-1]}", f"any {any(nouns)}"]
        found += [f"last {nouns[-1]} of {min(len(nouns), 3)}"]
        context = f"first {nouns[0]}"
        found += [f"{context}|{lemma[-size:]}" for size in (1, 2)]
    found += [lemma[-size:] for size in range(1, LETTERS + 1) if size <= len(lemma)]
    shape = "".join("v" if letter in "aeiou" else "c" for letter in lemma[-3:])
    syllables = min(len(re.findall(r"[aeiouy]+", re.sub(r"e$", "", lemma))), 3)
    found += [f"shape {shape}", f"shape {shape}|{lemma[-1]}|{syllables}", _sound(lemma)]
    known = [lemma[cut:] for cut in range(1, len(lemma) - 1) if lemma[cut:] in lemmas]
    found += [f"{one}|{syllables}" for one in (lemma[-3:], lemma[-2:], bool(known))]
    # A compound is inflected as its last part is, where that is known.
    return [*found, f"part {known[0] if known else ''}", f"syllables {syllables}"]


def _sound(lemma: str) -> str:
    if lemma.endswith(("s", "x", "z", "ch", "sh")):
        return "hiss"
    vowels = [letter in "aeiou" for letter in lemma[-2:]]
    return f"ends in {'e' if lemma[-1] == 'e' else 'y' if lemma[-1] == 'y' else vowels}{vowels[0]}"


def _around(item: Item) -> list[str]:
    """The letters on both sides of a gap; each family of spellings has its own weights."""
    before, after = item.word.lemma.split("_")
    found = ["always", f"{before[-1:]}_{after[:1] or '.'}", f"{before[-2:]}_{after[:2]}"]
    found += [f"<{before[-size:]}" for size in range(1, LETTERS) if size <= len(before)]
    found += [f">{after[:size] or '.'}" for size in range(1, 4)]
    vowel = before[-1:] in "aeiou"
    return [f"{one} {item.choices[0]}" for one in [*found, f"vowel {vowel} {after[:1] or '.'}"]]


@dataclass(frozen=True, kw_only=True)
class _Cell:
    """P(script | item) in one cell: weights[f, k] of features and scripts."""

    names: Mapping[str, int]
    scripts: tuple[str, ...]
    weights: Floats


@dataclass(frozen=True, kw_only=True)
class Student:
    """P(script | item) proportional to exp(sum of the weights of its features), over the scripts
    of the item's cell that fit the lemma; no two cells share a weight.

    Attributes:
        cells: by name of the cell.
        lemmas: those it has learned from; it sees when another ends in one of them.
    """

    cells: Mapping[str, _Cell]
    lemmas: frozenset[str]

    @checked
    def predict(self, items: Sequence[Item]) -> list[dict[str, float]]:
        """The probability of each form, for each item; the lemma itself where nothing fits."""
        out: list[dict[str, float]] = [{} for _ in items]
        for cell, model in self.cells.items():
            where = [n for n, item in enumerate(items) if item.cell == cell]
            if not where:
                continue
            those = [items[n] for n in where]
            X = _design([features(item, self.lemmas) for item in those], model.names)
            allowed = _allowed(those, model.scripts)
            allowed[~allowed.any(axis=1)] = True
            proba = special.softmax(np.where(allowed, X @ model.weights, -np.inf), axis=1)
            for n, row, fits in zip(where, proba, allowed):
                for k in np.flatnonzero(fits):
                    form = follow(model.scripts[k], items[n].word.lemma)
                    if form is not None:
                        out[n][form] = out[n].get(form, 0.0) + float(row[k])
        return [forms or {item.word.lemma: 1.0} for forms, item in zip(out, items)]

    @checked
    def answers(self, items: Sequence[Item]) -> list[str]:
        """The most probable form of each item."""
        return [max(forms, key=lambda form: forms[form]) for forms in self.predict(items)]


@checked
def train(
    items: Sequence[Item],
    targets: Sequence[Mapping[str, float]],
    *,
    penalty: float = PENALTY,
) -> Student:
    """Fit a student to the probability of each script, item by item.

    Minimises -sum_i sum_k target_ik log P(k | i) + penalty / 2 * sum of squared weights, in each
    cell.

    Args:
        items: what was asked.
        targets: script -> probability; a script that does not fit the lemma is left out.
        penalty: above 0.

    Raises:
        ConfigError: no items, not as many targets, a target that is no script with a probability,
            or a penalty that is not above 0 and finite.
    """
    if not len(items) or len(items) != len(targets) or not 0 < penalty < np.inf:
        raise ConfigError(
            f"train: {len(items)} items, {len(targets)} targets, penalty {penalty}; give a target "
            "for each item and a penalty above 0"
        )
    for target in targets:
        for script, share in target.items():
            if not _is_script(script) or not 0 <= share < np.inf:
                raise ConfigError(
                    "train: a target is {script: probability}, a script such as '-and+ood' or "
                    f"'=ei'; got {script!r}: {share!r}"
                )
    lemmas = frozenset(item.word.lemma for item in items)
    cells: dict[str, _Cell] = {}
    asked: dict[str, Item] = {}
    wanted: dict[str, dict[str, float]] = {}
    for item, target in zip(items, targets):  # what is asked twice counts twice, and is fitted once
        asked.setdefault(item.text, item)
        sums = wanted.setdefault(item.text, {})
        for script, share in target.items():
            sums[script] = sums.get(script, 0.0) + share
    for cell in sorted({item.cell for item in items}):
        where = [text for text, item in asked.items() if item.cell == cell]
        found = _cell([asked[one] for one in where], [wanted[one] for one in where], lemmas,
                      penalty)  # fmt: skip
        if found is not None:
            cells[cell] = found
    return Student(cells=cells, lemmas=lemmas)


def _is_script(script: object) -> bool:
    return isinstance(script, str) and re.fullmatch(r"=.*|-[^+]*\+[^+]*", script) is not None


def _cell(
    items: Sequence[Item], targets: Sequence[Mapping[str, float]], lemmas: frozenset[str],
    penalty: float,
) -> _Cell | None:  # fmt: skip
    seen = [features(item, lemmas) for item in items]
    names: dict[str, int] = {}
    for one in seen:
        for feature in one:
            names.setdefault(feature, len(names))
    scripts = tuple(sorted({script for target in targets for script in target}))
    if not scripts:
        return None
    place = {script: k for k, script in enumerate(scripts)}
    Y = np.zeros((len(items), len(scripts)))
    for row, target in enumerate(targets):
        for script, share in target.items():
            Y[row, place[script]] = share
    allowed = _allowed(items, scripts)
    Y = np.where(allowed, Y, 0.0)
    allowed[~allowed.any(axis=1)] = True
    weights = _fit(_design(seen, names), Y, allowed, penalty)
    return _Cell(names=names, scripts=scripts, weights=weights)


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


def _design(seen: Sequence[Sequence[str]], names: Mapping[str, int]) -> sparse.csr_matrix:
    rows = [row for row, one in enumerate(seen) for feature in one if feature in names]
    columns = [names[feature] for one in seen for feature in one if feature in names]
    return sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(seen), len(names)))


def _allowed(items: Sequence[Item], scripts: Sequence[str]) -> NDArray[np.bool_]:
    """(N, K): whether the script fits the lemma and the choices."""
    return np.array([
        [follow(script, item.word.lemma) is not None
         and (not item.choices or script[1:] in item.choices)
         for script in scripts]
        for item in items
    ])  # fmt: skip
