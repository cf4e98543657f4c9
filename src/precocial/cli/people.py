"""`precocial preferences audit --people`: choices in, the page out."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
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
    if not columns:
        return read_choices(kind, path)
    if path is None or path.suffix.lower() == ".gz":
        raise ConfigError("--column names columns of a file of your own, not packed (.gz)")
    tab = "\t" if path.suffix.lower() in TABBED else ","
    rows = io.parse_csv(io.read_text(path), path=path, delimiter=tab)
    held = list(rows[0]) if rows else []
    for expected, column in columns.items():
        if expected not in EXPECTED[kind]:
            raise ConfigError(
                f"--column: a name must be one of {', '.join(EXPECTED[kind])}; got {expected!r}"
            )
        if rows and column not in held:
            raise DataError(
                f"there is no such column; the file has {', '.join(held)[:300]}",
                path=path, line=1, column=column,
            )  # fmt: skip
        if expected in held and expected not in columns.values():
            raise ConfigError(
                f"--column {expected}={column}: {path} has a column {expected} as well; name it "
                "with --column too, or rename it in the file"
            )
    called = {column: expected for expected, column in columns.items()}
    if len(called) < len(columns):
        raise ConfigError(f"--column: one column is named twice: {', '.join(columns.values())}")
    text = StringIO()
    writer = csv.writer(text, delimiter=tab, lineterminator="\n")
    writer.writerow([called.get(name, name) for name in held])
    writer.writerows([row.values() for row in rows])
    with TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        io.write_text(copy, text.getvalue())
        try:
            return replace(read_choices(kind, copy), source=path.name)
        except DataError as error:
            raise DataError(str(error).replace(str(copy), str(path))) from error
