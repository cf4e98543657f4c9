"""Where feedback is kept: one SQLite file, appended to by many processes, and never changed.

A call of `add` that has returned is on the disk. A process that is killed, or a machine that loses
power, leaves whole batches or nothing of them. What was wrong is not deleted: another item says so.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import struct
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

import msgspec

from precocial import io
from precocial.choice.arguments import checked
from precocial.errors import ConfigError, DataError
from precocial.feedback.records import KINDS, TYPES, About, Feedback, Item, encode
from precocial.feedback.schema import is_laid, lay_tables

BUSY_S = 30.0
"""Ours: a batch of 1e5 items takes a second or two, and a dozen writers may stand in line."""
_FIELDS = (
    "row, id, type, level, source, about_kind, about_name, written, body, checksum, "
    "(SELECT checksum FROM item AS last WHERE last.row = item.row - 1)"
)
_DECODER = msgspec.json.Decoder(Item)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An item as the store keeps it.

    Attributes:
        row: 1, 2, 3, ... in the order of writing, without gaps.
        written: when it was written, UTC; never falls from row to row.
        item: what was said.
    """

    row: int
    written: datetime
    item: Item


class Store:
    """A file of feedback, open for adding and reading.

    Any number of processes may add to one file at once, and read while others add. A `Store` may
    be used by several threads; a process that forks must open its own.

    Args:
        path: the file. Keep it on a local disk: SQLite's log cannot be shared over a network.
        create: make the file if it is missing.
        busy_s: seconds to wait for other writers.

    Raises:
        DataError: the file is missing, a folder, a link, not a SQLite database, not a feedback
            store, from a newer precocial, damaged, or the disk is full.
        ConfigError: `busy_s` is negative or not finite.
    """

    @checked
    def __init__(
        self, path: str | os.PathLike[str], *, create: bool = True, busy_s: float = BUSY_S
    ) -> None:
        if not 0 <= busy_s <= 86_400:
            raise ConfigError(f"Store: busy_s must lie in [0, 86400]; got {busy_s!r}")
        self.path = io.database_path(path, create=create)
        self._busy_s, self._owner, self._lock = float(busy_s), os.getpid(), threading.RLock()
        self._closed = False
        with self._errors():
            self._connection = sqlite3.connect(
                self.path, timeout=self._busy_s, isolation_level=None, check_same_thread=False
            )
        try:
            with self._errors():
                self._prepare()
        except BaseException:
            self.close()
            raise

    def _prepare(self) -> None:
        run = self._connection.execute
        run("PRAGMA trusted_schema = OFF")
        run("PRAGMA cell_size_check = ON")
        run(
            "PRAGMA cache_size = -65536"
        )  # KiB: the index of ids of a million items, which are random
        with self._transaction("BEGIN"):  # all of it at one time, while others may make the tables
            laid = is_laid(self._connection, self.path)  # before a file of others is written to
        self._patiently("PRAGMA journal_mode = WAL")
        # FULL: a commit waits for the disk. NORMAL, SQLite's advice for WAL, would lose the last
        # commits when the power goes, though not when the process does.
        run("PRAGMA synchronous = FULL")
        run("PRAGMA fullfsync = ON")
        if not laid:  # to read, one need not wait for who writes
            with self._transaction():
                lay_tables(self._connection, self.path)

    # ------------------------------------------------------------ adding

    def add(self, items: Feedback | Iterable[Feedback]) -> tuple[int, ...]:
        """Add an item, or a batch of them in one transaction; the row of each.

        An item whose id and content are there already is not added again and keeps its row: to add
        the same batch twice, after a crash say, is safe. When the call returns, all of the batch is
        on the disk; when it raises, none of it is.

        Raises:
            ConfigError: not an item.
            DataError: the id is there with other content; others keep the file locked for longer
                than `busy_s`; the disk is full.
        """
        batch = [_row_of(item) for item in _listed(items)]
        if not batch:
            return ()
        with self._errors(), self._transaction():
            return tuple(self._append(batch))

    def _append(self, batch: Sequence[tuple[Any, ...]]) -> Iterator[int]:
        run = self._connection.execute
        last = run(
            "SELECT row, written, checksum FROM item ORDER BY row DESC LIMIT 1"
        ).fetchone() or (0, 0.0, b"")
        if [type(value) for value in last] != [int, float, bytes]:
            raise DataError("is damaged (its last row); restore a copy", path=self.path)
        row, written, checksum = last[0], max(time.time(), last[1]), last[2]
        for key, *fields, body in batch:
            there = run("SELECT row, body FROM item WHERE id = ?", (key,)).fetchone()
            if there is not None:
                if there[1] != body:
                    raise DataError(
                        f"holds an item {key!r:.80} with other content (row {there[0]}); a store "
                        "only grows: give the new item another id",
                        path=self.path,
                    )
                yield there[0]
                continue
            row, checksum = row + 1, _checksum(checksum, row + 1, written, body)
            run(
                "INSERT INTO item VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (row, key, *fields, written, body, checksum),
            )
            yield row

    # ------------------------------------------------------------ reading

    @checked
    def read(
        self,
        *,
        level: int | None = None,
        source: str | None = None,
        type: str | None = None,
        about: About | str | None = None,
        after: int = 0,
        up_to: int | None = None,
        at: datetime | None = None,
        limit: int | None = None,
    ) -> tuple[Entry, ...]:
        """What fits every condition given, in the order of writing, from one moment's state.

        Args:
            level, source, type: of the items.
            about: a kind ("teacher"), or an `About`, whose `on` must fit too.
            after: rows above this one, to go on from an earlier reading.
            up_to: rows up to this one: the store as it was when that row was its last.
            at: what was written by then: the store as it was at that moment.
            limit: at most so many.

        Raises:
            ConfigError: a condition that no item can fit.
            DataError: a row that was changed from outside, by its id; a damaged file.
        """
        where: list[tuple[str, Any]] = [("row > ?", after)]
        if up_to is not None:
            where.append(("row <= ?", up_to))
        if at is not None:
            if at.utcoffset() is None:
                raise ConfigError("Store.read: at needs a time zone, as in datetime.now(UTC)")
            where.append(("written <= ?", at.timestamp()))
        if type is not None and type not in TYPES:
            raise ConfigError(f"Store.read: type must be one of {', '.join(TYPES)}; got {type!r}")
        for name, value in (("level", level), ("source", source), ("type", type)):
            if value is not None:
                where.append((f"{name} = ?", value))
        if about is not None:
            kind = about.kind if isinstance(about, About) else about
            if kind not in KINDS:
                raise ConfigError(
                    f"Store.read: about must be an About or one of {', '.join(KINDS)}; got {kind!r}"
                )
            where.append(("about_kind = ?", kind))
            if isinstance(about, About):
                where.append(("about_name = ?", about.name))
        if limit is not None and limit < 1:
            raise ConfigError(f"Store.read: limit must be 1 or more; got {limit}")
        return self._select(where, about if isinstance(about, About) else None, limit)

    def _select(
        self, where: list[tuple[str, Any]], about: About | None, limit: int | None
    ) -> tuple[Entry, ...]:
        query = f"SELECT {_FIELDS} FROM item WHERE {' AND '.join(test for test, _ in where)}"
        found: list[Entry] = []
        with self._errors():
            rows = self._connection.execute(
                f"{query} ORDER BY row", [_bound(value) for _, value in where]
            )
            with contextlib.closing(rows):
                for row in rows:
                    entry = self._entry(row)
                    if about is None or entry.item.about == about:
                        found.append(entry)
                    if limit is not None and len(found) == limit:
                        break
        return tuple(found)

    @checked
    def get(self, id: str) -> Entry:
        """The item of an id.

        Raises:
            DataError: no such id; a row that was changed from outside.
        """
        found = self._select([("id = ?", id)], None, None)
        if not found:
            raise DataError(f"holds no item {id!r:.80}", path=self.path)
        return found[0]

    @property
    def last(self) -> int:
        """The last row, which is also how many there are; 0 for an empty store."""
        with self._errors():
            (row,) = self._connection.execute("SELECT coalesce(max(row), 0) FROM item").fetchone()
        return int(row)

    def __len__(self) -> int:
        return self.last

    def check(self) -> int:
        """Read the whole file against its checksums; how many items it holds.

        The checksum of a row covers the one before it, so a row that was changed, left out or put
        in from outside shows, unless all that follow were made anew.

        Raises:
            DataError: with the id of the first wrong row, or what SQLite finds in the file.
        """
        count = 0
        with self._errors(), self._transaction("BEGIN"):
            said = self._connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
            if said != "ok":
                raise DataError(f"is damaged ({_one_line(said)}); restore a copy", path=self.path)
            for row in self._connection.execute(f"SELECT {_FIELDS} FROM item ORDER BY row"):
                count += 1
                if row[0] != count:
                    raise DataError(f"row {count} was taken out; restore a copy", path=self.path)
                self._entry(row)
            most = self._connection.execute("SELECT seq FROM sqlite_sequence").fetchone()
            if (most[0] if most else 0) != count:
                raise DataError(
                    f"rows after {count} were taken out; restore a copy", path=self.path
                )
        return count

    def _entry(self, row: tuple[Any, ...]) -> Entry:
        number, key, *_, written, body, checksum, before = row
        try:
            if not (isinstance(body, bytes) and isinstance(written, float)):
                raise ValueError("a field has another type")
            if checksum != _checksum(before or b"", number, written, body):
                raise ValueError("its checksum does not fit")
            item: Item = _DECODER.decode(body)
            if row[1:7] != _columns_of(item):
                raise ValueError("its columns do not fit its content")
            when = datetime.fromtimestamp(written, UTC)
        except (ValueError, TypeError, OverflowError, OSError, struct.error) as error:
            raise DataError(
                f"row {number} (item {key!r:.80}) was changed from outside: {error}. It is not "
                "read; restore a copy",
                path=self.path,
            ) from error
        return Entry(row=number, written=when, item=item)

    # ------------------------------------------------------------ SQLite

    @contextlib.contextmanager
    def _transaction(self, begin: str = "BEGIN IMMEDIATE") -> Iterator[None]:
        """All or nothing. IMMEDIATE takes the writer's lock at once, for a reader that becomes a
        writer half-way cannot wait: what it has read may be old."""
        self._patiently(begin)
        try:
            yield
            self._patiently("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):  # a full disk has ended it already
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
            raise

    def _patiently(self, statement: str) -> None:
        """Run a statement, again while others hold the file: not every lock is waited for by
        SQLite's own timeout (the change to WAL, the recovery after a crash)."""
        until = time.monotonic() + self._busy_s
        while True:
            try:
                self._connection.execute(statement)
                return
            except sqlite3.OperationalError as error:
                busy = error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
                if not busy or time.monotonic() > until:
                    raise
                time.sleep(0.005)

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        """One thread at a time, and SQLite's errors as ours."""
        with self._lock:
            if self._closed:
                raise ConfigError(f"the store {self.path} is closed; open it again")
            if os.getpid() != self._owner:
                raise ConfigError(
                    f"the store {self.path} was opened by another process; a process that was "
                    "forked must open its own, or the file may be damaged"
                )
            try:
                yield
            except sqlite3.Error as error:
                raise DataError(self._said(error), path=self.path) from error
            except UnicodeDecodeError as error:  # what SQLite says may quote the damage
                words = error.object.decode("ascii", "replace")
                raise DataError(
                    f"is damaged ({_one_line(words)}); restore a copy", path=self.path
                ) from error

    def _said(self, error: sqlite3.Error) -> str:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return (
                f"is being written by another process, for more than {self._busy_s:g} s; nothing "
                "was written: try again, or give a larger busy_s"
            )
        if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
            return (
                f"cannot be written ({error}); nothing of this call was: free some space, then add "
                "it again"
            )
        if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
            return f"cannot be opened for writing ({error}); see the rights of the file and folder"
        return f"is damaged or not a feedback store ({_one_line(error)}); restore a copy"

    def close(self) -> None:
        """Close the file. To close twice does no harm."""
        with self._lock:
            if not self._closed and os.getpid() == self._owner:
                self._closed = True
                if hasattr(self, "_connection"):
                    with contextlib.suppress(sqlite3.Error):
                        self._connection.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Store({str(self.path)!r})"


def _listed(items: Feedback | Iterable[Feedback]) -> list[Feedback]:
    if isinstance(items, Feedback):
        return [items]
    if isinstance(items, str | bytes) or not isinstance(items, Iterable):
        raise ConfigError(
            f"Store.add takes a Label, Comparison, Demonstration or Statement, or several; got "
            f"{type(items).__name__}"
        )
    return list(items)


def _one_line(said: object) -> str:
    """What SQLite says may run over several lines, and quote what it found."""
    line = " ".join(str(said).split())
    return "".join(char if char.isprintable() else "\ufffd" for char in line)


def _row_of(item: Any) -> tuple[Any, ...]:
    """id, type, level, source, what it is about, and the body."""
    if type(item) not in TYPES.values():
        raise ConfigError(
            "Store.add takes items: Label, Comparison, Demonstration or Statement; got "
            f"{type(item).__name__}"
        )
    return (*_columns_of(item), encode(item))


def _columns_of(item: Item) -> tuple[Any, ...]:
    about = item.about
    return (item.id, item.type, item.level, item.source, about.kind, about.name)


def _checksum(before: bytes, row: int, written: float, body: bytes) -> bytes:
    return hashlib.sha256(before + struct.pack("<qd", row, written) + body).digest()


def _bound(value: Any) -> Any:
    """A condition as SQLite takes it: a NumPy number is Python's, text has no half surrogates."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    return value if isinstance(value, float) else int(value)
