"""A counted world drawn again: much counted, little moves; little counted, much does."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from precocial.errors import ConfigError
from precocial.preferences import (
    BetterThanRandom,
    Demonstrations,
    TabularMDP,
    boltzmann,
    goals_and_dangers,
    infer,
    mdp_from_counts,
    simulate,
)
from precocial.preferences.auditing.audit import audit
from precocial.preferences.auditing.record import Moved, Resampled
from precocial.preferences.data.counted import CountedWorld
from tests.preferences.small_worlds import random_world

PLANNERS = (boltzmann(1.0), boltzmann(4.0))


@cache
def truth() -> TabularMDP:
    return random_world(5, states=5, actions=3, ends=1, spread=0.4)


@cache
def demos() -> Demonstrations:
    R = goals_and_dangers(truth()).block(2, 3)
    return simulate(truth(), boltzmann(4.0).policies(truth(), R)[0], episodes=30, steps=8, seed=2)


def counted(times: float) -> CountedWorld:
    counts = truth().dense * times
    counts[truth().terminal] = 0
    return mdp_from_counts(
        counts, discount=0.9, prior=np.where(truth().dense > 0, 0.2, 0.0) + 1e-3,
        terminal=truth().terminal, start=truth().start,
    )  # fmt: skip


def drawn(times: float, worlds: int = 5) -> Resampled:
    return audit(counted(times), demos(), planners=PLANNERS, worlds=worlds).record.resampled


def width(rows: list[Moved]) -> float:
    return max(row.high - row.low for row in rows if "probability" in row.what)


def test_what_was_counted_often_moves_nothing() -> None:
    found = drawn(1e7)
    assert (found.source, found.worlds, found.best_stays) == ("counted", 5, 5)
    for row in found.rows:
        assert row.low == pytest.approx(row.here, abs=5e-3)
        assert row.high == pytest.approx(row.here, abs=5e-3)


def test_what_was_counted_seldom_moves_much() -> None:
    assert width(drawn(3.0).rows) > 10 * width(drawn(1e7).rows)


def test_each_answer_is_that_of_an_audit_in_the_drawn_world() -> None:
    world = counted(20.0)
    found = audit(world, demos(), planners=PLANNERS, worlds=3, seed=4)
    best = np.unravel_index(found.posterior.log_joint.argmax(), found.posterior.log_joint.shape)
    shares, lost, stays = [], [], 0
    for one in world.sample(3, seed=4):
        again = infer(one, demos(), PLANNERS, goals_and_dangers(one))
        shares.append(again.probability[best])
        stays += again.probability[best] >= again.probability.max() - 1e-12
        own = audit(one, demos(), planners=PLANNERS)
        lost.append(own.record.regret.expected)
    got = found.record.resampled
    assert (got.rows[0].low, got.rows[0].high) == pytest.approx((min(shares), max(shares)))
    assert got.rows[0].here == pytest.approx(found.posterior.probability[best])
    assert got.best_stays == stays
    # the pairs that an audit keeps hold 99.9 % of the posterior
    assert (got.rows[4].low, got.rows[4].high) == pytest.approx((min(lost), max(lost)), abs=2e-3)
    assert got.rows[3].low >= got.rows[4].low - 1e-9


def test_a_world_that_is_taken_as_exact_or_was_given_says_so() -> None:
    exact = drawn(3.0, worlds=0)
    assert (exact.source, exact.worlds, exact.rows) == ("counted, taken as exact", 0, [])
    given = audit(truth(), demos(), planners=PLANNERS).record.resampled
    assert (given.source, given.rows) == ("given", [])
    with pytest.raises(ConfigError, match="worlds must be at least 0"):
        audit(truth(), demos(), planners=PLANNERS, worlds=-1)


def test_fewer_worlds_are_drawn_where_they_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    assert audit(counted(20.0), demos(), planners=PLANNERS).record.resampled.worlds == 8
    monkeypatch.setattr("precocial.preferences.auditing.resampled.LARGEST", 4500)
    # 75 numbers P(s'|s, a) and 20 pairs of planner and reward
    assert audit(counted(20.0), demos(), planners=PLANNERS).record.resampled.worlds == 3


def test_every_block_of_pairs_is_told() -> None:
    told: list[tuple[int, int]] = []
    audit(
        counted(20.0), demos(), planners=PLANNERS, worlds=3, consider=[BetterThanRandom()],
        on_done=lambda done, total: told.append((done, total)),
    )  # fmt: skip
    # the posterior, the one without what is held out, an assumption, and three worlds
    total = 6 * len(PLANNERS)
    assert told == [(done, total) for done in range(1, total + 1)]
