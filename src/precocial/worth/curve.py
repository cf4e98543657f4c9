"""A learning curve: the loss that was reached from so much data, one row a run.

The rows are tidy: `arm`, `data`, `seed`, `loss`. `Curve` holds one arm; `Levels` is the same curve
as one mean a data size.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from precocial import io
from precocial.errors import ConfigError, DataError

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

COLUMNS = ("arm", "data", "seed", "loss")
MAX_LEVELS = 500
"""More data sizes than this is the log of one run, not a learning curve."""
MAX_RUNS = 200_000
_MAX_SEED = 2**53
"""Above this, seeds that went through a spreadsheet or JSON are no longer exact."""
_MAX_NAME = 200


@dataclass(frozen=True, kw_only=True, eq=False)
class Levels:
    """A curve as one mean a data size.

    Attributes:
        data: (n,) data sizes, rising.
        mean: (n,) mean natural logarithm of the loss.
        runs: (n,) how many runs a level has.
        log_loss: n arrays, the runs of each level, sorted.
    """

    data: Floats
    mean: Floats
    runs: Integers
    log_loss: tuple[Floats, ...]

    def __len__(self) -> int:
        return len(self.data)

    def above_zero(self) -> Levels:
        """The levels with data: zero data has no logarithm."""
        keep = np.flatnonzero(self.data > 0)
        return Levels(
            data=self.data[keep],
            mean=self.mean[keep],
            runs=self.runs[keep],
            log_loss=tuple(self.log_loss[i] for i in keep),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Curve:
    """The runs of one arm, sorted by data and seed. Arrays cannot be written to.

    Attributes:
        data: (n,) how much data a run was trained on, in `data_unit`; 0 is zero-shot.
        loss: (n,) the loss it reached, above 0 (a logarithm is taken).
        seed: (n,) the run's seed; a (data, seed) pair stands once.
        arm: the name of the arm, for tables and pictures.
        data_unit: what `data` counts, for axes ("bytes", "examples").
        loss_unit: what `loss` is, for axes ("nats per token").

    Raises:
        DataError: empty, unequal lengths, not numbers, NaN, negative data, loss not above 0,
            a run that stands twice.
    """

    data: Floats
    loss: Floats
    seed: Integers
    arm: str
    data_unit: str = "units"
    loss_unit: str = "loss"

    def __post_init__(self) -> None:
        columns = {
            "data": _floats(self.data, "data"),
            "loss": _floats(self.loss, "loss"),
            "seed": _integers(self.seed),
        }
        rows = [
            {"arm": self.arm, "data": d, "seed": s, "loss": y}
            for d, s, y in zip(
                columns["data"].tolist(),
                columns["seed"].tolist(),
                columns["loss"].tolist(),
                strict=_same_length(columns),
            )
        ]
        _check_runs(rows)
        for name in ("data_unit", "loss_unit"):
            _text(getattr(self, name), name)
        order = np.lexsort((columns["seed"], columns["data"]))
        for name, column in columns.items():
            column = column[order]
            column.setflags(write=False)
            object.__setattr__(self, name, column)

    def __len__(self) -> int:
        return len(self.data)

    @classmethod
    def from_arrays(
        cls,
        data: ArrayLike,
        loss: ArrayLike,
        seed: ArrayLike | None = None,
        *,
        arm: str = "curve",
        data_unit: str = "units",
        loss_unit: str = "loss",
    ) -> Curve:
        """A curve from arrays.

        Args:
            data: (n,) data sizes.
            loss: (n,) losses, or (n, seeds): one column a seed.
            seed: (n,) seeds of a one-dimensional `loss`; without it each size has one run.

        Raises:
            DataError: see `Curve`.
        """
        sizes, losses = _floats(data, "data"), _floats(loss, "loss", dimensions=2)
        if losses.ndim == 2:
            if seed is not None:
                raise DataError("a loss of shape (n, seeds) takes no seed", column="seed")
            if losses.shape[0] != len(sizes):
                raise DataError(
                    f"has shape {losses.shape}; data has {len(sizes)} sizes", column="loss"
                )
            count = losses.shape[1]
            seed = np.tile(np.arange(count), len(sizes))
            sizes, losses = np.repeat(sizes, count), losses.ravel()
        elif seed is None:
            seed = np.zeros(len(losses), dtype=np.int64)
        return cls(
            data=sizes,
            loss=losses,
            seed=_integers(seed),
            arm=arm,
            data_unit=data_unit,
            loss_unit=loss_unit,
        )

    @classmethod
    def from_rows(
        cls,
        rows: Iterable[Mapping[str, Any]],
        *,
        arm: str | None = None,
        path: object = None,
        data_unit: str = "units",
        loss_unit: str = "loss",
    ) -> Curve:
        """A curve from tidy rows with `data` and `loss`, and `seed` and `arm` if there are any.

        `arm` picks one arm of a table that holds several, and names one that holds none. Numbers
        may be text (as a CSV gives them). Without `seed`, each data size has one run.

        Raises:
            DataError: with the line (the header is line 1) and the column.
        """
        parsed = [_parse(row, line, path) for line, row in enumerate(rows, 2)]
        arms = sorted({row["arm"] for row in parsed if row["arm"] is not None})
        name = _pick(arms, arm, path)
        if arms:
            parsed = [row for row in parsed if row["arm"] == name]
        parsed = [{**row, "arm": name} for row in parsed]
        _check_runs(parsed, path)
        return cls(
            data=np.array([row["data"] for row in parsed]),
            loss=np.array([row["loss"] for row in parsed]),
            seed=np.array([row["seed"] for row in parsed], dtype=np.int64),
            arm=name,
            data_unit=data_unit,
            loss_unit=loss_unit,
        )

    @classmethod
    def from_frame(
        cls,
        frame: Any,
        *,
        arm: str | None = None,
        data_unit: str = "units",
        loss_unit: str = "loss",
    ) -> Curve:
        """A curve from a pandas or polars data frame or a pyarrow table; see `from_rows`."""
        if hasattr(frame, "to_dicts"):  # polars
            rows = frame.to_dicts()
        elif hasattr(frame, "to_pylist"):  # pyarrow
            rows = frame.to_pylist()
        elif hasattr(frame, "to_dict"):  # pandas
            rows = frame.to_dict("records")
        else:
            raise DataError(
                f"a pandas or polars data frame or a pyarrow table is needed; "
                f"got {type(frame).__name__}"
            )
        return cls.from_rows(rows, arm=arm, data_unit=data_unit, loss_unit=loss_unit)

    @classmethod
    def read(
        cls,
        path: io.PathLike,
        *,
        arm: str | None = None,
        data_unit: str = "units",
        loss_unit: str = "loss",
    ) -> Curve:
        """A curve from a .csv, .tsv, .jsonl or .parquet file; see `from_rows`.

        A file without arms is named by its stem; an `arm` must stand in the file.

        Raises:
            DataError: with file, line and column.
        """
        rows = io.read_table(path)
        if rows and not any("arm" in row for row in rows):
            if arm is not None:
                raise DataError(
                    f"has no column of arms, so there is no arm {arm!r} to pick; leave it out",
                    path=path, line=1, column="arm",
                )  # fmt: skip
            stem = Path(path).stem[:_MAX_NAME]
            arm = stem if stem.isprintable() else None
        return cls.from_rows(rows, arm=arm, path=path, data_unit=data_unit, loss_unit=loss_unit)

    def rows(self) -> list[io.Row]:
        """The tidy rows, sorted by data and seed."""
        return [
            {"arm": self.arm, "data": data, "seed": seed, "loss": loss}
            for data, seed, loss in zip(
                self.data.tolist(), self.seed.tolist(), self.loss.tolist(), strict=True
            )
        ]

    def levels(self) -> Levels:
        """One mean a data size, of the log loss (so a mean loss here is a geometric mean)."""
        sizes = np.unique(self.data)
        log_loss = np.log(self.loss)
        # sorted by loss, so that the seeds' names do not reach any number
        groups = tuple(np.sort(log_loss[self.data == size]) for size in sizes)
        return Levels(
            data=sizes,
            mean=np.array([group.mean() for group in groups]),
            runs=np.array([len(group) for group in groups], dtype=np.int64),
            log_loss=groups,
        )


def _same_length(columns: Mapping[str, NDArray[Any]]) -> bool:
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) != 1:
        raise DataError(f"data, loss and seed must have one length; got {lengths}")
    return True


def _floats(values: ArrayLike, column: str, dimensions: int = 1) -> Floats:
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise DataError(f"is ragged ({error})", column=column) from error
    if array.dtype.kind not in "iuf":
        raise DataError(f"must be numbers; got {array.dtype}", column=column)
    if not 1 <= array.ndim <= dimensions:
        allowed = "1 dimension" if dimensions == 1 else "1 or 2 dimensions"
        raise DataError(f"must have {allowed}; got {array.ndim}", column=column)
    return np.array(array, dtype=np.float64)


def _integers(values: ArrayLike) -> Integers:
    array = np.asarray(values)
    if array.dtype.kind not in "iu" or array.ndim != 1:
        raise DataError(
            f"must be a list of whole numbers; got {array.ndim} dimensions of {array.dtype}",
            column="seed",
        )
    return np.array(array, dtype=np.int64)


def _parse(row: Mapping[str, Any], line: int, path: object) -> dict[str, Any]:
    for name in row:
        if name not in COLUMNS:
            raise DataError(
                f"is not a column of a learning curve; allowed are {', '.join(COLUMNS)}. "
                "Rename or drop it",
                path=path,
                line=1,
                column=str(name),
            )
    for name in ("data", "loss"):
        if name not in row:
            raise DataError("the column is missing", path=path, line=1, column=name)
    arm = row.get("arm")
    return {
        "line": line,
        "arm": None if arm is None or arm == "" else _text(arm, "arm", path, line),
        "data": io.parse_number(row["data"], path=path, line=line, column="data"),
        "loss": io.parse_number(row["loss"], path=path, line=line, column="loss"),
        "seed": _seed(row.get("seed", 0), path, line),
    }


def _seed(value: Any, path: object, line: int) -> int:
    number = io.parse_number(value, path=path, line=line, column="seed")
    if not (abs(number) <= _MAX_SEED and number == int(number)):
        raise DataError(
            f"must be a whole number of at most {_MAX_SEED}; got {value!r:.80}",
            path=path,
            line=line,
            column="seed",
        )
    return int(value) if isinstance(value, numbers.Integral) else int(number)


def _text(value: Any, column: str, path: object = None, line: int | None = None) -> str:
    if not isinstance(value, str) or len(value) > _MAX_NAME or not value.isprintable():
        raise DataError(
            f"must be at most {_MAX_NAME} printable characters; got {value!r:.80}",
            path=path,
            line=line,
            column=column,
        )
    # `io.write_csv` guards text that a spreadsheet would run; the guard comes off again
    return value[1:] if len(value) > 1 and value[0] == "'" and value[1] in "=+-@" else value


def _pick(arms: list[str], arm: str | None, path: object) -> str:
    if arm is None:
        if len(arms) > 1:
            names = ", ".join(repr(name) for name in arms)
            raise DataError(f"holds the arms {names}; name one", path=path, column="arm")
        return arms[0] if arms else "curve"
    if arms and arm not in arms:
        names = ", ".join(repr(name) for name in arms)
        raise DataError(f"holds no arm {arm!r}; it has {names}", path=path, column="arm")
    return arm


def _check_runs(rows: Collection[Mapping[str, Any]], path: object = None) -> None:
    """Every rule that a number or a pair of runs can break."""
    if not rows:
        raise DataError("holds no runs", path=path)
    if len(rows) > MAX_RUNS:
        raise DataError(f"holds {len(rows)} runs; at most {MAX_RUNS} are read", path=path)
    _text(next(iter(rows))["arm"], "arm")
    seen: dict[tuple[float, int], int | None] = {}
    for row in rows:
        line, data, loss = row.get("line"), row["data"], row["loss"]
        if not (math.isfinite(data) and data >= 0):
            raise DataError(
                f"must be finite and at least 0; got {data!r}", path=path, line=line, column="data"
            )
        if not (math.isfinite(loss) and loss > 0):
            raise DataError(
                f"must be finite and above 0, because its logarithm is read; got {loss!r}",
                path=path,
                line=line,
                column="loss",
            )
        key = (data, row["seed"])
        if key in seen:
            where = "" if seen[key] is None else f" (first on line {seen[key]})"
            raise DataError(
                f"data {data:g} with seed {row['seed']} stands twice{where}; "
                "give repeated runs seeds of their own",
                path=path,
                line=line,
                column="seed",
            )
        seen[key] = line
    levels = len({data for data, _ in seen})
    if levels > MAX_LEVELS:
        raise DataError(
            f"has {levels} data sizes; at most {MAX_LEVELS} are read. A learning curve has one "
            "finished run a size, not the steps of one run",
            path=path,
            column="data",
        )


def check_units(base: Curve, treated: Curve) -> None:
    """Raise ConfigError unless both curves count data, and loss, in one unit."""
    for name in ("data_unit", "loss_unit"):
        ours, theirs = getattr(base, name), getattr(treated, name)
        if ours != theirs:
            raise ConfigError(
                f"worth: both curves must have one {name}; base has {ours!r}, "
                f"treated has {theirs!r}"
            )
