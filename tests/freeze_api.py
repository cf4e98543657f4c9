"""Write the public names of every room to api.txt: `python -m tests.freeze_api`."""

from __future__ import annotations

import importlib
from pathlib import Path

API = Path(__file__).with_name("api.txt")
SOURCE = Path(__file__).resolve().parent.parent / "src" / "precocial"


def listing() -> str:
    """One line a name: `room.name`."""
    rooms = sorted(path.parent.name for path in SOURCE.glob("*/__init__.py"))
    names = (
        f"{room}.{name}"
        for room in rooms
        for name in sorted(getattr(importlib.import_module(f"precocial.{room}"), "__all__", ()))
    )
    return "\n".join(names) + "\n"


if __name__ == "__main__":
    API.write_text(listing())
