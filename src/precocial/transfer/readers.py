"""Run tables from other tools: Hugging Face Trainer, Weights & Biases, MLflow.

What a file cannot know (arm, data, size, units) the caller gives. Exports are read by one rule: a
run-table column comes from the file's column of that name (with or without the tool's prefix), or
is the same value in every row. Formats as seen in the tools' own exports: `trainer_state.json`
(transformers `TrainerState`), "Export CSV" of a W&B runs table, and of MLflow both the CSV of its
page ("Run ID", "Status") and of `mlflow experiments csv` ("run_id", "status", "params.x").
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from precocial import io
from precocial.errors import ConfigError, DataError, one_of
from precocial.transfer.table import COLUMNS, REQUIRED, RunTable

Format = Literal["auto", "table", "trainer_state", "wandb", "mlflow"]
_FORMATS = ("auto", "table", "trainer_state", "wandb", "mlflow")
_TEXT_COLUMNS = ("run_id", "arm", "source", "unit", "loss_unit")
_EMPTY = ("", "nan", "null", "none", "n/a")


@dataclass(frozen=True, kw_only=True)
class _Export:
    """Where a tool's CSV keeps things."""

    tool: str
    prefixes: tuple[str, ...]
    run_id: tuple[str, ...]
    state: tuple[str, ...]
    finished: str


_EXPORTS = {
    "wandb": _Export(
        tool="W&B", prefixes=("", "config.", "summary."), run_id=("ID", "Name"),
        state=("State",), finished="finished",
    ),
    "mlflow": _Export(
        tool="MLflow", prefixes=("", "params.", "metrics.", "tags."), run_id=("run_id", "Run ID"),
        state=("status", "Status"), finished="finished",
    ),
}  # fmt: skip

# Where a column is looked for when the caller does not say. "loss" alone is not among them: both
# tools' users log the training loss under that name.
_USUAL: dict[str, tuple[str, ...]] = {
    "loss": ("eval/loss", "eval_loss", "val/loss", "val_loss", "validation_loss"),
    "lr": ("lr", "learning_rate"),
    "flops": ("flops", "train/total_flos", "total_flos"),
    "tokens_seen": ("tokens_seen", "train/num_input_tokens_seen", "num_input_tokens_seen"),
}


def read_runs(path: io.PathLike, *, format: Format = "auto", **names: Any) -> RunTable:
    """A run table from a run table, a `trainer_state.json`, or a W&B or MLflow CSV export.

    Args:
        path: the file.
        format: "table" (.csv, .tsv, .jsonl, .parquet with run-table columns), "trainer_state",
            "wandb", "mlflow", or "auto": .json is a trainer state, a CSV is told by its header.
        names: run-table columns. For W&B and MLflow the file's column to read (`loss="eval/loss"`;
            prefixes such as "params." may be left out), or else a value for all rows
            (`arm="scratch"`, `N=1e6`). For a trainer state values only; `arm` and `D_F` must be
            given. None for a run table.

    Of W&B and MLflow, runs that are not finished and runs without a loss (an empty cell, or NaN)
    are left out, each kind with a warning that counts it.

    Raises:
        DataError: the file is malformed, or lacks what a run table needs; says file, line, column.
        ConfigError: names that are not columns of a run table, or an unknown format.
    """
    one_of("format", format, _FORMATS)
    unknown = [name for name in names if name not in COLUMNS]
    if unknown:
        raise ConfigError(
            f"read_runs: {unknown[0]!r} is not a column of a run table; "
            f"allowed are {', '.join(COLUMNS)}"
        )
    kind, rows = _recognise(path, format)
    if kind == "trainer_state":
        return read_trainer_state(path, **names)
    if kind == "table":
        if names:
            raise ConfigError(
                f"read_runs: a run table names its own columns; leave out {', '.join(names)}, or "
                'say format="wandb" or "mlflow"'
            )
        return RunTable.read(path)
    return _from_export(path, _EXPORTS[kind], io.read_csv(path) if rows is None else rows, names)


def read_wandb(path: io.PathLike, **names: Any) -> RunTable:
    """A W&B runs export (CSV); see `read_runs`."""
    return read_runs(path, format="wandb", **names)


def read_mlflow(path: io.PathLike, **names: Any) -> RunTable:
    """An MLflow runs export (CSV); see `read_runs`."""
    return read_runs(path, format="mlflow", **names)


def _recognise(path: io.PathLike, format: str) -> tuple[str, list[io.Row] | None]:
    suffix = _suffix(path)
    if format != "auto":
        return format, None
    if suffix == ".json":
        return "trainer_state", None
    if suffix not in (".csv", ".tsv", ".tab"):
        return "table", None
    rows = io.read_csv(path)
    header = set(rows[0]) if rows else set()
    if header <= set(COLUMNS) or header >= set(REQUIRED):
        return "table", None
    if header & {"run_id", "Run ID"} and header & {"status", "Status"}:
        return "mlflow", rows
    if "Name" in header:
        return "wandb", rows
    raise DataError(
        "is neither a run table nor a W&B or MLflow export by its header; say which with "
        'format="table", "wandb" or "mlflow"',
        path=path, line=1,
    )  # fmt: skip


def _suffix(path: io.PathLike) -> str:
    return Path(path).suffix.lower()


# ---------------------------------------------------------------- W&B and MLflow


def _from_export(
    path: io.PathLike, export: _Export, rows: Sequence[io.Row], names: Mapping[str, Any]
) -> RunTable:
    if not rows:
        raise DataError("holds no runs", path=path)
    columns, values = _mapping(path, export, list(rows[0]), names)
    kept = _kept(path, export, rows, columns)
    try:
        table = RunTable.from_rows(
            ({name: _cell(row[column]) for name, column in columns.items()} | values
             for _, row in kept),
            path=path, lines=[line for line, _ in kept],
        )  # fmt: skip
    except DataError as error:
        raise _in_the_files_words(error, columns) from error
    return table


