"""A family of small worlds: pictures whose names partly change from life to life.

A lineage has its own pictures, few of them, and has lived in a few worlds. In each world a share
`variability` of the class names is dealt anew; the rest keep theirs. The held-out worlds are of the
same family, with pictures and deals that no ancestor met. With variability 0 all worlds agree, and
a genome can know all; with 1 no name lasts longer than a life.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from precocial.errors import ConfigError
from precocial.genome.data.examples import Examples, Task
from precocial.genome.loops.worlds import Worlds
from precocial.runs import stream


def deal(classes: int, variability: float, seed: int, *names: str | int) -> NDArray[np.int64]:
    """New names of the classes, [classes]: round(variability * classes) of them move in a cycle.

    Which classes move, and where to, is drawn; a class that moves never keeps its name.

    Raises:
        ConfigError: a variability outside [0, 1], or one that moves a single class, which has
            nowhere to go.
    """
    if not 0 <= variability <= 1:
        raise ConfigError(f"deal: variability lies in [0, 1]; got {variability!r}")
    moved = round(variability * classes)
    if moved == 1:
        raise ConfigError(
            f"deal: variability {variability} moves one class of {classes}, which has no other "
            f"name to take: give 0, or at least {1.5 / classes:.3g}"
        )
    order = stream(seed, "genome", "lab", "deal", *names).permutation(classes)[:moved]
    renamed = np.arange(classes, dtype=np.int64)
    renamed[order] = np.roll(order, 1)
    return renamed


def renamed(examples: Examples, names: NDArray[np.int64]) -> Examples:
    """The same pictures under other names: class c becomes names[c]."""
    return Examples(inputs=examples.inputs, targets=torch.from_numpy(names)[examples.targets])


@dataclass(frozen=True, kw_only=True)
class Family:
    """The worlds of one lineage, and the held-out worlds that its children are tried in."""

    pictures: Task
    """its training part is dealt to ancestors and to held-out lives, disjoint"""
    variability: float
    """sigma: share of the class names that change from life to life, in [0, 1]"""
    ancestral_pictures: int = 200
    """that the lineage has seen, the same in all its worlds (ours: few enough to be learned by
    heart)"""
    ancestral_worlds: int = 8
    """that the lineage has lived in (ours)"""
    seed: int = 0
    """of the lineage: its pictures and its deals"""

    def __post_init__(self) -> None:
        deal(self.pictures.classes, self.variability, self.seed)
        if self.ancestral_worlds < 1 or not 0 < self.ancestral_pictures < len(self.pictures.train):
            raise ConfigError(
                f"Family: at least one ancestral world, and 1 to {len(self.pictures.train) - 1} "
                f"ancestral pictures; got {self.ancestral_worlds} and {self.ancestral_pictures}"
            )

    @cached_property
    def _parts(self) -> tuple[Examples, Examples]:
        """The training pictures of the lineage, and those of held-out lives."""
        train = self.pictures.train
        order = stream(self.seed, "genome", "lab", "pictures").permutation(len(train))
        cut = self.ancestral_pictures
        return train.take(torch.from_numpy(order[:cut])), train.take(torch.from_numpy(order[cut:]))

    @cached_property
    def ancestral(self) -> tuple[Task, ...]:
        """The worlds that the lineage has lived in."""
        return tuple(
            self._world(self._parts[0], "ancestral", number)
            for number in range(self.ancestral_worlds)
        )

    def held_out(self, number: int) -> Task:
        """World `number` that no ancestor met: another deal, other pictures to learn from.

        Its test pictures are those of the family: nobody learns from them.
        """
        return self._world(self._parts[1], "held out", number)

    def outer(self, valid: int = 2) -> Worlds:
        """What the outer loop sees: ancestral worlds, drawn at random, and nothing else.

        `valid` of them, by their validation pictures, choose the generation.
        """
        return Worlds(draw=lambda seed: self.ancestral[seed % self.ancestral_worlds], valid=valid)

    def _world(self, train: Examples, kind: str, number: int) -> Task:
        names = deal(self.pictures.classes, self.variability, self.seed, kind, number)
        return Task(
            name=f"{self.pictures.name}, {kind} world {number}",
            train=renamed(train, names),
            valid=renamed(self.pictures.valid, names),
            test=renamed(self.pictures.test, names),
            classes=self.pictures.classes,
        )
