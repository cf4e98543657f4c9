"""Prefix-free codes for the literals of `language`: whole numbers, decimals, choices of one in n.

Every code word is a string of "0" and "1". A length is a number of bits, and a code word of b bits
stands for a probability of 2^-b.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from precocial.errors import ConfigError, DataError

IntegerCode = Callable[[int], str]


@dataclass
class Reader:
    """A string of bits that is read from the left."""

    bits: str
    place: int = 0

    def take(self, count: int) -> str:
        """The next bits.

        Raises:
            DataError: the string ends first.
        """
        end = self.place + count
        if end > len(self.bits):
            raise DataError(
                f"the program ends too early: {end} bits needed, {len(self.bits)} there"
            )
        found, self.place = self.bits[self.place : end], end
        return found


def prefix_codes(lengths: Mapping[str, int]) -> dict[str, str]:
    """The canonical code words of these lengths: shortest first, then by name.

    Raises:
        ConfigError: Kraft's sum of 2^-length is above 1, so no prefix-free code has these lengths.
    """
    total = sum(Fraction(1, 2**length) for length in lengths.values())
    if total > 1 or any(length < 0 for length in lengths.values()):
        raise ConfigError(
            f"no prefix-free code has the lengths {dict(lengths)}: the sum of 2^-length is "
            f"{float(total):g}, it must be at most 1. Make some code words longer"
        )
    words: dict[str, str] = {}
    place = Fraction(0)
    for name, length in sorted(lengths.items(), key=lambda item: (item[1], item[0])):
        words[name] = format(int(place * 2**length), f"0{length}b") if length else ""
        place += Fraction(1, 2**length)
    return words


def encode_choice(value: int, count: int) -> str:
    """One of `count` values 0, 1, ...: the truncated binary code, floor or ceil of log2(count).

    Raises:
        ConfigError: a value outside 0 to count - 1.
    """
    if not 0 <= value < count:
        raise ConfigError(f"{value} is not one of 0 to {count - 1}")
    short = count.bit_length() - 1
    spare = 2 ** (short + 1) - count
    if value < spare:
        return format(value, f"0{short}b") if short else ""
    return format(value + spare, f"0{short + 1}b")


def read_choice(reader: Reader, count: int) -> int:
    """The inverse of `encode_choice`."""
    short = count.bit_length() - 1
    spare = 2 ** (short + 1) - count
    value = int(reader.take(short) or "0", 2)
    return value if value < spare else 2 * value + int(reader.take(1)) - spare


def encode_gamma(number: int) -> str:
    """Elias gamma of a whole number from 1: 2 floor(log2 n) + 1 bits."""
    if number < 1:
        raise ConfigError(f"an Elias code starts at 1; got {number}")
    return "0" * (number.bit_length() - 1) + format(number, "b")


def read_gamma(reader: Reader) -> int:
    """The inverse of `encode_gamma`."""
    zeros = 0
    while reader.take(1) == "0":
        zeros += 1
    return int("1" + reader.take(zeros), 2)


def encode_delta(number: int) -> str:
    """Elias delta of a whole number from 1: the gamma code of its length, then its digits."""
    if number < 1:
        raise ConfigError(f"an Elias code starts at 1; got {number}")
    return encode_gamma(number.bit_length()) + format(number, "b")[1:]


def read_delta(reader: Reader) -> int:
    """The inverse of `encode_delta`."""
    return int("1" + reader.take(read_gamma(reader) - 1), 2)


INTEGERS: dict[str, tuple[IntegerCode, Callable[[Reader], int]]] = {
    "delta": (encode_delta, read_delta),
    "gamma": (encode_gamma, read_gamma),
}


def folded(number: int) -> int:
    """0, 1, -1, 2, -2, ... as 1, 2, 3, 4, 5, ...: a number and its opposite cost the same bits."""
    return 2 * number if number > 0 else 1 - 2 * number


def unfolded(number: int) -> int:
    """The inverse of `folded`."""
    return number // 2 if number % 2 == 0 else (1 - number) // 2


def decimal_parts(value: float) -> tuple[int, int]:
    """value = mantissa * 10^exponent, the mantissa without a 0 at its end; 0 is (0, 0).

    Raises:
        ConfigError: a number that is not finite.
    """
    exact = Decimal(repr(float(value)))
    if not exact.is_finite():
        raise ConfigError(f"a number of the language must be finite; got {value!r}")
    sign, digits, exponent = exact.normalize().as_tuple()
    mantissa = int("".join(str(digit) for digit in digits))
    return (0, 0) if mantissa == 0 else (-mantissa if sign else mantissa, int(exponent))


def from_parts(mantissa: int, exponent: int) -> float:
    """The double nearest to mantissa * 10^exponent."""
    return float(f"{mantissa}e{exponent}")


def encode_number(value: float, integers: IntegerCode) -> str:
    """A decimal: its mantissa, and unless that is 0 its exponent, both folded to whole numbers."""
    mantissa, exponent = decimal_parts(value)
    word = integers(folded(mantissa))
    return word + integers(folded(exponent)) if mantissa else word


def read_number(reader: Reader, read_integer: Callable[[Reader], int]) -> float:
    """The inverse of `encode_number`."""
    mantissa = unfolded(read_integer(reader))
    if mantissa == 0:
        return 0.0
    exponent = unfolded(read_integer(reader))
    if abs(exponent) > 400 or mantissa.bit_length() > 64:
        raise DataError(f"{mantissa}e{exponent} is no number that a double holds")
    return from_parts(mantissa, exponent)
