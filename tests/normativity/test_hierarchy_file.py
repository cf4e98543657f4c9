"""A hierarchy in a file is the hierarchy in Python; what is wrong in the file is named."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from precocial.errors import PrecocialError
from precocial.normativity.fields import FIELDS
from precocial.normativity.fitting import Fitting, fit
from precocial.normativity.fixed_point import fixed_point
from precocial.normativity.hierarchy import Hierarchy
from precocial.normativity.hierarchy_file import read_hierarchy
from precocial.normativity.levels import Level
from precocial.normativity.levels_record import LEVELS, LevelsRecord

TEXT = """
q = 0.7
floor = 0.02

[[levels]]
name = "answers"
items = ["a", "b"]
initial = [0.3, 0.7]
scores = [[1, 0], [0.2, 0.9], [0.5, 0.5]]

[[levels]]
name = "judges"
items = ["strict", "kind", "even"]
scores = "judges.csv"

[[feedback]]
level = "answers"
item = "a"
source = "editor"
confidence = 0.9

[fitting]
learn = ["judges"]
"""
TABLE = "kind,strict,even\n0,1,0.5\n1,0,0.5\n0.3,0.4,1\n"
BY_JUDGES = [[1, 0, 0.5], [0, 1, 0.5], [0.4, 0.3, 1]]


def written(folder: Path, text: str = TEXT, table: str = TABLE) -> Path:
    (folder / "judges.csv").write_text(table)
    (folder / "levels.toml").write_text(text)
    return folder / "levels.toml"


def in_python() -> Hierarchy:
    answers = Level("answers", ["a", "b"], initial=[0.3, 0.7])
    judges = Level("judges", ["strict", "kind", "even"])
    scores = [[[1, 0], [0.2, 0.9], [0.5, 0.5]], BY_JUDGES]
    return Hierarchy([answers, judges], scores, q=0.7, floor=0.02)


def test_the_file_and_python_make_the_same_hierarchy(tmp_path: Path) -> None:
    read, fitting = read_hierarchy(written(tmp_path))
    made = in_python()
    np.testing.assert_array_equal(read.judges[1].scores, made.judges[1].scores)
    np.testing.assert_array_equal(fixed_point(read).actions, fixed_point(made).actions)
    assert fitting == Fitting(learn=("judges",))
    made.feedback(level="answers", item="a", source="editor", confidence=0.9)
    assert read.statements == made.statements


def test_a_record_comes_back_whole(tmp_path: Path) -> None:
    hierarchy, fitting = read_hierarchy(written(tmp_path))
    fitted = fit(hierarchy, fitting)
    fixed = fitted.fixed_point
    record = LevelsRecord.of(fixed, fixed.change_when_adding_level(2), source="x", fitted=fitted)
    record.write(tmp_path / LEVELS)
    back = LevelsRecord.read(tmp_path / LEVELS)
    assert back == record
    assert back.levels[1].kl > 0
    assert back.levels[0].kl == 0
    np.testing.assert_allclose(back.levels[0].fixed[0], fitted.actions)


SCORES = "[[1, 0], [0.2, 0.9], [0.5, 0.5]]"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (("q = 0.7", "q = 7.0"), "q must lie in"),
        (("q = 0.7", "q = true"), "field 'q': must be a finite number; got true"),
        (("q = 0.7", 'q = "high"'), "field 'q': must be a finite number; got 'high'"),
        (("floor = 0.02", "floor = nan"), "field 'floor': must be a finite number; got nan"),
        (("q = 0.7", "share = 1"), "field 'share': must be true or false; got 1"),
        (("q = 0.7", "depth = true"), "field 'depth': must be a whole number; got true"),
        (("q = 0.7", "semantics = 'both'"), "field 'semantics': must be one of sample, mean"),
        (("q = 0.7", "speed = 1"), "field 'speed': is unknown"),
        (("q = 0.7", "q = "), "is not TOML"),
        (('items = ["a", "b"]', 'items = "ab"'), "level 'answers', field 'items': must be a list"),
        (('items = ["a", "b"]', 'items = ["a", 2]'), "level 'answers', field 'items': .*2 is 2"),
        (('items = ["a", "b"]', 'items = ["a", "a"]'), "level 'answers': items must be names"),
        (("initial = [0.3, 0.7]", "initial = [0.3, nan]"), "'answers', field 'initial': [1] must"),
        (("initial = [0.3, 0.7]", "initial = [0.3, 0.9]"), "level 'answers': initial must hold"),
        (("initial = [0.3, 0.7]", "q = true"), "level 'answers', field 'q': must be a finite"),
        (("initial = [0.3, 0.7]", "q = 3"), "level 'answers': q must lie in"),
        (("initial = [0.3, 0.7]", "tasks = []"), "level 'answers', field 'tasks': must be a list"),
        (('name = "answers"\n', ""), "level 1, field 'name': is missing"),
        (('name = "answers"', 'name = ""'), "level 1: '' cannot name a level"),
        ((SCORES, "[[1, 0]]"), "scores[0] of answers by judges must have shape (3, 2)"),
        ((SCORES, "[[1, 0], [nan, 0.9], [0.5, 0.5]]"), "'answers', field 'scores': [1][0] must be"),
        (
            (SCORES, "[[1, 0], [0.2], [0.5, 0.5]]"),
            "'scores': must be rows of one length; [0]",
        ),
        ((f"scores = {SCORES}", ""), "level 'answers', field 'scores': is missing"),
        ((SCORES, '"missing.csv"'), "missing.csv"),
        ((SCORES, '"../judges.csv"'), "judges.csv"),
        (('item = "a"', 'item = "z"'), "feedback 1: level 'answers' has no item 'z'"),
        (('source = "editor"\n', ""), "feedback 1, field 'source': is missing"),
        (
            ("confidence = 0.9", "confidence = true"),
            "feedback 1, field 'confidence': must be",
        ),
        (("confidence = 0.9", "confidence = 2"), "feedback 1: confidence must lie in"),
        (('learn = ["judges"]', "patience = 3"), "fitting, field 'patience': is unknown"),
        (('learn = ["judges"]', 'learn = ["jduges"]'), "field 'learn': names no level: 'jduges'"),
        (('learn = ["judges"]', 'heed = ["lable"]'), "names no kind of feedback: 'lable'"),
        (('learn = ["judges"]', "tol = nan"), "fitting, field 'tol': must be a finite number"),
        (('learn = ["judges"]', "pull = -1"), "fitting: pull must be above 0"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, change: tuple[str, str], named: str) -> None:
    assert change[0] in TEXT
    with pytest.raises(PrecocialError, match=re.sub(r"([\[\]()])", r"\\\1", named)) as caught:
        read_hierarchy(written(tmp_path, TEXT.replace(*change)))
    said = str(caught.value)
    assert "\n" not in said
    assert str(tmp_path) in said or "judges.csv" in said
    assert "__init__" not in said


def test_a_table_needs_the_items_of_its_level(tmp_path: Path) -> None:
    with pytest.raises(PrecocialError, match="its columns must be the items of 'judges'"):
        read_hierarchy(written(tmp_path, table=TABLE.replace("even", "odd")))
    for wrong in ("much", "nan"):
        place = "judges.csv, line 4, column 'strict': must be a finite number"
        with pytest.raises(PrecocialError, match=place):
            read_hierarchy(written(tmp_path, table=TABLE.replace("0.4", wrong)))


def test_a_file_may_hold_what_python_takes() -> None:
    assert set(FIELDS["fitting"]) == {field.name for field in fields(Fitting)}
    assert set(FIELDS["levels"]) == {field.name for field in fields(Level)} - {"hypotheses"} | {
        "scores"
    }
    assert set(FIELDS["feedback"]) == set(inspect.signature(Hierarchy.feedback).parameters) - {
        "self"
    }
    settings = set(inspect.signature(Hierarchy).parameters) - {"levels", "scores"}
    assert set(FIELDS["top"]) == settings | {"levels", "feedback", "fitting"}


LINES = TEXT.splitlines()


@pytest.mark.wrong_types
@given(
    place=st.integers(0, len(LINES) - 1),
    line=st.sampled_from(["", "x = nan", "[[levels]]", "q = [1]", "items = 3", "scores = [[nan]]",
                          "initial = ['a', 'b']", "floor = -1", "tasks = ['t']", "depth = 'x'",
                          "feedback = 3", "share = 2", "semantics = 'both'", "levels = []"]),
)  # fmt: skip
def test_only_our_errors_escape(
    tmp_path_factory: pytest.TempPathFactory, place: int, line: str
) -> None:
    folder = tmp_path_factory.mktemp("levels")
    text = "\n".join([*LINES[:place], line, *LINES[place + 1 :]])
    try:
        hierarchy, _ = read_hierarchy(written(folder, text))
    except PrecocialError:
        return
    assert np.isfinite(fixed_point(hierarchy).actions).all()
