"""A weight that is bilinear in the labels of its two neurons."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from precocial.errors import ConfigError
from precocial.genome.decoders.decoder import Decoder, table_of
from precocial.genome.labels.codes import Labels, OneHot, Outer


class Bilinear(Decoder):
    """W[i, j] = scale * a_i^T G b_j, a and b the labels of outputs and inputs.

    With one-hot labels of the outputs and `Outer(OneHot(types), Fourier(grid))` of the inputs,
    every answer reads every cell type through a smooth map over the places of its cells.

    With `rank`, G is a sum of `rank` outer products over the axes of the labels (canonical
    polyadic decomposition): for inputs with labels `Outer(b, d, ...)`,
    G[k, (l, m, ...)] = sum_r P[k, r] Q[l, r] R[m, r] ...: rank * (sum of widths) parameters.

    Source: ours; it is the rule of Barabasi et al. 2023 (W = X O Y^T) with X and Y from labels. The
    decomposition: Hitchcock 1927, as formalised by Carroll and Chang 1970 and Harshman 1970.

    Args:
        rows: labels of the outputs.
        columns: labels of the inputs.
        rank: None for a G of full size.
        scale: a constant factor.

    Raises:
        ConfigError: a rank below 1.
    """

    kind = "bilinear"
    row_table: Tensor

    def __init__(
        self, rows: Labels, columns: Labels, *, rank: int | None = None, scale: float = 1.0
    ) -> None:
        super().__init__()
        if rank is not None and rank < 1:
            raise ConfigError(f"Bilinear: rank must be at least 1, or None; got {rank}")
        self.row_labels, self.column_labels = rows, columns
        self.rows, self.columns = rows.count, columns.count
        self.rank, self.scale = rank, float(scale)
        self._parts = columns.parts if isinstance(columns, Outer) else (columns,)
        self.register_buffer("row_table", table_of(rows), persistent=False)
        for number, part in enumerate(self._parts):
            self.register_buffer(f"column_table_{number}", table_of(part), persistent=False)
        widths = [rows.width, *(part.width for part in self._parts)]
        if rank is None:
            wiring = torch.randn(widths[0], math.prod(widths[1:])) / widths[0] ** 0.5
            self.factors = nn.ParameterList([wiring])
        else:
            # `rank` products of one normal for each axis sum to a size of 1/sqrt(width)
            size = (rank * widths[0]) ** (-0.5 / len(widths))
            self.factors = nn.ParameterList([size * torch.randn(width, rank) for width in widths])

    def wiring(self) -> Tensor:
        """G, [width of outputs' labels, width of inputs' labels]."""
        first: Tensor = self.factors[0]
        if self.rank is None:
            return first
        joint: Tensor = self.factors[1]
        for factor in list(self.factors)[2:]:
            joint = (joint[:, None, :] * factor[None, :, :]).flatten(0, 1)
        return first @ joint.T

    def weight(self) -> Tensor:
        tables = [self.get_buffer(f"column_table_{n}") for n in range(len(self._parts))]
        joint = tables[0]
        for table in tables[1:]:
            joint = torch.kron(joint, table)
        return self.scale * self.row_table @ self.wiring() @ joint.T

    def product(self, x: Tensor) -> Tensor:
        """x W^T, first onto the inputs' labels, one axis at a time."""
        read = x.reshape(-1, *(part.count for part in self._parts))
        for number, part in enumerate(self._parts):
            if not isinstance(part, OneHot):
                table = self.get_buffer(f"column_table_{number}")
                read = (read.movedim(1 + number, -1) @ table).movedim(-1, 1 + number)
        out = self.scale * read.flatten(1) @ (self.row_table @ self.wiring()).T
        return out.reshape(*x.shape[:-1], self.rows)

    def share(self, other: Decoder) -> None:
        assert isinstance(other, Bilinear)
        self.factors = other.factors

    def spec(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "rows": self.row_labels.spec(),
            "columns": self.column_labels.spec(),
            "rank": self.rank,
            "scale": self.scale,
        }
