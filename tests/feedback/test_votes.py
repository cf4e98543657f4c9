from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from precocial.errors import ConfigError, DataError, PrecocialError
from precocial.feedback.records import Label
from precocial.feedback.simulated import Panel, simulate_teachers
from precocial.feedback.tables import read_crowd
from precocial.feedback.votes import Votes, as_votes, gold_labels, gold_positions, votes_of


def rows(given: Votes) -> set[tuple[str, str, str]]:
    return {
        (given.tasks[t], given.teachers[w], given.classes[y])
        for t, w, y in zip(given.task, given.teacher, given.label, strict=True)
    }


def test_votes_are_sorted_by_task_and_keep_what_was_said() -> None:
    made = as_votes(["b", "a", "b"], ["x", "x", "y"], ["yes", "no", "no"])
    assert made.tasks == ("b", "a")
    assert made.teachers == ("x", "y")
    assert made.classes == ("no", "yes")
    assert made.task.tolist() == [0, 0, 1]
    assert made.starts.tolist() == [0, 2, 3]
    assert made.counts().tolist() == [[1, 1], [1, 0]]
    assert rows(made) == {("b", "x", "yes"), ("a", "x", "no"), ("b", "y", "no")}
    assert rows(made.kept(made.label == 1)) == {("b", "x", "yes")}


def test_numbers_floats_and_text_of_one_value_are_one_class_in_the_order_of_numbers() -> None:
    made = as_votes([1, 1.0, "1", 2], ["w"] * 4, [10, 9.0, "10", np.int64(2)])
    assert made.tasks == ("1", "2")
    assert made.classes == ("2", "9", "10")
    assert made.label.tolist() == [2, 1, 2, 0]


@pytest.mark.parametrize("kind", [list, np.array, pd.Series, iter])
def test_columns_of_any_kind_are_read_alike(kind: Any) -> None:
    made = as_votes(kind([7, 3, 7]), kind([0, 0, 1]), kind([1, 0, 1]))
    assert made.tasks == ("7", "3")
    assert rows(made) == {("7", "0", "1"), ("3", "0", "0"), ("7", "1", "1")}


@pytest.mark.parametrize("missing", [None, float("nan"), "", "  ", pd.NA, pd.NaT, float("inf")])
def test_missing_values_are_refused_with_their_line(missing: Any) -> None:
    with pytest.raises(DataError, match="line 2, column 'worker'"):
        as_votes(["a", "b"], ["x", missing], ["0", "1"])


def test_empty_and_uneven_columns_are_refused() -> None:
    with pytest.raises(DataError, match="got none"):
        as_votes([], [], [])
    with pytest.raises(DataError, match="one length"):
        as_votes(["a"], ["x", "y"], ["0"])
    with pytest.raises(DataError, match="unhashable"):
        as_votes([["a"]], ["x"], ["0"])


@pytest.mark.wrong_types
def test_what_is_no_column_is_refused() -> None:
    with pytest.raises(ConfigError, match="sequence"):
        as_votes("abc", ["x"], ["0"])
    with pytest.raises(ConfigError, match="shape"):
        as_votes(np.zeros((2, 2)), ["x"], ["0"])
    with pytest.raises(ConfigError, match="duplicates"):
        as_votes(["a"], ["x"], ["0"], duplicates="first")  # type: ignore[arg-type]


def test_unknown_classes_and_tasks_are_refused_where_known_ones_are_given() -> None:
    with pytest.raises(DataError, match=r"line 2, column 'label'.*unknown label: \['maybe'\]"):
        as_votes(["a", "b"], ["x", "x"], ["no", "maybe"], classes=["no", "yes"])
    with pytest.raises(DataError, match="unknown task"):
        as_votes(["a", "b"], ["x", "x"], ["no", "no"], tasks=["a"])
    with pytest.raises(ConfigError, match="named twice"):
        as_votes(["a"], ["x"], ["no"], classes=["no", "no"])
    made = as_votes(["a"], ["x"], ["no"], classes=["yes", "no"], tasks=["z", "a"])
    assert made.classes == ("yes", "no")
    assert made.starts.tolist() == [0, 0, 1]


def test_two_votes_of_a_teacher_on_a_task() -> None:
    columns = ["a", "a", "b"], ["x", "x", "x"], ["0", "1", "1"]
    assert len(as_votes(*columns)) == 3
    assert rows(as_votes(*columns, duplicates="last")) == {("a", "x", "1"), ("b", "x", "1")}
    with pytest.raises(DataError, match="'x' voted more than once on task 'a'"):
        as_votes(*columns, duplicates="refuse")


