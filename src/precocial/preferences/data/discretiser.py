"""From numbers to states: boxes along each dimension of an observation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from precocial.choice.arguments import checked
from precocial.errors import ConfigError, DataError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
MAX_STATES = 1_000_000
"""More boxes are refused: a world of them could not be planned in."""


@checked
@dataclass(frozen=True, kw_only=True, eq=False)
class Discretiser:
    """Boxes: each of D dimensions is cut at its edges, and a state is one box.

    What happens inside a box is lost, and steps between boxes need not be Markov: an audit of
    discretised data is about the discretised world. Compare two sizes of boxes.

    Attributes:
        edges: D arrays of rising inner edges; b - 1 edges make b intervals. An interval holds its
            lower edge; the outer ones are open-ended.
        names: D names of the dimensions, or ().
    """

    edges: tuple[Floats, ...]
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for d, edges in enumerate(self.edges):
            if edges.ndim != 1 or not np.isfinite(edges).all() or (np.diff(edges) <= 0).any():
                raise ConfigError(
                    f"Discretiser: the edges of dimension {d} must be finite and rise"
                )
        if not self.edges or len(self.names) not in (0, len(self.edges)):
            raise ConfigError(
                "Discretiser: one array of edges and one name a dimension, or no names"
            )
        if self.n_states > MAX_STATES:
            raise ConfigError(
                f"Discretiser: {self.n_states} boxes; at most {MAX_STATES} are allowed. Take fewer "
                "intervals or dimensions"
            )

    @classmethod
    def uniform(
        cls, observations: ArrayLike, bins: int | Sequence[int], names: Sequence[str] = ()
    ) -> Discretiser:
        """Intervals of one width between the least and the largest observation.

        Args:
            observations: (n, D), or (n,) for one dimension.
            bins: intervals a dimension: one number, or D.
            names: D names.
        """
        columns = _columns(observations).T
        edges = []
        for column, count in zip(columns, _bins(bins, len(columns)), strict=True):
            with np.errstate(over="ignore", invalid="ignore"):
                cuts = np.linspace(column.min(), column.max(), count + 1)[1:-1]
            edges.append(_rising(cuts, column))
        return cls(edges=tuple(edges), names=tuple(names))

    @classmethod
    def quantiles(
        cls, observations: ArrayLike, bins: int | Sequence[int], names: Sequence[str] = ()
    ) -> Discretiser:
        """Intervals that hold about equally many observations; fewer where values repeat."""
        columns = _columns(observations).T
        edges = []
        for column, count in zip(columns, _bins(bins, len(columns)), strict=True):
            with np.errstate(over="ignore", invalid="ignore"):
                cuts = np.quantile(column, np.linspace(0, 1, count + 1)[1:-1])
            edges.append(_rising(cuts, column))
        return cls(edges=tuple(edges), names=tuple(names))

    @property
    def shape(self) -> tuple[int, ...]:
        """Intervals a dimension."""
        return tuple(len(edges) + 1 for edges in self.edges)

    @property
    def n_states(self) -> int:
        return math.prod(self.shape)

    @property
    def grid(self) -> Ints | None:
        """(S, 2) row and column of each box, in two dimensions; None in others."""
        if len(self.edges) != 2:
            return None
        return np.stack(np.unravel_index(np.arange(self.n_states), self.shape), axis=1)

    def __call__(self, observations: ArrayLike) -> Ints:
        """(n,) the boxes of observations (n, D), counted with the last dimension fastest.

        Raises:
            DataError: another number of dimensions, NaN or infinity.
        """
        columns = _columns(observations).T
        if len(columns) != len(self.edges):
            raise DataError(
                f"observations have {len(columns)} numbers and the Discretiser {len(self.edges)}"
            )
        places = [np.searchsorted(e, x, side="right") for e, x in zip(self.edges, columns)]
        return np.asarray(np.ravel_multi_index(places, self.shape), dtype=np.int64)

    def describe(self, state: int) -> str:
        """The box in words, such as "x < 0.5, 1 <= y < 2".

        Raises:
            ConfigError: no such state.
        """
        if not 0 <= state < self.n_states:
            raise ConfigError(f"describe: states are 0 to {self.n_states - 1}; got {state}")
        told = []
        for d, place in enumerate(np.unravel_index(state, self.shape)):
            name = self.names[d] if self.names else f"x{d}"
            low = f"{self.edges[d][place - 1]:.4g} <= " if place > 0 else ""
            high = f" < {self.edges[d][place]:.4g}" if place < len(self.edges[d]) else ""
            told.append(f"{low}{name}{high}" if low or high else f"any {name}")
        return ", ".join(told)


def _columns(observations: ArrayLike) -> Floats:
    """(n, D) finite numbers."""
    try:
        found = np.asarray(observations, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"observations must be numbers ({error})") from error
    found = found[:, None] if found.ndim == 1 else found
    if found.ndim != 2 or 0 in found.shape:
        raise DataError(f"observations must be (n, D), none of them 0; got shape {found.shape}")
    bad = np.flatnonzero(~np.isfinite(found).all(axis=1))
    if len(bad):
        raise DataError(f"observation {bad[0]} is NaN or infinite; finite numbers are needed")
    return found


def _bins(bins: int | Sequence[int], dimensions: int) -> list[int]:
    counts = [bins] * dimensions if isinstance(bins, int | np.integer) else list(bins)
    if len(counts) != dimensions or not all(1 <= count <= MAX_STATES for count in counts):
        raise ConfigError(
            f"Discretiser: bins must be one number of at least 1, or {dimensions}; got {bins}"
        )
    return counts


def _rising(edges: Floats, column: Floats) -> Floats:
    """The edges that leave something on both sides."""
    if not np.isfinite(edges).all():
        raise DataError("observations span more than a float can hold; scale them")
    different = np.unique(edges)
    return np.asarray(different[(different > column.min()) & (different <= column.max())])
