"""What programs mean, against planners.py; and how many steps they take."""

from __future__ import annotations

import numpy as np
import pytest

from precocial.errors import ConfigError
from precocial.preferences import (
    Backup,
    Constant,
    Negated,
    Override,
    Planner,
    Rule,
    defaults,
    greedy,
    hyperbolic,
    look_ahead,
    nth_best,
    optimal,
    optimist,
    satisficing,
    self_aware,
    soft_optimal,
    status_quo,
)
from precocial.preferences.occam.language import FUNCTIONS, V1, V2, Term, applied, pair, parts
from precocial.preferences.occam.terms import (
    Interpreter,
    backup_of,
    backup_term,
    pair_term,
    planner_of,
    planner_term,
    policy_term,
    rule_of,
    rule_term,
    sizes_of,
    steps,
    table_terms,
    weights_term,
)
from tests.preferences.small_worlds import random_world, rewards

WORLD = random_world(3, states=3, actions=2, discount=0.6)
ENDING = random_world(4, states=4, actions=3, discount=0.8, ends=1)
PLANNERS = (
    *defaults(), optimal(), greedy(), nth_best(2), look_ahead(3), soft_optimal(2.5),
    self_aware(0.3), satisficing(0.75), status_quo(0.1, default=1), optimist(-0.25),
    hyperbolic(0.5, sophisticated=True, delays=3),
    Negated(planner=Negated(planner=optimal())),
    Override(planner=Negated(planner=greedy()), states=(2, 0), actions=(1, 1)),
    Constant(policy=np.eye(3)[[0, 2, 1, 0]]), Constant(policy=np.full((4, 3), 1 / 3)),
)  # fmt: skip


@pytest.mark.parametrize("planner", PLANNERS, ids=lambda planner: planner.name)
def test_a_planner_and_its_program_do_the_same(planner: Planner) -> None:
    term = planner_term(planner)
    R = rewards(ENDING, 3)
    np.testing.assert_array_equal(
        planner_of(term, ENDING).policies(ENDING, R), planner.policies(ENDING, R)
    )
    # And it is a program: it is written and read.
    for language in (V1, V2):
        word = language.encode(term, sizes_of(ENDING))
        assert language.decode(word, "planner", sizes_of(ENDING)) == term


@pytest.mark.parametrize("language", [V1, V2], ids=["v1", "v2"])
def test_the_interpreter_and_the_planner_agree_on_every_short_program(language: object) -> None:
    assert isinstance(language, type(V1))
    R = rewards(WORLD, 2)
    tried = 0
    for term, _ in language.programs("planner", sizes_of(WORLD), max_bits=12):
        try:
            made = planner_of(term, WORLD).policies(WORLD, R)
        except ConfigError:
            continue
        for h in range(len(R)):
            np.testing.assert_allclose(
                Interpreter(WORLD).plan(term, R[h]), made[h], atol=1e-12, rtol=0
            )
        tried += 1
    assert tried > 50


def test_bends_and_rules_come_back() -> None:
    for planner in PLANNERS:
        if isinstance(planner, Planner):
            assert backup_of(backup_term(planner.backup)) == planner.backup
            assert rule_of(rule_term(planner.rule)) == planner.rule
    every = Backup(
        kind="softmax", beta=3.0, steps=4, leaf="uniform", optimism=-0.5, confidence=2.0,
        hyperbolic=0.25, delays=2,
    )  # fmt: skip
    assert backup_of(backup_term(every)) == every
    assert rule_of(rule_term(Rule(kind="stick", parameter=0.3, default=2))).default == 2


def test_what_rewards_mean() -> None:
    run = Interpreter(WORLD, features=np.arange(12.0).reshape(2, 3, 2))
    R = run.reward(Term("reward", "goal", (1,)))
    np.testing.assert_allclose(R, WORLD.dense[:, :, 1])
    table = Term("policy", "table", ((1, 0, 1),))
    np.testing.assert_array_equal(
        run.reward(Term("reward", "ind", (table,))), [[0, 1], [1, 0], [0, 1]]
    )
    linear = Term("reward", "linear", (((0, 2.0), (1, -1.0)),))
    np.testing.assert_array_equal(run.reward(linear).ravel(), np.arange(6) * 2 - np.arange(6, 12))
    bonus = Term("reward", "bonus", (0.5, ((2, 0),), Term("reward", "zero")))
    np.testing.assert_array_equal(run.reward(bonus), [[0, 0], [0, 0], [0.5, 0]])
    with pytest.raises(ConfigError, match="no reward features"):
        Interpreter(WORLD).reward(linear)


