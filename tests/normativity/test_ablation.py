"""The ablation of levels: arms that are what they say, rows that resume, intervals that cover."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from precocial.errors import ConfigError
from precocial.normativity.ablation import (
    ARMS,
    AblationConfig,
    ablate,
    ablation,
    compared,
    hierarchy_of,
    laptop_ablation,
    problem_of,
    smoke_ablation,
)
from precocial.normativity.fitting import Fitting
from precocial.runs import run
from tests.normativity.worlds import random_tower

TINY = replace(smoke_ablation(), problems=2, most_steps=6)


class Begun:
    """A run that has some rows already."""

    def __init__(self, rows: int) -> None:
        self.rows = ({},) * rows


def test_a_run_has_every_arm_of_every_problem(tmp_path: Path) -> None:
    rows = run(ablation, TINY, tmp_path).rows
    assert [(row["problem"], row["arm"]) for row in rows] == [
        (number, arm) for number in range(2) for arm in ARMS
    ]
    for row in rows:
        assert 0 <= row["accuracy"] <= 1
        assert 0 <= row["probability"] <= 1
        assert row["operations"] > 0
        if row["arm"] == "plain":
            assert row["operations_ratio"] == row["wall_ratio"] == 1
    by = {(row["problem"], row["arm"]): row for row in rows}
    # what is learned of labels alone says nothing of tasks that nobody labelled
    assert by[0, "labels alone"]["probability"] == pytest.approx(by[0, "nothing"]["probability"])
    assert by[0, "every level"]["objective"] > by[0, "nothing"]["objective"]


@pytest.mark.wrong_types
def test_the_rows_do_not_depend_on_where_a_run_began(tmp_path: Path) -> None:
    config = replace(TINY, arms=("nothing", "plain", "judges alone"))
    whole = list(run(ablation, config, tmp_path).rows)
    rest = list(ablation(config, Begun(4)))  # type: ignore[arg-type]
    timed = ("wall_s", "wall_ratio")
    for one, other in zip(rest, whole[4:], strict=True):
        assert {k: v for k, v in one.items() if k not in timed} == {
            k: v for k, v in other.items() if k not in timed
        }


def test_the_problem_is_what_it_says() -> None:
    config = laptop_ablation()
    one, same, other = problem_of(config, 3), problem_of(config, 3), problem_of(config, 4)
    assert (one.votes == same.votes).all()
    assert (one.votes != other.votes).any()
    fooled = one.votes[~one.careful][:, one.truth == 0]
    assert (fooled == 1).mean() > 0.7
    assert (one.votes[one.careful] == one.truth).mean() == pytest.approx(0.8, abs=0.06)
    care, popular = one.views[one.right], one.views[~one.right]
    assert care[:, one.careful].mean() > care[:, ~one.careful].mean() + 0.5
    assert popular[:, one.careful].mean() < popular[:, ~one.careful].mean() - 0.5
    labelled = {str(said.get("item")) for said in one.said if said["level"] == "labels"}
    assert labelled <= {"class 0", "class 1", "class 2"}
    assert len(one.held) == config.tasks - config.labels
    safe = hierarchy_of(config, one, safe=True).levels[2]
    assert safe.p[one.right].sum() == pytest.approx(0.98)
    assert len(hierarchy_of(config, one, judged=False).levels) == 2


def test_any_hierarchy_can_be_ablated() -> None:
    H = random_tower(1, m=6)
    H.feedback(level=1, item="process 1", source="x", value=0.0)
    rows = list(ablate(H, lambda fitted: fitted.kl["processes"], Fitting(most_steps=20)))
    assert [row["arm"] for row in rows] == [
        "every level", "without labels", "without processes", "labels alone", "processes alone",
    ]  # fmt: skip
    by = {row["arm"]: row["value"] for row in rows}
    assert by["without processes"] == by["labels alone"] == 0
    assert by["processes alone"] > 0.01


def test_an_interval_covers_the_difference_as_often_as_it_says() -> None:
    rng, hits = np.random.default_rng(0), 0
    for _ in range(200):
        shared, noise = rng.normal(size=12), rng.normal(size=12)
        rows = [{"arm": "every level", "problem": i, "x": v} for i, v in enumerate(shared)]
        rows += [{"arm": "b", "problem": i, "x": v + 1} for i, v in enumerate(shared + 0.3 * noise)]
        found = compared(rows, figure="x")[1]
        hits += found.interval[0] <= 1 <= found.interval[1]
    assert 180 <= hits <= 198


def test_bad_ablations_are_refused() -> None:
    for given in ({"arms": ("luck",)}, {"labels": 60}, {"scored": 99}, {"judges": 1}):
        with pytest.raises(ConfigError):
            AblationConfig(**given)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="figure"):
        compared([{"arm": "every level"}], figure="figure")
    with pytest.raises(ConfigError, match="two problems"):
        compared([{"arm": "every level", "problem": 0, "x": 1.0}], figure="x")
