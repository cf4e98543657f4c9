"""Whatever a file holds, only `PrecocialError` comes out of a reader."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from precocial import io
from precocial.errors import PrecocialError
from precocial.feedback import Store, read_crowd, read_items, read_labels, read_trl
from precocial.feedback.records import TYPES
from precocial.feedback.tables import COLUMNS

LOOSE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=120)
READERS: dict[str, Callable[[Path], Any]] = {
    "crowd": read_crowd,
    "labels": read_labels,
    "items": read_items,
    "trl": lambda path: read_trl(path, source="a"),
}
KEYS = [*COLUMNS, "what", "worker", "messages", "text", "role", "content", "kind"]
WORDS = st.sampled_from(
    [*TYPES, *KEYS, "teacher", "whole", "true", "1", "nan", "-1", "1e999", "=x", "'=x", "[]", "{}",
     "[{\"role\":\"user\",\"content\":\"x\"}]", "prompt completion", "2026-01-01T00:00:00Z", "\x00",
     "\ud800", "²", "9" * 400]
) | st.text(max_size=5)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner),
    max_leaves=6,
)


def write(path: Path, text: str) -> None:
    path.write_bytes(text.encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("name", READERS)
@LOOSE
@given(data=st.binary(max_size=200), ending=st.sampled_from([".csv", ".jsonl", ".tsv"]))
def test_bytes(name: str, data: bytes, ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"x{ending}"
    path.write_bytes(data)
    with contextlib.suppress(PrecocialError):
        READERS[name](path)


@pytest.mark.parametrize("name", ["crowd", "labels", "items"])
@LOOSE
@given(
    head=st.lists(st.sampled_from(KEYS), unique=True, min_size=1, max_size=8),
    rows=st.lists(st.lists(WORDS, min_size=8, max_size=8), max_size=3),
    fit=st.booleans(),
)
def test_cells(
    name: str, head: list[str], rows: list[list[str]], fit: bool, tmp_path: Path
) -> None:
    if fit:
        head = ["task", "worker", "label"] if name != "items" else ["type", "source", *head]
    head = list(dict.fromkeys(head))
    table = [dict(zip(head, row * 2, strict=False)) for row in rows]
    write(tmp_path / "x.csv", io.format_csv(table))
    with contextlib.suppress(PrecocialError):
        READERS[name](tmp_path / "x.csv")


@pytest.mark.parametrize("name", READERS)
@LOOSE
@given(rows=st.lists(st.dictionaries(st.sampled_from(KEYS), VALUES), max_size=3))
def test_lines(name: str, rows: list[dict[str, Any]], tmp_path: Path) -> None:
    import json

    write(tmp_path / "x.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    with contextlib.suppress(PrecocialError):
        READERS[name](tmp_path / "x.jsonl")


@LOOSE
@given(
    fields=st.fixed_dictionaries(
        {"type": st.sampled_from([*TYPES]), "source": WORDS},
        optional=dict.fromkeys(("task", "label", "prompt", "chosen", "rejected", "level", "completion", "what", "value", "confidence", "time", "id", "note", "of", "good"), VALUES),
    )
)  # fmt: skip
def test_what_is_read_can_be_stored(fields: dict[str, Any], tmp_path: Path) -> None:
    import json

    write(tmp_path / "x.jsonl", json.dumps(fields) + "\n")
    try:
        items = read_items(tmp_path / "x.jsonl")
    except PrecocialError:
        return
    with Store(tmp_path / "x.db") as store, contextlib.suppress(PrecocialError):
        rows = store.add(items)  # another item of that id may be there
        assert store.read(after=rows[0] - 1, limit=1)[0].item == items[0]


@pytest.mark.parametrize("name", READERS)
def test_what_is_no_file(name: str, tmp_path: Path) -> None:
    (tmp_path / "folder.jsonl").mkdir()
    for path in ("folder.jsonl", "absent.jsonl", "a\0.jsonl", "x" * 300 + ".jsonl"):
        with pytest.raises(PrecocialError):
            READERS[name](tmp_path / path)


def test_depth(tmp_path: Path) -> None:
    deep = '{"type":' + "[" * 50_000 + "]" * 50_000 + "}\n"
    for reader in READERS.values():
        write(tmp_path / "x.jsonl", deep)
        with pytest.raises(PrecocialError):
            reader(tmp_path / "x.jsonl")
