"""Tables of votes and of all fields: round trips, and errors that name file, line and column."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from precocial import io
from precocial.errors import ConfigError, DataError
from precocial.feedback import (
    Comparison,
    Demonstration,
    Item,
    Label,
    Message,
    labels_of,
    read_crowd,
    read_items,
    read_labels,
    write_crowd,
    write_items,
)
from precocial.feedback.tables import freed, guarded
from precocial.testing import st_feedback
from tests.feedback.test_records import ITEMS

ONCE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
VOTES = 'task,worker,label\n1,ann,cat\n2,bob,"a dog,\nand a cat"\n1,bob,=1+1\n'
VOTE = '{"task":1,"worker":2,"label":1}\n'


@pytest.fixture
def put(tmp_path: Path) -> Callable[[str, str], Path]:
    def write(name: str, text: str) -> Path:
        (tmp_path / name).write_text(text, newline="")
        return tmp_path / name

    return write


# ---------------------------------------------------------------- votes


def test_votes_are_read_as_columns_with_their_lines(put: Callable[[str, str], Path]) -> None:
    votes = read_crowd(put("v.csv", VOTES))
    assert list(votes.task) == ["1", "2", "1"]
    assert list(votes.worker) == ["ann", "bob", "bob"]
    assert list(votes.label) == ["cat", "a dog,\nand a cat", "=1+1"]
    assert list(votes.line) == [2, 4, 5]
    assert len(votes) == 3
    assert labels_of(votes)[0] == Label(source="ann", task="1", label="cat")


def test_columns_may_have_other_names_and_be_skipped(put: Callable[[str, str], Path]) -> None:
    path = put("v.tsv", "sentence\twho\tsaid\tseconds\ns1\tann\thello\t3\n")
    names = {"task": "sentence", "worker": "who", "label": "said", "seconds": ""}
    assert read_labels(path, names=names) == (Label(source="ann", task="s1", label="hello"),)
    lines = put("v.jsonl", '{"task": 1, "annotator": 7, "label": 0}\n')
    assert read_labels(lines, names={"worker": "annotator"}) == (
        Label(source="7", task="1", label="0"),
    )


@pytest.mark.parametrize("name", ["v.csv", "v.jsonl"])
def test_votes_come_back(name: str, tmp_path: Path, put: Callable[[str, str], Path]) -> None:
    labels = read_labels(put("first.csv", VOTES + "1,bob,'=2\n9,'tis,'\n"))
    write_crowd(tmp_path / name, labels)
    assert read_labels(tmp_path / name) == labels


def test_a_vote_given_twice_is_kept_twice_and_read_the_same(
    put: Callable[[str, str], Path],
) -> None:
    path = put("v.csv", "task,worker,label\n1,a,x\n1,a,x\n1,a,x\n")
    labels = read_labels(path)
    assert len({label.id for label in labels}) == 3
    assert read_labels(path) == labels


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("v.csv", "", "empty; a header"),
        ("v.csv", "task,worker,label\n", "holds no votes"),
        ("v.csv", "task,worker\n1,a\n", "line 1, column 'label': the column is missing"),
        ("v.csv", "task,worker,label,x\n1,a,b,c\n", "line 1, column 'x': is not a column of vot"),
        ("v.csv", "task,worker,label\n1,a,b\n1,,b\n", "line 3, column 'worker': must be a name"),
        ("v.csv", "task,worker,label\n1,a,b\n1,b\n", "line 3: has 2 cells"),
        ("v.csv", 'task,worker,label\n1,a,"b\n', "not CSV"),
        ("v.csv", "task,worker,label\n1,a,\0\n", "NUL"),
        ("v.csv", "task,task,label\n1,a,b\n", "twice"),
        ("v.jsonl", "", "holds no votes"),
        (
            "v.jsonl",
            '{"task":1,"worker":2,"label":1}\n{"task":1,"worker":2}\n',
            "line 2, column 'l",
        ),
        ("v.jsonl", '{"task":1,"worker":2,"label":true}\n', "line 1, column 'label': must be a n"),
        ("v.jsonl", '{"task":1,"worker":2,"label":1.5}\n', "line 1, column 'label': must be a n"),
        ("v.jsonl", '{"task":1,"worker":[2],"label":1}\n', "line 1, column 'worker': must be a"),
        ("v.jsonl", '{"task":"\\ud800","worker":2,"label":1}\n', "line 1, column 'task': must be"),
        ("v.jsonl", "[1]\n", "line 1: each line must be a JSON object"),
    ],
)
def test_wrong_votes_are_refused_with_their_place(
    name: str, text: str, said: str, put: Callable[[str, str], Path]
) -> None:
    path = put(name, text)
    with pytest.raises(DataError, match=said) as caught:
        read_labels(path)
    assert str(path) in str(caught.value)


def test_wrong_calls_are_refused(put: Callable[[str, str], Path], tmp_path: Path) -> None:
    path = put("v.csv", VOTES)
    with pytest.raises(ConfigError, match="names maps task"):
        read_crowd(path, names={"rating": "label"})
    with pytest.raises(ConfigError, match="ending"):
        read_crowd(put("v.txt", VOTES))
    with pytest.raises(ConfigError, match="only labels"):
        write_crowd(tmp_path / "w.csv", ITEMS)
    with pytest.raises(ConfigError, match=r"\.csv or \.jsonl"):
        write_crowd(tmp_path / "w.tsv", ITEMS[:1])
    with pytest.raises(DataError, match="no such file"):
        read_crowd(tmp_path / "absent.csv")
    assert not list(tmp_path.glob("w.*"))


# ---------------------------------------------------------------- all fields


@pytest.mark.parametrize("name", ["f.csv", "f.jsonl"])
def test_items_come_back_with_all_fields(name: str, tmp_path: Path) -> None:
    write_items(tmp_path / name, ITEMS)
    assert read_items(tmp_path / name) == ITEMS
    first = (tmp_path / name).read_bytes()
    write_items(tmp_path / name, read_items(tmp_path / name))
    assert (tmp_path / name).read_bytes() == first


@pytest.mark.parametrize("name", ["f.csv", "f.jsonl"])
def test_nothing_comes_back_as_nothing(name: str, tmp_path: Path) -> None:
    write_items(tmp_path / name, [])
    assert read_items(tmp_path / name) == ()


@ONCE
@given(items=st.lists(st_feedback(), max_size=4))
def test_any_items_come_back(items: list[Item], tmp_path: Path) -> None:
    for name in ("f.csv", "f.jsonl"):
        write_items(tmp_path / name, items)
        assert read_items(tmp_path / name) == tuple(items)


@ONCE
@given(items=st.lists(st_feedback(types=("label",)), min_size=1, max_size=4))
def test_any_votes_come_back(items: list[Label], tmp_path: Path) -> None:
    for name in ("f.csv", "f.jsonl"):
        write_crowd(tmp_path / name, items)
        votes = read_crowd(tmp_path / name)
        assert list(votes.label) == [item.label for item in items]
        assert list(votes.worker) == [item.source for item in items]


@given(st.text(alphabet="'=+-@\t\r\n a1", max_size=6))
def test_a_guard_is_taken_off_again(text: str) -> None:
    assert freed(guarded(text)) == text
    cell = io.parse_csv(io.format_csv([{"a": guarded(text), "b": "x"}]))[0]["a"]
    assert freed(cell) == text
    numeric = text.strip("+-'").replace("1", "") in ("", "a") and text[:1] in "+-"
    assert numeric or not cell.startswith(io.FORMULA_STARTS)


def test_other_programs_read_the_names_of_votes_as_they_are(tmp_path: Path) -> None:
    names = ["=a", "+b", "-c", "@d", "'=e", "'f", "-1"]
    items = [Label(source=name, task=name, label=name) for name in names]
    write_crowd(tmp_path / "f.csv", items)
    for column in pd.read_csv(tmp_path / "f.csv", dtype=str).to_dict("list").values():
        assert column == names
    assert list(read_crowd(tmp_path / "f.csv").worker) == names


def test_what_a_spreadsheet_would_run_is_guarded(tmp_path: Path) -> None:
    bad = '=HYPERLINK("http://x","y")'
    write_items(tmp_path / "f.csv", [Label(source=bad, task="@x", label="+a", note="\tx")])
    for cell in io.read_csv(tmp_path / "f.csv")[0].values():
        assert not cell.startswith(io.FORMULA_STARTS)


HEAD = "type,source,task,label,confidence,level,time,about,name,value,good,completion,messages\n"


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("label,a,1,x,2,,,,,,,,", r"line 2: .*confidence must lie in \[0, 1\]"),
        ("label,a,1,x,much,,,,,,,,", "line 2, column 'confidence': must be a number"),
        ("label,a,1,x,nan,,,,,,,,", "line 2: .*confidence"),
        ("label,a,1,x,,1.5,,,,,,,", "line 2, column 'level': must be a whole number"),
        ("label,a,1,x,,²,,,,,,,", "line 2, column 'level'"),
        ("label,a,1,x,,,now,,,,,,", "line 2: .*datetime"),
        ("label,a,1,x,,,,teacher,7,,,,", "line 2: .*what"),
        ("label,,1,x,,,,,,,,,", "line 2: .*source"),
        ("dog,a,1,x,,,,,,,,,", "line 2: .*dog"),
        (",a,1,x,,,,,,,,,", "line 2: .*type"),
        ("statement,a,,,,,,dog,7,1,,,", "line 2: .*dog"),
        ("statement,a,,,,,,,,1,,,", "line 2: .*what"),
        ("demonstration,a,,,,,,,,,maybe,x,", "line 2, column 'good': must be true or false"),
        ("demonstration,a,,,,,,,,,,x,completion", "line 2: is not JSON"),
        ("demonstration,a,,,,,,,,,,[1],completion", "line 2: .*object"),
    ],
)
def test_wrong_fields_are_refused_with_their_place(
    row: str, said: str, put: Callable[[str, str], Path]
) -> None:
    with pytest.raises(DataError, match=said):
        read_items(put("f.csv", HEAD + row + "\n"))


def test_nothing_is_loaded_by_halves(put: Callable[[str, str], Path]) -> None:
    good = '{"type":"label","source":"a","task":"t","label":"l"}\n'
    with pytest.raises(DataError, match="line 3"):
        read_items(put("f.jsonl", good + good + "{}\n" + good))
    with pytest.raises(DataError, match="line 2"):
        read_items(put("f.jsonl", good + "\n" + good))
    with pytest.raises(DataError, match="line 1, column 'wrong': is not a column"):
        read_items(put("f.csv", "type,wrong\nlabel,1\n"))


@pytest.mark.wrong_types
def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    long = Demonstration(source="a", completion="x" * io.MAX_FIELD_CHARS)
    with pytest.raises(DataError, match=r"line 2, column 'completion': .*write \.jsonl"):
        write_items(tmp_path / "f.csv", [long])
    write_items(tmp_path / "f.jsonl", [long])
    wrong: Any = {"type": "label"}
    with pytest.raises(ConfigError, match="a Label, Comparison"):
        write_items(tmp_path / "g.csv", [wrong])
    assert not (tmp_path / "f.csv").exists()
    assert not (tmp_path / "g.csv").exists()


def test_messages_and_texts_like_them_are_told_apart(tmp_path: Path) -> None:
    said = (Message(role="user", content="hi"),)
    text = '[{"role":"user","content":"hi"}]'
    items = tuple(Comparison(source="a", chosen=one, rejected=text) for one in (said, text))
    write_items(tmp_path / "f.csv", items)
    assert read_items(tmp_path / "f.csv") == items
