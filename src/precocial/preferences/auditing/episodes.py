"""What whole demonstrations would tell: from the usual start, from a forced one, in another world.

    I(pair; episode) = E sum_t I(pair; a_t | what was done before)        (chain rule)

What the world does tells nothing of the pair, so only actions count. Episodes are simulated, the
pair drawn from the posterior and the actions from the pair; within each, the belief follows what is
done and every term is a finite sum. The best start is chosen on some episodes and reported on
others, for the best of many noisy figures looks better than it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax, xlogy

from precocial.preferences.auditing.likely import LARGEST_NULL_SPACE, LikelyPairs
from precocial.preferences.demos import Demonstrations
from precocial.preferences.identify.ambiguity import ambiguity
from precocial.preferences.identify.experts import Expert
from precocial.preferences.mdp import TabularMDP
from precocial.preferences.posterior import Posterior
from precocial.runs.streams import stream

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
PAIRS = 1000
"""Likely pairs that an episode is held against, the likeliest first (ours)."""
SCREENED, REPORTED = 16, 128
"""Episodes simulated from each start to choose one, and for what is reported (ours)."""
STARTS = 32
"""Forced starts that are tried (ours)."""
LONGEST = 50
"""Actions of a simulated episode at the most (ours)."""
HALF = 0.5
"""Share of the actions that fail in the second world with more slip (ours)."""
DENSE = 2_000_000
"""Numbers P(s'|s, a) beyond which no world with other successors is made (ours)."""
TIED = 1e-9
"""Successors whose probabilities are nearer than this are alike."""


@dataclass(frozen=True, kw_only=True)
class Told:
    """Bits, and the standard error of them."""

    bits: float
    standard_error: float


@dataclass(frozen=True, kw_only=True, eq=False)
class SecondWorld:
    """Another world for the same person.

    Attributes:
        what: it is, in words.
        mdp: the world.
        policies: pi[n, s, a] of the pairs there.
        same_reward: whether R(s, a) is what it is here: not where it is paid on arriving and other
            states follow.
    """

    what: str
    mdp: TabularMDP
    policies: Floats
    same_reward: bool


def usual_length(demos: Demonstrations) -> int:
    """Actions of a demonstration like those seen, from 1 to `LONGEST`."""
    return int(np.clip(round(len(demos) / len(demos.episodes)), 1, LONGEST))


def episode_bits(
    mdp: TabularMDP, policies: Floats, weight: Floats, starts: Floats, *,
    steps: int, episodes: int, rng: np.random.Generator,
) -> tuple[Floats, Floats]:  # fmt: skip
    """(Z,) expected bits about the pair of one episode, and their standard errors, for each of Z
    distributions of the first state (Z, S); policies pi[n, s, a] of pairs of weight (n,)."""
    policies, weight = policies[:PAIRS], weight[:PAIRS] / weight[:PAIRS].sum()
    Z, A = len(starts), mdp.n_actions
    even = (np.arange(episodes) + rng.random((Z, 1))) / episodes  # as often as they are likely
    who = _index(weight, even).ravel()
    state = _index(np.repeat(starts, episodes, axis=0), rng.random((Z * episodes, 1)))[:, 0]
    with np.errstate(divide="ignore"):
        log_pi = np.log(policies).reshape(len(policies), -1)
        belief = np.repeat(np.log(weight)[:, None], Z * episodes, axis=1)
    surprise = -xlogy(policies, policies).sum(axis=2)  # (n, S)
    told, alive = np.zeros(Z * episodes), np.arange(Z * episodes)
    for _ in range(steps):
        alive = alive[~mdp.terminal[state[alive]]]
        if not len(alive):
            break
        s, w = state[alive], softmax(belief[:, alive], axis=0)
        mean = np.einsum("nm,nma->ma", w, policies[:, s])
        told[alive] += -xlogy(mean, mean).sum(axis=1) - (w * surprise[:, s]).sum(axis=0)
        a = _index(policies[who[alive], s], rng.random((len(s), 1)))[:, 0]
        belief[:, alive] += log_pi[:, s * A + a]
        place = _index(mdp.probability[s, a], rng.random((len(s), 1)))[:, 0]
        state[alive] = mdp.successors[s, a, place]
    bits = np.maximum(told, 0.0).reshape(Z, episodes) / np.log(2)
    return bits.mean(axis=1), bits.std(axis=1) / np.sqrt(episodes)


def usual_episode(mdp: TabularMDP, pairs: LikelyPairs, steps: int, seed: int) -> Told:
    """One more demonstration from the world's own start."""
    return _told(mdp, pairs.policies, pairs.weight, mdp.start, steps, seed, "usual")


def forced_start(
    mdp: TabularMDP, pairs: LikelyPairs, steps: int, one_step: Floats, seed: int
) -> tuple[int, Told]:
    """The state from which a demonstration tells most, of those where one action tells most,
    one_step (S,)."""
    live = np.flatnonzero(~mdp.terminal)
    tried = live[np.argsort(-one_step[live], kind="stable")[:STARTS]]
    eye = np.eye(mdp.n_states)
    rng = stream(seed, "preferences", "episodes", "screened")
    bits, _ = episode_bits(
        mdp, pairs.policies, pairs.weight, eye[tried], steps=steps, episodes=SCREENED, rng=rng
    )
    best = int(tried[bits.argmax()])
    told = _told(mdp, pairs.policies, pairs.weight, eye[best], steps, seed, "forced")
    return best, told


def second_worlds(
    mdp: TabularMDP, posterior: Posterior, pairs: LikelyPairs, discount: float
) -> Iterator[SecondWorld]:
    """The same person with another discount, without slip, and with more of it. What is paid on
    arriving is paid on arriving there too; what is paid for acting, for acting."""
    found = [(f"with discount {discount:.3g}", mdp.with_discount(discount))]
    surer = _without_slip(mdp)
    if surer is not None:
        found.append(("where the likeliest state, if one is, always follows", surer))
    if mdp.n_states * mdp.successors[..., 0].size <= DENSE and mdp.n_actions > 1:
        P = (1 - HALF) * mdp.dense + HALF * mdp.dense.mean(axis=1, keepdims=True)
        fails = TabularMDP.from_arrays(
            P, discount=mdp.discount, start=mdp.start, terminal=mdp.terminal, states=mdp.states,
            actions=mdp.actions,
        )  # fmt: skip
        found.append((f"where {100 * HALF:g} % of actions fail and any other happens", fails))
    for what, other in found:
        yield SecondWorld(
            what=what, mdp=other, policies=policies_in(other, posterior, pairs),
            same_reward=posterior.rewards.arrival is None or other is found[0][1],
        )  # fmt: skip


def _without_slip(mdp: TabularMDP) -> TabularMDP | None:
    """What is likeliest made certain, where one successor is; None if that is seldom, or so."""
    P = mdp.probability
    top = P.max(axis=2, keepdims=True)
    first = (P - top) >= -TIED
    alone = (first.sum(axis=2) == 1)[~mdp.terminal]
    moves = (top[..., 0] < 1 - TIED)[~mdp.terminal]
    if not (alone & moves).any() or alone.mean() < 0.5:
        return None
    certain = (first.sum(axis=2, keepdims=True) == 1) & first
    return mdp.with_transitions(np.where(certain.any(axis=2, keepdims=True), 1.0 * certain, P))


def policies_in(mdp: TabularMDP, posterior: Posterior, pairs: LikelyPairs) -> Floats:
    """pi[n, s, a] of the likely pairs in another world."""
    rewards = posterior.rewards.in_world(mdp)
    used, place = np.unique(pairs.reward, return_inverse=True)
    tables = np.tensordot(rewards.weights[used], rewards.features, axes=1)
    policies = np.empty_like(pairs.policies)
    for planner in np.unique(pairs.planner):
        mine = pairs.planner == planner
        policies[mine] = posterior.planners[planner].policies(mdp, tables[place[mine]])
    return policies


def second_episode(world: SecondWorld, pairs: LikelyPairs, steps: int, seed: int) -> Told:
    """One demonstration there, from its start."""
    return _told(world.mdp, world.policies, pairs.weight, world.mdp.start, steps, seed, world.what)


def directions_left(mdp: TabularMDP, world: SecondWorld) -> int | None:
    """Directions of R(s, a) that endless behaviour of a noisily rational person, here and there,
    would leave open; None where R(s, a) is not the same, or the worlds are too large to ask."""
    if not world.same_reward or mdp.n_states * mdp.n_actions > LARGEST_NULL_SPACE:
        return None
    pi = mdp.uniform_policy()  # the null space is the same for every policy
    return ambiguity([Expert.soft(mdp, pi), Expert.soft(world.mdp, pi)]).dimension


def _told(
    mdp: TabularMDP, policies: Floats, weight: Floats, start: Floats, steps: int, seed: int,
    name: str,
) -> Told:  # fmt: skip
    rng = stream(seed, "preferences", "episodes", name)
    bits, error = episode_bits(
        mdp, policies, weight, start[None], steps=steps, episodes=REPORTED, rng=rng
    )
    return Told(bits=max(float(bits[0]), 0.0), standard_error=float(error[0]))


def _index(probability: Floats, uniform: Floats) -> Ints:
    """An index from each row of probabilities (..., m) or from one, for uniforms (..., q)."""
    total = probability.cumsum(axis=-1)
    if total.ndim == 1:
        found = np.searchsorted(total, uniform * total[-1], side="right")
        return np.asarray(np.minimum(found, len(total) - 1), dtype=np.int64)
    return np.asarray((uniform[..., :1] * total[:, -1:] >= total).sum(axis=1)[:, None], np.int64)
