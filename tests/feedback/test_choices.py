"""Items as choices: their likelihood is the one of `precocial.choice`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from precocial.choice import log_likelihood
from precocial.errors import ConfigError
from precocial.feedback import About, Comparison, Demonstration, Item, Label, Statement, as_choice
from precocial.feedback.records import Content

COMPARISON = Comparison(source="a", prompt="p", chosen="long one", rejected="short", confidence=0.5)


def length(prompt: Content, option: Content) -> list[float]:
    return [float(len(option)), 1.0]


def test_a_comparison_is_bradley_terry_counted_by_its_confidence() -> None:
    choice = as_choice(COMPARISON, length, beta=2.0)
    found = log_likelihood([choice], [[0.1, 7.0]])
    assert found == pytest.approx(0.5 * -np.log1p(np.exp(-2.0 * 0.1 * 3)))


def test_a_label_is_a_choice_of_a_class() -> None:
    item = Label(source="a", task="t", label="bb")
    choice = as_choice(item, length, options=("a", "bb", "cccc"))
    scores = np.array([1.0, 2.0, 4.0])
    assert log_likelihood([choice], [[1.0, 0.0]]) == pytest.approx(
        2.0 - np.log(np.exp(scores).sum())
    )


def test_a_bad_demonstration_is_the_choice_of_the_other() -> None:
    good, bad = (Demonstration(source="a", completion="abc", good=good) for good in (True, False))
    both = [
        float(np.exp(log_likelihood([as_choice(item, length, options=("z",))], [[1.0, 0.0]]))[0])
        for item in (good, bad)
    ]
    assert sum(both) == pytest.approx(1)
    assert both[0] > 0.8


@pytest.mark.parametrize(
    ("item", "options", "said"),
    [
        (COMPARISON, ("x",), "leave out"),
        (Label(source="a", task="t", label="b"), ("a",), "all classes"),
        (Label(source="a", task="t", label="b"), ("b", "b"), "each once"),
        (Demonstration(source="a", completion="x"), ("x",), "what else"),
        (Demonstration(source="a", completion="x", good=False), ("y", "z"), "exactly one"),
        (Statement(source="a", what=About(kind="whole"), value=1), (), "no choice"),
    ],
)
def test_what_is_no_choice_is_refused(item: Item, options: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        as_choice(item, length, options=options)


@pytest.mark.parametrize("features", [
    lambda prompt, option: [0.0] * len(option), lambda prompt, option: "no",
    lambda prompt, option: [np.nan],
])  # fmt: skip
def test_features_that_do_not_fit_are_refused(features: Any) -> None:
    with pytest.raises(ConfigError, match="features"):
        as_choice(COMPARISON, features)
