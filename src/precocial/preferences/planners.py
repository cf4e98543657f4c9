"""Planners: from a reward to a policy, p(R) = pi, in the families that people are thought to be.

A planner values actions by a `Backup` and picks by a `Rule`; the rest wraps another planner.
Armstrong and Mindermann (2017) let a planner be any function: `Constant`, `Negated` and `Override`
are theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from precocial import choice
from precocial.choice.arguments import checked, indices_of
from precocial.errors import ConfigError, one_of
from precocial.preferences.mdp import TabularMDP
from precocial.preferences.planning.values import Backup, solve

Floats = NDArray[np.float64]
RULES = ("greedy", "boltzmann", "epsilon", "satisfice", "nth", "stick")


class Plans(Protocol):
    """What inference needs of a planner; `testing.check_planner` checks one of your own."""

    @property
    def name(self) -> str: ...
    def policies(self, mdp: TabularMDP, rewards: Floats) -> Floats:
        """pi[h, s, a] for R[h, s, a], each (H, S, A)."""
        ...


@checked
@dataclass(frozen=True, kw_only=True)
class Rule:
    """How an action is picked from Q: a function of `choice` and its parameter."""

    kind: Literal["greedy", "boltzmann", "epsilon", "satisfice", "nth", "stick"] = "greedy"
    parameter: float = 0.0
    """beta, epsilon, aspiration, n or margin"""
    default: int = 0
    """stick: the action that is kept"""

    def __post_init__(self) -> None:
        one_of("Rule: kind", self.kind, RULES)

    def __call__(self, Q: Floats) -> Floats:
        """(..., A) probabilities."""
        match self.kind:
            case "boltzmann":
                return choice.boltzmann(Q, self.parameter)
            case "epsilon":
                return choice.epsilon_greedy(Q, self.parameter)
            case "satisfice":
                return choice.satisfice(Q, self.parameter)
            case "nth":
                return choice.nth_best(Q, int(self.parameter))
            case "stick":
                return choice.stick(Q, self.default, self.parameter)
            case _:
                return choice.greedy(Q)


@checked
@dataclass(frozen=True, kw_only=True)
class Planner:
    """Values by `backup`, choice by `rule`."""

    name: str
    backup: Backup = field(default_factory=Backup)
    rule: Rule = field(default_factory=Rule)

    def policies(self, mdp: TabularMDP, rewards: Floats) -> Floats:
        """pi[h, s, a]."""
        return self.rule(solve(mdp, rewards, self.backup).Q)


@checked
@dataclass(frozen=True, kw_only=True, eq=False)
class Constant:
    """The indifferent planner p_pi: one policy (S, A) whatever the reward."""

    policy: Floats
    name: str = "constant"

    def policies(self, mdp: TabularMDP, rewards: Floats) -> Floats:
        """The policy, H times.

        Raises:
            ConfigError: a policy that is not (S, A) of this world.
        """
        wanted, got = (mdp.n_states, mdp.n_actions), np.shape(self.policy)
        if got != wanted:
            raise ConfigError(
                f"Constant: the policy must be pi[s, a] of shape {wanted} in this world; got {got}"
            )
        return np.broadcast_to(self.policy, rewards.shape).copy()


@checked
@dataclass(frozen=True, kw_only=True)
class Negated:
    """(-p)(R) = p(-R), Def. 5."""

    planner: Plans

    @property
    def name(self) -> str:
        return f"-({self.planner.name})"

    def policies(self, mdp: TabularMDP, rewards: Floats) -> Floats:
        """The policies of the planner for the opposite rewards."""
        return self.planner.policies(mdp, -rewards)


@checked
@dataclass(frozen=True, kw_only=True, eq=False)
class Override:
    """A planner with quirks: in some states one action is taken whatever the reward."""

    planner: Plans
    states: tuple[int, ...]
    actions: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.states) != len(self.actions) or len(set(self.states)) != len(self.states):
            raise ConfigError("Override: one action for each of several different states")

    @property
    def name(self) -> str:
        return f"{self.planner.name} with {len(self.states)} quirk(s)"

    def policies(self, mdp: TabularMDP, rewards: Floats) -> Floats:
        """The planner's policies, their rows in the quirky states replaced.

        Raises:
            ConfigError: a state or action that this world lacks.
        """
        for what, given, count in (
            ("states", self.states, mdp.n_states), ("actions", self.actions, mdp.n_actions),
        ):  # fmt: skip
            wrong = [int(number) for number in given if not 0 <= number < count]
            if wrong:
                raise ConfigError(
                    f"Override: {what} must lie in 0 to {count - 1} in this world; got {wrong}"
                )
        pi = self.planner.policies(mdp, rewards).copy()
        pi[:, list(self.states)] = np.eye(mdp.n_actions)[list(self.actions)]
        return pi


# ---------------------------------------------------------------- families


@checked
def optimal() -> Planner:
    """argmax of Q*; ties share."""
    return Planner(name="optimal")


@checked
def greedy() -> Planner:
    """p_g: argmax of the reward itself, no look ahead (Lemma 6)."""
    return Planner(name="greedy", backup=Backup(steps=1))


@checked
def anti_rational() -> Negated:
    """argmin of what can be had: the optimal planner, negated."""
    return Negated(planner=optimal())


@checked
def boltzmann(beta: float) -> Planner:
    """exp(beta Q*): plans without noise, acts with it."""
    return Planner(name=f"boltzmann {beta:g}", rule=Rule(kind="boltzmann", parameter=beta))


@checked
def soft_optimal(beta: float) -> Planner:
    """The maximum-entropy (MCE) planner: log-sum-exp backups and exp(beta Q)."""
    return Planner(
        name=f"soft-optimal {beta:g}", backup=Backup(kind="soft", beta=beta),
        rule=Rule(kind="boltzmann", parameter=beta),
    )  # fmt: skip


@checked
def self_aware(beta: float) -> Planner:
    """Evans et al.'s softmax agent: acts by exp(beta Q), and Q foresees that it will."""
    return Planner(
        name=f"softmax {beta:g}", backup=Backup(kind="softmax", beta=beta),
        rule=Rule(kind="boltzmann", parameter=beta),
    )  # fmt: skip


