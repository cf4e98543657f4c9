"""Run folders in, one HTML file out."""

from __future__ import annotations

from precocial.report.any_report import page_of
from precocial.report.page import Page, Section, State, render
from precocial.report.people_report import people_page
from precocial.report.preferences_report import preferences_page
from precocial.report.transfer_report import (
    SECTIONS,
    default_out,
    transfer_page,
    transfer_report,
)

__all__ = [
    "SECTIONS",
    "Page",
    "Section",
    "State",
    "default_out",
    "page_of",
    "people_page",
    "preferences_page",
    "render",
    "transfer_page",
    "transfer_report",
]
