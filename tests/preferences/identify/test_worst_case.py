"""The worst regret over boxes and polytopes against vertices and deterministic policies, all."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from precocial.errors import ConfigError
from precocial.preferences import TabularMDP, boltzmann, optimal, soft_optimal
from precocial.preferences.identify import worst_case as module
from precocial.preferences.identify.experts import Expert
from precocial.preferences.identify.intervals import CompatibleRewards
from precocial.preferences.identify.regret import regret
from precocial.preferences.identify.worst_case import (
    worst_case_box,
    worst_case_compatible,
    worst_case_of,
)

Floats = NDArray[np.float64]


def world(seed: int, S: int = 3, A: int = 2, ends: bool = False) -> TabularMDP:
    rng = np.random.default_rng(seed)
    P = rng.dirichlet(np.full(S, 0.5), size=(S, A))
    terminal = np.zeros(S, dtype=bool)
    terminal[-1] = ends
    return TabularMDP.from_arrays(P, discount=0.8, terminal=terminal)


def vertices(mdp: TabularMDP, pi: Floats, low: Floats, high: Floats) -> float:
    """The largest regret at any vertex of the box."""
    corners = np.array(list(itertools.product((False, True), repeat=low.size)))
    R = np.where(corners.reshape(-1, *low.shape), high, low)
    return float(regret(mdp, pi, R).max())


def mixed(seed: int, S: int = 3, A: int = 2) -> Floats:
    return np.random.default_rng(seed + 7).dirichlet(np.ones(A), size=S)


@given(st.integers(0, 100), st.booleans())
@settings(max_examples=30)
def test_the_box_is_exact_by_every_method(seed: int, ends: bool) -> None:
    mdp, pi = world(seed, ends=ends), mixed(seed)
    exact = vertices(mdp, pi, -np.ones((3, 2)), np.ones((3, 2)))
    got = worst_case_box(mdp, pi)
    assert got.regret == pytest.approx(exact, abs=1e-9)
    assert got.exact
    assert regret(mdp, pi, got.reward) == pytest.approx(got.regret)
    assert np.abs(got.reward).max() <= 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "ENUMERATED", 1)
        programme = worst_case_box(mdp, pi)
        assert programme.method in ("envelope", "mixed-integer programme")
        assert programme.regret == pytest.approx(exact, abs=1e-6)
        assert programme.bound == pytest.approx(exact, abs=1e-6)
        patch.setattr(module, "MILP_PAIRS", 0)
        chord = worst_case_box(mdp, pi)
        assert chord.regret <= exact + 1e-9 <= chord.bound + 2e-9


def test_a_box_that_is_no_cube() -> None:
    rng = np.random.default_rng(1)
    for seed in range(10):
        mdp, pi = world(seed), mixed(seed)
        low = rng.uniform(-1, 0.5, size=(3, 2))
        high = low + rng.uniform(0, 1, size=(3, 2))
        exact = vertices(mdp, pi, low, high)
        assert worst_case_box(mdp, pi, low=low, high=high).regret == pytest.approx(exact, abs=1e-9)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "ENUMERATED", 1)
            got = worst_case_box(mdp, pi, low=low, high=high)
            assert got.bound == pytest.approx(exact, abs=1e-6)
            assert got.regret == pytest.approx(exact, abs=1e-6)


def test_every_deterministic_policy_has_the_most_there_is() -> None:
    for S, A in ((2, 2), (3, 2), (2, 3), (12, 4)):
        mdp = world(S * A, S, A)
        actions = np.random.default_rng(S).integers(0, A, size=S)
        got = worst_case_box(mdp, np.eye(A)[actions])
        assert got.regret == pytest.approx(2 / (1 - 0.8), abs=1e-9)
        assert got.bound == pytest.approx(2 / (1 - 0.8), abs=1e-8)
        assert got.method == "envelope"


def test_a_box_without_a_discount() -> None:
    mdp = world(13, S=2).with_horizon(2).with_discount(1.0)
    pi = mixed(13, S=6)
    exact = vertices(mdp, pi, -np.ones((6, 2)), np.ones((6, 2)))
    assert worst_case_box(mdp, pi).regret == pytest.approx(exact, abs=1e-9)


@pytest.mark.parametrize("A", [2, 3, 5])
def test_the_uniform_policy_of_a_bandit(A: int) -> None:
    bandit = TabularMDP.from_arrays(np.ones((1, A, 1)), discount=0.5)
    got = worst_case_box(bandit, np.full((1, A), 1 / A))
    assert got.regret / (2 / (1 - 0.5)) == pytest.approx(1 - 1 / A, abs=1e-9)


def test_a_large_world_has_a_certificate() -> None:
    mdp = world(5, S=40, A=3)
    got = worst_case_box(mdp, mdp.uniform_policy())
    assert 0 < got.regret <= got.bound <= 2 / (1 - 0.8)
    assert regret(mdp, mdp.uniform_policy(), got.reward) == pytest.approx(got.regret)
    assert got.bound - got.regret < 0.05 * got.regret


def test_the_worst_of_a_list() -> None:
    mdp, pi = world(6), mixed(6)
    R = np.random.default_rng(6).normal(size=(9, 3, 2))
    got = worst_case_of(mdp, pi, R)
    assert got.regret == pytest.approx(regret(mdp, pi, R).max())
    assert got.exact


@pytest.mark.parametrize("kind", ["soft", "boltzmann", "optimal"])
def test_compatible_rewards_by_every_method(kind: str) -> None:
    mdp, rng = world(7), np.random.default_rng(8)
    R = rng.uniform(-0.2, 0.2, size=(3, 2))
    planner = {"soft": soft_optimal(1.0), "boltzmann": boltzmann(1.0), "optimal": optimal()}[kind]
    pi = planner.policies(mdp, R[None])[0]
    compatible = CompatibleRewards(experts=(getattr(Expert, kind)(mdp, pi),))
    deployed = mixed(9)
    got = worst_case_compatible(mdp, deployed, compatible)
    assert got.method == ("enumeration" if kind == "soft" else "linear programme")
    assert got.exact
    assert regret(mdp, deployed, got.reward) == pytest.approx(got.regret)
    assert regret(mdp, deployed, R) <= got.regret + 1e-7
    # by enumeration, whatever the kind says: an expert called soft has no V* to be used
    plain = replace(compatible, experts=(replace(compatible.experts[0], kind="soft"),))
    every = worst_case_compatible(mdp, deployed, plain)
    assert every.regret == pytest.approx(got.regret, abs=1e-6)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "ENUMERATED_PROGRAMMES", 1)
        boxed = worst_case_compatible(mdp, deployed, plain)
        assert boxed.method == "box"
        assert boxed.regret <= got.regret + 1e-6
        assert got.regret <= boxed.bound + 1e-6
        assert boxed.regret > 0.5 * got.regret
    # what an optimal expert does has no regret under any reward that makes it optimal
    if kind == "optimal":
        assert worst_case_compatible(mdp, pi, compatible).bound < 1e-6
    # knowing less cannot make the worst better
    assert got.regret <= worst_case_box(mdp, deployed).regret + 1e-6


def test_mistakes_are_named() -> None:
    mdp = world(10)
    with pytest.raises(ConfigError, match="low nowhere above high"):
        worst_case_box(mdp, mdp.uniform_policy(), low=1.0, high=0.0)
    with pytest.raises(ConfigError, match="a policy must be"):
        worst_case_box(mdp, np.ones((2, 2)))
    other = world(1, S=4)
    with pytest.raises(ConfigError, match="compatible rewards are of"):
        worst_case_compatible(
            mdp, mdp.uniform_policy(),
            CompatibleRewards(experts=(Expert.soft(other, other.uniform_policy()),)),
        )  # fmt: skip
