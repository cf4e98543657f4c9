"""The dip and its summary."""

from __future__ import annotations

import math

import pytest
import torch

from precocial.errors import ConfigError, FitError
from precocial.genome.lifetime.learning import learn
from precocial.genome.studies.dip import MARKS, REMEDIES, Remedy, _fall, dip_study, dips
from precocial.runs.intervals import over_seeds
from tests.genome.tiny_tasks import blobs, network


def test_a_fall_by_hand() -> None:
    row = _fall([(0, 0.8), (1, 0.7), (5, 0.75), (10, 0.8), (20, 0.9)])
    assert (row["born"], row["lowest"], row["lowest_step"]) == (0.8, 0.7, 1)
    assert row["dip"] == pytest.approx(0.1)
    assert (row["back_step"], row["end"]) == (10, 0.9)
    rising = _fall([(0, 0.2), (1, 0.3)])
    assert (rising["dip"], rising["back_step"]) == (0, 0)
    assert _fall([(0, 0.8), (1, 0.7)])["back_step"] is None


def test_adam_makes_an_able_network_worse_and_a_lower_rate_less_so() -> None:
    model, task = network(), blobs()
    list(learn(model, task, steps=300, rate=0.01, batch=60, marks=[]))
    remedies = (Remedy(name="Adam", rate=0.5), Remedy(name="lower", rate=1e-5))
    rows = list(
        dip_study(model, task, remedies=remedies, seeds=range(3), marks=(0, 1, 2, 5), batch=60)
    )
    assert [row["remedy"] for row in rows] == ["Adam"] * 3 + ["lower"] * 3
    worst, mild = dips(rows)
    assert worst.dip.mean > 0.1
    assert mild.dip.mean < 0.02
    assert worst.dip.seeds == 3
    before = model[0].weight.detach().clone()
    list(dip_study(model, task, remedies=remedies[:1], seeds=[0], marks=(0, 1), batch=60))
    assert torch.equal(model[0].weight, before)


def test_the_remedies_are_of_four_kinds() -> None:
    assert REMEDIES[0] == Remedy(name="Adam")
    assert len({remedy.name for remedy in REMEDIES}) == len(REMEDIES) == 5
    assert any(remedy.warmup_steps for remedy in REMEDIES)
    assert any(remedy.still_steps for remedy in REMEDIES)
    assert any(remedy.optimiser == "sgd" for remedy in REMEDIES)
    assert any(remedy.rate < 1e-3 and remedy.optimiser == "adam" for remedy in REMEDIES)
    assert MARKS[0] == 0
    with pytest.raises(ConfigError, match="step 0"):
        next(dip_study(network(), blobs(), marks=(1, 2)))


def test_an_interval_over_seeds() -> None:
    found = over_seeds([1.0, 2.0, 3.0])
    # t(0.975, 2) = 4.302653, standard error 1/sqrt(3)
    assert found.mean == 2
    assert found.high - 2 == pytest.approx(4.302653 / math.sqrt(3), rel=1e-6)
    assert found.excludes(-1)
    assert not found.excludes(0)
    assert over_seeds([5.0]).low == -math.inf
    with pytest.raises(FitError, match="no runs"):
        over_seeds([])
    with pytest.raises(FitError, match="finite"):
        over_seeds([1.0, math.inf])
