"""Bits gained: closed forms, and what a wrong planner does to them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from precocial.errors import ConfigError
from precocial.preferences.information import (
    InformationConfig,
    gained_bits,
    informations,
    shipped,
    summary,
)
from precocial.preferences.worlds.grids import AGENTS
from precocial.runs import run

TINY = InformationConfig(worlds=1, hypotheses=8, size=6, rewards=2, steps=10)


def test_bits_of_certainty_of_nothing_and_of_error() -> None:
    sure = np.where(np.eye(8) > 0, 0.0, -1e9)
    assert gained_bits(sure) == pytest.approx(3.0)
    assert gained_bits(np.zeros((8, 8))) == pytest.approx(0.0)
    # A posterior of 1/16 where the prior was 1/2.
    assert gained_bits(np.log([[1 / 16, 15 / 16], [15 / 16, 1 / 16]])) == pytest.approx(-3.0)
    with pytest.raises(ConfigError, match="table"):
        gained_bits(np.zeros(3))


def test_known_planners_tell_something(tmp_path: Path) -> None:
    (row,) = run(informations, TINY, tmp_path).rows
    for agent in AGENTS:
        assert 0 < row[f"{agent} right"] <= 3
        assert row[f"{agent} rational"] <= row[f"{agent} right"] + 0.5
    assert row["optimal right"] == row["optimal rational"]
    table = summary([row])
    assert table[0]["over_optimal"] == 0
    with pytest.raises(ConfigError, match="at least 1"):
        replace(TINY, worlds=0)


def test_a_discounter_taken_for_rational_misleads() -> None:
    by = {row["agent"]: row for row in shipped()}
    assert tuple(by) == AGENTS
    for agent in ("naive", "sophisticated"):
        assert by[agent]["right"] > 3
        assert by[agent]["rational"] + 3 * by[agent]["rational_se"] < 0
    # Here, other than what Chan et al. report of their biases, no known bias tells more.
    assert all(row["over_optimal"] <= 2 * row["over_optimal_se"] for row in shipped())
