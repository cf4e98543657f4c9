"""A student of language who is to speak better than everybody who taught it."""

from __future__ import annotations

from precocial.normativity.language.grammar import Item, items
from precocial.normativity.language.lexicon import Word, split, words
from precocial.normativity.language.listening import (
    Distrust,
    Heard,
    Learned,
    Rule,
    hear,
    learn,
)
from precocial.normativity.language.speakers import Speakers, Speaking
from precocial.normativity.language.student import Student, train
from precocial.normativity.language.study import (
    LanguageFinding,
    LanguageStudy,
    findings,
    language_study,
)

__all__ = [
    "Distrust",
    "Heard",
    "Item",
    "LanguageFinding",
    "LanguageStudy",
    "Learned",
    "Rule",
    "Speakers",
    "Speaking",
    "Student",
    "Word",
    "findings",
    "hear",
    "items",
    "language_study",
    "learn",
    "split",
    "train",
    "words",
]
