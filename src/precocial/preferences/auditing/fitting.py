"""Does even the best pair explain what was seen? A parametric bootstrap of the deviance.

    D(n, pi) = sum_{s,a} n(s, a) log( n(s, a) / (n(s) pi(a|s)) )

is how many nats a policy falls short of the one that fits the counts perfectly. What is tested is
min D over the likely pairs. In each replicate the best pair's own policy acts again as often in
each state as was seen there, and the likely pairs are fitted anew, as they were to the data:
without that the best of many would always look too good.

Visits n(s) are held fixed, as in chi-square tests of Markov chains (asymptotically right, our
reading of Billingsley 1961): the test is of planner and reward, not of the world's transitions.
The log likelihood by itself could not be tested: under a uniform policy it is the same whatever is
done.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

from precocial.preferences.auditing.likely import LikelyPairs
from precocial.preferences.auditing.record import Fit, Misfit
from precocial.preferences.mdp import TabularMDP
from precocial.preferences.posterior import Posterior
from precocial.runs.streams import stream

Floats = NDArray[np.float64]
REPLICATES = 499
"""Of the bootstrap: the least p value is 1 in 500 (ours)."""
REFITTED = 1000
"""Pairs that are fitted to each replicate, the likeliest first (ours). Fewer than there are can
only raise p."""
EXPLAINS = 0.01
"""Below this p value the best pair is said not to explain (ours)."""
SHOWN = 4
"""Actions listed as most off (ours)."""
NEVER = 1e-300
"""Stands for a probability of 0, whose logarithm no sum survives."""


def goodness_of_fit(
    mdp: TabularMDP, counts: Floats, posterior: Posterior, pairs: LikelyPairs, *,
    seed: int = 0, replicates: int = REPLICATES,
) -> Fit:  # fmt: skip
    """Whether the best of the likely pairs could have done what was counted, n[s, a]."""
    seen = np.flatnonzero(counts.sum(axis=1) > 0)
    n, visits = counts[seen], counts[seen].sum(axis=1)
    policies = pairs.policies[:REFITTED, seen]
    log_pi = np.log(np.maximum(policies, NEVER)).reshape(len(policies), -1)
    best = int((log_pi @ n.ravel()).argmax())
    observed = float(_deviance(n[None], log_pi)[0])
    rng = stream(seed, "preferences", "fitting")
    own = policies[best] / policies[best].sum(axis=1, keepdims=True)
    again = rng.multinomial(visits.astype(np.int64), own, size=(replicates, len(seen)))
    chance = _deviance(again.astype(np.float64), log_pi)
    beyond = int((chance >= observed - 1e-9 * max(observed, 1.0)).sum())
    uniform = np.full((1, n.size), -np.log(mdp.n_actions))
    return Fit(
        planner=posterior.planners[int(pairs.planner[best])].name,
        reward=posterior.rewards.name(int(pairs.reward[best])),
        p_value=(1 + beyond) / (1 + replicates), replicates=replicates, threshold=EXPLAINS,
        misfit_nats=max(observed - float(chance.mean()), 0.0) / float(visits.sum()),
        random_nats=float(_deviance(n[None], uniform)[0]) / float(visits.sum()),
        rows=_most_off(mdp, seen, n, own),
    )  # fmt: skip


def _deviance(counts: Floats, log_pi: Floats) -> Floats:
    """(B,) of the pair that suits each of the counts (B, S, A) best."""
    share = counts / counts.sum(axis=2, keepdims=True)
    perfect = xlogy(counts, share).sum(axis=(1, 2))
    return np.asarray(perfect - (counts.reshape(len(counts), -1) @ log_pi.T).max(axis=1))


def _most_off(mdp: TabularMDP, seen: NDArray[np.int64], n: Floats, pi: Floats) -> list[Misfit]:
    """Actions by their part of Pearson's chi-square, the largest first."""
    visits = n.sum(axis=1, keepdims=True)
    off = (n - visits * pi) ** 2 / np.maximum(visits * pi, NEVER)
    rows = []
    for place in np.argsort(-off, axis=None, kind="stable")[:SHOWN]:
        s, a = np.unravel_index(place, n.shape)
        rows.append(
            Misfit(
                state=mdp.state_name(int(seen[s])),
                action=mdp.action_name(int(a)),
                visits=int(visits[s, 0]),
                seen=float(n[s, a] / visits[s, 0]),
                foretold=float(pi[s, a]),
            )
        )
    return rows
