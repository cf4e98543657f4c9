"""The numbers of a genome file: integers coded in the shortest way, steps, statistics."""

from __future__ import annotations

import zlib

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from precocial.errors import DataError
from precocial.genome.file import entropy
from precocial.genome.file.quantise import Quantised, check_finite, quantise_all

_PACKED, _CODED, _DEFLATED = 0, 1, 2


def numbers_of(parameters: list[Tensor], statistics: list[Tensor], bits: int) -> bytes:
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


def read_numbers(
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
