"""The run table: one row a trained model, checked on entry, columns as arrays.

`RunTable` holds what every law, fit and plot of this room reads. `loss` is a cross-entropy (or any
positive loss that falls with data); `unit` names what `fine_tune_data` counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from precocial import io
from precocial.errors import ConfigError, DataError, one_of

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

SCRATCH, PRETRAINED = "scratch", "pretrained"
_TEXT = ("run_id", "arm", "source", "unit", "loss_unit")
_NUMBERS = (
    "N", "N_total", "D_pre", "D_F", "seed", "loss", "loss_se",
    "best_step", "tokens_seen", "flops", "lr",
)  # fmt: skip
COLUMNS = (*_TEXT, *_NUMBERS)
REQUIRED = ("arm", "D_F", "loss")
_ZERO_ALLOWED = ("D_F", "D_pre", "seed", "loss_se", "best_step", "tokens_seen", "flops", "lr")
MAX_ROWS = 1_000_000


@dataclass(frozen=True, kw_only=True, eq=False)
class RunTable:
    """Runs as columns of equal length n; NaN where a number was not given.

    Attributes:
        run_id: (n,) unique names.
        arm: (n,) "scratch" or "pretrained".
        source: (n,) what a pre-trained run was pre-trained on; "" if not given.
        unit: (n,) what D_F counts ("bytes", "characters", "tokens", "examples").
        loss_unit: (n,) of the loss ("nats/token", "nats/byte", "error rate", ...); "" if not given.
        N: (n,) parameters without vocabulary and positional embeddings.
        N_total: (n,) all parameters.
        D_pre: (n,) pre-training data, 0 for scratch.
        D_F: (n,) fine-tuning data, 0 for zero-shot.
        seed, loss, loss_se, best_step, tokens_seen, flops, lr: (n,).

    N is NaN for every row of a table that names no sizes: all runs are then of one size.
    """

    run_id: NDArray[np.str_]
    arm: NDArray[np.str_]
    source: NDArray[np.str_]
    unit: NDArray[np.str_]
    loss_unit: NDArray[np.str_]
    N: Floats
    N_total: Floats
    D_pre: Floats
    D_F: Floats
    seed: Floats
    loss: Floats
    loss_se: Floats
    best_step: Floats
    tokens_seen: Floats
    flops: Floats
    lr: Floats

    def __len__(self) -> int:
        return len(self.run_id)

    @classmethod
    def read(cls, path: io.PathLike) -> RunTable:
        """A .csv, .tsv, .jsonl or .parquet run table.

        Raises:
            DataError: with file, line and column.
        """
        rows = io.read_table(path)
        first = 1 if str(path).lower().endswith((".jsonl", ".parquet")) else 2
        return cls.from_rows(rows, path=path, lines=range(first, first + len(rows)))

    @classmethod
    def from_rows(
        cls,
        rows: Iterable[Mapping[str, Any]],
        *,
        path: object = None,
        lines: Sequence[int | None] | None = None,
    ) -> RunTable:
        """Rows with some of `COLUMNS` (at least arm, D_F, loss), checked.

        Errors name `path` and each row's line: of `lines`, or counted from 2, after a header.

        Raises:
            DataError: unknown or missing columns, wrong types, NaN, negative or zero sizes,
                run_ids that stand twice, several units of data.
        """
        listed = list(rows)
        if not listed:
            raise DataError("holds no runs", path=path)
        if len(listed) > MAX_ROWS:
            raise DataError(f"holds {len(listed)} runs; at most {MAX_ROWS} are read", path=path)
        columns: dict[str, list[Any]] = {name: [] for name in COLUMNS}
        places = range(2, 2 + len(listed)) if lines is None else lines
        for line, row in zip(places, listed, strict=True):
            _check_names(row, path, line)
            for name in COLUMNS:
                parse = _text if name in _TEXT else _number
                columns[name].append(parse(row.get(name), name, path, line))
        _fill_defaults(columns)
        _check_columns(columns, path, places)
        arrays: dict[str, Any] = {
            name: np.array(values, dtype=np.str_ if name in _TEXT else np.float64)
            for name, values in columns.items()
        }
        return cls(**arrays)

    def rows(self) -> list[dict[str, Any]]:
        """Plain rows; columns that hold nothing are left out."""
        kept = [name for name in COLUMNS if name in REQUIRED or np.any(_given(getattr(self, name)))]
        columns = [getattr(self, name).tolist() for name in kept]
        return [
            {
                name: None if isinstance(value, float) and math.isnan(value) else value
                for name, value in zip(kept, values, strict=True)
            }
            for values in zip(*columns, strict=True)
        ]

    def write(self, path: io.PathLike) -> None:
        """A .csv, .jsonl or .parquet file (the last needs the extra [tables]) that `read` takes
        back unchanged.

        Raises:
            ConfigError: another ending, which `read` would not take back.
        """
        writers = {".csv": io.write_csv, ".jsonl": io.write_jsonl, ".parquet": io.write_parquet}
        ending = Path(path).suffix.lower()
        one_of("the ending of a run table", ending, writers)
        writers[ending](path, self.rows())

    def where(self, keep: Bools) -> RunTable:
        """The rows for which `keep` (n,) is true."""
        return replace(self, **{f.name: getattr(self, f.name)[keep] for f in fields(self)})

    def distinct(self) -> RunTable:
        """Each run once: rows that are equal in all but run_id, as copies of a row are. Where
        every repeated run has the loss of its fellows, the seeds did nothing: also once."""
        keep = self._first_of_equal(("N", "D_pre", "D_F", "loss", "seed"))
        table = self if keep.all() else self.where(keep)
        once = table._first_of_equal(("N", "D_pre", "D_F", "loss"))
        cells = table._first_of_equal(("N", "D_pre", "D_F"))
        return table.where(once) if not once.all() and (once == cells).all() else table

    def _first_of_equal(self, numbers: tuple[str, ...]) -> Bools:
        """(n,) the first row of each group that agrees in the arm, the source and `numbers`."""
        text = [np.unique(column, return_inverse=True)[1] for column in (self.arm, self.source)]
        keys = np.stack(
            [*text, *(np.nan_to_num(getattr(self, name), nan=-1.0) for name in numbers)], axis=1
        )
        _, first = np.unique(keys, axis=0, return_index=True)
        return np.asarray(np.isin(np.arange(len(self)), first))

    @property
    def is_scratch(self) -> Bools:
        """(n,) true for rows trained from scratch."""
        return np.asarray(self.arm == SCRATCH)

    @property
    def scratch(self) -> RunTable:
        """The rows trained from scratch."""
        return self.where(self.is_scratch)

    @property
    def pretrained(self) -> RunTable:
        """The rows fine-tuned from a pre-trained model."""
        return self.where(~self.is_scratch)

    def with_total_parameters(self) -> RunTable:
        """The same runs with N counted with embeddings (a choice for a backtest to make).

        Raises:
            DataError: some N_total is missing.
        """
        if np.isnan(self.N_total).any():
            raise DataError("N_total is missing in some rows; give it in all or none")
        return replace(self, N=self.N_total)


def _given(column: NDArray[Any]) -> Bools:
    return np.asarray(column != "") if column.dtype.kind == "U" else ~np.isnan(column)


def _check_names(row: Mapping[str, Any], path: object, line: int | None) -> None:
    if not isinstance(row, Mapping):
        raise DataError(
            f"a run must map columns to values; got {type(row).__name__}", path=path, line=line
        )
    for name in row:
        if name not in COLUMNS:
            raise DataError(
                f"is not a column of a run table; allowed are {', '.join(COLUMNS)}. "
                "For other exports see `precocial.transfer.read_runs`",
                path=path, line=1, column=str(name),
            )  # fmt: skip
    for name in REQUIRED:
        if name not in row:
            raise DataError("the column is missing", path=path, line=line, column=name)


def _text(value: Any, name: str, path: object, line: int | None) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        if name == "run_id" and isinstance(value, int) and not isinstance(value, bool):
            return io.shown(value)
        raise DataError(f"must be text; got {io.shown(value)}", path=path, line=line, column=name)
    if len(value) > 500 or any(ord(letter) < 32 for letter in value):
        raise DataError(
            f"must be at most 500 printable characters; got {io.shown(value)}",
            path=path, line=line, column=name,
        )  # fmt: skip
    # io.write_csv guards text that a spreadsheet would run with a quote mark; take it off again
    return value[1:] if len(value) > 1 and value[0] == "'" and value[1] in "=+-@" else value


def _number(value: Any, name: str, path: object, line: int | None) -> float:
    if value is None or (isinstance(value, str) and not value.strip()):
        if name in REQUIRED:
            raise DataError("is missing", path=path, line=line, column=name)
        return math.nan
    number = io.parse_number(value, path=path, line=line, column=name)
    low_allowed = number >= 0 if name in _ZERO_ALLOWED else number > 0
    if not (low_allowed and number < 1e300):
        least = "at least 0" if name in _ZERO_ALLOWED else "above 0"
        raise DataError(
            f"must be finite and {least}; got {io.shown(value)}", path=path, line=line, column=name
        )
    if name == "seed" and number != int(number):
        raise DataError(
            f"must be a whole number; got {io.shown(value)}", path=path, line=line, column=name
        )
    return number


def _fill_defaults(columns: dict[str, list[Any]]) -> None:
    columns["run_id"] = [name or f"run-{index}" for index, name in enumerate(columns["run_id"], 1)]


def _check_columns(
    columns: Mapping[str, Sequence[Any]], path: object, lines: Sequence[int | None]
) -> None:
    seen: dict[str, int | None] = {}
    for line, name in zip(lines, columns["run_id"], strict=True):
        if name in seen:
            raise DataError(
                f"{name!r} stands in line {seen[name]} already; run_ids are unique",
                path=path, line=line, column="run_id",
            )  # fmt: skip
        seen[name] = line
    for line, arm in zip(lines, columns["arm"], strict=True):
        if arm not in (SCRATCH, PRETRAINED):
            raise DataError(
                f"must be {SCRATCH!r} or {PRETRAINED!r}; got {arm!r:.80}",
                path=path, line=line, column="arm",
            )  # fmt: skip
    for line, arm, data in zip(lines, columns["arm"], columns["D_F"], strict=True):
        if arm == SCRATCH and data == 0:
            raise DataError(
                "a scratch run needs data; only pre-trained runs may be zero-shot (D_F = 0)",
                path=path, line=line, column="D_F",
            )  # fmt: skip
    for name, what, cure in (
        ("unit", "data are counted", "`formulas.convert_k` says what that does to k"),
        ("loss_unit", "losses are measured", "a factor for bits, the tokens per byte for tokens"),
    ):
        units = sorted(set(columns[name]))
        if len(units) > 1:
            raise DataError(
                f"{what} in several units ({', '.join(map(repr, units))}); convert them to one "
                f"({cure})",
                path=path, column=name,
            )  # fmt: skip
    missing = [line for line, size in zip(lines, columns["N"], strict=True) if math.isnan(size)]
    if missing and len(missing) < len(columns["N"]):
        raise DataError(
            "is missing in some rows and given in others; N counts parameters without "
            "embeddings, give it in all rows or none",
            path=path, line=missing[0], column="N",
        )  # fmt: skip


def _known(value: Any) -> Any:
    try:
        return None if value != value else value
    except TypeError:  # pandas.NA is neither true nor false
        return None
    except ValueError:  # an array in a cell: `from_rows` refuses it
        return value


def run_table(rows: Iterable[Mapping[str, Any]] | Any) -> RunTable:
    """A run table from rows, from a data frame (anything with `to_dict`), or as it is.

    Raises:
        ConfigError: neither.
    """
    if isinstance(rows, RunTable):
        return rows
    if hasattr(rows, "to_dicts"):
        return RunTable.from_rows(rows.to_dicts())
    if hasattr(rows, "to_dict"):
        return RunTable.from_rows(
            {key: _known(value) for key, value in row.items()} for row in rows.to_dict("records")
        )
    if isinstance(rows, Iterable):
        return RunTable.from_rows(rows)
    raise ConfigError(f"a run table is rows, a data frame or a RunTable; got {type(rows).__name__}")
