"""What to buy next, against costs worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from precocial.errors import ConfigError, FitError
from precocial.transfer import Have, Plan, Prices, TransferFit, forecast, iso_loss, plan
from tests.transfer.planted import fitted

HAVE = Have(parameters=1e8, fine_tune_data=1e6, pretrain_data=1e9)


def sure() -> TransferFit:
    return fitted(noise=0.0, draws=20)


def target(growth: float = 2.0, fit: TransferFit | None = None) -> float:
    """The loss of a model `growth` times larger."""
    got = forecast(fit or sure(), parameters=1e8 * growth, fine_tune_data=1e6)
    return float(got.loss[0])


def by_name(found: Plan) -> dict[str, float]:
    return {option.name: option.money for option in found.options}


def test_costs_are_those_worked_out_by_hand() -> None:
    prices = Prices(data=1e-3, flop=1e-18, passes=3)
    found = plan(sure(), have=HAVE, prices=prices, target_loss=target(2.0))
    # twice the model: 6 N (D_pre + passes D_F) FLOPs of it
    size = 6e-18 * 2e8 * (1e9 + 3e6)
    needed = float(iso_loss(sure(), loss=target(2.0), parameters=1e8)[0])
    data = 1e-3 * (needed - 1e6) + 6e-18 * 1e8 * 3 * needed
    assert by_name(found) == pytest.approx({"parameters": size, "data": data}, rel=1e-5)
    assert found.in_data == pytest.approx(needed - 1e6, rel=1e-5)
    amounts = {option.name: option.amount for option in found.options}
    assert amounts == pytest.approx({"parameters": 2e8, "data": needed}, rel=1e-5)


def test_the_cheapest_is_recommended() -> None:
    dear, cheap = (
        plan(sure(), have=HAVE, prices=Prices(data=price, flop=1e-12), target_loss=target())
        for price in (1e9, 1e-9)
    )
    assert dear.recommended == dear.options[0].name == "parameters"
    assert cheap.recommended == cheap.options[0].name == "data"
    assert cheap.statement.startswith("buy data")
    assert cheap.options[0].best_in == 1.0
    assert cheap.options[0].money <= cheap.options[1].money
    assert [row["recommended"] for row in cheap.rows()] == [True, False]


def test_what_is_free_is_bought() -> None:
    fit = fitted(noise=0.003)
    found = plan(fit, have=HAVE, prices=Prices(data=1.0, flop=0.0), target_loss=target(2, fit))
    assert found.recommended == "parameters"
    assert found.options[0].money == found.options[0].money_high == 0
    assert found.regret == 0
    assert found.statement.startswith("buy parameters")
    free = plan(fit, have=HAVE, prices=Prices(data=1.0, flop=0.0), budget=1.0)
    assert free.recommended == "parameters"


def equal_prices(fit: TransferFit) -> Prices:
    """Prices at which both options cost the same by the fit's estimate."""
    aim = target(2.0, fit)
    needed = float(iso_loss(fit, loss=aim, parameters=1e8)[0])
    size = 6e-18 * 2e8 * (1e9 + 1e6)
    return Prices(data=(size - 6e-18 * 1e8 * needed) / (needed - 1e6), flop=1e-18)


def test_it_abstains_where_the_draws_span_the_choice() -> None:
    fit = fitted(noise=0.003)
    found = plan(fit, have=HAVE, prices=equal_prices(fit), target_loss=target(2.0, fit))
    money = by_name(found)
    assert money["data"] == pytest.approx(money["parameters"], rel=1e-4)
    assert found.recommended is None
    assert found.regret > 0.05
    assert found.statement.startswith("no recommendation")
    assert all(0.02 < option.best_in < 0.98 for option in found.options)
    assert not any(row["recommended"] for row in found.rows())


def test_equal_costs_without_doubt_are_a_choice_without_regret() -> None:
    found = plan(sure(), have=HAVE, prices=equal_prices(sure()), target_loss=target(2.0))
    assert found.recommended is not None
    assert found.regret < 1e-3


def test_budget_and_target_agree() -> None:
    prices = Prices(data=1e-6, flop=1e-18)
    # a budget in between: it buys the target it came from
    first = plan(sure(), have=HAVE, prices=prices, target_loss=target(2.0))
    budget = first.options[0].money
    second = plan(sure(), have=HAVE, prices=prices, budget=budget)
    assert second.target_loss == pytest.approx(first.target_loss, rel=1e-6)
    assert second.options[0].name == first.options[0].name
    assert second.options[0].money == pytest.approx(budget, rel=1e-4)
    more = plan(sure(), have=HAVE, prices=prices, budget=3 * budget)
    assert more.target_loss < second.target_loss


def test_intervals_of_the_money_hold_the_estimate() -> None:
    fit = fitted(noise=0.003)
    found = plan(fit, have=HAVE, prices=Prices(data=1e-3, flop=1e-18), target_loss=target(2, fit))
    for option in found.options:
        assert option.money_low < option.money < option.money_high
    assert found.loss == pytest.approx(target(1.0, fit))
    assert found.level == fit.level


@pytest.mark.parametrize(
    "wrong", [{}, {"target_loss": 2.0, "budget": 1.0}, {"budget": 0.0}, {"budget": np.inf},
              {"target_loss": 50.0}, {"target_loss": 0.0}, {"budget": 1e-30}],
)  # fmt: skip
def test_questions_without_an_answer_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        plan(sure(), have=HAVE, prices=Prices(data=1e-3, flop=1e-18), **wrong)  # type: ignore[arg-type]


def test_a_loss_below_every_floor_is_refused() -> None:
    with pytest.raises(FitError, match="no purchase reaches"):
        plan(sure(), have=HAVE, prices=Prices(data=1e-3, flop=1e-18), target_loss=1e-3)


def test_an_option_that_cannot_reach_the_target_costs_infinity() -> None:
    floor = float(sure().surface.floor(1e8)[0, 0])
    found = plan(sure(), have=HAVE, prices=Prices(data=1e-3, flop=1e-18), target_loss=0.99 * floor)
    assert by_name(found)["data"] == np.inf
    assert found.in_data == np.inf
    assert found.recommended == "parameters"
    assert {flag.code for flag in found.flags} <= {"extrapolation"}


def test_a_fit_without_draws_plans_nothing() -> None:
    with pytest.raises(FitError, match="draws"):
        plan(fitted(draws=0), have=HAVE, prices=Prices(data=1, flop=1), target_loss=2.0)


@pytest.mark.parametrize("name", ["data", "flop", "pretrain_data", "passes"])
def test_prices_below_0_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        Prices(**({"data": 1.0, "flop": 1.0} | {name: -1.0}))
    with pytest.raises(ConfigError, match="all prices"):
        Prices(data=0.0, flop=0.0)


@pytest.mark.parametrize("name", ["parameters", "fine_tune_data", "pretrain_data"])
@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_having_nothing_is_refused(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=name):
        replace(HAVE, **{name: value})
