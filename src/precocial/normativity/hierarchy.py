"""Levels of hypotheses, each judged by the level above: our finite recursive quantilizer.

This is our finite formulation of the idea as summarised in Alignment Newsletter #133 and
Intermittent Distillations #1 (of Demski, Learning Normativity, 2020, and Recursive Quantilizers
II). The sections of those posts that define their models could not be read; nothing here claims to
be their definition.

Level 0 holds actions or labels, level 1 what chooses among them, level 2 what judges those, and so
on. S_n[h, g] is the worth of g of level n to h of level n+1, p_n the initial distribution of level
n, q_n the part of it that a judge may keep. With `share` the last level judges itself, and so
stands for infinitely many levels at once, learned from finite feedback.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from precocial.choice.arguments import checked
from precocial.errors import ConfigError
from precocial.normativity.judges import Judges
from precocial.normativity.levels import Level, floor_of, q_of
from precocial.normativity.statements import Statement, statement_of

Floats = NDArray[np.float64]
Semantics = Literal["sample", "mean"]
Q = 0.75
"""Ours: the largest round q at which one more level moves at most a third of what the last did."""
DEPTH = 3
"""Ours: levels of an unshared top; two above the first are the fewest that can disagree."""
CONFIDENCE = 0.95
"""Ours: sure, but not certain."""


class Hierarchy:
    """Levels and what each level's members think of the level below.

    Attributes:
        levels: from the actions (level 0) upwards. Without `share` the top one stands `depth`
            times, each copy with an initial distribution of its own.
        judges: judges[n] judge level n and are the items of level n+1; with `share` there is one
            more, in which the last level judges itself.
        share: whether the last level judges itself.
        q, floor: one for each level.
        semantics: "sample": K[h, :] = Q_q(p, S[h, :]) and r_n = r_{n+1} K, as if a judge were
            drawn; "mean": r_n = Q_q(p, r_{n+1} S), the judges' mean verdict.
    """

    @checked
    def __init__(
        self, levels: Sequence[Level], scores: Sequence[Any], *, share: bool = True, q: float = Q,
        floor: float = 0.0, semantics: Semantics = "sample", depth: int = DEPTH,
    ) -> None:  # fmt: skip
        """Check that all fits, and sort the scores.

        Args:
            levels: from the actions upwards.
            scores: scores[n][h, g] (or [h, t, g] with tasks) of level n's items by level n+1's;
                last, the top level's by the top level. One that is a function of two hypotheses
                (judge, judged) is called for every pair. Without the last one, `share` must be
                False: then the top level is simply drawn from its initial distribution.
            share: the last level judges itself, for ever (True), or stands `depth` times with
                distributions that are learned apart (False).
            q, floor: for the levels that have none of their own.
            semantics: see above.
            depth: how often the top stands without `share`.

        Raises:
            ConfigError: what does not fit.
        """
        levels, scores = list(levels), list(scores)
        if not levels or len({level.name for level in levels}) < len(levels):
            raise ConfigError("Hierarchy: levels must have names, one at least, none of them twice")
        if len(scores) not in (len(levels), len(levels) - 1) or not scores:
            raise ConfigError(
                f"Hierarchy: {len(levels)} levels need {len(levels) - 1} arrays of scores, or one "
                f"more in which the top judges itself; got {len(scores)}"
            )
        loops = len(scores) == len(levels)
        if share and not loops:
            raise ConfigError(
                "Hierarchy: share=True needs scores of the top level by itself, last in `scores`; "
                "give them, or share=False for a chain that ends there"
            )
        if any(level.tasks for level in levels[1:]) or (loops and levels[-1].tasks):
            raise ConfigError("Hierarchy: only level 0 may have tasks, and nothing above judges it")
        if depth < 1:
            raise ConfigError(f"Hierarchy: depth must be at least 1; got {depth}")
        judges = [_judges(n, levels, given) for n, given in enumerate(scores)]
        if loops and not share:
            top = levels[-1]
            levels += [replace(top, name=f"{top.name}+{n}") for n in range(1, depth)]
            judges = judges[:-1] + [judges[-1]] * (depth - 1)
        self.levels: tuple[Level, ...] = tuple(levels)
        self.judges: tuple[Judges, ...] = tuple(judges)
        self.share, self.semantics = bool(share), semantics
        self.statements: list[Statement] = []
        self.q = tuple(q_of("Hierarchy", q if one.q is None else one.q) for one in levels)
        self.floor = tuple(
            floor_of("Hierarchy", floor if one.floor is None else one.floor) for one in levels
        )

    @property
    def initial(self) -> tuple[Floats, ...]:
        """The initial distribution of each level."""
        return tuple(level.p for level in self.levels)

    def place(self, level: str | int) -> int:
        """Where a level stands in `levels`; with `share` every number beyond the last is the last.

        Raises:
            ConfigError: no such level.
        """
        if isinstance(level, str):
            names = [one.name for one in self.levels]
            if level in names:
                return names.index(level)
            raise ConfigError(f"no level {level!r}; there are {', '.join(names)}")
        top = len(self.levels) - 1
        if level < 0 or (level > top and not self.share):
            raise ConfigError(f"level must lie in 0 to {top}; got {level}")
        return min(int(level), top)

    @checked
    def feedback(
        self, *, level: str | int, item: Any = None, value: float = 1.0,
        confidence: float = CONFIDENCE, source: str, better_than: str | None = None,
        task: str | None = None, kind: str = "", count: float | None = None,
    ) -> int:  # fmt: skip
        """Note one piece of feedback for `fit`; returns its number, for feedback on it.

        Args:
            level: a level; "whole" for the whole chain; "sources" or "statements" for feedback on
                feedback.
            item: on a level, the item; of "whole", None (the fixed point as it stands) or a chain
                {level: item}; of "sources", the source or group; of "statements", a number.
            value: in [0, 1]: whether it is right, good, better, reliable or sound.
            confidence: the probability that it holds, as the source sees it. A label of confidence
                1 and value 1 is obeyed where it was given, and elsewhere weighs like any other.
            source: who says it.
            better_than: makes it a comparison: `item` is better than this one.
            task: on a level with tasks, which one.
            kind: on level 0, "score" for a score in place of a label; of "sources", the kind of
                that source's feedback that is meant (every kind by default).
            count: how many observations it stands for, up to 1e12; 1, and `COUNT` for feedback on
                feedback.

        Raises:
            ConfigError: unknown names, numbers out of range.
        """
        number = len(self.statements)
        self.statements.append(
            statement_of(
                self.levels,
                self.place,
                number,
                level=level,
                item=item,
                value=value,
                confidence=confidence,
                source=source,
                better_than=better_than,
                task=task,
                kind=kind,
                count=count,
            )
        )
        return number


def _judges(n: int, levels: Sequence[Level], given: Any) -> Judges:
    """The judges of level n: the items of the level above, or of the top itself."""
    judged, judging = levels[n], levels[min(n + 1, len(levels) - 1)]
    if callable(given):
        pairs = (judging.hypotheses or judging.items, judged.hypotheses or judged.items)
        given = [[_score(n, levels, given(h, g)) for g in pairs[1]] for h in pairs[0]]
    judges = Judges(given)
    shape = (len(judging.items), *judged.p.shape)
    if judges.scores.shape != shape:
        raise ConfigError(
            f"Hierarchy: scores[{n}] of {judged.name} by {judging.name} must have shape {shape}; "
            f"got {judges.scores.shape}"
        )
    return judges


def _score(n: int, levels: Sequence[Level], given: Any) -> float:
    """What a function of two hypotheses gave, as a number."""
    try:
        return float(given)
    except (TypeError, ValueError) as error:
        judged, judging = levels[n], levels[min(n + 1, len(levels) - 1)]
        raise ConfigError(
            f"Hierarchy: the function scores[{n}] of {judged.name} by {judging.name} must give a "
            f"number for each pair (judge, judged); got {given!r:.60}"
        ) from error
