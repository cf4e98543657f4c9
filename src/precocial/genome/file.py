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

import base64
import json
import math
import struct
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from precocial import io
from precocial.errors import ConfigError, DataError, PrecocialError, one_of
from precocial.genome import entropy
from precocial.genome.decoders.decoder import Decoder
from precocial.genome.decoders.rules import decoder_from
from precocial.genome.limits import MAX_TABLE, check_labels, check_numbers
from precocial.genome.quantise import ALL_BITS, Quantised, check_finite, quantise_all

VERSION = 1
MAX_PARAMETERS = 1 << 24
"""Numbers in a genome. Ours: 32,000 times the paper's smallest."""
_MAX_FILE = 4 * MAX_PARAMETERS + (1 << 23)
_MAX_DOCUMENT = 1 << 20
_PACKED, _CODED, _DEFLATED = 0, 1, 2
_START, _END = (
    b'{"__metadata__":{"genome":"',
    b'"},"g":{"dtype":"U8","shape":[%d],"data_offsets":[0,%d]}}',
)
# What documents are full of, the most frequent last. A part of version 1: it cannot be changed.
_FREQUENT = (
    b'"kernel":"low_rank":"subspace":"gem":"cell_types":"factors":"seed":"dimension":"basis":'
    b'.running_mean",.running_var","embedding.weight",[".self_attn.in_proj_weight",'
    b'["outer",["one_hot","conv1.weight",["head.weight",["0.weight",[[32,["5.weight",[["fc1.weight"'
    b',[["fc2.bias",[16,[["layers.0.["2.weight",[64,["2.bias",["3.weight",[10,800],2],["3.bias",[10'
    b'],3]],[{"columns":5,"kind":"stored","rows":10}],[],[]][8,[["1.weight",[800,784],0],["1.bias",['
    b'800],1],{"columns":["binary",128,7,0],"hidden":[30,10],"kind":"pair","rows":["product",'
    b'["gray",28,5],["gray",3,2]]]{"columns":null,"hidden":[5],"kind":"pair","rows":["one_hot",10],'
    b'"scale":0.03125},{"columns":["fourier",[28,28],3,4,false],"hidden":[12],"kind":"two_tower",'
    b'"rank":15,"rows":["binary",800,10,1],"scale":1.0},{"columns":["hashed",800,10,0],"hidden":'
)

Shapes = Mapping[str, tuple[int, ...]]


def genome_bytes(
    shapes: Shapes, decoders: Mapping[str, Decoder], statistics: Mapping[str, Tensor], bits: int
) -> bytes:
    """The file of a genome.

    Raises:
        ConfigError: bits that are not allowed; parameters that are not finite, or too many.
    """
    one_of("bits", bits, ALL_BITS)
    distinct = _distinct(decoders)
    parameters = [parameter.detach().cpu() for parameter in distinct.parameters()]
    count = sum(p.numel() for p in parameters) + sum(s.numel() for s in statistics.values())
    if count > MAX_PARAMETERS:
        raise ConfigError(
            f"a genome file holds at most {MAX_PARAMETERS} numbers; this genome has {count}"
        )
    header = _header(_document(shapes, decoders, distinct, statistics, bits))
    return _whole(header, _numbers(parameters, list(statistics.values()), bits))


