"""A random subspace of weight space: the genome is a point in it."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from precocial.errors import ConfigError
from precocial.genome.decoders.decoder import Decoder
from precocial.genome.labels.codes import hashed_normals, hashed_words

_MEMBERS = 8
"""Coordinates that a weight depends on. Ours: a sparse projection; a dense one of 750 coordinates
onto 636,010 weights would take 1.9 GB."""


class Subspace(Decoder):
    """W = scale * (W0 + P z): W0 and P from a hash of `seed`, z the genome.

    P has `_MEMBERS` entries of +-1/sqrt(_MEMBERS) in a row, W0 is standard normal. z is shared by
    all tensors of a model.

    Source: Li et al. 2018 (intrinsic dimension), with a hashed sparse projection.
    """

    kind = "subspace"

    def __init__(
        self, rows: int, columns: int, *, dimension: int, seed: int = 0, scale: float = 1.0
    ) -> None:
        super().__init__()
        if dimension < 1:
            raise ConfigError(f"Subspace: dimension must be at least 1; got {dimension}")
        self.rows, self.columns, self.dimension = rows, columns, dimension
        self.seed, self.scale = seed, float(scale)
        self.point = nn.Parameter(torch.zeros(dimension))

    @cached_property
    def _tables(self) -> tuple[Tensor, Tensor, Tensor]:
        """Places and signs of P's entries, [out * in, members], and W0, flat; made at first use."""
        n = self.rows * self.columns
        words = hashed_words(2 * self.seed + 1, n * _MEMBERS).reshape(n, _MEMBERS)
        where = (words >> np.uint64(1)) % np.uint64(self.dimension)
        signs = np.where(words & np.uint64(1), 1.0, -1.0) / np.sqrt(_MEMBERS)
        origin = hashed_normals(2 * self.seed, n)
        return (
            torch.from_numpy(where.astype(np.int64)).to(self.point.device),
            torch.from_numpy(signs).to(self.point),
            torch.from_numpy(origin).to(self.point),
        )

    def share(self, other: Decoder) -> None:
        assert isinstance(other, Subspace)
        self.point = other.point

    def weight(self) -> Tensor:
        where, signs, origin = self._tables
        moved = (self.point[where] * signs).sum(dim=1)
        return (self.scale * (origin + moved)).reshape(self.rows, self.columns)

    def spec(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "rows": self.rows,
            "columns": self.columns,
            "dimension": self.dimension,
            "seed": self.seed,
            "scale": self.scale,
        }
