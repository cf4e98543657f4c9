from __future__ import annotations

from typing import NamedTuple

import pytest

from precocial.preferences.inside.look import look_inside
from precocial.preferences.inside.programs import (
    ACTIONS,
    LIKED,
    OFFERS,
    PROGRAMS,
    anchored,
    gain,
    rational,
)

WHEEL = {"wheel": "irrelevant"}
VERDICTS = {
    "rational": "maximises",
    "anti-rational": "minimises",
    "look-up": "look-up",
    "anchored": "anchored",
    "obfuscated": "unknown",
}


def test_behaviour_cannot_tell_them_apart() -> None:
    for offer in OFFERS:
        assert {program(offer) for program in PROGRAMS.values()} == {
            "buy" if offer.snack in LIKED else "leave"
        }
    assert {rational(offer) for offer in OFFERS} == set(ACTIONS)


@pytest.mark.parametrize("name", PROGRAMS)
def test_looking_inside_tells_them_apart(name: str) -> None:
    inside = look_inside(PROGRAMS[name], OFFERS, ACTIONS, tags=WHEEL)
    assert inside.verdict == VERDICTS[name]
    assert inside.actions == tuple(rational(offer) for offer in OFFERS)
    if name != "obfuscated":
        means = {line.means for line in inside.candidates[0].evidence}
        assert "probe" in means
        assert {line.means for c in inside.candidates for line in c.evidence} >= {"source", "probe"}


def test_negating_the_score_flips_every_action() -> None:
    # Two actions with different gains: the best of -gain is the other one, in each of the states.
    inside = look_inside(rational, OFFERS, ACTIONS)
    negated = next(e for e in inside.effects if (e.about, e.intervention) == ("gain", "negate"))
    assert negated.flip_share == 1.0
    assert len({gain(offer, "buy") for offer in OFFERS} & {0.0}) == 0


def test_that_the_wheel_is_an_anchor_is_said_by_the_tag_alone() -> None:
    inside = look_inside(anchored, OFFERS, ACTIONS)
    assert inside.verdict == "maximises"
    wheel = next(c for c in inside.candidates if c.about == "wheel")
    assert wheel.kind == "depends"
    assert wheel.tag is None
    # 16 offers, shifts of -10, -1, 1 and 10 times 99.99. Down, the liked are left in both; up, the
    # plain are bought in both: half of the states flip under each shift.
    assert wheel.evidence[0].share == 0.5
    assert look_inside(anchored, OFFERS, ACTIONS, tags=WHEEL).candidates[0].tag == "irrelevant"


class Spin(NamedTuple):
    snack: str
    wheel: float


SPINS = tuple(Spin(snack, wheel) for snack in "abcdefgh" for wheel in (1.0, 9.0))


def taste(spin: Spin, action: str) -> float:
    return spin.wheel - 5.0 if action == "buy" else 0.0


def taster(spin: Spin) -> str:
    return max(ACTIONS, key=lambda action: taste(spin, action))


def test_one_program_is_biased_or_has_a_taste_as_the_user_says() -> None:
    assert look_inside(taster, SPINS, ACTIONS).verdict == "maximises"
    assert look_inside(taster, SPINS, ACTIONS, tags=WHEEL).verdict == "anchored"
