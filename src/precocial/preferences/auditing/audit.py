"""An audit of demonstrations: what is decided, what is not, what would decide it, what never can.

Everything is read off one exact posterior over pairs of planner and reward, but for what no
posterior may say: `undecidable` lists what every behaviour leaves open (Armstrong and Mindermann
2017, Prop. 8; Cao et al. 2021).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

from precocial.choice.arguments import checked
from precocial.errors import ConfigError
from precocial.preferences.auditing.ambiguous import what_is_ambiguous
from precocial.preferences.auditing.deciding import (
    COSTS,
    undecidable,
    what_would_decide,
    without_twin,
)
from precocial.preferences.auditing.fitting import goodness_of_fit
from precocial.preferences.auditing.likely import (
    anchor_state,
    apart,
    arrivals,
    deployed,
    deployed_actions,
    likely_moves,
    likely_pairs,
    regret,
    regret_split,
    state_values,
)
from precocial.preferences.auditing.record import (
    FORMAT,
    AuditRecord,
    Coverage,
    Family,
    Pair,
    World,
)
from precocial.preferences.auditing.resampled import given_world, resampled, worlds_drawn
from precocial.preferences.data.counted import CountedWorld
from precocial.preferences.demos import Demonstrations
from precocial.preferences.mdp import TabularMDP
from precocial.preferences.planners import Plans, defaults
from precocial.preferences.planning.values import planned
from precocial.preferences.posterior import (
    Assumption,
    OnDone,
    Posterior,
    block_count,
    demonstrations_log_likelihood,
    entropy_bits,
    infer,
    planning_work,
)
from precocial.preferences.rewards import Rewards

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Audit:
    """What demonstrations say.

    Attributes:
        posterior: over every pair; `posterior.mdp` is the world.
        policy: (S, A) what one would deploy: optimal for the mean reward, ties shared.
        record: the findings as plain values, to be kept or drawn.
    """

    posterior: Posterior
    policy: Floats
    record: AuditRecord


@checked
def audit(
    world: TabularMDP | CountedWorld,
    demos: Demonstrations,
    *,
    planners: Sequence[Plans] | None = None,
    rewards: Rewards | None = None,
    assume: Sequence[Assumption] = (),
    consider: Sequence[Assumption] = (),
    bits: Floats | None = None,
    holdout: float = 0.25,
    costs: Mapping[str, float] = COSTS,
    worlds: int | None = None,
    seed: int = 0,
    on_done: Callable[[int, int], None] | None = None,
) -> Audit:
    """Audit demonstrations in a world.

    Args:
        world: a world, taken as it is; or one that was counted (`mdp_from_counts`), which is
            audited at its mean and drawn again to see how far the answers hang on the counts.
        planners: candidate planners; default one of each family and the negated ones.
        rewards: candidate rewards; default: arriving at a state is good, or bad, one state each.
        assume: normative assumptions that are made.
        consider: assumptions that are not made; the audit says what each would decide.
        bits: (P, R) description lengths, shown beside each family.
        holdout: share of the episodes kept for the held-out likelihood.
        costs: of one more datum by kind, see `COSTS`.
        worlds: how often a counted world is drawn again; default 8, fewer where worlds are large;
            0 takes it as exact, and the audit says so.
        on_done: called with how many of how many blocks of pairs are planned for.

    Raises:
        DataError: demonstrations that cannot have happened.
        ConfigError: an unknown kind of cost, or what `infer` refuses.
    """
    unknown = set(costs) - set(COSTS)
    if unknown:
        raise ConfigError(f"audit: costs are known of {list(COSTS)}; got {sorted(unknown)}")
    if worlds is not None and worlds < 0:
        raise ConfigError(f"audit: worlds must be at least 0 (0: taken as exact); got {worlds}")
    mdp = world.mdp if isinstance(world, CountedWorld) else world
    demos.check(mdp)
    chosen = tuple(planners or defaults())
    options = rewards if rewards is not None else goals_and_dangers(mdp)
    times = _times(world, demos, chosen, options, consider, worlds)
    with planned(times * planning_work(mdp, chosen, options)):
        return _audited(
            world, demos, chosen, options, assume=assume, consider=consider, bits=bits,
            holdout=holdout, costs={**COSTS, **costs}, worlds=worlds, seed=seed,
            tick=_counter(on_done, times * block_count(chosen, options)),
        )  # fmt: skip


def _times(
    world: TabularMDP | CountedWorld, demos: Demonstrations, planners: Sequence[Plans],
    rewards: Rewards, consider: Sequence[Assumption], worlds: int | None,
) -> int:  # fmt: skip
    """How often every pair is planned for: once, for what is not held out, for each assumption
    that is considered, and in each world that is drawn."""
    times = 1 + (len(demos.episodes) >= 2) + len(consider)
    if isinstance(world, CountedWorld):
        times += worlds_drawn(world, len(planners) * len(rewards), worlds)
    return times


def _counter(on_done: Callable[[int, int], None] | None, total: int) -> OnDone:
    """Counts the blocks of all posteriors, whatever each of them says of its own."""
    if on_done is None:
        return None
    done = itertools.count(1)
    return lambda _, __: on_done(next(done), total)


def _audited(
    world: TabularMDP | CountedWorld, demos: Demonstrations, planners: tuple[Plans, ...],
    rewards: Rewards, *, assume: Sequence[Assumption], consider: Sequence[Assumption],
    bits: Floats | None, holdout: float, costs: Mapping[str, float], worlds: int | None,
    seed: int, tick: OnDone,
) -> Audit:  # fmt: skip
    mdp = world.mdp if isinstance(world, CountedWorld) else world
    posterior = infer(mdp, demos, planners, rewards, assume=assume, on_done=tick)
    pairs = likely_pairs(posterior)
    policy = deployed(posterior)
    moves = likely_moves(mdp, demos, pairs)
    into = arrivals(mdp, moves)
    values = state_values(mdp, demos, posterior, into)
    record = AuditRecord(
        format=FORMAT,
        world=_world(mdp),
        planners=len(planners),
        without_twin=without_twin(posterior),
        rewards=len(rewards),
        assumptions=list(posterior.factors),
        entropy_bits=posterior.entropy_bits,
        prior_bits=entropy_bits(np.exp(posterior.log_prior)),
        pairs=[Pair(planner=p, reward=r, probability=mass) for p, r, mass in posterior.top(12)],
        coverage=_coverage(mdp, demos),
        families=_families(mdp, demos, posterior, assume, bits, holdout, seed, tick),
        anchor=mdp.state_name(anchor_state(mdp, demos)),
        values=values,
        ambiguous=what_is_ambiguous(mdp, demos, posterior, values, moves, into),
        fit=goodness_of_fit(mdp, demos.counts(mdp), posterior, pairs, seed=seed),
        resampled=resampled(
            world, posterior, policy, assume, worlds=worlds, seed=seed, on_done=tick
        )
        if isinstance(world, CountedWorld)
        else given_world(),
        apart=apart(posterior),
        policy=deployed_actions(mdp, policy, pairs),
        regret=regret(mdp, policy, pairs),
        split=regret_split(posterior),
        decides=what_would_decide(
            mdp, demos, posterior, pairs, consider, costs, seed, on_done=tick
        ),
        undecidable=undecidable(mdp, posterior),
        notes=_notes(mdp, demos, posterior),
        seed=seed,
    )
    return Audit(posterior=posterior, policy=policy, record=record)


@checked
def goals_and_dangers(mdp: TabularMDP) -> Rewards:
    """Arriving at one state is worth 1, or -1, for every state that can be arrived at."""
    goals = Rewards.goals(mdp)
    return Rewards(
        features=goals.features,
        weights=np.concatenate([goals.weights, -goals.weights]),
        feature_names=goals.feature_names,
        names=(*goals.names, *(f"avoid {name.removeprefix('goal ')}" for name in goals.names)),
        arrival=goals.arrival,
    )


# ---------------------------------------------------------------- what was seen


def _world(mdp: TabularMDP) -> World:
    return World(
        states=mdp.n_states,
        actions=mdp.n_actions,
        discount=float(mdp.discount),
        terminal=np.flatnonzero(mdp.terminal).tolist(),
        state_names=[mdp.state_name(s) for s in range(mdp.n_states)],
        action_names=[mdp.action_name(a) for a in range(mdp.n_actions)],
        grid=None if mdp.grid is None else [(int(r), int(c)) for r, c in mdp.grid],
    )


def _coverage(mdp: TabularMDP, demos: Demonstrations) -> Coverage:
    counts = demos.counts(mdp)
    visits, live = counts.sum(axis=1), int((~mdp.terminal).sum())
    share = counts / np.maximum(visits, 1)[:, None]
    entropy = -xlogy(share, share).sum(axis=1)[visits > 0] / np.log(2)
    weight = visits[visits > 0] / visits.sum()
    return Coverage(
        episodes=len(demos.episodes),
        steps=len(demos),
        states=live,
        visited=int((visits > 0).sum()),
        visits=visits.astype(int).tolist(),
        choice_entropy_bits=float(entropy @ weight),
        largest_entropy_bits=float(np.log2(mdp.n_actions)),
    )


def _families(
    mdp: TabularMDP, demos: Demonstrations, posterior: Posterior, assume: Sequence[Assumption],
    bits: Floats | None, holdout: float, seed: int, tick: OnDone,
) -> list[Family]:  # fmt: skip
    """The best pair of each planner, judged on episodes that it was not chosen on."""
    learned, held = posterior, None
    if len(demos.episodes) >= 2:
        seen, held = demos.split(holdout, seed=seed)
        learned = infer(
            mdp, seen, posterior.planners, posterior.rewards, assume=assume, on_done=tick
        )
    rows = []
    best = posterior.log_joint.argmax(axis=1)
    for p, planner in enumerate(posterior.planners):
        fits = bool(np.isfinite(posterior.log_joint[p]).any())
        chosen = int(learned.log_joint[p].argmax())
        told: float | None = None
        judged: str | None = None
        if held is not None and np.isfinite(learned.log_joint[p]).any():
            judged = posterior.rewards.name(chosen)
            pi = planner.policies(mdp, posterior.rewards.block(chosen, chosen + 1))
            told = float(demonstrations_log_likelihood(pi, held.counts(mdp))[0] / len(held))
        rows.append(
            Family(
                planner=planner.name,
                reward=posterior.rewards.name(int(best[p])) if fits else "none fits",
                probability=float(posterior.planner_probability[p]),
                held_out_reward=judged,
                held_out_nats=told,
                uniform_nats=-float(np.log(mdp.n_actions)),
                bits=None if bits is None else float(bits[p, best[p]]),
            )
        )
    return sorted(rows, key=lambda row: -row.probability)


def _notes(mdp: TabularMDP, demos: Demonstrations, posterior: Posterior) -> list[str]:
    notes = []
    seen = demos.counts(mdp).sum(axis=1) > 0
    unseen = int((~mdp.terminal & ~seen).sum())
    if unseen:
        notes.append(
            f"{unseen} states were never visited: what would be done there is the planners' guess"
        )
    if len(demos.episodes) < 2:
        notes.append("one episode: nothing is held out, so no family can be checked on new data")
    if _unsigned_mass(posterior) > 0.99:
        notes.append(
            "one reward holds nearly all of the posterior: of those listed. A reward that is not "
            "in the list cannot win"
        )
    uniform = -np.log(mdp.n_actions) * len(demos)
    if posterior.log_data.max() < uniform:
        notes.append("choosing at random explains the demonstrations better than every pair does")
    return notes


def _unsigned_mass(posterior: Posterior) -> float:
    """The most that one reward and its opposite hold together."""
    weights = posterior.rewards.weights
    first = np.argmax(weights != 0, axis=1)[:, None]
    signs = np.sign(np.take_along_axis(weights, first, axis=1))  # a vector and its opposite differ
    _, group = np.unique(weights * signs, axis=0, return_inverse=True)
    return float(np.bincount(group.ravel(), posterior.reward_probability).max())
