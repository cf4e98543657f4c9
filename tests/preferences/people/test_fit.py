from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.special import expit

from precocial.choice import Choice, log_likelihood
from precocial.errors import ConfigError, FitError
from precocial.preferences.people import fit as choice_fit
from precocial.preferences.people import models as choice_models
from precocial.preferences.people.choices import ChoiceData
from precocial.preferences.people.fit import fit_choices
from precocial.preferences.people.models import MODELS, Axis, ChoiceModel


def people(
    model: ChoiceModel, kind: str, parameters: np.ndarray, beta: np.ndarray, trials: int, seed: int
) -> ChoiceData:
    """Simulated subjects, a row of parameters each, on problems of the example data's range."""
    rng = np.random.default_rng(seed)
    N = len(beta)
    subject = np.repeat(np.arange(N), trials)
    n = len(subject)
    if kind == "delay":
        columns = {
            "amount_sooner": np.full(n, 10.0), "delay_sooner": np.zeros(n),
            "amount_later": rng.uniform(10.5, 50, n).round(1),
            "delay_later": rng.choice([6.0, 28, 90, 170], n),
        }  # fmt: skip
    else:
        certain = np.where(rng.random(n) < 0.25, rng.integers(1, 6, n), 0.0)
        columns = {
            "gain": rng.integers(2, 13, n).astype(float),
            "loss": np.where(certain > 0, 0.0, -rng.uniform(1, 24, n).round(0)),
            "certain": certain,
        }
    chosen = np.zeros(n, dtype=np.int64)
    for i in range(N):
        own = subject == i
        mine = {name: column[own] for name, column in columns.items()}
        advantage = model.advantage(mine, *(np.array([[value]]) for value in parameters[i]))[0]
        chosen[own] = rng.random(own.sum()) < expit(beta[i] * advantage)
    return ChoiceData(
        kind=kind, source="simulated", subjects=tuple(map(str, range(N))), subject=subject,
        columns=columns, chosen=chosen,
    )  # fmt: skip


def coarse(model: ChoiceModel) -> ChoiceModel:
    """The same model on every eighth value, which is quick."""

    def fewer(axis: Axis) -> Axis:
        return replace(axis, values=axis.values[::8])

    return replace(
        model, axes=tuple(fewer(axis) for axis in model.axes), temperature=fewer(model.temperature)
    )


def loose(data: ChoiceData, model: ChoiceModel, subject: int) -> dict[tuple[float, ...], float]:
    """The posterior of one subject by plain loops over trials and cells."""
    own = np.flatnonzero(data.subject == subject)
    found = {}
    for beta in model.temperature.values:
        for a in model.axes[0].values:
            for b in model.axes[1].values:
                p = 1.0
                for i in own:
                    row = {name: column[i] for name, column in data.columns.items()}
                    gain, loss, sure = (
                        row["gain"] ** a,
                        -b * (-row["loss"]) ** a,
                        row["certain"] ** a,
                    )
                    x = beta * (0.5 * gain + 0.5 * loss - sure)
                    p *= expit(x) if data.chosen[i] else 1 - expit(x)
                found[(float(beta), float(a), float(b))] = p
    total = sum(found.values())
    return {cell: p / total for cell, p in found.items()}


def test_the_posterior_is_the_product_over_trials() -> None:
    model = ChoiceModel(
        name="small", advantage=choice_models._prospect, unbiased=choice_models._loss_neutral,
        axes=(Axis.linear("rho", 0.5, 1.0, 3), Axis.logarithmic("lambda", 1.0, 2.0, 2)),
        temperature=Axis.logarithmic("mu", 0.5, 2.0, 2), bias="",
    )  # fmt: skip
    data = people(model, "risk", np.array([[0.8, 1.5], [1.0, 1.0]]), np.array([1.0, 0.5]), 12, 0)
    posterior = choice_fit._posterior(choice_fit._log_likelihood(model, choice_fit._problems(data)))
    for subject in range(2):
        expected = np.array(list(loose(data, model, subject).values())).reshape(2, 6)
        assert posterior[:, :, subject] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", ["hyperbolic", "exponential", "quasi_hyperbolic"])
