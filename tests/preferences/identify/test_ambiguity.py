"""What experts leave undecided, against null spaces written out in full."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from precocial.errors import ConfigError, DataError, FitError
from precocial.preferences import TabularMDP, boltzmann, optimal, simulate, soft_optimal
from precocial.preferences.identify.ambiguity import (
    ambiguity,
    recover_reward,
    reward_from_two,
    state_features,
)
from precocial.preferences.identify.experts import Expert
from precocial.preferences.identify.soft_plan import soft_plan

Floats = NDArray[np.float64]


def world(
    seed: int, S: int = 6, A: int = 3, discount: float = 0.9, ends: bool = False
) -> TabularMDP:
    rng = np.random.default_rng(seed)
    P = rng.dirichlet(np.full(S, 0.5), size=(S, A))
    terminal = np.zeros(S, dtype=bool)
    terminal[-1] = ends
    return TabularMDP.from_arrays(P, discount=discount, terminal=terminal)


def reward(seed: int, S: int = 6, A: int = 3) -> Floats:
    return np.random.default_rng(seed + 1000).normal(size=(S, A))


def soft(mdp: TabularMDP, R: Floats, beta: float = 1.0) -> Expert:
    pi = soft_plan(mdp, R, beta=beta).policies[0]
    pi[mdp.terminal] = 1 / mdp.n_actions
    return Expert.soft(mdp, pi, beta)


def written_out(experts: list[Expert], features: Floats | None) -> int:
    """Dimension of the rewards that look alike: w (or R) and every v unknown, none eliminated."""
    S, A = experts[0].centre.shape
    live = ~np.all([e.mdp.terminal for e in experts], axis=0)
    phi = state_pairs(S, A)[np.repeat(live, A)] if features is None else features
    width = len(phi) + S * len(experts)
    rows = []
    for i, expert in enumerate(experts):
        P, gamma = expert.mdp.dense, expert.mdp.discount
        for s in np.flatnonzero(~expert.mdp.terminal):
            for a in range(A):
                row = np.zeros(width)
                row[: len(phi)] = phi[:, s, a]
                at = len(phi) + i * S
                row[at + s] -= 1
                row[at : at + S] += gamma * P[s, a]
                row[at : at + S][expert.mdp.terminal] = 0
                rows.append(row)
    _, size, right = np.linalg.svd(np.array(rows))
    null = right[(size > 1e-9 * size[0]).sum() :]
    moved = np.tensordot(null[:, : len(phi)], phi, axes=1)
    moved[:, ~live] = 0
    return int(np.linalg.matrix_rank(moved.reshape(len(moved), S * A), tol=1e-7))


def state_pairs(S: int, A: int) -> Floats:
    return np.eye(S * A).reshape(S * A, S, A)


def test_two_discounts_give_the_reward_up_to_a_constant() -> None:
    for seed in range(20):
        mdp, R = world(seed), reward(seed)
        found = reward_from_two(soft(mdp, R, 2.0), soft(mdp.with_discount(0.7), R, 2.0))
        assert np.abs(found.reward - (R - R.mean())).max() < 1e-6
        assert found.status == "up to a constant"
        assert found.ambiguity.rank == 2 * 6 - 1
        assert found.ambiguity.unknowns == 12
        assert found.ambiguity.dimension == 1
        assert found.ambiguity.condition < 1e5


def test_boltzmann_agents_at_two_discounts_do_as_well() -> None:
    mdp, R = world(30), reward(30)
    experts = [
        Expert.boltzmann(m, boltzmann(3.0).policies(m, R[None])[0], 3.0)
        for m in (mdp, mdp.with_discount(0.5))
    ]
    found = reward_from_two(*experts)
    assert np.abs(found.reward - (R - R.mean())).max() < 1e-6


def test_two_worlds_do_as_well_and_one_world_twice_does_not() -> None:
    R = reward(31)
    one, other = soft(world(31), R), soft(world(32), R)
    assert np.abs(reward_from_two(one, other).reward - (R - R.mean())).max() < 1e-6
    with pytest.raises(FitError, match=r"leave 6 directions .* rank is 6, 11 is needed"):
        reward_from_two(one, soft(world(31), R))


def test_one_discount_leaves_the_shapings_a_space_of_dimension_s() -> None:
    mdp, R = world(33), reward(33)
    left = ambiguity([soft(mdp, R)])
    assert left.dimension == 6
    assert left.constant
    assert not left.identified
    # every direction is one: the policy of R + direction is that of R
    same = soft_plan(mdp, R + 3 * left.basis).policies
    np.testing.assert_allclose(same, np.broadcast_to(same[:1], same.shape), atol=1e-8)
    np.testing.assert_allclose(same[0], soft_plan(mdp, R).policies[0], atol=1e-8)
    assert np.linalg.matrix_rank(left.basis.reshape(6, -1)) == 6


def test_where_episodes_end_not_even_a_constant_is_free() -> None:
    mdp, R = world(34, ends=True), reward(34)
    R[-1] = 0
    left = ambiguity([soft(mdp, R)])
    assert left.dimension == 5
    found = reward_from_two(soft(mdp, R), soft(mdp.with_discount(0.6), R))
    assert found.status == "exactly"
    assert np.abs(found.reward - R).max() < 1e-6


def test_the_rank_test_agrees_with_the_null_space_written_out() -> None:
    rng = np.random.default_rng(35)
    seen = set()
    for seed in range(200):
        S, A = int(rng.integers(2, 6)), int(rng.integers(1, 4))
        mdp = world(seed, S, A, discount=rng.uniform(0.1, 0.95), ends=bool(rng.random() < 0.3))
        if rng.random() < 0.3:  # deterministic: less is decided
            P = np.eye(S)[rng.integers(0, S, size=(S, A))]
            mdp = TabularMDP.from_arrays(P, discount=mdp.discount, terminal=mdp.terminal)
        R = np.where(mdp.terminal[:, None], 0, reward(seed, S, A))
        experts = [soft(mdp, R)]
        for _ in range(int(rng.integers(0, 3))):
            kind = rng.integers(3)
            other = mdp.with_discount(rng.uniform(0.1, 0.95)) if kind == 0 else mdp
            if kind == 1 and not mdp.terminal.any():
                other = world(seed + 5000, S, A, discount=mdp.discount)
            experts.append(soft(other, R))
        features = None
        if rng.random() < 0.5:
            F = int(rng.integers(1, S * A + 1))
            features = rng.normal(size=(F, S, A))
            features[0] = R  # so that there is a reward to be found
            if rng.random() < 0.3:
                features = np.concatenate([features, features[:1]])  # dependent
        left = ambiguity(experts, features=features)
        assert left.dimension == written_out(experts, features)
        seen.add((len(experts), features is None, left.identified))
    # one to three experts, any reward or features, decided or not; one expert alone never decides
    assert len(seen) == 11
    assert (1, True, True) not in seen


def test_state_rewards_may_be_found_from_one_expert() -> None:
    mdp = world(36)
    r = np.random.default_rng(36).normal(size=6)
    R = np.repeat(r[:, None], 3, axis=1)
    found = recover_reward([soft(mdp, R)], features=state_features(mdp))
    assert found.status == "up to a constant"
    assert np.abs(found.reward - (R - R.mean())).max() < 1e-6
    arrival = state_features(mdp, on_arrival=True)
    np.testing.assert_allclose(arrival, mdp.on_arrival(np.eye(6)))


def test_experts_without_a_common_reward_are_refused() -> None:
    mdp = world(37)
    with pytest.raises(FitError, match="no reward gives all these policies"):
        recover_reward([soft(mdp, reward(37)), soft(mdp.with_discount(0.5), reward(38))])


def test_counted_policies_come_with_honest_errors() -> None:
    mdp, R = world(39, S=4), reward(39, S=4)
    both = [mdp, mdp.with_discount(0.3)]
    policies = [soft_plan(m, R).policies[0] for m in both]
    rng, z = np.random.default_rng(40), []
    for _ in range(800):
        experts = [
            Expert.from_counts(m, np.array([rng.multinomial(2000, row) for row in pi]))
            for m, pi in zip(both, policies, strict=True)
        ]
        found = recover_reward(experts)
        z.append((found.reward - (R - R.mean())) / found.standard_error)
    spread = np.array(z).std(axis=0)
    assert (np.abs(spread - 1) < 0.1).all()
    assert (np.abs(np.array(z).mean(axis=0)) < 0.3).all()


@pytest.mark.parametrize("kind", ["soft", "boltzmann"])
def test_the_covariance_of_counts_is_that_of_samples(kind: str) -> None:
    mdp = TabularMDP.from_arrays(np.ones((1, 3, 1)), discount=0.5)
    pi, rng = np.array([0.6, 0.3, 0.1]), np.random.default_rng(46)
    draws = rng.multinomial(1000, pi, size=3000)
    centres = [Expert.from_counts(mdp, n[None], kind=kind, beta=2.0).centre[0] for n in draws]
    told = Expert.from_counts(mdp, 1000 * pi[None], kind=kind, beta=2.0).covariance
    assert told is not None
    np.testing.assert_allclose(np.cov(np.array(centres).T), told[0], rtol=0.12, atol=1e-5)


@pytest.mark.parametrize("kind", ["soft", "boltzmann"])
def test_the_bounds_of_counts_hold_as_often_as_they_say(kind: str) -> None:
    mdp, R = world(41, S=4), reward(41, S=4)
    planner = soft_optimal(1.0) if kind == "soft" else boltzmann(1.0)
    pi = planner.policies(mdp, R[None])[0]
    exact = (Expert.soft if kind == "soft" else Expert.boltzmann)(mdp, pi)
    rng, held = np.random.default_rng(42), 0
    for _ in range(200):
        n = np.array([rng.multinomial(30, row) for row in pi])
        expert = Expert.from_counts(mdp, n, kind=kind, confidence=0.9)
        inside = (expert.low <= exact.centre) & (exact.centre <= expert.high)
        held += int(inside.all())
    assert held >= 0.9 * 200 - 3 * np.sqrt(200 * 0.09)


def test_what_was_never_seen_is_not_made_up() -> None:
    mdp, R = world(43), reward(43)
    demos = simulate(mdp, soft_plan(mdp, R).policies[0], episodes=50, steps=20, seed=1)
    n = demos.counts(mdp)
    n[2] = 0
    found = recover_reward([Expert.from_counts(m, n) for m in (mdp, mdp.with_discount(0.5))])
    assert np.isnan(found.reward[2]).all()
    assert np.isfinite(np.delete(found.reward, 2, axis=0)).all()
    assert found.status == "not identified"
    assert "3 pairs of state and action" in found.advice
    assert found.ambiguity.dimension >= 4
    tied = recover_reward([Expert.from_counts(mdp, n)], features=state_features(mdp))
    assert tied.ambiguity.dimension == 2  # a constant, and what the unseen state is worth
    assert np.isnan(tied.reward).sum() == 3


def test_an_optimal_expert_says_little() -> None:
    mdp, R = world(44), reward(44)
    expert = Expert.optimal(mdp, optimal().policies(mdp, R[None])[0])
    assert (expert.high == 0).all()
    assert np.isneginf(expert.low).sum() == 12
    assert ambiguity([expert]).dimension == 6 + 12


@pytest.mark.wrong_types
def test_mistakes_are_named() -> None:
    mdp = world(45)
    pi = mdp.uniform_policy()
    with pytest.raises(ConfigError, match="at least one expert"):
        ambiguity([])
    with pytest.raises(ConfigError, match="same states"):
        ambiguity([Expert.soft(mdp, pi), Expert.soft(world(1, S=4), np.full((4, 3), 1 / 3))])
    with pytest.raises(DataError, match="action 0 in state 2 has probability 0"):
        Expert.soft(mdp, np.concatenate([pi[:2], [[0, 0.5, 0.5]], pi[3:]]))
    with pytest.raises(DataError, match="sum to 1"):
        Expert.soft(mdp, 2 * pi)
    with pytest.raises(DataError, match="a policy must be"):
        Expert.optimal(mdp, pi[:2])
    with pytest.raises(ConfigError, match="beta must be finite"):
        Expert.soft(mdp, pi, 0.0)
    with pytest.raises(DataError, match="not all 0"):
        Expert.from_counts(mdp, np.zeros((6, 3)))
    with pytest.raises(ConfigError, match="confidence must lie in"):
        Expert.from_counts(mdp, np.ones((6, 3)), confidence=1.0)
    with pytest.raises(ConfigError, match="kind"):
        Expert.from_counts(mdp, np.ones((6, 3)), kind="odd")
    with pytest.raises(ConfigError, match="features must be finite"):
        ambiguity([Expert.soft(mdp, pi)], features=np.ones((6, 3)))


def test_what_one_expert_leaves_open_has_an_infinite_error() -> None:
    mdp = TabularMDP.from_arrays(np.full((2, 2, 2), 0.5), discount=0.5)
    found = recover_reward([Expert.soft(mdp, [[0.3, 0.7], [0.6, 0.4]])])
    assert found.status == "not identified"
    assert np.isinf(found.standard_error).all()
