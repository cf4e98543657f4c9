"""The page of whatever is in a folder."""

from __future__ import annotations

from pathlib import Path

from precocial import io
from precocial.errors import DataError
from precocial.normativity.levels_record import LEVELS
from precocial.normativity.panel_record import PANEL
from precocial.preferences.auditing.record import AUDIT
from precocial.preferences.occam.rows import THEOREMS
from precocial.preferences.people.record import PEOPLE
from precocial.report.findings import TABLE
from precocial.report.genome_pages import evolution_page, layers_page, tradeoff_page
from precocial.report.genome_report import genome_page
from precocial.report.genome_studies import (
    curves_page,
    dip_page,
    heuristic_page,
    price_page,
    regularise_page,
    saving_page,
)
from precocial.report.levels_report import levels_page
from precocial.report.page import Page
from precocial.report.panel_report import panel_page
from precocial.report.people_report import people_page
from precocial.report.preferences_report import preferences_page
from precocial.report.theorems_report import theorems_page
from precocial.report.transfer_report import transfer_page
from precocial.runs.records import RUN, read_header

RUN_PAGES = {
    "precocial.genome.compress:compressing": genome_page,
    "precocial.genome.evolving:evolving": evolution_page,
    "precocial.genome.studies.negatives:layers": layers_page,
    "precocial.genome.studies.negatives:curves": curves_page,
    "precocial.genome.studies.after_birth:dipping": dip_page,
    "precocial.genome.studies.after_birth:saving": saving_page,
    "precocial.genome.lab.tradeoff:tradeoff": tradeoff_page,
    "precocial.genome.lab.regularise:regularise": regularise_page,
    "precocial.genome.lab.price:price": price_page,
    "precocial.genome.lab.attention:heuristic": heuristic_page,
}
"""By experiment, where a folder is that of one run."""
MOST_NAMED = 5


def page_of(path: io.PathLike, *, draws: int = 400, seed: int = 0) -> Page:
    """The page of what is there: an audit, choices, theorems, levels, a run, a sweep, a table.

    Args:
        draws: bootstrap draws behind the intervals of a sweep.
        seed: of the draws.

    Raises:
        DataError: nothing there that can be reported, or a malformed file.
    """
    place = Path(path)
    pages = ((AUDIT, preferences_page), (PEOPLE, people_page), (THEOREMS, theorems_page),
             (LEVELS, levels_page), (PANEL, panel_page))  # fmt: skip
    for name, make in pages:
        if place.name == name or (place / name).is_file():
            return make(place)
    folder = place.parent if place.name == RUN else place
    if (folder / RUN).is_file():
        experiment = read_header(folder).experiment
        if experiment not in RUN_PAGES:
            known = ", ".join(RUN_PAGES)
            raise DataError(f"is a run of {experiment}; pages are for {known}", path=folder)
        return RUN_PAGES[experiment](folder)
    runs = sorted(path.parent.name for path in place.glob(f"*/{RUN}"))
    if runs and not (place / TABLE).is_file():
        some = ", ".join(runs[:MOST_NAMED]) + (", ..." if len(runs) > MOST_NAMED else "")
        raise DataError(f"is a folder of runs: name one of them, {some}", path=place)
    return transfer_page(place, draws=draws, seed=seed)
