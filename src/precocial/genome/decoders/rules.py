"""The decoders by name: how each is made for a tensor, and made again from a file."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from typing import Any

from precocial.errors import ConfigError
from precocial.genome.decoders.bilinear import Bilinear
from precocial.genome.decoders.cell_types import CellTypes
from precocial.genome.decoders.chunked import Chunked
from precocial.genome.decoders.decoder import Decoder, Stored
from precocial.genome.decoders.low_rank import GeneExpression, LowRank, SpatialGeneExpression
from precocial.genome.decoders.pair import Pair
from precocial.genome.decoders.retinotopic import PerType, ReceptiveFields
from precocial.genome.decoders.subspace import Subspace
from precocial.genome.decoders.two_tower import TwoTower
from precocial.genome.labels.codes import Labels, labels_from
from precocial.genome.phenotype.parts import Part

Rule = Callable[[Part, Labels, Labels, int], Decoder]
"""(tensor, labels of its rows, labels of its columns, size) to a decoder; larger size, more
parameters."""


def newborn_size(part: Part) -> float:
    """1/sqrt(fan_in): the size of weights that keep a signal's size from layer to layer."""
    return 1.0 / math.sqrt(part.fan_in)


def _pair(part: Part, rows: Labels, columns: Labels, size: int) -> Decoder:
    return Pair(rows, columns, hidden=(size, min(size, 10)))


def _two_tower(part: Part, rows: Labels, columns: Labels, size: int) -> Decoder:
    hidden = max(1, (4 * size) // 5)
    return TwoTower(rows, columns, hidden=(hidden,), rank=size)


def _low_rank(part: Part, rows: Labels, columns: Labels, size: int) -> Decoder:
    return LowRank(part.out, part.into, rank=size)


def _gem(part: Part, rows: Labels, columns: Labels, size: int) -> Decoder:
    return GeneExpression(part.out, part.into, genes=size)


def _sgem(part: Part, rows: Labels, columns: Labels, size: int) -> Decoder:
    return SpatialGeneExpression(rows, columns, genes=size)


def _subspace(part: Part, rows: Labels, columns: Labels, size: int) -> Decoder:
    # By name: another tensor in the model moves nobody else's subspace.
    return Subspace(part.out, part.into, dimension=size, seed=zlib.crc32(part.name.encode()))


def _cell_types(part: Part, rows: Labels, columns: Labels, size: int) -> Decoder:
    return CellTypes(part.out, part.into, types=(min(size, part.out), min(size, part.into)))


def _chunked(part: Part, rows: Labels, columns: Labels, size: int) -> Decoder:
    # chunks * size + chunk * (size + 1) is least with chunks of sqrt(n size / (size + 1)) weights
    chunk = math.ceil(math.sqrt(part.size * size / (size + 1)))
    return Chunked(part.out, part.into, chunk=chunk, width=size)


RULES: dict[str, Rule] = {
    "pair": _pair,
    "two_tower": _two_tower,
    "low_rank": _low_rank,
    "gem": _gem,
    "sgem": _sgem,
    "subspace": _subspace,
    "cell_types": _cell_types,
    "chunked": _chunked,
}
"""What `Genome.for_model(decoder=...)` knows."""

SHARES_ALWAYS = ("subspace",)
"""Rules whose one set of parameters serves all tensors."""

VECTOR_HIDDEN = 5
"""Hidden units of the network that generates a bias vector: the paper's 10-5-1."""


def vector_rule(part: Part, labels: Labels) -> Decoder:
    """A bias vector: the paper's small network, or the vector itself where that is no larger."""
    # A power of two has few digits: the factor stands in the genome's header, which is counted.
    scale = 2.0 ** round(math.log2(newborn_size(part)))
    generated = Pair(labels, None, hidden=(VECTOR_HIDDEN,), scale=scale)
    return generated if count(generated) < part.size else Stored(part.size, 1)


def count(decoder: Decoder) -> int:
    """Number of parameters."""
    return sum(parameter.numel() for parameter in decoder.parameters())


def decoder_from(spec: Any) -> Decoder:
    """The decoder that a `spec()` describes, with parameters not yet set.

    Raises:
        ConfigError: no such kind, or a spec that it cannot be made from.
    """
    try:
        return _MAKERS[spec["kind"]](spec)
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"not a decoder that this version knows: {spec!r} ({error})") from error


def _pair_from(spec: Any) -> Decoder:
    columns = None if spec["columns"] is None else labels_from(spec["columns"])
    return Pair(
        labels_from(spec["rows"]), columns, hidden=tuple(spec["hidden"]), scale=spec["scale"]
    )


def _two_tower_from(spec: Any) -> Decoder:
    return TwoTower(
        labels_from(spec["rows"]),
        labels_from(spec["columns"]),
        hidden=tuple(spec["hidden"]),
        rank=spec["rank"],
        scale=spec["scale"],
    )


def _sgem_from(spec: Any) -> Decoder:
    return SpatialGeneExpression(
        labels_from(spec["rows"]),
        labels_from(spec["columns"]),
        genes=spec["genes"],
        scale=spec["scale"],
    )


def _bilinear_from(spec: Any) -> Decoder:
    return Bilinear(
        labels_from(spec["rows"]),
        labels_from(spec["columns"]),
        rank=spec["rank"],
        scale=spec["scale"],
    )


def _receptive_fields_from(spec: Any) -> Decoder:
    sizes = {name: tuple(spec[name]) for name in ("retina", "grid", "stride", "field")}
    return ReceptiveFields(
        **sizes, types=spec["types"], patterns=labels_from(spec["patterns"]), scale=spec["scale"]
    )


def _per_type_from(spec: Any) -> Decoder:
    return PerType(types=spec["types"], cells=spec["cells"], scale=spec["scale"])


def _plain(kind: Callable[..., Decoder]) -> Callable[[Any], Decoder]:
    """A decoder whose spec is its arguments."""

    def make(spec: Any) -> Decoder:
        arguments = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in spec.items()
            if name != "kind"
        }
        return kind(arguments.pop("rows"), arguments.pop("columns"), **arguments)

    return make


_MAKERS: dict[str, Callable[[Any], Decoder]] = {
    "stored": _plain(Stored),
    "pair": _pair_from,
    "two_tower": _two_tower_from,
    "low_rank": _plain(LowRank),
    "gem": _plain(GeneExpression),
    "sgem": _sgem_from,
    "subspace": _plain(Subspace),
    "cell_types": _plain(CellTypes),
    "bilinear": _bilinear_from,
    "receptive_fields": _receptive_fields_from,
    "per_type": _per_type_from,
    "chunked": _plain(Chunked),
}
