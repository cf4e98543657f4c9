"""Normative assumptions: what behaviour cannot say, said out loud, as factors that compose.

Each gives every pair (p, R) a log factor in nats: 0 leaves it, -inf rules it out. None follows
from behaviour (Armstrong and Mindermann 2017): whoever uses one should be able to defend it.
What each does, and does not do, to the pairs of Lemma 6:

    BetterThanRandom    removes (-p, -R) of a p that does better than chance, and (p_pi, 0);
                        never removes (p_g, R_pi); removes the truth if the agent is worse
                        than chance
    MonotoneInReward    removes constant and negated planners; never removes (p_g, R_pi)
    RationalOn          removes pairs whose behaviour is not optimal for R in some states;
                        keeps R = 0, for which everything is optimal
    KnownReward         removes rewards that are wrong where the truth is known
    SignAnchor          removes one of (p, R) and (-p, -R), and R = 0
    SamePlanner         weighs planners by what they did for known rewards
    SameReward          weighs rewards by what other people did
    Sparse              weighs rewards by the size of their weights
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from precocial import choice
from precocial.choice.arguments import checked
from precocial.errors import ConfigError
from precocial.preferences.demos import Demonstrations
from precocial.preferences.identify.regret import optimal_policies, regret
from precocial.preferences.mdp import TabularMDP
from precocial.preferences.planners import Plans
from precocial.preferences.planning.values import solve
from precocial.preferences.posterior import (
    BLOCK,
    Block,
    Posterior,
    demonstrations_log_likelihood,
    plan_each,
)
from precocial.runs.streams import stream

Floats = NDArray[np.float64]
ROUNDING = 1e-9
"""A gain below this share of the largest return is rounding (ours: linear solves are closer)."""
NEAR = 1e-6
"""Actions whose Q* is this close to the best, as a share of the range, are optimal too (ours: Q* is
solved to 1e-8)."""
MOVED = 1e-6
"""A probability that changes by less has not changed (ours: planners are solved to 1e-8)."""


@checked
@dataclass(frozen=True, kw_only=True)
class BetterThanRandom:
    """The behaviour earns more than choosing at random: V_R^pi > V_R^uniform, in expectation over
    the start distribution.

    The inequality is strict: with >=, the pair (p_pi, 0) would stay, for 0 = 0.

    Attributes:
        slope: None rules out; a number weighs pairs by the logistic of slope * gain instead.
    """

    slope: float | None = None
    name: str = "better than random"

    def log_factor(self, block: Block) -> Floats:
        """(h,) in nats."""
        random = block.mdp.occupancy(block.mdp.uniform_policy())
        chance = np.tensordot(block.rewards, random, axes=2)
        gain = block.mdp.policy_return(block.policies, block.rewards) - chance
        if self.slope is not None:
            return -np.logaddexp(0.0, -self.slope * gain)
        scale = np.abs(block.rewards).max(axis=(1, 2)) * random.sum()
        return _allowed(gain > ROUNDING * scale)


@checked
@dataclass(frozen=True, kw_only=True)
class MonotoneInReward:
    """Raising the reward of an action never makes the planner less likely to take it, and makes it
    more likely somewhere.

    Our definition: for all R, live states s, actions a and t > 0, with R' = R + t 1[s, a],
    p(R')(a|s) >= p(R)(a|s), and for one of them the inequality is strict. It speaks of the planner
    alone. It is checked on probes, see `falls_and_rises`: a planner that fails is not monotone, one
    that passes may still fail elsewhere.

    Attributes:
        probes: how many (R, s, a, t) are tried.
        seed: of the probes.
    """

    probes: int = 128
    seed: int = 0
    name: str = "monotone in the reward"
    _judged: dict[int, tuple[object, object, bool]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def log_factor(self, block: Block) -> Floats:
        """(h,) in nats, one number for the planner."""
        key = id(block.planner)
        held = self._judged.get(key)
        if held is None or held[0] is not block.planner or held[1] is not block.mdp:
            falls, rises = falls_and_rises(
                block.planner, block.mdp, probes=self.probes, seed=self.seed
            )
            held = self._judged[key] = (block.planner, block.mdp, falls == 0 and rises > 0)
        return _allowed(np.full(len(block.rewards), held[2]))


def falls_and_rises(
    planner: Plans, mdp: TabularMDP, *, probes: int = 128, seed: int = 0
) -> tuple[int, int]:
    """On how many probes a raised action got less likely, and on how many more likely.

    Rewards are uniform in [-1, 1]; the live states are gone through in turn. Every other raise is
    larger than any return, so that whoever heeds the reward must heed it; the rest lie in (0, 1).
    """
    if probes < 2:
        raise ConfigError(f"MonotoneInReward: at least 2 probes are needed; got {probes}")
    rng = stream(seed, "preferences", "monotone")
    live = np.flatnonzero(~mdp.terminal)
    if not len(live):
        raise ConfigError("MonotoneInReward: every state of this world is terminal")
    R = rng.uniform(-1, 1, size=(probes, mdp.n_states, mdp.n_actions))
    state = np.resize(rng.permutation(live), probes)
    action = rng.integers(mdp.n_actions, size=probes)
    longest = mdp.longest_episode or 1 / (1 - mdp.discount)
    large = rng.random(probes).argsort() % 2 == 0
    place = (np.arange(probes), state, action)
    raised = R.copy()
    raised[place] += np.where(large, 4.0 * longest, rng.random(probes))
    both = planner.policies(mdp, np.concatenate([raised, R]))
    change = both[:probes][place] - both[probes:][place]
    return int((change < -MOVED).sum()), int((change > MOVED).sum())


@checked
@dataclass(frozen=True, kw_only=True)
class RationalOn:
    """In these states the behaviour is optimal for R: no more than `slack` of the probability goes
    to actions that are not in argmax_a Q*(s, a).

    Attributes:
        states: where.
        beta: if given, "optimal" is softened: in each of the states the policy is within `slack`,
            in total variation, of softmax(beta Q*).
        slack: probability; 0.05 lets a trembling hand pass.
    """

    states: tuple[int, ...]
    beta: float | None = None
    slack: float = 1e-6
    name: str = "rational on some states"

    def log_factor(self, block: Block) -> Floats:
        """(h,) in nats."""
        where = _states(self.name, self.states, block.mdp)
        if "Q*" not in block.kept:
            block.kept["Q*"] = solve(block.mdp, block.rewards).Q
        Q, pi = block.kept["Q*"][:, where], block.policies[:, where]
        if self.beta is None:
            off = np.where(choice.greedy(Q, tie=NEAR) > 0, 0.0, pi).sum(axis=-1)
        else:
            off = 0.5 * np.abs(pi - choice.boltzmann(Q, self.beta)).sum(axis=-1)
        return _allowed((off <= self.slack).all(axis=1))


@checked
@dataclass(frozen=True, kw_only=True)
class KnownReward:
    """What some actions in some states are worth is known.

    Attributes:
        pairs: (state, action) each.
        values: R[s, a] of each.
        sd: None: a reward further than `tolerance` off is ruled out; a number: the factor is
            -1/2 sum ((R - value) / sd)^2.
        tolerance: of the strict form, in units of reward.
    """

    pairs: tuple[tuple[int, int], ...]
    values: tuple[float, ...]
    sd: float | None = None
    tolerance: float = 1e-9
    name: str = "known reward"

    def __post_init__(self) -> None:
        if len(self.pairs) != len(self.values) or not self.pairs:
            raise ConfigError(
                f"KnownReward: one value for each of at least one pair (state, action); got "
                f"{len(self.pairs)} pairs and {len(self.values)} values"
            )
        if self.sd is not None and not self.sd > 0:
            raise ConfigError(f"KnownReward: sd must be above 0 or None; got {self.sd!r}")

    def log_factor(self, block: Block) -> Floats:
        """(h,) in nats."""
        states = _states(self.name, tuple(s for s, _ in self.pairs), block.mdp)
        actions = np.array([a for _, a in self.pairs])
        if actions.min() < 0 or actions.max() >= block.mdp.n_actions:
            raise ConfigError(f"{self.name}: actions must be 0 to {block.mdp.n_actions - 1}")
        off = np.abs(block.rewards[:, states, actions] - np.array(self.values))
        if self.sd is None:
            return _allowed((off <= self.tolerance).all(axis=1))
        return np.asarray(-0.5 * ((off / self.sd) ** 2).sum(axis=1))


@checked
@dataclass(frozen=True, kw_only=True, eq=False)
class SignAnchor:
    """One thing is worth more than another: sum (better - worse) * R > margin.

    Attributes:
        direction: (S, A), better - worse: visits, or 1 and -1 at two pairs; or (F,) of weights.
        margin: in units of reward.
    """

    direction: Floats
    margin: float = 0.0
    name: str = "sign anchor"

    @classmethod
    def between(
        cls, mdp: TabularMDP, better: tuple[int, int], worse: tuple[int, int], **more: float
    ) -> SignAnchor:
        """Doing one (state, action) pays more than doing the other."""
        direction = np.zeros((mdp.n_states, mdp.n_actions))
        direction[better] += 1
        direction[worse] -= 1
        return cls(direction=direction, name=f"{better} pays more than {worse}", **more)

    @classmethod
    def of_feature(cls, feature: int, n_features: int, *, sign: int = 1) -> SignAnchor:
        """The weight of one feature of F has this sign."""
        if not 0 <= feature < n_features or sign not in (-1, 1):
            raise ConfigError(
                f"SignAnchor: feature must be 0 to {n_features - 1} and sign 1 or -1; got "
                f"{feature!r} and {sign!r}"
            )
        word = "above" if sign > 0 else "below"
        return cls(direction=sign * np.eye(n_features)[feature], name=f"w{feature} {word} 0")

    def log_factor(self, block: Block) -> Floats:
        """(h,) in nats."""
        rows = block.rewards if self.direction.ndim == 2 else _weights(self.name, block)
        if rows.shape[1:] != self.direction.shape:
            raise ConfigError(
                f"{self.name}: the direction has shape {self.direction.shape}, the rewards "
                f"{rows.shape[1:]}"
            )
        worth = np.tensordot(rows, self.direction, axes=self.direction.ndim)
        largest = np.abs(rows).reshape(len(rows), -1).max(axis=1)
        rounding = ROUNDING * largest * np.abs(self.direction).sum()
        return _allowed(worth > self.margin + rounding)


@checked
@dataclass(frozen=True, kw_only=True)
class Sparse:
    """Few features matter: -sum_f |w_f| / scale, a Laplace prior on the weights."""

    scale: float = 1.0
    name: str = "sparse"

    def log_factor(self, block: Block) -> Floats:
        """(h,) in nats, up to a constant."""
        if not self.scale > 0:
            raise ConfigError(f"Sparse: scale must be above 0; got {self.scale!r}")
        return np.asarray(-np.abs(_weights(self.name, block)).sum(axis=1) / self.scale)


@checked
@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """What somebody did where the reward R[s, a] was known."""

    mdp: TabularMDP
    reward: Floats
    demos: Demonstrations


@checked
@dataclass(frozen=True, kw_only=True, eq=False)
class SamePlanner:
    """The planner was the same in tasks whose rewards are known:
    log factor = sum over tasks of log P(demos of the task | p(R of the task))."""

    tasks: tuple[Task, ...]
    name: str = "same planner"
    _judged: dict[int, tuple[object, float]] = field(default_factory=dict, init=False, repr=False)

    def log_factor(self, block: Block) -> Floats:
        """(h,) in nats, one number for the planner."""
        held = self._judged.get(id(block.planner))
        if held is None or held[0] is not block.planner:
            held = (block.planner, sum(self._log_likelihood(block.planner, t) for t in self.tasks))
            self._judged[id(block.planner)] = held
        return np.full(len(block.rewards), held[1])

    def _log_likelihood(self, planner: Plans, task: Task) -> float:
        counts = task.demos.check(task.mdp).counts(task.mdp)
        try:
            policies = planner.policies(task.mdp, np.asarray(task.reward)[None])
        except ValueError as error:
            raise ConfigError(
                f"{self.name}: {planner.name} cannot act in the world of the task ({error}). A "
                "fixed policy belongs to one world: leave it out, or give tasks in that world"
            ) from error
        return float(demonstrations_log_likelihood(policies, counts)[0])


@checked
@dataclass(frozen=True, kw_only=True, eq=False)
class SameReward:
    """Other people want the same; each has a planner of their own, summed over:
    log factor = sum over people i of log sum_p prior(p) P(demos of i | p(R)).

    Attributes:
        people: demonstrations of each, in this world.
        planners: what their planners may be.
        prior: (P,) weights of those; all alike by default.
    """

    people: tuple[Demonstrations, ...]
    planners: tuple[Plans, ...]
    prior: tuple[float, ...] | None = None
    name: str = "same reward"

    def __post_init__(self) -> None:
        prior = self.prior
        bad = prior is not None and (len(prior) != len(self.planners) or min(prior) < 0)
        if not self.people or not self.planners or bad:
            raise ConfigError(
                "SameReward: at least one person and one planner are needed, and a prior not "
                f"below 0 for each planner; got {len(self.people)}, {len(self.planners)} and "
                f"{prior!r}"
            )

    def log_factor(self, block: Block) -> Floats:
        """(h,) in nats, one number a reward; planned for once for all planners of the block."""
        if self not in block.kept:
            counts = [who.check(block.mdp).counts(block.mdp) for who in self.people]
            told = np.array([
                [demonstrations_log_likelihood(policies, n) for n in counts]
                for policies in plan_each(block.mdp, self.planners, block.rewards)
            ])  # fmt: skip
            prior = np.ones(len(self.planners)) if self.prior is None else np.array(self.prior)
            with np.errstate(divide="ignore"):
                weighed = told + np.log(prior / prior.sum())[:, None, None]
            block.kept[self] = np.asarray(logsumexp(weighed, axis=0).sum(axis=0))
        return block.kept[self]


# ---------------------------------------------------------------- what each one did


@dataclass(frozen=True, kw_only=True)
class AssumptionRow:
    """What one assumption changed; "before" is without it.

    Attributes:
        bits_gained: entropy before minus entropy after, in bits; it can be negative, when an
            assumption contradicts what looked decided.
        kl_bits: KL(after || before), in bits, never negative.
        mass_removed: posterior probability, before, of the pairs that it rules out.
        regret_before: the most that the policy deployed can lose, in units of return, should the
            truth be any pair with more than `threshold` of the likeliest pair's mass.
        regret_after: the same with the assumption, and the policy deployed then.
    """

    name: str
    bits_gained: float
    kl_bits: float
    mass_removed: float
    regret_before: float
    regret_after: float

    @property
    def regret_removed(self) -> float:
        """Worst-case regret before minus after."""
        return self.regret_before - self.regret_after


@checked
def assumption_report(
    posterior: Posterior, *, threshold: float = 0.01, policy: Floats | None = None,
    alone: bool = False,
) -> list[AssumptionRow]:  # fmt: skip
    """What each assumption of a posterior gains, in bits and in worst-case regret.

    Args:
        threshold: in [0, 1); pairs with at most this share of the likeliest pair's mass are left
            out of the worst case.
        policy: (S, A) to deploy; by default the optimal one for the mean reward, before and after.
        alone: False compares with all the other assumptions held, True with the data alone.
    """
    if not 0 <= threshold < 1:
        raise ConfigError(f"assumption_report: threshold must lie in [0, 1); got {threshold!r}")
    rows = []
    for name in posterior.factors:
        others = [other for other in posterior.factors if other != name]
        after = posterior.without(*others) if alone else posterior
        before = after.without(name)
        p, q = after.probability, before.probability
        some = p > 0
        rows.append(AssumptionRow(
            name=name, bits_gained=before.entropy_bits - after.entropy_bits,
            kl_bits=max(float((p[some] * np.log2(p[some] / q[some])).sum()), 0.0),
            mass_removed=float(q[np.isneginf(posterior.factors[name])].sum()),
            regret_before=worst_case_regret(before, threshold=threshold, policy=policy),
            regret_after=worst_case_regret(after, threshold=threshold, policy=policy),
        ))  # fmt: skip
    return rows


def worst_case_regret(
    posterior: Posterior, *, threshold: float = 0.01, policy: Floats | None = None
) -> float:
    """max_R Reg(pi; R) over rewards of the pairs that have more than `threshold` of the likeliest
    pair's mass; Reg(pi; R) = max_pi' V_R^pi' - V_R^pi at the start distribution, exactly.

    pi is `policy`, or the optimal one for the mean reward.
    """
    mdp, p = posterior.mdp, posterior.probability
    if policy is None:
        policy = optimal_policies(mdp, posterior.mean_reward())[0][0]
    chosen = np.flatnonzero((p > threshold * p.max()).any(axis=0))
    worst = 0.0
    for part in np.array_split(chosen, -(-len(chosen) // BLOCK)):
        weights = posterior.rewards.weights[part]
        R = np.tensordot(weights, posterior.rewards.features, axes=1)
        worst = max(worst, float(regret(mdp, policy, R).max()))
    return worst


def _allowed(kept: NDArray[np.bool_]) -> Floats:
    return np.where(kept, 0.0, -np.inf)


def _states(name: str, states: Sequence[int], mdp: TabularMDP) -> NDArray[np.int64]:
    where = np.asarray(states, dtype=np.int64)
    if not len(where) or where.min() < 0 or where.max() >= mdp.n_states:
        raise ConfigError(
            f"{name}: states must be some of 0 to {mdp.n_states - 1}; got {tuple(states)!r}"
        )
    return where


def _weights(name: str, block: Block) -> Floats:
    if block.weights is None:
        raise ConfigError(f"{name} needs the weights of the rewards' features; this block has none")
    return block.weights
