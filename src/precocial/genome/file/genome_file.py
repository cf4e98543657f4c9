"""The `.genome` file: a genome in as few bytes as its numbers need, and nothing else.

A valid safetensors file, written byte by byte because the header counts too:

    length of the header, 8 bytes
    {"__metadata__":{"genome":"1 DOCUMENT"},"g":{"dtype":"U8","shape":[N],"data_offsets":[0,N]}}
    g: how the integers are coded (1 byte), a step for each tensor (1 byte each), running
       statistics (2 bytes each), the integers, CRC-32 of everything before it (4 bytes)

DOCUMENT is JSON, deflated with a preset dictionary, in base 85: bits, the model's tensors (name,
shape, number of the decoder), the decoders as their `spec()` says, which of their parameters are
shared, and the statistics (name, length). At 32 bits g holds single precision and no steps.

Nothing in a file is believed before its checksum is right, and nothing is allocated before its
size, as declared, is within limits.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from precocial import io
from precocial.errors import ConfigError, DataError, PrecocialError, one_of
from precocial.genome.decoders.decoder import Decoder
from precocial.genome.file.document import (
    Shapes,
    decoders_of,
    distinct_of,
    document_of,
    parsed,
)
from precocial.genome.file.limits import MAX_TABLE, check_labels
from precocial.genome.file.numbers import numbers_of, read_numbers
from precocial.genome.file.quantise import ALL_BITS

VERSION = 1
MAX_PARAMETERS = 1 << 24
"""Numbers in a genome. Ours: 32,000 times the paper's smallest."""
_MAX_FILE = 4 * MAX_PARAMETERS + (1 << 23)
_START, _END = (
    b'{"__metadata__":{"genome":"',
    b'"},"g":{"dtype":"U8","shape":[%d],"data_offsets":[0,%d]}}',
)


def genome_bytes(
    shapes: Shapes, decoders: Mapping[str, Decoder], statistics: Mapping[str, Tensor], bits: int
) -> bytes:
    """The file of a genome.

    Raises:
        ConfigError: bits that are not allowed; parameters that are not finite, or too many.
    """
    one_of("bits", bits, ALL_BITS)
    distinct = distinct_of(decoders)
    parameters = [parameter.detach().cpu() for parameter in distinct.parameters()]
    count = sum(p.numel() for p in parameters) + sum(s.numel() for s in statistics.values())
    if count > MAX_PARAMETERS:
        raise ConfigError(
            f"a genome file holds at most {MAX_PARAMETERS} numbers; this genome has {count}"
        )
    header = _header(document_of(shapes, decoders, distinct, statistics, bits))
    return _whole(header, numbers_of(parameters, list(statistics.values()), bits))


