"""Files that are torn, changed from outside, newer, or no stores at all: a clear error, or what
was whole; never a wrong item."""

from __future__ import annotations

import contextlib
import random
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from precocial.errors import DataError, PrecocialError
from precocial.feedback import Label, Store
from precocial.feedback.schema import APPLICATION, TABLES, VERSION, _statements

JUNK = b"SQLite format 3\0"


def batch(number: int) -> list[Label]:
    return [
        Label(source="a", task=f"{number} {index}", label="x", note="y" * 400 * index)
        for index in range(4)
    ]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store of six batches of four, closed."""
    with Store(tmp_path / "feedback.db") as store:
        for number in range(6):
            store.add(batch(number))
    return store.path


def change(path: Path, *statements: str) -> None:
    """What somebody with another tool can do to a file."""
    other = sqlite3.connect(path, isolation_level=None)
    for name in ("no_update", "no_delete", "no_replace"):
        other.execute(f"DROP TRIGGER {name}")
    for statement in statements:
        other.execute(statement)
    for statement in _statements(TABLES):
        if "CREATE TRIGGER" in statement:
            other.execute(statement)
    other.close()


# ---------------------------------------------------------------- torn


@pytest.fixture
def live(tmp_path: Path) -> Iterator[tuple[Path, bytes, bytes]]:
    """The bytes of a store whose log was not yet folded into it."""
    with Store(tmp_path / "live.db") as store:
        for number in range(6):
            store.add(batch(number))
        yield tmp_path, store.path.read_bytes(), Path(f"{store.path}-wal").read_bytes()


def test_a_log_cut_anywhere_gives_whole_batches(live: tuple[Path, bytes, bytes]) -> None:
    folder, base, log = live
    assert len(log) > 20_000
    seen = set()
    for cut in [*range(0, len(log), 2999), len(log)]:
        path = folder / f"cut-{cut}.db"
        path.write_bytes(base)
        Path(f"{path}-wal").write_bytes(log[:cut])
        with Store(path) as store:
            found = [entry.item for entry in store.read()]
            assert store.check() == len(found)
            whole, rest = divmod(len(found), 4)
            assert rest == 0
            assert found == [label for number in range(whole) for label in batch(number)]
            seen.add(whole)
            store.add(batch(9))  # and it goes on
            assert store.check() == len(found) + 4
    assert seen == {0, 1, 2, 3, 4, 5, 6}


def test_a_log_that_is_damaged_gives_whole_batches(live: tuple[Path, bytes, bytes]) -> None:
    folder, base, log = live
    for place in range(40, len(log), 7001):
        path = folder / f"bad-{place}.db"
        path.write_bytes(base)
        Path(f"{path}-wal").write_bytes(log[:place] + bytes([log[place] ^ 1]) + log[place + 1 :])
        with Store(path) as store:
            found = [entry.item for entry in store.read()]
        assert found == [label for number in range(len(found) // 4) for label in batch(number)]


def test_a_file_that_is_damaged_never_gives_a_wrong_item(path: Path) -> None:
    data, right = path.read_bytes(), [label for number in range(6) for label in batch(number)]
    refused = 0
    for place in range(0, len(data), 1201):
        bad = path.with_name("bad.db")
        bad.write_bytes(data[:place] + bytes([data[place] ^ 0x41]) + data[place + 1 :])
        try:
            with Store(bad) as store:
                found = [entry.item for entry in store.read()]
                store.check()
        except DataError:
            refused += 1
        else:
            assert found == right
        for left in path.parent.glob("bad.db*"):
            left.unlink()
    assert refused > 10


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_file_cut_short_is_refused(path: Path, share: float) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(DataError, match="restore a copy"), Store(path) as store:
        store.check()


def test_a_full_database_is_a_clear_error(path: Path) -> None:
    with Store(path) as store:
        pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
        store._connection.execute(f"PRAGMA max_page_count = {pages + 2}")
        with pytest.raises(DataError, match="nothing of this call was: free some space"):
            store.add([label for number in range(10, 30) for label in batch(number)])
        store._connection.execute("PRAGMA max_page_count = 1000000")
        assert store.check() == 24
        assert store.add(batch(10)) == (25, 26, 27, 28)


# ---------------------------------------------------------------- changed from outside


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE item SET body = replace(CAST(body AS TEXT), '\"x\"', '\"y\"') WHERE row = 2",
         "row 2 .item .*another type"),
        ("UPDATE item SET body = CAST(replace(CAST(body AS TEXT), '\"x\"', '\"y\"') AS BLOB) "
         "WHERE row = 2", "row 2 .item .*checksum"),
        ("UPDATE item SET written = 0 WHERE row = 3", "row 3 .item .*checksum"),
        ("UPDATE item SET checksum = zeroblob(32) WHERE row = 4", "row 4 .item .*checksum"),
        ("UPDATE item SET body = x'ff' WHERE row = 4", "row 4 .item .*checksum"),
        ("UPDATE item SET written = 'soon' WHERE row = 4", "row 4 .item .*another type"),
        ("UPDATE item SET source = 'b' WHERE row = 5", "row 5 .item .*columns"),
        ("UPDATE item SET id = 'b' WHERE row = 5", "row 5 .item 'b'.*columns"),
        ("UPDATE item SET level = 'x' WHERE row = 5", "row 5 .item .*columns"),
        ("DELETE FROM item WHERE row = 6", "row 7 .item .*checksum"),
    ],
)  # fmt: skip
def test_a_row_that_was_changed_is_refused_by_its_id(path: Path, statement: str, said: str) -> None:
    change(path, statement)
    with Store(path) as store:
        with pytest.raises(DataError, match=said):
            store.read()
        with pytest.raises(DataError, match=r"row \d"):
            store.check()
        assert len(store.read(up_to=1)) == 1


def test_rows_cut_off_the_end_are_missed(path: Path) -> None:
    change(path, "DELETE FROM item WHERE row > 20")
    with Store(path) as store, pytest.raises(DataError, match="rows after 20 were taken out"):
        store.check()


def test_the_first_row_is_missed(path: Path) -> None:
    change(path, "DELETE FROM item WHERE row = 1")
    with Store(path) as store, pytest.raises(DataError, match="row 1 was taken out"):
        store.check()


# ---------------------------------------------------------------- no stores


def test_a_newer_store_is_refused_and_left_alone(path: Path) -> None:
    other = sqlite3.connect(path)
    other.execute(f"PRAGMA user_version = {VERSION + 1}")
    other.close()
    before = path.read_bytes()
    with pytest.raises(DataError, match=r"of version 2; this precocial reads up to 1.*newer"):
        Store(path)
    assert path.read_bytes() == before


def test_a_database_of_others_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE item (id)")
    other.commit()
    other.close()
    before = path.read_bytes()
    with pytest.raises(DataError, match="no feedback store"):
        Store(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["other.db"]


@pytest.mark.parametrize("statement", ["DROP TRIGGER no_update", "ALTER TABLE item ADD more"])
def test_changed_tables_are_refused(path: Path, statement: str) -> None:
    other = sqlite3.connect(path)
    other.execute(statement)
    other.commit()
    other.close()
    with pytest.raises(DataError, match="tables were changed"):
        Store(path)


def test_what_was_killed_while_it_was_made_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "feedback.db"
    half = sqlite3.connect(path, isolation_level=None)
    half.execute("PRAGMA journal_mode = WAL")
    half.execute("BEGIN")
    half.execute("CREATE TABLE item (id)")
    half.execute(f"PRAGMA application_id = {APPLICATION}")
    half.execute("ROLLBACK")
    half.close()
    with Store(path) as store:
        assert store.add(batch(0)) == (1, 2, 3, 4)
    (tmp_path / "empty.db").touch()
    with Store(tmp_path / "empty.db") as store:
        assert store.check() == 0


def test_what_is_no_file_is_refused(path: Path, tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("task,worker,label\n" * 100)
    (tmp_path / "short.db").write_text("x")
    (tmp_path / "link.db").symlink_to(path)
    (tmp_path / "lost.db").symlink_to(tmp_path / "nowhere.db")
    for name, said in (
        ("text.db", "not a SQLite database"), ("short.db", "not a SQLite database"),
        ("link.db", "link"), ("lost.db", "link"), (".", "folder"), ("/dev/zero", "device"),
        ("none/f.db", "folder does not exist"), ("a\0b", "NUL"), ("x" * 300, "open"),
    ):  # fmt: skip
        with pytest.raises(DataError, match=said):
            Store(tmp_path / name)
    with pytest.raises(DataError, match="no such file"):
        Store(tmp_path / "absent.db", create=False)
    assert not (tmp_path / "nowhere.db").exists()
    assert not (tmp_path / "absent.db").exists()


def test_a_log_that_is_a_link_is_refused(path: Path, tmp_path: Path) -> None:
    Path(f"{path}-wal").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="-wal: is a folder, a link"):
        Store(path)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("name", [":memory:", "file:x?mode=memory", "a b;c.db", "ü.db"])
def test_a_name_is_a_name(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Store(name) as store:
        store.add(batch(0))
        assert (tmp_path / name).exists()


def test_names_of_items_are_no_paths(path: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    with Store(path) as store:
        store.add(Label(source="../../x", task="/etc/passwd", label="'; DROP TABLE item; --"))
        assert store.read(after=24)[0].item.source == "../../x"
        assert store.check() == 25
    assert sorted(tmp_path.rglob("*")) == before


def test_a_copy_of_a_closed_store_is_a_store(path: Path) -> None:
    shutil.copy(path, path.with_name("copy.db"))
    with Store(path.with_name("copy.db"), create=False) as store:
        assert store.check() == 24


@pytest.mark.parametrize(
    "junk", [b"", b"\0" * 5000, b"SQLite format 3\0", b"SQLite format 3\0" * 400]
)
def test_junk_with_the_right_beginning(tmp_path: Path, junk: bytes) -> None:
    path = tmp_path / "junk.db"
    path.write_bytes(junk)
    with contextlib.suppress(PrecocialError), Store(path) as store:
        assert store.check() == 0


# ---------------------------------------------------------------- garbled


def garbled(data: bytes, draw: random.Random) -> bytes:
    """Bytes changed, runs of them overwritten, or the end cut off, past SQLite's own header."""
    made = bytearray(data)
    start = draw.randrange(18, len(data))
    kind = draw.randrange(4)
    if kind == 0:
        for _ in range(20):
            made[draw.randrange(18, len(data))] = draw.randrange(256)
    elif kind == 3:
        del made[start:]
    else:
        many = min(200, len(data) - start)
        made[start : start + many] = draw.randbytes(many) if kind == 1 else bytes(many)
    return bytes(made)


