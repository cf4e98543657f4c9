"""Learning guides evolution: closed forms, and the direction of selection."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from precocial.errors import ConfigError
from precocial.genome.lab.hinton_nowlan import (
    RIGHT,
    UNDECIDED,
    WRONG,
    HintonNowlanConfig,
    expected_fitness,
    fitness,
    guidance,
    hinton_nowlan,
    offspring,
    smoke,
)
from precocial.runs import run


def test_the_closed_form_is_the_sum_over_trials() -> None:
    for undecided in range(7):
        p, trials = 2.0**-undecided, 30
        left = sum(p * (1 - p) ** failed * (trials - failed) for failed in range(trials))
        assert expected_fitness(undecided, trials) == pytest.approx(1 + 19 * left / trials)
    assert expected_fitness(0, 1000) == 20
    assert expected_fitness(40, 1000) == pytest.approx(1, abs=1e-6)


def test_lives_agree_with_the_closed_form() -> None:
    random = np.random.default_rng(0)
    for undecided in (0, 2, 5):
        one = np.full(20, RIGHT, dtype=np.int8)
        one[:undecided] = UNDECIDED
        found = fitness(np.tile(one, (4000, 1)), random, trials=50)
        error = found.std() / 4000**0.5
        assert abs(found.mean() - expected_fitness(undecided, 50)) <= 5 * error
        one[7] = WRONG
        assert fitness(one[None], random, trials=50) == 1


def test_children_are_pieces_of_two_parents() -> None:
    parents = np.array([[RIGHT] * 8, [WRONG] * 8, [UNDECIDED] * 8], dtype=np.int8)
    weights = np.array([1.0, 1.0, 0.0])
    for _ in range(20):
        children = offspring(parents, weights, np.random.default_rng(_))
        assert not (children == UNDECIDED).any()
        assert (np.abs(np.diff(children, axis=1)) > 0).sum(axis=1).max() <= 1


def test_learning_makes_a_slope_where_there_is_none(tmp_path: Path) -> None:
    config = replace(smoke(), seeds=3)
    rows = run(hinton_nowlan, config, tmp_path).rows
    assert len(rows) == 2 * 3 * (config.generations + 1)
    for row in rows:
        assert row["right"] + row["wrong"] + row["undecided"] == pytest.approx(1)
    found = guidance(rows)
    assert found.right.mean > 0.5
    assert found.wrong.mean < 0.05
    assert found.fitness_gain.low > 0


def test_without_selection_nothing_changes() -> None:
    random = np.random.default_rng(1)
    genotypes = random.choice((0, 1, 2), size=(2000, 20), p=(0.25, 0.25, 0.5)).astype(np.int8)
    after = offspring(genotypes, np.ones(2000), random)
    assert abs((after == RIGHT).mean() - (genotypes == RIGHT).mean()) < 0.02


def test_settings_are_checked() -> None:
    with pytest.raises(ConfigError, match="undecided"):
        HintonNowlanConfig(undecided=1.2)
    with pytest.raises(ConfigError, match="at least 1"):
        HintonNowlanConfig(trials=0)
