"""A chunked hypernetwork: an embedding for every chunk of the weights, one network for all."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from precocial.errors import ConfigError
from precocial.genome.decoders.decoder import Decoder


class Chunked(Decoder):
    """W, row-major, in chunks: chunk k is scale * (H e_k + b), with e_k learned and kept.

    The genome has embeddings (chunks x width) and H, b (chunk x (width + 1)): it grows with the
    number of weights, at best as its square root.

    Source: the chunked hypernetwork of von Oswald et al. 2020, with a linear network.
    """

    kind = "chunked"

    def __init__(
        self, rows: int, columns: int, *, chunk: int, width: int = 1, scale: float = 1.0
    ) -> None:
        super().__init__()
        if chunk < 1 or width < 1:
            raise ConfigError(f"Chunked: chunk and width must be at least 1; got {chunk}, {width}")
        self.rows, self.columns, self.chunk, self.width = rows, columns, chunk, width
        self.scale = float(scale)
        self.embeddings = nn.Parameter(torch.randn(-(-rows * columns // chunk), width))
        self.network = nn.Linear(width, chunk)

    def weight(self) -> Tensor:
        chunks: Tensor = self.network(self.embeddings)
        flat = chunks.flatten()[: self.rows * self.columns]
        return self.scale * flat.reshape(self.rows, self.columns)

    def spec(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "rows": self.rows,
            "columns": self.columns,
            "chunk": self.chunk,
            "width": self.width,
            "scale": self.scale,
        }
