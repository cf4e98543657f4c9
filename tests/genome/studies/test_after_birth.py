"""Learning after birth as resumable runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from precocial.errors import ConfigError
from precocial.genome.experiment import named_task
from precocial.genome.lifetime.examples_saved import examples_saved
from precocial.genome.rivals.dense import TINY
from precocial.genome.studies.after_birth import (
    AfterBirthConfig,
    dipping,
    laptop,
    saving,
    smoke,
)
from precocial.genome.studies.dip import REMEDIES, dips
from precocial.runs import config_dict, config_from, run


def test_dips_are_measured_for_every_remedy_and_seed(tmp_path: Path) -> None:
    record = run(dipping, smoke(), tmp_path)
    assert len(record.rows) == 2 * len(REMEDIES)
    found = dips(record.rows)
    assert [row.remedy for row in found] == [remedy.name for remedy in REMEDIES]
    assert all(row.dip.seeds == 2 for row in found)
    born = {row["seed"]: row["born"] for row in record.rows}
    assert all(row["born"] == born[row["seed"]] for row in record.rows)
    assert all(row["curve"][0] == [0, row["born"]] for row in record.rows)


@pytest.mark.wrong_types
def test_lives_resume_and_give_a_worth(tmp_path: Path) -> None:
    record = run(saving, smoke(), tmp_path)
    assert len(record.rows) == 3 * 5 * 2
    for base in ("random", TINY):
        found = examples_saved(record.rows, base=base)
        assert [row.data for row in found.rows] == [0, 20, 60, 200, 600]
        assert all(row.low is not None for row in found.rows)

    class Earlier:
        rows = record.rows[:20]

    assert list(saving(smoke(), Earlier())) == list(record.rows[20:])  # type: ignore[arg-type]


def test_recipes_are_configs() -> None:
    for recipe in (laptop(), smoke()):
        assert config_from(AfterBirthConfig, config_dict(recipe)) == recipe
    assert named_task("digits").train.inputs.shape[1:] == (1, 8, 8)
    with pytest.raises(ConfigError, match="at least 1"):
        replace(smoke(), hidden=())