@checked
def epsilon_greedy(epsilon: float) -> Planner:
    """The best action, but any with probability epsilon."""
    return Planner(name=f"epsilon {epsilon:g}", rule=Rule(kind="epsilon", parameter=epsilon))


@checked
def myopic(steps: int, *, rule: Rule | None = None) -> Planner:
    """No reward beyond `steps` actions."""
    return Planner(name=f"myopic {steps}", backup=Backup(steps=steps), rule=rule or Rule())


@checked
def look_ahead(depth: int, *, rule: Rule | None = None) -> Planner:
    """Searches `depth` actions deep and values what lies beyond by the uniform policy."""
    backup = Backup(steps=depth, leaf="uniform")
    return Planner(name=f"look-ahead {depth}", backup=backup, rule=rule or Rule())


@checked
def hyperbolic(
    k: float, *, sophisticated: bool, delays: int = 10, rule: Rule | None = None
) -> Planner:
    """Rewards d steps off count 1/(1 + k d). A naive one believes it will stay with its plan; a
    sophisticated one foresees its choices, by induction over 50 steps (Shah et al.'s number)."""
    steps = 50 if sophisticated else None
    backup = Backup(hyperbolic=k, sophisticated=sophisticated, delays=delays, steps=steps)
    kind = "sophisticated" if sophisticated else "naive"
    return Planner(name=f"{kind} {k:g}", backup=backup, rule=rule or Rule())


