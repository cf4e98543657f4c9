"""Texts from many writers: one for each task, and how far to trust each writer."""

from __future__ import annotations

from precocial.normativity.texts.aggregate import AggregatedTexts, Panel, aggregate_texts
from precocial.normativity.texts.words import WordErrors, word_error_rate
from precocial.normativity.texts.writers import Writers

__all__ = [
    "AggregatedTexts",
    "Panel",
    "WordErrors",
    "Writers",
    "aggregate_texts",
    "word_error_rate",
]
