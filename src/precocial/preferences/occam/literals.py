"""The literals of `language`: their codes, and every literal within a number of bits.

integer  1, 2, 3, ...                      Elias delta or gamma
number   a decimal                         mantissa and exponent
state, action                              one of the world's, truncated binary
actions  one action for each state         one number below A^S, or run by run
numbers  one number for each (s, a)        one after the other, or run by run
quirks   different states, an action each  list: how many, the states, one number below A^k;
                                           bitmap: a bit a state, then the same
weights  different features, a number each how many, then feature and number
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from precocial.errors import ConfigError, DataError
from precocial.preferences.occam.codes import (
    INTEGERS,
    Reader,
    encode_choice,
    encode_number,
    from_parts,
    read_choice,
    read_number,
    unfolded,
)

Found = Iterator[tuple[Any, int]]


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """What a world's literals are drawn from: numbers of states, actions and reward features."""

    states: int
    actions: int
    features: int = 0


@dataclass(frozen=True, kw_only=True)
class Style:
    """How a language writes literals; see `Language`."""

    integers: str
    tables: str
    quirks: str

    @cached_property
    def integer(self) -> Callable[[int], str]:
        """The code of whole numbers."""
        return INTEGERS[self.integers][0]

    @cached_property
    def read_integer(self) -> Callable[[Reader], int]:
        """Its inverse."""
        return INTEGERS[self.integers][1]


@dataclass(frozen=True)
class Codec:
    """The code of one type of literal: write, read, and all within a number of bits."""

    encode: Callable[[Any, Style, Sizes], str]
    read: Callable[[Reader, Style, Sizes], Any]
    upto: Callable[[int, Style, Sizes], Found]


def _integers_upto(budget: int, style: Style, sizes: Sizes) -> Found:
    for number in itertools.count(1):
        bits = len(style.integer(number))
        if bits > budget:
            return
        yield number, bits


def _numbers_upto(budget: int, style: Style, sizes: Sizes) -> Found:
    for whole, bits in _integers_upto(budget, style, sizes):
        mantissa = unfolded(whole)
        if mantissa == 0:
            yield 0.0, bits
        elif mantissa % 10:
            for power, more in _integers_upto(budget - bits, style, sizes):
                yield from_parts(mantissa, unfolded(power)), bits + more


def _choices_upto(count: int, budget: int) -> Found:
    for value in range(count):
        bits = len(encode_choice(value, count))
        if bits <= budget:
            yield value, bits


# ---------------------------------------------------------------- several entries


def _encode_block(values: Sequence[int], base: int) -> str:
    """Several choices of one in `base` as one number: at most 1 bit above n log2(base)."""
    total = 0
    for value in values:
        if not 0 <= value < base:
            raise ConfigError(f"{value} is not one of 0 to {base - 1}")
        total = total * base + value
    return encode_choice(total, base ** len(values))


def _read_block(reader: Reader, count: int, base: int) -> tuple[int, ...]:
    total, values = read_choice(reader, base**count), []
    for _ in range(count):
        total, value = divmod(total, base)
        values.append(value)
    return tuple(reversed(values))


def _encode_runs(values: Sequence[Any], style: Style, one: Callable[[Any], str]) -> str:
    runs = [(value, len(list(same))) for value, same in itertools.groupby(values)]
    return "".join(style.integer(length) + one(value) for value, length in runs)


def _read_runs(reader: Reader, count: int, style: Style, one: Callable[[Reader], Any]) -> Any:
    values: list[Any] = []
    while len(values) < count:
        length = style.read_integer(reader)
        if length > count - len(values):
            raise DataError(f"a run of {length} goes past the table's end at {count}")
        values += [one(reader)] * length
    return tuple(values)


def _tables_upto(
    count: int, entries: list[tuple[Any, int]], budget: int, style: Style, last: Any = None
) -> Found:
    """Tables of `count` entries, by their runs or one by one; entries with their bits."""
    if count == 0:
        yield (), 0
        return
    lengths = range(1, count + 1) if style.tables == "runs" else (1,)
    for length in lengths:
        head = len(style.integer(length)) if style.tables == "runs" else 0
        for value, bits in entries:
            spent = head + bits
            if spent > budget or (style.tables == "runs" and value == last):
                continue
            rest = _tables_upto(count - length, entries, budget - spent, style, value)
            for values, more in rest:
                yield (value,) * length + values, spent + more


def _encode_actions(values: Sequence[int], style: Style, sizes: Sizes) -> str:
    if len(values) != sizes.states:
        raise ConfigError(f"{sizes.states} actions are needed, one a state; got {len(values)}")
    if style.tables == "plain":
        return _encode_block(values, sizes.actions)
    return _encode_runs(values, style, lambda value: encode_choice(value, sizes.actions))


def _read_actions(reader: Reader, style: Style, sizes: Sizes) -> tuple[int, ...]:
    if style.tables == "plain":
        return _read_block(reader, sizes.states, sizes.actions)
    found = _read_runs(reader, sizes.states, style, lambda one: read_choice(one, sizes.actions))
    return tuple(found)


def _actions_upto(budget: int, style: Style, sizes: Sizes) -> Found:
    if style.tables == "runs":
        entries = list(_choices_upto(sizes.actions, budget))
        yield from _tables_upto(sizes.states, entries, budget, style)
    elif (sizes.actions**sizes.states).bit_length() - 1 <= budget:
        for values in itertools.product(range(sizes.actions), repeat=sizes.states):
            bits = len(_encode_block(values, sizes.actions))
            if bits <= budget:
                yield values, bits


