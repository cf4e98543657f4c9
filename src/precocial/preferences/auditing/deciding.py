"""What would decide: expected information about the pair from one more datum of each kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, xlogy

from precocial.choice import boltzmann
from precocial.preferences.auditing.episodes import (
    directions_left,
    forced_start,
    second_episode,
    second_worlds,
    usual_episode,
    usual_length,
)
from precocial.preferences.auditing.likely import LikelyPairs, deployed, likely_pairs, regret
from precocial.preferences.auditing.record import Deciding, Open
from precocial.preferences.demos import Demonstrations
from precocial.preferences.mdp import TabularMDP
from precocial.preferences.posterior import Assumption, OnDone, Posterior, factor_of

Floats = NDArray[np.float64]
SECOND_DISCOUNT = 0.5
"""The other demonstrator's discount, as a share of the first one's (ours)."""
MAX_TASKS = 64
"""Known rewards that are tried as a task, and rewards whose features are compared (16)."""
COSTS: Mapping[str, float] = {
    "action": 1.0, "comparison": 1.0, "known reward": 5.0, "second discount": 5.0,
    "demonstration": 5.0, "forced start": 6.0, "second world": 10.0, "assumption": 0.0,
}  # fmt: skip
"""What one more datum costs, in any unit: ours, to be replaced by the user's own. The middle row
is of whole episodes."""


def what_would_decide(
    mdp: TabularMDP, demos: Demonstrations, posterior: Posterior, pairs: LikelyPairs,
    consider: Sequence[Assumption], costs: Mapping[str, float], seed: int = 0,
    on_done: OnDone = None,
) -> list[Deciding]:  # fmt: skip
    """Expected bits about the pair from one more datum of each kind, the best of its kind.

    Args:
        on_done: called for each block of pairs that an assumption is judged on, as of `infer`.
    """
    steps = usual_length(demos)
    rows = [
        _seen_action(mdp, "one more action, watched in", pairs.policies, pairs, costs["action"]),
        _known_reward(mdp, posterior, pairs, costs["known reward"]),
        *_demonstrations(mdp, pairs, steps, costs, seed),
        *_second_worlds(mdp, posterior, pairs, steps, costs, seed),
    ]
    rows += _comparison(posterior, costs["comparison"])
    worst = regret(mdp, deployed(posterior), pairs).worst
    rows += [_assumed(posterior, worst, one, costs["assumption"], on_done) for one in consider]
    return sorted(rows, key=_worth_its_cost)


def _worth_its_cost(row: Deciding) -> tuple[float, float]:
    """Bits per cost, the most first; what costs nothing by its bits."""
    return (-row.bits / row.cost, 0.0) if row.cost else (-np.inf, -row.bits)


def information_bits(probabilities: Floats, weight: Floats) -> Floats:
    """I(pair; outcome) in bits: H(mean) - mean H, for outcomes (n, ..., A) of n pairs."""
    mean = np.tensordot(weight, probabilities, axes=1)
    each = -xlogy(probabilities, probabilities).sum(axis=-1)
    total = -xlogy(mean, mean).sum(axis=-1) - np.tensordot(weight, each, axes=1)
    return np.asarray(np.maximum(total, 0.0) / np.log(2))


def _seen_action(
    mdp: TabularMDP, what: str, policies: Floats, pairs: LikelyPairs, cost: float
) -> Deciding:
    bits = np.where(mdp.terminal, -1.0, information_bits(policies, pairs.weight))
    state = int(bits.argmax())
    return Deciding(what=f"{what} state {mdp.state_name(state)}", bits=float(bits[state]),
            cost=cost, kind="behaviour")  # fmt: skip


def _known_reward(
    mdp: TabularMDP, posterior: Posterior, pairs: LikelyPairs, cost: float
) -> Deciding:
    """A task whose reward is told: what is done there speaks of the planner alone."""
    planners = np.unique(pairs.planner)
    mass = np.array([pairs.weight[pairs.planner == p].sum() for p in planners])
    candidates = posterior.rewards.block(0, min(len(posterior.rewards), MAX_TASKS))
    found = np.stack([posterior.planners[p].policies(mdp, candidates) for p in planners])
    bits = information_bits(found, mass)  # (candidates, S)
    bits[:, mdp.terminal] = -1
    task, state = np.unravel_index(int(bits.argmax()), bits.shape)
    name = posterior.rewards.name(int(task))
    where = mdp.state_name(int(state))
    return Deciding(
        what=f"one action in a task with the known reward {name}, in state {where}",
        bits=float(bits[task, state]), cost=cost, kind="known reward",
    )  # fmt: skip


def _demonstrations(
    mdp: TabularMDP, pairs: LikelyPairs, steps: int, costs: Mapping[str, float], seed: int
) -> list[Deciding]:
    """One more episode: from the usual start, and from where it tells most."""
    one_step = information_bits(pairs.policies, pairs.weight)
    usual = usual_episode(mdp, pairs, steps, seed)
    state, forced = forced_start(mdp, pairs, steps, one_step, seed)
    return [
        Deciding(
            what=f"{_one(steps)}, {where}", bits=told.bits, standard_error=told.standard_error,
            cost=costs[kind], kind="demonstration",
        )
        for where, told, kind in (
            ("from the usual start", usual, "demonstration"),
            (f"forced to start in state {mdp.state_name(state)}", forced, "forced start"),
        )
    ]  # fmt: skip


def _second_worlds(
    mdp: TabularMDP, posterior: Posterior, pairs: LikelyPairs, steps: int,
    costs: Mapping[str, float], seed: int,
) -> list[Deciding]:  # fmt: skip
    """The same person elsewhere: an episode in each world, and one action with another discount."""
    rows: list[Deciding] = []
    for world in second_worlds(mdp, posterior, pairs, SECOND_DISCOUNT * mdp.discount):
        if not rows:  # the first has another discount alone, where one action may do
            what = f"one action of the same person {world.what}, in"
            cost = costs["second discount"]
            rows.append(_seen_action(world.mdp, what, world.policies, pairs, cost))
        told, what = second_episode(world, pairs, steps, seed), f"by the same person {world.what}"
        rows.append(
            Deciding(
                what=f"{_one(steps)} {what}",
                bits=told.bits,
                standard_error=told.standard_error,
                cost=costs["second world"],
                kind="second world",
                directions_left=directions_left(mdp, world),
            )
        )
    return rows


def _one(steps: int) -> str:
    return f"one demonstration of {steps} action{'s' * (steps > 1)}"


def _comparison(posterior: Posterior, cost: float) -> list[Deciding]:
    """The best question of the form: is feature i better than feature j?"""
    F = len(posterior.rewards.features)
    if F < 2:
        return []
    mass = posterior.reward_probability
    likely = np.argsort(-(mass @ np.abs(posterior.rewards.weights)), kind="stable")[:16]
    best: Deciding | None = None
    for at, i in enumerate(likely):
        for j in likely[at + 1 :]:
            scores = posterior.rewards.weights[:, [i, j]]
            bits = float(information_bits(boltzmann(scores, 1.0), mass))
            if best is None or bits > best.bits:
                names = posterior.rewards.feature_names
                best = Deciding(what=f"one comparison: {names[i]} or {names[j]}?", bits=bits,
                        cost=cost, kind="comparison")  # fmt: skip
    return [] if best is None else [best]


def _assumed(
    posterior: Posterior, before: float, assumption: Assumption, cost: float, on_done: OnDone
) -> Deciding:
    """What an assumption would decide if it were made: bits between the two posteriors, and by how
    much the worst regret of what one would deploy falls."""
    factor = factor_of(posterior, assumption, on_done=on_done)
    if not np.isfinite(posterior.log_joint + factor).any():
        return Deciding(
            what=f"assuming {assumption.name}: it rules out every pair that fits", bits=0.0,
            cost=cost, kind="assumption",
        )  # fmt: skip
    after = replace(posterior, factors={**posterior.factors, assumption.name: factor})
    # log of the ratio of the two posteriors, in logs because either may underflow
    likely = after.probability > 0
    moved = logsumexp(after.log_joint) - logsumexp(posterior.log_joint)
    gained = float(after.probability[likely] @ factor[likely] - moved)
    left = regret(after.mdp, deployed(after), likely_pairs(after)).worst
    return Deciding(
        what=f"assuming {assumption.name}", bits=max(gained, 0.0) / float(np.log(2)),
        cost=cost, kind="assumption", worst_regret_removed=before - left,
    )  # fmt: skip


def undecidable(mdp: TabularMDP, posterior: Posterior) -> list[Open]:
    """What no amount of behaviour in this world can decide, with the reason."""
    live = int((~mdp.terminal).sum())
    alone = without_twin(posterior)
    twins = (len(posterior.planners) - alone) // 2
    return [
        Open(what="the sign of the reward",
         why="(-p, -R) does whatever (p, R) does; "
                f"{twins} of the planners here have their negation beside them"),
        Open(what="whether there is a reward at all",
         why="the indifferent planner with no reward does it too"),
        Open(what=f"{live} directions of the reward",
         why="adding v(s) - discount * E v(s') to R(s, a), for any v on the states where one "
                "can act, changes nothing that a noisily rational planner of one discount does"),
        Open(what="the scale of the reward",
         why="twice the reward with half the inverse temperature gives the same choices"),
    ]  # fmt: skip


def without_twin(posterior: Posterior) -> int:
    """How many planners have no negation in the list."""
    names = {planner.name for planner in posterior.planners}
    return sum(
        f"-({name})" not in names and not (name.startswith("-(") and name[2:-1] in names)
        for name in names
    )
