"""Run by test_kill.py as its own process: forks runs that die, or fill the disk, at write point k.

A write point is any call by which `precocial.io` or `precocial.runs` changes the disk. A write of
bytes counts twice: nothing written, and half written.
"""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import random
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy  # noqa: F401  # once here, so that the forks need not

from precocial.errors import RunError
from precocial.runs import Run, run, stream


@dataclass(frozen=True, kw_only=True)
class Config:
    seed: int = 3
    steps: int = 5


def checkpointed(config: Config, live: Run) -> Iterator[dict[str, Any]]:
    """Goes on from its checkpoint; more than one row a checkpoint, and an artefact half-way."""
    weights, first = np.zeros(3), 0
    if state := live.resume_from():
        weights, first = state[0]["weights"], state[1]["next"]
    for step in range(first, config.steps):
        weights = weights + stream(config.seed, "noise", step).normal(size=3)
        yield {"step": step, "part": "train", "loss": float(weights @ weights)}
        if step == 2:
            live.save("middle", {"weights": weights})
        if step > 2:
            yield {"step": step, "part": "test", "loss": float(weights.sum())}
        if step % 2:
            live.checkpoint({"weights": weights}, {"next": step + 1})
    live.save("final", {"weights": weights}, {"steps": config.steps})


def by_rows(config: Config, live: Run) -> Iterator[dict[str, Any]]:
    """Has no checkpoint: looks at the rows that are there and yields the missing ones."""
    for step in range(len(live.rows), config.steps):
        yield {"step": step, "draw": float(stream(config.seed, step).normal())}


def naive(config: Config, live: Run) -> Iterator[dict[str, Any]]:
    """Knows nothing of resuming."""
    for step in range(config.steps):
        yield {"step": step, "draw": float(stream(config.seed, step).normal())}


def forgetful(config: Config, live: Run) -> Iterator[dict[str, Any]]:
    """Writes checkpoints, and never asks for one."""
    for row in naive(config, live):
        yield row
        live.checkpoint({"step": np.array(row["step"])}, {})


EXPERIMENTS = {each.__name__: each for each in (checkpointed, by_rows, naive, forgetful)}


# ---------------------------------------------------------------- failing at a chosen write


