"""Flags that take several values: `--flag a b`, `--flag a --flag b`, and words as NAME=VALUE."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from tyro.conf import UseAppendAction

T = TypeVar("T")
Words = UseAppendAction[tuple[tuple[str, ...], ...]]
"""A flag that may be repeated, with one word or several at a time: without this the last one would
silently win."""
Numbers = UseAppendAction[tuple[tuple[float, ...], ...]]
Paths = UseAppendAction[tuple[tuple[Path, ...], ...]]


def flat(words: tuple[tuple[T, ...], ...]) -> tuple[T, ...]:
    """The values of a flag, however they were grouped."""
    return tuple(word for group in words for word in group)


def named_words(
    flag: str, words: tuple[tuple[str, ...], ...], form: str = "NAME=VALUE"
) -> Iterator[tuple[str, str]]:
    """Name and value of each word.

    Raises:
        ConfigError: a word that is not of the form.
    """
    from precocial.errors import ConfigError

    for word in flat(words):
        name, _, value = word.partition("=")
        if not (name and value):
            raise ConfigError(f"{flag} takes {form}; got {word!r}")
        yield name, value


def named_once(
    flag: str, words: tuple[tuple[str, ...], ...], form: str = "NAME=VALUE"
) -> dict[str, str]:
    """Value by name, of words that may not repeat a name.

    Raises:
        ConfigError: a word that is not of the form, or a name that stands twice.
    """
    from precocial.errors import ConfigError

    found: dict[str, str] = {}
    for name, value in named_words(flag, words, form):
        if name in found:
            raise ConfigError(f"{flag}: {name} stands twice, as {found[name]} and {value}")
        found[name] = value
    return found


def plain_value(text: str) -> Any:
    """A number, true, false, none, a JSON list or object, or else the text itself."""
    from precocial import io
    from precocial.errors import DataError

    known = {"true": True, "false": False, "none": None, "null": None}
    if text.lower() in known:
        return known[text.lower()]
    try:
        return io.loads(text)
    except DataError:
        return text
