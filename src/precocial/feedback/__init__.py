"""What teachers say, at any level and how surely; where it is kept; simulated teachers."""

from __future__ import annotations

from precocial.feedback.choices import as_choice
from precocial.feedback.records import (
    About,
    Comparison,
    Demonstration,
    Feedback,
    Item,
    Label,
    Message,
    Statement,
    retraction,
    said_of,
    standing,
)
from precocial.feedback.simulated import Panel, SharedMistake, Simulated, simulate_teachers
from precocial.feedback.store import Entry, Store
from precocial.feedback.tables import (
    CrowdColumns,
    labels_of,
    read_crowd,
    read_items,
    read_labels,
    write_crowd,
    write_items,
)
from precocial.feedback.trl import read_trl, write_trl
from precocial.feedback.votes import Votes, as_votes, gold_labels

__all__ = [
    "About",
    "Comparison",
    "CrowdColumns",
    "Demonstration",
    "Entry",
    "Feedback",
    "Item",
    "Label",
    "Message",
    "Panel",
    "SharedMistake",
    "Simulated",
    "Statement",
    "Store",
    "Votes",
    "as_choice",
    "as_votes",
    "gold_labels",
    "labels_of",
    "read_crowd",
    "read_items",
    "read_labels",
    "read_trl",
    "retraction",
    "said_of",
    "simulate_teachers",
    "standing",
    "write_crowd",
    "write_items",
    "write_trl",
]
