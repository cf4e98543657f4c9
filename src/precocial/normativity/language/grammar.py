"""Sentences with a gap: what stands in it, by the norm, and the ways to get it wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from precocial.choice.arguments import checked
from precocial.errors import ConfigError
from precocial.normativity.language.lexicon import FILLINGS, Word, regular

Cell = Literal["present", "past", "plural", "gap"]
CELLS: tuple[Cell, ...] = ("present", "past", "plural", "gap")
KINDS = (
    "base", "s", "es", "ies", "ed", "d", "Ced", "ied", "irregular", "ei", "ie", "l", "ll", "i", "y",
)  # fmt: skip
"""What a form can be; the classes that are voted on. C is the lemma's last letter once more."""
_HEADS = ("key", "picture", "teacher", "letter", "window", "song")
_NEAR = ("cabinet", "door", "garden", "box", "friend", "bottle")


@dataclass(frozen=True, kw_only=True)
class Item:
    """A sentence with a gap.

    Attributes:
        name: unique in a study.
        text: the sentence, "___" for the gap.
        cell: what is asked for.
        word: of which word.
        plural: whether the subject is (present tense alone).
        attractors: whether each noun between the subject and the verb is plural.
        choices: of a spelling, the two fillings to choose from.
        form: the right one. Nothing that is trained may read it.
    """

    name: str
    text: str
    cell: Cell
    word: Word
    plural: bool
    attractors: tuple[bool, ...]
    choices: tuple[str, ...] = ()
    form: str


def kind_of(lemma: str, form: str, cell: Cell) -> str:
    """Which of `KINDS` a form is."""
    if cell == "gap":
        before, after = lemma.split("_")
        return form[len(before) : len(form) - len(after)]
    if form == lemma:
        return "base"
    for kind in KINDS[1:8]:
        if form == _of_kind(lemma, kind):
            return kind
    return "irregular"


def form_of(lemma: str, kind: str, cell: Cell) -> str | None:
    """The form of a kind, None where the lemma has none ("irregular" says too little)."""
    if cell == "gap":
        known = kind in FILLINGS
        return lemma.replace("_", kind) if known else None
    return lemma if kind == "base" else _of_kind(lemma, kind)


def _of_kind(lemma: str, kind: str) -> str | None:
    if kind in ("ies", "ied"):
        return lemma[:-1] + kind if lemma.endswith("y") else None
    if kind == "Ced":
        return lemma + lemma[-1] + "ed"
    if kind == "d" and not lemma.endswith("e"):
        return None
    return lemma + kind if kind in ("s", "es", "ed", "d") else None


def script_of(lemma: str, form: str, cell: Cell) -> str:
    """How the lemma becomes the form, in words that fit other lemmas: "-and+ood", "+Ced", "=ei"."""
    kind = kind_of(lemma, form, cell)
    if cell == "gap":
        return f"={kind}"
    if kind == "Ced":
        return "-+Ced"
    same = 0
    while same < min(len(lemma), len(form)) and lemma[same] == form[same]:
        same += 1
    return f"-{lemma[same:]}+{form[same:]}"


def follow(script: str, lemma: str) -> str | None:
    """The form that a script makes of a lemma; None if it does not end as the script says."""
    if script.startswith("="):
        return lemma.replace("_", script[1:]) if "_" in lemma else None
    off, add = script[1:].split("+")
    if "_" in lemma or not lemma.endswith(off):
        return None
    return lemma[: len(lemma) - len(off)] + add.replace("C", lemma[-1])


def slips(item: Item) -> list[str]:
    """Forms that somebody may write by mistake, the likeliest first; none is the right one."""
    lemma, cell = item.word.lemma, item.cell
    if cell == "gap":
        kind = kind_of(lemma, item.form, cell)
        return [lemma.replace("_", FILLINGS[kind])]
    if cell == "present":
        third = item.word.forms["s"]
        found = [third if item.plural else lemma]
        if not item.plural and kind_of(lemma, third, cell) in ("es", "ies"):
            found.append(lemma + "s")
        return found
    rule = regular(lemma, cell)
    plain = lemma + ("ed" if cell == "past" else "s")
    found = [rule, plain, lemma] if cell == "past" else [rule, plain, lemma + "es"]
    return list(dict.fromkeys(form for form in found if form != item.form))


