"""The language: every program up to a length, written, read, counted."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from precocial.errors import ConfigError, DataError
from precocial.preferences.occam.language import (
    FUNCTIONS,
    GRAMMAR,
    LANGUAGES,
    V1,
    V2,
    WARY,
    Language,
    Term,
    applied,
    evaluated,
    negated,
    pair,
    parts,
)
from precocial.preferences.occam.literals import LITERALS, Sizes

SIZES = Sizes(states=3, actions=2, features=2)
ODD = Sizes(states=2, actions=3)
OPTIMAL = Term("planner", "plan", (Term("backup", "plain"), Term("rule", "best")))
GREEDY = Term("planner", "greedy")
ZERO = Term("reward", "zero")
every_language = pytest.mark.parametrize("language", LANGUAGES.values(), ids=LANGUAGES)


@every_language
@pytest.mark.parametrize("sizes", [SIZES, ODD], ids=["3x2", "2x3"])
@pytest.mark.parametrize("kind", GRAMMAR)
def test_every_program_comes_back_and_none_begins_another(
    language: Language, sizes: Sizes, kind: str
) -> None:
    found = language.programs(kind, sizes, max_bits=14)
    words = [language.encode(term, sizes) for term, _ in found]
    assert [len(word) for word in words] == [bits for _, bits in found]
    assert [language.decode(word, kind, sizes) for word in words] == [term for term, _ in found]
    # In sorted order a word that begins another stands right before one that it begins.
    ordered = sorted(words)
    assert not any(b.startswith(a) for a, b in itertools.pairwise(ordered))
    assert sum(2.0**-bits for _, bits in found) <= 1


@every_language
@pytest.mark.parametrize("kind", GRAMMAR)
def test_the_enumeration_misses_no_program(language: Language, kind: str) -> None:
    # Every string of 11 bits or fewer is tried as a program.
    listed = {
        language.encode(term, SIZES) for term, _ in language.programs(kind, SIZES, max_bits=11)
    }
    readable = set()
    for length in range(12):
        for bits in map("".join, itertools.product("01", repeat=length)):
            try:
                language.decode(bits, kind, SIZES)
            except DataError:
                continue
            readable.add(bits)
    assert readable == listed
    assert len(listed) > 3 or (language is WARY and kind == "pair")


@pytest.mark.parametrize("kind", LITERALS)
@pytest.mark.parametrize("language", [V1, V2], ids=["v1", "v2"])
def test_literals_up_to_a_length_are_prefix_free(language: Language, kind: str) -> None:
    found = list(LITERALS[kind].upto(13, language.style, SIZES))
    words = [LITERALS[kind].encode(value, language.style, SIZES) for value, _ in found]
    assert len(set(words)) == len(words) > 1
    assert [len(word) for word in words] == [bits for _, bits in found]
    assert not any(b.startswith(a) for a, b in itertools.pairwise(sorted(words)))
    total = sum(2.0 ** -len(word) for word in words)
    assert total <= 1
    if kind in ("state", "action") or (kind == "actions" and language is V1):
        assert total == 1


def test_bits_are_what_they_were_made_to_be() -> None:
    # v1: plan 1, plain 1, best 1; a goal is 2 and one of three states 1 or 2 bits.
    assert V1.bits(OPTIMAL, SIZES) == 3
    assert [V1.bits(Term("reward", "goal", (s,)), SIZES) for s in range(3)] == [3, 4, 4]
    # const 3, table 1, 2^3 tables; v2: const 2, table 2, three runs of length 1 (1 + 1 bits).
    const = Term("planner", "const", (Term("policy", "table", ((0, 1, 0),)),))
    assert V1.bits(const, SIZES) == 3 + 1 + 3
    assert V2.bits(const, SIZES) == 2 + 2 + 3 * 2
    # v1: override 3, one quirk: delta(1) = 1, a state, an action; v2: 3, three flags, an action.
    quirk = Term("planner", "override", (((2, 1),), OPTIMAL))
    assert V1.bits(quirk, SIZES) - V1.bits(OPTIMAL, SIZES) == 3 + 1 + 2 + 1
    assert V2.bits(quirk, SIZES) - V2.bits(OPTIMAL, SIZES) == 3 + 3 + 1


def test_the_costs_of_operations_use_the_whole_code_space() -> None:
    for language in (V1, V2):
        for lengths in language.opcodes.values():
            assert sum(2.0**-bits for bits in lengths.values()) == 1


def test_c_is_derived_from_the_costs() -> None:
    # v1: const 3 + zero 3 + eval 2; greedy 3 + ind 3 + eval 2; two negs of 3 bits each.
    assert V1.overheads == {"F1": 8, "F2": 8, "F3": 14, "F4": 6}
    assert V2.overheads == {"F1": 7, "F2": 7, "F3": 12, "F4": 5}
    assert (V1.c, V2.c, WARY.c) == (14, 12, 42)


@every_language
def test_each_function_adds_at_most_its_overhead_and_sometimes_all_of_it(
    language: Language,
) -> None:
    most = dict.fromkeys(FUNCTIONS, 0)
    for term, bits in language.programs("pair", SIZES, max_bits=15):
        for F in FUNCTIONS:
            most[F] = max(most[F], language.bits(applied(F, term), SIZES) - bits)
        assert applied("F4", applied("F4", term)) == term
    assert most == language.overheads


def test_two_negations_are_none() -> None:
    assert negated(negated(GREEDY)) == GREEDY
    assert V1.bits(negated(GREEDY), SIZES) == 3 + 3
    with pytest.raises(ConfigError, match="negated"):
        Term("planner", "neg", (negated(GREEDY),))
    word = V1.words["planner"]["neg"]
    with pytest.raises(DataError, match="no planner"):
        V1.decode(word + word + V1.encode(GREEDY, SIZES), "planner", SIZES)


@given(st.text("01", max_size=60), st.sampled_from(list(GRAMMAR)), st.sampled_from([V1, V2]))
def test_any_bits_are_one_program_or_refused(bits: str, kind: str, language: Language) -> None:
    try:
        term = language.decode(bits, kind, SIZES)
    except DataError:
        return
    assert language.encode(term, SIZES) == bits


def test_programs_are_typed() -> None:
    with pytest.raises(ConfigError, match="needs"):
        Term("planner", "const", (ZERO,))
    with pytest.raises(ConfigError, match="operation of a reward"):
        Term("reward", "greedy")
    with pytest.raises(ConfigError, match="not one of 0 to 2"):
        V1.encode(Term("reward", "goal", (3,)), SIZES)
    with pytest.raises(ConfigError, match="different states in order"):
        V1.encode(Term("planner", "override", (((1, 0), (1, 1)), GREEDY)), SIZES)
    with pytest.raises(ConfigError, match="one a state"):
        V1.encode(Term("policy", "table", ((0, 1),)), SIZES)
    with pytest.raises(ConfigError, match="a pair is needed"):
        parts(evaluated(pair(GREEDY, ZERO)))


def test_a_language_needs_every_operation_within_kraft() -> None:
    with pytest.raises(ConfigError, match="prefix-free"):
        V1.with_costs("greedy", planner={"greedy": 1})
    with pytest.raises(ConfigError, match="need a length"):
        V1.with_costs("odd", planner={"guess": 9})
    dear = V1.with_costs("dear", planner={"neg": 9})
    assert dear.overheads["F4"] == 12
    assert V1.overheads["F4"] == 6


def test_the_text_of_a_program_is_in_prefix_order() -> None:
    term = applied("F2", pair(OPTIMAL, Term("reward", "goal", (1,))))
    assert str(term) == "pair greedy ind eval plan plain best goal 1"
