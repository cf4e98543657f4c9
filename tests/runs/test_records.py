"""Run folders from strangers: only a PrecocialError may come out, and nothing outside changes."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from precocial.errors import PrecocialError, RunError
from precocial.runs import Run, read_run, read_runs, run, run_id

FILES = ("run.json", "rows.jsonl", "result.json", "model.safetensors", "checkpoint.safetensors")


@dataclass(frozen=True, kw_only=True)
class Config:
    seed: int = 0


STOP: list[bool] = []


def experiment(config: Config, live: Run) -> Iterator[dict[str, Any]]:
    first = 0
    if state := live.resume_from():
        first = min(max(int(state[0]["step"][0]), 0), 3)  # a spoilt one says anything
    for step in range(first, 3):
        yield {"step": step, "text": "é", "loss": 0.5**step}
        live.checkpoint({"step": np.array([step + 1])}, {"seed": config.seed})
        live.save("model", {"weights": np.arange(3.0)}, {"step": step})
        if STOP and step == 1:
            raise RunError("stop")


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A complete run and one that was cut short, each in its root."""
    roots = [tmp_path_factory.mktemp(name) for name in ("complete", "cut")]
    run(experiment, Config(), roots[0])
    STOP.append(True)
    with pytest.raises(RunError, match="stop"):
        run(experiment, Config(), roots[1])
    STOP.clear()
    return roots


# ---------------------------------------------------------------- ways to spoil a file

Spoil = Callable[[Path, Path], None]
numbers = st.integers() | st.floats() | st.sampled_from([10**400, -(10**19), 1e308])
values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
FIELDS = (
    *("format", "id", "experiment", "config", "code", "seeds", "versions", "machine", "command"),
    *("seconds", "rows", "rows_sha256", "artefacts", "surprise"),
)


def bytes_are(data: bytes) -> Spoil:
    return lambda path, outside: put(path, data)


def put(path: Path, data: bytes) -> None:
    remove(path)
    path.write_bytes(data)


def remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def field_is(name: str, value: Any) -> Spoil:
    def spoil(path: Path, outside: Path) -> None:
        if not path.is_file():
            raise OSError("to read a pipe would take for ever")
        lines = path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]
        try:
            changed = {**json.loads(lines[0]), name: value}
        except (ValueError, TypeError, RecursionError, IndexError):
            return  # another change has spoilt it already
        put(path, "\n".join([json.dumps(changed), *lines[1:], ""]).encode())

    return spoil


def changed_at(where: float, data: bytes, keep: bool) -> Spoil:
    def spoil(path: Path, outside: Path) -> None:
        old = path.read_bytes() if path.is_file() else b""
        at = int(where * len(old))
        put(path, old[:at] + data + (old[at + len(data) :] if keep else b""))

    return spoil


def link_to(target: str) -> Spoil:
    def spoil(path: Path, outside: Path) -> None:
        remove(path)
        path.symlink_to(target.format(outside=outside))

    return spoil


def folder(path: Path, outside: Path) -> None:
    remove(path)
    path.mkdir()


def pipe(path: Path, outside: Path) -> None:
    remove(path)
    os.mkfifo(path)


def gone(path: Path, outside: Path) -> None:
    remove(path)


NASTY = [
    b"",
    b"\0" * 100,
    b"null\n",
    b"[]\n",
    b"{}\n",
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b'{"rows": 1, "rows": 2}\n',
    b'{"rows": NaN}\n',
    b'{"rows": 1e999}\n',
    b"1" * 10_000,
    b"\xff\xfe\n",
    b"\xef\xbb\xbf{}\n",
    b"\x80\x04\x95.",
    (2**62).to_bytes(8, "little") + b"{}",
    (2).to_bytes(8, "little") + b"{}",
]
spoils = st.one_of(
    st.sampled_from([folder, pipe, gone]),
    st.sampled_from(NASTY).map(bytes_are),
    st.builds(field_is, st.sampled_from(FIELDS), values),
    st.builds(changed_at, st.floats(0, 1), st.binary(max_size=8), st.booleans()),
    st.sampled_from(
        [
            "{outside}/secret",
            "{outside}",
            "/etc/passwd",
            "run.json",
            "rows.jsonl",
            "nowhere",
            "..",
            ".",
        ]
    ).map(link_to),
)


