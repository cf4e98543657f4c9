"""Speakers who slip, have habits, and share some of their mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from precocial.choice.arguments import checked
from precocial.errors import ConfigError
from precocial.normativity.language.grammar import Item, slips
from precocial.runs import stream


@checked
@dataclass(frozen=True, kw_only=True)
class Speaking:
    """How the speakers of a study err. Shares lie in [0, 1].

    The slips, the habit with irregular words and the shared wrong forms are the setting that the
    study was planned with; the other shares are ours, set once and not tuned.
    """

    speakers: int = 12
    slip: float = 0.05
    """of all answers"""
    overregular: float = 0.30
    """of the irregular words, which each speaker inflects by rule, each his own"""
    group: int = 4
    """speakers of group B"""
    group_overregular: float = 0.80
    """of the irregular words, by group B"""
    misspelt: float = 0.25
    """of the spellings, and of the spelling rules of endings, each speaker his own"""
    attracted: tuple[float, float] = (0.15, 0.40)
    """range over speakers of the chance to agree with the last noun where it differs"""
    shared: float = 0.05
    """of the words and of the sentences, where `sharers` speakers have the same wrong form"""
    sharers: int = 8

    def __post_init__(self) -> None:
        shares = (self.slip, self.overregular, self.group_overregular, self.misspelt, self.shared,
                  *self.attracted)  # fmt: skip
        if not all(0 <= share <= 1 for share in shares):  # which NaN does not
            raise ConfigError(f"Speaking: shares must lie in [0, 1]; got {shares}")
        if self.attracted[0] > self.attracted[1]:
            raise ConfigError(
                f"Speaking: attracted must be (least, most); got {tuple(self.attracted)}"
            )
        if self.speakers < 1 or not 0 <= self.group <= self.speakers:
            raise ConfigError(
                f"Speaking: 1 speaker at least, and a group of 0 to all of them; got "
                f"{self.speakers} and {self.group}"
            )
        if not 0 <= self.sharers <= self.speakers:
            raise ConfigError(f"Speaking: sharers must lie in 0 to {self.speakers}")

    @property
    def names(self) -> tuple[str, ...]:
        """Group A first; group B are the last."""
        plain = self.speakers - self.group
        return tuple(f"A{one}" for one in range(plain)) + tuple(f"B{n}" for n in range(self.group))


@checked
@dataclass(frozen=True, kw_only=True)
class Speakers:
    """Speakers with fixed habits; `say` is what one writes into a gap."""

    speaking: Speaking
    seed: int

    @checked
    def say(self, item: Item, speaker: int) -> str:
        """What the speaker writes; the same whenever he is asked about the item.

        In turn: a wrong form that many share; a habit with the word; the pull of the last noun; a
        slip. Habits are drawn for each speaker and word, the others for each speaker and item.

        Raises:
            ConfigError: no such speaker.
        """
        if not 0 <= speaker < self.speaking.speakers:
            raise ConfigError(
                f"say: speaker must lie in 0 to {self.speaking.speakers - 1}; got {speaker}"
            )
        how, wrong = self.speaking, slips(item)
        lemma = item.word.lemma
        about = item.name if item.cell == "present" else f"{item.cell} {lemma}"
        many = stream(self.seed, "shared", about)
        is_shared = many.random() < how.shared
        if wrong and is_shared and speaker in many.permutation(how.speakers)[: how.sharers]:
            return wrong[0]
        habit = stream(self.seed, "habit", speaker, f"{item.cell} {lemma}").random()
        now = stream(self.seed, "slip", speaker, item.name)
        if wrong and habit < self._habit(item, speaker):
            return wrong[0] if item.cell != "present" else wrong[-1]
        if item.cell == "present" and self._is_pulled(item, speaker, now):
            return wrong[0]
        if wrong and now.random() < how.slip:
            return wrong[int(now.integers(len(wrong)))]
        return item.form

    def _habit(self, item: Item, speaker: int) -> float:
        how = self.speaking
        if item.word.irregular and item.cell in ("past", "plural"):
            in_group = speaker >= how.speakers - how.group
            return how.group_overregular if in_group else how.overregular
        # Only where the ending has a spelling rule is there more than one wrong form.
        return how.misspelt if item.cell == "gap" or len(slips(item)) > 1 else 0.0

    def _is_pulled(self, item: Item, speaker: int, now: np.random.Generator) -> bool:
        if not item.attractors or item.attractors[-1] == item.plural:
            return False
        low, high = self.speaking.attracted
        pull = low + (high - low) * stream(self.seed, "pull", speaker).random()
        return bool(now.random() < pull)

    @checked
    def all_say(self, items: Sequence[Item], each: int, name: str) -> list[tuple[str, str, str]]:
        """(item, speaker, form) for `each` speakers drawn for each item.

        Raises:
            ConfigError: more speakers for each than there are, or none.
        """
        names = self.speaking.names
        if not 1 <= each <= len(names):
            raise ConfigError(
                f"all_say: each must lie in 1 to the {len(names)} speakers; got {each}"
            )
        out = []
        for item in items:
            drawn = stream(self.seed, "asked", name, item.name).permutation(len(names))[:each]
            out += [(item.name, names[one], self.say(item, int(one))) for one in sorted(drawn)]
        return out
