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

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from precocial.choice.arguments import checked
from precocial.errors import ConfigError
from precocial.normativity.judges import Judges
from precocial.normativity.statements import Statement, statement_of

Floats = NDArray[np.float64]
Semantics = Literal["sample", "mean"]
Q = 0.75
"""Ours: the largest round q at which one more level moves at most a third of what the last did."""
DEPTH = 3
"""Ours: levels of an unshared top; two above the first are the fewest that can disagree."""
CONFIDENCE = 0.95
"""Ours: sure, but not certain."""
MASS = 1e-6
"""How far an initial distribution may be from summing to 1."""


@checked
@dataclass(frozen=True, eq=False)
class Level:
    """Finitely many hypotheses and what is believed of them before any feedback.

    Attributes:
        name: "labels", "processes", ...
        items: their names.
        initial: p[g], or p[t, g] with tasks; uniform if neither this nor `logits` is given.
        logits: log p up to a constant, instead of `initial`.
        q: the part of this level's initial distribution that its judges may keep, in (0, 1];
            None: the hierarchy's.
        floor: the share of the initial distribution mixed in whatever the judges say, in [0, 1);
            None: the hierarchy's.
        tasks: on level 0, the names of the questions that are answered one by one.
        hypotheses: what the items are, if they were sampled.
    """

    name: str
    items: Sequence[str]
    initial: ArrayLike | None = None
    logits: ArrayLike | None = None
    q: float | None = None
    floor: float | None = None
    tasks: Sequence[str] | None = None
    hypotheses: Sequence[Any] = ()

    def __post_init__(self) -> None:
        """Check and normalise.

        Raises:
            ConfigError: no items, a name twice, bad weights, q or floor.
        """
        for what, names in (("items", self.items), ("tasks", self.tasks or ("one",))):
            if not len(names) or len(set(names)) < len(names):
                raise ConfigError(
                    f"Level {self.name!r}: {what} must be names, one at least, none of them twice"
                )
        if self.q is not None:
            q_of(self.name, self.q)
        if self.floor is not None:
            floor_of(self.name, self.floor)
        object.__setattr__(self, "items", tuple(self.items))
        if self.tasks is not None:
            object.__setattr__(self, "tasks", tuple(self.tasks))
        object.__setattr__(self, "initial", self._distribution())
        object.__setattr__(self, "logits", None)

    def _distribution(self) -> Floats:
        if self.initial is not None and self.logits is not None:
            raise ConfigError(f"Level {self.name!r}: give initial or logits, not both")
        count, tasks = len(self.items), len(self.tasks or ())
        shape = (tasks, count) if tasks else (count,)
        given = self.logits if self.initial is None else self.initial
        p = np.zeros(count) if given is None else np.asarray(given, dtype=np.float64)
        if p.shape not in (shape, (count,)) or not np.isfinite(p).all():
            raise ConfigError(
                f"Level {self.name!r}: the initial distribution must be finite, of shape {shape} "
                f"(items last); got shape {p.shape}"
            )
        if self.initial is None:
            p = np.exp(p - p.max(axis=-1, keepdims=True))
            p = p / p.sum(axis=-1, keepdims=True)
        total = p.sum(axis=-1, keepdims=True)
        if (p < 0).any() or (np.abs(total - 1) > MASS).any():
            raise ConfigError(
                f"Level {self.name!r}: initial must hold no number below 0 and sum to 1 over the "
                f"items; got sums of {total.min():.6g} to {total.max():.6g}"
            )
        return np.broadcast_to(p / total, shape).copy()

    @property
    def p(self) -> Floats:
        """The initial distribution, normalised."""
        return np.asarray(self.initial, dtype=np.float64)

    @cached_property
    def where(self) -> dict[str, int]:
        """The place of each item."""
        return {item: place for place, item in enumerate(self.items)}

    @cached_property
    def task_where(self) -> dict[str, int]:
        """The place of each task."""
        return {task: place for place, task in enumerate(self.tasks or ())}

    @staticmethod
    def sampled(
        name: str, draw: Callable[[np.random.Generator], Any], count: int, *, seed: int = 0,
        q: float | None = None, floor: float | None = None,
    ) -> Level:  # fmt: skip
        """`count` hypotheses drawn from a distribution too large to list, each with base 1/count.

        Quantilizing the sample stands for quantilizing what it was drawn from; the error is that of
        a sample of this size.

        Raises:
            ConfigError: count below 1.
        """
        if count < 1:
            raise ConfigError(f"Level.sampled: count must be at least 1; got {count}")
        rng = np.random.default_rng(seed)
        drawn = tuple(draw(rng) for _ in range(count))
        names = tuple(f"{name}:{place}" for place in range(count))
        return Level(name, names, q=q, floor=floor, hypotheses=drawn)


def q_of(name: str, q: float) -> float:
    """q, if it lies in (0, 1]."""
    if not 0 < q <= 1:
        raise ConfigError(
            f"{name}: q must lie in (0, 1]; got {q}. q=1 is imitation, q near 0 is argmax"
        )
    return float(q)


def floor_of(name: str, floor: float) -> float:
    """The floor, if it lies in [0, 1)."""
    if not 0 <= floor < 1:
        raise ConfigError(f"{name}: floor must lie in [0, 1); got {floor}. 0 switches it off")
    return float(floor)


Scores = ArrayLike | Callable[[Any, Any], float]


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
            count: how many observations it stands for; 1, and `COUNT` for feedback on feedback.

        Raises:
            ConfigError: unknown names, numbers out of range.
        """
        number = len(self.statements)
        self.statements.append(
            statement_of(
                self,
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
        given = [[float(given(h, g)) for g in pairs[1]] for h in pairs[0]]
    judges = Judges(given)
    shape = (len(judging.items), *judged.p.shape)
    if judges.scores.shape != shape:
        raise ConfigError(
            f"Hierarchy: scores[{n}] of {judged.name} by {judging.name} must have shape {shape}; "
            f"got {judges.scores.shape}"
        )
    return judges