@checked
def items(
    words: Sequence[Word], count: int, random: np.random.Generator, *, name: str,
    attractors: tuple[int, int] = (0, 2),
) -> list[Item]:  # fmt: skip
    """`count` sentences about the words: a quarter each of `CELLS`, in turn.

    Args:
        words: to draw from, with replacement; in the past and the plural, half of the time an
            irregular one.
        count: how many.
        random: the generator.
        name: what their names begin with.
        attractors: the least and most nouns between subject and verb in the present tense.

    Raises:
        ConfigError: no sentences, no word for one of the cells, or attractors that do not rise from
            0 or more.
    """
    if count < 1 or not 0 <= attractors[0] <= attractors[1]:
        raise ConfigError(
            f"items: count must be at least 1, attractors (least, most) with 0 <= least <= most; "
            f"got {count} and {tuple(attractors)}"
        )
    by_cell: dict[Cell, list[list[Word]]] = {
        "present": [[word for word in words if word.kind == "verb"]],
        "past": _halves([word for word in words if word.kind == "verb"]),
        "plural": _halves([word for word in words if word.kind == "noun"]),
        "gap": [[word for word in words if word.kind == "spelling"]],
    }
    for cell in CELLS[:count]:
        if not any(by_cell[cell]):
            raise ConfigError(
                f"items: words must hold nouns, verbs and spellings; got none for {cell!r} among "
                f"{len(words)} words"
            )
    out = []
    for number in range(count):
        cell = CELLS[number % len(CELLS)]
        groups = [group for group in by_cell[cell] if group]
        group = groups[int(random.integers(len(groups)))]
        word = group[int(random.integers(len(group)))]
        out.append(_item(f"{name}{number}", cell, word, random, attractors))
    return out


def _halves(words: Sequence[Word]) -> list[list[Word]]:
    return [[word for word in words if word.irregular is way] for way in (False, True)]


def _item(
    name: str, cell: Cell, word: Word, random: np.random.Generator, attractors: tuple[int, int]
) -> Item:
    if cell == "gap":
        form = word.forms["gap"]
        filling = kind_of(word.lemma, form, cell)
        choices = tuple(sorted((filling, FILLINGS[filling])))
        text = f"{word.lemma.replace('_', '___')}: {' or '.join(choices)}?"
        return Item(name=name, text=text, cell=cell, word=word, plural=False, attractors=(),
                    choices=choices, form=form)  # fmt: skip
    if cell == "plural":
        text, form = f"one {word.lemma}, two ___", word.forms["plural"]
        return Item(name=name, text=text, cell=cell, word=word, plural=True, attractors=(),
                    form=form)  # fmt: skip
    if cell == "past":
        text, form = f"yesterday they ___ ({word.lemma})", word.forms["past"]
        return Item(name=name, text=text, cell=cell, word=word, plural=True, attractors=(),
                    form=form)  # fmt: skip
    plural = bool(random.integers(2))
    many = int(random.integers(attractors[0], attractors[1] + 1))
    between = tuple(bool(one) for one in random.integers(0, 2, many))
    nouns = [_noun(_HEADS, plural, random), *(_noun(_NEAR, one, random) for one in between)]
    text = "the " + " of the ".join(nouns) + f" often ___ ({word.lemma})"
    form = word.lemma if plural else word.forms["s"]
    return Item(name=name, text=text, cell=cell, word=word, plural=plural, attractors=between,
                form=form)  # fmt: skip


def _noun(names: tuple[str, ...], plural: bool, random: np.random.Generator) -> str:
    name = names[int(random.integers(len(names)))]
    return regular(name, "plural") if plural else name
