"""The paper's negative results: the runs, and figures on curves that are known."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from precocial.errors import ConfigError, FitError
from precocial.genome.experiment import perceptron_for
from precocial.genome.loops.configs import Innate
from precocial.genome.studies.negatives import (
    AT_BIRTH,
    NegativesConfig,
    arms,
    chance_at_birth,
    curves,
    gains,
    laptop_curves,
    laptop_layers,
    layer_names,
    layers,
    marks,
    reached,
    shift,
    smoke,
    with_classes,
)
from precocial.runs import config_dict, config_from, run
from tests.genome.tiny_tasks import blobs, digits

Rows = list[dict[str, Any]]


def planted(speed: float, head_start: float, *, seeds: int = 3) -> Rows:
    """accuracy = 1 - 0.9 exp(-t / 100); the newborn starts on its way."""
    rows = []
    for arm, seed in itertools.product(("genome", "random"), range(seeds)):
        born = arm == "genome"
        for step in range(0, 1001, 2):
            time = (head_start + speed * step if born else step) * (1 + 0.01 * seed)
            accuracy = 1 - 0.9 * math.exp(-time / 100)
            rows.append({"arm": arm, "seed": seed, "step": step, "accuracy": accuracy})
    return rows


def test_a_shifted_curve_is_not_steeper() -> None:
    found = shift(planted(1, 80))
    assert found.head_start_steps.mean == pytest.approx(80, rel=0.01)
    assert found.log_ratio.mean == pytest.approx(0, abs=0.01)
    assert not found.steeper
    assert found.birth.mean == pytest.approx(1 - 0.9 * math.exp(-0.8), abs=0.01)


def test_a_steeper_curve_is_called_steeper_and_a_flatter_one_not() -> None:
    faster, slower = shift(planted(2, 80)), shift(planted(0.5, 80))
    assert faster.log_ratio.mean == pytest.approx(-math.log(2), abs=0.02)
    assert faster.steeper
    assert slower.log_ratio.mean == pytest.approx(math.log(2), abs=0.02)
    assert not slower.steeper


def test_a_random_network_that_never_gets_there() -> None:
    rows = [row for row in planted(1, 500) if row["step"] < 100]
    with pytest.raises(FitError, match="let it live longer"):
        shift(rows)


def test_chance_counts_genomes_and_not_shuffles() -> None:
    def rows(means: list[float]) -> Rows:
        return [
            {"arm": AT_BIRTH, "seed": seed, "number": n, "accuracy": mean + (n % 2) * 0.02}
            for seed, mean in enumerate(means)
            for n in range(20)
        ]

    near = chance_at_birth(rows([0.08, 0.09, 0.1]), 10)
    assert near.mean == pytest.approx(0.1)
    assert near.standard_error == pytest.approx(0.01 / math.sqrt(3))
    assert near.at_chance
    assert not chance_at_birth(rows([0.18, 0.19, 0.2]), 10).at_chance
    with pytest.raises(FitError, match="2 seeds"):
        chance_at_birth(rows([0.1]), 10)


def test_gains_are_paired_by_seed() -> None:
    rows = []
    for arm, seed in itertools.product(("none", "first 1", "last 1"), range(4)):
        better = {"none": 0.0, "first 1": 0.05, "last 1": -0.05}[arm]
        for step in (0, 10, 20, 30):
            level = 0.2 + 0.01 * step + 0.1 * seed
            rows.append(
                {"arm": arm, "seed": seed, "step": step, "accuracy": level + better * (step > 0)}
            )
    # an arm that learns nothing: its steps are those of a whole life
    rows += [
        {"arm": "dead", "seed": seed, "step": step, "accuracy": 0.2}
        for seed, step in itertools.product(range(4), (0, 10, 20, 30))
    ]
    none, first, last, dead = gains(rows, 5)
    assert 0 < last.half_way.mean < dead.half_way.mean < math.log(31)
    assert none.accuracy.mean == 0
    assert first.accuracy.mean == pytest.approx(0.05)
    assert first.accuracy.low == pytest.approx(0.05)  # the seeds' own level cancels
    assert last.accuracy.mean == pytest.approx(-0.05)
    assert first.half_way.mean < 0 < last.half_way.mean


def test_when_a_level_is_reached() -> None:
    steps, accuracy = np.array([0.0, 10.0, 20.0]), np.array([0.1, 0.5, 0.4])
    assert reached(steps, accuracy, 0.3) == pytest.approx(5)
    assert reached(steps, accuracy, 0.05) == 0
    assert reached(steps, accuracy, 0.6) == math.inf


def test_arms_hold_the_layers_that_they_name() -> None:
    task = blobs()
    random, born, trained = (perceptron_for(task, (8, 6), seed) for seed in range(3))
    found = arms(random, born, trained)
    assert list(found)[:6] == ["none", "all", "first 1", "last 1", "first 2", "last 2"]
    names = layer_names(random)
    assert names == ["1", "3", "5"]
    expected = {"first 1": "brr", "last 2": "rbb", "trained last 1": "rrt", "all": "bbb"}
    donors = {"r": random, "b": born, "t": trained}
    for arm, letters in expected.items():
        for name, letter in zip(names, letters, strict=True):
            own = found[arm].get_parameter(f"{name}.weight")
            assert torch.equal(own, donors[letter].get_parameter(f"{name}.weight"))
    assert torch.equal(random.get_parameter("1.weight"), found["none"].get_parameter("1.weight"))


def test_classes_are_kept_and_numbered_from_0() -> None:
    half = with_classes(digits(), range(5, 10))
    assert half.classes == 5
    assert sorted(set(half.train.targets.tolist())) == [0, 1, 2, 3, 4]
    whole = digits().test
    inside = whole.inputs[whole.targets >= 5]
    assert torch.equal(half.test.inputs, inside)


@pytest.mark.wrong_types
def test_the_smoke_runs_resume(tmp_path: Path) -> None:
    loop = Innate(steps=10, batch=50, evaluate_every=10)
    config = replace(smoke(), loop=loop, steps=5)
    for experiment in (curves, layers):
        whole = run(experiment, config, tmp_path / "whole")
        half = list(whole.rows)[: len(whole.rows) * 2 // 3]

        class Earlier:
            rows = tuple(half)

        rest = list(experiment(config, Earlier()))  # type: ignore[arg-type]
        assert half + rest == list(whole.rows)
    assert {row["arm"] for row in whole.rows} >= {"none", "all", "first 2", "trained last 1"}


def test_recipes_are_configs() -> None:
    for recipe in (laptop_curves(), laptop_layers(), smoke()):
        assert config_from(NegativesConfig, config_dict(recipe)) == recipe
    assert len(laptop_layers().hidden) == 2
    assert marks(1000)[0] == 0
    assert marks(1000)[-1] == 1000
    with pytest.raises(ConfigError, match="at least 1"):
        NegativesConfig(hidden=())
