"""Where a command may write: never over what it reads."""

from __future__ import annotations

import os
from pathlib import Path

from precocial.errors import ConfigError

_MADE = (".genome", ".safetensors")
"""What commands write: files of these kinds in a folder of data are none of the data."""


def keep_inputs(flag: str, target: Path | None, **inputs: str | Path | None) -> None:
    """Refuse a file to write that is one of the inputs, or lies among a folder of them.

    Args:
        flag: that named the target, for the message.
        target: what is to be written; None: nothing is.
        inputs: by what they are: a path, FILE.py:function, a name that is no path, or None.

    Raises:
        ConfigError: writing would replace an input.
    """
    if target is None:
        return
    for what, given in inputs.items():
        path = None if given is None else _path(str(given))
        if path is None:
            continue
        inside = path.is_dir() and target.suffix not in _MADE and _same(target.parent, path)
        if _same(target, path) or (inside and os.path.lexists(target)):
            raise ConfigError(
                f"{flag} {target} would replace the {what} that is read: name another file"
            )


def _path(given: str) -> Path | None:
    """The path in a path or in FILE.py:function; None for a name that is neither."""
    file, colon, _ = given.rpartition(":")
    path = Path(file) if colon and file.endswith(".py") else Path(given)
    return path if path.exists() else None


def _same(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.samefile(other)