def test_a_policy_that_is_no_distribution_means_nothing() -> None:
    with pytest.raises(ConfigError, match="distribution"):
        Interpreter(WORLD).policy(Term("policy", "mixed", ((0.5, 0.4, 1.0, 0.0, 0.0, 1.0),)))


@pytest.mark.parametrize("language", [V1, V2], ids=["v1", "v2"])
def test_the_four_functions_keep_the_policy(language: object) -> None:
    # Lemma 6 and Proposition 8, program by program: F_i(p, R) is compatible with p(R).
    assert isinstance(language, type(V1))
    run = Interpreter(WORLD)
    tried = 0
    for term, _ in language.programs("pair", sizes_of(WORLD), max_bits=11):
        planner, reward = parts(term)
        try:
            policy = run.plan(planner, run.reward(reward))
        except ConfigError:
            continue
        if not (policy.max(axis=1) == 1).all():
            continue
        for F in FUNCTIONS:
            p, R = parts(applied(F, term))
            np.testing.assert_array_equal(run.plan(p, run.reward(R)), policy, err_msg=F)
        tried += 1
    assert tried > 20


def test_steps_count_tables_and_sweeps() -> None:
    table = 3 * 2
    goal = Term("reward", "goal", (1,))
    assert steps(pair(Term("planner", "greedy"), goal), WORLD) == 2 * table
    constant = pair(Term("planner", "const", (Term("policy", "always", (0,)),)), goal)
    assert steps(constant, WORLD) == 3 * table
    look = pair_term(Planner(name="", backup=Backup(steps=7)), goal)
    assert steps(look, WORLD) == (1 + 7) * table
    # Every sweep backs up each of the three delays.
    naive = pair_term(Planner(name="", backup=Backup(steps=5, hyperbolic=1.0, delays=2)), goal)
    assert steps(naive, WORLD) == (1 + 5 * 3) * table
    with pytest.raises(ConfigError, match="takes no steps"):
        steps(Term("planner", "greedy"), WORLD)


def test_the_functions_add_fixed_numbers_of_tables_to_the_steps() -> None:
    table = 3 * 2
    for planner in (optimal(), greedy(), Override(planner=optimal(), states=(0,), actions=(1,))):
        term = pair_term(planner, Term("reward", "goal", (2,)))
        before = steps(term, WORLD)
        added = [steps(applied(F, term), WORLD) - before for F in FUNCTIONS]
        assert added == [2 * table, 2 * table, 4 * table, 2 * table]


def test_rewards_are_spelled_out() -> None:
    assert str(weights_term(np.array([0.0, -2.0, 0.0]))) == "linear ((1,-2.0),)"
    assert weights_term(np.zeros(3)) == Term("reward", "zero")
    run = Interpreter(WORLD)
    goal = run.reward(Term("reward", "goal", (2,)))
    for R in (goal, -goal, np.zeros((3, 2)), np.eye(2)[[0, 1, 1]], rewards(WORLD, 1)[0]):
        terms = table_terms(WORLD, R)
        assert terms
        for term in terms:
            np.testing.assert_allclose(run.reward(term), R, atol=1e-12)
    assert Term("reward", "goal", (2,)) in table_terms(WORLD, goal)
    assert policy_term(np.eye(2)[[1, 1, 1]]) == Term("policy", "always", (1,))


def test_a_planner_of_the_users_own_has_no_words() -> None:
    class Odd:
        name = "odd"

        def policies(self, mdp: object, rewards: np.ndarray) -> np.ndarray:
            return rewards

    with pytest.raises(ConfigError, match="no words for a Odd"):
        planner_term(Odd())  # type: ignore[arg-type]
