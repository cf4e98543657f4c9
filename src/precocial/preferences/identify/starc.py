"""How far apart two rewards are for every purpose of choosing: STARC distances.

A canonical form c(R) removes what no optimal policy can show (potential shaping, and where among
successors a reward is paid); dividing by a norm removes the scale; what is left is compared:

    s(R) = c(R) / |c(R)|,   d(R1, R2) = |s(R1) - s(R2)| / 2

With the Euclidean norm and the half (our convention) d lies in [0, 1]: 0 for rewards that order
policies alike, 1 for R and -R, sqrt(1/2) for canonical forms at right angles. A reward with
c(R) = 0 is indifferent: 0 from another such, 1/2 from any that is not.

    val       c(R)(s, a) = E[R(s, a, s') - V(s) + gamma V(s')], V of one fixed policy under R
    minimal   the shortest of all R(s, a) - v(s) + gamma E v(s')

Both are functions of (s, a): the expectation over successors is taken first, which is what removes
redistribution. Terminal states have potential 0 and what is done there is left out.

Source: Skalse et al., STARC (ICLR 2024), as summarised in the project's notes; the definition of
the minimal form over (s, a), in a norm weighted by the transitions, is our reading.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from precocial.choice.arguments import array_of, checked, like
from precocial.errors import ConfigError, one_of
from precocial.preferences.mdp import TabularMDP

Floats = NDArray[np.float64]
CANONICAL = ("val", "minimal")
NOTHING = 1e-10
"""A canonical form shorter than this share of what it was made from counts as 0 (ours: well above
rounding, and no reward that matters loses ten digits)."""


def expected_reward(mdp: TabularMDP, reward: ArrayLike) -> Floats:
    """R[s, a] from R[s, a] or from R[s, a, s'] (S, A, S), by expectation; 0 in terminal states.

    Raises:
        ConfigError: another shape, or numbers that are not finite where they can be paid.
    """
    R = np.asarray(reward, dtype=np.float64)
    S, A = mdp.n_states, mdp.n_actions
    if R.shape == (S, A, S):
        s, a = np.ogrid[:S, :A]
        paid = R[s[:, :, None], a[:, :, None], mdp.successors]
        R = np.where(mdp.probability > 0, paid, 0.0)
        R = (R * mdp.probability).sum(axis=2)
    if R.shape != (S, A) or not np.isfinite(R).all():
        raise ConfigError(
            f"a reward must be finite, ({S}, {A}) or ({S}, {A}, {S}); got {np.shape(reward)}"
        )
    return np.where(mdp.terminal[:, None], 0.0, R)


@checked
def shaped(mdp: TabularMDP, reward: ArrayLike, potential: ArrayLike) -> Floats:
    """R[s, a, s'] - v(s) + gamma v(s'), (S, A, S), the potential v of terminal states taken as 0.

    Args:
        reward: (S, A) or (S, A, S).
        potential: v[s], (S,).

    Raises:
        ConfigError: other shapes, or a potential that is not finite.
    """
    S, A, R = mdp.n_states, mdp.n_actions, np.asarray(reward, dtype=np.float64)
    R = like("shaped: reward", R[:, :, None] if R.ndim == 2 else R, (S, A, S))
    v = np.where(mdp.terminal, 0.0, array_of("shaped: potential", potential, (S,)))
    return np.asarray(R - v[:, None, None] + mdp.discount * v)


@checked
def canonical_reward(
    mdp: TabularMDP,
    reward: ArrayLike,
    *,
    canonical: Literal["val", "minimal"] = "val",
    policy: ArrayLike | None = None,
    weights: ArrayLike | None = None,
) -> Floats:
    """c(R)[s, a], (S, A).

    Args:
        reward: R[s, a] or R[s, a, s'].
        canonical: "val" or "minimal".
        policy: pi[s, a] of "val"; uniform by default.
        weights: (S, A) above 0, of the norm that "minimal" makes least; all 1 by default.

    Raises:
        ConfigError: shapes, or weights not above 0.
    """
    one_of("canonical_reward: canonical", canonical, CANONICAL)
    R = expected_reward(mdp, reward)
    if canonical == "val":
        return _advantage(mdp, R, policy)
    live = ~mdp.terminal
    root = np.sqrt(_weights(mdp, weights))[live][..., None]
    moved = root * shaping(mdp)[live]
    columns = moved.reshape(-1, mdp.n_states)[:, live]
    v, *_ = np.linalg.lstsq(columns, (root[..., 0] * R[live]).ravel(), rcond=None)
    found = R.copy()
    found[live] -= shaping(mdp)[live][..., live] @ v
    return found


@checked
def starc_distance(
    mdp: TabularMDP,
    first: ArrayLike,
    second: ArrayLike,
    *,
    canonical: Literal["val", "minimal"] = "val",
    policy: ArrayLike | None = None,
    weights: ArrayLike | None = None,
) -> float:
    """d(R1, R2) in [0, 1]; arguments as `canonical_reward`, weights also of the norm.

    Raises:
        ConfigError: as `canonical_reward`.
    """
    one, other = (
        _standard(mdp, R, canonical, policy, weights)
        for R in (expected_reward(mdp, first), expected_reward(mdp, second))
    )
    return float(np.linalg.norm(one - other) / 2)


@checked
def starc_distances(
    mdp: TabularMDP,
    rewards: ArrayLike,
    reference: ArrayLike,
    *,
    canonical: Literal["val", "minimal"] = "val",
    policy: ArrayLike | None = None,
    weights: ArrayLike | None = None,
) -> Floats:
    """(H,) distance of each reward R[h, s, a], (H, S, A), from one reference, (S, A) or (S, A, S).

    Raises:
        ConfigError: as `canonical_reward`.
    """
    R = np.asarray(rewards, dtype=np.float64)
    if R.ndim != 3 or R.shape[1:] != (mdp.n_states, mdp.n_actions):
        raise ConfigError(
            f"rewards must be (H, {mdp.n_states}, {mdp.n_actions}); got {R.shape}"
        )  # fmt: skip
    target = _standard(mdp, expected_reward(mdp, reference), canonical, policy, weights)
    each = [_standard(mdp, expected_reward(mdp, r), canonical, policy, weights) for r in R]
    return np.asarray(np.linalg.norm(np.array(each) - target, axis=(1, 2)) / 2)


def shaping(mdp: TabularMDP) -> Floats:
    """B[s, a, t], (S, A, S): (B v)(s, a) = v(s) - gamma E v(s'), for every potential v.

    The columns of terminal states are 0: their potential is.
    """
    B = -mdp.discount * mdp.dense
    B += np.eye(mdp.n_states)[:, None]
    return np.where(mdp.terminal, 0.0, B)


def _advantage(mdp: TabularMDP, R: Floats, policy: ArrayLike | None) -> Floats:
    pi = mdp.uniform_policy() if policy is None else np.asarray(policy, dtype=np.float64)
    if pi.shape != R.shape:
        raise ConfigError(f"policy must be {R.shape}; got {pi.shape}")
    V = mdp.policy_values(pi, R)
    return np.where(mdp.terminal[:, None], 0.0, R + mdp.discount * mdp.expected(V) - V[:, None])


def _standard(
    mdp: TabularMDP,
    R: Floats,
    canonical: Literal["val", "minimal"],
    policy: ArrayLike | None,
    weights: ArrayLike | None,
) -> Floats:
    root = np.sqrt(_weights(mdp, weights))
    c = root * canonical_reward(mdp, R, canonical=canonical, policy=policy, weights=weights)
    length = float(np.linalg.norm(c))
    # values, whose rounding c inherits, are larger than rewards by the length of an episode
    span = 1 / (1 - mdp.discount) if mdp.discount < 1 else float(mdp.longest_episode or 1)
    small = NOTHING * float(np.linalg.norm(root * R)) * span
    return np.zeros_like(c) if length <= small else np.asarray(c / length)


def _weights(mdp: TabularMDP, weights: ArrayLike | None) -> Floats:
    shape = (mdp.n_states, mdp.n_actions)
    w = np.ones(shape) if weights is None else np.asarray(weights, dtype=np.float64)
    if w.shape != shape or not np.isfinite(w).all() or w.min() <= 0:
        raise ConfigError(f"weights must be {shape}, finite and above 0; got shape {w.shape}")
    return np.where(mdp.terminal[:, None], 0.0, w)
