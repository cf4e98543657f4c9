"""What a prior is worth: learning curves in, the data it saves out."""

from __future__ import annotations

from precocial.worth.curve import Curve, Levels
from precocial.worth.measure import METHODS, worth
from precocial.worth.result import Status, Worth, WorthRow

__all__ = ["METHODS", "Curve", "Levels", "Status", "Worth", "WorthRow", "worth"]
