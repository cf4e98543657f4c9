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


def keep_folder(flag: str, folder: Path, names: tuple[str, ...], **inputs: Path | None) -> None:
    """Refuse, before any work, a folder that cannot be written, or files over the inputs.

    Args:
        flag: that named the folder, for the message.
        folder: where to write; made later if it is not there.
        names: of the files that are written into it.
        inputs: as for `keep_inputs`.

    Raises:
        ConfigError: it cannot be written there, or writing would replace an input.
    """
    try:
        if "\0" in str(folder):
            raise ConfigError(f"{flag} {str(folder)!r}: holds a NUL byte; name another place")
        there = next(one for one in (folder, *folder.absolute().parents) if os.path.lexists(one))
        taken = [name for name in names if (folder / name).is_dir()]
    except OSError as error:  # a name that is too long
        raise ConfigError(f"{flag}: {error.strerror}; name another place") from error
    if not there.is_dir():
        raise ConfigError(f"{flag} {folder}: {there} is no folder; name another place")
    if not os.access(there, os.W_OK | os.X_OK):
        raise ConfigError(f"{flag} {folder}: {there} cannot be written; name another place")
    if taken:
        raise ConfigError(f"{flag} {folder}: {taken[0]} is a folder there; name another place")
    for name in names:
        keep_inputs(flag, folder / name, **inputs)


def _path(given: str) -> Path | None:
    """The path in a path or in FILE.py:function; None for a name that is neither."""
    file, colon, _ = given.rpartition(":")
    path = Path(file) if colon and file.endswith(".py") else Path(given)
    return path if path.exists() else None


def _same(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.samefile(other)
