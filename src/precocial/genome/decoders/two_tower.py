"""Two small networks, one for outputs and one for inputs: a weight is their scalar product."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from precocial.genome.decoders.decoder import Decoder, perceptron, table_of
from precocial.genome.labels.codes import Labels


class TwoTower(Decoder):
    """W[i, j] = scale * <f(a_i), g(b_j)>, f and g ReLU networks with `rank` outputs.

    x W^T = scale * (x G) F^T is computed without W, in 2 rank (in + out) operations a sample. The
    rank of W is at most `rank`, which the paper's pair rule does not impose.

    Source: ours (the pair rule of Shuvaev et al. 2024 with its last layer made bilinear).
    """

    kind = "two_tower"
    row_table: Tensor
    column_table: Tensor

    def __init__(
        self,
        rows: Labels,
        columns: Labels,
        *,
        hidden: tuple[int, ...] = (16,),
        rank: int = 24,
        scale: float = 1.0,
    ) -> None:
        super().__init__()
        self.row_labels, self.column_labels = rows, columns
        self.rows, self.columns = rows.count, columns.count
        self.hidden, self.rank, self.scale = tuple(hidden), rank, float(scale)
        self.row_tower = perceptron((rows.width, *hidden, rank))
        self.column_tower = perceptron((columns.width, *hidden, rank))
        self.register_buffer("row_table", table_of(rows), persistent=False)
        self.register_buffer("column_table", table_of(columns), persistent=False)

    def factors(self) -> tuple[Tensor, Tensor]:
        """F[out, rank] (scaled) and G[in, rank], with W = F G^T."""
        return self.scale * self.row_tower(self.row_table), self.column_tower(self.column_table)

    def share(self, other: Decoder) -> None:
        assert isinstance(other, TwoTower)
        self.row_tower, self.column_tower = other.row_tower, other.column_tower

    def weight(self) -> Tensor:
        left, right = self.factors()
        return left @ right.T

    def product(self, x: Tensor) -> Tensor:
        left, right = self.factors()
        return (x @ right) @ left.T

    def spec(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "rows": self.row_labels.spec(),
            "columns": self.column_labels.spec(),
            "hidden": list(self.hidden),
            "rank": self.rank,
            "scale": self.scale,
        }
