"""Write the flags of every command to flags.txt: `python -m tests.cli.freeze`."""

from __future__ import annotations

import dataclasses
import inspect
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tyro.conf import Positional

from precocial.cli.commands import COMMANDS

FLAGS = Path(__file__).with_name("flags.txt")


def flags(function: Any) -> Iterator[str]:
    """Each flag and argument of a command: its name, type and default."""
    hints = typing.get_type_hints(function, include_extras=True)
    plain = typing.get_type_hints(function)  # types, whoever has evaluated the annotations
    for name, parameter in inspect.signature(function).parameters.items():
        if dataclasses.is_dataclass(hints[name]):
            yield from fields(hints[name], parameter.default)
        else:
            positional = Positional in getattr(hints[name], "__metadata__", ())
            yield line(name, plain[name], parameter.default, positional=positional)


def fields(config: Any, default: Any) -> Iterator[str]:
    """The fields of a config that a command takes whole: each is a flag."""
    plain = typing.get_type_hints(config)
    for field in dataclasses.fields(config):
        absent = inspect.Parameter.empty
        value = absent if default is absent else getattr(default, field.name)
        if default is absent and field.default is not dataclasses.MISSING:
            value = field.default
        yield line(field.name, plain[field.name], value)


def line(name: str, annotation: Any, default: Any, *, positional: bool = False) -> str:
    """`--name: type = default`."""
    kind = annotation.__name__ if type(annotation) is type else str(annotation)
    kind = kind.replace("typing.", "").replace("pathlib._local.", "").replace("pathlib.", "")
    shown = name.upper() if positional else "--" + name.replace("_", "-")
    given = "" if default is inspect.Parameter.empty else f" = {default!r}"
    return f"{shown}: {kind}{given}"


def listing() -> str:
    """Every command with its flags, as flags.txt holds them."""
    blocks = ["\n  ".join([command.words, *flags(command.load())]) for command in COMMANDS]
    return "\n".join(blocks) + "\n"


if __name__ == "__main__":
    FLAGS.write_text(listing())
