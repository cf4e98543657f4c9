"""Planners: each family against a computation of its own on small worlds."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from precocial.errors import ConfigError, FitError
from precocial.preferences import (
    Backup,
    Constant,
    Negated,
    Override,
    Planner,
    Plans,
    Rule,
    TabularMDP,
    anti_rational,
    boltzmann,
    constructed_values,
    defaults,
    greedy,
    hyperbolic,
    look_ahead,
    miscalibrated,
    myopic,
    nth_best,
    optimal,
    optimist,
    satisficing,
    self_aware,
    soft_optimal,
    solve,
    status_quo,
)
from precocial.preferences.planning import values as values_module
from tests.preferences.small_worlds import random_world, rewards

WORLD = random_world(ends=1)
R = rewards(WORLD, 4)


def q_star(world: TabularMDP = WORLD, sweeps: int = 500) -> np.ndarray:
    V = np.zeros((len(R), world.n_states))
    for _ in range(sweeps):
        Q = np.where(world.terminal[:, None], 0, R) + world.discount * world.expected(V)
        Q[:, world.terminal] = 0
        V = Q.max(axis=-1)
    return Q


def test_q_star_is_the_fixed_point_and_its_certificate_holds() -> None:
    rough = solve(WORLD, R, tolerance=1e-3)
    assert (np.abs(rough.Q - q_star()).max(axis=(1, 2)) <= rough.residual / 0.1 + 1e-12).all()
    fine = solve(WORLD, R, tolerance=1e-11)
    np.testing.assert_allclose(fine.Q, q_star(), atol=1e-10)
    assert (fine.sweeps > rough.sweeps).all()


def test_a_reward_is_planned_for_alone_as_among_others() -> None:
    for planner in (*defaults(), optimal(), satisficing(0.5), status_quo(0.2), nth_best(2)):
        together = planner.policies(WORLD, R)
        assert together.shape == R.shape
        np.testing.assert_allclose(together.sum(axis=-1), 1)
        for h in range(len(R)):
            np.testing.assert_allclose(
                planner.policies(WORLD, R[h : h + 1])[0], together[h], atol=1e-6
            )


def test_the_optimal_planner_beats_every_policy_and_the_anti_rational_none() -> None:
    world = random_world(3, states=3, actions=2)
    reward = rewards(world, 1, 3)
    every = [
        float(world.policy_return(np.eye(2)[list(a)], reward[0]))
        for a in itertools.product(range(2), repeat=3)
    ]
    best, worst = (
        float(world.policy_return(planner.policies(world, reward), reward)[0])
        for planner in (optimal(), anti_rational())
    )
    assert best == pytest.approx(max(every))
    assert worst == pytest.approx(min(every))


def test_greedy_looks_at_the_reward_alone() -> None:
    live = ~WORLD.terminal
    assert (greedy().policies(WORLD, R)[:, live].argmax(-1) == R[:, live].argmax(-1)).all()


def test_myopic_is_a_short_horizon_begun_anew_in_every_step() -> None:
    V = np.zeros((len(R), 6))
    for _ in range(3):
        Q = np.where(WORLD.terminal[:, None], 0, R + 0.9 * WORLD.expected(V))
        V = Q.max(axis=-1)
    live = ~WORLD.terminal
    got = myopic(3).policies(WORLD, R)
    assert (got[:, live].argmax(-1) == Q[:, live].argmax(-1)).all()


def test_look_ahead_values_its_leaves_by_the_uniform_policy() -> None:
    V = WORLD.policy_values(WORLD.uniform_policy(), R)
    Q = R + 0.9 * WORLD.expected(V)
    live = ~WORLD.terminal
    got = look_ahead(1).policies(WORLD, R)
    assert (got[:, live].argmax(-1) == Q[:, live].argmax(-1)).all()
    far = look_ahead(400).policies(WORLD, R)
    np.testing.assert_array_equal(far, optimal().policies(WORLD, R))


def test_boltzmann_goes_from_uniform_to_optimal() -> None:
    np.testing.assert_allclose(boltzmann(1e-9).policies(WORLD, R), 1 / 3, atol=1e-6)
    sharp = boltzmann(1e6).policies(WORLD, R)
    np.testing.assert_allclose(sharp, optimal().policies(WORLD, R), atol=1e-6)
    Q = q_star()
    weight = np.exp(2.0 * Q)
    np.testing.assert_allclose(
        boltzmann(2.0).policies(WORLD, R), weight / weight.sum(-1, keepdims=True), atol=1e-6
    )


def test_the_soft_optimal_policy_maximises_return_plus_entropy() -> None:
    beta = 1.7
    pi = soft_optimal(beta).policies(WORLD, R[:1])[0]

    def objective(policy: np.ndarray) -> float:
        bonus = -np.log(policy * 3) / beta
        return float(WORLD.policy_return(policy, R[0] + bonus))

    rng = np.random.default_rng(0)
    for _ in range(50):
        other = pi * np.exp(0.05 * rng.normal(size=pi.shape))
        assert objective(other / other.sum(-1, keepdims=True)) <= objective(pi) + 1e-9


def test_the_self_aware_planner_values_what_it_will_really_do() -> None:
    beta = 1.3
    Q = solve(WORLD, R, Backup(kind="softmax", beta=beta)).Q
    pi = self_aware(beta).policies(WORLD, R)
    V = WORLD.policy_values(pi, R)
    expected = np.where(WORLD.terminal[:, None], 0, R + 0.9 * WORLD.expected(V))
    np.testing.assert_allclose(Q, expected, atol=1e-6)


def two_doors() -> tuple[TabularMDP, np.ndarray]:
    """Start 0: wait (action 0, to 1) or take a small sweet (action 1). In 1: go on to the large
    good (0, to 2) or take a middling sweet (1). In 2: the large good. Everything then ends (3)."""
    P = np.zeros((4, 2, 4))
    P[0, 0, 1] = P[0, 1, 3] = P[1, 0, 2] = P[1, 1, 3] = P[2, :, 3] = P[3, :, 3] = 1
    world = TabularMDP.from_arrays(
        P, discount=1.0, start=[1, 0, 0, 0], terminal=[False, False, False, True]
    )
    reward = np.zeros((1, 4, 2))
    reward[0, 0, 1], reward[0, 1, 1], reward[0, 2] = 0.95, 1.6, 2.5
    return world, reward


def test_naive_and_sophisticated_part_where_a_plan_will_be_broken() -> None:
    # k = 1. At 0: now .95; the middling one 1.6/2 = .8; the large one 2.5/3 = .83.
    # At 1: middling 1.6 now, large 2.5/2 = 1.25: whoever arrives takes the middling one.
    world, reward = two_doors()
    naive = hyperbolic(1.0, sophisticated=False).policies(world, reward)[0].argmax(-1)
    reward[0, 0, 1] = 0.81
    # Now .81 < .83: the naive planner waits for the large one, the sophisticated one knows that it
    # would take the middling one (.8) and takes the sweet at once.
    assert naive[:2].tolist() == [1, 1]
    naive = hyperbolic(1.0, sophisticated=False).policies(world, reward)[0].argmax(-1)
    aware = hyperbolic(1.0, sophisticated=True).policies(world, reward)[0].argmax(-1)
    assert naive[:2].tolist() == [0, 1]
    assert aware[:2].tolist() == [1, 1]


def test_hyperbolic_with_vanishing_k_is_optimal() -> None:
    for sophisticated in (False, True):
        planner = hyperbolic(1e-9, sophisticated=sophisticated)
        pi = planner.policies(WORLD, R)
        np.testing.assert_allclose(pi, optimal().policies(WORLD, R), atol=1e-6)


def test_an_optimist_counts_on_luck_and_a_pessimist_on_none() -> None:
    # action 0: 5 with a tenth, else 0; action 1: 1 for sure; action 2: 3 or -3
    P = np.zeros((5, 3, 5))
    P[0, 0, [1, 4]] = 0.1, 0.9
    P[0, 1, 2] = 1
    P[0, 2, [3, 4]] = 0.5, 0.5
    P[1:, :, 4] = 1
    world = TabularMDP.from_arrays(P, discount=0.9, terminal=[False] * 4 + [True])
    reward = np.zeros((1, 5, 3))
    reward[0, 1], reward[0, 2], reward[0, 3] = 5, 1, 1.5
    choices = {w: int(optimist(w).policies(world, reward)[0, 0].argmax()) for w in (-1.0, 0.0, 1.0)}
    assert choices == {-1.0: 1, 0.0: 1, 1.0: 0}
    likely = int(miscalibrated(0.01).policies(world, reward)[0, 0].argmax())
    assert likely == 0  # the likeliest outcome (nothing) counts for little: 5 * 0.1/(0.1+0.009)


def test_confidence_scales_the_likeliest_successor() -> None:
    believed = values_module.believed_transitions(WORLD, 3.0)
    top = WORLD.probability.max(axis=2)
    np.testing.assert_allclose(believed.probability.max(axis=2), 3 * top / (1 + 2 * top))
    np.testing.assert_allclose(believed.probability.sum(axis=2), 1)


def test_rules_of_thumb_pick_as_they_say() -> None:
    Q = q_star()
    live = ~WORLD.terminal
    order = np.argsort(-Q, axis=-1)
    for n in (1, 2, 3):
        pi = nth_best(n).policies(WORLD, R)
        assert (pi[:, live].argmax(-1) == order[:, live, n - 1]).all()
    enough = Q.min(-1, keepdims=True) + 0.5 * np.ptp(Q, axis=-1, keepdims=True) <= Q
    pi = satisficing(0.5).policies(WORLD, R)
    assert ((pi > 0) == enough)[:, live].all()
    stays = status_quo(1.0, default=2).policies(WORLD, R)
    assert (stays[:, :, 2] == 1).all()
    moves = status_quo(0.0, default=2).policies(WORLD, R)
    np.testing.assert_array_equal(moves[:, live], optimal().policies(WORLD, R)[:, live])


@pytest.mark.parametrize("seed", range(5))
def test_every_behaviour_is_the_nth_best_under_some_reward(seed: int) -> None:
    world = random_world(seed, states=3, actions=3, ends=seed % 2)
    for done in itertools.product(range(3), repeat=3):
        for n in (1, 2, 3):
            reward = constructed_values(world, np.array(done), n)
            assert np.abs(reward).max() <= 1
            pi = nth_best(n).policies(world, reward[None])[0]
            live = ~world.terminal
            assert (pi[live] == np.eye(3)[list(done)][live]).all()


def test_wrappers_do_what_they_say() -> None:
    pi = np.random.default_rng(0).dirichlet(np.ones(3), 6)
    np.testing.assert_array_equal(Constant(policy=pi).policies(WORLD, R)[2], pi)
    turned: Plans = Negated(planner=Negated(planner=boltzmann(2.0)))
    np.testing.assert_allclose(
        turned.policies(WORLD, R), boltzmann(2.0).policies(WORLD, R), atol=1e-12
    )
    np.testing.assert_allclose(
        Negated(planner=boltzmann(2.0)).policies(WORLD, R),
        boltzmann(2.0).policies(WORLD, -R),
    )
    quirky = Override(planner=optimal(), states=(1, 4), actions=(2, 0)).policies(WORLD, R)
    assert (quirky[:, 1, 2] == 1).all()
    assert (quirky[:, 4, 0] == 1).all()
    rest = [0, 2, 3, 5]
    np.testing.assert_array_equal(quirky[:, rest], optimal().policies(WORLD, R)[:, rest])


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Backup(kind="soft", beta=0), "beta must be finite and above 0"),
        (lambda: Backup(optimism=2), r"optimism must lie in \[-1, 1\]; got 2"),
        (lambda: Backup(steps=0), "steps must be at least 1"),
        (lambda: Backup(hyperbolic=1.0), "needs delays"),
        (lambda: Backup(delays=2), "needs delays, and only it"),
        (lambda: hyperbolic(-1.0, sophisticated=False), "hyperbolic must be at least 0"),
        (lambda: Backup(sophisticated=True), "needs steps"),
        (lambda: miscalibrated(0.0), "confidence must be above 0"),
        (lambda: Override(planner=optimal(), states=(1, 1), actions=(0, 0)), "several different"),
        (lambda: solve(WORLD, np.zeros((2, 5, 3))), r"must be finite, \(H, 6, 3\)"),
        (lambda: solve(WORLD, np.full((6, 3), np.nan)), "must be finite"),
        (lambda: constructed_values(WORLD, np.zeros(6, int), 4), "n must lie in 1 to 3"),
        (lambda: constructed_values(WORLD, np.full(6, 3), 1), "actions must lie in 0 to 2"),
        (lambda: constructed_values(WORLD, np.zeros(5, int), 1), "6 actions, 0 to 2"),
    ],
)
def test_bad_planners_are_refused(make: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        make()


@pytest.mark.parametrize(
    ("planner", "said"),
    [
        (Override(planner=optimal(), states=(99,), actions=(0,)), r"states .* 0 to 5 .*\[99\]"),
        (Override(planner=optimal(), states=(-1,), actions=(0,)), r"states .* 0 to 5 .*\[-1\]"),
        (Override(planner=optimal(), states=(0,), actions=(3,)), r"actions .* 0 to 2 .*\[3\]"),
        (Override(planner=optimal(), states=(0,), actions=(-1,)), r"actions .* 0 to 2 .*\[-1\]"),
        (Constant(policy=np.eye(3)), r"shape \(6, 3\) in this world; got \(3, 3\)"),
        (Constant(policy=np.ones(3) / 3), r"shape \(6, 3\) in this world; got \(3,\)"),
    ],
)
def test_planners_for_another_world_are_refused(planner: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        planner.policies(WORLD, R)


@pytest.mark.wrong_types
def test_unknown_kinds_are_refused() -> None:
    with pytest.raises(ConfigError, match="kind must be one of"):
        Backup(kind="hard")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="Rule: kind must be one of"):
        Rule(kind="best")  # type: ignore[arg-type]


def test_no_fixed_point_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(values_module, "MAX_SWEEPS", 5)
    with pytest.raises(FitError, match="4 of 4 rewards reached no fixed point in 5 sweeps"):
        Planner(name="optimal").policies(WORLD, R)
