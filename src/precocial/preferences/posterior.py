"""Planner and reward together: the exact posterior over every pair of two finite lists.

log P(p, R | demos) = sum_{s,a} n(s, a) log pi_{p,R}(a|s) + log prior(p, R) + log factors
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp, xlogy

from precocial.choice import Choice, log_likelihood
from precocial.choice.arguments import checked
from precocial.errors import ConfigError, FitError
from precocial.preferences.demos import Demonstrations
from precocial.preferences.mdp import TabularMDP
from precocial.preferences.planners import Constant, Negated, Planner, Plans
from precocial.preferences.planning.values import Backup, planned, solve, solve_work
from precocial.preferences.rewards import Rewards

Floats = NDArray[np.float64]
OnDone = Callable[[int, int], None] | None
"""Called with how many of how many parts are done; or nothing."""
MAX_PAIRS = 10_000_000
BLOCK = 256
"""Rewards planned for at a time."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Block:
    """Some rewards with the policies that one planner makes of them: what an assumption judges.

    Attributes:
        mdp: the world.
        planner: the planner.
        rewards: R[h, s, a], (h, S, A).
        policies: pi[h, s, a].
        weights: (h, F) of the features that made the rewards; None where there are none.
        kept: what an assumption may keep for the next planner's block of the same rewards.
    """

    mdp: TabularMDP
    planner: Plans
    rewards: Floats
    policies: Floats
    weights: Floats | None = None
    kept: dict[object, Floats] = field(default_factory=dict, repr=False)


class Assumption(Protocol):
    """A normative assumption: a log factor for each pair, 0 for none and -inf to rule it out."""

    @property
    def name(self) -> str: ...
    def log_factor(self, block: Block) -> Floats:
        """(h,) in nats, one for each reward of the block."""
        ...


