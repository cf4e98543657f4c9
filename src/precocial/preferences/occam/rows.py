"""Every theorem as a row: what was enumerated, how often it failed, and the figure it gave."""

from __future__ import annotations

from precocial.io import Row
from precocial.preferences.occam.language import LANGUAGES, V1, V2
from precocial.preferences.occam.lengths import proposition_7
from precocial.preferences.occam.regimes import crossing, regimes
from precocial.preferences.occam.theorems import (
    Check,
    check_half_bound,
    check_lemma_6,
    check_nth_best,
    check_proposition_8,
    check_theorem_1,
    random_world,
)

TINY = ((1, 2), (2, 2), (2, 1))
FEW = 60
"""Worlds of the half bound when it is to be quick."""


def theorem_rows(*, quick: bool = False, seed: int = 0) -> list[Row]:
    """Rows with statement, cases, failures, figure (text) and holds; None where it is a figure."""
    shapes = {"shapes": TINY} if quick else {}
    rows = [
        *(_row(part) for part in check_theorem_1(seed=seed, **shapes)),
        _row(check_lemma_6(seed=seed, **shapes)),
        _row(check_proposition_8(seed=seed, **shapes)),
        _row(check_nth_best(seed=seed, **shapes)),
    ]
    half = check_half_bound(worlds=FEW if quick else 1000, seed=seed)
    rows += [
        _row(half.bound, f"smallest ratio {half.bound.worst:.3f}"),
        _row(half.deterministic, f"|ratio - 1| at most {half.deterministic.worst:.1e}"),
        _row(half.bandit, f"off by at most {half.bandit.worst:.1e}"),
        _row(half.vertices),
        {"statement": "state-only rewards come close to the half bound", "cases": half.bound.cases,
         "failures": None, "figure": f"{half.state_only_mixed:.4f}",
         "holds": half.state_only_mixed < 0.51},
    ]  # fmt: skip
    for language in (V1, V2):
        found = proposition_7(random_world(2, 2, seed=seed), language)
        rows.append({
            "statement": f"Proposition 7 in {language.name}: degenerate pairs within c of the "
            "simplest", "cases": int(found.gap.size), "failures": found.failures,
            "figure": f"largest gap {found.gap.max():.0f} of c = {found.c:g} bits",
            "holds": found.holds,
        })  # fmt: skip
    return rows + ([] if quick else [_regimes(name, seed) for name in ("v1", "v2")])


def _row(check: Check, figure: str = "") -> Row:
    return {"statement": check.statement, "cases": check.cases, "failures": check.failures,
            "figure": figure, "holds": check.holds}  # fmt: skip


def _regimes(name: str, seed: int) -> Row:
    rows = regimes(LANGUAGES[name], shapes=("scattered",), seed=seed)
    at = crossing(rows, shape="scattered")
    figure = "the true pair stays ahead" if at is None else f"from {at} quirks on"
    return {
        "statement": f"Conjecture 9, explored in {name}: degenerate pairs overtake the true one",
        "cases": sum(row.worlds for row in rows), "failures": None, "figure": figure,
        "holds": None,
    }  # fmt: skip
