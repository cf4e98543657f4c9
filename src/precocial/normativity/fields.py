"""Fields of a TOML file of levels: what each may hold, and where in the file one is wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from precocial import io
from precocial.errors import DataError
from precocial.normativity.judges import LARGEST

Check = Callable[[Any], str]
"""Of a value: what it must be instead, or nothing."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of a file, which an error names: the whole, a level, a piece of feedback."""

    path: Path
    name: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.name}" if self.name else str(self.path)

    def at(self, name: str) -> Part:
        """A part of the same file."""
        return Part(path=self.path, name=name)

    def wrong(self, field: str, message: str) -> DataError:
        """The error that a field of this part is."""
        where = f"{self.name}, field {field!r}" if self.name else f"field {field!r}"
        return DataError(f"{where}: {message}", path=self.path)

    def read(
        self, given: Mapping[str, Any], fields: Mapping[str, Check], needed: Sequence[str] = ()
    ) -> dict[str, Any]:
        """The fields of a table, each held against its check.

        Raises:
            DataError: an unknown or missing field, or a wrong value.
        """
        for name in given:
            if name not in fields:
                raise self.wrong(name, f"is unknown; allowed are {', '.join(fields)}")
        for name in needed:
            if name not in given:
                raise self.wrong(name, f"is missing; needed are {', '.join(needed)}")
        for name, value in given.items():
            if wanted := fields[name](value):
                raise self.wrong(name, wanted)
        return dict(given)

    def tables(self, given: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
        """The tables [[name]], one at least.

        Raises:
            DataError: there is none, or something else.
        """
        found = given.get(name)
        if not isinstance(found, list) or not found or not all(isinstance(x, dict) for x in found):
            raise self.wrong(name, f"one or more [[{name}]] are needed")
        return found


# ---------------------------------------------------------------- what a field may hold


def _shown(value: Any) -> str:
    """As TOML writes it, where that differs."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return io.shown(value)


def _whole(value: Any) -> str:
    fits = isinstance(value, int) and not isinstance(value, bool)
    return "" if fits else f"must be a whole number; got {_shown(value)}"


def _number(value: Any) -> str:
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    fits = plain and abs(value) <= LARGEST  # which NaN is not
    return "" if fits else f"must be a finite number; got {_shown(value)}"


def _switch(value: Any) -> str:
    return "" if isinstance(value, bool) else f"must be true or false; got {_shown(value)}"


def _text(value: Any) -> str:
    return "" if isinstance(value, str) else f"must be text; got {_shown(value)}"


def _one_of(*words: str) -> Check:
    return lambda value: (
        "" if value in words else f"must be one of {', '.join(words)}; got {_shown(value)}"
    )


def _names(value: Any) -> str:
    if not isinstance(value, list) or not value:
        return f"must be a list of names, one at least; got {_shown(value)}"
    for place, name in enumerate(value):
        if not isinstance(name, str) or not name.strip():
            return f"must be a list of names; number {place + 1} is {_shown(name)}"
    return ""


def _some_names(value: Any) -> str:
    return "" if value == [] else _names(value)


def _numbers(value: Any) -> str:
    """A list of numbers, or of such lists of one length."""
    if not isinstance(value, list) or not value:
        return f"must be a list of numbers, or of lists of them; got {_shown(value)}"
    return _odd(value, ())


def _odd(value: Any, place: tuple[int, ...]) -> str:
    where = "".join(f"[{n}]" for n in place)
    if not isinstance(value, list):
        said = _number(value)
        return said and f"{where} {said}"
    sizes = [len(one) if isinstance(one, list) else -1 for one in value]
    for n, size in enumerate(sizes):
        if size != sizes[0]:
            held = ["is no list" if many < 0 else f"holds {many}" for many in (sizes[0], size)]
            return f"must be rows of one length; {where}[0] {held[0]}, {where}[{n}] {held[1]}"
    return next((said for n, one in enumerate(value) if (said := _odd(one, (*place, n)))), "")


def _scores(value: Any) -> str:
    """Numbers, or the name of a table of them."""
    if isinstance(value, str):
        return ""
    if not isinstance(value, list) or not value:
        return f"must be rows of numbers, or the name of a table; got {_shown(value)}"
    return _odd(value, ())


def _level(value: Any) -> str:
    return "" if not _text(value) or not _whole(value) else (
        f"must be the name of a level, or its number; got {_shown(value)}"
    )  # fmt: skip


def _item(value: Any) -> str:
    fits = isinstance(value, str | dict) or not _whole(value)
    return "" if fits else f"must be a name, a number or a table; got {_shown(value)}"


def _groups(value: Any) -> str:
    fits = isinstance(value, dict) and all(isinstance(one, str) for one in value.values())
    return "" if fits else f"must be a table of source = group; got {_shown(value)}"


def _any(value: Any) -> str:
    return ""


FIELDS: dict[str, dict[str, Check]] = {
    "top": {
        "q": _number, "floor": _number, "semantics": _one_of("sample", "mean"), "share": _switch,
        "depth": _whole, "levels": _any, "feedback": _any, "fitting": _any,
    },
    "levels": {
        "name": _text, "items": _names, "initial": _numbers, "logits": _numbers, "q": _number,
        "floor": _number, "tasks": _names, "scores": _scores,
    },
    "feedback": {
        "level": _level, "item": _item, "value": _number, "confidence": _number, "source": _text,
        "better_than": _text, "task": _text, "kind": _text, "count": _number,
    },
    "fitting": {
        "learn": _some_names, "pull": _number, "source_floor": _number,
        "reliability": _one_of("learned", "fixed"), "reading_prior": _numbers,
        "groups": _groups, "group_share": _number, "obey_certain": _switch, "heed": _some_names,
        "tol": _number, "most_steps": _whole, "kl_step": _number,
    },
}  # fmt: skip
"""Of each table its fields; those of "levels" are `Level`'s, of "fitting" `Fitting`'s."""
