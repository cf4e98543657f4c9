"""Run folders in, one HTML file out."""

from __future__ import annotations

from precocial.report.any_report import page_of
from precocial.report.genome_pages import evolution_page, layers_page, tradeoff_page
from precocial.report.genome_report import genome_page
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
    "evolution_page",
    "genome_page",
    "layers_page",
    "page_of",
    "people_page",
    "preferences_page",
    "render",
    "tradeoff_page",
    "transfer_page",
    "transfer_report",
]