def test_a_garbled_file_gives_one_line_or_what_was_whole(path: Path, tmp_path: Path) -> None:
    data, draw = path.read_bytes(), random.Random(0)
    whole = {item for number in range(6) for item in batch(number)}
    said = set()
    for number in range(120):
        place = tmp_path / f"garbled-{number}.db"
        place.write_bytes(garbled(data, draw))
        for what in (Store.check, Store.read, lambda store: store.add(batch(9))):
            try:
                with Store(place, create=False) as store:
                    found = what(store)
                    if what is Store.read:
                        assert {entry.item for entry in found} <= whole
            except DataError as error:
                said.add(str(error).partition(": ")[2])
    assert len(said) > 20
    assert all(line.isprintable() for line in said)


def test_a_schema_that_is_no_text_is_one_line(path: Path) -> None:
    data = path.read_bytes()
    assert data.count(b"ON item (level)") == 1
    path.write_bytes(data.replace(b"ON item (level)", b"ON \xc0tem (level)"))
    with pytest.raises(DataError, match="is damaged") as caught:
        Store(path)
    assert str(caught.value).isprintable()


def test_a_last_row_of_another_type_is_refused(path: Path) -> None:
    change(path, "PRAGMA ignore_check_constraints = ON",
           "UPDATE item SET written = 'x' WHERE row = 24")  # fmt: skip
    with Store(path) as store, pytest.raises(DataError, match="its last row"):
        store.add(batch(9))
