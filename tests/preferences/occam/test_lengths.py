"""Propositions 7 and 8 by enumerating two languages."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from precocial.errors import ConfigError
from precocial.preferences.occam.language import V1, V2, Language
from precocial.preferences.occam.lengths import (
    PropositionSeven,
    compressed_gaps,
    proposition_7,
    speed_c,
)
from precocial.preferences.occam.terms import Interpreter, sizes_of
from precocial.preferences.occam.theorems import random_world

CASES = [
    (language, shape, speed)
    for language in ("v1", "v2")
    for shape in ((2, 2), (3, 2), (2, 3))
    for speed in (False, True)
    # The cost of computing is checked on one world a language.
    if not speed or shape == (3, 2)
]


@cache
def enumerated(name: str, shape: tuple[int, int], speed: bool) -> PropositionSeven:
    language = {"v1": V1, "v2": V2}[name]
    return proposition_7(random_world(*shape, seed=0), language, speed=speed)


@pytest.mark.parametrize(("name", "shape", "speed"), CASES)
def test_proposition_7_for_every_policy(name: str, shape: tuple[int, int], speed: bool) -> None:
    found = enumerated(name, shape, speed)
    assert found.gap.shape == (shape[1] ** shape[0], 3)
    assert found.failures == 0
    assert found.holds
    assert found.gap.min() >= 0, "nothing is simpler than the simplest"
    assert found.measured == found.overheads
    assert 0 < found.sign_gap <= found.c
    assert found.sign_pairs > 100
    assert found.programs["pair"] > 250
    if not speed:
        assert found.exact
        assert found.c == {"v1": 14, "v2": 12}[name]


def test_c_is_attained() -> None:
    # 4 states and alternating actions: v2's table is long, so the policy is told by evaluation.
    found = proposition_7(random_world(4, 2, seed=0), V2, max_bits=16)
    assert found.holds
    assert found.gap.max() == found.c == 12


def test_a_smaller_c_would_fail() -> None:
    found = enumerated("v2", (3, 2), False)
    tight = replace(found, c=float(found.gap.max()) - 1)
    assert tight.failures > 0
    assert not tight.holds


@pytest.mark.parametrize("language", [V1, V2], ids=["v1", "v2"])
def test_the_simplest_pairs_by_brute_force(language: Language) -> None:
    # Every pair program, run one at a time by the interpreter, without sharing anything.
    mdp = random_world(2, 2, seed=3, discount=0.5)
    found = proposition_7(mdp, language, max_bits=12)
    best = np.full(4, np.inf)
    for term, bits in language.programs("pair", sizes_of(mdp), max_bits=12):
        run = Interpreter(mdp)
        try:
            pi = run.plan(term.args[0], run.reward(term.args[1]))  # type: ignore[arg-type]
        except ConfigError:
            continue
        if (pi.max(axis=1) == 1).all():
            code = int(pi.argmax(axis=1) @ [2, 1])
            best[code] = min(best[code], bits)
    np.testing.assert_array_equal(found.simplest, best)
    assert found.actions.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]


def test_the_ranking_moves_by_at_most_c_between_the_languages() -> None:
    one, two = enumerated("v1", (3, 2), False), enumerated("v2", (3, 2), False)
    moved = np.abs(one.gap - two.gap)
    assert 0 < moved.max() <= max(one.c, two.c)


def test_the_cost_of_computing_does_not_save_the_razor() -> None:
    slow, fast = enumerated("v1", (3, 2), False), enumerated("v1", (3, 2), True)
    assert fast.c == speed_c(V1) == pytest.approx(14 + np.log2(3))
    assert fast.failures == 0
    assert (fast.simplest > slow.simplest).all()


def test_compressed_texts_rank_the_degenerate_pairs_near_the_top_too() -> None:
    gaps = compressed_gaps(random_world(2, 2, seed=0))
    assert gaps.shape == (4, 3)
    assert (gaps % 8 == 0).all()
    assert gaps.min() >= 0
    # Bytes, not bits: at most 16 bytes above the simplest text.
    assert gaps.max() <= 128


def test_too_few_bits_are_refused() -> None:
    with pytest.raises(ConfigError, match="raise max_bits"):
        proposition_7(random_world(3, 2), V2, max_bits=9)
    with pytest.raises(ConfigError, match="raise max_bits"):
        compressed_gaps(random_world(3, 2), V2, max_bits=9)
