"""Occam's prior on lists of planners and rewards."""

from __future__ import annotations

import numpy as np
import pytest

from precocial.errors import ConfigError
from precocial.preferences import (
    Constant,
    Negated,
    Override,
    Rewards,
    boltzmann,
    defaults,
    greedy,
    hyperbolic,
    infer,
    myopic,
    optimal,
)
from precocial.preferences.occam.description_length import DescriptionLength, compressed_bits
from precocial.preferences.occam.language import LANGUAGES, V1, Term
from precocial.preferences.occam.terms import planner_term, sizes_of, steps, weights_term
from tests.preferences.small_worlds import random_world, rewards

WORLD = random_world(5, states=4, actions=2, discount=0.7)
GOALS = Rewards.goals(WORLD)
LN2 = np.log(2)


def test_the_prior_is_two_to_the_minus_bits() -> None:
    planners = (optimal(), Negated(planner=optimal()), greedy())
    log_prior = DescriptionLength().log_prior(WORLD, planners, GOALS)
    # v1: optimal 3, neg 3, greedy 3; linear 2, one weight 1, of four features 2, 1 = 1e0: 4 + 1.
    np.testing.assert_allclose(-log_prior / LN2, np.array([3, 6, 3])[:, None] + np.full(4, 10))


@pytest.mark.parametrize("name", [*LANGUAGES, "zlib", "lzma"])
def test_many_rewards_at_once_cost_what_each_costs(name: str) -> None:
    grid = Rewards.grid(rewards(WORLD, 3), (-1.5, 0.0, 1.0, 20.0))
    prior = DescriptionLength(language=name)
    sizes = sizes_of(WORLD, grid.features)
    found = prior.bits(WORLD, (optimal(),), grid)[0]
    own = [prior.term_bits(weights_term(row), sizes) for row in grid.weights]
    planner = prior.term_bits(planner_term(optimal()), sizes)
    np.testing.assert_array_equal(found, np.array(own) + planner)
    assert len(set(own)) > 1


def test_a_table_of_zeros_is_zero() -> None:
    nothing = Rewards.tables(np.zeros((1, 4, 2)))
    assert DescriptionLength().bits(WORLD, (greedy(),), nothing) == 3 + 3


def test_a_reward_and_its_opposite_cost_the_same() -> None:
    grid = Rewards.grid(rewards(WORLD, 2), (-3.0, -0.1, 0.0, 7.0))
    for name in ("v1", "v2"):
        prior = DescriptionLength(language=name)
        both = [prior.bits(WORLD, (optimal(),), one) for one in (grid, -grid)]
        np.testing.assert_array_equal(*both)


@pytest.mark.parametrize("name", ["v1", "v2", "wary"])
@pytest.mark.parametrize("features", ["given", "spelled"])
def test_proposition_8_holds_for_the_prior(name: str, features: str) -> None:
    # |K(p, R) - K(-p, -R)| <= the cost of two negs.
    language = LANGUAGES[name]
    prior = DescriptionLength(language=name, features=features)  # type: ignore[arg-type]
    planners = (*defaults(), Constant(policy=np.eye(2)[[0, 1, 1, 0]]))
    opposites = tuple(Negated(planner=planner) for planner in planners)
    found = prior.bits(WORLD, planners, GOALS) - prior.bits(WORLD, opposites, -GOALS)
    assert np.abs(found).max() <= language.overheads["F4"]
    assert np.abs(found).max() > 0


def test_a_constant_is_described_by_what_it_does_if_that_is_shorter() -> None:
    world = random_world(6, states=12, actions=3, discount=0.7)
    goals = Rewards.goals(world)
    policy = optimal().policies(world, goals.block())[5]
    odd = policy[:, [1, 2, 0]]
    planners = (Constant(policy=policy), Constant(policy=odd), optimal())
    prior = DescriptionLength()
    bits = prior.bits(world, planners, goals)
    cheapest = bits[2, 5]
    # const 3 and eval 2 on top of (optimal, goal 5).
    assert bits[0, 0] == 5 + cheapest + (bits[2, 0] - 3)
    # No planner of the list does that: const 3, table 1, and 3^12 tables, 19.02 bits.
    assert bits[1, 0] - (bits[2, 0] - 3) in (3 + 1 + 19, 3 + 1 + 20)
    # Of several ways the shortest counts, wherever it stands in the list.
    far = (myopic(50), Constant(policy=policy), optimal(), myopic(60))
    assert prior.bits(world, far, goals)[1, 0] == bits[0, 0]
    alone = prior.bits(world, planners[:1], goals)
    assert alone[0, 0] > bits[0, 0]


