"""The tables of a feedback store, and how a file is told to be one."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from precocial.errors import DataError

APPLICATION = 0x70726563
"""SQLite's application id of our files: "prec" in ASCII."""
VERSION = 1

TABLES = """
CREATE TABLE item (
    row INTEGER PRIMARY KEY AUTOINCREMENT,  -- 1, 2, 3, ... without gaps
    id TEXT NOT NULL UNIQUE,
    type TEXT NOT NULL,
    level INTEGER NOT NULL,
    source TEXT NOT NULL,
    about_kind TEXT NOT NULL,
    about_name TEXT NOT NULL,
    written REAL NOT NULL,  -- seconds since 1970, UTC, never falling
    body BLOB NOT NULL,  -- the item as JSON
    checksum BLOB NOT NULL  -- SHA-256 of the one before, the row, the time and the body
);
CREATE INDEX item_about ON item (about_kind, about_name);
CREATE INDEX item_level ON item (level);
CREATE TRIGGER no_update BEFORE UPDATE ON item BEGIN
    SELECT RAISE(ABORT, 'a feedback store is append-only: say that an item is wrong instead');
END;
CREATE TRIGGER no_delete BEFORE DELETE ON item BEGIN
    SELECT RAISE(ABORT, 'a feedback store is append-only: say that an item is wrong instead');
END;
-- INSERT OR REPLACE would delete a row without firing the trigger above
CREATE TRIGGER no_replace BEFORE INSERT ON item
WHEN EXISTS (SELECT 1 FROM item WHERE id = NEW.id)
    OR NEW.row IS NOT (SELECT coalesce(max(row), 0) + 1 FROM item) BEGIN
    SELECT RAISE(ABORT, 'a feedback store is append-only: rows are numbered 1, 2, 3, ...');
END;
"""


def lay_tables(connection: sqlite3.Connection, path: Path) -> None:
    """Make the tables in an empty database, within the transaction that is open.

    Raises:
        DataError: the database is not ours, or a newer precocial wrote it.
    """
    if is_laid(connection, path):
        return
    for statement in _statements(TABLES):
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
    connection.execute(f"PRAGMA user_version = {VERSION}")


def is_laid(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether the tables are there; False for an empty database.

    Raises:
        DataError: the database is not ours, or a newer precocial wrote it.
    """
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (parts,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if not (application or version or parts):
        return False
    if application != APPLICATION:
        raise DataError("is a SQLite database, but no feedback store; name another file", path=path)
    if version > VERSION:
        raise DataError(
            f"is a feedback store of version {version}; this precocial reads up to {VERSION}. "
            "Install a newer precocial",
            path=path,
        )
    found = {row[1] for row in connection.execute("PRAGMA table_info(item)")}
    triggers = connection.execute("SELECT count(*) FROM sqlite_master WHERE type = 'trigger'")
    if version < 1 or len(found) != 10 or triggers.fetchone()[0] != 3:
        raise DataError("is a feedback store whose tables were changed; restore a copy", path=path)
    return True


def _statements(script: str) -> list[str]:
    """The statements of a script one by one: `executescript` would commit before it begins."""
    found, part = [], ""
    for line in script.splitlines(keepends=True):
        part += line
        if sqlite3.complete_statement(part):
            found.append(part.strip())
            part = ""
    return found
