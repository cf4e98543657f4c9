"""Runs that are killed: at a row, or at a checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from precocial.io import Row
from precocial.runs import Run


class KilledError(Exception):
    """Stands for a signal."""


def killing(after: int) -> Callable[[Row], None]:
    """Raise at a row."""
    seen: list[Row] = []

    def look(row: Row) -> None:
        seen.append(row)
        if len(seen) == after:
            raise KilledError

    return look


def kill_at_checkpoints(monkeypatch: pytest.MonkeyPatch, *numbers: int) -> None:
    """Raise once a checkpoint of one of these numbers is written, counted from 1 over all runs."""
    kept, calls = Run.checkpoint, []

    def checkpoint(self: Run, *arguments: Any) -> None:
        kept(self, *arguments)
        calls.append(1)
        if len(calls) in numbers:
            raise KilledError

    monkeypatch.setattr(Run, "checkpoint", checkpoint)
