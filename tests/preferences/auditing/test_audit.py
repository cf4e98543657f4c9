"""The audit: each figure against a sum of its own, and nothing said that behaviour forbids."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from precocial import io
from precocial.errors import ConfigError, DataError
from precocial.preferences import (
    Block,
    Negated,
    Rewards,
    TabularMDP,
    boltzmann,
    expected_regret,
    infer,
    myopic,
    optimal,
    simulate,
)
from precocial.preferences.auditing.audit import Audit, audit, goals_and_dangers
from precocial.preferences.auditing.deciding import information_bits
from precocial.preferences.auditing.likely import likely_pairs, regret_shares
from precocial.preferences.auditing.record import AUDIT, AuditRecord
from precocial.preferences.planners import Rule
from tests.preferences.small_worlds import random_world, rewards

NOISY = Rule(kind="boltzmann", parameter=4.0)
BOTH = (boltzmann(4.0), myopic(1, rule=NOISY))
TURNED = (*BOTH, *(Negated(planner=planner) for planner in BOTH))


@dataclass(frozen=True)
class Only:
    """Rules out planners that are negated."""

    name: str = "not negated"

    def log_factor(self, block: Block) -> np.ndarray:
        turned = isinstance(block.planner, Negated)
        return np.full(len(block.rewards), -np.inf if turned else 0.0)


@cache
def world() -> TabularMDP:
    plain = random_world(5, states=5, actions=3, ends=1, spread=0.2)
    return replace(plain, grid=np.array([[s // 3, s % 3] for s in range(5)]))


@cache
def found(turned: bool = True) -> Audit:
    R = goals_and_dangers(world()).block(2, 3)
    demos = simulate(world(), boltzmann(4.0).policies(world(), R)[0], episodes=60, steps=8, seed=2)
    planners = TURNED if turned else BOTH
    return audit(world(), demos, planners=planners, consider=[Only()], seed=1)


def test_the_sign_stays_open_until_it_is_assumed() -> None:
    record = found().record
    by_name = {row.planner: row.probability for row in record.families}
    for planner in BOTH:
        assert by_name[planner.name] == pytest.approx(by_name[f"-({planner.name})"], rel=1e-9)
    for row in record.values:
        assert row.more_than_first == pytest.approx(row.less_than_first, abs=1e-9)
        assert row.low == pytest.approx(-row.high, abs=1e-9)
    assert record.regret.expected == pytest.approx(0.5, abs=1e-6)
    assumed = next(row for row in record.decides if row.kind == "assumption")
    assert assumed.bits == pytest.approx(1.0)
    assert record.entropy_bits - found(turned=False).record.entropy_bits == pytest.approx(1.0)
    open_ = [row.what for row in record.undecidable]
    assert open_[0] == "the sign of the reward"
    assert "2 of the planners here have their negation" in record.undecidable[0].why
    assert "4 directions of the reward" in open_


def test_regret_is_what_the_deployed_policy_loses() -> None:
    got = found(turned=False)
    post, mdp = got.posterior, got.posterior.mdp
    share = []
    for _, h in np.ndindex(post.probability.shape):
        R = post.rewards.block(h, h + 1)
        best, worst = (
            float(mdp.policy_return(optimal().policies(mdp, sign * R), R)[0]) for sign in (1, -1)
        )
        own = float(mdp.policy_return(got.policy, R[0]))
        share.append((best - own) / (best - worst) if best - worst > 1e-12 else 0.0)
    expected = float(post.probability.ravel() @ share)
    # the pairs kept hold 99.9 % of the posterior
    assert got.record.regret.expected == pytest.approx(expected, abs=2e-3)
    kept = got.record.regret.threshold
    worst = max(s for s, p in zip(share, post.probability.ravel(), strict=True) if p >= kept)
    assert got.record.regret.worst == pytest.approx(worst, abs=1e-6)
    assert got.record.regret.expected < got.record.regret.expected_of_uniform


def test_the_regret_is_split_into_three_parts_that_add_up() -> None:
    for turned in (True, False):
        post, parts = found(turned).posterior, found(turned).record.split
        assert [row.part for row in parts] == ["sampling", "planner", "reward"]
        assert all(row.regret >= 0 for row in parts)
        total = expected_regret(
            post.mdp, found(turned).policy, post.rewards.block(), post.reward_probability
        )
        assert sum(row.regret for row in parts) == pytest.approx(total, abs=2e-3)
        assert sum(row.share for row in parts) == pytest.approx(float(total > 1e-9), abs=1e-6)
    # with both signs open no demonstration decides: told the planner one would know
    by_part = {row.part: row.share for row in found().record.split}
    assert by_part["planner"] > 0.8


def test_rewards_that_fit_are_far_apart_while_the_sign_is_open() -> None:
    open_, decided = found().record.apart, found(turned=False).record.apart
    assert open_.far == pytest.approx(0.5, abs=0.05)
    assert decided.mean < open_.mean
    assert decided.far < 0.05
    assert 2 <= open_.rewards <= 60


def test_held_out_likelihood_prefers_the_planner_that_made_the_data() -> None:
    rows = {row.planner: row for row in found(turned=False).record.families}
    held = {name: row.held_out_nats for name, row in rows.items()}
    assert held["boltzmann 4"] > held["myopic 1"]
    assert rows["boltzmann 4"].uniform_nats == pytest.approx(-np.log(3))
    assert rows["boltzmann 4"].probability > 0.9


def test_information_is_mutual_information() -> None:
    p = np.array([[[0.9, 0.1], [0.5, 0.5]], [[0.1, 0.9], [0.5, 0.5]]])  # (pairs, states, actions)
    weight = np.array([0.5, 0.5])
    h = -(0.9 * np.log2(0.9) + 0.1 * np.log2(0.1))
    np.testing.assert_allclose(information_bits(p, weight), [1 - h, 0], atol=1e-12)
    np.testing.assert_allclose(information_bits(p, np.array([1.0, 0.0])), 0, atol=1e-12)


def test_the_best_place_to_look_is_the_most_telling_one() -> None:
    got = found(turned=False)
    pairs = likely_pairs(got.posterior)
    bits = information_bits(pairs.policies, pairs.weight)[~world().terminal]
    row = next(r for r in got.record.decides if r.what.startswith("one more action"))
    assert row.bits == pytest.approx(bits.max())


def test_shares_of_regret_are_0_for_the_best_and_1_for_the_worst() -> None:
    R = rewards(world(), 3)
    best, worst = optimal().policies(world(), R), optimal().policies(world(), -R)
    np.testing.assert_allclose(regret_shares(world(), best, R), 0, atol=1e-9)
    np.testing.assert_allclose(regret_shares(world(), worst, R), 1, atol=1e-9)
    nothing = np.zeros_like(R)
    np.testing.assert_array_equal(regret_shares(world(), best, nothing), 0)


def test_goals_and_dangers_are_each_others_negation() -> None:
    both = goals_and_dangers(world())
    half = len(both) // 2
    np.testing.assert_array_equal(both.block(0, half), -both.block(half))
    assert both.name(0) == "goal 0"
    assert both.name(half) == "avoid 0"


def test_what_was_seen_is_counted() -> None:
    seen = found().record.coverage
    assert sum(seen.visits) == seen.steps
    assert seen.visited == sum(v > 0 for v in seen.visits) <= seen.states == 4
    assert 0 < seen.choice_entropy_bits < seen.largest_entropy_bits == pytest.approx(np.log2(3))


def test_one_episode_and_unseen_states_are_noted() -> None:
    demos = simulate(world(), world().uniform_policy(), episodes=1, steps=2, seed=0)
    got = audit(world(), demos, planners=BOTH)
    assert any("one episode" in note for note in got.record.notes)
    assert any("never visited" in note for note in got.record.notes)
    assert all(row.held_out_nats is None for row in got.record.families)


def test_a_contradicted_assumption_says_so() -> None:
    @dataclass(frozen=True)
    class Never:
        name: str = "never"

        def log_factor(self, block: Block) -> np.ndarray:
            return np.full(len(block.rewards), -np.inf if block.planner.name[0] == "b" else 0.0)

    demos = simulate(world(), world().uniform_policy(), episodes=3, steps=4, seed=0)
    with pytest.raises(Exception, match="no pair of planner and reward"):
        infer(world(), demos, [boltzmann(4.0)], goals_and_dangers(world()), assume=[Never()])


def test_an_unknown_cost_is_refused() -> None:
    demos = simulate(world(), world().uniform_policy(), episodes=2, steps=4, seed=0)
    with pytest.raises(ConfigError, match="costs are known of"):
        audit(world(), demos, planners=BOTH, costs={"time": 1.0})


def test_costs_rank() -> None:
    demos = simulate(world(), world().uniform_policy(), episodes=9, steps=4, seed=0)
    cheap = audit(world(), demos, planners=BOTH, costs={"comparison": 1e-6}).record.decides
    dear = audit(world(), demos, planners=BOTH, costs={"comparison": 1e6}).record.decides
    assert cheap[0].kind == "comparison"
    assert dear[-1].kind == "comparison"


def test_a_record_survives_its_file(tmp_path: Path) -> None:
    record = found().record
    record.write(tmp_path / AUDIT)
    assert AuditRecord.read(tmp_path / AUDIT) == record


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d.pop("coverage"), "missing required field"),
        (lambda d: d.update(format=9), "format 9; this version reads 2"),
        (lambda d: d["families"][0].update(probability="high"), "is not an audit"),
        (lambda d: d["world"].update(grid=[[1]]), "is not an audit"),
    ],
)
def test_a_broken_record_is_refused(tmp_path: Path, change: Any, said: str) -> None:
    found().record.write(tmp_path / AUDIT)
    document = io.read_json(tmp_path / AUDIT)
    change(document)
    (tmp_path / AUDIT).write_text(json.dumps(document))
    with pytest.raises(DataError, match=said):
        AuditRecord.read(tmp_path / AUDIT)
    (tmp_path / AUDIT).write_text("[1, 2]")
    with pytest.raises(DataError, match="is not an audit"):
        AuditRecord.read(tmp_path / AUDIT)


def test_a_reward_of_ones_own_list_can_be_audited() -> None:
    phi = np.random.default_rng(0).uniform(size=(2, 5, 3))
    demos = simulate(world(), world().uniform_policy(), episodes=9, steps=4, seed=0)
    grid = Rewards.grid(phi, [-1.0, 0.0, 1.0], names=("speed", "comfort"))
    got = audit(world(), demos, planners=TURNED, rewards=grid)
    assert got.record.rewards == 9
    asked = next(row.what for row in got.record.decides if row.kind == "comparison")
    assert {"speed", "comfort"} <= set(asked.rstrip("?").split())


def test_one_step_gives_a_worst_case_that_is_no_better_than_the_mean() -> None:
    demos = simulate(world(), world().uniform_policy(), episodes=1, steps=1, seed=0)
    regret = audit(world(), demos).record.regret
    assert regret.worst >= regret.expected - 1e-9
    assert 0.99 < regret.kept <= 1
    assert 0 < regret.worst_probability < 1


def test_an_assumption_that_rules_out_everything_is_a_row_and_no_failure() -> None:
    @dataclass(frozen=True)
    class Never:
        name: str = "never"

        def log_factor(self, block: Block) -> np.ndarray:
            return np.full(len(block.rewards), -np.inf)

    demos = simulate(world(), world().uniform_policy(), episodes=4, steps=4, seed=0)
    got = audit(world(), demos, planners=BOTH, consider=[Never(), Only()]).record
    row = next(row for row in got.decides if "never" in row.what)
    assert (row.bits, row.worst_regret_removed) == (0.0, None)
    assert "rules out every pair" in row.what


def test_long_demonstrations_do_not_underflow(tmp_path: Path) -> None:
    R = goals_and_dangers(world()).block(2, 3)
    policy = boltzmann(4.0).policies(world(), R)[0]
    demos = simulate(world(), policy, episodes=600, steps=20, seed=2)
    got = audit(world(), demos, planners=TURNED, consider=[Only()]).record
    bits = next(row.bits for row in got.decides if row.kind == "assumption")
    assert bits == pytest.approx(1.0, abs=1e-6)
    got.write(tmp_path / AUDIT)
    assert AuditRecord.read(tmp_path / AUDIT) == got


def test_no_policy_is_recommended_while_the_sign_is_open() -> None:
    live = ~world().terminal
    np.testing.assert_allclose(found().policy[live], 1 / 3)


def test_no_comparison_is_of_a_thing_with_itself() -> None:
    for row in found().record.decides:
        if row.kind == "comparison":
            first, second = row.what.removeprefix("one comparison: ").rstrip("?").split(" or ")
            assert first != second


def test_terminal_rows_of_features_say_nothing() -> None:
    demos = simulate(world(), world().uniform_policy(), episodes=9, steps=4, seed=0)
    phi = np.random.default_rng(0).uniform(size=(2, 5, 3))
    filled = phi.copy()
    filled[:, world().terminal] = 7.0
    values = [
        audit(world(), demos, planners=BOTH, rewards=Rewards.grid(one, [-1.0, 1.0])).record.values
        for one in (phi, filled)
    ]
    for one, other in zip(*values, strict=True):
        assert one.median == pytest.approx(other.median)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d.update(pairs=[]), "must not be empty"),
        (lambda d: d["coverage"].update(visits=[]), "differ in length"),
        (lambda d: d["world"].update(grid=[[-5, -5]] * 5), "row and a column"),
        (lambda d: d["world"].update(grid=[[10**9, 10**9]] * 5), "row and a column"),
        (lambda d: d["values"][0].update(low=1e308, high=-1e308), "interval of state"),
        (lambda d: d["regret"].update(worst=7.0), "not between 0 and 1"),
        (lambda d: d["pairs"][0].update(planner="x" * 20_000), "longer than"),
    ],
)
def test_a_damaged_record_is_refused(tmp_path: Path, change: Any, said: str) -> None:
    found().record.write(tmp_path / AUDIT)
    document = io.read_json(tmp_path / AUDIT)
    change(document)
    (tmp_path / AUDIT).write_text(json.dumps(document))
    with pytest.raises(DataError, match=said):
        AuditRecord.read(tmp_path / AUDIT)