def most_bytes(
    shapes: Shapes, decoders: Mapping[str, Decoder], statistics: Mapping[str, Tensor], bits: int
) -> int:
    """Bytes that no genome with these decoders exceeds: as if its integers could not be coded."""
    one_of("bits", bits, ALL_BITS)
    distinct = distinct_of(decoders)
    sizes = [parameter.numel() for parameter in distinct.parameters()]
    kept = sum(value.numel() for value in statistics.values())
    header = _header(document_of(shapes, decoders, distinct, statistics, bits))
    if bits == 32:
        numbers = 1 + 4 * (sum(sizes) + kept)
    else:
        numbers = 1 + len(sizes) + 2 * kept + -(-sum(sizes) * bits // 8)
    return len(_frame(header, numbers + 4)) + numbers + 4


def read_genome(
    path: io.PathLike,
) -> tuple[dict[str, tuple[int, ...]], dict[str, Decoder], dict[str, Tensor], int]:
    """Shapes, decoders and statistics of a genome file, by the model's names, and its bits.

    Raises:
        DataError: not a whole, unaltered genome file of this version.
    """
    data = io.read_bytes(path, limit=_MAX_FILE)
    try:
        document, numbers = _opened(data)
        return _made(document, numbers)
    except PrecocialError as error:
        raise DataError(str(error), path=path) from error
    except Exception as error:  # torch and NumPy raise their own on a document that makes no sense
        raise DataError(f"is not a genome ({type(error).__name__}: {error})", path=path) from error


def _made(
    document: str, numbers: bytes
) -> tuple[dict[str, tuple[int, ...]], dict[str, Decoder], dict[str, Tensor], int]:
    bits, tensors, specs, shared, kept = parsed(document)
    one_of("bits", bits, ALL_BITS)
    shapes: dict[str, tuple[int, ...]] = {name: tuple(shape) for name, shape, _ in tensors}
    lengths: dict[str, int] = dict(kept)
    if len(shapes) < len(tensors) or len(lengths) < len(kept):
        raise DataError("a tensor is named twice")
    for spec in specs:
        check_labels(spec)
    # First without memory for the parameters: how many are there?
    with torch.device("meta"):
        empty = decoders_of(specs, shared)
    for name, shape, place in tensors:
        _check_decoder(name, shape, _decoder(empty, place))
    count = sum(p.numel() for p in empty.parameters()) + sum(lengths.values())
    if count > MAX_PARAMETERS:
        raise DataError(f"declares {count} numbers; at most {MAX_PARAMETERS} are read")
    values, statistics = read_numbers(
        numbers, [p.numel() for p in empty.parameters()], list(lengths.values()), bits
    )
    with torch.random.fork_rng(devices=[]):
        distinct = decoders_of(specs, shared)
    with torch.no_grad():
        for parameter, value in zip(distinct.parameters(), values, strict=True):
            parameter.copy_(value.reshape(parameter.shape))
    decoders = {name: _decoder(distinct, place) for name, _, place in tensors}
    return shapes, decoders, dict(zip(lengths, statistics, strict=True)), bits


def _decoder(distinct: nn.ModuleList, place: int) -> Decoder:
    decoder = distinct[place]
    assert isinstance(decoder, Decoder)
    return decoder


def _check_decoder(name: str, shape: list[int], decoder: Decoder) -> None:
    if decoder.rows * decoder.columns != math.prod(shape):
        raise DataError(
            f"the decoder of {name!r} yields {decoder.rows} x {decoder.columns} weights; the "
            f"tensor is {shape}"
        )
    if max(decoder.rows, decoder.columns) > MAX_TABLE:
        raise DataError(f"{name!r} {shape} has more than {MAX_TABLE} rows or columns")


# ---------------------------------------------------------------- the container


def _header(document: str) -> bytes:
    return _START + f"{VERSION} {document}".encode()


def _frame(header: bytes, size: int) -> bytes:
    """Everything before the numbers and their checksum, which have `size` bytes together."""
    whole = header + _END % (size, size)
    return struct.pack("<Q", len(whole)) + whole


def _whole(header: bytes, numbers: bytes) -> bytes:
    data = _frame(header, len(numbers) + 4) + numbers
    return data + struct.pack("<I", zlib.crc32(data))


def _opened(data: bytes) -> tuple[str, bytes]:
    """The document and the numbers of a file, as they were written.

    The header is made again and compared, so that not a byte of it can differ.
    """
    length = int.from_bytes(data[:8], "little")
    header, rest = data[8 : 8 + length], data[8 + length :]
    if len(data) < 8 or not header.startswith(_START):
        raise DataError("is not a .genome file")
    version, _, document = header[len(_START) :].partition(b'"')[0].partition(b" ")
    if version != str(VERSION).encode():
        raise DataError(
            f"has format version {io.shown(version.decode(errors='replace'))}; this precocial "
            f"reads version {VERSION}"
        )
    whole = _frame(_START + version + b" " + document, len(rest))
    if len(rest) < 5 or whole != data[: len(whole)] or len(whole) != 8 + length:
        raise DataError("is cut short or damaged: its header and its size do not agree")
    if zlib.crc32(data[:-4]) != int.from_bytes(data[-4:], "little"):
        raise DataError("is damaged: its checksum is wrong")
    return document.decode("ascii"), rest[:-4]
