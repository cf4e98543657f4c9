"""A transfer sweep as one page: `transfer_report(folder)`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from precocial import io
from precocial.errors import ConfigError, FitError
from precocial.report import closing_sections as closing
from precocial.report import transfer_sections as sections
from precocial.report.findings import Findings
from precocial.report.page import Page, Section, render

SECTIONS: tuple[tuple[str, str, Callable[[Findings], Section]], ...] = (
    ("curves", "What the runs show", sections.curves),
    ("fraction", "How much of the data is transferred", sections.fraction),
    ("law", "The law that was fitted", sections.law),
    ("ossification", "Where pre-training helps, and where it hurts", sections.ossification),
    ("exchange", "Size for data", sections.exchange),
    ("backtest", "Would it have forecast your runs?", sections.forecasts),
    ("plan", "What to buy next", closing.plan),
    ("claims", "The paper’s claims, on these runs", closing.claims),
    ("doubts", "What to doubt", closing.doubts),
    ("making", "How it was made", closing.making),
)
"""Anchor, title and function of every section, in the order of the page."""


def transfer_page(path: io.PathLike, *, draws: int = 400, seed: int = 0) -> Page:
    """What a sweep folder or a run table says, as sections.

    A section that the data cannot decide holds the reason in place of its result.

    Args:
        path: a folder with table.csv and, if there, sweep.json; or a run table.
        draws: bootstrap draws behind the intervals.
        seed: of the draws; the same files, draws and seed give the same page.

    Raises:
        DataError: no table there, or a malformed file.
    """
    if draws < 20:
        raise ConfigError(f"intervals need at least 20 draws; got {draws!r}")
    findings = Findings.read(path, draws=draws, seed=seed)
    try:
        headline = sections.headline(findings)
    except FitError as error:
        headline = f"These runs do not say what pre-training is worth: {error}."
    return Page(
        title=f"What is pre-training worth? {findings.name}",
        headline=headline,
        figures=sections.key_figures(findings),
        sections=tuple(_section(findings, *entry) for entry in SECTIONS),
    )


def _section(
    findings: Findings, key: str, title: str, make: Callable[[Findings], Section]
) -> Section:
    try:
        return make(findings)
    except (FitError, ConfigError) as error:
        return Section.refused(key, title, closing.reason(error))


def transfer_report(
    folder: io.PathLike, *, out: io.PathLike | None = None, draws: int = 400, seed: int = 0
) -> Path:
    """Write the report of a sweep folder, or of a run table, as one HTML file.

    The page holds its pictures and needs no network and no script. See `transfer_page`.

    Args:
        out: default report.html in the folder, or beside the table with the ending .html.

    Returns:
        Where it was written.
    """
    place = Path(folder)
    page = transfer_page(place, draws=draws, seed=seed)
    target = Path(out) if out else default_out(place)
    io.write_text(target, render(page))
    return target


def default_out(place: Path) -> Path:
    """report.html in a folder; beside a table, its name with the ending .html."""
    return place / "report.html" if place.is_dir() else place.with_suffix(".html")
