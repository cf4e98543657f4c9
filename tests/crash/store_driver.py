"""Run by test_store_kill.py as its own process: forks writers of one store, and kills them.

A writer adds batches whose content follows from (round, writer, batch), and says so through a pipe
after `add` has returned. What the store holds afterwards is compared with what was said.
"""

from __future__ import annotations

import json
import os
import random
import resource
import select
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from precocial.errors import DataError
from precocial.feedback import Label, Store

WRITERS = 8
Batch = tuple[int, int, int]


def items_of(batch: Batch) -> list[Label]:
    """What batch number b of a writer holds: 1 to 6 labels, some of them larger than a page."""
    draw = random.Random(repr(batch))
    name = " ".join(map(str, batch))
    return [
        Label(
            source=f"writer {batch[1]}", task=name, label=str(index),
            note="x" * draw.choice([0, 30, 700, 9000]),
        )
        for index in range(draw.randint(1, 6))
    ]  # fmt: skip


# ---------------------------------------------------------------- three ways to write


def sound(store: Store, batch: Batch, say: Callable[[Batch], None]) -> None:
    store.add(items_of(batch))
    say(batch)


def early(store: Store, batch: Batch, say: Callable[[Batch], None]) -> None:
    """Planted: says so before it is so."""
    say(batch)
    store.add(items_of(batch))


def piecewise(store: Store, batch: Batch, say: Callable[[Batch], None]) -> None:
    """Planted: a batch in several transactions."""
    for item in items_of(batch):
        store.add(item)
    say(batch)


WAYS = {each.__name__: each for each in (sound, early, piecewise)}


def fork(work: Callable[[], None]) -> int:
    child = os.fork()
    if child:
        return child
    try:
        work()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)  # a writer ends by being killed, and in no other way


def write(path: Path, way: str, turn: int, number: int, pipe: int) -> None:
    with Store(path) as store:
        for index in range(10**9):
            WAYS[way](
                store,
                (turn, number, index),
                lambda batch: os.write(pipe, (json.dumps(batch) + "\n").encode()) and None,
            )


# ---------------------------------------------------------------- the parent


def one_turn(path: Path, way: str, turn: int, draw: random.Random, least: int) -> set[Batch]:
    """Eight writers, each killed after `least` batches of its own and a random while."""
    pipes = [os.pipe() for _ in range(WRITERS)]
    children = [
        fork(lambda number=number, pipe=pipe: write(path, way, turn, number, pipe[1]))
        for number, pipe in enumerate(pipes)
    ]
    for _, end in pipes:
        os.close(end)
    heard: dict[int, bytes] = {begin: b"" for begin, _ in pipes}
    alive = dict(zip(heard, children, strict=True))
    due: dict[int, float] = {}
    open_ = set(heard)
    while open_:
        for begin in select.select(list(open_), [], [], 0.001)[0]:
            data = os.read(begin, 65536)
            heard[begin] += data
            if not data:
                open_.remove(begin)
                os.close(begin)
                alive.pop(begin, None)
        for begin in [*alive]:
            if begin not in due and heard[begin].count(b"\n") >= least:
                due[begin] = time.monotonic() + draw.random() * 0.1
            if begin in due and time.monotonic() >= due[begin]:
                os.kill(alive.pop(begin), signal.SIGKILL)
    ends = [os.waitpid(child, 0)[1] for child in children]
    if any(not os.WIFSIGNALED(end) for end in ends):
        raise SystemExit(f"a writer failed: {ends}")
    # A line that the kill tore was not said whole: the pipe takes 4096 bytes at once or not at all.
    return {tuple(json.loads(line)) for text in heard.values() for line in text.splitlines()}


def held(path: Path) -> tuple[Counter[Batch], int, int]:
    """The rows of each batch in the store, how many of them are not what was written, and all."""
    with Store(path, create=False) as store:
        entries = store.read()
    found: Counter[Batch] = Counter()
    wrong = 0
    for entry in entries:
        a, b, c = map(int, entry.item.task.split())
        found[(a, b, c)] += 1
        wrong += entry.item not in items_of((a, b, c))
    return found, wrong, len(entries)


def watch(path: Path, pipe: int) -> None:
    """A reader beside the writers: says "torn" for a state in which a batch is half there."""
    after = 0
    with Store(path, create=False) as store:
        while True:
            entries = store.read(after=after)
            if not entries:
                time.sleep(0.002)
                continue
            found = Counter(tuple(map(int, entry.item.task.split())) for entry in entries)
            torn = sum(count != len(items_of(batch)) for batch, count in found.items())
            after = entries[-1].row
            os.write(pipe, b"t" if torn else b".")


def killed(path: Path, way: str, turns: int, least: int) -> dict[str, Any]:
    draw, said = random.Random(11), set[Batch]()
    Store(path).close()
    begin, end = os.pipe()
    reader = fork(lambda: watch(path, end))
    os.close(end)
    for turn in range(turns):
        said |= one_turn(path, way, turn, draw, least)
    os.kill(reader, signal.SIGKILL)
    os.waitpid(reader, 0)
    looks = os.read(begin, 10**7)
    found, wrong, rows = held(path)
    with Store(path) as store:
        checked = store.check()
    return {
        "said": len(said),
        "lost": len(said - found.keys()),
        "torn": sum(count != len(items_of(batch)) for batch, count in found.items()),
        "seen_torn": looks.count(b"t"),
        "looks": len(looks),
        "wrong": wrong,
        "unsaid": len(found.keys() - said),
        "rows": rows,
        "checked": checked,
    }


def full(path: Path, steps: int) -> dict[str, Any]:
    """No file may grow beyond a limit, a little larger each time: a disk that is full."""
    messages, wrong, index = set[str](), 0, 0
    free = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    with Store(path) as store:
        for step in range(steps):
            before = store.last
            wal = Path(f"{path}-wal").stat().st_size
            resource.setrlimit(resource.RLIMIT_FSIZE, (wal + 700 * step, free))
            try:
                while True:
                    store.add(items_of((0, 0, index)))
                    index, before = index + 1, store.last
            except DataError as error:
                messages.add("free some space" in str(error))
            resource.setrlimit(resource.RLIMIT_FSIZE, (free, free))
            wrong += store.last != before
            store.add(items_of((0, 0, index)))
            index += 1
        found, unlike, rows = held(path)
        torn = sum(count != len(items_of(batch)) for batch, count in found.items())
        return {
            "wrong": wrong + unlike + torn,
            "clear": messages == {True},
            "rows": rows,
            "checked": store.check(),
            "batches": len(found) == index,
        }


if __name__ == "__main__":
    what, where, *numbers = sys.argv[1:]
    file = Path(where) / "feedback.db"
    if what == "full":
        answer = full(file, int(numbers[0]))
    else:
        answer = killed(file, what, int(numbers[0]), int(numbers[1]))
    sys.stdout.write(json.dumps(answer))
