"""Checks and hypothesis strategies to run on your own parts. Nothing in precocial imports this."""

from __future__ import annotations

from precocial.testing.conformance import NotConforming, check_law
from precocial.testing.strategies import st_curve, st_run_table_rows

__all__ = ["NotConforming", "check_law", "st_curve", "st_run_table_rows"]
