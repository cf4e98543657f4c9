"""`precocial preferences audit --people`: choices in, the page out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from precocial.cli.output import Common, note, working
from precocial.errors import ConfigError, DataError
from precocial.preferences.people.choices import READ, SOURCES, ChoiceData, read_choices
from precocial.preferences.people.fit import fit_choices
from precocial.preferences.people.models import MODELS
from precocial.preferences.people.record import PEOPLE, ChoiceRecord
from precocial.report.page import Page
from precocial.report.people_report import people_page


def audit_people(
    kind: str, path: Path | None, columns: dict[str, str], models: Sequence[str], out: Path,
    common: Common,
) -> tuple[Page, ChoiceRecord, list[dict[str, object]]]:  # fmt: skip
    """Fit the models to the choices, keep the one that foretells held-out choices best, and draw
    its page. The rows compare the models; there are none unless several are named."""
    data = named_choices(kind, path, columns)
    note(f"{len(data)} choices of {len(data.subjects)} people", common)
    _check_models(data.kind, models)
    with working(f"fitting {' '.join(models) or 'everybody'}", common):
        found = fit_choices(data, models=models or None, seed=common.seed)
    record = ChoiceRecord.of(found)
    record.write(out / PEOPLE)
    scores = [score for score in found.comparison.scores if not score.baseline]
    rows: list[dict[str, object]] = [
        {"model": score.name, "held_out_nats": score.nats, "best": score.name == found.model}
        for score in sorted(scores, key=lambda score: -(score.nats or 0.0))
    ]
    return people_page(out), record, rows if len(models) > 1 else []


def _check_models(kind: str, models: Sequence[str]) -> None:
    known = tuple(MODELS.get(kind, ("logit",)))
    for name in models:
        if name not in known or models.count(name) > 1:
            raise ConfigError(
                f"--models of {kind} data must be some of {', '.join(known)}, each once; "
                f"got {name!r}"
            )


def named_choices(kind: str, path: Path | None, columns: dict[str, str]) -> ChoiceData:
    """`read_choices`, whose errors tell of the flag --column.

    Raises:
        ConfigError: columns without a file, or that are not read.
        DataError: no such column, or what `read_choices` refuses.
    """
    read = READ[SOURCES[kind].kind if kind in SOURCES else kind]
    for expected in columns:
        if expected not in read:
            raise ConfigError(
                f"--column: a name must be one of {', '.join(read)}; got {expected!r}"
            )
    if columns and path is None:
        raise ConfigError("--column names the columns of a file of your own: name the file")
    own = {columns.get(expected, expected): expected for expected in read}
    if len(own) < len(read):
        raise ConfigError("--column: one column of the file cannot be two")
    try:
        return read_choices(kind, path, columns=columns)
    except DataError as error:
        if error.line != 1 or error.column not in own:
            raise
        raise DataError(f"{error}. Name yours: --column {own[error.column]}=...") from error
