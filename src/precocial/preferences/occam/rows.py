"""Every theorem as a row, the two regimes as curves: kept in theorems.json, read by a report."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from precocial import io
from precocial.errors import DataError
from precocial.preferences.occam.language import LANGUAGES, V1, V2, Language
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
from precocial.runs.findings import read_record, write_record

THEOREMS = "theorems.json"
FORMAT = 1
TINY = ((1, 2), (2, 2), (2, 1))
FEW_WORLDS, FEW_QUIRKS = 60, (0, 2, 4, 8)
"""Of the half bound and of the regimes, when it is to be quick."""
QUIRKS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15)


@dataclass(frozen=True, kw_only=True)
class TheoremRow:
    """A statement, how many cases were tried, how many failed; None where it is a figure alone."""

    statement: str
    cases: int
    failures: int | None
    figure: str
    holds: bool | None


@dataclass(frozen=True, kw_only=True)
class Regime:
    """One language's posterior and regrets against the number of quirks; see `regimes`."""

    language: str
    quirks: list[int]
    true: list[float]
    opposite: list[float]
    degenerate: list[float]
    absorbed: list[float]
    map_regret: list[float]
    crossing: int | None


@dataclass(frozen=True, kw_only=True)
class Theorems:
    """What enumerating the theorems found."""

    format: int
    rows: list[TheoremRow]
    regimes: list[Regime]

    def write(self, path: io.PathLike) -> None:
        """As JSON, atomically."""
        write_record(path, self)

    @classmethod
    def read(cls, path: io.PathLike) -> Theorems:
        """From JSON.

        Raises:
            DataError: not such a record, or a field that is missing or of a wrong type.
        """
        record = read_record(path, cls, format=FORMAT, what="a record of theorems")
        curves = ("true", "opposite", "degenerate", "absorbed", "map_regret")
        for one in record.regimes:
            lists = [getattr(one, name) for name in curves]
            fits = all(len(values) == len(one.quirks) > 0 for values in lists)
            if not fits or not all(-1e-6 <= x <= 1 + 1e-6 for values in lists for x in values):
                raise DataError("is a damaged record: a curve is no curve of shares", path=path)
        if not record.rows or not record.regimes:
            raise DataError("is a damaged record: it holds no theorem or no curve", path=path)
        return record


def enumerate_theorems(
    *, quick: bool = False, seed: int = 0, on_done: Callable[[int, int], None] | None = None
) -> Theorems:
    """Every theorem by enumeration, and the two regimes of Occam's razor in two languages.

    Args:
        quick: fewer and smaller cases.
        on_done: called with how many of how many parts of the work are done.
    """
    shapes = {"shapes": TINY} if quick else {}
    quirks = FEW_QUIRKS if quick else QUIRKS
    rows: list[TheoremRow] = []
    curves: list[Regime] = []
    parts: list[Callable[[], None]] = [
        lambda: rows.extend(_row(part) for part in check_theorem_1(seed=seed, **shapes)),
        lambda: rows.append(_row(check_lemma_6(seed=seed, **shapes))),
        lambda: rows.append(_row(check_proposition_8(seed=seed, **shapes))),
        lambda: rows.append(_row(check_nth_best(seed=seed, **shapes))),
        lambda: rows.extend(_half_bound(FEW_WORLDS if quick else 1000, seed)),
        lambda: rows.extend(_proposition_7(language, seed) for language in (V1, V2)),
        lambda: curves.append(_regime("v1", quirks, seed)),
        lambda: curves.append(_regime("v2", quirks, seed)),
    ]
    for done, part in enumerate(parts, 1):
        part()
        if on_done is not None:
            on_done(done, len(parts))
    return Theorems(format=FORMAT, rows=[*rows, *_conjecture_9(curves)], regimes=curves)


def _proposition_7(language: Language, seed: int) -> TheoremRow:
    found = proposition_7(random_world(2, 2, seed=seed), language)
    return TheoremRow(
        statement=f"Proposition 7 in {language.name}: degenerate pairs within c of the simplest",
        cases=int(found.gap.size), failures=found.failures, holds=found.holds,
        figure=f"largest gap {found.gap.max():.0f} of c = {found.c:g} bits",
    )  # fmt: skip


def _conjecture_9(curves: Iterable[Regime]) -> list[TheoremRow]:
    return [
        TheoremRow(
            statement=f"Conjecture 9, explored in {one.language}: degenerate pairs overtake the "
            "true one", cases=len(one.quirks), failures=None, holds=None,
            figure="the true pair stays ahead" if one.crossing is None
            else f"from {one.crossing} quirks on",
        )
        for one in curves
    ]  # fmt: skip


def _half_bound(worlds: int, seed: int) -> list[TheoremRow]:
    half = check_half_bound(worlds=worlds, seed=seed)
    near = half.state_only_mixed
    return [
        _row(half.bound, f"smallest ratio {half.bound.worst:.3f}"),
        _row(half.deterministic, f"|ratio - 1| at most {half.deterministic.worst:.1e}"),
        _row(half.bandit, f"off by at most {half.bandit.worst:.1e}"),
        _row(half.vertices),
        TheoremRow(
            statement="state-only rewards come close to the half bound", cases=half.bound.cases,
            failures=None, figure=f"{near:.4f}", holds=near < 0.51,
        ),
    ]  # fmt: skip


def _row(check: Check, figure: str = "") -> TheoremRow:
    return TheoremRow(
        statement=check.statement, cases=check.cases, failures=check.failures, figure=figure,
        holds=check.holds,
    )  # fmt: skip


def _regime(name: str, quirks: tuple[int, ...], seed: int) -> Regime:
    rows = regimes(LANGUAGES[name], shapes=("scattered",), quirks=quirks, seed=seed)
    degenerate = ("indifferent", "greedy", "anti-greedy")
    return Regime(
        language=name,
        quirks=[row.quirks for row in rows],
        true=[row.mass["true"] for row in rows],
        opposite=[row.mass["opposite"] for row in rows],
        degenerate=[sum(row.mass[group] for group in degenerate) for row in rows],
        absorbed=[row.mass["absorbed"] for row in rows],
        map_regret=[row.map_regret for row in rows],
        crossing=crossing(rows, shape="scattered"),
    )
