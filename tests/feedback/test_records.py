"""What items may hold, what they are about, and what stands of them."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest

from precocial.errors import ConfigError, DataError
from precocial.feedback import (
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
from precocial.feedback.records import MAX_LEVEL, MAX_NAME, decode, encode, numbered

TALK = (Message(role="user", content="2 + 2?"), Message(role="assistant", content="4"))
FIVE = (Message(role="assistant", content="5"),)
NOON = datetime(2026, 1, 2, 12, 4, 5, 678, UTC)
TEACHER = About(kind="teacher", name="17", on="irregular verbs")
PROCESS = About(kind="process", name="majority", on="contested")
ITEMS: tuple[Item, ...] = (
    Label(source="ann", task="42", label="cat", confidence=0.8),
    Label(source="ann", task="a sentence\nof two lines", label="=1+1", note="'quoted'"),
    Comparison(source="judge", prompt="Say hello", chosen="Hello!", rejected="", time=NOON),
    Comparison(source="judge", prompt=TALK[:1], chosen=TALK[1:], rejected=FIVE),
    Comparison(source="admin", of="process", chosen="dawid-skene", rejected="majority", level=1),
    Demonstration(source="script", prompt="[", completion="]"),
    Demonstration(source="script", prompt=TALK[:1], completion=TALK[1:], good=False, id="mine"),
    Statement(source="admin", what=TEACHER, value=0.6, confidence=0.9),
    Statement(source="admin", what=About(kind="mistake", name="9", on="4"), value=0.1),
    Statement(source="admin", what=PROCESS, value=0.2),
    Statement(source="boss", what=About(kind="whole"), value=1.0, level=3),
)  # fmt: skip


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item.type)
def test_an_item_comes_back_from_json(item: Item) -> None:
    assert decode(encode(item)) == item
    assert encode(decode(encode(item))) == encode(item)
    assert item.id
    assert item.about.kind


def test_the_id_follows_from_the_content() -> None:
    one = Label(source="a", task="1", label="x")
    assert one.id == Label(source="a", task="1", label="x", confidence=1).id
    assert one.id != Label(source="a", task="1", label="x", confidence=0.5).id
    assert (
        one.id != Label(source="a", task="1", label="x", time=datetime(2026, 1, 1, tzinfo=UTC)).id
    )
    assert Label(source="a", task="1", label="x", id="mine").id == "mine"
    assert len({item.id for item in ITEMS}) == len(ITEMS)
    # Frozen: an id that is in a store must never be another's.
    assert one.id == "18195126d4c906db43342783fb948f7d"


def test_times_are_one_moment_in_every_zone() -> None:
    east = datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))
    one, other = (
        Label(source="a", task="1", label="x", time=when)
        for when in (east, datetime(2026, 1, 1, tzinfo=UTC))
    )
    assert one == other
    assert one.id == other.id


def test_numbers_of_numpy_are_numbers() -> None:
    item = Statement(
        source="a", what=About(kind="whole"), value=np.float32(0.5), confidence=np.float64(1),
        level=np.int64(2),
    )  # fmt: skip
    assert decode(encode(item)) == item
    assert type(item.level) is int
    assert encode(Label(source="a", task="t", label="l", confidence=-0.0)) == encode(
        Label(source="a", task="t", label="l", confidence=0.0)
    )


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"confidence": 1.5}, r"confidence must lie in \[0, 1\]; got 1.5"),
        ({"confidence": math.nan}, "confidence"),
        ({"confidence": True}, "confidence"),
        ({"confidence": "1"}, "confidence"),
        ({"level": -1}, f"level must be a whole number, 0 to {MAX_LEVEL}"),
        ({"level": 1.0}, "level"),
        ({"level": True}, "level"),
        ({"level": 10**6}, "level"),
        ({"source": ""}, "source is empty"),
        ({"source": 3}, "source must be text"),
        ({"task": " "}, "task is empty"),
        ({"task": "a\0b"}, "NUL"),
        ({"task": "\ud800"}, "surrogate"),
        ({"task": "x" * (MAX_NAME + 1)}, "at most 100000"),
        ({"label": None}, "label must be text"),
        ({"time": datetime(2026, 1, 1)}, "time zone"),
        ({"time": datetime.min.replace(tzinfo=timezone(timedelta(hours=9)))}, "time zone"),
        ({"time": "2026"}, "time zone"),
        ({"note": b""}, "note must be text"),
        ({"id": 7}, "id must be text"),
    ],
)
def test_a_wrong_field_is_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Label(**{"source": "a", "task": "1", "label": "x", **fields})


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: About(kind="dog", name="x"), "kind must be one of 'datum'"),
        (lambda: About(kind="teacher"), "name is empty"),
        (lambda: About(kind="whole", name="x"), "whole process has no name"),
        (lambda: Statement(source="a", what="teacher", value=1), "must be an About"),
        (lambda: Statement(source="a", what=About(kind="loss", name="l"), value=2), "value"),
        (lambda: Statement(source="a", what=About(kind="loss", name="l"), value=1, level=0),
         "level 1 or above"),
        (lambda: Comparison(source="a", chosen="x", rejected="y", of="process"), "level 1"),
        (lambda: Comparison(source="a", chosen="", rejected="y", of="process", level=1), "empty"),
        (lambda: Comparison(source="a", chosen=3, rejected="y"), "chosen must be text or"),
        (lambda: Comparison(source="a", chosen=["a"], rejected="y"), "sequence of Message"),
        (lambda: Demonstration(source="a", completion="x", good=1), "True or False"),
        (lambda: Message(role="", content="x"), "role is empty"),
        (lambda: Message(role="user", content=None), "content must be text"),
        (lambda: Feedback(source="a").about, "use Label"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(make: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        make()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{}", "type"),
        ("[]", "object"),
        ("7", "object"),
        ("", "not JSON"),
        ('{"type":"dog"}', "dog"),
        ('{"type":"label","source":"a","task":"t"}', "label"),
        ('{"type":"label","source":"a","task":"t","label":"l","wrong":1}', "wrong"),
        ('{"type":"label","source":"a","source":"b","task":"t","label":"l"}', "twice"),
        ('{"type":"label","source":"a","task":"t","label":"l","confidence":NaN}', "NaN"),
        ('{"type":"label","source":"a","task":"t","label":"l","confidence":7}', r"\[0, 1\]"),
        ('{"type":"label","source":"a","task":"t","label":"l","time":"yesterday"}', "datetime"),
        (b"\xff", "UTF-8"),
    ],
)
def test_a_wrong_line_is_refused_with_its_place(line: str | bytes, said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        decode(line, path="some.jsonl", number=7)
    assert "some.jsonl, line 7" in str(caught.value)


def test_what_items_are_about() -> None:
    assert ITEMS[0].about == About(kind="datum", name="42")
    assert ITEMS[3].about == About(kind="datum", name="user: 2 + 2?")
    assert ITEMS[4].about == About(kind="process", name="dawid-skene")
    long = Demonstration(source="a", prompt="x" * 10**6, completion="y").about
    assert long.name.startswith("sha256:")
    assert long == Comparison(source="b", prompt="x" * 10**6, chosen="y", rejected="z").about
    assert Demonstration(source="a", completion="y").about.name == "-"


def test_a_statement_about_an_item_is_one_level_above_it() -> None:
    said = said_of(ITEMS[7], value=0.3, source="other", confidence=0.5)
    assert said.level == 2
    assert said.about == About(kind="item", name=ITEMS[7].id)


def test_what_was_taken_back_does_not_stand() -> None:
    one, two = (Label(source=who, task="t", label="l") for who in "ab")
    taken = retraction(one)
    assert standing([one, two, taken]) == (two, taken)
    again = retraction(taken)
    assert standing([one, two, taken, again]) == (one, two, again)
    # What others say, less than all, or what was said before, takes nothing away.
    other = said_of(one, value=0.0, source="b")
    doubt = said_of(one, value=0.0, source="a", confidence=0.99)
    some = said_of(one, value=0.1, source="a")
    assert standing([taken, one, other, doubt, some]) == (taken, one, other, doubt, some)


def test_equal_items_of_a_file_are_counted() -> None:
    one = Label(source="a", task="t", label="l")
    made = numbered([one, one, one])
    assert made[0] == one
    assert len({item.id for item in made}) == 3
    assert made == numbered([one, one, one])


@pytest.mark.wrong_types
@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: said_of("x", value=0.0, source="a"), "said_of: item must be a Label or a Comp"),
        (lambda: retraction("x"), "retraction: item must be a Label"),
        (lambda: standing("abc"), "standing: items must be labels, comparisons"),
        (lambda: standing([ITEMS[0], "x"]), "standing: items must be labels, .*; got 'x'"),
        (lambda: standing(5), "standing: items must be"),
        (lambda: numbered("ab"), "numbered: items must be"),
    ],
)
def test_what_is_no_item_is_named(call: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        call()


def test_a_mistake_is_another_name_than_the_right_one() -> None:
    with pytest.raises(ConfigError, match="by another `name`; got '1' for both"):
        About(kind="mistake", name="1", on="1")
    assert About(kind="teacher", name="1", on="1").on == "1"
