"""One level of a hierarchy: its hypotheses and what is believed of them at first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from precocial.choice.arguments import checked, generator_of
from precocial.errors import ConfigError

Floats = NDArray[np.float64]
RESERVED = ("", "sources", "statements", "whole")
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
        if self.name in RESERVED:
            raise ConfigError(
                f"Level: {self.name!r} cannot name a level; feedback speaks of "
                f"{', '.join(RESERVED[1:])} by these words"
            )
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
    @checked
    def sampled(
        name: str, draw: Callable[[np.random.Generator], Any], count: int, *, seed: int = 0,
        q: float | None = None, floor: float | None = None,
    ) -> Level:  # fmt: skip
        """`count` hypotheses drawn from a distribution too large to list, each with base 1/count.

        Quantilizing the sample stands for quantilizing what it was drawn from; the error is that of
        a sample of this size.

        Raises:
            ConfigError: count below 1, or a seed below 0.
        """
        if count < 1:
            raise ConfigError(f"Level.sampled: count must be at least 1; got {count}")
        rng = generator_of("Level.sampled", seed)
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
