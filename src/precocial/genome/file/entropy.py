"""Entropy coding of small integers: an adaptive range coder.

An integer c is told in two steps. Its class: 0, or the place of its highest digit and the digit
after it (two classes an octave), with the frequencies that were seen so far. Then its sign and the
digits that remain, which are taken to be uniform. Few classes are learned soon, which matters for
genomes of a thousand values.

Integers only, so the code is the same on every machine. How many values there are is known to the
reader. Of damage, only what cannot be a code of so many values is noticed here: the genome's file
has a checksum.

Source: range coding after Martin 1979, "Range encoding: an algorithm for removing redundancy from a
digitised message"; frequencies after Krichevsky and Trofimov 1981. The classes are ours. The
library `constriction` (0.5.0) has range coders too: with a Gaussian or Laplace model fitted to the
values, the codes of two trained genomes at 4, 6 and 8 bits were from 2 bytes shorter to 22 longer
than these, which are not worth a dependency.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from precocial.errors import ConfigError, DataError

_TOP, _BOTTOM = 1 << 32, 1 << 24
_IMPLIED = 3
"""Zero bytes that end every code and are not written: a number that ends on 24 zero bits lies in
every interval of at least 2^24."""
_GAIN, _MOST = 2, 1 << 13
"""Weight of one sight of a class, where none has 1 (Krichevsky and Trofimov's half), and the sum at
which all are halved. Ours: no other of 54 combinations gave shorter codes in sum, for two trained
genomes at 4, 6 and 8 bits."""
MOST_VALUES = 1 << 20
"""More are refused: the coder runs in Python, some microseconds for each value."""


def encode(values: NDArray[np.int32], bits: int) -> bytes:
    """The values, in their order, as bytes; |c| < 2^(bits-1).

    Raises:
        ConfigError: a value that does not fit, or more than MOST_VALUES.
    """
    if values.size > MOST_VALUES:
        raise ConfigError(f"at most {MOST_VALUES} values can be coded; got {values.size}")
    counts, writer = [1] * (2 * bits - 2), _Writer()
    for value in values.reshape(-1).tolist():
        size = abs(value)
        if size >= 1 << (bits - 1):
            raise ConfigError(f"{value} does not fit {bits} bits")
        index, rest = _class_of(size)
        writer.write(sum(counts[:index]), counts[index], sum(counts))
        if size:
            writer.write_digits(2 * (size - _first(index)) + (value < 0), rest + 1)
        counts = _seen(counts, index)
    return writer.finish()


def decode(data: bytes, count: int, bits: int) -> NDArray[np.int32]:
    """The `count` values that `encode` was given.

    Time and memory grow with what is decoded, not with what is declared.

    Raises:
        DataError: too few bytes, too many, or bytes that `encode` does not write.
    """
    if not 0 <= count <= MOST_VALUES:
        raise DataError(f"at most {MOST_VALUES} values are decoded; got {count}")
    counts, reader = [1] * (2 * bits - 2), _Reader(data)
    values = []
    for _ in range(count):
        index = reader.read(counts)
        value = 0
        if index:
            first = _first(index)
            signed = reader.read_digits(_class_of(first)[1] + 1)
            value = first + (signed >> 1)
            value = -value if signed & 1 else value
        values.append(value)
        counts = _seen(counts, index)
    reader.finish()
    return np.array(values, dtype=np.int32)


def _seen(counts: list[int], index: int) -> list[int]:
    """The frequencies of the classes after one more sight."""
    counts[index] += _GAIN
    return [(count + 1) // 2 for count in counts] if sum(counts) > _MOST else counts


def _class_of(size: int) -> tuple[int, int]:
    """The class of a size, and how many digits remain: 0, 1, 2, 3, 4-5, 6-7, 8-11, 12-15, ..."""
    length = size.bit_length()
    if length < 2:
        return size, 0
    return 2 * length - 2 + ((size >> (length - 2)) & 1), length - 2


def _first(index: int) -> int:
    """The least size of a class."""
    if index < 2:
        return index
    length = index // 2 + 1
    return (2 + index % 2) << (length - 2)


class _Writer:
    def __init__(self) -> None:
        self.low, self.range, self.out = 0, _TOP - 1, bytearray()

    def write(self, start: int, size: int, total: int) -> None:
        """Narrow the interval to [start, start + size) of `total`."""
        unit = self.range // total
        self.low += unit * start
        self.range = unit * size
        if self.low >= _TOP:
            self.low -= _TOP
            self._carry()
        while self.range < _BOTTOM:
            self.out.append(self.low >> 24)
            self.low = (self.low << 8) & (_TOP - 1)
            self.range <<= 8

    def write_digits(self, number: int, digits: int) -> None:
        """A number of so many binary digits, all equally likely; low digits first."""
        while digits > 0:
            some = min(digits, 8)
            self.write(number & ((1 << some) - 1), 1, 1 << some)
            number, digits = number >> some, digits - some

    def _carry(self) -> None:
        place = len(self.out) - 1
        while self.out[place] == 255:
            self.out[place] = 0
            place -= 1
        self.out[place] += 1

    def finish(self) -> bytes:
        last = -(-self.low // _BOTTOM)  # the first number in the interval with 24 zero bits
        if last == 256:
            self._carry()
        self.out.append(last & 255)
        return bytes(self.out)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.place, self.range, self.code = data + bytes(_IMPLIED), 4, _TOP - 1, 0
        if not data:
            raise DataError("codes are cut short: no bytes")
        self.code = int.from_bytes(self.data[:4], "big")

    def read(self, counts: Sequence[int]) -> int:
        """The index of a class."""
        unit = self.range // sum(counts)
        start = 0
        for index, size in enumerate(counts):
            if self.code < unit * (start + size):
                self._narrow(unit * start, unit * size)
                return index
            start += size
        raise DataError("codes are damaged")

    def read_digits(self, digits: int) -> int:
        number, place = 0, 0
        while place < digits:
            some = min(digits - place, 8)
            unit = self.range >> some
            part = self.code // unit
            if part >> some:
                raise DataError("codes are damaged")
            self._narrow(unit * part, unit)
            number |= part << place
            place += some
        return number

    def _narrow(self, start: int, size: int) -> None:
        self.code -= start
        self.range = size
        while self.range < _BOTTOM:
            if self.place >= len(self.data):
                raise DataError("codes are cut short")
            self.code = (self.code << 8) | self.data[self.place]
            self.place += 1
            self.range <<= 8

    def finish(self) -> None:
        if self.place != len(self.data):
            raise DataError("codes go on after the last value")