def test_the_likelihood_is_that_of_every_choice_in_the_house(name: str) -> None:
    model = coarse(MODELS["delay"][name])
    data = people(model, "delay", np.array([[0.02, 0.8]]), np.array([0.3]), 20, 4)
    table = choice_fit._log_likelihood(model, choice_fit._problems(data))
    t, u = 3, 5
    k, bias = (float(values[u, 0]) for values in choice_fit._mesh(model.axes))
    beta = float(model.temperature.values[t])

    def worth(amount: float, delay: float) -> float:
        if name == "hyperbolic":
            return amount / (1 + k * delay)
        return amount * np.exp(-k * delay) * (bias if delay > 0 else 1.0)

    feedback = [
        Choice(
            features=np.array(
                [
                    [worth(*(data.columns[f"{what}_{when}"][i] for what in ("amount", "delay")))]
                    for when in ("sooner", "later")
                ]
            ),
            chosen=int(data.chosen[i]),
            beta=beta,
        )
        for i in range(20)
    ]
    assert table[t, u, 0] == pytest.approx(log_likelihood(feedback, [[1.0]])[0], abs=1e-9)


@pytest.mark.parametrize(
    ("kind", "name", "parameters", "beta"),
    [
        ("delay", "hyperbolic", (0.02, 1.0), 0.5),
        ("delay", "exponential", (0.008, 1.0), 0.5),
        ("risk", "linear", (1.0, 1.6), 1.0),
    ],
)
def test_planted_parameters_are_found(
    kind: str, name: str, parameters: tuple[float, float], beta: float
) -> None:
    model = MODELS[kind][name]
    data = people(model, kind, np.tile(parameters, (4, 1)), np.full(4, beta), 1500, 3)
    fit = fit_choices(data, name)
    planted = {"k": parameters[0], "lambda": parameters[1], "beta": beta, "mu": beta}
    for p, parameter in enumerate(fit.parameters):
        assert fit.median[:, p] == pytest.approx(planted[parameter], rel=0.15)
    assert fit.held_out_nats > fit.frequency_nats > fit.chance_nats - 0.02
    assert fit.at_edge.max() < 1e-3
    assert sum(person.n_choices for person in fit.comparison.people) == 6000


def test_intervals_hold_what_they_say_when_people_come_from_the_prior() -> None:
    model = MODELS["delay"]["hyperbolic"]
    rng = np.random.default_rng(5)
    N, level = 100, 0.8
    k, beta = rng.choice(model.axes[0].values, N), rng.choice(model.temperature.values, N)
    data = people(model, "delay", np.stack([k, np.ones(N)], axis=1), beta, 40, 6)
    fit = fit_choices(data, "hyperbolic", level=level, held_out=0.5)
    for p, truth in enumerate((k, beta)):
        inside = ((fit.low[:, p] <= truth) & (truth <= fit.high[:, p])).mean()
        # Four standard errors of a share of 100: a false alarm of 6e-5.
        assert abs(inside - level) < 4 * np.sqrt(level * (1 - level) / N)


@pytest.mark.parametrize(("true", "sign"), [("hyperbolic", 1), ("exponential", -1)])
def test_the_true_kind_of_discounting_predicts_better(true: str, sign: int) -> None:
    data = people(MODELS["delay"][true], "delay", np.tile((0.03, 1.0), (6, 1)), np.ones(6), 120, 8)
    models = [coarse(MODELS["delay"][name]) for name in ("hyperbolic", "exponential")]
    found = choice_fit._fit(data, models, False, 0.25, 0.95, 0).comparison
    contrast = found.contrast("hyperbolic", "exponential")
    assert contrast is not None
    assert contrast.total.sign == sign
    assert contrast.ahead()[sign < 0] >= 5
    assert found.best.name == true


def test_a_choice_is_foretold_from_the_others_alone() -> None:
    model = coarse(MODELS["risk"]["prospect"])
    data = people(model, "risk", np.array([[0.8, 1.5], [1.0, 1.0]]), np.array([1.0, 0.5]), 9, 0)
    folds = np.stack([np.arange(18) % 3, np.arange(18)[::-1] % 2])
    found = choice_fit._foretold(model, choice_fit._problems(data), data, folds)
    assert found.nats is not None
    for i in (0, 7, 13):
        expected = []
        for fold in folds:
            others = data.where(fold != fold[i])
            cells = loose(others, model, int(data.subject[i]))
            row = {name: column[i : i + 1] for name, column in data.columns.items()}
            p = sum(
                mass * expit(beta * model.advantage(row, np.array([[a]]), np.array([[b]])).item())
                for (beta, a, b), mass in cells.items()
            )
            expected.append(np.log(p if data.chosen[i] else 1 - p))
        assert found.nats[i] == pytest.approx(np.mean(expected), abs=1e-10)


