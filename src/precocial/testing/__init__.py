"""Checks and hypothesis strategies to run on your own parts. Nothing in precocial imports this.

Names are imported on first use, so that checks work without hypothesis.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from precocial.testing.conformance import NotConforming, check_law
    from precocial.testing.strategies import st_curve, st_feedback, st_run_table_rows

__all__ = ["NotConforming", "check_law", "st_curve", "st_feedback", "st_run_table_rows"]

_HOMES = {
    "NotConforming": "conformance",
    "check_law": "conformance",
    "st_curve": "strategies",
    "st_feedback": "strategies",
    "st_run_table_rows": "strategies",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"precocial.testing.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'precocial.testing' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
