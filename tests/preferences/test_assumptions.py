"""Assumptions as factors: what each rules out, what it leaves, and what it is worth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import logsumexp

from precocial.errors import ConfigError
from precocial.preferences import (
    Constant,
    Demonstrations,
    Negated,
    Override,
    Posterior,
    Rewards,
    Rule,
    TabularMDP,
    anti_rational,
    boltzmann,
    defaults,
    epsilon_greedy,
    greedy,
    hyperbolic,
    infer,
    myopic,
    nth_best,
    optimal,
    satisficing,
    simulate,
    soft_optimal,
    status_quo,
)
from precocial.preferences.assumptions import (
    BetterThanRandom,
    KnownReward,
    MonotoneInReward,
    RationalOn,
    SamePlanner,
    SameReward,
    SignAnchor,
    Sparse,
    Task,
    assumption_report,
    falls_and_rises,
    worst_case_regret,
)
from precocial.preferences.planners import Plans
from precocial.preferences.posterior import Block
from tests.preferences.inference_worlds import (
    Floats,
    bandit,
    corridor,
    frozen_lake,
    random_features,
    random_world,
)

NOISY = Rule(kind="boltzmann", parameter=5.0)
PEOPLE: tuple[Plans, ...] = (
    boltzmann(3.0),
    epsilon_greedy(0.2),
    myopic(2, rule=NOISY),
    hyperbolic(1.0, sophisticated=False, rule=NOISY),
)
WORLDS = {
    "frozen lake": frozen_lake(),
    "corridor": corridor(),
    "random": random_world(3),
    "ends": random_world(4, ends=True),
    "horizon": random_world(5, states=4).with_horizon(4),
}


def block_of(mdp: TabularMDP, planner: Plans, rewards: Rewards) -> Block:
    R = rewards.block()
    return Block(
        mdp=mdp, planner=planner, rewards=R, policies=planner.policies(mdp, R),
        weights=rewards.weights,
    )  # fmt: skip


def mirrored(planners: tuple[Plans, ...]) -> tuple[Plans, ...]:
    return planners + tuple(Negated(planner=planner) for planner in planners)


def judged(
    mdp: TabularMDP, true: Plans, rewards: Rewards, reward: int, **more: object
) -> Posterior:
    policy = true.policies(mdp, rewards.block(reward, reward + 1))[0]
    demos = simulate(mdp, policy, episodes=60, steps=20, seed=1)
    return infer(mdp, demos, mirrored(PEOPLE), rewards, **more)  # type: ignore[arg-type]


# ---------------------------------------------------------------- better than random


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("true", range(len(PEOPLE)))
def test_better_than_random_removes_the_opposite_of_the_truth(world: str, true: int) -> None:
    mdp = WORLDS[world]
    rewards = Rewards.grid(random_features(true, mdp, 2), [-1.0, 0.0, 1.0])
    reward, minus = 7, 1  # (1, 0) and (-1, 0)
    without = judged(mdp, PEOPLE[true], rewards, reward)
    opposite = (true + len(PEOPLE), minus)
    # Behaviour cannot tell: the same mass to the last digits.
    assert without.probability[opposite] == pytest.approx(without.probability[true, reward])
    assert without.probability[opposite] > 0.01
    after = judged(mdp, PEOPLE[true], rewards, reward, assume=[BetterThanRandom()])
    assert after.probability[opposite] < 1e-3
    assert after.probability[true, reward] > without.probability[true, reward]
    # And so with every pair that does no better than chance, by visits rather than by values.
    for row, planner in enumerate(after.planners):
        visits = mdp.occupancy(planner.policies(mdp, rewards.block()))
        visits = visits - mdp.occupancy(mdp.uniform_policy())
        gain = (visits * rewards.block()).sum(axis=(1, 2))
        assert after.probability[row, gain <= 1e-9].sum() == 0
        assert (after.factors["better than random"][row, gain > 1e-6] == 0).all()
    assert after.probability[len(PEOPLE) :].sum() < 1e-3


def lemma_6(mdp: TabularMDP, R: Floats, planner: Plans) -> tuple[Demonstrations, Rewards, tuple]:
    """Demonstrations of p(R), rewards (R, R_pi, 0, and opposites), planners (p, p_g, p_pi, ...)."""
    policy = planner.policies(mdp, R[None])[0]
    assert np.isin(policy[~mdp.terminal], (0, 1)).all()
    indicator = np.where(mdp.terminal[:, None], 0.0, policy)
    demos = simulate(mdp, policy, episodes=200, steps=6, seed=0)
    rewards = Rewards.tables([R, indicator, 0 * R, -R, -indicator])
    planners = (planner, greedy(), Constant(policy=policy))
    return demos, rewards, (*planners, *(Negated(planner=one) for one in planners))


def test_of_the_pairs_of_lemma_6_it_leaves_the_indicator_and_removes_the_rest() -> None:
    mdp = random_world(6, states=4)
    R = np.random.default_rng(0).uniform(-1, 1, size=(4, 3))
    demos, rewards, planners = lemma_6(mdp, R, optimal())
    before = infer(mdp, demos, planners, rewards).probability
    after = infer(mdp, demos, planners, rewards, assume=[BetterThanRandom()]).probability
    truth, indicator, nothing = (0, 0), (1, 1), (2, 2)
    opposites = ((3, 3), (4, 4), (5, 2))
    for pair in (truth, indicator, nothing, *opposites):
        assert before[pair] == pytest.approx(before[truth])
    assert after[indicator] == pytest.approx(after[truth])  # (p_g, R_pi) stays
    assert after[indicator] > 0.1
    for pair in (nothing, *opposites):
        assert after[pair] == 0.0


def test_it_removes_the_truth_of_an_agent_that_is_worse_than_random() -> None:
    mdp = random_world(7)
    R = np.random.default_rng(1).uniform(-1, 1, size=(5, 3))
    demos, rewards, _ = lemma_6(mdp, R, anti_rational())
    planners = (optimal(), anti_rational())
    before = infer(mdp, demos, planners, rewards).probability
    after = infer(mdp, demos, planners, rewards, assume=[BetterThanRandom()]).probability
    assert before[1, 0] == pytest.approx(before[0, 3])
    assert before[1, 0] > 0.1
    assert after[1, 0] == 0.0  # the truth: anti-rational, R
    assert after[0, 3] > 0.1  # its opposite: optimal, -R


def test_it_is_strict_and_blind_to_rounding() -> None:
    mdp = corridor()
    uniform = Constant(policy=mdp.uniform_policy() * (1 + 1e-15))
    rewards = Rewards.tables(np.random.default_rng(2).normal(size=(20, 6, 3)) * 1e6)
    factor = BetterThanRandom().log_factor(block_of(mdp, uniform, rewards))
    assert np.isneginf(factor).all()


def test_its_soft_form_is_the_logistic_of_the_gain() -> None:
    mdp = bandit()
    rewards = Rewards.tables([[[2.0, 0.0], [0, 0]], [[-4.0, 0.0], [0, 0]]])
    first = Constant(policy=np.array([[1.0, 0.0], [0.5, 0.5]]))
    factor = BetterThanRandom(slope=3.0).log_factor(block_of(mdp, first, rewards))
    # Gains are 2 - 1 and -4 - (-2).
    assert factor == pytest.approx(-np.log1p(np.exp([-3.0, 6.0])))


# ---------------------------------------------------------------- monotone


@pytest.mark.parametrize("seed", range(3))
def test_families_are_monotone_and_constant_and_negated_planners_are_not(seed: int) -> None:
    mdp = random_world(seed, states=4)
    quirky = Override(planner=optimal(), states=(0, 1), actions=(1, 2))
    fixed = Override(planner=optimal(), states=(0, 1, 2, 3), actions=(1, 2, 0, 0))
    monotone = (
        optimal(), greedy(), soft_optimal(2.0), satisficing(0.7), status_quo(0.3), quirky,
        Negated(planner=anti_rational()), *(p for p in defaults() if not isinstance(p, Negated)),
    )  # fmt: skip
    other = (
        anti_rational(), nth_best(2), nth_best(3), fixed, Constant(policy=mdp.uniform_policy()),
        *(p for p in defaults() if isinstance(p, Negated)),
    )  # fmt: skip
    rewards = Rewards.tables(np.zeros((2, 4, 3)))
    assume = MonotoneInReward()
    for planner in monotone:
        assert (assume.log_factor(block_of(mdp, planner, rewards)) == 0).all(), planner.name
    for planner in other:
        assert np.isneginf(assume.log_factor(block_of(mdp, planner, rewards))).all(), planner.name


def test_a_constant_planner_neither_falls_nor_rises_and_a_negated_one_only_falls() -> None:
    mdp = corridor()
    assert falls_and_rises(Constant(policy=mdp.uniform_policy()), mdp) == (0, 0)
    falls, rises = falls_and_rises(Negated(planner=boltzmann(1.0)), mdp)
    assert (falls, rises) == (128, 0)
    assert falls_and_rises(boltzmann(1.0), mdp) == (0, 128)


# ---------------------------------------------------------------- the others


def test_rational_on_some_states_is_optimal_there_and_free_elsewhere() -> None:
    mdp = random_world(8, states=4)
    R = np.random.default_rng(3).normal(size=(1, 4, 3))
    best = optimal().policies(mdp, R)[0].argmax(axis=1)
    off = (best + 1) % 3
    quirk = Override(planner=optimal(), states=(2,), actions=(int(off[2]),))
    rewards = Rewards.tables(R)
    assert RationalOn(states=(0, 1, 3)).log_factor(block_of(mdp, quirk, rewards)) == 0
    assert np.isneginf(RationalOn(states=(1, 2)).log_factor(block_of(mdp, quirk, rewards)))
    nothing = Rewards.tables(0 * R)
    assert RationalOn(states=(2,)).log_factor(block_of(mdp, quirk, nothing)) == 0


def test_rational_on_some_states_with_noise() -> None:
    mdp = random_world(8, states=4)
    rewards = Rewards.tables(np.random.default_rng(3).normal(size=(1, 4, 3)))
    for planner, beta, slack, holds in (
        (boltzmann(2.0), 2.0, 1e-6, True),
        (boltzmann(2.0), 3.0, 1e-3, False),
        (epsilon_greedy(0.3), None, 0.21, True),  # two of three actions are off: 0.2
        (epsilon_greedy(0.3), None, 0.19, False),
    ):
        assume = RationalOn(states=(0, 1), beta=beta, slack=slack)
        factor = assume.log_factor(block_of(mdp, planner, rewards))
        assert bool(factor[0] == 0) is holds, (planner.name, beta, slack)


def test_known_reward_strict_and_soft() -> None:
    mdp = corridor()
    rewards = Rewards.grid(random_features(0, mdp, 2), [-1.0, 0.0, 1.0])
    R, block = rewards.block(), block_of(mdp, greedy(), rewards)
    values = (float(R[5, 2, 1]), float(R[5, 4, 0]))
    strict = KnownReward(pairs=((2, 1), (4, 0)), values=values).log_factor(block)
    assert np.flatnonzero(strict == 0).tolist() == [5]
    soft = KnownReward(pairs=((2, 1), (4, 0)), values=values, sd=0.5).log_factor(block)
    expected = -2 * ((R[:, 2, 1] - values[0]) ** 2 + (R[:, 4, 0] - values[1]) ** 2)
    assert soft == pytest.approx(expected)


def test_a_sign_anchor_leaves_one_of_a_pair_and_its_opposite() -> None:
    mdp = corridor()
    rewards = Rewards.grid(random_features(0, mdp, 2), [-1.0, 0.0, 1.0])
    block, R = block_of(mdp, greedy(), rewards), rewards.block()
    of_weight = SignAnchor.of_feature(1, 2, sign=-1).log_factor(block)
    assert (of_weight == 0).tolist() == (rewards.weights[:, 1] < 0).tolist()
    between = SignAnchor.between(mdp, (0, 1), (3, 2)).log_factor(block)
    assert (between == 0).tolist() == (R[:, 0, 1] > R[:, 3, 2]).tolist()
    kept = np.isfinite(between)
    assert not (kept & kept[::-1]).any()  # the grid backwards is its opposite
    assert kept.sum() == 4


def test_sparse_is_a_laplace_prior() -> None:
    mdp = corridor()
    rewards = Rewards.grid(random_features(0, mdp, 2), [-1.0, 0.0, 2.0])
    factor = Sparse(scale=2.0).log_factor(block_of(mdp, greedy(), rewards))
    assert factor == pytest.approx(-np.abs(rewards.weights).sum(axis=1) / 2)


def test_same_planner_weighs_planners_by_the_tasks() -> None:
    mdp, elsewhere = corridor(), random_world(9, states=3)
    rng = np.random.default_rng(4)
    R = rng.normal(size=(2, 3, 3))
    tasks = tuple(
        Task(mdp=elsewhere, reward=r, demos=simulate(
            elsewhere, boltzmann(1.0).policies(elsewhere, r[None])[0], episodes=5, steps=9, seed=i
        ))
        for i, r in enumerate(R)
    )  # fmt: skip
    rewards = Rewards.tables(rng.normal(size=(2, 6, 3)))
    planners = (boltzmann(0.1), boltzmann(1.0), Negated(planner=boltzmann(1.0)))
    got = infer(mdp, None, planners, rewards, assume=[SamePlanner(tasks=tasks)])
    # By hand: each task on its own, one reward, flat prior.
    expected = sum(
        infer(elsewhere, task.demos, planners, Rewards.tables(task.reward[None])).log_data
        for task in tasks
    )
    assert got.factors["same planner"] == pytest.approx(np.repeat(expected, 2, axis=1))
    assert got.planner_probability.argmax() == 1
    fixed = Constant(policy=mdp.uniform_policy())
    with pytest.raises(ConfigError, match="cannot act in the world of the task"):
        infer(mdp, None, [fixed], rewards, assume=[SamePlanner(tasks=tasks)])


def test_same_reward_sums_over_other_peoples_planners() -> None:
    mdp = corridor()
    rewards = Rewards.grid(random_features(2, mdp, 2), [-1.0, 0.0, 1.0])
    planners: tuple[Plans, ...] = (
        boltzmann(2.0),
        Negated(planner=boltzmann(2.0)),
        myopic(2, rule=NOISY),
    )
    people = tuple(
        simulate(mdp, planner.policies(mdp, rewards.block(7, 8))[0], episodes=4, steps=5, seed=i)
        for i, planner in enumerate(planners)
    )
    prior = (0.5, 0.2, 0.3)
    assume = SameReward(people=people, planners=planners, prior=prior)
    got = infer(mdp, people[0], planners, rewards, assume=[assume])
    # By hand: everyone's own exact table, the planner summed out.
    each = [infer(mdp, who, planners, rewards).log_data for who in people]
    weighed = [logsumexp(table + np.log(prior)[:, None], axis=0) for table in each]
    assert got.factors["same reward"] == pytest.approx(np.tile(sum(weighed), (3, 1)))


def test_factors_compose_in_any_order() -> None:
    mdp = random_world(3)
    rewards = Rewards.grid(random_features(0, mdp, 2), [-1.0, 0.0, 1.0])
    assume = [BetterThanRandom(), Sparse(), SignAnchor.of_feature(0, 2)]
    one = judged(mdp, PEOPLE[0], rewards, 7, assume=assume)
    other = judged(mdp, PEOPLE[0], rewards, 7, assume=assume[::-1])
    assert one.probability == pytest.approx(other.probability)
    parts = [judged(mdp, PEOPLE[0], rewards, 7, assume=[part]) for part in assume]
    for part in parts:
        ((name, factor),) = part.factors.items()
        assert one.factors[name] == pytest.approx(factor)


# ---------------------------------------------------------------- what they are worth


def test_the_report_of_a_bandit_by_hand() -> None:
    mdp = bandit()
    rewards = Rewards.tables([[[1.0, 0], [0, 0]], [[0, 1.0], [0, 0]]])
    post = infer(
        mdp, None, [optimal()], rewards,
        assume=[SignAnchor.between(mdp, (0, 0), (0, 1)), Sparse(scale=1.0)],
    )  # fmt: skip
    anchor, sparse = assumption_report(post)
    # Both arms alike: whichever is deployed, a unit can be lost; the anchor decides it. Sparse
    # says nothing here.
    assert (anchor.bits_gained, anchor.kl_bits) == pytest.approx((1.0, 1.0))
    assert (anchor.regret_before, anchor.regret_after) == pytest.approx((1.0, 0.0))
    assert anchor.regret_removed == pytest.approx(1.0)
    assert anchor.mass_removed == pytest.approx(0.5)
    assert (sparse.bits_gained, sparse.kl_bits, sparse.regret_removed) == pytest.approx((0, 0, 0))
    fixed = np.array([[0.0, 1.0], [0.5, 0.5]])
    (row, _) = assumption_report(post, policy=fixed)
    assert (row.regret_before, row.regret_after) == pytest.approx((1.0, 1.0))


def test_a_hard_assumption_gains_the_log_of_what_it_keeps() -> None:
    mdp = random_world(11)
    rewards = Rewards.grid(random_features(1, mdp, 2), [-1.0, 0.0, 1.0])
    post = judged(mdp, PEOPLE[0], rewards, 7, assume=[BetterThanRandom(), MonotoneInReward()])
    for alone in (False, True):
        for row in assumption_report(post, alone=alone):
            assert row.kl_bits == pytest.approx(-np.log2(1 - row.mass_removed), abs=1e-9)
    # The opposite of the truth is half of all: one bit, and what may be lost with it.
    row = assumption_report(post, alone=True)[0]
    assert row.bits_gained == pytest.approx(1.0, abs=0.1)
    assert row.regret_removed > 1.0
    # Either alone does it; the other then adds little.
    assert assumption_report(post)[1].bits_gained < 0.1


def test_worst_case_regret_is_the_largest_over_the_likely_rewards() -> None:
    mdp = random_world(10, states=3, actions=2)
    R = np.random.default_rng(5).normal(size=(4, 3, 2))
    post = infer(mdp, None, [optimal()], Rewards.tables(R), prior=[[0.5, 0.3, 0.199, 0.001]])
    policies = np.array([
        np.eye(2)[[a, b, c]] for a in range(2) for b in range(2) for c in range(2)
    ])  # fmt: skip
    by_hand = [
        max(mdp.policy_return(p, r) for p in policies) - mdp.policy_return(policies[3], r)
        for r in R
    ]
    got = worst_case_regret(post, policy=policies[3])
    assert got == pytest.approx(max(by_hand[:3]), abs=1e-9)
    assert worst_case_regret(post, policy=policies[3], threshold=0) == pytest.approx(max(by_hand))


def test_mistakes_are_told() -> None:
    mdp = corridor()
    rewards = Rewards.tables(np.zeros((1, 6, 3)))
    block = block_of(mdp, greedy(), rewards)
    bare = Block(mdp=mdp, planner=greedy(), rewards=block.rewards, policies=block.policies)
    for broken, said in (
        (lambda: RationalOn(states=(9,)).log_factor(block), "0 to 5"),
        (lambda: KnownReward(pairs=((0, 7),), values=(1.0,)).log_factor(block), "0 to 2"),
        (lambda: KnownReward(pairs=(), values=()), "at least one pair"),
        (lambda: KnownReward(pairs=((0, 0),), values=(1.0,), sd=0.0), "sd"),
        (lambda: SignAnchor(direction=np.ones((2, 2))).log_factor(block), r"\(2, 2\)"),
        (lambda: SignAnchor.of_feature(2, 2), "0 to 1"),
        (lambda: Sparse().log_factor(bare), "needs the weights"),
        (lambda: Sparse(scale=-1.0).log_factor(block), "above 0"),
        (lambda: SameReward(people=(), planners=(greedy(),)), "at least one person"),
        (lambda: falls_and_rises(greedy(), mdp, probes=1), "at least 2 probes"),
    ):  # fmt: skip
        with pytest.raises(ConfigError, match=said):
            broken()
    post = infer(mdp, None, [greedy()], rewards)
    with pytest.raises(ConfigError, match="threshold"):
        assumption_report(post, threshold=1.0)
