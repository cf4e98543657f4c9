"""How far compatible rewards reach: closed forms, members of the set, and its certificates."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from precocial.errors import ConfigError, FitError
from precocial.preferences import TabularMDP, boltzmann, optimal, soft_optimal
from precocial.preferences.identify.ambiguity import recover_reward, state_features
from precocial.preferences.identify.experts import Expert
from precocial.preferences.identify.intervals import (
    CompatibleRewards,
    reward_intervals,
    state_differences,
)

Floats = NDArray[np.float64]


def world(seed: int, S: int = 4, A: int = 2, discount: float = 0.8) -> TabularMDP:
    P = np.random.default_rng(seed).dirichlet(np.full(S, 0.5), size=(S, A))
    return TabularMDP.from_arrays(P, discount=discount)


def bandit() -> TabularMDP:
    return TabularMDP.from_arrays(np.ones((1, 2, 1)), discount=0.0)


def test_a_bandit_in_closed_form() -> None:
    # R(0) - R(1) is log odds; both in [-1, 1] leaves R(0) an interval of length 2 - |log odds|
    odds = np.log(0.7 / 0.3)
    allowed = CompatibleRewards(experts=(Expert.soft(bandit(), [[0.7, 0.3]]),))
    got = allowed.intervals(np.array([[[1.0, -1.0]], [[1.0, 0.0]], [[0.0, 1.0]]]))
    np.testing.assert_allclose(got, [[odds, odds], [odds - 1, 1], [-1, 1 - odds]], atol=1e-7)
    with pytest.raises(FitError, match="no reward with"):
        CompatibleRewards(experts=(Expert.soft(bandit(), [[0.999, 0.001]]),)).intervals(
            np.array([[[1.0, 0.0]]])
        )
    best = CompatibleRewards(experts=(Expert.optimal(bandit(), [[1.0, 0.0]]),))
    np.testing.assert_allclose(best.intervals(np.array([[[1.0, -1.0]]])), [[0, 2]], atol=1e-9)


@pytest.mark.parametrize("kind", ["soft", "boltzmann", "optimal"])
def test_ends_are_rewards_that_give_the_behaviour_and_the_truth_is_inside(kind: str) -> None:
    mdp = world(1)
    R = np.random.default_rng(2).uniform(-0.3, 0.3, size=(4, 2))
    planner = {"soft": soft_optimal(1.0), "boltzmann": boltzmann(1.0), "optimal": optimal()}[kind]
    pi = planner.policies(mdp, R[None])[0]
    expert = getattr(Expert, kind)(mdp, pi)
    allowed = CompatibleRewards(experts=(expert,))
    functional = np.random.default_rng(3).normal(size=(4, 2))
    (low, high), top = allowed.intervals(functional)[0], allowed.largest(functional)[1]
    assert low - 1e-7 <= (functional * R).sum() <= high + 1e-7
    assert high - low > 0.1
    assert np.abs(top).max() <= 1 + 1e-9
    assert (functional * top).sum() == pytest.approx(high)
    again = planner.policies(mdp, top[None])[0]
    if kind == "optimal":
        done = mdp.policy_values(pi, top)
        np.testing.assert_allclose(mdp.policy_values(again, top), done, atol=1e-7)
    else:
        np.testing.assert_allclose(again, pi, atol=1e-6)


def test_two_discounts_leave_a_point_of_every_difference() -> None:
    mdp = world(4)
    R = np.random.default_rng(5).uniform(-0.5, 0.5, size=(4, 2))
    experts = [
        Expert.soft(m, soft_optimal(1.0).policies(m, R[None])[0])
        for m in (mdp, mdp.with_discount(0.4))
    ]
    got = reward_intervals(experts, reference=1)
    exact = R.mean(axis=1) - R.mean(axis=1)[1]
    np.testing.assert_allclose(got, np.stack([exact, exact], axis=1), atol=1e-5)
    one = reward_intervals(experts[:1], reference=1)
    assert (one[[0, 2, 3], 1] - one[[0, 2, 3], 0] > 0.5).all()
    recovered = recover_reward(experts).reward.mean(axis=1)
    np.testing.assert_allclose(recovered - recovered[1], exact, atol=1e-6)


def test_features_shorten_intervals_and_counts_lengthen_them() -> None:
    mdp = world(6)
    r = np.random.default_rng(7).uniform(-0.5, 0.5, size=4)
    R = np.repeat(r[:, None], 2, axis=1)
    pi = soft_optimal(1.0).policies(mdp, R[None])[0]
    phi = state_features(mdp)
    exact = reward_intervals([Expert.soft(mdp, pi)], features=phi)
    np.testing.assert_allclose(exact[:, 0], r - r[0], atol=1e-5)
    np.testing.assert_allclose(exact[:, 1], r - r[0], atol=1e-5)
    lengths = []
    for n in (10_000_000, 100_000, 100):
        counted = Expert.from_counts(mdp, np.round(n * pi))
        got = reward_intervals([counted], features=phi)
        assert (got[:, 0] <= r - r[0] + 1e-6).all()
        assert (r - r[0] - 1e-6 <= got[:, 1]).all()
        lengths.append((got[1:, 1] - got[1:, 0]).mean())
    assert lengths[0] < lengths[1] < lengths[2]
    assert lengths[0] < 0.1


def test_an_end_is_worth_nothing_to_anybody() -> None:
    P = np.zeros((2, 2, 2))
    P[0, 0, 0] = P[0, 1, 1] = 1
    P[1, :, 1] = 1
    mdp = TabularMDP.from_arrays(P, discount=0.5, terminal=[False, True])
    # stay (0) for ever or leave (1): optimal to leave iff R(leave) >= R(stay) / (1 - 0.5)
    allowed = CompatibleRewards(experts=(Expert.optimal(mdp, [[0.0, 1.0], [0.5, 0.5]]),))
    stay, leave = np.array([[1.0, 0], [0, 0]]), np.array([[0, 1.0], [0, 0]])
    np.testing.assert_allclose(
        allowed.intervals(np.array([stay, leave, leave - 2 * stay])),
        [[-1, 0.5], [-1, 1], [0, 3]], atol=1e-9,
    )  # fmt: skip


def test_weights_of_features_have_intervals_too() -> None:
    # Two rooms, stay or swap; a third that nothing leads to. A reward for arriving is seen by the
    # expert's choice between rooms only as a difference.
    P = np.zeros((3, 2, 3))
    P[0, 0, 0] = P[1, 0, 1] = P[0, 1, 1] = P[1, 1, 0] = 1
    P[2, :, 0] = 1
    mdp = TabularMDP.from_arrays(P, discount=0.5)
    phi = state_features(mdp, on_arrival=True)
    w = np.array([0.2, -0.4, 0.0])
    R = np.tensordot(w, phi, axes=1)
    pi = soft_optimal(1.0).policies(mdp, R[None])[0]
    allowed = CompatibleRewards(experts=(Expert.soft(mdp, pi),), features=phi)
    got = allowed.weight_intervals([[1.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    np.testing.assert_allclose(got[0], [0.6, 0.6], atol=1e-6)
    np.testing.assert_allclose(got[1], [-0.4, 1.0], atol=1e-6)
    assert (got[2] == [-np.inf, np.inf]).all()
    with pytest.raises(ConfigError, match=r"must be \(M, 3\)"):
        allowed.weight_intervals([1.0, 2.0])


def test_mistakes_are_named() -> None:
    mdp = world(8)
    expert = Expert.soft(mdp, mdp.uniform_policy())
    with pytest.raises(ConfigError, match="one or more experts"):
        CompatibleRewards(experts=())
    with pytest.raises(ConfigError, match="bound must be finite"):
        CompatibleRewards(experts=(expert,), bound=0.0)
    with pytest.raises(ConfigError, match="features must be"):
        CompatibleRewards(experts=(expert,), features=np.ones((2, 3)))
    with pytest.raises(ConfigError, match="functionals must be"):
        CompatibleRewards(experts=(expert,)).intervals(np.ones((3, 3)))
    with pytest.raises(ConfigError, match="states must lie in 0 to 3"):
        state_differences(mdp, states=[4])


def test_one_who_slips_is_best_in_what_slips_do_not_explain() -> None:
    mdp = world(3, A=3)
    counts = np.zeros((mdp.n_states, mdp.n_actions))
    counts[0], counts[1] = [90, 5, 5], [50, 45, 5]
    found = Expert.slipping(mdp, counts, 0.2)
    # slips give each action 0.2 / 3; the bounds of 5 of 100 do not exclude that, those of 45 do
    expected = np.full(counts.shape, np.nan)
    expected[0, 0] = expected[1, :2] = 0.0
    np.testing.assert_array_equal(found.centre, expected)
    assert (found.high == 0).all()
    assert np.isneginf(found.low[2:]).all()
    with pytest.raises(ConfigError, match="epsilon must lie in"):
        Expert.slipping(mdp, counts, 1.5)
