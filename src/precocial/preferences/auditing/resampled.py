"""How much an audit hangs on a world that was counted: the main answers in worlds drawn again.

    P(.|s, a) ~ Dirichlet(prior + counts)        drawn anew for every world

The audit itself weighs pairs in the mean world. Here each drawn world has a posterior of its own:
planners plan in it, what is paid on arriving is paid there, and the demonstrations are the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from precocial.preferences.auditing.likely import deployed, regret_shares
from precocial.preferences.auditing.record import Moved, Resampled
from precocial.preferences.data.counted import CountedWorld
from precocial.preferences.mdp import TabularMDP
from precocial.preferences.posterior import Assumption, OnDone, Posterior, infer

Floats = NDArray[np.float64]
WORLDS, FEWEST = 8, 2
"""Drawn by default (ours: the least and most of eight hold the next one seven times in nine), and
where worlds are large."""
LARGEST = 400_000_000
"""Pairs x states x actions x states planned for in all drawn worlds by default, beyond `FEWEST`
(ours: half a minute)."""
TIED = 1e-6
"""Pairs within this share of the likeliest tie with it."""


def given_world() -> Resampled:
    """The world was given, and nothing is drawn."""
    return Resampled(source="given", worlds=0, unvisited=0.0, best_stays=0, rows=[])


def resampled(
    counted: CountedWorld, posterior: Posterior, policy: Floats, assume: Sequence[Assumption], *,
    worlds: int | None = None, seed: int = 0, on_done: OnDone = None,
) -> Resampled:  # fmt: skip
    """The main answers of `posterior`, of the mean world, in drawn ones.

    Args:
        policy: (S, A) what would be deployed.
        worlds: how many, see `worlds_drawn`; 0 for none.
        on_done: as of `infer`, which each world calls anew.
    """
    worlds = worlds_drawn(counted, posterior.log_prior.size, worlds)
    unvisited = min(max(1 - counted.coverage, 0.0), 1.0)
    if worlds == 0:
        return Resampled(source="counted, taken as exact", worlds=0, unvisited=unvisited,
                         best_stays=0, rows=[])  # fmt: skip
    best = np.unravel_index(int(posterior.log_joint.argmax()), posterior.log_joint.shape)
    pair = (int(best[0]), int(best[1]))
    here = _answers(posterior, pair, policy, policy)
    found, stays = [], 0
    for world in counted.sample(worlds, seed=seed):
        again = _posterior_in(world, posterior, assume, on_done)
        found.append(_answers(again, pair, policy, deployed(again)))
        stays += bool(again.probability[pair] >= (1 - TIED) * again.probability.max())
    low, high = np.min(found, axis=0), np.max(found, axis=0)
    names = (
        f"probability of {posterior.rewards.name(pair[1])} with the planner "
        f"{posterior.planners[pair[0]].name}",
        f"probability of {posterior.rewards.name(pair[1])}, whatever the planner",
        "bits that are not decided",
        "expected regret of the policy recommended here, as a share",
        "expected regret of the policy that would be recommended there",
    )
    return Resampled(
        source="counted", worlds=worlds, unvisited=unvisited, best_stays=stays,
        rows=[
            Moved(what=name, here=float(one), low=float(least), high=float(most))
            for name, one, least, most in zip(names, here, low, high, strict=True)
        ],
    )  # fmt: skip


def worlds_drawn(counted: CountedWorld, pairs: int, asked: int | None) -> int:
    """How many worlds are drawn: as many as are asked for; None for `WORLDS`, fewer if they are
    large."""
    if asked is not None:
        return asked
    return max(FEWEST, min(WORLDS, LARGEST // (counted.counts.size * pairs)))


def _posterior_in(
    world: TabularMDP, posterior: Posterior, assume: Sequence[Assumption], on_done: OnDone
) -> Posterior:
    """The same pairs, prior and demonstrations there."""
    return infer(
        world, posterior.demos, posterior.planners, posterior.rewards.in_world(world),
        prior=np.exp(posterior.log_prior), assume=assume, on_done=on_done,
    )  # fmt: skip


def _answers(posterior: Posterior, pair: tuple[int, int], policy: Floats, own: Floats) -> Floats:
    """(5,) the main answers in one world; `own` would be deployed there."""
    p, tables = posterior.reward_probability, posterior.rewards.block()
    lost = [float(p @ regret_shares(posterior.mdp, one, tables)) for one in (policy, own)]
    return np.array([
        posterior.probability[pair], posterior.reward_probability[pair[1]], posterior.entropy_bits,
        *lost,
    ])  # fmt: skip
