"""What was found inside an agent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Verdict = Literal["maximises", "minimises", "look-up", "anchored", "unknown"]
Means = Literal["source", "run", "probe"]


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One line of evidence.

    Attributes:
        means: "source" (read), "run" (watched) or "probe" (something was changed).
        text: what was seen.
        line: of the source, where there is one.
        share: of the trials in which it was seen, where it was counted.
        trials: how many.
    """

    means: Means
    text: str
    line: int | None = None
    share: float | None = None
    trials: int | None = None


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One reading of the program, for the user to accept or not.

    Attributes:
        kind: "maximises", "minimises", "look-up", "part" (of a score), "depends" (on an input),
            "threshold", "n-th best" or "decoy" (computed, of no effect).
        about: the function, table, expression or input.
        claim: the reading in a sentence.
        tag: what the user calls it; None if nothing.
        evidence: for it.
    """

    kind: str
    about: str
    claim: str
    tag: str | None = None
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What one intervention did.

    Attributes:
        about: what was changed.
        intervention: how.
        flip_share: of the states in which the action became another (or none).
        states: how many.
    """

    about: str
    intervention: str
    flip_share: float
    states: int


@dataclass(frozen=True, kw_only=True)
class Inside:
    """What was found by reading, watching and probing one policy.

    Attributes:
        verdict: of the structure, given the tags; "unknown" is an answer.
        reason: why this one.
        candidates: readings with their evidence, the verdict's first.
        effects: every intervention.
        actions: what the policy does in each state.
        tags: the user's names; they are the normative assumption.
    """

    verdict: Verdict
    reason: str
    candidates: tuple[Candidate, ...] = ()
    effects: tuple[Effect, ...] = ()
    actions: tuple[Any, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)

    def rows(self) -> list[dict[str, Any]]:
        """One row for each line of evidence."""
        return [
            {"kind": c.kind, "about": c.about, "claim": c.claim, "tag": c.tag,
             "means": e.means, "line": e.line, "text": e.text, "share": e.share,
             "trials": e.trials}
            for c in self.candidates
            for e in c.evidence
        ]  # fmt: skip