class Points:
    """Counts write points; at the chosen one calls `strike`, after half the bytes if torn."""

    def __init__(self, chosen: int, strike: Callable[[], None], kinds: set[str]) -> None:
        self.count, self.chosen, self.strike, self.kinds = 0, chosen, strike, kinds

    def reach(self, kind: str, half: Callable[[], object] | None = None) -> None:
        self.kinds.add(kind)
        self.count += 1
        if self.count == self.chosen:
            if half:
                half()
            self.strike()

    def write(self, put: Callable[[Any], Any], data: Any) -> Any:
        self.reach("write")
        self.reach("torn write", lambda: put(bytes(data)[: len(data) // 2]))
        return put(data)


class Torn:
    """A file opened for writing whose writes can tear."""

    def __init__(self, file: Any, points: Points) -> None:
        self._file, self._points = file, points

    def write(self, data: Any) -> Any:
        def put(part: Any) -> Any:
            done = self._file.write(part)
            self._file.flush()
            return done

        return self._points.write(put, data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> Torn:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


@contextlib.contextmanager
def patched(points: Points) -> Iterator[None]:
    before = {name: getattr(os, name) for name in CALLS}
    real_open = io.open

    def counted(name: str) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            points.reach(name)
            return before[name](*args, **options)

        return call

    def opened(file: Any, mode: str = "r", *args: Any, **options: Any) -> Any:
        if not set(mode) & set("wxa+"):
            return real_open(file, mode, *args, **options)
        points.reach("open")
        return Torn(real_open(file, mode, *args, **options), points)

    for name in CALLS:
        setattr(os, name, counted(name))
    os.write = lambda handle, data: points.write(lambda part: before["write"](handle, part), data)
    io.open = opened
    try:
        yield
    finally:
        io.open = real_open
        for name, call in before.items():
            setattr(os, name, call)


CALLS = ("write", "fsync", "replace", "rename", "ftruncate", "unlink", "mkdir")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def full() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


# ---------------------------------------------------------------- one run, and what it left


def killed(experiment: Any, config: Config, root: Path, chosen: int) -> bool:
    """Run in a fork that dies at point `chosen`; False if the run ended before it."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            with patched(Points(chosen, die, set())):
                run(experiment, config, root)
            code = 0
        finally:
            os._exit(code)
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return True
    if status == 0:
        return False
    raise SystemExit(f"the run at point {chosen} failed with status {status}")


def remains(root: Path) -> dict[str, Any]:
    """Every file of the only run under `root`: its bytes, without the wall clock."""
    (folder,) = root.iterdir()
    found: dict[str, Any] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix == ".json":
            values = json.loads(path.read_text())
            assert values.pop("seconds") >= 0
            found[path.name] = values
        else:
            found[path.name] = path.read_bytes().hex()
    return found


def every_point(experiment: Any, root: Path) -> dict[str, Any]:
    """Kill at 1, 2, 3, ...; resume; compare with a run that was left alone."""
    config, kinds = Config(), set()
    with patched(Points(0, die, kinds)):
        run(experiment, config, root / "whole")
    whole, wrong, chosen = remains(root / "whole"), [], 1
    while killed(experiment, config, root / "killed", chosen):
        run(experiment, config, root / "killed")
        if remains(root / "killed") != whole:
            wrong.append(chosen)
        shutil.rmtree(root / "killed")
        chosen += 1
    shutil.rmtree(root)
    return {"points": chosen - 1, "wrong": wrong, "kinds": sorted(kinds), "files": sorted(whole)}


def many_kills(experiment: Any, root: Path, trials: int) -> dict[str, Any]:
    """Kill session after session at points drawn at random, until one gets through."""
    draw, wrong, sessions = random.Random(7), [], 0
    points = Points(0, die, set())
    with patched(points):
        run(experiment, Config(), root / "whole")
    # An experiment that cannot resume needs a whole session without a kill: one in four gets it.
    last = points.count * 4 // 3
    for trial in range(trials):
        while killed(experiment, Config(), root / "killed", draw.randint(1, last)):
            sessions += 1
        if remains(root / "killed") != remains(root / "whole"):
            wrong.append(trial)
        shutil.rmtree(root / "killed")
    shutil.rmtree(root)
    return {"sessions": sessions, "wrong": wrong}


def full_disk(experiment: Any, root: Path) -> dict[str, Any]:
    """At 1, 2, 3, ... the disk is full: a RunError, then a resumed run with the same bytes."""
    run(experiment, Config(), root / "whole")
    whole, wrong, messages, chosen = remains(root / "whole"), [], set(), 1
    while True:
        points = Points(chosen, full, set())
        try:
            with patched(points):
                run(experiment, Config(), root / "full")
        except RunError as error:
            messages.add("No space left" in str(error) and "run again" in str(error))
        if points.count < chosen:
            break
        run(experiment, Config(), root / "full")
        if remains(root / "full") != whole:
            wrong.append(chosen)
        shutil.rmtree(root / "full")
        chosen += 1
    shutil.rmtree(root)
    return {"points": chosen - 1, "wrong": wrong, "clear": messages == {True}}


if __name__ == "__main__":
    what, name, where = sys.argv[1:]
    # Of a killed process the system keeps all that was written; to wait for the disk is idle.
    os.fsync = lambda handle: None
    base = Path(where) / "root"
    answer = {
        "every_point": lambda: every_point(EXPERIMENTS[name], base),
        "many_kills": lambda: many_kills(EXPERIMENTS[name], base, trials=25),
        "full_disk": lambda: full_disk(EXPERIMENTS[name], base),
    }[what]()
    sys.stdout.write(json.dumps(answer))
