"""Doing work in a child process that is killed when its time is over: the one sure way to stop what
never ends, in Python or in C."""

from __future__ import annotations

import os
import select
import signal
import sys
import time
import warnings
from collections.abc import Callable

CAN_FORK = hasattr(os, "fork")
LENGTH_BYTES = 8
MAX_READ = 2**16
OUT_OF_TIME = "out of time"
_END = b""


def in_child(work: Callable[[Callable[[bytes], None]], None], limit_s: float) -> tuple[
    list[bytes], str | None
]:  # fmt: skip
    """Call `work` in a copy of this process, and give back what it sends.

    The copy is made by `os.fork` (Linux and macOS), so that nothing need be pickled; what the work
    changes in memory is lost with the copy. After `limit_s` seconds it is killed, with the
    processes that it started.

    Returns:
        The messages in order (none empty), and why the work did not end: OUT_OF_TIME, a text that
        says how the child died, or None.
    """
    ours, theirs = os.pipe()
    for stream in (sys.stdout, sys.stderr):  # or the copy writes what waits here once more
        stream.flush()
    with warnings.catch_warnings():
        # Python 3.12 warns of threads. A child that a lock holds up is killed as well.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        _work(work, theirs)
    os.close(theirs)
    try:
        return _receive(ours, time.monotonic() + limit_s, child)
    finally:
        os.close(ours)
        _kill(child)


def _work(work: Callable[[Callable[[bytes], None]], None], pipe: int) -> None:
    """What the copy does. It never returns: the caller's `finally` clauses are not its own."""
    failed = 1
    try:
        os.setpgid(0, 0)
        work(lambda message: _send(pipe, message))
        _send(pipe, _END)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        failed = 0
    finally:
        os._exit(failed)


def _send(pipe: int, message: bytes) -> None:
    left = memoryview(len(message).to_bytes(LENGTH_BYTES, "big") + message)
    while left:
        left = left[os.write(pipe, left) :]


def _receive(pipe: int, deadline: float, child: int) -> tuple[list[bytes], str | None]:
    waiting, found = bytearray(), list[bytes]()
    while True:
        while len(waiting) >= LENGTH_BYTES:
            end = LENGTH_BYTES + int.from_bytes(waiting[:LENGTH_BYTES], "big")
            if len(waiting) < end:
                break
            message = bytes(waiting[LENGTH_BYTES:end])
            if message == _END:
                return found, None
            found.append(message)
            del waiting[:end]
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([pipe], [], [], left)[0]:
            return found, OUT_OF_TIME
        if not (more := os.read(pipe, MAX_READ)):
            return found, _how_it_died(child)
        waiting += more


def _how_it_died(child: int) -> str:
    ended = os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    if ended is not None and ended.si_code in (os.CLD_KILLED, os.CLD_DUMPED):
        return f"it was ended by {signal.Signals(ended.si_status).name}"
    return f"it left with status {0 if ended is None else ended.si_status}"


def _kill(child: int) -> None:
    """End the child and what it started, and forget it."""
    for kill in (os.killpg, os.kill):
        try:
            kill(child, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):  # it has gone, or has no group yet
            continue
    os.waitpid(child, 0)
