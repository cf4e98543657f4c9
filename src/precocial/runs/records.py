"""What a run folder says, read back and checked."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from numpy.typing import NDArray

from precocial import io
from precocial.errors import ConfigError, DataError, RunError
from precocial.io import PathLike, Row
from precocial.runs.configs import config_from, identity
from precocial.runs.journal import parse_rows, plain_row

FORMAT = 1
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
"""What an artefact may be called."""
RUN, ROWS, RESULT, CHECKPOINT = "run.json", "rows.jsonl", "result.json", "checkpoint.safetensors"
T = TypeVar("T")
ConfigT = TypeVar("ConfigT")


class Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`run.json`: what the run is. `seconds` is the time spent in sessions that were cut short."""

    format: int
    id: str
    experiment: str
    config: dict[str, Any]
    code: str
    seeds: dict[str, Any]
    versions: dict[str, str]
    machine: dict[str, str | int]
    command: str
    seconds: float


class Result(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`result.json`: written last, so its presence says that the run is complete."""

    rows: int
    rows_sha256: str
    artefacts: dict[str, str]
    """The SHA-256 of each NAME.safetensors."""
    seconds: float


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """A run as its folder tells it; `complete` is False for one that was killed or still runs.

    `seconds` is wall time over all sessions; of a session that was killed it counts the part up to
    its last checkpoint. It is the only value that differs between two runs of one config.
    """

    path: Path
    id: str
    experiment: str
    config: dict[str, Any]
    code: str
    seeds: dict[str, Any]
    versions: dict[str, str]
    machine: dict[str, str | int]
    command: str
    rows: tuple[Row, ...]
    complete: bool
    seconds: float
    artefacts: dict[str, str]

    def config_as(self, kind: type[ConfigT]) -> ConfigT:
        """The config as an object of type `kind`; ConfigError where the fields do not fit."""
        return config_from(kind, self.config)

    def load(self, name: str) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """The arrays and the meta that `Run.save(name, ...)` wrote.

        Raises:
            RunError: no such artefact, or its bytes are not those of the finished run.
        """
        if name not in self.artefacts:
            names = ", ".join(sorted(self.artefacts)) or "none"
            raise RunError(f"{self.path} has no artefact {name!r}; it has: {names}")
        try:
            path = io.safe_join(self.path, f"{name}.safetensors")
            if sha256(path) != self.artefacts[name]:
                raise RunError(f"{path} is damaged: its hash is not the one in {RESULT}")
            return io.read_arrays(path)
        except (DataError, ConfigError) as error:
            raise RunError(str(error)) from error


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(io.read_bytes(path)).hexdigest()


def read_run(path: PathLike) -> RunRecord:
    """Read a run folder, complete or not, without changing it.

    A torn last row is left out; everything else must be whole.

    Raises:
        RunError: no run folder, a damaged or edited one, or one from a newer precocial.
    """
    try:
        return _read(Path(path))
    except (DataError, ConfigError) as error:
        raise RunError(f"{error} (in the run folder {path})") from error
    except OSError as error:
        raise RunError(f"{path} cannot be read ({error.strerror or error})") from error
    except ValueError as error:  # a NUL byte in the path
        raise RunError(f"{path!r} is not a path ({error})") from error


def _read(folder: Path) -> RunRecord:
    if not folder.is_dir():
        raise RunError(f"{folder} is not a run folder: there is no such folder")
    header = read_header(folder)
    result = read_result(folder)
    path = io.safe_join(folder, ROWS)
    data = io.read_bytes(path, limit=io.MAX_TABLE_BYTES)
    rows, _ = parse_rows(data, path)
    if result is not None:
        whole = hashlib.sha256(data).hexdigest() == result.rows_sha256
        if not whole or len(rows) != result.rows:
            raise RunError(f"{path} is not the file that {RESULT} was written for; it was changed")
    return RunRecord(
        path=folder,
        rows=tuple(rows),
        complete=result is not None,
        artefacts=result.artefacts if result else {},
        seconds=result.seconds if result else header.seconds,
        **{
            name: getattr(header, name)
            for name in header.__struct_fields__
            if name not in ("format", "seconds")
        },
    )


def read_header(folder: Path) -> Header:
    """`run.json`, checked against the identity that it claims."""
    header = _read_as(folder, RUN, Header)
    if header.id != identity(header.experiment, header.config, header.code):
        raise RunError(f"{folder / RUN} was edited: its id does not fit its config")
    return header


def read_result(folder: Path) -> Result | None:
    """`result.json`, or None if the run is not complete."""
    if not (folder / RESULT).exists():
        return None
    result = _read_as(folder, RESULT, Result)
    for name in result.artefacts:
        if not NAME.fullmatch(name):
            raise RunError(f"{folder / RESULT}: {name!r} is not the name of an artefact")
    return result


def _read_as(folder: Path, name: str, kind: type[T]) -> T:
    path = io.safe_join(folder, name)
    values = plain_row(io.read_json(path), str(path))
    made = values.get("format", FORMAT)
    if kind is Header and made != FORMAT:
        raise RunError(f"{path} has format {made!r}; this precocial reads format {FORMAT}")
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        raise RunError(f"{path}: {error}") from error


def provenance(records: Sequence[RunRecord]) -> Row:
    """What made a result: experiment, code, versions, machine, command, and every run's config.

    Raises:
        ConfigError: no records.
    """
    if not records:
        raise ConfigError("provenance needs at least one run record; got none")
    same = ("experiment", "code", "versions", "machine", "command")
    runs = [{"id": r.id, "config": r.config, "seconds": r.seconds} for r in records]
    return {name: getattr(records[0], name) for name in same} | {"runs": runs}
