"""How far a sweep is, on the terminal."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from precocial.runs.records import RunRecord

LINE_EVERY_S = 5.0
"""Seconds between the plain lines of `count`, so that a log is not all progress (ours)."""


class Progress:
    """A bar with the time left on a terminal, plain lines elsewhere, nothing when `quiet`.

    Give it to `sweep` as `on_done`, inside `with Progress("training") as progress:`. Other work
    takes `progress.count`; work that cannot be counted shows the time that it has taken.
    """

    def __init__(self, label: str, *, quiet: bool = False, file: TextIO | None = None) -> None:
        self.label, self.quiet = label, quiet
        self._file = sys.stderr if file is None else file
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            console=Console(file=self._file),
            disable=quiet or not self._file.isatty(),
        )
        self._task = self._bar.add_task(label, total=None, left="")
        self._said = time.monotonic()
        self._first: tuple[int, float] | None = None

    def __enter__(self) -> Progress:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def __call__(
        self, record: RunRecord, done: int, total: int, seconds_left: float | None
    ) -> None:
        """Show that `done` of `total` runs are complete."""
        self._show(done, total, seconds_left)

    def count(self, done: int, total: int) -> None:
        """Show that `done` of `total` parts are done, each taken to last as long as another."""
        now = time.monotonic()
        # What went before the first part says nothing of how long a part takes.
        first, began = self._first = self._first or (done, now)
        left = (now - began) / (done - first) * (total - done) if done > first else None
        if self._bar.disable and now - self._said < LINE_EVERY_S:
            return
        self._said = now
        self._show(done, total, left)

    def _show(self, done: int, total: int, seconds_left: float | None) -> None:
        left = "" if seconds_left is None else f"{duration(seconds_left)} left"
        self._bar.update(self._task, completed=done, total=total, left=left)
        if self._bar.disable and not self.quiet:
            tail = f", {left}" if left else ""
            self._file.write(f"{self.label}: {done} of {total}{tail}\n")
            self._file.flush()


def duration(seconds: float) -> str:
    """Seconds as a short text: "9 s", "2 min 05 s", "1 h 02 min"."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
