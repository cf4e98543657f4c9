"""Records of `precocial.feedback` in a hierarchy."""

from __future__ import annotations

import pytest

from precocial.errors import ConfigError, DataError
from precocial.feedback.records import About, Comparison, Demonstration, Label, Statement, said_of
from precocial.normativity.fitting import fit
from precocial.normativity.hearing import NEARLY, hear_all
from precocial.normativity.statements import COUNT
from tests.normativity.worlds import random_tower


def about(kind: str, name: str = "", value: float = 0.0, level: int = 1, on: str = "") -> Statement:
    what = About(kind=kind, name=name, on=on)  # type: ignore[arg-type]
    return Statement(what=what, value=value, source="boss", level=level, confidence=0.9)


def test_every_kind_of_record_finds_its_place() -> None:
    H = random_tower(0, tasks=2)
    label = Label(task="task 0", label="b", source="x")
    other = Label(task="task 1", label="c", source="y", confidence=0.6)
    items = [
        label,
        other,
        Comparison(prompt="task 1", chosen="a", rejected="d", source="x"),
        Comparison(of="process", chosen="process 1", rejected="process 2", source="y", level=1),
        Demonstration(prompt="task 0", completion="d", source="x", good=False),
        about("process", "process 3", 0.25),
        about("teacher", "x"),
        about("whole"),
        about("mistake", "c"),
        about("datum", "task 0"),
        said_of(label, value=0.0, source="boss"),
    ]
    numbers = hear_all(H, items)
    kinds = [one.kind for one in H.statements]
    assert kinds == [
        "label", "label", "comparison", "comparison", "label", "score", "source", "whole",
        "statement", "statement", "statement",
    ]  # fmt: skip
    assert [numbers[item.id] for item in items] == list(range(11))
    first, second, chosen, process, bad, score, teacher, _, mistake, datum, said = H.statements
    assert (first.task, first.item, first.confidence, first.certain) == (0, 1, NEARLY, False)
    assert second.confidence == 0.6
    assert (chosen.level, chosen.task, chosen.item, chosen.other) == (0, 1, 0, 3)
    assert (process.level, process.item, process.other) == (1, 1, 2)
    assert (bad.item, bad.value) == (3, 0.0)
    assert (score.level, score.item, score.value) == (1, 3, 0.25)
    assert (teacher.about, teacher.count) == ("x", COUNT)
    assert (mistake.about, datum.about, said.about) == (1, 0, 0)
    assert fit(H).status in ("converged", "corner")


def test_certainty_is_taken_at_its_word_only_when_asked() -> None:
    H = random_tower(0, tasks=2)
    hear_all(H, [Label(task="task 0", label="b", source="x")], obey_certain=True)
    assert H.statements[0].certain


@pytest.mark.parametrize(
    ("item", "match"),
    [
        (Label(task="task 9", label="b", source="x"), "no task"),
        (Label(task="task 0", label="z", source="x"), "no item"),
        (about("process", "nobody"), "no level"),
        (about("item", "lost"), "not been heard"),
        (about("mistake", "a"), "nothing was said"),
        (about("mistake", "a", on="b"), "leave `on` empty"),
    ],
)
def test_a_record_about_nothing_here_is_refused_by_its_id(item: Label, match: str) -> None:
    with pytest.raises(DataError, match=match) as caught:
        hear_all(random_tower(0, tasks=2), [item])
    assert item.id in str(caught.value)


@pytest.mark.wrong_types
def test_what_is_no_hierarchy_and_what_is_no_item_is_refused() -> None:
    with pytest.raises(ConfigError, match="hierarchy must be a Hierarchy"):
        hear_all(None, [])  # type: ignore[arg-type]
    for wrong in (["text"], "text", 3, [None]):
        with pytest.raises(ConfigError, match=r"hear_all: (feedback|items) must"):
            hear_all(random_tower(0), wrong)  # type: ignore[arg-type]
