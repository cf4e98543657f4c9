"""The grid: its rows, its resumption, and what is read from rows that are known."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from precocial.errors import ConfigError, FitError
from precocial.genome.lab import tradeoff as lab
from precocial.runs import Run, config_dict, config_from, run

Rows = list[dict[str, Any]]


def planted(outer: str = "innate") -> Rows:
    """c(0) = 0.1 + 0.5 (1 - sigma) b, c(T) = c(0) + 0.1 T; the gap is 0.1 b^2."""
    rows = []
    for sigma, lifetime, b, seed in itertools.product((0.0, 0.5, 1.0), (1, 2, 4), (1, 2), range(4)):
        birth = 0.1 + 0.2 * (1 - sigma) * b + 0.001 * seed
        rows.append({
            "variability": sigma, "lifetime": lifetime, "bytes": b, "seed": seed, "outer": outer,
            "birth": birth, "learned": birth + 0.1 * lifetime, "random_learned": 0.1, "chance": 0.1,
            "ancestral": birth + 0.1 * b**2, "gap": 0.1 * b**2, "survival": 0.5 + 0.1 * b,
            "random_survival": 0.6, "file_bytes": 10 * b, "share": None,
        })  # fmt: skip
    return rows


def test_planted_signs_hold() -> None:
    found = lab.predictions(planted())
    assert [one.verdict for one in found] == ["holds"] * 4  # two sizes are one step
    assert found[2].change.mean == pytest.approx(0.1)
    assert found[3].change.mean == pytest.approx(0.3)
    more = [row | {"bytes": 3, "birth": 0.95, "gap": 0.9} for row in planted() if row["bytes"] == 2]
    assert [one.verdict for one in lab.predictions([*planted(), *more])][2:] == ["holds"] * 4
    assert {one.axis for one in found} == set(lab.AXES)


def test_a_failing_sign_is_said_plainly() -> None:
    rows = [row | {"gap": -row["gap"]} for row in planted("baldwin")]
    found = {one.statement: one.verdict for one in lab.predictions(rows)}
    assert found["bytes up: then the gap widens"] == "fails"
    assert found["bytes up: instinct rises"] == "holds"
    # the planted score at birth does not depend on the lifetime
    assert found["lifetime up: the score at birth falls"] == "not decided"


def test_noise_is_not_decided() -> None:
    rows = [row | {"gap": (-1) ** row["seed"] * row["bytes"]} for row in planted()]
    assert lab.predictions(rows)[-1].verdict == "not decided"


def test_the_share_is_a_ratio_of_means() -> None:
    one = lab.contrast(planted(), "lifetime", "share", 1, 4)
    birth = 0.2 * 0.5 * 1.5  # means over sigma and bytes
    assert one.mean == pytest.approx(birth / (birth + 0.4) - birth / (birth + 0.1), abs=2e-3)


def test_half_of_the_ability_is_instinct_where_it_is_planted() -> None:
    found = {(one.lifetime, one.bytes): one for one in lab.half_line(planted())}
    # c(0) - chance = 0.1 T; at T = 2, b = 2: 0.4 (1 - sigma) = 0.2
    assert found[2, 2].variability == pytest.approx(0.5, abs=0.01)
    assert found[2, 2].status == "measured"
    assert found[4, 1].status == "below_range"
    assert found[4, 1].variability is None
    still = [row for row in planted() if row["variability"] < 0.3]
    assert {one.status for one in lab.half_line(still) if one.bytes == 2} >= {"above_range"}


def test_where_next_to_nothing_is_learned_there_is_no_share() -> None:
    rows = [
        row | {"learned": row["chance"] + 0.01, "birth": row["chance"] + 0.13}
        if row["lifetime"] == 1 or row["variability"] == 1 else row
        for row in planted()
    ]  # fmt: skip
    table = {
        (r["variability"], r["lifetime"], r["bytes"]): r["share"] for r in lab.cell_table(rows)
    }
    assert table[0, 1, 1] is None
    assert table[0, 2, 1] is not None
    found = {(one.lifetime, one.bytes): one.status for one in lab.half_line(rows)}
    assert found[1, 1] == "undefined"
    # the least variable world decides; the most variable one cannot be read
    assert found[4, 1] == "below_range"
    assert found[2, 2] == "undefined"
    # neither axis has a share at both ends: those signs are left out
    assert [one.figure for one in lab.predictions(rows)] == ["birth", "gap"]


def test_cells_sum_up_their_seeds() -> None:
    table = lab.cell_table(planted())
    assert len(table) == 18
    cell = next(r for r in table if (r["variability"], r["lifetime"], r["bytes"]) == (0, 1, 2))
    assert cell["birth"] == pytest.approx(0.5015)
    assert cell["birth_half"] > 0
    assert cell["takeover"] == pytest.approx(59.6, abs=0.1)
    assert next(r for r in table if r["bytes"] == 1)["takeover"] is None


def test_a_grid_needs_two_levels() -> None:
    with pytest.raises(FitError, match="one level of bytes"):
        lab.predictions([row for row in planted() if row["bytes"] == 1])
    with pytest.raises(FitError, match="no rows"):
        lab.contrast(planted(), "bytes", "gap", 1, 7)


def test_share_of_instinct() -> None:
    assert lab.instinct_share(0.5, 0.9, 0.1) == pytest.approx(0.5)
    assert lab.instinct_share(0.5, 0.1, 0.1) is None


TINY = replace(
    lab.smoke(), hidden=6, variabilities=(0.0, 1.0), lifetimes=(1, 3), bytes=(330,), outer_steps=4,
    trials=1, seeds=2,
)  # fmt: skip


@pytest.mark.parametrize("outer", ["innate", "baldwin"])
def test_rows_of_a_run(tmp_path: Path, outer: lab.Outer) -> None:
    config = replace(TINY, outer=outer, seeds=1)
    rows = run(lab.tradeoff, config, tmp_path).rows
    assert [(r["variability"], r["lifetime"]) for r in rows] == [(0, 1), (0, 3), (1, 1), (1, 3)]
    for row in rows:
        assert row["file_bytes"] <= 330
        assert row["gap"] == pytest.approx(row["ancestral"] - row["birth"])
        assert 0 < row["survival"] <= 1
    assert (rows[0]["birth"] == rows[1]["birth"]) or outer == "baldwin"
    assert config_from(lab.TradeoffConfig, config_dict(config)) == config


def test_a_run_that_was_cut_short_ends_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(TINY, variabilities=(0.0,))
    whole = run(lab.tradeoff, config, tmp_path / "whole").rows

    monkeypatch.setattr(Run, "rows", property(lambda run: whole[:3]))
    assert list(lab.tradeoff(config, object.__new__(Run))) == list(whole[3:])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"bytes": (600, 350)}, "must rise"),
        ({"variabilities": ()}, "at least one level"),
        ({"outer": "lamarck"}, "outer"),
        ({"seeds": 0}, "seeds"),
        ({"data": "cats"}, "data"),
    ],
)
@pytest.mark.wrong_types
def test_settings_are_checked(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        replace(lab.smoke(), **change)


def test_recipes_can_be_made() -> None:
    assert lab.laptop_baldwin().outer == "baldwin"
    assert [len(levels) for levels in lab.laptop().levels] == [3, 3, 3]
    assert lab.laptop().seeds >= 5
