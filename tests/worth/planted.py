"""Worlds in which the worth of the prior is known, for the tests of `worth`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from precocial.worth import Curve

BASE_SIZES = tuple(np.geomspace(1e4, 1e7, 8).tolist())
TREATED_SIZES = tuple(np.geomspace(1e4, 3e5, 4).tolist())


def power(data: np.ndarray) -> np.ndarray:
    return 1.7 + 40 * data**-0.28


def saved(data: np.ndarray) -> np.ndarray:
    """D_T = k D_F^alpha, with no zero-shot."""
    return 3e4 * data**0.2


@dataclass(frozen=True)
class World:
    """Two arms whose log losses have normal noise of standard deviation sd * (data/1e5)^-trend."""

    sd: float = 0.003
    trend: float = 0.0
    seeds: int = 3
    base_sizes: tuple[float, ...] = BASE_SIZES
    sizes: tuple[float, ...] = TREATED_SIZES
    loss: Callable[[np.ndarray], np.ndarray] = power
    saved: Callable[[np.ndarray], np.ndarray] = saved

    def spread(self, data: np.ndarray) -> np.ndarray:
        return self.sd * (data / 1e5) ** -self.trend

    def arm(
        self, name: str, sizes: np.ndarray, losses: np.ndarray, rng: np.random.Generator
    ) -> Curve:
        noise = rng.standard_normal((len(sizes), self.seeds)) * self.spread(sizes)[:, None]
        return Curve.from_arrays(sizes, losses[:, None] * np.exp(noise), arm=name)

    def draw(self, seed: int) -> tuple[Curve, Curve]:
        """The base and the treated curve of one table."""
        rng = np.random.default_rng(seed)
        base, treated = np.array(self.base_sizes), np.array(self.sizes)
        reached = self.loss(treated + self.saved(treated))
        return (
            self.arm("scratch", base, self.loss(base), rng),
            self.arm("pretrained", treated, reached, rng),
        )
