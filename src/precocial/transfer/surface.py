"""A fitted from-scratch law as a function of N and D, for one or many parameter vectors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from precocial.errors import ConfigError, one_of
from precocial.worth.laws import LAWS, Law

Floats = NDArray[np.float64]

ENOUGH = 0.99
"""D(N) is the data that give a model of size N this share of its infinite-data performance."""

_LOG_LARGEST = 709.0
"""exp of it is near the largest float."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Surface:
    """S(N, D). Shape letters: P parameter vectors, n points.

    Attributes:
        law: one of `laws.LAWS`, or your own.
        phi: (P, p) the law's coordinates, at the centre x0, y0 of log N and log D.
    """

    law: Law
    phi: Floats
    x0: float = 0.0
    y0: float = 0.0

    @classmethod
    def of(cls, law: str, parameters: Mapping[str, float]) -> Surface:
        """The surface of `law` with its own parameters by name (`E, A, a, B, b`, ...).

        Raises:
            ConfigError: unknown law, or parameters missing, unknown or not above 0.
        """
        one_of("law", law, LAWS)
        found = LAWS[law]
        wanted = found.natural(np.zeros((1, len(found.coordinates))), 0.0, 0.0)
        if set(parameters) != set(wanted) or any(not v > 0 for v in parameters.values()):
            raise ConfigError(
                f"the law {law!r} needs the parameters {', '.join(wanted)}, each above 0; "
                f"got {dict(parameters)!r}"
            )
        return cls(law=found, phi=found.coordinates_of(parameters)[None])

    def size_coordinate(self, parameters: ArrayLike) -> Floats:
        """(n,) centred log N; zeros for a law without a size term."""
        log_N = np.log(np.atleast_1d(np.asarray(parameters, dtype=np.float64)))
        # a law without a size term ignores N; NaN must not leak into it
        return log_N - self.x0 if self.law.uses_size else np.zeros_like(log_N)

    def log_loss(self, parameters: ArrayLike, data: ArrayLike) -> Floats:
        """(P, n) log S(N, D); `data` (n,) or (P, n)."""
        return self.log_loss_at(parameters, np.log(np.asarray(data, dtype=np.float64)))

    def log_loss_at(self, parameters: ArrayLike, log_data: ArrayLike) -> Floats:
        """The same of log D, which may lie beyond the largest float."""
        y = np.atleast_1d(np.asarray(log_data, dtype=np.float64)) - self.y0
        return self.law.evaluate(self.phi, self.size_coordinate(parameters), y).log_loss

    def slope(self, parameters: ArrayLike, data: ArrayLike) -> Floats:
        """(P, n) d log S / d log D."""
        y = np.log(np.atleast_1d(np.asarray(data, dtype=np.float64))) - self.y0
        return self.law.evaluate(self.phi, self.size_coordinate(parameters), y).slope

    def floor(self, parameters: ArrayLike) -> Floats:
        """(P, n) loss with infinite data."""
        return np.asarray(np.exp(self.law.log_floor(self.phi, self.size_coordinate(parameters))))

    def data_for(self, parameters: ArrayLike, log_loss: ArrayLike) -> Floats:
        """(P, n) data at which the loss is reached; inf where it lies below the floor."""
        target = np.atleast_2d(np.asarray(log_loss, dtype=np.float64))
        y = self.law.log_data(self.phi, self.size_coordinate(parameters), target)
        with np.errstate(over="ignore"):
            return np.asarray(np.exp(y + self.y0))

    def enough_data(self, parameters: ArrayLike, *, share: float = ENOUGH) -> Floats:
        """(P, n) D(N): the data at which floor / loss = `share`; inf for a law without a floor.

        The paper says "99 % of the performance of infinite data"; reading performance as
        1 / loss is ours.
        """
        with np.errstate(over="ignore"):
            return np.asarray(np.exp(self._log_enough_data(parameters, share)))

    def regime(self, parameters: ArrayLike, data: ArrayLike) -> Floats:
        """(P, n) D / D(N); the largest float where D(N) is nothing."""
        with np.errstate(divide="ignore"):
            log_data = np.log(np.asarray(data, dtype=np.float64))
        share = log_data - self._log_enough_data(parameters, ENOUGH)
        return np.asarray(np.exp(np.minimum(share, _LOG_LARGEST)))

    def _log_enough_data(self, parameters: ArrayLike, share: float) -> Floats:
        x = self.size_coordinate(parameters)
        floor = self.law.log_floor(self.phi, x)
        y = self.law.log_data(self.phi, x, np.where(np.isfinite(floor), floor, 0) - np.log(share))
        return np.where(np.isfinite(floor), y + self.y0, np.inf)

    def natural(self) -> dict[str, Floats]:
        """The law's own parameters by name, (P,) each."""
        with np.errstate(over="ignore"):  # a coefficient at N = D = 1 may be beyond a float
            return self.law.natural(self.phi, self.x0, self.y0)
