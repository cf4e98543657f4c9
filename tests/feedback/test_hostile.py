"""Whatever a file holds, only `PrecocialError` comes out of a reader."""

from __future__ import annotations

import contextlib
import json
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

LOOSE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=70)
READERS: dict[str, Callable[[Path], Any]] = {
    "crowd": read_crowd,
    "labels": read_labels,
    "items": read_items,
    "trl": lambda path: read_trl(path, source="a"),
}
KEYS = [*COLUMNS, "what", "worker", "messages", "text", "role", "content", "kind"]
FIELDS = ("task", "label", "prompt", "chosen", "rejected", "completion", "what", "value", "level",
          "confidence", "time", "id", "note", "of", "good")  # fmt: skip
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


def read_all(path: Path) -> None:
    for reader in READERS.values():
        with contextlib.suppress(PrecocialError):
            reader(path)


@LOOSE
@given(data=st.binary(max_size=200), ending=st.sampled_from([".csv", ".jsonl", ".tsv"]))
def test_bytes(data: bytes, ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"x{ending}"
    path.write_bytes(data)
    read_all(path)


@LOOSE
@given(
    head=st.sampled_from([["task", "worker", "label"], ["type", "source"], []]),
    more=st.lists(st.sampled_from(KEYS), min_size=1, max_size=6),
    rows=st.lists(st.lists(WORDS, min_size=9, max_size=9), max_size=3),
)
def test_cells(head: list[str], more: list[str], rows: list[list[str]], tmp_path: Path) -> None:
    names = list(dict.fromkeys(head if len(head) == 3 else head + more))
    table = [dict(zip(names, row, strict=False)) for row in rows]
    write(tmp_path / "x.csv", io.format_csv(table))
    read_all(tmp_path / "x.csv")


@LOOSE
@given(rows=st.lists(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=6), max_size=2))
def test_lines(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    write(tmp_path / "x.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    read_all(tmp_path / "x.jsonl")


@LOOSE
@given(
    fields=st.fixed_dictionaries(
        {"type": st.sampled_from([*TYPES]), "source": WORDS},
        optional=dict.fromkeys(FIELDS, VALUES),
    )
)
def test_what_is_read_can_be_stored(fields: dict[str, Any], tmp_path: Path) -> None:
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
