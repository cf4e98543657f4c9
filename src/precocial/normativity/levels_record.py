"""A fixed point as plain values: kept in levels.json and read by a report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.special import rel_entr

from precocial import io
from precocial.errors import DataError
from precocial.normativity.fitting import Fitted
from precocial.normativity.fixed_point import Added, FixedPoint
from precocial.normativity.sources import Source
from precocial.runs.findings import read_record, write_record

Floats = NDArray[np.float64]
LEVELS = "levels.json"
FORMAT = 1
SLACK = 1e-9


@dataclass(frozen=True, kw_only=True)
class LevelFigures:
    """One level: initial (as given), learned (from feedback; the same without any) and fixed
    distribution, [task][item], one row where there are no tasks; density: largest ratio of fixed to
    learned, and what it cannot exceed; from_given: largest ratio of fixed to initial, from which
    feedback may have moved (None: infinite); kl: of learned from initial, in nats."""

    name: str
    items: list[str]
    tasks: list[str]
    q: float
    floor: float
    initial: list[list[float]]
    learned: list[list[float]]
    fixed: list[list[float]]
    density: float
    allowed: float
    from_given: float | None
    kl: float


@dataclass(frozen=True, kw_only=True)
class Unheard:
    """A statement that the fit could not use: its number, who said it, of what kind, and why."""

    number: int
    source: str
    kind: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class LevelsRecord:
    """A `FixedPoint`, what adding levels changes, and the feedback behind it."""

    format: int
    source: str
    semantics: str
    share: bool
    status: str
    advice: str
    needed: int
    tv: list[float]
    bounds: list[float | None]
    contraction: float
    contraction_bound: float
    second_eigenvalue: float | None
    certified_by: str
    gap: float | None
    apart: float
    tol: float
    added: list[int]
    change: list[float]
    change_bound: list[float]
    holds: bool
    levels: list[LevelFigures]
    sources: list[Source]
    statements: int
    obeyed: int
    fit_status: str
    fit_advice: str
    steps: int
    objective: list[float]
    command: str = ""
    unused: list[Unheard] = field(default_factory=list)

    @classmethod
    def of(
        cls, fixed: FixedPoint, added: Added, *, source: str, fitted: Fitted | None = None,
        before: Mapping[str, Floats] | None = None, command: str = "",
    ) -> LevelsRecord:  # fmt: skip
        """From a fixed point, and from the fit that led to it.

        Args:
            before: by level, the distribution before any feedback, where that of the hierarchy
                holds feedback already.
        """
        hierarchy = fixed.hierarchy
        names = ("status", "advice", "needed", "contraction", "contraction_bound",
                 "second_eigenvalue", "certified_by", "gap", "apart", "tol")  # fmt: skip
        return cls(
            format=FORMAT,
            source=source,
            semantics=hierarchy.semantics,
            share=hierarchy.share,
            **{name: getattr(fixed, name) for name in names},
            tv=fixed.tv.tolist(),
            bounds=[float(b) if np.isfinite(b) else None for b in fixed.bounds],
            added=list(added.levels),
            change=added.change.tolist(),
            change_bound=added.bound.tolist(),
            holds=added.holds,
            levels=[_figures(fixed, fitted, before or {}, n) for n in range(len(hierarchy.levels))],
            sources=[] if fitted is None else list(fitted.sources),
            statements=len(hierarchy.statements),
            obeyed=0 if fitted is None else len(fitted.obeyed),
            fit_status="no feedback" if fitted is None else fitted.status,
            fit_advice="" if fitted is None else fitted.advice,
            steps=0 if fitted is None else fitted.steps,
            objective=[] if fitted is None else [float(f) for f in fitted.objective],
            command=command,
            unused=[] if fitted is None else _unheard(fitted),
        )

    def write(self, path: io.PathLike) -> None:
        """As JSON, atomically."""
        write_record(path, self)

    @classmethod
    def read(cls, path: io.PathLike) -> LevelsRecord:
        """From JSON.

        Raises:
            DataError: not such a record, or a field that is missing or of a wrong type.
        """
        record = read_record(path, cls, format=FORMAT, what="a record of levels")
        for problem in problems(record):
            raise DataError(f"is a damaged record of levels: {problem}", path=path)
        return record


def _unheard(fitted: Fitted) -> list[Unheard]:
    said = fitted.fixed_point.hierarchy.statements
    return [
        Unheard(number=n, source=said[n].source, kind=said[n].kind, reason=reason)
        for n, reason in fitted.unused.items()
    ]


def _figures(
    fixed: FixedPoint, fitted: Fitted | None, before: Mapping[str, Floats], n: int
) -> LevelFigures:
    hierarchy = fixed.hierarchy
    level = hierarchy.levels[n]
    settled = fixed.levels[level.name]
    if n == 0 and fitted is not None:
        settled = fitted.actions  # where a certain label was given, it is obeyed
    density, allowed = fixed.density[level.name]
    first = before.get(level.name, level.p)
    moved = 0.0 if fitted is None else float(fitted.kl.get(level.name, 0.0))
    if level.name in before:
        moved = float(rel_entr(fixed.initial[n], first).sum(axis=-1).mean())
    return LevelFigures(
        name=level.name,
        items=list(level.items),
        tasks=list(level.tasks or ()),
        q=hierarchy.q[n],
        floor=hierarchy.floor[n],
        initial=np.atleast_2d(first).tolist(),
        learned=np.atleast_2d(fixed.initial[n]).tolist(),
        fixed=np.atleast_2d(settled).tolist(),
        density=density,
        allowed=allowed,
        from_given=_largest_ratio(settled, first),
        kl=moved,
    )


def _largest_ratio(r: Floats, p: Floats) -> float | None:
    """max of r / p where r is above 0; None if p is 0 there."""
    there = r > 0
    if (p[there] <= 0).any():
        return None
    return float((r[there] / p[there]).max())


def problems(record: LevelsRecord) -> Iterator[str]:
    """What types alone do not say."""
    if not record.levels or not record.tv or len(record.tv) != len(record.bounds):
        yield "it has no level, or a bound is missing"
    if not len(record.added) == len(record.change) == len(record.change_bound):
        yield "the changes of added levels differ in length"
    for level in record.levels:
        rows = max(1, len(level.tasks))
        for table in (level.initial, level.learned, level.fixed):
            if len(table) != rows or any(len(row) != len(level.items) for row in table):
                yield f"a distribution of the level {level.name[:40]!r} has another shape"
            elif any(not 0 <= p <= 1 + SLACK for row in table for p in row):
                yield f"a distribution of the level {level.name[:40]!r} is none"