def most_bytes(
    shapes: Shapes, decoders: Mapping[str, Decoder], statistics: Mapping[str, Tensor], bits: int
) -> int:
    """Bytes that no genome with these decoders exceeds: as if its integers could not be coded."""
    one_of("bits", bits, ALL_BITS)
    distinct = _distinct(decoders)
    sizes = [parameter.numel() for parameter in distinct.parameters()]
    kept = sum(value.numel() for value in statistics.values())
    header = _header(_document(shapes, decoders, distinct, statistics, bits))
    if bits == 32:
        numbers = 1 + 4 * (sum(sizes) + kept)
    else:
        numbers = 1 + len(sizes) + 2 * kept + -(-sum(sizes) * bits // 8)
    return len(_frame(header, numbers + 4)) + numbers + 4


def read_genome(
    path: io.PathLike,
) -> tuple[dict[str, tuple[int, ...]], dict[str, Decoder], dict[str, Tensor]]:
    """Shapes, decoders and statistics of a genome file, by the model's names.

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


# ---------------------------------------------------------------- the document


def _distinct(decoders: Mapping[str, Decoder]) -> nn.ModuleList:
    return nn.ModuleList(list(dict.fromkeys(decoders.values())))


def _document(
    shapes: Shapes,
    decoders: Mapping[str, Decoder],
    distinct: nn.ModuleList,
    statistics: Mapping[str, Tensor],
    bits: int,
) -> str:
    numbers = {decoder: number for number, decoder in enumerate(distinct)}
    tensors = [[name, list(shape), numbers[decoders[name]]] for name, shape in shapes.items()]
    specs = [decoder.spec() for decoder in distinct if isinstance(decoder, Decoder)]
    kept = [[name, value.numel()] for name, value in statistics.items()]
    content = [bits, tensors, specs, _shared(distinct), kept]
    text = json.dumps(content, separators=(",", ":"), sort_keys=True, allow_nan=False).encode()
    packer = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_DEFAULT_STRATEGY, _FREQUENT)
    return base64.b85encode(packer.compress(text) + packer.flush()).decode()


def _shared(distinct: nn.ModuleList) -> list[list[int]]:
    """Runs [place, earlier place, length] of parameters that are the same as earlier ones."""
    first: dict[int, int] = {}
    runs: list[list[int]] = []
    for place, (_, parameter) in enumerate(distinct.named_parameters(remove_duplicate=False)):
        earlier = first.setdefault(id(parameter), place)
        if earlier == place:
            continue
        if runs and runs[-1][0] + runs[-1][2] == place and runs[-1][1] + runs[-1][2] == earlier:
            runs[-1][2] += 1
        else:
            runs.append([place, earlier, 1])
    return runs


def _made(
    document: str, numbers: bytes
) -> tuple[dict[str, tuple[int, ...]], dict[str, Decoder], dict[str, Tensor]]:
    bits, tensors, specs, shared, kept = _parsed(document)
    one_of("bits", bits, ALL_BITS)
    shapes: dict[str, tuple[int, ...]] = {name: tuple(shape) for name, shape, _ in tensors}
    lengths: dict[str, int] = dict(kept)
    if len(shapes) < len(tensors) or len(lengths) < len(kept):
        raise DataError("a tensor is named twice")
    for spec in specs:
        check_labels(spec)
    # First without memory for the parameters: how many are there?
    with torch.device("meta"):
        empty = _decoders(specs, shared)
    for name, shape, place in tensors:
        _check_decoder(name, shape, _decoder(empty, place))
    count = sum(p.numel() for p in empty.parameters()) + sum(lengths.values())
    if count > MAX_PARAMETERS:
        raise DataError(f"declares {count} numbers; at most {MAX_PARAMETERS} are read")
    values, statistics = _read_numbers(
        numbers, [p.numel() for p in empty.parameters()], list(lengths.values()), bits
    )
    with torch.random.fork_rng(devices=[]):
        distinct = _decoders(specs, shared)
    with torch.no_grad():
        for parameter, value in zip(distinct.parameters(), values, strict=True):
            parameter.copy_(value.reshape(parameter.shape))
    decoders = {name: _decoder(distinct, place) for name, _, place in tensors}
    return shapes, decoders, dict(zip(lengths, statistics, strict=True))


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


def _parsed(document: str) -> tuple[Any, Any, Any, Any, Any]:
    """bits, tensors, specs, shared, statistics: of the right types, of numbers within limits."""
    opener = zlib.decompressobj(-15, _FREQUENT)
    text = opener.decompress(base64.b85decode(document), _MAX_DOCUMENT)
    if not opener.eof or opener.unused_data:
        raise DataError("its document is damaged or too long")
    content = io.loads(text.decode("utf-8"))
    check_numbers(content)
    match content:
        case [int(), [_, *_], list(), list(), list()]:
            bits, tensors, specs, shared, kept = content
        case _:
            raise DataError("its document is not that of a genome")
    places = range(len(specs))
    for tensor in tensors:
        match tensor:
            case [str(), list() as shape, int() as place] if place in places:
                if all(type(side) is int and side > 0 for side in shape):
                    continue
        raise DataError(f"{io.shown(tensor)} is not a tensor with its decoder")
    if {place for _, _, place in tensors} != set(places):
        raise DataError("a decoder belongs to no tensor")
    for entry in kept:
        match entry:
            case [str(), int() as length] if length > 0:
                continue
        raise DataError(f"{io.shown(entry)} is not a statistic")
    return bits, tensors, specs, shared, kept


def _decoders(specs: list[Any], shared: list[list[int]]) -> nn.ModuleList:
    distinct = nn.ModuleList([decoder_from(spec) for spec in specs])
    parameters = list(distinct.named_parameters(remove_duplicate=False))
    for place, earlier, length in shared:
        if not 0 <= earlier < place or length < 1:
            raise DataError("parameters are shared with ones that come later")
        for offset in range(length):
            name, replaced = parameters[place + offset]
            _, parameter = parameters[earlier + offset]
            if replaced.shape != parameter.shape:
                raise DataError(f"shared parameters differ in shape: {name}")
            owner, _, leaf = name.rpartition(".")
            setattr(distinct.get_submodule(owner), leaf, parameter)
            parameters[place + offset] = (name, parameter)
    return distinct


# ---------------------------------------------------------------- the numbers


def _numbers(parameters: list[Tensor], statistics: list[Tensor], bits: int) -> bytes:
    for value in statistics:
        check_finite(value.to(torch.bfloat16))
    if bits == 32:
        every = [*parameters, *statistics]
        for value in parameters:
            check_finite(value)
        return bytes([_PACKED]) + b"".join(_single(value).tobytes() for value in every)
    quantised = quantise_all(parameters, bits)
    steps = bytes(tensor.step for tensor in quantised)
    halves = b"".join(_half(value) for value in statistics)
    codes = np.concatenate([np.zeros(0, np.int32), *(t.codes.reshape(-1) for t in quantised)])
    packed = _pack(codes, bits)
    small = codes.size <= entropy.MOST_VALUES
    coded = entropy.encode(codes, bits) if small else zlib.compress(packed, 9)
    how = _CODED if small else _DEFLATED
    if len(coded) >= len(packed):
        how, coded = _PACKED, packed
    return bytes([how]) + steps + halves + coded


def _single(value: Tensor) -> NDArray[np.float32]:
    """Single precision, little-endian."""
    return value.detach().cpu().to(torch.float32).numpy().astype("<f4")


def _half(value: Tensor) -> bytes:
    """bfloat16, little-endian: the high halves of single precision, rounded."""
    rounded = value.detach().cpu().to(torch.float32).to(torch.bfloat16).to(torch.float32)
    return (_single(rounded).view("<u4") >> 16).astype("<u2").tobytes()


def _pack(codes: NDArray[np.int32], bits: int) -> bytes:
    """`bits` digits for each integer, most significant first."""
    places = np.arange(bits - 1, -1, -1)
    shifted = codes + (2 ** (bits - 1) - 1)
    return np.packbits(((shifted[:, None] >> places) & 1).astype(np.uint8).reshape(-1)).tobytes()


def _unpack(data: bytes, count: int, bits: int) -> NDArray[np.int32]:
    if len(data) != -(-count * bits // 8):
        raise DataError(f"has {len(data)} bytes for {count} integers of {bits} bits")
    digits = np.unpackbits(np.frombuffer(data, np.uint8), count=count * bits).reshape(count, bits)
    codes = digits.astype(np.int32) @ (1 << np.arange(bits - 1, -1, -1, dtype=np.int32))
    codes -= np.int32(2 ** (bits - 1) - 1)
    if count and int(codes.max()) >= 2 ** (bits - 1):
        raise DataError(f"an integer does not fit {bits} bits")
    return np.asarray(codes, dtype=np.int32)


def _read_numbers(
    data: bytes, sizes: list[int], lengths: list[int], bits: int
) -> tuple[list[Tensor], list[Tensor]]:
    """A flat tensor for each size and for each statistic."""
    how, body = data[0], data[1:]
    count, kept = sum(sizes), sum(lengths)
    if bits == 32:
        if how != _PACKED or len(body) != 4 * (count + kept):
            raise DataError(f"has {len(body)} bytes for {count + kept} numbers of 4 bytes")
        every = torch.from_numpy(np.frombuffer(body, "<f4").astype(np.float32))
        if not bool(torch.isfinite(every).all()):
            raise DataError("holds NaN or infinite parameters")
        split = torch.split(every, [*sizes, *lengths])
        return list(split[: len(sizes)]), list(split[len(sizes) :])
    if len(body) < len(sizes) + 2 * kept:
        raise DataError("has too few bytes for its steps and statistics")
    steps, body = body[: len(sizes)], body[len(sizes) :]
    halves, body = body[: 2 * kept], body[2 * kept :]
    whole = np.frombuffer(halves, "<u2").astype(np.uint32) << 16
    statistics = torch.from_numpy(whole.view(np.float32).copy())
    if not bool(torch.isfinite(statistics).all()):
        raise DataError("holds NaN or infinite statistics")
    codes = np.split(_integers(how, body, count, bits), np.cumsum(sizes)[:-1])
    values = [
        Quantised(codes=c, step=step, bits=bits).values()
        for c, step in zip(codes, steps, strict=True)
    ]
    return values, list(torch.split(statistics, lengths))


def _integers(how: int, body: bytes, count: int, bits: int) -> NDArray[np.int32]:
    if how == _CODED:
        return entropy.decode(body, count, bits)
    if how == _DEFLATED:
        opener = zlib.decompressobj()
        body = opener.decompress(body, -(-count * bits // 8) + 1)
    elif how != _PACKED:
        raise DataError(f"codes its integers in an unknown way ({how})")
    return _unpack(body, count, bits)


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
