"""The paper's decoder: one small network maps the labels of two neurons to their weight."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from precocial.genome.decoders.decoder import Decoder, perceptron, table_of
from precocial.genome.labels.codes import Labels

BLOCK_WEIGHTS = 1 << 20
"""Weights generated at once. Ours: at 30 and 10 hidden units a block keeps 160 MB for the backward
pass; a larger matrix is generated in blocks of rows that are computed again on the way back."""


class Pair(Decoder):
    """W[i, j] = scale * F(a_i, b_j), F a ReLU network with widths `(|a| + |b|, *hidden, 1)`.

    The first layer is split: F's first layer on (a_i, b_j) is Wa a_i + Wb b_j + c, so it costs one
    product for each row and one for each column instead of one for each weight. The values are
    the same.

    Source: Shuvaev et al. 2024, Methods, "g-network". With `columns=None` it is the paper's network
    for a bias vector, W[i, 0] = F(a_i).

    Args:
        rows: labels of the outputs.
        columns: labels of the inputs, or None for a vector.
        hidden: widths of the hidden layers; () is a linear rule.
        scale: a constant factor, so that a young network has weights of the model's own size.
    """

    kind = "pair"
    row_table: Tensor
    column_table: Tensor

    def __init__(
        self,
        rows: Labels,
        columns: Labels | None,
        *,
        hidden: tuple[int, ...] = (30, 10),
        scale: float = 1.0,
        block_weights: int = BLOCK_WEIGHTS,
    ) -> None:
        super().__init__()
        self.row_labels, self.column_labels = rows, columns
        self.rows, self.columns = rows.count, 1 if columns is None else columns.count
        self.hidden, self.scale, self.block_weights = tuple(hidden), float(scale), block_weights
        width = rows.width + (0 if columns is None else columns.width)
        self.network = perceptron((width, *hidden, 1))
        self.register_buffer("row_table", table_of(rows), persistent=False)
        if columns is not None:
            self.register_buffer("column_table", table_of(columns), persistent=False)

    def _halves(self) -> tuple[Tensor, Tensor]:
        """Wa a_i + c and Wb b_j: [rows, h1] and [columns, h1]."""
        first = self.network[0]
        assert isinstance(first, nn.Linear)
        cut = self.row_labels.width
        left = nn.functional.linear(self.row_table, first.weight[:, :cut], first.bias)
        if self.column_labels is None:
            return left, left.new_zeros(1, left.shape[1])
        return left, self.column_table @ first.weight[:, cut:].T

    def _block(self, left: Tensor, right: Tensor) -> Tensor:
        return self._rest(left[:, None, :] + right[None, :, :])

    def _rest(self, hidden: Tensor) -> Tensor:
        out: Tensor = self.network[1:](hidden)
        return self.scale * out.squeeze(-1)

    def _rows_at_once(self) -> int:
        return max(1, self.block_weights // self.columns)

    def weight(self) -> Tensor:
        left, right = self._halves()
        step = self._rows_at_once()
        if step >= self.rows:
            return self._block(left, right)
        blocks = [
            checkpoint(self._block, part, right, use_reentrant=False)
            for part in torch.split(left, step)
        ]
        return torch.cat(blocks)

    def product(self, x: Tensor) -> Tensor:
        """x W^T, a block of rows at a time: W is never whole in memory."""
        left, right = self._halves()
        step = self._rows_at_once()
        if step >= self.rows:
            return x @ self._block(left, right).T

        def part(block: Tensor, right: Tensor, x: Tensor) -> Tensor:
            return x @ self._block(block, right).T

        blocks = [
            checkpoint(part, block, right, x, use_reentrant=False)
            for block in torch.split(left, step)
        ]
        return torch.cat(blocks, dim=-1)

    def share(self, other: Decoder) -> None:
        assert isinstance(other, Pair)
        self.network = other.network

    def at(self, rows: Tensor, columns: Tensor) -> Tensor:
        """W[rows[k], columns[k]] for index vectors of one length: some weights only."""
        left, right = self._halves()
        return self._rest(left[rows] + right[columns])

    def spec(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "rows": self.row_labels.spec(),
            "columns": None if self.column_labels is None else self.column_labels.spec(),
            "hidden": list(self.hidden),
            "scale": self.scale,
        }
