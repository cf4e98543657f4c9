"""The page of whatever is in a folder."""

from __future__ import annotations

from pathlib import Path

from precocial import io
from precocial.preferences.auditing.record import AUDIT
from precocial.preferences.occam.rows import THEOREMS
from precocial.preferences.people.record import PEOPLE
from precocial.report.page import Page
from precocial.report.people_report import people_page
from precocial.report.preferences_report import preferences_page
from precocial.report.theorems_report import theorems_page
from precocial.report.transfer_report import transfer_page


def page_of(path: io.PathLike, *, draws: int = 400, seed: int = 0) -> Page:
    """The page of an audit, of people's choices, of the theorems, of a sweep, or of a run table.

    Args:
        draws: bootstrap draws behind the intervals of a sweep.
        seed: of the draws.

    Raises:
        DataError: nothing there that can be reported, or a malformed file.
    """
    place = Path(path)
    pages = ((AUDIT, preferences_page), (PEOPLE, people_page), (THEOREMS, theorems_page))
    for name, make in pages:
        if place.name == name or (place / name).is_file():
            return make(place)
    return transfer_page(place, draws=draws, seed=seed)
