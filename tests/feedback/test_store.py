"""The store: what was added is there, once, as it was; several may write; nothing is changed."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from precocial.errors import ConfigError, DataError
from precocial.feedback import About, Item, Label, Store, retraction
from precocial.feedback.schema import is_laid, lay_tables
from precocial.feedback.store import _row_of
from tests.feedback.test_records import ITEMS


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "feedback.db") as opened:
        yield opened


def items(store: Store, **conditions: Any) -> tuple[Item, ...]:
    return tuple(entry.item for entry in store.read(**conditions))


def some(count: int, source: str = "a") -> list[Label]:
    return [Label(source=source, task=str(number), label="x") for number in range(count)]


def test_items_come_back_in_order(store: Store) -> None:
    assert store.add(ITEMS) == tuple(range(1, len(ITEMS) + 1))
    assert items(store) == ITEMS
    assert store.check() == store.last == len(store) == len(ITEMS)
    store.close()
    with Store(store.path, create=False) as again:
        assert items(again) == ITEMS
        assert [again.get(item.id).item for item in ITEMS] == list(ITEMS)


def test_an_item_is_kept_once(store: Store) -> None:
    assert store.add(ITEMS[0]) == (1,)
    assert store.add(ITEMS[0]) == (1,)
    assert store.add([ITEMS[1], ITEMS[0], ITEMS[1]]) == (2, 1, 2)
    assert store.add([]) == ()
    assert store.check() == 2


def test_an_id_with_other_content_is_refused_and_nothing_is_added(store: Store) -> None:
    store.add(Label(source="a", task="1", label="x", id="one"))
    with pytest.raises(DataError, match=r"'one' with other content .row 1.*another id"):
        store.add([*some(3), Label(source="a", task="1", label="y", id="one")])
    assert len(store) == 1


@pytest.mark.wrong_types
@pytest.mark.parametrize("what", [7, "label", [ITEMS[0], 7], {"a": 1}, None])
def test_what_is_no_item_is_refused_and_nothing_is_added(store: Store, what: Any) -> None:
    with pytest.raises(ConfigError, match="Label, Comparison"):
        store.add(what)
    assert len(store) == 0


def test_an_error_of_the_caller_adds_nothing(store: Store) -> None:
    def breaks() -> Iterator[Label]:
        yield from some(3)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.add(breaks())
    assert len(store) == 0
    assert store.add(some(1)) == (1,)


def test_conditions(store: Store) -> None:
    store.add(ITEMS)
    assert items(store, level=1, type="statement") == ITEMS[7:10]
    assert items(store, source="ann") == ITEMS[:2]
    assert items(store, about="teacher") == ITEMS[7:8]
    assert items(store, about="whole") == ITEMS[10:]
    assert items(store, about=About(kind="datum", name="42")) == ITEMS[:1]
    assert items(store, about=About(kind="mistake", name="9", on="4")) == ITEMS[8:9]
    assert items(store, about=About(kind="mistake", name="9", on="5")) == ()
    assert items(store, after=3, up_to=5) == ITEMS[3:5]
    assert items(store, after=3, limit=1) == ITEMS[3:4]
    assert items(store, source="' OR 1=1 --") == ()
    assert items(store, source="\ud800") == ()


def test_a_state_of_the_past(store: Store) -> None:
    store.add(ITEMS[:3])
    moment = store.read()[-1].written
    before = store.last
    store.add(ITEMS[3:])
    later = store.read()[-1].written
    assert items(store, up_to=before) == ITEMS[:3]
    assert items(store, at=later + timedelta(seconds=1)) == ITEMS
    assert items(store, at=moment - timedelta(seconds=1)) == ()
    assert moment <= later <= datetime.now(UTC) + timedelta(minutes=1)


def test_a_clock_that_goes_back_does_not_disorder_the_rows(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for now in (1000.5, 900.0, 1001.0):
        monkeypatch.setattr("precocial.feedback.store.time.time", lambda now=now: now)
        store.add(Label(source="a", task=str(now), label="x"))
    assert [entry.written.timestamp() for entry in store.read()] == [1000.5, 1000.5, 1001.0]
    assert len(store.read(at=datetime.fromtimestamp(1000.5, UTC))) == 2


@pytest.mark.wrong_types
@pytest.mark.parametrize(
    ("conditions", "said"),
    [
        ({"type": "dog"}, "type must be one of label"),
        ({"about": "dog"}, "about must be an About or one of datum"),
        ({"limit": 0}, "limit must be 1 or more"),
        ({"level": "one"}, "level must be a whole number"),
        ({"level": 2**80}, "level"),
        ({"at": datetime(2026, 1, 1)}, "time zone"),
        ({"at": "today"}, "at must be"),
    ],
)
def test_a_condition_that_nothing_fits_is_refused(
    store: Store, conditions: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        store.read(**conditions)


def test_an_id_that_is_not_there(store: Store) -> None:
    with pytest.raises(DataError, match="holds no item 'x'"):
        store.get("x")


def test_nothing_is_changed_or_deleted(store: Store) -> None:
    store.add(some(3))
    other = sqlite3.connect(store.path, isolation_level=None)
    for statement in (
        "UPDATE item SET source = 'b'", "DELETE FROM item WHERE row = 3",
        "INSERT OR REPLACE INTO item SELECT * FROM item WHERE row = 1",
        "INSERT INTO item SELECT row + 7, 'new', type, level, source, about_kind, about_name, "
        "written, body, checksum FROM item WHERE row = 1",
    ):  # fmt: skip
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            other.execute(statement)
    other.close()
    store.add(retraction(some(1)[0]))
    assert store.check() == 4


def test_a_commit_waits_for_the_disk(store: Store) -> None:
    ask = store._connection.execute
    assert ask("PRAGMA synchronous").fetchone() == (2,)
    assert ask("PRAGMA journal_mode").fetchone() == ("wal",)


def test_another_who_writes_is_waited_for_and_then_named(store: Store) -> None:
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with (
        Store(store.path, busy_s=0.05) as hasty,
        pytest.raises(DataError, match=r"another process, for more than .*; nothing was written"),
    ):
        hasty.add(some(1))
    done: list[Any] = []
    waiting = threading.Thread(target=lambda: done.append(store.add(some(1))))
    waiting.start()
    assert store.path.exists()
    other.execute("ROLLBACK")
    waiting.join(20)
    assert done == [(1,)]
    other.close()


def test_a_reader_sees_one_state_while_another_writes(store: Store) -> None:
    store.add(some(5))
    with Store(store.path) as other:
        with other._transaction():
            assert list(other._append([_row_of(one) for one in some(7)])) == [*range(1, 8)]
            assert len(other.read()) == 7
            assert len(store.read()) == 5
        assert len(store.read()) == 7


def write(path: Path, name: str) -> None:
    with Store(path) as store:
        for label in some(20, name):
            store.add(label)
        store.add(some(60, name))


def test_several_processes_make_and_fill_one_store(tmp_path: Path) -> None:
    path = tmp_path / "feedback.db"
    start = multiprocessing.get_context("fork")
    writers = [start.Process(target=write, args=(path, str(name))) for name in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0] * 4
    with Store(path, create=False) as store:
        assert store.check() == 4 * 60
        assert all(len(store.read(source=str(name))) == 60 for name in range(4))


def test_a_store_may_be_opened_while_another_process_makes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, tried = tmp_path / "feedback.db", []

    def interrupt(statement: str) -> None:
        """Others make the tables when the application id is read, if they need not wait."""
        if "user_version" not in statement or tried:
            return
        tried.append(statement)
        other = sqlite3.connect(path, timeout=0.05, isolation_level=None)
        with contextlib.suppress(sqlite3.OperationalError):
            other.execute("BEGIN IMMEDIATE")
            lay_tables(other, path)
            other.execute("COMMIT")
        other.close()

    def looked(connection: sqlite3.Connection, path: Path) -> bool:
        connection.set_trace_callback(interrupt)
        return is_laid(connection, path)

    monkeypatch.setattr("precocial.feedback.store.is_laid", looked)
    with Store(path) as store:
        assert store.add(some(2)) == (1, 2)
    assert tried


def test_threads_share_a_store(store: Store) -> None:
    threads = [threading.Thread(target=store.add, args=(some(30, str(n)),)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.check() == 120


def test_a_forked_process_must_open_its_own(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getpid", lambda: -1)
    with pytest.raises(ConfigError, match="must open its own"):
        store.add(some(1))


def test_a_closed_store_says_so(store: Store) -> None:
    store.close()
    store.close()
    with pytest.raises(ConfigError, match="is closed"):
        store.read()
    assert "feedback.db" in repr(store)


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), 1e9])
def test_a_wait_that_makes_no_sense_is_refused(tmp_path: Path, seconds: float) -> None:
    with pytest.raises(ConfigError, match="busy_s"):
        Store(tmp_path / "f.db", busy_s=seconds)


@pytest.mark.wrong_types
def test_a_store_is_called_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^Store: busy_s must be a number; got str 'x'"):
        Store(tmp_path / "store", busy_s="x")  # type: ignore[arg-type]
