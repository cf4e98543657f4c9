"""How much a genome's document may ask for. Checked on the document, before anything is made."""

from __future__ import annotations

import itertools
import math
from typing import Any

from precocial.errors import DataError
from precocial.io import shown

MAX_TABLE = 1 << 24
"""Numbers in a table of labels: 134 MB while they are computed."""
_MAX_NUMBER = 1 << 32
_MAX_DEPTH = 16
_MAX_ITEMS = 1 << 16
"""A model of a thousand tensors has some 20,000."""
_MAX_DIGITS = 62


def check_numbers(content: Any) -> None:
    """Refuse integers, nesting and lengths beyond all use: 2**(10**12) would be computed otherwise.

    Raises:
        DataError: saying which.
    """
    items = 0
    level = [content]
    for _ in range(_MAX_DEPTH):
        inner: list[Any] = []
        for item in level:
            if isinstance(item, int) and not -_MAX_NUMBER < item < _MAX_NUMBER:
                raise DataError(f"declares a size of {shown(item)}")
            if isinstance(item, dict | list):
                inner += item.values() if isinstance(item, dict) else item
        items += len(inner)
        if items > _MAX_ITEMS:
            raise DataError(f"its document has more than {_MAX_ITEMS} items")
        level = inner
    if level:
        raise DataError("its document is nested too deeply")


def check_labels(spec: Any) -> None:
    """Refuse a decoder's spec any of whose tables of labels is too large.

    Raises:
        DataError: saying which.
    """
    items = list(spec.values()) if isinstance(spec, dict) else spec
    if not isinstance(items, list):
        return
    if items and isinstance(items[0], str) and isinstance(spec, list):
        try:
            count, width = _size(items)
        except (TypeError, ValueError, IndexError, ArithmeticError) as error:
            raise DataError(f"{shown(spec)} are no labels ({error})") from error
        if count * width > MAX_TABLE:
            raise DataError(f"labels {shown(spec)} have more than {MAX_TABLE} numbers")
        return
    for item in items:
        check_labels(item)


def _size(spec: list[Any]) -> tuple[int, int]:
    """At least the number of labels that a spec declares, and at least their width."""
    kind, *rest = spec
    match kind:
        case "binary" | "gray":
            return int(rest[0]), _digits(rest[1])
        case "one_hot":
            return int(rest[0]), int(rest[0])
        case "hashed":
            return int(rest[0]), int(rest[1])
        case "fourier":
            shape, highest = [int(side) for side in rest[0]], int(rest[1])
            return math.prod(shape), math.prod(min(highest + 1, side) for side in shape)
        case "product" | "outer":
            parts = [_size(part) for part in rest]
            counts = list(itertools.accumulate((c for c, _ in parts), lambda a, b: a * b))
            widths = [w for _, w in parts]
            width = sum(widths) if kind == "product" else math.prod(widths)
            if any(count > MAX_TABLE for count in counts):
                raise DataError(f"labels {shown(spec)} name more than {MAX_TABLE} neurons")
            return counts[-1], width
        case "tagged":
            count, inner = _size(rest[0])
            return count, max(inner, int(rest[1])) + int(rest[3])
    return 1, 1  # `labels_from` refuses it, or it is no label: "kind" alone declares no table


def _digits(bits: Any) -> int:
    if bits is not None and int(bits) > _MAX_DIGITS:
        raise DataError(f"labels of {shown(bits)} binary digits are longer than {_MAX_DIGITS}")
    return _MAX_DIGITS if bits is None else int(bits)