def test_only_the_first_model_is_named_and_all_are_compared() -> None:
    model = MODELS["delay"]["hyperbolic"]
    data = people(model, "delay", np.tile((0.02, 1.0), (2, 1)), np.ones(2), 12, 1)
    found = fit_choices(data)
    assert found.model == "hyperbolic"
    named = [score.name for score in found.comparison.scores if not score.baseline]
    assert named == ["hyperbolic", "exponential", "quasi_hyperbolic"]
    alone = fit_choices(data, "exponential").comparison
    assert [score.name for score in alone.scores if not score.baseline] == ["exponential"]
    assert alone.score("exponential") == found.comparison.score("exponential")


def test_of_named_models_the_best_is_kept_unless_one_is_asked_for() -> None:
    model = MODELS["delay"]["exponential"]
    data = people(model, "delay", np.tile((0.02, 1.0), (2, 1)), np.ones(2), 12, 1)
    names = ["hyperbolic", "exponential"]
    nats = {name: fit_choices(data, name).held_out_nats for name in names}
    found = fit_choices(data, models=names)
    assert found.model == max(names, key=lambda name: nats[name])
    assert {name: found.comparison.score(name).nats for name in names} == nats
    for name in names:
        assert fit_choices(data, name, models=names).model == name


def test_a_person_who_never_waits_has_no_upper_end() -> None:
    model = MODELS["delay"]["hyperbolic"]
    data = people(model, "delay", np.tile((0.02, 1.0), (2, 1)), np.ones(2), 40, 1)
    never = replace(data, chosen=np.where(data.subject == 0, 0, data.chosen))
    found = fit_choices(never, model.name)
    k = found.parameters.index("k")
    assert np.isnan(found.profile_high[0, k])
    assert not np.isnan(found.profile_high[1, k])
    assert np.isfinite(found.high[0, k])  # the posterior's end is the grid's
    assert found.rows()[k]["profile_high"] is None


@pytest.mark.parametrize(("kind", "name"), [("delay", "quasi_hyperbolic"), ("risk", "prospect")])
def test_what_no_behaviour_decides(kind: str, name: str) -> None:
    model = coarse(MODELS[kind][name])
    parameters = (0.02, 0.8) if kind == "delay" else (0.8, 2.0)
    data = people(model, kind, np.array([parameters]), np.array([1.0]), 60, 9)
    fit = choice_fit._fit(data, [model], False, 0.25, 0.95, 0)
    bias, sign, scale = fit.undecided
    assert [u.name for u in fit.undecided] == ["bias", "sign", "scale"]
    assert max(u.gap_nats for u in fit.undecided) < 1e-9
    assert bias.advice_differs > 0.1
    assert sign.advice_differs > 0.95
    assert scale.advice_differs == 0

    # The gap is measured: a planner whose bias is another shows one.
    def other(columns: Any, *theta: Any, as_bias: bool = False) -> Any:
        return (1 - 0.5 * as_bias) * model.advantage(columns, *theta)

    wrong = choice_fit._fit(data, [replace(model, advantage=other)], False, 0.25, 0.95, 0)
    assert wrong.undecided[0].gap_nats > 0.1


def test_quantiles_of_an_axis() -> None:
    axis = Axis.linear("x", 0.0, 4.0, 5)
    weights = np.array([[0, 0, 1, 0, 0], [0.5, 0, 0, 0, 0.5]], dtype=float).T
    assert axis.quantile(weights, 0.5)[0] == pytest.approx(2.0)
    assert axis.quantile(weights, 0.25)[1] == pytest.approx(0.25)
    assert Axis(name="fixed", values=np.ones(1)).quantile(np.ones((1, 2)), 0.5).tolist() == [1, 1]


