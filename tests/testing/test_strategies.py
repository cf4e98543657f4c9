"""The strategies give what they promise, and need hypothesis only when asked for."""

from __future__ import annotations

import builtins
import importlib
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import find, given, settings

import precocial.testing
from precocial.errors import ConfigError, MissingExtraError
from precocial.feedback import Item
from precocial.feedback.records import decode, encode
from precocial.testing import st_curve, st_feedback, st_run_table_rows
from precocial.worth import Curve

QUICK = settings(max_examples=2000, derandomize=True, database=None)


@given(st_curve(levels=(2, 5), seeds=(2, 3), arm="mine"))
def test_curves_keep_to_their_ranges(curve: Curve) -> None:
    levels = curve.levels()
    assert 2 <= len(levels) <= 5
    assert set(levels.runs.tolist()) <= {2, 3}
    assert curve.arm == "mine"
    assert (curve.data > 0).all()


def test_curves_reach_the_cases_that_matter() -> None:
    find(st_curve(rough=0.5), lambda c: bool(np.any(np.diff(c.levels().mean) > 0)), settings=QUICK)
    find(st_curve(zero_shot=True), lambda c: bool(c.data[0] == 0), settings=QUICK)
    find(st_curve(), lambda c: len(set(c.levels().runs.tolist())) > 1, settings=QUICK)


@pytest.mark.wrong_types  # an array of text has the length of its texts in its type
@given(st_run_table_rows(sizes=(2, 3)))
def test_rows_make_a_run_table(rows: list[dict[str, Any]]) -> None:
    from precocial.transfer.table import RunTable

    table = RunTable.from_rows(rows)
    assert len(table) == len(rows)
    assert len(table.scratch) == len(table.pretrained) > 0


@pytest.mark.parametrize("arguments", [{"levels": (3, 2)}, {"seeds": (0, 1)}])
def test_empty_ranges_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(arguments))):
        st_curve(**arguments)


def test_empty_ranges_of_tables_are_refused() -> None:
    with pytest.raises(ConfigError, match="amounts"):
        st_run_table_rows(amounts=(4, 2))


def test_without_hypothesis_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = builtins.__import__

    def blocked(name: str, *rest: Any, **named: Any) -> Any:
        if name.startswith("hypothesis"):
            raise ImportError(name)
        return real(name, *rest, **named)

    monkeypatch.delitem(sys.modules, "precocial.testing.strategies")
    monkeypatch.setattr(builtins, "__import__", blocked)
    with pytest.raises(MissingExtraError, match="pip install hypothesis"):
        importlib.import_module("precocial.testing.strategies")


def test_the_package_and_its_checks_load_no_hypothesis() -> None:
    code = (
        "import sys, precocial.testing; precocial.testing.check_law;"
        "sys.exit('hypothesis' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_package_lists_what_it_has() -> None:
    for name in precocial.testing.__all__:
        assert getattr(precocial.testing, name) is not None
    assert dir(precocial.testing) == sorted(precocial.testing.__all__)
    with pytest.raises(AttributeError, match="no attribute 'absent'"):
        precocial.testing.absent  # noqa: B018


@given(st_feedback())
def test_feedback_is_made_of_items(item: Item) -> None:
    assert decode(encode(item)) == item


def test_feedback_reaches_the_cases_that_matter() -> None:
    for case in (
        lambda item: item.type == "comparison" and isinstance(item.chosen, tuple),
        lambda item: item.type == "statement" and item.what.kind == "item",
        lambda item: item.source.startswith("="),
        lambda item: item.confidence == 0 and item.time is not None,
    ):
        find(st_feedback(), case, settings=QUICK)


def test_feedback_keeps_to_its_types() -> None:
    with pytest.raises(ConfigError, match="types must be out of label"):
        st_feedback(types=("dog",))
