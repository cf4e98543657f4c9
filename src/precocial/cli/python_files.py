"""Names out of a user's Python file. The file is run: only what the user hands over."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

from precocial.errors import ConfigError


def named(place: str) -> Any:
    """The value of FILE.py:NAME.

    Raises:
        ConfigError: not of that form, no such file or name, or the file raises.
    """
    file, colon, name = place.rpartition(":")
    if not colon or not name.isidentifier():
        raise ConfigError(f"name a value as FILE.py:NAME; got {place!r}")
    path = Path(file).resolve()
    label = f"precocial_user_{path.stem}_{abs(hash(str(path))):x}"
    if label not in sys.modules:
        spec = importlib.util.spec_from_file_location(label, path)
        if not path.is_file() or spec is None or spec.loader is None:
            raise ConfigError(f"{file} is not a Python file that can be read")
        module = importlib.util.module_from_spec(spec)
        sys.modules[label] = module
        try:
            spec.loader.exec_module(module)
        except Exception as error:  # whatever a user's file raises
            del sys.modules[label]
            raise ConfigError(f"{file} raised {type(error).__name__}: {error}") from error
    found = sys.modules[label]
    if not hasattr(found, name):
        raise ConfigError(f"{file} has no name {name!r}")
    return getattr(found, name)
