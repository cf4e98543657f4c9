"""Run folders in, one HTML file out."""

from __future__ import annotations

from precocial.report.page import Page, Section, State, render
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
    "render",
    "transfer_page",
    "transfer_report",
]
