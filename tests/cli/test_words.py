"""Flags that take words."""

from __future__ import annotations

from typing import Any

import pytest

from precocial.cli.words import flat, named_once, named_words, plain_value
from precocial.errors import ConfigError


def test_words_are_read_however_they_are_grouped() -> None:
    assert flat((("a", "b"), (), ("c",))) == ("a", "b", "c")
    assert list(named_words("--x", (("a=1", "b=c=d"),))) == [("a", "1"), ("b", "c=d")]
    for word in ("a", "=1", "a=", ""):
        with pytest.raises(ConfigError, match="--x takes NAME=VALUE; got"):
            list(named_words("--x", ((word,),)))


def test_a_name_that_may_not_repeat_does_not() -> None:
    assert named_once("--x", (("a=1",), ("b=2",))) == {"a": "1", "b": "2"}
    with pytest.raises(ConfigError, match="--x: a stands twice, as 1 and 2"):
        named_once("--x", (("a=1",), ("a=2",)))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("false", False), ("True", True), ("None", None), ("8", 8), ("0.5", 0.5), ("8x8", "8x8"),
        ('["SF","FG"]', ["SF", "FG"]), ("[1,", "[1,"), ("", ""), ("nan", "nan"),
    ],
)  # fmt: skip
def test_values_are_plain(text: str, value: Any) -> None:
    found = plain_value(text)
    assert found == value
    assert type(found) is type(value)
