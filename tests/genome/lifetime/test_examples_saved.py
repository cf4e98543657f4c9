"""The worth of a genome in training examples."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from precocial.errors import ConfigError, DataError
from precocial.genome.data.examples import Examples
from precocial.genome.lifetime.examples_saved import Life, cut_short, examples_saved, few, lives
from precocial.genome.lifetime.learning import learn, randomised, score
from precocial.worth import Status
from tests.genome.tiny_tasks import blobs, network

TASK = blobs(count=600)


def planted(base: float, saved: float, sizes: Any, seeds: int = 3) -> list[dict[str, Any]]:
    """Curves loss = (d / base)^-1/2, the treated one with `saved` examples for nothing."""
    rows = []
    for arm, gift in (("random", 0.0), ("genome", saved)):
        for size in sizes:
            for seed in range(seeds):
                noise = 1 + 0.002 * (seed - 1)
                loss = noise * ((size + gift) / base) ** -0.5 if size + gift else 2.3
                row = {"arm": arm, "data": size, "seed": seed, "loss": loss, "error": loss / 10}
                rows.append(row)
    return rows


def test_a_planted_worth_is_read_with_its_interval() -> None:
    rows = planted(50, 200, [0, 50, 100, 200, 400, 800, 1600])
    for measure in ("loss", "error"):
        found = examples_saved(rows, measure=measure)
        for row in found.rows[:5]:
            assert row.status is Status.measured
            assert row.worth == pytest.approx(200, rel=0.02)
            assert row.low is not None
            assert row.high is not None
            assert row.low <= 200 * 1.001
            assert row.high >= 200 * 0.999
            assert row.high - row.low < 100
    assert found.base.data_unit == "examples"
    assert examples_saved(rows, at=[0]).rows[0].data == 0
    assert math.isfinite(examples_saved(rows, at=[0]).rows[0].worth or math.nan)


def test_a_network_that_has_seen_examples_is_worth_some() -> None:
    def able(seed: int) -> nn.Module:
        made = randomised(network(), seed)
        list(learn(made, few(TASK, 60, seed + 50), steps=80, rate=0.01, batch=30, marks=[]))
        return made

    newborns = {"random": lambda seed: randomised(network(), seed), "genome": able}
    life = Life(steps=60, rates=(0.01,), batch=20, looks=6)
    sizes = [4, 8, 16, 32, 64, 128, 256]
    rows = list(lives(newborns, TASK, sizes=[0, *sizes], seeds=range(3), life=life))
    assert len(rows) == 2 * 8 * 3
    at_birth = examples_saved(rows, at=[0]).rows[0]
    assert at_birth.low is not None
    assert at_birth.low > 10  # it has seen 60
    assert at_birth.worth is None or at_birth.worth < 256


def test_a_life_never_ends_worse_than_it_began_by_validation() -> None:
    row = next(
        lives(
            {"a": lambda seed: network()}, TASK, sizes=[8], seeds=[0],
            life=Life(steps=10, rates=(30.0,), batch=8, warmup_steps=0, looks=2),
        )
    )  # fmt: skip
    accuracy, loss = score(network(), TASK.test)
    assert (row["step"], row["rate"]) == (0, 0.0)
    assert row["loss"] == pytest.approx(loss)
    assert row["error"] == pytest.approx(1 - accuracy)


def test_of_several_rates_the_validation_examples_choose() -> None:
    life = Life(steps=40, rates=(1e-9, 0.01), batch=20, looks=4)
    newborns = {"a": lambda seed: network()}
    row = next(lives(newborns, TASK, sizes=[100], seeds=[0], life=life))
    assert row["rate"] == 0.01
    assert row["step"] > 0


def test_the_test_examples_choose_nothing() -> None:
    random = torch.Generator().manual_seed(0)
    noise = Examples(
        inputs=torch.randn(TASK.test.inputs.shape, generator=random),
        targets=torch.randint(TASK.classes, TASK.test.targets.shape, generator=random),
    )
    life = Life(steps=40, passes=0, rates=(0.1, 0.01, 1e-3), batch=20, looks=8)
    choices = [
        [(row["rate"], row["step"], row["valid_loss"]) for row in found]
        for found in (
            lives({"a": lambda seed: network()}, task, sizes=[8, 100], seeds=range(2), life=life)
            for task in (TASK, replace(TASK, test=noise))
        )
    ]
    assert choices[0] == choices[1]


def test_steps_grow_with_the_examples_and_looks_lie_closest_at_birth() -> None:
    life = Life(steps=100, passes=10, batch=20, looks=5)
    assert [life.most_steps(size) for size in (1, 8, 200, 400, 401)] == [100, 100, 100, 200, 201]
    assert life.marks(8) == [4, 16, 36, 64, 100]
    assert Life(steps=3, passes=0, looks=3).marks(8) == [1, 3]


def test_a_life_that_is_cut_short_is_told() -> None:
    newborns = {"slow": lambda seed: network(), "fast": lambda seed: network()}
    short = Life(steps=3, passes=0, rates=(1e-3,), batch=20, looks=3)
    rows = list(lives(newborns, TASK, sizes=[0, 100], seeds=range(2), life=short))
    assert cut_short(rows) == {"slow": 1.0, "fast": 1.0}
    rows = [row | {"late": row["late"] and row["arm"] == "slow"} for row in rows]
    assert cut_short(rows) == {"slow": 1.0, "fast": 0.0}


def test_a_rate_that_gets_no_better_is_given_up() -> None:
    seen: list[int] = []

    class Counting(nn.Sequential):
        def forward(self, input: torch.Tensor) -> torch.Tensor:
            seen.append(self.training)
            return super().forward(input)

    life = Life(steps=400, passes=0, rates=(30.0,), batch=8, warmup_steps=0, looks=20, patience=2)
    made = Counting(network())
    row = next(lives({"a": lambda seed: made}, TASK, sizes=[8], seeds=[0], life=life))
    assert row["step"] == 0
    assert sum(seen) < 100


def test_skipped_rows_are_the_first_ones() -> None:
    newborns = {"a": lambda seed: network(seed=seed), "b": lambda seed: network(seed=seed + 9)}
    life = Life(steps=4, rates=(0.01,), batch=8, looks=2)
    whole = list(lives(newborns, TASK, sizes=[0, 8], seeds=range(2), life=life))
    rest = list(lives(newborns, TASK, sizes=[0, 8], seeds=range(2), life=life, skip=3))
    assert rest == whole[3:]


def test_few_examples_are_nested_and_drawn_by_the_seed() -> None:
    small, large = few(TASK, 5, 1), few(TASK, 9, 1)
    assert torch.equal(small.train.inputs, large.train.inputs[:5])
    assert not torch.equal(few(TASK, 5, 2).train.inputs, small.train.inputs)
    assert small.valid is TASK.valid
    with pytest.raises(ConfigError, match=r"1\.\.300; got 0"):
        few(TASK, 0, 1)


def test_refusals() -> None:
    with pytest.raises(DataError, match="no rows of the arm 'tiny'; there are random, genome"):
        examples_saved(planted(50, 200, [50, 100, 200]), base="tiny")
    with pytest.raises(ConfigError, match="looks"):
        Life(looks=0)
    with pytest.raises(ConfigError, match="rates above 0"):
        Life(rates=())
    for wrong in ({"passes": math.nan}, {"passes": -1.0}, {"patience": 0}):
        with pytest.raises(ConfigError, match="passes"):
            Life(**wrong)