@settings(max_examples=250)
@given(
    which=st.integers(0, 1),
    changes=st.lists(st.tuples(st.sampled_from(FILES), spoils), min_size=1, max_size=2),
)
def test_a_hostile_folder_gives_only_our_errors(
    templates: list[Path], which: int, changes: list[tuple[str, Spoil]]
) -> None:
    with tempfile.TemporaryDirectory() as place:
        root, outside = Path(place, "root"), Path(place, "outside")
        shutil.copytree(templates[which], root, symlinks=True)
        outside.mkdir()
        (outside / "secret").write_text('{"step": 0}\n')
        target = root / run_id(experiment, Config())
        for name, spoil in changes:
            try:
                spoil(target / name, outside)
            except (OSError, ValueError):  # nothing there any more that could be spoiled so
                gone(target / name, outside)

        def everything() -> None:
            record = read_run(target)
            for name in record.artefacts:
                record.load(name)

        for attempt in (
            everything,
            lambda: read_runs(root),
            lambda: run(experiment, Config(), root),
            everything,
        ):
            with contextlib.suppress(PrecocialError):
                attempt()
        assert (outside / "secret").read_text() == '{"step": 0}\n'
        assert [path.name for path in outside.iterdir()] == ["secret"]


@settings(max_examples=60)
@given(where=st.floats(0, 1), byte=st.integers(1, 255))
def test_any_changed_byte_of_complete_rows_is_seen(
    templates: list[Path], where: float, byte: int
) -> None:
    with tempfile.TemporaryDirectory() as place:
        root = Path(place, "root")
        shutil.copytree(templates[0], root)
        rows = root / run_id(experiment, Config()) / "rows.jsonl"
        data = bytearray(rows.read_bytes())
        data[int(where * (len(data) - 1))] ^= byte
        rows.write_bytes(data)
        with pytest.raises(RunError):
            read_run(rows.parent)


def test_a_run_folder_that_is_a_link_is_not_written_through(
    templates: list[Path], tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / run_id(experiment, Config())).symlink_to(outside)
    with pytest.raises(PrecocialError, match="outside"):
        run(experiment, Config(), tmp_path / "root")
    assert not list(outside.iterdir())


@pytest.mark.parametrize("path", ["nowhere", "a\0b", "\ud800", "x" * 5000])
def test_a_path_that_leads_nowhere(path: str) -> None:
    with pytest.raises(RunError):
        read_run(path)


def test_a_newer_format_is_named(templates: list[Path], tmp_path: Path) -> None:
    shutil.copytree(templates[0], tmp_path / "root")
    (target,) = (tmp_path / "root").iterdir()
    field_is("format", 2)(target / "run.json", tmp_path)
    with pytest.raises(RunError, match="has format 2; this precocial reads format 1"):
        read_run(target)


def test_artefacts_with_paths_for_names_are_refused(templates: list[Path], tmp_path: Path) -> None:
    shutil.copytree(templates[0], tmp_path / "root")
    (target,) = (tmp_path / "root").iterdir()
    field_is("artefacts", {"../outside": "00"})(target / "result.json", tmp_path)
    with pytest.raises(RunError, match="not the name of an artefact"):
        read_run(target)


def test_runs_are_listed_by_name(templates: list[Path], tmp_path: Path) -> None:
    for seed in range(3):
        run(experiment, Config(seed=seed), tmp_path)
    (tmp_path / "notes").mkdir()
    records = read_runs(tmp_path)
    assert [record.id for record in records] == sorted(record.id for record in records)
    assert {record.config["seed"] for record in records} == {0, 1, 2}
    with pytest.raises(RunError, match="no such folder"):
        read_runs(tmp_path / "nowhere")