@checked
def optimist(weight: float, *, rule: Rule | None = None) -> Planner:
    """Counts the best successor with this weight; a negative weight is a pessimist."""
    kind = "optimist" if weight >= 0 else "pessimist"
    backup = Backup(optimism=weight)
    return Planner(name=f"{kind} {abs(weight):g}", backup=backup, rule=rule or Rule())


@checked
def miscalibrated(confidence: float, *, rule: Rule | None = None) -> Planner:
    """Takes the likeliest successor to be `confidence` times as likely as it is."""
    kind = "overconfident" if confidence >= 1 else "underconfident"
    backup = Backup(confidence=confidence)
    return Planner(name=f"{kind} {confidence:g}", backup=backup, rule=rule or Rule())


@checked
def satisficing(aspiration: float) -> Planner:
    """Any action that reaches this share of the way from the worst to the best."""
    return Planner(
        name=f"satisficing {aspiration:g}", rule=Rule(kind="satisfice", parameter=aspiration)
    )


@checked
def status_quo(margin: float, *, default: int = 0) -> Planner:
    """Keeps the default action unless another is better by this share of the range."""
    rule = Rule(kind="stick", parameter=margin, default=default)
    return Planner(name=f"status quo {margin:g}", rule=rule)


@checked
def nth_best(n: int) -> Planner:
    """Does the n-th best thing in every state."""
    return Planner(name=f"{n}-th best", rule=Rule(kind="nth", parameter=n))


@checked
def defaults(betas: Sequence[float] = (0.1, 1.0, 10.0)) -> tuple[Plans, ...]:
    """One of each family and its negation, with Boltzmann noise so that no choice is impossible.

    A planner that never errs gives a single slip the probability 0; the noise (the largest of
    `betas`) is ours. The negations keep the sign of the reward as open as behaviour leaves it
    (Prop. 8): to leave them out is a normative assumption.
    """
    if len(betas) == 0:
        raise ConfigError("defaults: give one beta at least")
    noisy = Rule(kind="boltzmann", parameter=max(betas))
    families: tuple[Plans, ...] = (
        *(boltzmann(beta) for beta in betas),
        epsilon_greedy(0.1),
        myopic(3, rule=noisy),
        look_ahead(2, rule=noisy),
        hyperbolic(1.0, sophisticated=False, rule=noisy),
        hyperbolic(1.0, sophisticated=True, rule=noisy),
        optimist(0.5, rule=noisy),
        optimist(-0.5, rule=noisy),
        miscalibrated(5.0, rule=noisy),
        miscalibrated(0.5, rule=noisy),
    )
    return families + tuple(Negated(planner=planner) for planner in families)


@checked
def constructed_values(mdp: TabularMDP, actions: ArrayLike, n: int) -> Floats:
    """A reward R[s, a] under which doing `actions` (S,) is exactly the n-th best in every state.

    Any Q is the value of some reward: R = Q - gamma E max_b Q(s', b). Q here gives the action done
    the n-th place, the others theirs by number; the reward is scaled into [-1, 1].

    Raises:
        ConfigError: n outside 1 to A, or actions that the world lacks.
    """
    S, A = mdp.n_states, mdp.n_actions
    done = indices_of("constructed_values: actions", actions, A)
    if not 1 <= n <= A or done.shape != (S,):
        raise ConfigError(
            f"constructed_values: n must lie in 1 to {A} and there must be {S} actions, 0 to "
            f"{A - 1}; got n={n!r} and {actions!r}"
        )
    others = np.array([[a for a in range(A) if a != b] for b in done], dtype=np.int64)
    order = np.insert(others, n - 1, done, axis=1)  # actions from best to worst
    Q = np.empty((S, A))
    np.put_along_axis(Q, order, np.linspace(1, 0, A)[None] if A > 1 else np.ones((S, 1)), axis=1)
    R = Q - mdp.discount * mdp.expected(Q.max(axis=1))
    return np.asarray(np.where(mdp.terminal[:, None], 0.0, R / np.abs(R).max()))