def _kept(
    path: io.PathLike, export: _Export, rows: Sequence[io.Row], columns: Mapping[str, str]
) -> list[tuple[int, io.Row]]:
    """The finished runs that have a loss, with their lines; a warning counts the others."""
    state = next((name for name in export.state if name in rows[0]), None)
    finished = [
        (line, row)
        for line, row in enumerate(rows, 2)
        if state is None or row[state].strip().lower() == export.finished
    ]
    if not finished:
        raise DataError(f"holds {len(rows)} runs, none of them finished", path=path, column=state)
    loss = columns.get("loss")
    kept = [(line, row) for line, row in finished if loss is None or _cell(row[loss]) is not None]
    if not kept:
        raise DataError(
            f"holds {len(finished)} finished runs, none of them with a loss; say which column "
            'holds it (loss="...")',
            path=path, column=loss,
        )  # fmt: skip
    left_out = (
        (len(rows) - len(finished), "which are not finished"),
        (len(finished) - len(kept), f"which have no loss in column {loss!r}"),
    )
    for count, reason in left_out:
        if count:
            warnings.warn(f"{path}: left out {count} of {len(rows)} runs, {reason}", stacklevel=4)
    return kept


def _mapping(
    path: io.PathLike, export: _Export, header: Sequence[str], names: Mapping[str, Any]
) -> tuple[dict[str, str], dict[str, Any]]:
    """The file's column for each run-table column, and the values that all rows share."""

    def find(wanted: Sequence[str]) -> str | None:
        places = (prefix + name for name in wanted for prefix in export.prefixes)
        return next((place for place in places if place in header), None)

    columns: dict[str, str] = {}
    values: dict[str, Any] = {}
    for name in COLUMNS:
        given = names.get(name)
        if given is None:
            usual = export.run_id if name == "run_id" else _USUAL.get(name, (name,))
            found = find(usual)
            if found is not None:
                columns[name] = found
            elif name in REQUIRED:
                raise DataError(
                    f"the {export.tool} export has no column {' or '.join(map(repr, usual))}; "
                    f'say which column holds it ({name}="...") or give its value',
                    path=path, line=1, column=name,
                )  # fmt: skip
        elif isinstance(given, str) and (found := find((given,))) is not None:
            columns[name] = found
        elif isinstance(given, str) and name not in _TEXT_COLUMNS:
            raise DataError(
                f"the {export.tool} export has no column {given!r} to read {name} from; it has "
                f"{', '.join(header)[:400]}",
                path=path, line=1, column=given,
            )  # fmt: skip
        else:
            values[name] = given
    return columns, values


def _cell(text: str) -> str | None:
    return None if text.strip().lower() in _EMPTY else text


def _in_the_files_words(error: DataError, columns: Mapping[str, str]) -> DataError:
    """The same error, naming the file's column and not the run table's."""
    place = {"path": error.path, "line": error.line}
    message = str(error).removeprefix(str(DataError("", column=error.column, **place)))  # type: ignore[arg-type]
    column = columns.get(error.column or "", error.column)
    if column != error.column:
        message = f"(read as {error.column}) {message}"
    return DataError(message, path=error.path, line=error.line, column=column)


# ---------------------------------------------------------------- Hugging Face Trainer


def read_trainer_state(path: io.PathLike, **values: Any) -> RunTable:
    """One run from a Hugging Face `trainer_state.json`, its best evaluation taken.

    loss is the least finite `eval_loss` of `log_history` and best_step its step (the first of
    equals); lr the largest logged learning rate; flops and tokens_seen are of the whole run, as
    in the file (0 there means not counted). run_id is the folder's name unless given.

    Args:
        path: the file.
        values: the other columns of the run table; `arm` and `D_F` must be given. A column that
            is given takes the place of the file's.

    Raises:
        DataError: not a trainer state, or it holds no finite eval_loss.
        ConfigError: arm or D_F is not given.
    """
    for name in ("arm", "D_F"):
        if values.get(name) is None:
            raise ConfigError(
                f"read_runs: a trainer state does not know {name}; give it, as in "
                'read_runs(path, arm="scratch", D_F=1e6, N=1e7, unit="tokens")'
            )
    # the Trainer writes NaN for runs that diverge
    state = io.loads(io.read_text(path), path=path, finite=False)
    history = state.get("log_history") if isinstance(state, dict) else None
    if not isinstance(history, list) or not all(isinstance(entry, dict) for entry in history):
        raise DataError("is not a trainer state: a list of entries is needed", path=path,
                        column="log_history")  # fmt: skip
    evaluations = [entry for entry in history if _is_number(entry.get("eval_loss"))]
    if not evaluations:
        raise DataError(
            "no entry has a finite eval_loss; evaluate while training (eval_strategy)",
            path=path, column="log_history",
        )  # fmt: skip
    best = min(evaluations, key=lambda entry: float(entry["eval_loss"]))
    rates = [e["learning_rate"] for e in history if _is_number(e.get("learning_rate"))]
    row = {
        "run_id": Path(path).absolute().parent.name,
        "loss": best["eval_loss"],
        "best_step": best.get("step"),
        "lr": max(rates, default=None),
        "tokens_seen": state.get("num_input_tokens_seen") or None,
        "flops": state.get("total_flos") or None,
    }
    given = {name: value for name, value in values.items() if value is not None}
    return RunTable.from_rows([row | given], path=path, lines=[None])


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond the largest float
        return False
