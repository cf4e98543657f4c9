"""A config in and out of JSON, and the name that a run gets from it."""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path, PurePath
from typing import Any, TypeVar

import msgspec
import numpy as np

import precocial
from precocial import io
from precocial.errors import ConfigError

ConfigT = TypeVar("ConfigT")


def config_dict(config: Any) -> dict[str, Any]:
    """A config as plain JSON values; two equal configs give the same dict.

    Fields may be numbers, text, booleans, None, enums, paths, tuples, dicts and further frozen
    dataclasses. The values are read back once, so that what is written can be read again
    and `1` given for a float is the same as `1.0`.

    Raises:
        ConfigError: not a frozen dataclass, a field of the wrong type, or NaN or infinity.
    """
    kind = type(config)
    if isinstance(config, type) or not dataclasses.is_dataclass(config):
        raise ConfigError(f"a config must be a frozen dataclass; got {kind.__name__}")
    if not kind.__dataclass_params__.frozen:
        raise ConfigError(f"{kind.__name__} must be frozen: @dataclass(frozen=True, kw_only=True)")
    return _builtins(_convert(_builtins(config), kind))


def config_from(kind: type[ConfigT], values: dict[str, Any]) -> ConfigT:
    """The config of type `kind` that `config_dict` turned into `values`.

    Raises:
        ConfigError: an unknown, missing or wrongly typed field, named with its place.
    """
    config = _convert(values, kind)
    for place in _unknown(values, _builtins(config), ""):
        raise ConfigError(f"{kind.__name__} has no field {place!r}")
    return config


def _builtins(config: Any) -> dict[str, Any]:
    try:
        plain: dict[str, Any] = msgspec.to_builtins(
            config, str_keys=True, order="deterministic", enc_hook=_encode
        )
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigError(f"{type(config).__name__}: {error}") from error
    for place, value in _leaves(plain, ""):
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(f"{type(config).__name__}: {place} is {value}; use None or a number")
    return plain


def _convert(values: dict[str, Any], kind: type[ConfigT]) -> ConfigT:
    try:
        return msgspec.convert(values, kind, str_keys=True, dec_hook=_decode)
    except (msgspec.ValidationError, TypeError, NameError) as error:
        raise ConfigError(f"{kind.__name__}: {error}") from error


def _encode(value: Any) -> Any:
    if isinstance(value, PurePath):
        return value.as_posix()
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"a config cannot hold a {type(value).__name__}")


def _decode(kind: type, value: Any) -> Any:
    if issubclass(kind, PurePath) and isinstance(value, str):
        return kind(value)
    raise TypeError(f"a config cannot hold a {kind.__name__}")


def _leaves(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, f"{place}.{key}" if place else str(key))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _leaves(item, f"{place}[{index}]")
    else:
        yield place, value


def _unknown(given: Any, known: Any, place: str) -> Iterator[str]:
    if isinstance(given, dict) and isinstance(known, dict):
        for key, value in given.items():
            where = f"{place}.{key}" if place else str(key)
            if key in known:
                yield from _unknown(value, known[key], where)
            else:
                yield where
    elif isinstance(given, list | tuple) and isinstance(known, list | tuple):
        for index, (value, item) in enumerate(zip(given, known, strict=False)):
            yield from _unknown(value, item, f"{place}[{index}]")


def seeds_of(values: dict[str, Any]) -> dict[str, Any]:
    """The seeds inside a config: every field called `seed` or `seeds`, by its dotted place."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        if key in ("seed", "seeds"):
            found[key] = value
        elif isinstance(value, dict):
            found.update({f"{key}.{name}": seed for name, seed in seeds_of(value).items()})
    return found


# ---------------------------------------------------------------- names


def experiment_name(experiment: Callable[..., Any]) -> str:
    """`module:function`; a script run as `__main__` goes by the name of its file.

    Raises:
        ConfigError: a lambda, a nested function or a partial, which no other process can import.
    """
    name = getattr(experiment, "__qualname__", "")
    if not inspect.isfunction(experiment) or "<" in name:
        raise ConfigError(
            f"an experiment must be a function at the top of a module, so that a worker process "
            f"can import it; got {experiment!r}. Put what varies into the config"
        )
    module = experiment.__module__
    if module == "__main__":
        module = _source(experiment).stem
    return f"{module}:{name}"


def code_version(experiment: Callable[..., Any]) -> str:
    """The package's version and a hash of the sources that decide a run's bits.

    Those are `precocial.lm`, `precocial.runs` and the package (or the lone file) of the
    experiment, of precocial's own experiments the whole room: equal bytes are promised for equal
    code only.
    """
    house = Path(precocial.__file__).parent
    digest = hashlib.sha256()
    for label, folder in (("lm", house / "lm"), ("runs", house / "runs")):
        _digest_sources(digest, label, sorted(folder.rglob("*.py")), folder)
    source = _source(experiment)
    module = sys.modules.get(experiment.__module__)
    if not source.is_file():  # typed at a prompt or in a notebook
        try:
            digest.update(inspect.getsource(experiment).encode())
        except (OSError, TypeError) as error:
            raise ConfigError(f"the source of {experiment!r} is not to be found") from error
    elif experiment.__module__ != "__main__" and module is not None and module.__package__:
        own = _room(source, house)
        _digest_sources(digest, "own", sorted(own.rglob("*.py")), own)
    else:
        _digest_sources(digest, "own", [source], source.parent)
    return f"{precocial.__version__}+{digest.hexdigest()[:16]}"


def _room(source: Path, house: Path) -> Path:
    """The folder whose code an experiment runs on: of precocial's own, the whole room."""
    inside = source.relative_to(house).parts if source.is_relative_to(house) else ()
    return house / inside[0] if len(inside) > 1 else source.parent


def _source(experiment: Callable[..., Any]) -> Path:
    """The file of a function, whatever decorates it."""
    return Path(inspect.unwrap(experiment).__code__.co_filename)


def _digest_sources(digest: Any, label: str, files: list[Path], base: Path) -> None:
    for file in files:
        content = io.read_bytes(file)
        name = f"{label}/{file.relative_to(base).as_posix()}/{len(content)}".encode()
        digest.update(len(name).to_bytes(8, "little") + name + content)


def identity(experiment: str, config: dict[str, Any], code: str) -> str:
    """16 hexadecimal digits that name a run: the same three parts give the same folder."""
    text = io.dumps({"experiment": experiment, "config": config, "code": code})
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def run_id(experiment: Callable[..., Any], config: Any) -> str:
    """The name of the folder for this experiment, config and code version."""
    return identity(experiment_name(experiment), config_dict(config), code_version(experiment))
