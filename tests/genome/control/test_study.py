"""The study as a run: all arms, kills, and what the rows say."""

from __future__ import annotations

import functools
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from precocial.errors import ConfigError
from precocial.genome import Genome
from precocial.genome.control.episodes import policy_for
from precocial.genome.control.lives import Life
from precocial.genome.control.study import (
    ControlConfig,
    cartpole,
    cartpole_small,
    cheetah,
    control,
    every,
    first_mean,
    parts,
    smoke,
    steps_to,
)
from precocial.runs import config_dict, config_from, run
from tests.genome.killed import KilledError, kill_at_checkpoints

GENOMES = ["genome 1.5x", "genome 2x"]


@functools.cache
def whole() -> tuple[dict[str, Any], ...]:
    with tempfile.TemporaryDirectory() as root:
        record = run(control, smoke(), root)
        for arm, row in _births(record.rows).items():
            if arm.startswith(("genome", "evolved")):
                path = record.path / f"{arm.replace(' ', '-')}.genome"
                assert path.stat().st_size == row["bytes"]
                assert Genome.load(path).parameter_count == row["parameters"]
        return record.rows


def _births(rows: tuple[dict[str, Any], ...]) -> dict[str, dict[str, Any]]:
    return {row["arm"]: row for row in rows if row["kind"] == "birth"}


def test_every_arm_is_born_and_lives() -> None:
    evolved = [arm.replace("genome", "evolved") for arm in GENOMES]
    born = _births(whole())
    assert set(born) == {"random", "trained", "shuffled", *GENOMES, *evolved}
    assert born["trained"]["parameters"] == 4 * 16 + 16 + 16 * 2 + 2
    for arm, ratio in zip(GENOMES, (1.5, 2.0), strict=True):
        assert born[arm]["parameters"] <= born["trained"]["parameters"] / ratio
    assert born["trained"]["return"] > born["random"]["return"]
    lives = [row for row in whole() if row["kind"] == "life"]
    assert [row["arm"] for row in lives] == [*GENOMES, "trained", "random"]
    assert all(row["steps"] >= 1500 for row in lives)
    assert all(row["seed"] == 0 for row in whole())


def test_a_killed_run_ends_with_the_same_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill_at_checkpoints(monkeypatch, 2, 6)
    for _ in range(2):
        with pytest.raises(KilledError):
            run(control, smoke(), tmp_path)
    assert run(control, smoke(), tmp_path).rows == whole()


def test_a_rule_that_is_too_large_is_left_out(tmp_path: Path) -> None:
    few = replace(
        smoke(), decoders=("two_tower", "subspace"), ratios=(4.0, 5.0), evolution=None,
        life_steps=0,
    )  # fmt: skip
    record = run(control, few, tmp_path)
    assert {row["decoder"] for row in record.rows if "decoder" in row} == {"subspace"}
    with pytest.raises(ConfigError, match="ratio 4"):
        run(control, replace(few, decoders=("two_tower",)), tmp_path)


def test_recipes() -> None:
    for recipe in (smoke(), cartpole(), cartpole_small(), cheetah()):
        assert config_from(ControlConfig, config_dict(recipe)) == recipe
        assert len(recipe.ratios) >= 2
    assert cheetah().ratios == (4.9, 10.0, 20.0)
    assert cheetah().gravity == 1.5
    assert [config.seed for config in every(smoke(), seeds=3)] == [0, 1, 2]
    with pytest.raises(ConfigError, match="ratios"):
        replace(smoke(), ratios=(0.5,))
    with pytest.raises(ConfigError, match="at least 1"):
        replace(smoke(), window=0)


def life(returns: list[float]) -> Life:
    steps = tuple(10 * (k + 1) for k in range(len(returns)))
    return Life(policy=policy_for("CartPole-v1", (2,), 0), steps=steps, returns=tuple(returns))


def test_the_first_episodes_are_the_first() -> None:
    assert first_mean(life([1, 3, 5, 9]), 2) == 2
    assert first_mean(life([1, 3, 5, 9]), 3) == 3
    assert first_mean(life([4]), 2) == 4


def test_steps_to_a_level() -> None:
    assert steps_to(life([1, 1, 5, 3, 9]), 4, 2) == 40
    assert steps_to(life([1, 1, 5, 3, 9]), 4, 1) == 30
    assert steps_to(life([1, 1, 5]), 9, 2) is None
    assert steps_to(life([9]), 1, 2) is None
    assert parts(life([1, 3, 5, 7]), 2) == [[20, 2.0], [40, 6.0]]
