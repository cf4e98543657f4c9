"""What the public functions are given, held against their annotations: one check for all.

A wrong type would otherwise surface somewhere inside as a TypeError or an AttributeError that says
nothing of what was meant. Shapes, ranges and NaN are for the functions themselves to judge.
"""

from __future__ import annotations

import collections.abc
import inspect
import numbers
import types
import typing
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from precocial.errors import ConfigError

T = TypeVar("T", bound=Callable[..., Any])
MAX_ELEMENTS = 1000
"""Ours: of longer sequences the first ones are looked at."""
MAX_SHOWN = 60
_ARRAY = frozenset(typing.get_args(ArrayLike))
_NUMBERS = {int: numbers.Integral, float: numbers.Real}
_WORDS: dict[Any, str] = {
    int: "a whole number", float: "a number", str: "text", bool: "True or False",
    type(None): "None",
}  # fmt: skip


def checked(thing: T) -> T:
    """A function or class that refuses arguments of another type than its annotations say.

    Numbers may be Python's or NumPy's, a sequence is no text, an `ArrayLike` is what becomes an
    array of numbers, a protocol is held by what has its attributes. An annotation that is none of
    these is not checked.

    Raises:
        ConfigError: on a call with an argument of a wrong type.
    """
    if isinstance(thing, type):
        thing.__init__ = _wrapped(thing.__init__, thing.__name__, thing)  # type: ignore[misc]
        return thing
    return typing.cast("T", _wrapped(thing, thing.__name__, thing))


def _wrapped(function: Callable[..., Any], name: str, source: Any) -> Callable[..., Any]:
    order = tuple(inspect.signature(function).parameters.values())
    places = [parameter.name for parameter in order if parameter.kind <= 1]

    @wraps(function)
    def call(*args: Any, **given: Any) -> Any:
        hints = _hints(source)
        for place, value in (*zip(places, args, strict=False), *given.items()):
            if place in hints and not _fits(value, hints[place]):
                raise ConfigError(
                    f"{name}: {place} must be {_said(hints[place])}; got {_shown(value)}"
                )
        return function(*args, **given)

    return call


@lru_cache(maxsize=None)
def _hints(source: Any) -> dict[str, Any]:
    return typing.get_type_hints(source)


def _fits(value: Any, hint: Any) -> bool:
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _fits_one(value, parts)
    if origin is typing.Literal:
        return any(value is part or (type(value) is type(part) and value == part) for part in parts)
    if hint in _NUMBERS:
        return isinstance(value, _NUMBERS[hint]) or _is_one_number(value, hint)
    if hint is bool:
        return isinstance(value, bool | np.bool_)
    if origin is np.ndarray:
        return isinstance(value, np.ndarray) and value.dtype.kind in "biuf"
    if origin is tuple and Ellipsis not in parts:
        return _is_sequence(value) and len(value) == len(parts) and all(map(_fits, value, parts))
    if origin in (tuple, list, collections.abc.Sequence):
        inner = parts[0] if parts else Any
        return _is_sequence(value) and all(_fits(one, inner) for one in _first(value))
    if getattr(hint, "_is_protocol", False) and hint.__module__.startswith("precocial"):
        return all(hasattr(value, name) for name in _asked(hint)) and not isinstance(value, type)
    kind = origin or hint
    return not isinstance(kind, type) or isinstance(value, kind)


def _fits_one(value: Any, parts: tuple[Any, ...]) -> bool:
    if _ARRAY <= set(parts):
        parts = tuple(part for part in parts if part not in _ARRAY)
        if _is_array(value):
            return True
    return any(_fits(value, part) for part in parts)


def _is_array(value: Any) -> bool:
    try:
        array = np.asarray(value)
        return array.dtype.kind in "biuf" or (
            array.dtype.kind == "O" and array.astype(np.float64) is not None and value is not None
        )
    except (TypeError, ValueError, OverflowError, RuntimeError):
        return False


def _is_one_number(value: Any, hint: Any) -> bool:
    kinds = "iu" if hint is int else "biuf"
    return isinstance(value, np.ndarray) and value.ndim == 0 and value.dtype.kind in kinds


def _is_sequence(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.ndim > 0
    fits = isinstance(value, collections.abc.Collection)
    return fits and not isinstance(value, str | bytes | collections.abc.Mapping)


def _first(value: Any) -> list[Any]:
    return [one for _, one in zip(range(MAX_ELEMENTS), value, strict=False)]


@lru_cache(maxsize=None)
def _asked(protocol: Any) -> tuple[str, ...]:
    return tuple(name for name in vars(protocol) if not name.startswith("_"))


def _said(hint: Any) -> str:
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        rest = [part for part in parts if part not in _ARRAY] if set(parts) >= _ARRAY else parts
        array = ["an array of numbers"] if len(rest) < len(parts) else []
        return " or ".join(array + [_said(part) for part in rest])
    if origin is typing.Literal:
        return "one of " + ", ".join(repr(part) for part in parts)
    if origin is np.ndarray:
        return "a NumPy array of numbers"
    if origin in (tuple, list, collections.abc.Sequence) and parts:
        return f"a sequence, each {_said(parts[0])}"
    if hint in _WORDS:
        return _WORDS[hint]
    return f"a {getattr(origin or hint, '__name__', str(hint))}"


def _shown(value: Any) -> str:
    kind = type(value).__name__
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype} and shape {value.shape}"
    text = repr(value)
    return f"{kind} {text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + '...'}"
