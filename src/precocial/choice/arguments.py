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
from functools import cache, wraps
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from precocial.errors import ConfigError

Floats = NDArray[np.float64]
T = TypeVar("T", bound=Callable[..., Any])
MAX_ELEMENTS = 1000
"""Ours: of longer sequences the first ones are looked at."""
MAX_SHOWN = 60
MOST = 2**63 - 1
SUM = 1e-6
"""How far a sum of probabilities may be from 1."""
_ARRAY = frozenset(typing.get_args(ArrayLike))
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
    name = thing.__name__
    if name == "__init__":  # a class is called by its own name
        name = thing.__qualname__.split(".")[-2]
    return typing.cast("T", _wrapped(thing, name, thing))


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


@cache
def _hints(source: Any) -> dict[str, Any]:
    return typing.get_type_hints(source)


def _fits(value: Any, hint: Any) -> bool:
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _fits_one(value, parts)
    if origin is typing.Literal:
        return any(value is part or (type(value) is type(part) and value == part) for part in parts)
    if hint is Any or isinstance(hint, TypeVar):
        return True
    if hint is int or hint is float:
        return _is_number(value, hint)
    if hint is bool:
        return isinstance(value, bool | np.bool_)
    if origin is np.ndarray:
        return isinstance(value, np.ndarray) and value.dtype.kind in "biuf"
    if origin is tuple and Ellipsis not in parts:
        return _is_sequence(value) and len(value) == len(parts) and all(map(_fits, value, parts))
    if origin in (tuple, list, collections.abc.Sequence):
        inner = parts[0] if parts else Any
        if isinstance(value, np.ndarray) and not _is_of_numbers(inner):
            return False
        return _is_sequence(value) and all(_fits(one, inner) for one in _first(value))
    if getattr(hint, "_is_protocol", False) and hint.__module__.startswith("precocial"):
        return all(hasattr(value, name) for name in _asked(hint)) and not isinstance(value, type)
    kind = origin or hint
    return not isinstance(kind, type) or isinstance(value, kind)


def _fits_one(value: Any, parts: tuple[Any, ...]) -> bool:
    if set(parts) >= _ARRAY:
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


def _is_number(value: Any, hint: Any) -> bool:
    """Whether it is one number that a float, or a word of 64 bits, can hold; true is not 1."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if hint is int:
        whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
        return whole and -MOST - 1 <= int(value) <= MOST
    large = isinstance(value, numbers.Integral) and abs(int(value)) > MOST
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and not large


def _is_sequence(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.ndim > 0
    fits = isinstance(value, collections.abc.Collection)
    return fits and not isinstance(value, str | bytes | collections.abc.Mapping)


def _is_of_numbers(hint: Any) -> bool:
    return hint in (int, float, Any) or typing.get_origin(hint) in (
        tuple, list, collections.abc.Sequence, typing.Union, types.UnionType
    )  # fmt: skip


def _first(value: Any) -> list[Any]:
    return [one for _, one in zip(range(MAX_ELEMENTS), value, strict=False)]


@cache
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
    if origin is collections.abc.Callable:
        return "a function"
    name = getattr(origin or hint, "__name__", str(hint))
    return f"{'an' if name[:1] in 'AEIOU' else 'a'} {name}"


def _shown(value: Any) -> str:
    kind = type(value).__name__
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype} and shape {value.shape}"
    text = " ".join(repr(value).split())
    return f"{kind} {text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + '...'}"


def array_of(name: str, values: ArrayLike, tail: tuple[int, ...]) -> Floats:
    """Finite numbers whose last dimensions are `tail`.

    Raises:
        ConfigError: other shapes, NaN or infinity.
    """
    try:
        found = np.asarray(values, dtype=np.float64)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{name} must be numbers, rows of one length; got {error}") from error
    fits = found.ndim >= len(tail) and found.shape[found.ndim - len(tail) :] == tail
    if not fits or not np.isfinite(found).all():
        shape = ", ".join(["...", *map(str, tail)])
        raise ConfigError(f"{name} must be finite, ({shape}); got shape {found.shape}")
    return found


def distributions_of(
    name: str, values: ArrayLike, tail: tuple[int, ...], kept: NDArray[np.bool_] | None = None
) -> Floats:
    """Finite numbers, none below 0, that sum to 1 over the last dimension within `SUM` (where
    `kept` of the dimension before it is true).

    Raises:
        ConfigError: anything else.
    """
    p = array_of(name, values, tail)
    total = p.sum(axis=-1) if kept is None else p.sum(axis=-1)[..., kept]
    if (p < 0).any() or (np.abs(total - 1) > SUM).any():
        raise ConfigError(
            f"{name} must hold distributions: no number below 0, and a sum of 1 over the last "
            f"index; got sums of {total.min():.6g} to {total.max():.6g} and the least number "
            f"{p.min():.6g}"
        )
    return p


def indices_of(name: str, values: ArrayLike, count: int) -> NDArray[np.int64]:
    """Whole numbers from 0 to count - 1, one at least, in one row.

    Raises:
        ConfigError: anything else.
    """
    found = np.atleast_1d(np.asarray(values, dtype=np.float64))
    fits = found.ndim == 1 and len(found) > 0 and np.isfinite(found).all()
    if not fits or (found != np.floor(found)).any() or found.min() < 0 or found.max() >= count:
        got = f"{found.item():g}" if found.size == 1 else _shown(values)
        raise ConfigError(f"{name} must lie in 0 to {count - 1}; got {got}")
    return np.asarray(found, dtype=np.int64)


def generator_of(name: str, seed: int) -> np.random.Generator:
    """The random numbers of a seed.

    Raises:
        ConfigError: a seed below 0.
    """
    if seed < 0:
        raise ConfigError(f"{name}: seed must be 0 or more; got {seed}")
    return np.random.default_rng(seed)


def like(name: str, values: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """The values, repeated to a shape.

    Raises:
        ConfigError: they do not fit it.
    """
    try:
        return np.broadcast_to(values, shape)
    except ValueError as error:
        raise ConfigError(f"{name} must fit the shape {shape}; got {values.shape}") from error
