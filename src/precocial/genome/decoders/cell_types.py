"""Stochastic wiring by cell type: the genome gives a distribution of each weight, not a value."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from precocial.errors import ConfigError
from precocial.genome.decoders.decoder import Decoder
from precocial.genome.labels.codes import hashed_normals


class CellTypes(Decoder):
    """W[i, j] ~ Normal(mean[s, t], spread[s, t]^2), s and t the types of neurons i and j.

    Neuron i is of type floor(i * types / N): nothing is stored about single neurons. In training
    mode every call draws anew, from torch's generator; in evaluation mode the draw is fixed by
    `litter`, so two young of one genome differ only if their litters do.

    Source: the stochastic genome of the authors' code (self-supervisor/genomic_bottleneck_v2), by
    the reparametrised draw; without its prior on the types.
    """

    kind = "cell_types"
    row_types: Tensor
    column_types: Tensor

    def __init__(
        self,
        rows: int,
        columns: int,
        *,
        types: tuple[int, int],
        litter: int = 0,
        scale: float = 1.0,
    ) -> None:
        super().__init__()
        if not (1 <= types[0] <= rows and 1 <= types[1] <= columns):
            raise ConfigError(
                f"CellTypes: types must lie between 1 and {(rows, columns)}; got {types}"
            )
        self.rows, self.columns, self.types = rows, columns, tuple(types)
        self.litter, self.scale = litter, float(scale)
        self.mean = nn.Parameter(torch.randn(types))
        self.log_spread = nn.Parameter(torch.full(types, -1.0))
        self.register_buffer("row_types", torch.arange(rows) * types[0] // rows, persistent=False)
        self.register_buffer(
            "column_types", torch.arange(columns) * types[1] // columns, persistent=False
        )

    def _noise(self) -> Tensor:
        if self.training:
            return torch.randn(self.rows, self.columns)
        fixed = torch.from_numpy(hashed_normals(self.litter, self.rows * self.columns))
        return fixed.to(self.mean.dtype).reshape(self.rows, self.columns)

    def weight(self) -> Tensor:
        mean = self.mean[self.row_types][:, self.column_types]
        spread = self.log_spread.exp()[self.row_types][:, self.column_types]
        return self.scale * (mean + spread * self._noise())

    def spec(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "rows": self.rows,
            "columns": self.columns,
            "types": list(self.types),
            "litter": self.litter,
            "scale": self.scale,
        }