def test_gold_that_contradicts_itself_is_refused() -> None:
    assert gold_labels(["a", "a", 1], ["0", "0", 2.0]) == {"a": "0", "1": "2"}
    assert gold_labels([], []) == {}
    with pytest.raises(DataError, match="'a' is called '0' and '1'"):
        gold_labels(["a", "a"], ["0", "1"])


def test_gold_must_be_about_known_tasks_and_classes() -> None:
    made = as_votes(["a", "b"], ["x", "x"], ["0", "1"])
    assert gold_positions(made, {"b": 1}).tolist() == [-1, 1]
    assert gold_positions(made, None).tolist() == [-1, -1]
    with pytest.raises(DataError, match="not among the votes"):
        gold_positions(made, {"c": "0"})
    with pytest.raises(DataError, match="unknown classes"):
        gold_positions(made, {"a": "2"})
    with pytest.raises(DataError, match="missing"):
        gold_positions(made, {"a": None})
    with pytest.raises(DataError, match="same name"):
        gold_positions(as_votes([1], ["x"], ["0"]), {1: "0", "1": "0"})


def test_votes_out_of_order_or_out_of_range_are_refused() -> None:
    names: Any = {"tasks": ("a", "b"), "teachers": ("x",), "classes": ("0",)}
    two = np.zeros(2, dtype=np.int32)
    with pytest.raises(DataError, match="sorted"):
        Votes(task=np.array([1, 0], dtype=np.int32), teacher=two, label=two, **names)
    with pytest.raises(DataError, match="label must lie"):
        Votes(task=two, teacher=two, label=two + 1, **names)
    with pytest.raises(DataError, match="one length"):
        Votes(task=two, teacher=two, label=two[:1], **names)


ANYTHING = st.one_of(
    st.none(), st.integers(-3, 3), st.floats(), st.text(max_size=3), st.booleans(),
    st.lists(st.integers(), max_size=1),
)  # fmt: skip


@given(st.lists(st.tuples(ANYTHING, ANYTHING, ANYTHING), max_size=6))
def test_whatever_the_columns_hold_it_is_read_or_refused(table: list[tuple[Any, Any, Any]]) -> None:
    columns = [[row[i] for row in table] for i in range(3)]
    try:
        made = as_votes(*columns)
    except PrecocialError:
        return
    assert len(made) == len(table)
    whole = [int(v) if isinstance(v, float) and v.is_integer() else v for v in columns[2]]
    texts = {str(v).strip() for v in whole}
    assert set(made.classes) == texts


def test_a_million_rows() -> None:
    size = 1_000_000
    task = [f"t{i}" for i in range(size // 5)] * 5
    made = as_votes(task, np.arange(size) % 997, np.arange(size) % 3)
    assert len(made) == size
    assert (np.diff(made.starts) == 5).all()


@pytest.mark.wrong_types
def test_votes_of_whatever_holds_them(tmp_path: Path) -> None:
    rows = [("a", "x", "0"), ("a", "y", "0"), ("b", "x", "1"), ("b", "z", "0")]
    task, worker, label = zip(*rows, strict=True)
    expected = as_votes(task, worker, label)
    (tmp_path / "v.csv").write_text("\n".join(map(",".join, [("task", "worker", "label"), *rows])))
    labels = [Label(source=w, task=t, label=y) for t, w, y in rows]
    simulated = simulate_teachers(np.array([0, 1, 0]), Panel(), classes=2, seed=0)
    for held in (expected, (task, worker, label), read_crowd(tmp_path / "v.csv"), labels):
        found = votes_of(held)
        for name in ("task", "teacher", "label"):
            assert getattr(found, name).tolist() == getattr(expected, name).tolist()
        assert found.teachers == ("x", "y", "z")
    assert len(votes_of(simulated)) == len(simulated.task)
    dicts = [dict(zip(("task", "worker", "label"), row, strict=True)) for row in rows[:3]]
    for wrong in (rows[:3], dicts):
        with pytest.raises(ConfigError, match="columns and not rows"):
            votes_of(wrong)


def test_names_that_are_no_numbers_are_sorted_as_text() -> None:
    many = "9" * 5000
    for odd in ("--3", many):
        assert as_votes(["t", "t"], ["x", "y"], [odd, "2"]).classes == tuple(sorted((odd, "2")))


def test_a_tensor_is_a_column_of_numbers() -> None:
    made = as_votes(torch.tensor([0, 1]), torch.tensor([1, 0]), torch.tensor([3, 2]))
    assert made.classes == ("2", "3")
    assert made.tasks == ("0", "1")
