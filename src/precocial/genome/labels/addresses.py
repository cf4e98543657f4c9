"""Which labels the neurons of a model get, if the user names none."""

from __future__ import annotations

from itertools import groupby
from typing import Literal, get_args

from precocial.errors import one_of
from precocial.genome.labels.codes import Binary, Fourier, Gray, Hashed, Labels, OneHot, Product
from precocial.genome.phenotype.parts import Axes, Axis

LabelStyle = Literal["paper", "smooth", "binary", "gray", "one_hot", "hashed"]
"""`paper`: Gray codes on grids, binary numbers for neurons, one-hot answers. `smooth`: cosines on
grids, hashed normals for neurons, one-hot answers. The others: that code for every axis."""

_MOST_ONE_HOT = 32
"""Answers that still get a digit each. Ours: a genome grows by one row of its network for each."""
_HASHED_WIDTH = 10


def labels_for(axes: Axes, style: LabelStyle = "smooth") -> Labels:
    """Labels of the neurons that are numbered by `axes`, row-major.

    Raises:
        ConfigError: no such style.
    """
    one_of("labels", style, get_args(LabelStyle))
    if style == "smooth":
        parts = []
        for role, run in groupby(axes, key=lambda axis: axis.role):
            if role == "grid":
                parts.append(_waves([axis.size for axis in run]))
            else:
                parts += [_one(axis, style) for axis in run]
    else:
        parts = [_one(axis, style) for axis in axes]
    return parts[0] if len(parts) == 1 else Product(*parts)


def _waves(shape: list[int]) -> Labels:
    """The fewest frequencies that tell the places apart, at least up to 3."""
    if max(shape) == 1:
        return Binary(1)
    highest = 3 if len(shape) > 1 else 5
    return Fourier(tuple(shape), highest, total=highest + 1)


def _one(axis: Axis, style: LabelStyle) -> Labels:
    n = axis.size
    if axis.role == "classes" and style != "hashed" and n <= _MOST_ONE_HOT:
        return OneHot(n)
    if style == "one_hot":
        return OneHot(n)
    if style == "gray" or (style == "paper" and axis.role == "grid"):
        return Gray(n)
    if style in ("smooth", "hashed"):
        return Hashed(n, _HASHED_WIDTH)
    return numbered(n)


def numbered(n: int, bits: int | None = None) -> Binary:
    """Binary numbers 1..n as in the paper; 0..n-1 where that saves a digit."""
    room = 2 ** ((n - 1).bit_length() if bits is None else bits)
    return Binary(n, bits, 1 if n < room else 0)
