"""The statements of a paper as checks: figure, tolerance, what we measured, and a verdict.

A verdict is arithmetic on three numbers and an interval, never somebody's word.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from precocial.errors import ConfigError, FitError
from precocial.io import Row

Evidence = TypeVar("Evidence")


class Verdict(StrEnum):
    """What a measurement says about a claim."""

    reproduced = "reproduced"
    contradicted = "contradicted"
    not_tested = "not tested at this scale"
    not_applicable = "not applicable"


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    """The values that count as agreement: [low, high], or a band around the claim's figure.

    Made by `within`, `at_least`, `at_most` and `between`.
    """

    low: float = -math.inf
    high: float = math.inf
    absolute: float | None = None
    relative: float | None = None

    def allowed(self, figure: float | str) -> tuple[float, float]:
        """The allowed values [low, high] for this figure.

        Raises:
            ConfigError: a band around a figure that is not a finite number.
        """
        if self.absolute is None and self.relative is None:
            return self.low, self.high
        if isinstance(figure, str) or not math.isfinite(figure):
            raise ConfigError(
                f"within() needs a figure that is a finite number; got {figure!r}. "
                f"Give the bounds with between(), at_least() or at_most()"
            )
        half = max(self.absolute or 0.0, (self.relative or 0.0) * abs(figure))
        return figure - half, figure + half

    def __str__(self) -> str:
        if self.relative is not None and self.absolute is not None:
            return f"± {100 * self.relative:.3g}% or {self.absolute:.3g}"
        if self.relative is not None:
            return f"± {100 * self.relative:.3g}%"
        if self.absolute is not None:
            return f"± {self.absolute:.3g}"
        if math.isinf(self.high):
            return f"at least {self.low:.4g}"
        if math.isinf(self.low):
            return f"at most {self.high:.4g}"
        return f"{self.low:.4g} to {self.high:.4g}"


def within(*, absolute: float | None = None, relative: float | None = None) -> Tolerance:
    """figure ± absolute, or figure ± relative·|figure|; with both, the wider of the two."""
    given = [value for value in (absolute, relative) if value is not None]
    if not given or any(not math.isfinite(value) or value < 0 for value in given):
        raise ConfigError(
            f"within: give absolute or relative, at least 0; got {absolute!r}, {relative!r}"
        )
    return Tolerance(absolute=absolute, relative=relative)


def between(low: float, high: float) -> Tolerance:
    """Values in [low, high]."""
    if math.isnan(low) or math.isnan(high) or low > high or low == math.inf or high == -math.inf:
        raise ConfigError(f"between: low must be at most high; got {low!r}, {high!r}")
    return Tolerance(low=low, high=high)


def at_least(bound: float) -> Tolerance:
    """Values of `bound` or more: an inequality, or the threshold that decides a statement."""
    return between(bound, math.inf)


def at_most(bound: float) -> Tolerance:
    """Values of `bound` or less."""
    return between(-math.inf, bound)


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Our figure for a claim, with its 95% interval if it has one.

    A `value` of None says that this evidence cannot test the claim, and `note` says why.
    `applicable=False` says that the claim is not about evidence of this kind at all.
    """

    value: float | None = None
    interval: tuple[float, float] | None = None
    note: str = ""
    applicable: bool = True

    def __post_init__(self) -> None:
        if self.interval is not None and not self.interval[0] <= self.interval[1]:
            raise ConfigError(f"an interval is (low, high) with low <= high; got {self.interval}")
        if self.value is None and not self.note:
            raise ConfigError("a claim that is not tested needs a note that says why")


@dataclass(frozen=True, kw_only=True)
class Claim(Generic[Evidence]):
    """One statement of a paper, and how to check it.

    `figure` is the published number, or the statement's gist as text when it has none.
    `tolerance` says which of our values agree with it. `recipe` is the smallest recipe that can
    test it. `measure` turns the room's evidence into our figure; a FitError from it means
    that the evidence cannot decide.
    """

    room: str
    source: str
    statement: str
    figure: float | str
    tolerance: Tolerance
    recipe: str
    measure: Callable[[Evidence], Measured]


def verdict(measured: Measured, low: float, high: float) -> Verdict:
    """Compare our value v and interval [a, b] with the allowed values [low, high].

    Without an interval: reproduced if low <= v <= high, else contradicted. With one: reproduced
    if [a, b] lies inside, contradicted if it lies outside, and if it straddles a bound the
    evidence is too coarse to say, which is "not tested at this scale". So a wide interval never
    confirms and never refutes.
    """
    if not measured.applicable:
        return Verdict.not_applicable
    value = measured.value
    if value is None or not math.isfinite(value):
        return Verdict.not_tested
    a, b = measured.interval or (value, value)
    if low <= min(a, value) and max(b, value) <= high:
        return Verdict.reproduced
    if max(b, value) < low or min(a, value) > high:
        return Verdict.contradicted
    return Verdict.not_tested


def judge(claims: Iterable[Claim[Evidence]], evidence: Evidence) -> list[Row]:
    """Check each claim on the evidence.

    Returns:
        One row a claim, in their order: room, source, statement, figure, ours, interval,
        tolerance, recipe, verdict, note.
    """
    rows: list[Row] = []
    for claim in claims:
        low, high = claim.tolerance.allowed(claim.figure)
        try:
            measured = claim.measure(evidence)
        except FitError as error:
            measured = Measured(note=str(error))
        said = verdict(measured, low, high)
        rows.append(
            {
                "room": claim.room,
                "source": claim.source,
                "statement": claim.statement,
                "figure": claim.figure,
                "ours": measured.value,
                "interval": None if measured.interval is None else list(measured.interval),
                "tolerance": str(claim.tolerance),
                "recipe": claim.recipe,
                "verdict": said.value,
                "note": measured.note or _why(said, measured),
            }
        )
    return rows


def _why(said: Verdict, measured: Measured) -> str:
    if said is not Verdict.not_tested:
        return ""
    if measured.value is not None and not math.isfinite(measured.value):
        return "our figure is not a finite number"
    return "our interval reaches beyond the tolerance: more runs would decide"
