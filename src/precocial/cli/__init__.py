"""The `precocial` command. One module a room; `commands.py` lists what exists."""

from __future__ import annotations

from precocial.cli.app import main

__all__ = ["main"]
