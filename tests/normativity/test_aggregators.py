from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import approx_fprime
from scipy.special import expit

from precocial.errors import ConfigError, DataError
from precocial.feedback.votes import Votes, as_votes
from precocial.normativity.aggregators import (
    Aggregator,
    CentredDawidSkene,
    CommunityDawidSkene,
    DawidSkene,
    Glad,
    Mace,
    Majority,
    OneCoin,
    WeightedMajority,
    kernels,
    smoothed_dawid_skene,
)
from precocial.normativity.aggregators.result import given as checked_input
from precocial.normativity.panel import default_panel

ALL: list[Aggregator] = [
    Majority(),
    WeightedMajority(),
    OneCoin(),
    OneCoin(class_prior="uniform", hits=1, misses=1),
    DawidSkene(),
    smoothed_dawid_skene(),
    CentredDawidSkene(),
    CommunityDawidSkene(),
    CentredDawidSkene(centre="pooled", class_prior="uniform", strength=1.0),
    Glad(),
    Glad(class_prior="estimated"),
    Mace(starts=2, steps=20),
    Mace(starts=2, steps=20, method="em", smoothing=0),
]
NAMES = [f"{a.name}-{i}" for i, a in enumerate(ALL)]
MODELS = [a for a in ALL if not isinstance(a, Majority | WeightedMajority)]


