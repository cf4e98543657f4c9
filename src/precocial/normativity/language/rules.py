"""Rules that somebody may state, likely but not certain, and feedback that means nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from precocial.normativity.language.grammar import Item, kind_of
from precocial.normativity.language.lexicon import regular
from precocial.normativity.language.listening import Distrust, Rule
from precocial.normativity.language.speakers import Speaking

SURE = 0.95
"""How sure whoever states them is: the setting that the study was planned with."""


def _third(item: Item) -> str:
    lemma = item.word.lemma
    return kind_of(lemma, regular(lemma, "s"), "present")


def _ei(item: Item) -> str:
    return "ei" if item.word.lemma.split("_")[0].endswith("c") else "ie"


def _letters(item: Item) -> str:
    return "ll" if item.word.lemma.endswith("_y") else "l"


def _ending(item: Item) -> str:
    before = item.word.lemma.split("_")[0]
    return "y" if before[-1:] in "aeiou" else "i"


def stated_rules(sure: float = SURE) -> tuple[Rule, ...]:
    """Five rules of school grammar. They read the sentence and the lemma, never the right form,
    and have exceptions in the lexicon (shyness, patient)."""
    return (
        Rule(name="s after a third person singular", confidence=sure, kind=_third,
             applies=lambda item: item.cell == "present" and not item.plural),
        Rule(name="no s after a plural", confidence=sure, kind=lambda item: "base",
             applies=lambda item: item.cell == "present" and item.plural),
        Rule(name="i before e, but not after c", confidence=sure, kind=_ei,
             applies=lambda item: item.choices == ("ei", "ie")),
        Rule(name="one l at the end, two before y", confidence=sure, kind=_letters,
             applies=lambda item: item.choices == ("l", "ll")),
        Rule(name="y after a consonant becomes i", confidence=sure, kind=_ending,
             applies=lambda item: item.choices == ("i", "y")),
    )  # fmt: skip


def stated_distrust(speaking: Speaking, sure: float = 0.9) -> tuple[Distrust, ...]:
    """Group B is not to be believed about irregular words."""
    group = frozenset(name for name in speaking.names if name.startswith("B"))
    return (Distrust(speakers=group, confidence=sure),)


def shuffled_rules(
    rules: Sequence[Rule], items: Sequence[Item], random: np.random.Generator
) -> tuple[Rule, ...]:
    """Each rule speaks of an item as if it were another of the same cell and choices."""
    groups: dict[tuple[str, ...], list[Item]] = {}
    for item in items:
        groups.setdefault((item.cell, *item.choices), []).append(item)
    taken_for: dict[str, Item] = {}
    for group in groups.values():
        for item, place in zip(group, random.permutation(len(group))):
            taken_for[item.name] = _disguised(item, group[int(place)])
    return tuple(_taken_for(rule, taken_for) for rule in rules)


def _taken_for(rule: Rule, other: Mapping[str, Item]) -> Rule:
    return replace(
        rule,
        applies=lambda item: rule.applies(other[item.name]),
        kind=lambda item: rule.kind(other[item.name]),
    )


def _disguised(item: Item, other: Item) -> Item:
    """Another sentence around the same verb; another word with the same choices."""
    if item.cell == "present":
        return replace(item, plural=other.plural, attractors=other.attractors)
    return replace(item, word=other.word)


def shuffled_distrust(
    speaking: Speaking, random: np.random.Generator, sure: float = 0.9
) -> tuple[Distrust, ...]:
    """As many speakers as group B has, drawn from all. That they are the wrong ones takes from the
    statement who errs, not how: whoever uses a rule where others do not is often wrong."""
    drawn = random.permutation(speaking.speakers)[: speaking.group]
    names = frozenset(speaking.names[int(one)] for one in drawn)
    return (Distrust(speakers=names, confidence=sure),)


def shuffled_answers(
    speaking: Speaking, random: np.random.Generator, sure: float = 0.9
) -> tuple[Distrust, ...]:
    """Neither who errs nor how: as many answers as the true statement doubts, drawn from all."""
    seed = int(random.integers(2**31))
    return tuple(replace(one, shuffled=seed) for one in stated_distrust(speaking, sure))
