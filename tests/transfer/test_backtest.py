"""Laws chosen by how they would have forecast larger runs."""

from __future__ import annotations

import numpy as np
import pytest

from precocial.errors import ConfigError, FitError
from precocial.transfer import backtest
from precocial.transfer.backtest import ORIGINS, _train_mask
from tests.transfer.planted import ADDITIVE, changed, drawn, ladder

GADRE = {"E": 1.2, "A": 40.0, "B": 200.0, "b": 0.28}
KAPLAN = {"a_N": 0.076, "a_D": 0.103, "N_c": 6.4e13, "D_c": 1.8e13}


@pytest.mark.parametrize(
    ("law", "parameters"), [("additive", ADDITIVE), ("gadre", GADRE), ("kaplan", KAPLAN)]
)
def test_the_law_that_made_the_runs_wins(law: str, parameters: dict[str, float]) -> None:
    found = backtest(
        ladder(law, parameters), laws=["additive", "gadre", "kaplan"], origins=[0.6, 0.8]
    )
    assert found.best.law == law
    assert found.best.error < 1e-5
    assert found.axis == "flops"
    assert [row["chosen"] for row in found.rows()] == [True, False, False]
    assert found.candidates[-1].error > 1e-3


def test_ties_go_to_fewer_parameters() -> None:
    # the additive law holds the tied one: both are exact
    found = backtest(ladder("gadre", GADRE), laws=["additive", "gadre"], origins=[0.8])
    assert [c.law for c in found.candidates] == ["gadre", "additive"]
    assert found.candidates[1].error < 1e-5


def test_several_tables_share_a_law() -> None:
    one, other = ladder("gadre", GADRE), ladder("gadre", {**GADRE, "E": 2.0, "A": 80.0})
    found = backtest([one, other], laws=["gadre", "kaplan"], origins=[0.6, 0.8])
    assert found.best.law == "gadre"
    assert found.best.folds == 4
    assert found.best.failed == 0


def test_counting_is_chosen_too() -> None:
    table = ladder("gadre", GADRE)
    embeddings = changed(table, N_total=table.N, N=table.N / (1 + 3e5 / np.sqrt(table.N)))
    found = backtest(embeddings, laws=["gadre"], origins=[0.6, 0.8])
    assert [c.counting for c in found.candidates] == ["N_total", "N"]
    assert found.best.error < 1e-5


def test_one_size_is_tested_along_the_data() -> None:
    table = ladder("power", {"E": 1.2, "B": 300.0, "b": 0.28})
    found = backtest(table, origins=[0.8])
    assert found.axis == "D_F"
    assert found.best.law == "power"


def test_both_arms_are_asked() -> None:
    table = drawn()
    found = backtest(table, laws=["kaplan"], axis="N", origins=[0.8])
    assert found.best.error < 1e-6
    # of the 12 held-out runs, the 4 fine-tuned ones turn out 1 % better than forecast
    better = ~table.is_scratch & (table.N.max() == table.N)
    moved = changed(table, loss=np.where(better, 0.99, 1.0) * table.loss)
    best = backtest(moved, laws=["kaplan"], axis="N", origins=[0.8]).best
    assert best.bias == pytest.approx(-np.log(0.99) * 4 / 12, rel=1e-3)


def test_bias_has_the_sign_of_the_forecast() -> None:
    table = ladder("gadre", GADRE)
    large = ~_train_mask(table, "flops", 0.8)
    for factor, sign in ((0.95, 1), (1.05, -1)):
        moved = changed(table, loss=table.loss * np.where(large, factor, 1.0))
        best = backtest(moved, laws=["gadre"], origins=[0.8]).best
        assert best.bias == pytest.approx(-np.log(factor), rel=1e-3)
        assert best.error == pytest.approx(sign * best.bias)


def test_candidates_answer_the_same_questions() -> None:
    # at the first origin 6 runs are left: too few for six parameters, enough for four
    table = ladder("gadre", GADRE)
    found = backtest(table, laws=["gadre", "rectified"], origins=[0.15, 0.8])
    assert {c.folds for c in found.candidates} == {1}
    assert {c.law: c.failed for c in found.candidates} == {"gadre": 0, "rectified": 1}


@pytest.mark.parametrize("axis", ["flops", "N", "D_F"])
def test_the_largest_runs_are_always_held_out(axis: str) -> None:
    table = ladder("gadre", GADRE)
    place = {"flops": table.N * table.D_F, "N": table.N, "D_F": table.D_F}[axis]
    for origin in (*ORIGINS, 0.999):
        train = _train_mask(table, axis, origin)
        assert place[train].max() < place[~train].min()


def test_too_few_runs_are_refused() -> None:
    table = ladder("gadre", GADRE)
    with pytest.raises(FitError, match="backtest needs"):
        backtest(table.where(np.arange(len(table)) < 5), laws=["gadre"])


def test_questions_that_make_no_sense_are_refused() -> None:
    table = ladder("gadre", GADRE)
    for wrong in ({"laws": ["magic"]}, {"axis": "loss"}, {"origins": []}, {"origins": [1.0]}):
        with pytest.raises(ConfigError):
            backtest(table, **wrong)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="give a table"):
        backtest([])
