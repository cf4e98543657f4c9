"""One family of errors. Every message says what was got, what is allowed and what to do next."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any


class PrecocialError(Exception):
    """The root of every error that precocial raises on purpose."""


class ConfigError(PrecocialError, ValueError):
    """An argument, option or configuration field is not allowed."""


class DataError(PrecocialError, ValueError):
    """A file or table is malformed. `path`, `line` and `column` say where, as far as is known."""

    def __init__(
        self,
        message: str,
        *,
        path: object = None,
        line: int | None = None,
        column: str | None = None,
    ) -> None:
        place = [] if path is None else [str(path)]
        if line is not None:
            place.append(f"line {line}")
        if column is not None:
            place.append(f"column {column!r}")
        super().__init__(f"{', '.join(place)}: {message}" if place else message)
        self.path, self.line, self.column = path, line, column


class FitError(PrecocialError):
    """The data cannot decide what was asked of it (too few levels, no bracket, no convergence)."""


class RunError(PrecocialError):
    """A run folder is damaged, in use by another process, or belongs to another config."""


class MissingExtraError(PrecocialError, ImportError):
    """An optional dependency is not installed."""


def need(module: str, extra: str) -> ModuleType:
    """Import `module`, or say which extra brings it.

    Raises:
        MissingExtraError: with the exact pip command.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f"{module} is not installed; it comes with the extra [{extra}]. "
            f"Run: pip install 'precocial[{extra}]'"
        ) from error


def one_of(name: str, got: Any, allowed: Any) -> None:
    """Raise ConfigError unless `got` is in `allowed`."""
    if got not in allowed:
        choices = ", ".join(repr(choice) for choice in allowed)
        raise ConfigError(f"{name} must be one of {choices}; got {got!r}")
