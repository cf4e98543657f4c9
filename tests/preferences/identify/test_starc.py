"""Two rewards that order policies alike are at distance 0, opposites at distance 1."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from precocial.errors import ConfigError
from precocial.preferences import TabularMDP
from precocial.preferences.identify.starc import (
    canonical_reward,
    expected_reward,
    shaped,
    shaping,
    starc_distance,
    starc_distances,
)

Floats = NDArray[np.float64]
FORMS: list[Literal["val", "minimal"]] = ["val", "minimal"]


def world(seed: int, ends: bool, discount: float = 0.9) -> TabularMDP:
    rng = np.random.default_rng(seed)
    P = rng.dirichlet(np.full(5, 0.5), size=(5, 3))
    P[0, 0] = [0, 1, 0, 0, 0]
    terminal = np.zeros(5, dtype=bool)
    terminal[-1] = ends
    return TabularMDP.from_arrays(P, discount=discount, terminal=terminal)


def redistributed(mdp: TabularMDP, R: Floats, rng: np.random.Generator) -> Floats:
    """R[s, a, s'] with another payment at each successor but the same expectation."""
    noise = rng.normal(size=(5, 3, 5))
    noise -= (noise * mdp.dense).sum(axis=2, keepdims=True)
    return R[:, :, None] + noise


@pytest.mark.parametrize("form", FORMS)
@given(st.integers(0, 1000), st.booleans())
def test_shaping_redistribution_and_scale_are_not_seen(
    form: Literal["val", "minimal"], seed: int, ends: bool
) -> None:
    mdp, rng = world(seed, ends), np.random.default_rng(seed)
    R = rng.normal(size=(5, 3))
    same = 7 * shaped(mdp, redistributed(mdp, R, rng), 10 * rng.normal(size=5))
    assert starc_distance(mdp, R, same, canonical=form) < 1e-9
    assert starc_distance(mdp, same, -R, canonical=form) == pytest.approx(1, abs=1e-9)
    other = rng.normal(size=(5, 3))
    assert 1e-3 < starc_distance(mdp, R, other, canonical=form) < 1 - 1e-3


@pytest.mark.parametrize("form", FORMS)
def test_a_potential_at_the_end_of_an_episode_is_seen(form: Literal["val", "minimal"]) -> None:
    # Paying for the end by hand is no shaping: it changes which policy is best.
    mdp = world(3, ends=True)
    R = np.random.default_rng(3).normal(size=(5, 3))
    paid = R + 0.9 * 4.0 * mdp.dense[:, :, 4]
    assert starc_distance(mdp, R, paid, canonical=form) > 0.01
    kept = shaped(mdp, R, np.array([0, 0, 0, 0, 4.0]))
    assert starc_distance(mdp, R, kept, canonical=form) < 1e-9


def test_what_is_done_after_the_end_is_left_out() -> None:
    mdp = world(4, ends=True)
    R = np.random.default_rng(4).normal(size=(5, 3))
    after = R.copy()
    after[4] = [100, -100, 3]
    for form in FORMS:
        assert starc_distance(mdp, R, after, canonical=form) == 0


def test_val_is_the_advantage_and_minimal_the_projection() -> None:
    mdp, rng = world(5, ends=False), np.random.default_rng(5)
    R, pi = rng.normal(size=(5, 3)), rng.dirichlet(np.ones(3), size=5)
    c = canonical_reward(mdp, R, policy=pi)
    np.testing.assert_allclose((pi * c).sum(axis=1), 0, atol=1e-12)
    V = mdp.policy_values(pi, R)
    np.testing.assert_allclose(c, R - shaping(mdp) @ V, atol=1e-12)
    w = rng.random((5, 3)) + 0.1
    least = canonical_reward(mdp, R, canonical="minimal", weights=w)
    # at right angles to every shaping, in the weighted norm
    np.testing.assert_allclose(np.einsum("sa,sa,sat->t", w, least, shaping(mdp)), 0, atol=1e-12)
    B = shaping(mdp).reshape(15, 5)
    difference = (R - least).ravel()
    np.testing.assert_allclose(B @ np.linalg.lstsq(B, difference)[0], difference, atol=1e-12)


@pytest.mark.parametrize("ends", [False, True])
def test_shaping_is_linear_and_leaves_the_end_alone(ends: bool) -> None:
    mdp, v = world(10, ends), np.random.default_rng(10).normal(size=5)
    moved = expected_reward(mdp, shaped(mdp, np.zeros((5, 3)), v))
    live = ~mdp.terminal
    np.testing.assert_allclose((shaping(mdp) @ v)[live], -moved[live], atol=1e-12)


@pytest.mark.parametrize("form", FORMS)
def test_worlds_without_a_discount(form: Literal["val", "minimal"]) -> None:
    mdp = world(11, ends=True).with_horizon(4).with_discount(1.0)
    rng = np.random.default_rng(11)
    R = rng.normal(size=(mdp.n_states, 3))
    same = shaped(mdp, 2 * R, rng.normal(size=mdp.n_states))
    assert starc_distance(mdp, R, same, canonical=form) < 1e-9
    assert starc_distance(mdp, R, -R, canonical=form) == pytest.approx(1)


def test_indifferent_rewards() -> None:
    mdp, rng = world(6, ends=True), np.random.default_rng(6)
    nothing, R = shaped(mdp, np.zeros((5, 3)), rng.normal(size=5)), rng.normal(size=(5, 3))
    for form in FORMS:
        assert starc_distance(mdp, nothing, np.zeros((5, 3)), canonical=form) == 0
        assert starc_distance(mdp, nothing, R, canonical=form) == pytest.approx(0.5)
    # where episodes do not end, a constant changes no choice
    endless = world(6, ends=False)
    assert starc_distance(endless, R, R + 3) < 1e-9
    assert starc_distance(mdp, R, R + 3) > 1e-2


def test_many_at_once() -> None:
    mdp, rng = world(7, ends=True), np.random.default_rng(7)
    R, reference = rng.normal(size=(6, 5, 3)), rng.normal(size=(5, 3, 5))
    got = starc_distances(mdp, R, reference, canonical="minimal")
    one = [starc_distance(mdp, r, reference, canonical="minimal") for r in R]
    np.testing.assert_allclose(got, one, atol=1e-12)


def test_an_unpayable_reward_does_not_matter() -> None:
    mdp = world(8, ends=False)
    R = np.zeros((5, 3, 5))
    R[0, 0] = np.nan
    R[0, 0, 1] = 2.0
    assert expected_reward(mdp, R)[0, 0] == 2.0


@pytest.mark.wrong_types
def test_mistakes_are_named() -> None:
    mdp = world(9, ends=False)
    with pytest.raises(ConfigError, match="must be finite"):
        starc_distance(mdp, np.zeros((4, 3)), np.zeros((5, 3)))
    with pytest.raises(ConfigError, match="must be one of 'val', 'minimal'"):
        canonical_reward(mdp, np.zeros((5, 3)), canonical="epic")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="policy must be"):
        canonical_reward(mdp, np.zeros((5, 3)), policy=np.ones((2, 2)))
    with pytest.raises(ConfigError, match="above 0"):
        starc_distance(mdp, np.ones((5, 3)), np.ones((5, 3)), weights=np.zeros((5, 3)))
    with pytest.raises(ConfigError, match=r"rewards must be \(H, 5, 3\)"):
        starc_distances(mdp, np.ones((5, 3)), np.ones((5, 3)))