def test_rows_and_summary() -> None:
    model = MODELS["delay"]["hyperbolic"]
    data = people(model, "delay", np.tile((0.02, 1.0), (3, 1)), np.ones(3), 30, 1)
    fit = fit_choices(data)
    rows = fit.rows()
    assert len(rows) == 6
    assert rows[0]["parameter"] == "k"
    assert rows[0]["low"] <= rows[0]["median"] <= rows[0]["high"]
    names = [row["name"] for row in fit.summary()]
    assert names[:2] == ["group median k", "group median beta"]
    assert fit.summary()[0]["low"] <= fit.summary()[0]["value"] <= fit.summary()[0]["high"]
    assert fit.chance_nats == pytest.approx(-np.log(2))
    assert fit_choices(data).rows() == rows


def test_mistakes_are_named() -> None:
    model = MODELS["delay"]["hyperbolic"]
    data = people(model, "delay", np.tile((0.02, 1.0), (1, 1)), np.ones(1), 2, 1)
    with pytest.raises(ConfigError, match="model of delay"):
        fit_choices(data, "prospect")
    with pytest.raises(ConfigError, match="held_out"):
        fit_choices(data, held_out=1.0)
    for models in ([], ["linear"], ["hyperbolic", "hyperbolic"]):
        with pytest.raises(ConfigError, match="fit_choices: model"):
            fit_choices(data, models=models)
    with pytest.raises(ConfigError, match="among models"):
        fit_choices(data, "hyperbolic", models=["exponential"])
    with pytest.raises(FitError, match="subject 0 has 1 choices"):
        fit_choices(data.where(np.array([True, False])))


def test_of_one_person_the_groups_interval_is_theirs() -> None:
    model = MODELS["delay"]["hyperbolic"]
    fit = fit_choices(
        people(model, "delay", np.array([[0.02, 1.0]]), np.ones(1), 10, 1), model.name
    )
    for p, figure in enumerate(fit.group):
        assert figure.low <= fit.low[0, p] < fit.high[0, p] <= figure.high
        assert figure.note.startswith("one person")


def test_the_groups_interval_knows_how_uncertain_each_person_is() -> None:
    model = MODELS["delay"]["hyperbolic"]
    same = np.tile((0.02, 1.0), (12, 1))
    few, many = (
        fit_choices(people(model, "delay", same, np.full(12, 0.3), trials, 2), model.name).group[0]
        for trials in (8, 200)
    )
    assert np.log(few.high / few.low) > 3 * np.log(many.high / many.low)
    assert "pulled towards the flat prior" in few.note
    spread = np.stack([np.geomspace(2e-3, 0.2, 12), np.ones(12)], axis=1)
    data = people(model, "delay", spread, np.ones(12), 200, 2)
    assert not fit_choices(data, model.name).group[0].note


def test_draws_of_an_axis_are_its_posterior() -> None:
    axis = Axis.linear("x", 0.0, 4.0, 5)
    weights = np.array([[0, 0, 1, 0, 0], [1, 2, 4, 2, 1]], dtype=float).T
    drawn = axis.draw(weights, 20_000, np.random.default_rng(0))
    assert drawn.shape == (20_000, 2)
    assert 1.5 <= drawn[:, 0].min() <= drawn[:, 0].max() <= 2.5
    for share in (0.1, 0.5, 0.8):
        assert np.quantile(drawn[:, 1], share) == pytest.approx(
            axis.quantile(weights, share)[1], abs=0.05
        )
    assert axis.spread(weights) == pytest.approx([0.0, np.sqrt(1.2)])


@pytest.mark.slow
def test_the_groups_interval_covers_the_populations_median() -> None:
    model = MODELS["delay"]["hyperbolic"]
    covered = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        k = np.exp(rng.normal(np.log(0.02), 0.7, 30))
        beta = np.exp(rng.normal(np.log(0.3), 0.4, 30))
        parameters = np.stack([k, np.ones(30)], axis=1)
        group = fit_choices(people(model, "delay", parameters, beta, 108, seed), model.name).group
        covered += [f.low <= truth <= f.high for f, truth in zip(group, (0.02, 0.3))]
    # Of 24 at 95 %, 18 or fewer would be a false alarm of 2e-4.
    assert sum(covered) > 18
