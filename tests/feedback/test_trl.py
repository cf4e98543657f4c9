"""TRL's data sets, in texts and in messages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from precocial import io
from precocial.errors import ConfigError, DataError
from precocial.feedback import (
    Comparison,
    Demonstration,
    Message,
    as_choice,
    read_trl,
    write_trl,
)
from tests.feedback.test_records import ITEMS

USER, GOOD, BAD = (
    {"role": "user", "content": "2 + 2?"}, {"role": "assistant", "content": "4"},
    {"role": "assistant", "content": "5"},
)  # fmt: skip
ROWS: dict[str, list[dict[str, Any]]] = {
    "preference": [
        {"prompt": "Hi", "chosen": "Hello", "rejected": "What?"},
        {"prompt": [USER], "chosen": [GOOD], "rejected": [BAD]},
    ],
    "label": [
        {"prompt": "Hi", "completion": "What?", "label": False},
        {"prompt": [USER], "completion": [GOOD], "label": True},
    ],
    "demonstration": [
        {"prompt": "Hi", "completion": "Hello"},
        {"prompt": [USER], "completion": [GOOD]},
    ],
}


def lines(path: Path, *rows: Any) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("form", ROWS)
@pytest.mark.parametrize("which", [0, 1], ids=["texts", "messages"])
def test_a_data_set_comes_back(form: Any, which: int, tmp_path: Path) -> None:
    row = ROWS[form][which]
    items = read_trl(lines(tmp_path / "in.jsonl", row, row), source="judge", confidence=0.7)
    assert {(item.source, item.confidence, item.level) for item in items} == {("judge", 0.7, 0)}
    assert len({item.id for item in items}) == 2
    write_trl(tmp_path / "out.jsonl", items, form=form)
    assert io.read_jsonl(tmp_path / "out.jsonl") == [row, row]
    again = read_trl(tmp_path / "out.jsonl", source="judge", confidence=0.7, form=form)
    assert again == items


def test_what_the_fields_become(tmp_path: Path) -> None:
    (one,) = read_trl(lines(tmp_path / "p.jsonl", ROWS["preference"][1]), source="j")
    assert one == Comparison(
        source="j", prompt=(Message("user", "2 + 2?"),), chosen=(Message("assistant", "4"),),
        rejected=(Message("assistant", "5"),),
    )  # fmt: skip
    (bad,) = read_trl(lines(tmp_path / "l.jsonl", ROWS["label"][0]), source="j")
    assert bad == Demonstration(source="j", prompt="Hi", completion="What?", good=False)
    choice = as_choice(one, lambda prompt, option: [float(len(option))])
    assert choice.chosen == 0
    assert choice.features.shape == (2, 1)


def test_other_spellings(tmp_path: Path) -> None:
    implicit = {"chosen": [USER, GOOD], "rejected": [USER, BAD]}
    (one,) = read_trl(lines(tmp_path / "a.jsonl", implicit), source="j")
    assert one == read_trl(lines(tmp_path / "b.jsonl", ROWS["preference"][1]), source="j")[0]
    (short,) = read_trl(
        lines(tmp_path / "c.jsonl", {"chosen": [USER, GOOD], "rejected": [USER]}), source="j"
    )
    assert short == Comparison(
        source="j", prompt=(), chosen=(Message("user", "2 + 2?"), Message("assistant", "4")),
        rejected=(Message("user", "2 + 2?"),),
    )  # fmt: skip
    (text,) = read_trl(lines(tmp_path / "d.jsonl", {"chosen": "ab", "rejected": "ac"}), source="j")
    assert text == Comparison(source="j", chosen="ab", rejected="ac")
    (talk,) = read_trl(lines(tmp_path / "e.jsonl", {"messages": [USER, GOOD]}), source="j")
    assert talk == read_trl(lines(tmp_path / "f.jsonl", ROWS["demonstration"][1]), source="j")[0]
    (plain,) = read_trl(lines(tmp_path / "g.jsonl", {"text": "a story"}), source="j")
    assert plain == Demonstration(source="j", completion="a story")


def test_a_prompt_that_is_empty_is_left_out_of_messages(tmp_path: Path) -> None:
    item = Demonstration(source="a", completion=(Message("assistant", "4"),))
    write_trl(tmp_path / "o.jsonl", [item], form="demonstration")
    assert json.loads((tmp_path / "o.jsonl").read_text()) == {"completion": [GOOD]}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "holds no lines"),
        ([{"question": "x"}], "line 1: the keys fit no form"),
        ([{"prompt": "x", "chosen": "y"}], "line 1: the key 'rejected' is missing"),
        ([{"prompt": "x", "chosen": "y", "rejected": "z", "score": 1}], "line 1: the key 'score'"),
        ([ROWS["label"][0], {"prompt": "x", "completion": "y", "label": 1}], "line 2: label must"),
        ([{"prompt": 1, "completion": "y"}], "line 1: prompt must be text, or messages"),
        ([{"prompt": "x", "completion": [{"role": "user"}]}], "line 1: completion .*content"),
        ([{"prompt": "x", "completion": [{**GOOD, "tool_calls": []}]}], "line 1: .*tool_calls"),
        ([{"prompt": "x", "completion": None}], "line 1: completion must be"),
        ([{"messages": []}], "line 1: messages must hold one"),
        ([{"messages": "x"}], "line 1: messages must hold one"),
        ([{"text": 7}], "line 1: completion must be text"),
        ([{"prompt": "\0", "completion": "y"}], "line 1: .*NUL"),
        ([[1]], "line 1: each line must be a JSON object"),
    ],
)
def test_wrong_lines_are_refused_with_their_place(
    rows: list[Any], said: str, tmp_path: Path
) -> None:
    path = lines(tmp_path / "in.jsonl", *rows)
    with pytest.raises(DataError, match=said) as caught:
        read_trl(path, source="j")
    assert str(path) in str(caught.value)


def test_other_keys_are_passed_over_when_that_is_said(tmp_path: Path) -> None:
    row = {**ROWS["preference"][0], "score_chosen": 7}
    path = lines(tmp_path / "in.jsonl", row)
    assert len(read_trl(path, source="j", skip=["score_chosen"])) == 1


def test_what_does_not_fit_a_form_is_refused(tmp_path: Path) -> None:
    bad = Demonstration(source="a", completion="x", good=False)
    for items, form, said in (
        (ITEMS[:1], "preference", "comparisons of data; got a Label"),
        (ITEMS[4:5], "preference", "comparisons of data; got a Comparison"),
        ([bad], "demonstration", "good demonstrations"),
        (ITEMS[7:8], "label", "demonstrations; got a Statement"),
        (ITEMS[2:4], "preference", "mix them"),
    ):
        with pytest.raises(ConfigError, match=said):
            write_trl(tmp_path / "o.jsonl", items, form=form)
    assert not (tmp_path / "o.jsonl").exists()
    with pytest.raises(ConfigError, match="source is empty"):
        read_trl(lines(tmp_path / "in.jsonl", ROWS["label"][0]), source="")


@pytest.mark.parametrize("which", [0, 1], ids=["texts", "messages"])
@pytest.mark.parametrize("prompt", [True, False], ids=["prompt", "no prompt"])
def test_a_thing_preferred_to_itself_is_refused_or_passed_over(
    which: int, prompt: bool, tmp_path: Path
) -> None:
    row = dict(ROWS["preference"][which])
    if not prompt:
        del row["prompt"]
    same = {**row, "rejected": row["chosen"]}
    path = lines(tmp_path / "in.jsonl", row, same, row, same)
    with pytest.raises(DataError, match=r"line 2: .*the same.* in 2 of 4 lines: .*equal='skip'"):
        read_trl(path, source="judge")
    kept = read_trl(path, source="judge", equal="skip")
    assert kept == read_trl(lines(tmp_path / "good.jsonl", row, row), source="judge")
    with pytest.raises(DataError, match="in every line"):
        read_trl(lines(tmp_path / "none.jsonl", same), source="judge", equal="skip")


def test_what_is_preferred_to_itself_is_not_written(tmp_path: Path) -> None:
    item = Comparison(source="judge", prompt="Hi", chosen="Hello", rejected="Hello")
    with pytest.raises(ConfigError, match="the same"):
        write_trl(tmp_path / "out.jsonl", [item], form="preference")
    assert not (tmp_path / "out.jsonl").exists()