class Prior(Protocol):
    """What weight pairs have before anything is seen."""

    def log_prior(self, mdp: TabularMDP, planners: Sequence[Plans], rewards: Rewards) -> Floats:
        """(P, R) in nats, normalised or not."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class Posterior:
    """The exact posterior over P planners and R rewards.

    Attributes:
        log_prior: (P, R) normalised, in nats.
        log_data: (P, R) log likelihood of demonstrations and feedback.
        factors: by the name of each assumption, (P, R) log factors.
    """

    mdp: TabularMDP
    demos: Demonstrations | None
    planners: tuple[Plans, ...]
    rewards: Rewards
    log_prior: Floats
    log_data: Floats
    factors: dict[str, Floats] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not np.isfinite(self.log_joint).any():
            raise FitError(
                "no pair of planner and reward could have done this and satisfies every "
                "assumption. Give planners with some noise (boltzmann, epsilon_greedy), or "
                "assume less"
            )

    @cached_property
    def log_joint(self) -> Floats:
        """(P, R) unnormalised."""
        total = self.log_prior + self.log_data
        for factor in self.factors.values():
            total = total + factor
        return np.asarray(total)

    @cached_property
    def probability(self) -> Floats:
        """(P, R) of each pair."""
        return np.asarray(np.exp(self.log_joint - logsumexp(self.log_joint)))

    @property
    def planner_probability(self) -> Floats:
        """(P,)"""
        return np.asarray(self.probability.sum(axis=1))

    @property
    def reward_probability(self) -> Floats:
        """(R,)"""
        return np.asarray(self.probability.sum(axis=0))

    @property
    def entropy_bits(self) -> float:
        """What is not decided, in bits."""
        return entropy_bits(self.probability)

    def mean_reward(self) -> Floats:
        """E[R(s, a)], (S, A)."""
        weights = self.reward_probability @ self.rewards.weights
        return np.tensordot(weights, self.rewards.features, axes=1)

    @checked
    def top(self, count: int = 10) -> list[tuple[str, str, float]]:
        """The likeliest pairs: planner, reward, probability."""
        flat = np.argsort(-self.probability, axis=None, kind="stable")[:count]
        places = zip(*np.unravel_index(flat, self.probability.shape), strict=True)
        return [
            (self.planners[p].name, self.rewards.name(int(r)), float(self.probability[p, r]))
            for p, r in places
        ]

    @checked
    def without(self, *names: str) -> Posterior:
        """The posterior without some of the assumptions."""
        unknown = set(names) - set(self.factors)
        if unknown:
            raise ConfigError(f"no such assumptions: {sorted(unknown)}; got {list(self.factors)}")
        kept = {name: factor for name, factor in self.factors.items() if name not in names}
        return Posterior(
            mdp=self.mdp, demos=self.demos, planners=self.planners, rewards=self.rewards,
            log_prior=self.log_prior, log_data=self.log_data, factors=kept,
        )  # fmt: skip


@checked
def infer(
    mdp: TabularMDP,
    demos: Demonstrations | None,
    planners: Sequence[Plans],
    rewards: Rewards,
    *,
    prior: Prior | ArrayLike | None = None,
    assume: Sequence[Assumption] = (),
    feedback: Sequence[Choice] = (),
    on_done: Callable[[int, int], None] | None = None,
) -> Posterior:
    """Weigh every pair (p, R) by what was seen.

    Args:
        demos: what was done; None for none.
        prior: (P, R) weights not below 0, or a `Prior`; default: every pair alike.
        assume: normative assumptions, each a factor of its own.
        feedback: choices from sets, whose features are those of `rewards`.
        on_done: called with how many of how many parts of the work are done.

    Raises:
        DataError: demonstrations that cannot have happened in this world.
        ConfigError: no planner, too many pairs, or a prior of another shape.
        FitError: no pair explains what was seen.
    """
    chosen = tuple(planners)
    if not chosen or len(chosen) * len(rewards) > MAX_PAIRS:
        raise ConfigError(
            f"infer: 1 to {MAX_PAIRS} pairs can be enumerated; got {len(chosen)} planners and "
            f"{len(rewards)} rewards. Use fewer values, or infer_gradient / infer_mcmc"
        )
    names = [assumption.name for assumption in assume]
    if len(set(names)) != len(names):
        raise ConfigError(f"infer: two assumptions have one name: {names}")
    counts = None if demos is None else demos.check(mdp).counts(mdp)
    shape = (len(chosen), len(rewards))
    log_data, factors = np.zeros(shape), {name: np.zeros(shape) for name in names}
    if feedback:
        log_data += log_likelihood(feedback, rewards.weights)
    if counts is not None or assume:
        with planned(planning_work(mdp, chosen, rewards)):
            for place, block in _blocks(mdp, chosen, rewards, on_done):
                if counts is not None:
                    log_data[place] += demonstrations_log_likelihood(block.policies, counts)
                for assumption in assume:
                    factors[assumption.name][place] = assumption.log_factor(block)
    return Posterior(
        mdp=mdp, demos=demos, planners=chosen, rewards=rewards,
        log_prior=_log_prior(prior, mdp, chosen, rewards), log_data=log_data, factors=factors,
    )  # fmt: skip


def factor_of(posterior: Posterior, assumption: Assumption, *, on_done: OnDone = None) -> Floats:
    """(P, R) log factors of an assumption that a posterior was not made with."""
    factor = np.zeros(posterior.log_prior.shape)
    pairs = posterior.mdp, posterior.planners, posterior.rewards
    with planned(planning_work(*pairs)):
        for place, block in _blocks(*pairs, on_done):
            factor[place] = assumption.log_factor(block)
    return factor


def entropy_bits(probability: Floats) -> float:
    """-sum p log2 p."""
    return max(0.0, float(-xlogy(probability, probability).sum() / np.log(2)))


def demonstrations_log_likelihood(policies: Floats, counts: Floats) -> Floats:
    """(H,) sum of n(s, a) log pi(a|s) over what was done; -inf where a policy never does it."""
    seen = counts > 0
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(policies[:, seen]) @ counts[seen])


def block_count(planners: Sequence[Plans], rewards: Rewards) -> int:
    """Blocks of all pairs."""
    return len(planners) * -(-len(rewards) // BLOCK)


def planning_work(mdp: TabularMDP, planners: Sequence[Plans], rewards: Rewards) -> float:
    """What planning for all pairs takes, as `solve_work` counts it."""
    cores = [_core(planner) for planner in planners]
    shared = {(core.backup, sign) for core, sign in cores if isinstance(core, Planner)}
    own = sum(not isinstance(core, Planner | Constant) for core, _ in cores)
    backups = [*(backup for backup, _ in shared), *[Backup()] * own]
    starts = range(0, len(rewards), BLOCK)
    sizes = [min(BLOCK, len(rewards) - low) for low in starts]
    return sum(solve_work(mdp, size, how) for size in sizes for how in backups)


def _blocks(
    mdp: TabularMDP, planners: Sequence[Plans], rewards: Rewards, on_done: OnDone
) -> Iterator[tuple[tuple[int, slice], Block]]:
    """Block by block and planner by planner, with its place (P, R)."""
    parts, done = block_count(planners, rewards), 0
    for low in range(0, len(rewards), BLOCK):
        R, kept = rewards.block(low, low + BLOCK), dict[object, Floats]()
        here = slice(low, low + len(R))
        weights = rewards.weights[here]
        for row, policies in enumerate(plan_each(mdp, planners, R)):
            yield (row, here), Block(
                mdp=mdp, planner=planners[row], rewards=R, policies=policies, weights=weights,
                kept=kept,
            )  # fmt: skip
            done += 1
            if on_done is not None:
                on_done(done, parts)


def plan_each(mdp: TabularMDP, planners: Sequence[Plans], R: Floats) -> Iterator[Floats]:
    """pi[h, s, a] of each planner in turn; planners with one backup and sign share its values."""
    values: dict[object, Floats] = {}
    for planner in planners:
        core, sign = _core(planner)
        if isinstance(core, Planner):
            key = (core.backup, sign)
            if key not in values:
                values[key] = solve(mdp, sign * R, core.backup).Q
            yield core.rule(values[key])
        else:
            yield planner.policies(mdp, R)


def _core(planner: Plans) -> tuple[Plans, float]:
    """A planner without its negations, and their sign."""
    sign = 1.0
    while isinstance(planner, Negated):
        planner, sign = planner.planner, -sign
    return planner, sign


def _log_prior(
    prior: Prior | ArrayLike | None, mdp: TabularMDP, planners: Sequence[Plans], rewards: Rewards
) -> Floats:
    shape = (len(planners), len(rewards))
    if prior is None:
        return np.full(shape, -np.log(shape[0] * shape[1]))
    if hasattr(prior, "log_prior"):
        log_weights = np.asarray(prior.log_prior(mdp, planners, rewards), dtype=np.float64)
    else:
        weights = np.asarray(prior, dtype=np.float64)
        if weights.shape != shape or not np.isfinite(weights).all() or weights.min() < 0:
            raise ConfigError(
                f"infer: prior must be weights {shape}, not below 0; got shape {weights.shape}"
            )
        with np.errstate(divide="ignore"):
            log_weights = np.log(weights)
    total = logsumexp(log_weights)
    if not np.isfinite(total):
        raise ConfigError("infer: the prior must give weight to some pair")
    return np.asarray(log_weights - total)