def _encode_numbers(values: Sequence[float], style: Style, sizes: Sizes) -> str:
    if len(values) != sizes.states * sizes.actions:
        raise ConfigError(
            f"{sizes.states * sizes.actions} numbers are needed, one for each state and action; "
            f"got {len(values)}"
        )
    if style.tables == "plain":
        return "".join(encode_number(value, style.integer) for value in values)
    return _encode_runs(values, style, lambda value: encode_number(value, style.integer))


def _read_numbers(reader: Reader, style: Style, sizes: Sizes) -> tuple[float, ...]:
    count = sizes.states * sizes.actions
    if style.tables == "plain":
        return tuple(read_number(reader, style.read_integer) for _ in range(count))
    found = _read_runs(reader, count, style, lambda one: read_number(one, style.read_integer))
    return tuple(found)


def _number_tables_upto(budget: int, style: Style, sizes: Sizes) -> Found:
    count = sizes.states * sizes.actions
    least = 2 if style.tables == "runs" else count
    if least <= budget:
        room = budget if style.tables == "runs" else budget - count + 1
        entries = list(_numbers_upto(room, style, sizes))
        yield from _tables_upto(count, entries, budget, style)


def _encode_quirks(quirks: Sequence[tuple[int, int]], style: Style, sizes: Sizes) -> str:
    states = [state for state, _ in quirks]
    if (
        not states
        or states != sorted(set(states))
        or not 0 <= states[0] <= states[-1] < sizes.states
    ):
        raise ConfigError(
            f"quirks must be pairs of a state and an action, different states in order, below "
            f"{sizes.states}; got {tuple(quirks)}"
        )
    if style.quirks == "bitmap":
        where = "".join("1" if s in set(states) else "0" for s in range(sizes.states))
    else:
        where = style.integer(len(states))
        where += "".join(encode_choice(state, sizes.states) for state in states)
    return where + _encode_block([action for _, action in quirks], sizes.actions)


def _read_quirks(reader: Reader, style: Style, sizes: Sizes) -> tuple[tuple[int, int], ...]:
    if style.quirks == "bitmap":
        where = reader.take(sizes.states)
        states = [s for s in range(sizes.states) if where[s] == "1"]
    else:
        count = style.read_integer(reader)
        if count > sizes.states:
            raise DataError(f"{count} quirks in {sizes.states} states")
        states = [read_choice(reader, sizes.states) for _ in range(count)]
    actions = _read_block(reader, len(states), sizes.actions)
    return tuple(zip(states, actions, strict=True))


def _quirks_upto(budget: int, style: Style, sizes: Sizes) -> Found:
    for count in range(1, sizes.states + 1):
        any_before = False
        for states in itertools.combinations(range(sizes.states), count):
            for actions in itertools.product(range(sizes.actions), repeat=count):
                quirks = tuple(zip(states, actions, strict=True))
                bits = len(_encode_quirks(quirks, style, sizes))
                if bits <= budget:
                    any_before = True
                    yield quirks, bits
        if not any_before:
            return


def _encode_weights(weights: Sequence[tuple[int, float]], style: Style, sizes: Sizes) -> str:
    places = [place for place, _ in weights]
    if not places or places != sorted(set(places)):
        raise ConfigError(
            f"weights must be pairs of a feature and a number, features in order; got {weights}"
        )
    return style.integer(len(places)) + "".join(
        encode_choice(place, sizes.features) + encode_number(value, style.integer)
        for place, value in weights
    )


def _read_weights(reader: Reader, style: Style, sizes: Sizes) -> tuple[tuple[int, float], ...]:
    if not sizes.features:
        raise DataError("this world has no reward features")
    count = style.read_integer(reader)
    if count > sizes.features:
        raise DataError(f"{count} weights of {sizes.features} features")
    return tuple(
        (read_choice(reader, sizes.features), read_number(reader, style.read_integer))
        for _ in range(count)
    )


def _weights_upto(budget: int, style: Style, sizes: Sizes) -> Found:
    for count in range(1, sizes.features + 1):
        head = len(style.integer(count))
        if head + count > budget:
            return
        for places in itertools.combinations(range(sizes.features), count):
            spent = head + sum(len(encode_choice(place, sizes.features)) for place in places)
            entries = list(_numbers_upto(max(budget - spent, 0), style, sizes))
            plain = Style(integers=style.integers, tables="plain", quirks=style.quirks)
            for values, bits in _tables_upto(count, entries, budget - spent, plain):
                yield tuple(zip(places, values, strict=True)), spent + bits


LITERALS: dict[str, Codec] = {
    "integer": Codec(
        lambda value, style, sizes: style.integer(value),
        lambda reader, style, sizes: style.read_integer(reader),
        _integers_upto,
    ),
    "number": Codec(
        lambda value, style, sizes: encode_number(value, style.integer),
        lambda reader, style, sizes: read_number(reader, style.read_integer),
        _numbers_upto,
    ),
    "state": Codec(
        lambda value, style, sizes: encode_choice(value, sizes.states),
        lambda reader, style, sizes: read_choice(reader, sizes.states),
        lambda budget, style, sizes: _choices_upto(sizes.states, budget),
    ),
    "action": Codec(
        lambda value, style, sizes: encode_choice(value, sizes.actions),
        lambda reader, style, sizes: read_choice(reader, sizes.actions),
        lambda budget, style, sizes: _choices_upto(sizes.actions, budget),
    ),
    "actions": Codec(_encode_actions, _read_actions, _actions_upto),
    "numbers": Codec(_encode_numbers, _read_numbers, _number_tables_upto),
    "quirks": Codec(_encode_quirks, _read_quirks, _quirks_upto),
    "weights": Codec(_encode_weights, _read_weights, _weights_upto),
}