def test_a_quirk_costs_its_state_and_its_action() -> None:
    planners = [
        optimal(),
        *(
            Override(planner=optimal(), states=tuple(range(k)), actions=(1,) * k)
            for k in range(1, 5)
        ),
    ]
    bits = DescriptionLength().bits(WORLD, planners, GOALS)[:, 0]
    # override 3, Elias delta of k (1, 4, 4, 5), and 2 + 1 bits each.
    np.testing.assert_array_equal(bits - bits[0], [0, 3 + 1 + 3, 3 + 4 + 6, 3 + 4 + 9, 3 + 5 + 12])


def test_the_speed_prior_adds_log_steps_as_the_interpreter_counts_them() -> None:
    planners = (
        optimal(), greedy(), Negated(planner=optimal()), boltzmann(2.0),
        hyperbolic(1.0, sophisticated=False, delays=3),
        Override(planner=greedy(), states=(1,), actions=(0,)),
    )  # fmt: skip
    slow = DescriptionLength().bits(WORLD, planners, GOALS)
    fast = DescriptionLength(speed=True).bits(WORLD, planners, GOALS)
    for p, planner in enumerate(planners):
        for h in range(len(GOALS)):
            words = (planner_term(planner), weights_term(GOALS.weights[h]))
            taken = steps(Term("pair", "pair", words), WORLD, GOALS.features)
            assert fast[p, h] - slow[p, h] == pytest.approx(np.log2(taken), abs=1e-12)


def test_the_degenerate_pairs_survive_the_speed_prior() -> None:
    policy = optimal().policies(WORLD, GOALS.block())[2]
    nothing = Rewards.tables(np.zeros((1, 4, 2)), names=("nothing",))
    planners = (Constant(policy=policy), optimal())
    for speed in (False, True):
        bits = DescriptionLength(speed=speed).bits(WORLD, planners, GOALS | nothing)
        assert bits[0, -1] <= bits[1, 2] + V1.overheads["F1"] + 1
    # It looks its actions up, so it takes fewer steps and gains on the truth.
    slow, fast = (
        DescriptionLength(speed=speed).bits(WORLD, planners, GOALS | nothing)
        for speed in (False, True)
    )
    assert fast[0, -1] - fast[1, 2] < slow[0, -1] - slow[1, 2]


def test_spelled_rewards_are_not_given_away() -> None:
    table = Rewards.tables(rewards(WORLD, 1))
    given = DescriptionLength().bits(WORLD, (optimal(),), table)
    spelled = DescriptionLength(features="spelled").bits(WORLD, (optimal(),), table)
    assert given < 20 < 300 < spelled
    goal = DescriptionLength(features="spelled").bits(WORLD, (optimal(),), GOALS)
    np.testing.assert_array_equal(goal[0], 3 + 2 + 2)


def test_inference_takes_it_as_a_prior() -> None:
    planners = (boltzmann(1.0), Negated(planner=boltzmann(1.0)))
    found = infer(WORLD, None, planners, GOALS, prior=DescriptionLength(language="v2"))
    # v2's neg costs 2 bits.
    np.testing.assert_allclose(found.planner_probability, [4 / 5, 1 / 5])


def test_compressed_texts_are_whole_bytes_and_grow() -> None:
    for compressor in ("zlib", "lzma"):
        short, long = (
            compressed_bits(text, compressor) for text in ("zero", "goal 3 ind table (0,1,1,0)")
        )
        assert short % 8 == long % 8 == 0
        assert 0 < short < long
    with pytest.raises(ConfigError, match="compressor"):
        compressed_bits("zero", "zip")
    with pytest.raises(ConfigError, match="language"):
        DescriptionLength(language="v9")