def crowd(
    seed: int = 0, tasks: int = 300, teachers: int = 12, classes: int = 3, each: int = 5
) -> tuple[Votes, np.ndarray, np.ndarray]:
    """Votes, truth by position of task, and the confusion [teacher, true, given] they came from."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(classes, size=tasks)
    eye = np.eye(classes)
    skill = rng.uniform(0.5, 0.9, (teachers, 1, 1))
    confusion = skill * eye + (1 - skill) * rng.dirichlet(np.ones(classes), (teachers, classes))
    rows = [
        (t, w, rng.choice(classes, p=confusion[w, truth[t]]))
        for t in range(tasks)
        for w in rng.permutation(teachers)[:each]
    ]
    made = as_votes(*zip(*rows, strict=True), classes=range(classes))
    order = [int(name) for name in made.teachers]
    return made, truth, confusion[order]


def is_sound(fit: Any, K: int) -> None:
    for values in (fit.proba, fit.confusion, fit.accuracy, fit.class_prior):
        assert np.isfinite(values).all()
        assert (values >= 0).all()
    assert np.allclose(fit.proba.sum(axis=1), 1)
    assert np.allclose(fit.class_prior.sum(), 1)
    assert np.allclose(fit.confusion.sum(axis=2), 1)
    assert (fit.accuracy <= 1 + 1e-9).all()
    assert fit.proba.shape[1] == K
    assert len(fit.labels) == len(fit.votes.tasks)
    if fit.log_likelihood is not None:
        assert np.isfinite(fit.log_likelihood)
        assert fit.log_likelihood < 1e-9
    for values in fit.parameters.values():
        assert np.isfinite(values).all()


@st.composite
def cases(draw: st.DrawFn) -> dict[str, Any]:
    K = draw(st.integers(1, 3))
    row = st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, K - 1))
    rows = draw(st.lists(row, min_size=1, max_size=8))
    gold = draw(st.dictionaries(st.integers(0, 3), st.integers(0, K - 1), max_size=4))
    weight = draw(
        st.lists(st.sampled_from([0.0, 1.0, 2.5]), min_size=len(rows), max_size=len(rows))
    )
    history = draw(st.booleans())
    return {"rows": rows, "gold": gold, "weight": weight, "K": K, "history": history}


@given(cases())
@example({"rows": [(0, 0, 0)], "gold": {}, "weight": [1.0], "K": 1, "history": False})
@example({"rows": [(0, 0, 0)], "gold": {}, "weight": [0.0], "K": 2, "history": True})
@example(
    {"rows": [(0, 0, 1), (1, 0, 1)], "gold": {0: 0}, "weight": [1, 1], "K": 2, "history": False}
)
@settings(max_examples=40)
def test_no_nan_whatever_is_voted(case: dict[str, Any]) -> None:
    K = case["K"]
    made = as_votes(*zip(*case["rows"], strict=True), tasks=range(4), classes=range(K))
    past = {made.teachers[0]: np.arange(K * K).reshape(K, K)} if case["history"] else None
    for aggregator in ALL:
        fit = aggregator.fit(made, gold=case["gold"], weight=case["weight"], history=past)
        is_sound(fit, K)
        for t, y in case["gold"].items():
            assert fit.proba[t, y] == 1
        empty = [t for t in range(4) if t not in case["gold"]]
        empty = [t for t in empty if t not in {row[0] for row in case["rows"]}]
        for t in empty:
            if fit.log_likelihood is not None:  # no votes: what is known of classes at large
                assert np.allclose(fit.proba[t], fit.class_prior)


@pytest.mark.parametrize("aggregator", ALL, ids=NAMES)
def test_long_tasks_do_not_underflow(aggregator: Aggregator) -> None:
    size = 3000
    made = as_votes([0] * size + [1], range(size + 1), [0, 1, 1] * (size // 3) + [0])
    fit = aggregator.fit(made)
    is_sound(fit, 2)
    if not isinstance(aggregator, DawidSkene):  # teachers of one vote each tell it nothing
        assert fit.labels[0] == "1"


@pytest.mark.parametrize("aggregator", ALL, ids=NAMES)
def test_a_teacher_who_always_answers_the_same_is_outvoted(aggregator: Aggregator) -> None:
    made, truth, _ = crowd(tasks=100)
    task = np.concatenate([made.task, np.arange(100)])
    worker = np.concatenate([made.teacher, np.full(100, 99)])
    label = np.concatenate([made.label, np.zeros(100, dtype=int)])
    fit = aggregator.fit(as_votes(task, worker, label))
    is_sound(fit, 3)
    assert (fit.label == truth).mean() > 0.8


@pytest.mark.parametrize("aggregator", MODELS, ids=NAMES[2:])
def test_the_order_of_votes_is_of_no_account(aggregator: Aggregator) -> None:
    made, _, _ = crowd(tasks=60)
    rng = np.random.default_rng(1)
    order = rng.permutation(len(made))
    order = order[np.argsort(made.task[order], kind="stable")]
    mixed = Votes(
        task=made.task[order], teacher=made.teacher[order], label=made.label[order],
        tasks=made.tasks, teachers=made.teachers, classes=made.classes,
    )  # fmt: skip
    first, second = aggregator.fit(made), aggregator.fit(mixed)
    assert np.allclose(first.proba, second.proba, atol=1e-5)


@pytest.mark.parametrize("aggregator", ALL, ids=NAMES)
def test_a_weight_of_two_is_two_votes(aggregator: Aggregator) -> None:
    made, _, _ = crowd(tasks=60)
    weight = np.where(made.task < 30, 2.0, 1.0)
    twice = np.repeat(np.arange(len(made)), weight.astype(int))
    other = as_votes(made.task[twice], made.teacher[twice], made.label[twice], classes=range(3))
    order = [other.teachers.index(str(w)) for w in range(12)]
    one, two = aggregator.fit(made, weight=weight), aggregator.fit(other)
    assert np.allclose(one.proba, two.proba, atol=1e-5)
    assert np.allclose(one.accuracy, two.accuracy[order], atol=1e-5)


@pytest.mark.parametrize(
    "aggregator",
    [
        DawidSkene(class_prior="uniform", tolerance=1e-12, steps=2000),
        OneCoin(class_prior="uniform", tolerance=1e-12),
        Mace(starts=1, steps=500, tolerance=1e-12),
    ],
    ids=["ds", "coin", "mace"],
)
def test_history_is_votes_on_tasks_whose_class_is_known(aggregator: Aggregator) -> None:
    made, _, _ = crowd(tasks=80)
    past = np.array([[3.0, 1, 0], [0, 2, 1], [2, 0, 4]])
    fit = aggregator.fit(made, history={made.teachers[4]: past, "a stranger": past})
    rows = [(t, w, y) for t, w, y in zip(made.task, made.teacher, made.label, strict=True)]
    gold = {}
    for (true, said), count in np.ndenumerate(past):
        for i in range(int(count)):
            gold[f"past {true}{said}{i}"] = true
            rows.append((f"past {true}{said}{i}", 4, said))
    other = aggregator.fit(as_votes(*zip(*rows, strict=True), classes=range(3)), gold=gold)
    assert np.allclose(fit.proba, other.proba[:80], atol=2e-4)
    assert not np.allclose(fit.proba, aggregator.fit(made).proba, atol=1e-3)


@pytest.mark.parametrize("aggregator", ALL, ids=NAMES)
def test_gold_is_kept_and_teaches(aggregator: Aggregator) -> None:
    made, truth, _ = crowd(seed=3, tasks=200, each=3)
    wrong = {str(t): int((truth[t] + 1) % 3) for t in range(60)}
    fit = aggregator.fit(made, gold=wrong)
    assert (fit.label[:60] == (truth[:60] + 1) % 3).all()
    right = aggregator.fit(made, gold={str(t): int(truth[t]) for t in range(60)})
    if not isinstance(aggregator, Majority):
        assert right.accuracy.mean() > fit.accuracy.mean() + 0.05


def likelihood(fit: Any, each: np.ndarray) -> float:
    """By enumeration; each: (V, K) log probabilities of the votes given a class."""
    total = 0.0
    for t in range(len(fit.votes.tasks)):
        of_task = each[fit.votes.task == t]
        total += np.log(sum(p * np.exp(of_task[:, k].sum()) for k, p in enumerate(fit.class_prior)))
    return total


@pytest.mark.parametrize("aggregator", MODELS, ids=NAMES[2:])
def test_the_likelihood_is_that_of_the_parameters(aggregator: Aggregator) -> None:
    made, _, _ = crowd(tasks=40)
    fit = aggregator.fit(made)
    if isinstance(aggregator, Glad):
        x = fit.parameters["ability"][made.teacher] * np.exp(fit.parameters["ease"][made.task])
        right = np.arange(3) == made.label[:, None]
        each = np.log(np.where(right, expit(x)[:, None], expit(-x)[:, None] / 2))
    else:
        each = np.log(fit.confusion[made.teacher, :, made.label])
    wanted = likelihood(fit, each)
    if isinstance(aggregator, Mace) and aggregator.method == "vb":
        # its parameters do not sum to one, which costs likelihood
        assert fit.log_likelihood is not None
        assert fit.log_likelihood < wanted
    else:
        assert fit.log_likelihood == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("model", [DawidSkene, OneCoin])
def test_em_climbs(model: Any) -> None:
    made, _, _ = crowd(seed=5, tasks=80)
    reached = [model(steps=n, tolerance=0).fit(made).log_likelihood for n in range(1, 12)]
    assert (np.diff(reached) >= -1e-9).all()
    assert reached[-1] > reached[0] + 1


def test_mace_em_climbs() -> None:
    made, _, _ = crowd(seed=5, tasks=80)
    reached = [
        Mace(method="em", smoothing=0, starts=1, steps=n, tolerance=0).fit(made).log_likelihood
        for n in range(1, 12)
    ]
    assert (np.diff(np.array(reached, dtype=float)) >= -1e-9).all()


def test_more_starts_of_mace_are_never_worse() -> None:
    made, _, _ = crowd(seed=6, tasks=80)
    reached = [Mace(method="em", starts=n).fit(made).log_likelihood for n in (1, 2, 5)]
    assert reached == sorted(reached)  # type: ignore[type-var]


def test_the_gradient_of_glad_is_exact() -> None:
    made, _, _ = crowd(seed=2, tasks=6, teachers=4, each=3)
    data = checked_input(made, {"0": 1}, None, np.linspace(0.5, 2, len(made)))
    T, W, K = data.shape
    proba, row, slope, curve = np.empty((T, K)), np.empty(K), np.empty(W + T), np.empty(W + T)

    def value(x: np.ndarray) -> float:
        return kernels.ability_pass(
            *data.rows, x[:W], x[W:], np.log([0.5, 0.3, 0.2]), data.gold, row, proba, slope, curve
        )

    x = np.random.default_rng(0).normal(size=W + T)
    wanted = approx_fprime(x, value, 1e-7)
    value(x)
    assert np.allclose(slope, wanted, atol=1e-5)


def test_glad_finds_a_stationary_point_of_its_objective_and_no_swap_of_classes() -> None:
    made, truth, _ = crowd(seed=2, classes=2, tasks=150)
    rare = as_votes(
        np.concatenate([made.task, np.repeat(np.arange(1000, 1600), 3)]),
        np.concatenate([made.teacher, np.tile([0, 1, 2], 600)]),
        np.concatenate([made.label, np.zeros(1800, dtype=int)]),
    )
    fit = Glad().fit(rare)
    assert np.mean(fit.parameters["ability"] > 0) > 0.9
    assert (fit.label[:150] == truth).mean() > 0.75


@pytest.mark.parametrize(
    "aggregator",
    [DawidSkene(), smoothed_dawid_skene(), CommunityDawidSkene()],
    ids=["ds", "sds", "cds"],
)
def test_confusions_are_recovered(aggregator: Aggregator) -> None:
    made, truth, confusion = crowd(seed=4, tasks=3000)
    fit = aggregator.fit(made)
    assert np.abs(fit.confusion - confusion).max() < 0.1
    assert (fit.label == truth).mean() > (Majority().fit(made).label == truth).mean() + 0.02


def test_a_strong_centre_is_the_one_coin_model_and_none_is_dawid_skene() -> None:
    made, _, _ = crowd(tasks=100)
    strong = CentredDawidSkene(strength=1e9, per_class=0).fit(made).proba
    assert np.allclose(strong, OneCoin().fit(made).proba, atol=0.03)
    weak = CentredDawidSkene(strength=0, per_class=0).fit(made).proba
    assert np.allclose(weak, DawidSkene().fit(made).proba)


def test_ties_share_and_their_label_is_the_class_with_more_votes() -> None:
    made = as_votes([0, 0, 1, 1, 2], [0, 1, 0, 1, 0], ["b", "a", "a", "b", "b"])
    fit = Majority().fit(made)
    assert fit.proba.tolist() == [[0.5, 0.5], [0.5, 0.5], [0, 1]]
    assert fit.labels == ("b", "b", "b")


def test_weighted_majority_by_hand() -> None:
    made = as_votes([0, 0, 0, 1, 1, 1], [0, 1, 2] * 2, [0, 0, 1, 1, 1, 0])
    fit = WeightedMajority().fit(made)
    assert fit.accuracy.tolist() == [1, 1, 0]
    assert fit.proba.tolist() == [[1, 0], [0, 1]]


def test_mace_by_hand() -> None:
    """One EM step against the sums of the paper over every case of knowing and guessing."""
    made = as_votes([0, 0, 1], [0, 1, 0], [0, 1, 1])
    fit = Mace(method="em", starts=1, steps=1, tolerance=0, smoothing=0).fit(made)
    share = np.array([1 - 2.5 / 4, 1 - 1.5 / 3])  # guessing, from the majority
    known, guessed = np.zeros(2), np.zeros((2, 2))
    for t in (0, 1):
        of_task = [(w, y) for s, w, y in [(0, 0, 0), (0, 1, 1), (1, 0, 1)] if s == t]
        chance = {}
        for k, *guesses in itertools.product((0, 1), *[(0, 1)] * len(of_task)):
            p = 0.5
            for (w, y), guess in zip(of_task, guesses, strict=True):
                p *= share[w] * 0.5 if guess else (1 - share[w]) * (y == k)
            chance[(k, *guesses)] = p
        for (_, *guesses), p in chance.items():
            for (w, y), guess in zip(of_task, guesses, strict=True):
                known[w] += (not guess) * p / sum(chance.values())
                guessed[w, y] += guess * p / sum(chance.values())
    wanted = known / (known + guessed.sum(axis=1))
    assert np.allclose(fit.parameters["knows"], wanted)
    assert np.allclose(fit.parameters["guess"], guessed / guessed.sum(axis=1, keepdims=True))


@pytest.mark.wrong_types
@pytest.mark.parametrize(
    "make",
    [
        lambda: DawidSkene(diagonal=-1),
        lambda: DawidSkene(steps=0),
        lambda: DawidSkene(class_prior="none"),  # type: ignore[arg-type]
        lambda: OneCoin(hits=np.nan),
        lambda: CentredDawidSkene(centre="two-coin"),  # type: ignore[arg-type]
        lambda: CentredDawidSkene(strength=-1),
        lambda: CommunityDawidSkene(communities=0),
        lambda: Glad(spread=0),
        lambda: Glad(able=np.inf),
        lambda: Mace(starts=0),
        lambda: Mace(method="bayes"),  # type: ignore[arg-type]
    ],
)
def test_settings_that_are_not_allowed(make: Any) -> None:
    with pytest.raises(ConfigError):
        make()


def test_weights_and_history_that_do_not_fit() -> None:
    made, _, _ = crowd(tasks=5)
    for weight in ([1.0], [-1.0] * len(made), [np.nan] * len(made)):
        with pytest.raises(DataError, match="weight"):
            Majority().fit(made, weight=weight)
    for table in (np.ones((2, 2)), -np.ones((3, 3)), np.full((3, 3), np.nan)):
        with pytest.raises(DataError, match="history"):
            DawidSkene().fit(made, history={"0": table})


def test_teachers_of_few_votes_borrow_from_their_community() -> None:
    """Half are right, half call everything by the next class; each votes six times."""
    rng = np.random.default_rng(0)
    truth = rng.integers(3, size=120)
    rows = [
        (t, w, (truth[t] + (w % 3 == 0)) % 3 if rng.random() < 0.9 else rng.integers(3))
        for t in range(120)
        for w in rng.permutation(100)[:5]
    ]
    made = as_votes(*zip(*rows, strict=True), classes=range(3))
    fit = CommunityDawidSkene(communities=2).fit(made)
    odd = np.array([int(name) % 3 == 0 for name in made.teachers])
    assert fit.accuracy[~odd].mean() > 0.7
    assert fit.confusion[odd, 0, 1].mean() > 0.6
    alone = (smoothed_dawid_skene().fit(made).label == truth).mean()
    assert (fit.label == truth).mean() > alone


@pytest.mark.parametrize("model", [DawidSkene, OneCoin, CentredDawidSkene])
@pytest.mark.parametrize("settings_", [{}, {"tolerance": 1e-3}])
def test_it_stops_at_the_first_step_that_changes_the_likelihood_by_less_than_the_tolerance(
    model: Any, settings_: dict[str, float]
) -> None:
    made, _, _ = crowd(seed=3)
    tolerance = settings_.get("tolerance", 1e-5)
    fit = model(**settings_).fit(made)
    reached = [
        model(steps=n, tolerance=0).fit(made).log_likelihood for n in range(1, fit.steps + 1)
    ]
    moved = np.abs(np.diff(reached)) / len(made)  # nats a vote
    assert fit.converged
    assert moved[-1] <= tolerance
    assert (moved[:-1] > tolerance).all()


@pytest.mark.wrong_types
@pytest.mark.parametrize("one", default_panel(), ids=lambda one: one.name)
def test_columns_are_no_votes_to_an_aggregator(one: Aggregator) -> None:
    with pytest.raises(ConfigError, match=r"takes Votes; got tuple\. Make them with .*as_votes"):
        one.fit((["a"], ["x"], ["0"]))  # type: ignore[arg-type]
