"""Retinotopic layers: cells of few types on a grid over the image, each seeing its own place."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from precocial.errors import ConfigError
from precocial.genome.decoders.decoder import Decoder, table_of
from precocial.genome.labels.codes import Labels, OneHot


class ReceptiveFields(Decoder):
    """W[(t, a, b), (c, y, x)] = scale * K[t, c, y - s_y a + o_y, x - s_x b + o_x], 0 outside K.

    A hidden layer of `types` cell types at each place (a, b) of a grid. A type t owns one receptive
    field K[t], which all its cells see the image through, each at its own place: a convolution
    written into a dense layer. Fields stand `stride` pixels apart, and the grid is centred on the
    image: o = floor((s (grid - 1) + field - side) / 2) pixels of it lie before the first row or
    column (if negative, that many pixels are not seen). What lies outside the image counts as 0.

    K[t, c, (u, v)] = sum_m G[t, c, m] B[(u, v), m], where B are the codes of `patterns` and G the
    genome: types * channels * width parameters, whatever the size of the image. Cosine patterns
    make smooth fields from few numbers; `patterns=None` gives each pixel of a field its own.

    Source: ours; cell types with a receptive field each, as in the retina, tiled over space.

    Args:
        retina: (channels, height, width) of the flattened image.
        types: cell types.
        grid: places of cells, (down, across).
        stride: pixels between neighbouring places, (down, across).
        field: pixels of a receptive field, (down, across).
        patterns: labels of the pixels of a field, row-major.
        scale: a constant factor.

    Raises:
        ConfigError: sizes below 1, patterns for another field, or cells that see nothing.
    """

    kind = "receptive_fields"
    basis: Tensor

    def __init__(
        self,
        *,
        retina: tuple[int, int, int],
        types: int,
        grid: tuple[int, int],
        stride: tuple[int, int],
        field: tuple[int, int],
        patterns: Labels | None = None,
        scale: float = 1.0,
    ) -> None:
        super().__init__()
        if min(*retina, types, *grid, *stride, *field) < 1:
            raise ConfigError(
                "ReceptiveFields: all sizes are at least 1; got "
                f"{retina}, {types} types, {grid}, {stride}, {field}"
            )
        self.retina, self.types, self.grid = retina, types, grid
        self.stride, self.field, self.scale = stride, field, float(scale)
        self.patterns: Labels = OneHot(math.prod(field)) if patterns is None else patterns
        if self.patterns.count != math.prod(field):
            raise ConfigError(
                f"ReceptiveFields: patterns name {self.patterns.count} pixels; a field of {field} "
                f"has {math.prod(field)}"
            )
        self.rows, self.columns = types * math.prod(grid), math.prod(retina)
        self._before, self._after = _margins(retina[1:], self.grid, self.stride, self.field)
        self.register_buffer("basis", table_of(self.patterns), persistent=False)
        width = self.patterns.width
        self.genes = nn.Parameter(torch.randn(types, retina[0], width) / width**0.5)

    def fields(self) -> Tensor:
        """The receptive fields K (scaled), [types, channels, height, width]."""
        values = self.scale * self.genes @ self.basis.T
        return values.reshape(self.types, self.retina[0], *self.field)

    def weight(self) -> Tensor:
        fields = self.fields()
        cells = math.prod(self.grid)
        one_cell = torch.eye(cells, dtype=fields.dtype, device=fields.device)
        drawn = nn.functional.conv_transpose2d(
            one_cell.reshape(cells, 1, *self.grid), fields.flatten(0, 1)[None], stride=self.stride
        )
        seen = nn.functional.pad(drawn, self._margin(-1))
        return seen.reshape(cells, self.types, -1).transpose(0, 1).reshape(self.rows, self.columns)

    def product(self, x: Tensor) -> Tensor:
        """x W^T as a convolution: W is never built."""
        seen = nn.functional.pad(x.reshape(-1, *self.retina), self._margin(1))
        out = nn.functional.conv2d(seen, self.fields(), stride=self.stride)
        return out.reshape(*x.shape[:-1], self.rows)

    def _margin(self, sign: int) -> list[int]:
        """As `pad` wants it: left, right, top, bottom."""
        sides = (self._before[1], self._after[1], self._before[0], self._after[0])
        return [sign * side for side in sides]

    def spec(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "retina": list(self.retina),
            "types": self.types,
            "grid": list(self.grid),
            "stride": list(self.stride),
            "field": list(self.field),
            "patterns": self.patterns.spec(),
            "scale": self.scale,
        }


def _margins(
    retina: tuple[int, int], grid: tuple[int, int], stride: tuple[int, int], field: tuple[int, int]
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Pixels that the fields reach beyond the image, before and after it, down and across."""
    before, after = [], []
    for side, places, step, width in zip(retina, grid, stride, field, strict=True):
        reach = (places - 1) * step + width
        before.append((reach - side) // 2)
        after.append(reach - side - before[-1])
    if any(margin >= width for margin, width in zip(after, field, strict=True)):
        raise ConfigError(
            f"ReceptiveFields: a grid of {grid} fields of {field}, {stride} pixels apart, leaves "
            f"an image of {retina}: some cells see nothing; take a smaller stride or fewer places"
        )
    return (before[0], before[1]), (after[0], after[1])


class PerType(Decoder):
    """b[(t, p)] = scale * G[t]: one number for all cells of a type, for a layer's biases.

    Args:
        types: cell types; cells are numbered type by type.
        cells: cells of a type.
        scale: a constant factor.

    Raises:
        ConfigError: sizes below 1.
    """

    kind = "per_type"

    def __init__(self, *, types: int, cells: int, scale: float = 1.0) -> None:
        super().__init__()
        if min(types, cells) < 1:
            raise ConfigError(f"PerType: sizes are at least 1; got {types} types, {cells} cells")
        self.types, self.cells, self.scale = types, cells, float(scale)
        self.rows, self.columns = types * cells, 1
        self.values = nn.Parameter(torch.zeros(types))

    def weight(self) -> Tensor:
        return (self.scale * self.values).repeat_interleave(self.cells)[:, None]

    def spec(self) -> dict[str, Any]:
        return {"kind": self.kind, "types": self.types, "cells": self.cells, "scale": self.scale}
