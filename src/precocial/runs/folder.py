"""One run: from a config to a folder, through any number of kills."""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import os
import platform
import re
import shlex
import sys
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

import precocial
from precocial import io
from precocial.errors import ConfigError, DataError, PrecocialError, RunError
from precocial.io import PathLike, Row
from precocial.runs.configs import (
    code_version,
    config_dict,
    experiment_name,
    identity,
    seeds_of,
)
from precocial.runs.journal import Journal, plain_row, unwritable
from precocial.runs.records import (
    CHECKPOINT,
    FORMAT,
    NAME,
    RESULT,
    ROWS,
    RUN,
    Header,
    Result,
    RunRecord,
    read_header,
    read_run,
    sha256,
)
from precocial.runs.threads import one_thread

Arrays = Mapping[str, NDArray[Any]]
ConfigT = TypeVar("ConfigT")
_UNFINISHED = re.compile(r"\..+\.[0-9a-f]{16}")
"""How `io` names a file while it is being written."""
_LIBRARIES = ("numpy", "scipy", "torch", "safetensors", "tokenizers")


class Run:
    """An open run folder, given to the experiment: where it finds what an earlier session left.

    An experiment that was killed is called again with the same config. It goes on

    - from the last `checkpoint`, if there is one: `resume_from()` gives its arrays and meta, and
      rows that came after it are gone, so they are yielded again; or else
    - from `rows`, if it looks at them: they stay, and it yields those that are missing; or else
    - from the start: an experiment that looks at neither is simply run again.
    """

    path: Path

    def __init__(self, journal: Journal, header: Header) -> None:
        self.path = journal.path.parent
        self._journal, self._header = journal, header
        self._began = time.perf_counter()
        self._continued = False
        state = self._read_checkpoint()
        kept = len(journal.rows) if state is None else state[2]
        if kept > len(journal.rows):
            raise RunError(
                f"{self.path / CHECKPOINT} belongs to {kept} rows, but {ROWS} has "
                f"{len(journal.rows)}: the folder is damaged; delete it, then run again"
            )
        journal.cut(kept)

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows so far: at the start, those that an earlier session left and that count."""
        self._continued = True
        return tuple(self._journal.rows)

    def resume_from(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]] | None:
        """The arrays and meta of the last checkpoint; None at a start."""
        state = self._read_checkpoint()
        if state is None:
            return None
        self._continued = True
        return state[:2]

    def checkpoint(self, arrays: Arrays, meta: Mapping[str, Any]) -> None:
        """Replace the checkpoint, atomically. All rows yielded so far belong to it.

        It says "everything up to here has been yielded": call it after the yields of a step, not
        between them, or a resumed run goes on behind the missing ones.

        `meta` is JSON: put there the step, and whatever else decides what comes next.

        Raises:
            RunError: the disk is full or not writable, or arrays or meta cannot be stored.
        """
        self._settle()
        pinned = {"rows": len(self._journal.rows), "meta": plain_row(meta, "a checkpoint's meta")}
        self._write(self.path / CHECKPOINT, arrays, pinned)
        self._write_header(self._header)

    def save(self, name: str, arrays: Arrays, meta: Mapping[str, Any] | None = None) -> Path:
        """Write a final artefact, NAME.safetensors, atomically; the path of the file.

        Raises:
            ConfigError: a name with other characters than letters, digits, "_" and "-".
            RunError: as for `checkpoint`.
        """
        path = self.path / f"{name}.safetensors"
        if not NAME.fullmatch(name) or path.name == CHECKPOINT:
            raise ConfigError(
                f"an artefact's name is made of letters, digits, '_' and '-', and is not "
                f"'checkpoint'; got {name!r}"
            )
        self._settle()
        self._write(path, arrays, plain_row(meta or {}, f"the meta of {name}"))
        return path

    def _settle(self) -> None:
        """Before anything is written: drop the rows of a session that nobody goes on from."""
        if not self._continued:
            # In this order: a checkpoint without its rows would count as damage.
            try:
                (self.path / CHECKPOINT).unlink(missing_ok=True)
            except OSError as error:
                raise unwritable(self.path / CHECKPOINT, error) from error
            self._journal.cut(0)
            self._continued = True

    def _append(self, row: Any) -> None:
        self._settle()
        self._journal.append(row)

    def _seconds(self) -> float:
        return round(self._header.seconds + time.perf_counter() - self._began, 3)

    def _write_header(self, header: Header) -> None:
        _write_json(self.path / RUN, msgspec.structs.replace(header, seconds=self._seconds()))

    def _write(self, path: Path, arrays: Arrays, meta: dict[str, Any]) -> None:
        for name, array in arrays.items():
            if not isinstance(array, np.ndarray) or array.dtype.kind not in "biuf":
                kind = getattr(array, "dtype", type(array).__name__)
                raise RunError(f"{path.name}: {name!r} must be an array of numbers; got {kind}")
        try:
            io.write_arrays(path, arrays, meta=meta)
        except DataError as error:
            raise unwritable(path, error.__cause__ or error) from error

    def _read_checkpoint(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any], int] | None:
        path = self.path / CHECKPOINT
        if not os.path.lexists(path):
            return None
        try:
            io.safe_join(self.path, CHECKPOINT)
            arrays, pinned = io.read_arrays(path)
            pinned = plain_row(pinned, str(path))
            rows, meta = pinned["rows"], pinned["meta"]
        except (DataError, ConfigError, KeyError) as error:
            raise RunError(f"{path} is damaged ({error}); delete the folder, run again") from error
        if not isinstance(rows, int) or rows < 0 or not isinstance(meta, dict):
            raise RunError(f"{path} is damaged; delete the folder, run again")
        return arrays, meta, rows

    def _finish(self) -> None:
        self._settle()
        artefacts = {
            path.stem: sha256(path)
            for path in sorted(self.path.glob("*.safetensors"))
            if path.name != CHECKPOINT
        }
        result = Result(
            rows=len(self._journal.rows),
            rows_sha256=sha256(self._journal.path),
            artefacts=artefacts,
            seconds=self._seconds(),
        )
        _write_json(self.path / RESULT, result)


Experiment = Callable[[ConfigT, Run], Iterator[Row]]


def run(
    experiment: Experiment[ConfigT],
    config: ConfigT,
    root: PathLike,
    *,
    command: str | None = None,
    on_row: Callable[[Row], None] | None = None,
) -> RunRecord:
    """Run an experiment in its own folder under `root`, resume it, or, if it is complete, read it.

    The folder is named by `run_id(experiment, config)`. Each row is durable before the experiment
    goes on. Killed at any point, the next call resumes, and on one CPU with one version of the
    code ends with the same bytes as a run that was never killed. The numerical libraries use one
    thread meanwhile, because the number of threads changes the order of sums.

    Args:
        experiment: a generator function at the top of a module: `(config, run) -> rows`.
        config: a frozen dataclass.
        root: the folder of run folders; made if missing.
        command: what remakes the run, kept in `run.json`; default: this process's command line.
        on_row: called with each row that this session adds, once it is durable: for progress.

    Raises:
        ConfigError: the config or the experiment cannot be named.
        RunError: the folder is in use, damaged, not writable, or was begun with other versions of
            the libraries; or a row is not JSON with finite numbers.
    """
    header = _header(experiment, config, command)
    folder = io.safe_join(root, header.id)
    if not (folder / RESULT).exists():
        with Journal(folder / ROWS) as journal:
            if not (folder / RESULT).exists():  # else another process finished it just now
                _live(experiment, config, _opened(journal, header), on_row)
    record = read_run(folder)
    _tidy(folder)
    return record


def _live(
    experiment: Experiment[ConfigT],
    config: ConfigT,
    live: Run,
    on_row: Callable[[Row], None] | None,
) -> None:
    with one_thread():
        rows = experiment(config, live)
        if not isinstance(rows, Iterator):
            raise ConfigError(
                f"{live._header.experiment} must be a generator of rows; "
                f"it returned {type(rows).__name__}. Use yield"
            )
        try:
            for row in rows:
                live._append(row)
                if on_row is not None:
                    on_row(row)
        finally:
            if isinstance(rows, Generator):  # its own clean-up runs before the lock goes
                rows.close()
        live._finish()


def _opened(journal: Journal, header: Header) -> Run:
    """The run in the locked folder, after its header is written or found to be the same."""
    folder = journal.path.parent
    if (folder / RUN).exists():
        try:
            earlier = read_header(folder)
        except (DataError, ConfigError) as error:
            raise RunError(f"{error}; delete the folder, run again") from error
        if earlier.id != header.id:
            raise RunError(f"{folder} holds the run {earlier.id}, not {header.id}")
        if earlier.versions != header.versions:
            raise RunError(
                f"{folder} was begun with {_differences(earlier.versions, header.versions)}; "
                f"a resumed run would mix them. Go back to them, or delete the folder"
            )
        header = earlier
    elif journal.rows:
        raise RunError(f"{journal.path} has rows but no {RUN} beside it; delete the folder")
    else:
        _write_json(folder / RUN, header)
    _tidy(folder)
    return Run(journal, header)


def _differences(then: dict[str, str], now: dict[str, str]) -> str:
    names = sorted(name for name in {*then, *now} if then.get(name) != now.get(name))
    return ", ".join(f"{name} {then.get(name)} (now {now.get(name)})" for name in names)


def _tidy(folder: Path) -> None:
    """Remove the unfinished files of a killed writer and, once complete, the checkpoint."""
    leftovers = [path for path in folder.glob(".*") if _UNFINISHED.fullmatch(path.name)]
    if (folder / RESULT).exists():
        leftovers.append(folder / CHECKPOINT)
    for path in leftovers:
        with contextlib.suppress(OSError):  # a complete run on a read-only disk can still be read
            path.unlink(missing_ok=True)


def _write_json(path: Path, value: msgspec.Struct) -> None:
    try:
        io.write_json(path, msgspec.to_builtins(value))
    except DataError as error:
        raise unwritable(path, error.__cause__ or error) from error


# ---------------------------------------------------------------- run.json


def _header(experiment: Callable[..., Any], config: Any, command: str | None) -> Header:
    name, values = experiment_name(experiment), config_dict(config)
    code = code_version(experiment)
    return Header(
        format=FORMAT,
        id=identity(name, values, code),
        experiment=name,
        config=values,
        code=code,
        seeds=seeds_of(values),
        versions=versions(),
        machine=machine(),
        command=this_command() if command is None else command,
        seconds=0.0,
    )


def versions() -> dict[str, str]:
    """The versions of Python and of the libraries that decide a run's bits; imports none."""
    found = {"python": platform.python_version(), "precocial": precocial.__version__}
    found |= {library: version for library in _LIBRARIES if (version := _version(library))}
    return found


@functools.cache
def _version(library: str) -> str | None:
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return None


def machine() -> dict[str, str | int]:
    """What ran it: system, processor, cores. No name and no address."""
    cpu = platform.processor()
    with contextlib.suppress(PrecocialError):
        lines = io.read_text("/proc/cpuinfo").splitlines()
        cpu = next((line.partition(":")[2].strip() for line in lines if "model name" in line), cpu)
    return {
        "system": f"{platform.system()} {platform.release()}",
        "architecture": platform.machine(),
        "cpu": cpu or "unknown",
        "cores": os.cpu_count() or 1,
    }


def this_command() -> str:
    """The command line of this process, with the program's name but not its folder."""
    program = Path(sys.argv[0]).name or "python"
    if program == "-c":
        return "precocial.runs.run(...) from Python"
    words = ["python", program] if program.endswith(".py") else [program]
    if program == "__main__.py":
        words = ["python", "-m", Path(sys.argv[0]).parent.name]
    return shlex.join([*words, *sys.argv[1:]])
