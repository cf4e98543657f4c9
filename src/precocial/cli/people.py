"""`precocial preferences audit --people`: choices in, the page out."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

from precocial import io
from precocial.cli.output import Common, note, working
from precocial.errors import ConfigError, DataError
from precocial.preferences.people.choices import ChoiceData, read_choices
from precocial.preferences.people.fit import fit_choices
from precocial.preferences.people.models import MODELS
from precocial.preferences.people.posterior import ChoicePosterior
from precocial.preferences.people.record import PEOPLE, ChoiceRecord
from precocial.report.page import Page
from precocial.report.people_report import people_page

TABBED = (".txt", ".tsv", ".tab")
_DELAY = ("subjID", "amount_sooner", "delay_sooner", "amount_later", "delay_later", "choice")
_RISK = ("subjID", "gain", "loss", "cert", "gamble")
_TRAVEL = ("ID", "GA", "PURPOSE", "CHOICE", *(
    f"{mode}_{what}" for mode in ("TRAIN", "SM", "CAR") for what in ("TT", "CO", "AV")
))  # fmt: skip
EXPECTED = {
    "delay": _DELAY, "risk": _RISK, "risk_attend": _RISK, "risk_reappraisal": _RISK,
    "travel": _TRAVEL, "swissmetro": _TRAVEL,
}  # fmt: skip
"""The columns that `read_choices` reads, by kind."""


def audit_people(
    kind: str, path: Path | None, columns: dict[str, str], models: Sequence[str], out: Path,
    common: Common,
) -> tuple[Page, ChoiceRecord, list[dict[str, object]]]:  # fmt: skip
    """Fit the models to the choices, keep the one that foretells held-out choices best, and draw
    its page. The rows compare the models; there are none unless several are named."""
    data = named_choices(kind, path, columns)
    note(f"{len(data)} choices of {len(data.subjects)} people", common)
    fits = _fits(data, models, common)
    best = max(fits, key=lambda fit: fit.held_out_nats)
    record = ChoiceRecord.of(best)
    record.write(out / PEOPLE)
    rows: list[dict[str, object]] = [
        {"model": fit.model, "held_out_nats": fit.held_out_nats, "best": fit is best}
        for fit in sorted(fits, key=lambda fit: -fit.held_out_nats)
    ]
    return people_page(out), record, rows if len(fits) > 1 else []


def _fits(data: ChoiceData, models: Sequence[str], common: Common) -> list[ChoicePosterior]:
    known = tuple(MODELS.get(data.kind, ("logit",)))
    for name in models:
        if name not in known or models.count(name) > 1:
            raise ConfigError(
                f"--models of {data.kind} data must be some of {', '.join(known)}, each once; "
                f"got {name!r}"
            )
    asked: Sequence[str | None] = models or [None]
    fits = []
    with working(f"fitting {' '.join(models) or 'everybody'}", common) as progress:
        for done, model in enumerate(asked, 1):
            # The same seed holds out the same choices.
            fits.append(fit_choices(data, model, seed=common.seed))
            progress.count(done, len(asked))
    return fits


def named_choices(kind: str, path: Path | None, columns: dict[str, str]) -> ChoiceData:
    """`read_choices` of a file whose columns have other names: `columns` says, by the name that is
    expected, what a column is called in the file.

    Raises:
        ConfigError: columns without a file, or of one that is packed.
        DataError: no such column, or what `read_choices` refuses.
    """
    for expected in columns:
        if expected not in EXPECTED[kind]:
            raise ConfigError(
                f"--column: a name must be one of {', '.join(EXPECTED[kind])}; got {expected!r}"
            )
    if path is None or not columns:
        if columns:
            raise ConfigError("--column names the columns of a file of your own: name the file")
        try:
            return read_choices(kind, path)
        except DataError as error:
            if error.line != 1 or error.column not in EXPECTED[kind]:
                raise
            raise DataError(f"{error}. Name yours: --column {error.column}=...") from error
    with TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        io.write_text(copy, _renamed(kind, path, columns))
        try:
            return read_choices(kind, copy)
        except DataError as error:
            told = str(error).replace(str(copy), str(path))
            own = columns.get(error.column or "", error.column)
            raise DataError(told.replace(repr(error.column), repr(own), 1)) from error


def _renamed(kind: str, path: Path, columns: dict[str, str]) -> str:
    """The text of a table with the columns called as is expected, line for line."""
    if path.suffix.lower() == ".gz":
        raise ConfigError(f"--column: unpack {path} first")
    tab = "\t" if path.suffix.lower() in TABBED else ","
    rows = io.parse_csv(io.read_text(path), path=path, delimiter=tab)
    if not rows:
        raise DataError("holds no choices", path=path)
    chosen = {columns.get(expected, expected): expected for expected in EXPECTED[kind]}
    if len(chosen) < len(EXPECTED[kind]):
        raise ConfigError("--column: one column of the file cannot be two")
    for column, expected in chosen.items():
        if column not in rows[0]:
            raise DataError(
                f"there is no such column; the file has {', '.join(rows[0])[:300]}. Name yours: "
                f"--column {expected}=...",
                path=path, line=1, column=column,
            )  # fmt: skip
    text = StringIO()
    writer = csv.writer(text, delimiter=tab, lineterminator="\n")
    writer.writerow(chosen.values())
    writer.writerows([[row[column] for column in chosen] for row in rows])
    return text.getvalue()
