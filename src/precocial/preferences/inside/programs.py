"""Four programs of one policy, and one that hides what it does.

A snack is offered at a price after a wheel was spun. As in Armstrong's story of the chocolate and
the wheel, the one who buys may like the snack, or may be drawn by the number on the wheel; here the
snacks that are liked were offered after a high number, so behaviour cannot tell. All programs do
the same in every one of `OFFERS`; only what they do inside differs.

Source: the anchoring example of Armstrong's posts, retold; numbers ours.
"""

from __future__ import annotations

from typing import NamedTuple


class Offer(NamedTuple):
    """A snack, its price in pounds, and what the wheel showed."""

    snack: str
    price: float
    wheel: float


LIKED = ("chocolate", "fudge", "toffee", "nougat")
PLAIN = ("nuts", "crisps", "raisins", "rusks")
ACTIONS = ("leave", "buy")
OFFERS = tuple(
    Offer(snack, price, wheel)
    for snacks, wheel in ((LIKED, 100.0), (PLAIN, 0.01))
    for snack in snacks
    for price in (1.0, 3.0)
)
"""Every snack at £1 and at £3."""
WORTH = {**dict.fromkeys(LIKED, 4.0), **dict.fromkeys(PLAIN, 0.5)}
"""What a snack is worth in pounds, in the programs without an anchor."""
PULL = 0.03
"""Pounds by which each point on the wheel moves the assessment of the anchored program."""


def gain(offer: Offer, action: str) -> float:
    """Pounds gained: what the snack is worth less its price, or nothing."""
    return WORTH[offer.snack] - offer.price if action == "buy" else 0.0


def rational(offer: Offer) -> str:
    """Does what gains most."""
    return max(ACTIONS, key=lambda action: gain(offer, action))


def delight(offer: Offer, action: str) -> float:
    """The opposite of `gain`: the reward of one who would be delighted by what the other loses."""
    return offer.price - WORTH[offer.snack] if action == "buy" else 0.0


def anti_rational(offer: Offer) -> str:
    """Does what delights least: the planner and the reward both turned round."""
    return min(ACTIONS, key=lambda action: delight(offer, action))


TABLE = {
    ("chocolate", 1.0): "buy", ("chocolate", 3.0): "buy",
    ("fudge", 1.0): "buy", ("fudge", 3.0): "buy",
    ("toffee", 1.0): "buy", ("toffee", 3.0): "buy",
    ("nougat", 1.0): "buy", ("nougat", 3.0): "buy",
    ("nuts", 1.0): "leave", ("nuts", 3.0): "leave",
    ("crisps", 1.0): "leave", ("crisps", 3.0): "leave",
    ("raisins", 1.0): "leave", ("raisins", 3.0): "leave",
    ("rusks", 1.0): "leave", ("rusks", 3.0): "leave",
}  # fmt: skip


def look_up(offer: Offer) -> str:
    """Does what is written down, and wants nothing."""
    return TABLE[offer.snack, offer.price]


def assess(offer: Offer, action: str) -> float:
    """Pounds gained as assessed: every snack is worth 90p, and the wheel pulls."""
    return 0.9 + PULL * offer.wheel - offer.price if action == "buy" else 0.0


def anchored(offer: Offer) -> str:
    """Does what seems to gain most after a look at the wheel."""
    return max(ACTIONS, key=lambda action: assess(offer, action))


CODE = 0x58
"""The answers, as bits at places that the letters of the snack add up to."""


def obfuscated(offer: Offer) -> str:
    """Does the same by arithmetic on letters: nothing is compared, no table holds the actions."""
    return ACTIONS[CODE >> sum(offer.snack.encode()) % 10 & 1]


PROGRAMS = {
    "rational": rational,
    "anti-rational": anti_rational,
    "look-up": look_up,
    "anchored": anchored,
    "obfuscated": obfuscated,
}
"""By name, each from an `Offer` to one of `ACTIONS`."""
