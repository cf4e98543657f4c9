"""Matrices from factors that are kept, or from the positions of neurons."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from precocial.errors import ConfigError
from precocial.genome.decoders.decoder import Decoder, table_of
from precocial.genome.labels.codes import Labels


class LowRank(Decoder):
    """W = scale * U V^T, U[out, rank] and V[in, rank] kept: rank (out + in) parameters.

    The yardstick for a rule that computes the factors from labels.
    """

    kind = "low_rank"

    def __init__(self, rows: int, columns: int, *, rank: int = 1, scale: float = 1.0) -> None:
        super().__init__()
        self.rows, self.columns, self.rank, self.scale = rows, columns, rank, float(scale)
        self.left = nn.Parameter(torch.randn(rows, rank))
        self.right = nn.Parameter(torch.randn(columns, rank))

    def weight(self) -> Tensor:
        return self.scale * self.left @ self.right.T

    def product(self, x: Tensor) -> Tensor:
        return self.scale * (x @ self.right) @ self.left.T

    def spec(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "rows": self.rows,
            "columns": self.columns,
            "rank": self.rank,
            "scale": self.scale,
        }


class GeneExpression(Decoder):
    """W = scale * X O Y^T: neurons express genes, and a small matrix O wires genes to genes.

    X[out, genes] and Y[in, genes] are the genes that neurons express. They are learned and kept,
    so the genome grows with the number of neurons.

    Source: the genetic connectome model (GEM) of Barabasi et al. 2023, with one set of genes for
    outputs and one for inputs.
    """

    kind = "gem"

    def __init__(self, rows: int, columns: int, *, genes: int = 4, scale: float = 1.0) -> None:
        super().__init__()
        self.rows, self.columns, self.genes, self.scale = rows, columns, genes, float(scale)
        self.row_expression = nn.Parameter(torch.randn(rows, genes))
        self.column_expression = nn.Parameter(torch.randn(columns, genes))
        self.wiring = nn.Parameter(torch.randn(genes, genes) / genes**0.5)

    def weight(self) -> Tensor:
        return self.scale * self.row_expression @ self.wiring @ self.column_expression.T

    def product(self, x: Tensor) -> Tensor:
        return self.scale * (x @ self.column_expression) @ self.wiring.T @ self.row_expression.T

    def spec(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "rows": self.rows,
            "columns": self.columns,
            "genes": self.genes,
            "scale": self.scale,
        }


class SpatialGeneExpression(Decoder):
    """W = scale * X O Y^T with genes expressed in Gaussian spots over the neurons' coordinates.

    Gene g of the inputs is expressed by neuron j as exp(-|p_j - c_g|^2 / (2 s_g^2)), p_j the place
    of the neuron in its label's coordinates: with a 2-D grid, three parameters a gene, whatever the
    number of neurons. The same holds for the outputs.

    Source: the spatial model (S-GEM) of Barabasi et al. 2023, from its abstract and its counts; the
    coordinates of neurons without a place are their labels (ours).
    """

    kind = "sgem"
    row_places: Tensor
    column_places: Tensor

    def __init__(
        self, rows: Labels, columns: Labels, *, genes: int = 4, scale: float = 1.0
    ) -> None:
        super().__init__()
        self.row_labels, self.column_labels = rows, columns
        self.rows, self.columns = rows.count, columns.count
        self.genes, self.scale = genes, float(scale)
        self.register_buffer("row_places", table_of(rows), persistent=False)
        self.register_buffer("column_places", table_of(columns), persistent=False)
        self.row_centres = _centres(self.row_places, genes)
        self.column_centres = _centres(self.column_places, genes)
        self.row_log_spread = nn.Parameter(torch.zeros(genes))
        self.column_log_spread = nn.Parameter(torch.zeros(genes))
        self.wiring = nn.Parameter(torch.randn(genes, genes) / genes**0.5)

    def factors(self) -> tuple[Tensor, Tensor]:
        """X[out, genes] and Y[in, genes]."""
        return (
            _spots(self.row_places, self.row_centres, self.row_log_spread),
            _spots(self.column_places, self.column_centres, self.column_log_spread),
        )

    def weight(self) -> Tensor:
        left, right = self.factors()
        return self.scale * left @ self.wiring @ right.T

    def product(self, x: Tensor) -> Tensor:
        left, right = self.factors()
        return self.scale * (x @ right) @ self.wiring.T @ left.T

    def spec(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "rows": self.row_labels.spec(),
            "columns": self.column_labels.spec(),
            "genes": self.genes,
            "scale": self.scale,
        }


def _centres(places: Tensor, genes: int) -> nn.Parameter:
    """Genes start at neurons drawn at random."""
    if genes < 1:
        raise ConfigError(f"genes must be at least 1; got {genes}")
    return nn.Parameter(places[torch.randint(len(places), (genes,))].clone())


def _spots(places: Tensor, centres: Tensor, log_spread: Tensor) -> Tensor:
    """Squared distances by the label's width, so that one spread suits labels of all widths."""
    squares = ((places[:, None, :] - centres[None, :, :]) ** 2).mean(dim=2)
    return torch.exp(-squares / (2 * torch.exp(2 * log_spread)))
