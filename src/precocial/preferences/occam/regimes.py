"""Where Occam's razor finds the true pair and where it does not: two regimes and their crossing.

An agent plans optimally for one goal, but in some states does one thing whatever the reward: its
quirks. Its policy is known in full, so the likelihood is 1 for each pair that is compatible and 0
for others, and the posterior is proportional to 2^-K, K the least bits of a pair among the
programs listed below. With few quirks the true pair is short and each degenerate pair, which
describes the policy by evaluating it, pays up to c bits more: Occam favours the truth by up to
2^c. Every quirk lengthens the true pair; a degenerate pair can spell the policy out instead, at
the same length for any number of quirks. Conjecture 9 of Armstrong and Mindermann (2017), never
proved, is that reasonable human pairs are on the far side. Which side a world is on comes out of
the lengths; nothing here is fitted.

Programs tried for a policy pi:
    completed   (override(where p(R) and pi differ, p), R) for each short planner p and each goal,
                its opposite, and zero; the true pair and its opposite are among them
    degenerate  the three pairs of Lemma 6, of the shortest of: always, table, eval of a completed
    absorbed    (optimal, R_pi), and (optimal, goal and a bonus on the quirks) where that fits
    other       (p_pi, R) for each goal and its opposite; (-optimal, -R_pi); other completed pairs
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from precocial.choice.arguments import checked
from precocial.errors import ConfigError, one_of
from precocial.preferences.mdp import TabularMDP
from precocial.preferences.occam.language import (
    V1,
    Language,
    Term,
    evaluated,
    greedy_pair,
    indifferent,
    negated,
    opposite,
    pair,
    parts,
)
from precocial.preferences.occam.literals import Sizes
from precocial.preferences.occam.terms import (
    Interpreter,
    planner_of,
    policy_term,
    sizes_of,
)
from precocial.preferences.planners import Planner, optimal
from precocial.preferences.planning.values import solve
from precocial.runs.streams import stream

Floats = NDArray[np.float64]
SHAPES = ("scattered", "one action", "block")
GROUPS = (
    "true", "opposite", "indifferent", "greedy", "anti-greedy", "absorbed", "other",
)  # fmt: skip
"""(p, R), (-p, -R), (p_pi, 0), (p_g, R_pi), (-p_g, -R_pi), quirks absorbed in R, and the rest."""
DEGENERATE = ("indifferent", "greedy", "anti-greedy")
PLANNER_BITS = 10
"""Planners up to this length are completed (ours: all with at most one small parameter)."""
BONUSES = (1.0, 2.0, 5.0, 0.5, 0.2, 0.1)
"""Bonuses that are tried to absorb quirks in the reward, in this order (ours)."""
OPTIMAL = Term("planner", "plan", (Term("backup", "plain"), Term("rule", "best")))


@dataclass(frozen=True, kw_only=True)
class RegimeRow:
    """One point of the figure: means over worlds.

    Attributes:
        language: its name.
        shape: "scattered": any states, any wrong actions; "one action": any states, one action;
            "block": adjacent numbers of states, one action.
        quirks: how many states.
        worlds: how many worlds were averaged.
        mass: posterior probability of each of `GROUPS`.
        bits: K of each named group's pair, in bits; inf where none fits.
        true_found: share of worlds whose likeliest pair is the true one; pairs that tie share.
        crossed: share of worlds in which a degenerate pair is at least as likely as the true one.
        map_regret: regret, under the true reward, of acting optimally for the likeliest pair's
            reward, as a share of best minus worst return; the mean over pairs that tie.
        mean_regret: the same for the posterior mean reward.
        agent_regret: the same for the agent's own policy.
    """

    language: str
    shape: str
    quirks: int
    worlds: int
    mass: dict[str, float]
    bits: dict[str, float]
    true_found: float
    crossed: float
    map_regret: float
    mean_regret: float
    agent_regret: float


def slippery_grid(side: int = 4, *, seed: int = 0, discount: float = 0.9) -> TabularMDP:
    """A side x side grid with four moves; a move fails with a chance of its own in each state
    (uniform in 0.05 to 0.3) and then goes any way, so that no two policies tie."""
    rng = stream(seed, "preferences", "slippery grid", side)
    S = side * side
    row, column = np.divmod(np.arange(S), side)
    moves = ((-1, 0), (0, 1), (1, 0), (0, -1))
    to = np.array([
        np.clip(row + down, 0, side - 1) * side + np.clip(column + right, 0, side - 1)
        for down, right in moves
    ])  # fmt: skip
    P = np.zeros((S, 4, S))
    for s in range(S):
        for a in range(4):
            slip = rng.uniform(0.05, 0.3)
            np.add.at(P[s, a], to[:, s], slip * rng.dirichlet(np.ones(4)))
            P[s, a, to[a, s]] += 1 - slip
    return TabularMDP.from_arrays(P, discount=discount)


@checked
def regimes(
    language: Language = V1,
    *,
    shapes: Sequence[str] = SHAPES,
    quirks: Sequence[int] = (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15),
    side: int = 4,
    worlds: int = 3,
    seed: int = 0,
) -> tuple[RegimeRow, ...]:
    """The posterior and its regrets against the number of quirks, one row a shape and number.

    Raises:
        ConfigError: an unknown shape, more quirks than states, or no world.
    """
    for shape in shapes:
        one_of("regimes: shape", shape, SHAPES)
    if worlds < 1 or not quirks or min(quirks) < 0 or max(quirks) >= side * side:
        raise ConfigError(
            f"regimes: 1 world or more, and quirks from 0 to {side * side - 1}, fewer than states; "
            f"got {worlds} and {tuple(quirks)}"
        )
    made = [_Grid(language, side, seed, world) for world in range(worlds)]
    return tuple(
        _row(language, shape, count, [one.posterior(shape, count) for one in made])
        for shape in shapes
        for count in quirks
    )


@checked
def crossing(rows: Sequence[RegimeRow], *, shape: str) -> int | None:
    """The least number of quirks from which on, in most worlds, a degenerate pair is at least as
    likely as the true pair; None if the rows of this shape end before that."""
    found = sorted((row for row in rows if row.shape == shape), key=lambda row: -row.quirks)
    least = None
    for row in found:
        if row.crossed <= 0.5:
            break
        least = row.quirks
    return least


@dataclass(frozen=True, kw_only=True)
class _Posterior:
    mass: dict[str, float]
    bits: dict[str, float]
    found: float
    regrets: tuple[float, float, float]


def _row(language: Language, shape: str, quirks: int, found: Sequence[_Posterior]) -> RegimeRow:
    regret = np.array([one.regrets for one in found]).mean(axis=0)
    crossed = [min(one.bits[name] for name in DEGENERATE) <= one.bits["true"] for one in found]
    return RegimeRow(
        language=language.name, shape=shape, quirks=quirks, worlds=len(found),
        mass={name: float(np.mean([one.mass[name] for one in found])) for name in GROUPS},
        bits={name: float(np.mean([one.bits[name] for one in found])) for name in GROUPS},
        true_found=float(np.mean([one.found for one in found])),
        crossed=float(np.mean(crossed)),
        map_regret=float(regret[0]), mean_regret=float(regret[1]), agent_regret=float(regret[2]),
    )  # fmt: skip


class _Grid:
    """One world, its true goal, and what every short planner does for every goal."""

    def __init__(self, language: Language, side: int, seed: int, world: int) -> None:
        rng = stream(seed, "preferences", "regimes", side, world)
        self.language = language
        self.mdp = slippery_grid(side, seed=int(rng.integers(2**31)))
        self.sizes: Sizes = sizes_of(self.mdp)
        self.goal = Term("reward", "goal", (int(rng.integers(self.mdp.n_states)),))
        run = Interpreter(self.mdp)
        goals = [Term("reward", "goal", (s,)) for s in range(self.mdp.n_states)]
        self.rewards = [Term("reward", "zero"), *goals, *map(negated, goals)]
        self.tables = np.array([run.reward(term) for term in self.rewards])
        self.R = run.reward(self.goal)
        self.planners, self.policies = self._short_planners()
        self.best = optimal().policies(self.mdp, self.R[None])[0]
        self.ends = (self._value(self.best), -self._value(
            optimal().policies(self.mdp, -self.R[None])[0], -1.0))  # fmt: skip
        # Nested: the first k quirks are among the first k + 1.
        S, A = self.mdp.n_states, self.mdp.n_actions
        self.order = rng.permutation(S)
        self.first = int(rng.integers(S))
        self.habit = int(rng.integers(A))
        self.wrong = (self.best.argmax(axis=1) + rng.integers(1, A, size=S)) % A

    def _value(self, policy: Floats, sign: float = 1.0) -> float:
        return float(self.mdp.policy_return(policy[None], sign * self.R[None])[0])

    def _short_planners(self) -> tuple[list[Term], Floats]:
        """Planners that tell goals apart, closed under negation; of those that act alike on
        every reward here, the shortest."""
        found: dict[bytes, tuple[Term, Floats]] = {}
        programs = self.language.programs("planner", self.sizes, max_bits=PLANNER_BITS)
        goals = self.mdp.n_states
        # Zero, the goals, then their opposites: where -R stands for each R.
        place = np.r_[0, 1 + goals : 1 + 2 * goals, 1 : 1 + goals]
        values: dict[object, Floats] = {}
        # The optimal planner is tried first: a language may make it longer than its likes.
        for term in (OPTIMAL, *(one for one, _ in programs if one.op in ("plan", "greedy"))):
            try:
                planner = planner_of(term, self.mdp)
                assert isinstance(planner, Planner)
                if planner.backup not in values:
                    values[planner.backup] = solve(self.mdp, self.tables, planner.backup).Q
                policies = planner.rule(values[planner.backup])
            except ConfigError:
                continue
            for one, made in ((term, policies), (negated(term), policies[place])):
                found.setdefault(made.round(9).tobytes(), (one, made))
        return [term for term, _ in found.values()], np.array([pi for _, pi in found.values()])

    def quirks(self, shape: str, count: int) -> dict[int, int]:
        """The first `count` states that differ from the plan, and what is done there."""
        S, A = self.mdp.n_states, self.mdp.n_actions
        planned = self.best.argmax(axis=1)
        if shape == "scattered":
            return {int(s): int(self.wrong[s]) for s in self.order[:count]}
        states = self.order if shape == "one action" else (self.first + np.arange(S)) % S
        # Where the habit is what is planned anyway, the next action is done, so that k is k.
        return {
            int(s): self.habit if planned[s] != self.habit else (self.habit + 1) % A
            for s in states[:count]
        }

    def posterior(self, shape: str, count: int) -> _Posterior:
        """2^-K over the compatible pairs."""
        quirks = self.quirks(shape, count)
        pi = self.best.copy()
        for state, action in quirks.items():
            pi[state] = np.eye(self.mdp.n_actions)[action]
        pairs = self._pairs(pi, tuple(sorted(quirks.items())))
        K = np.array([bits for _, _, bits in pairs], dtype=np.float64)
        p = 2.0 ** (K.min() - K)
        p /= p.sum()
        run = Interpreter(self.mdp)
        tables = np.array([run.reward(parts(term)[1]) for _, term, _ in pairs])
        named = [name for name, _, _ in pairs]
        likeliest = np.flatnonzero(K.min() >= K)
        deployed = optimal().policies(self.mdp, tables[likeliest])
        mean = optimal().policies(self.mdp, np.tensordot(p, tables, 1)[None])[0]
        return _Posterior(
            mass={name: float(p[[one == name for one in named]].sum()) for name in GROUPS},
            bits={
                name: float(min((k for k, one in zip(K, named, strict=True) if one == name),
                                default=np.inf))
                for name in GROUPS
            },
            found=float(np.mean([named[place] == "true" for place in likeliest])),
            regrets=(
                float(np.mean([self._regret(policy) for policy in deployed])),
                self._regret(mean),
                self._regret(pi),
            ),
        )  # fmt: skip

    def _regret(self, policy: Floats) -> float:
        most, least = self.ends
        return (most - self._value(policy)) / (most - least)

    def _pairs(
        self, pi: Floats, quirks: tuple[tuple[int, int], ...]
    ) -> list[tuple[str, Term, int]]:
        """(group, program, bits) of every compatible pair, the true one first."""
        planner = Term("planner", "override", (quirks, OPTIMAL)) if quirks else OPTIMAL
        true = pair(planner, self.goal)
        completed = self._completed(pi)
        against = (negated(OPTIMAL), negated(self.goal))
        found = [("true", completed.pop((OPTIMAL, self.goal)))]
        if found[0][1] != true:
            raise ConfigError(f"regimes: the optimal planner's policy ties in this world: {true}")
        found.append(("opposite", completed.pop(against)))
        found += [("other", term) for term in completed.values()]
        whole = [(name, term, self.language.bits(term, self.sizes)) for name, term in found]
        shortest = evaluated(min(whole, key=lambda one: one[2])[1])
        spelled = Term("policy", "table", (tuple(int(a) for a in pi.argmax(axis=1)),))
        ways = [policy_term(pi), spelled, shortest]
        policy = min(ways, key=lambda term: self.language.bits(term, self.sizes))
        absorbed = pair(OPTIMAL, Term("reward", "ind", (policy,)))
        constant = Term("planner", "const", (policy,))
        rest = [
            ("indifferent", indifferent(policy)),
            ("greedy", greedy_pair(policy)),
            ("anti-greedy", opposite(greedy_pair(policy))),
            ("absorbed", absorbed),
            ("other", opposite(absorbed)),
            *(("other", pair(constant, reward)) for reward in self.rewards if reward.op != "zero"),
        ]
        if quirks:
            rest += [("absorbed", term) for term in self._with_bonus(pi, quirks)]
        return whole + [(name, term, self.language.bits(term, self.sizes)) for name, term in rest]

    def _completed(self, pi: Floats) -> dict[tuple[Term, Term], Term]:
        """Each short planner and reward, overridden where they differ from pi."""
        done = pi.argmax(axis=1)
        differ = np.asarray((self.policies != pi).any(axis=3))
        found = {}
        for planner, rows in zip(self.planners, differ, strict=True):
            for reward, apart in zip(self.rewards, rows, strict=True):
                where = tuple((int(s), int(done[s])) for s in np.flatnonzero(apart))
                # All quirks is a constant planner whatever the rest: that is (p_pi, R).
                if len(where) < len(apart):
                    own = Term("planner", "override", (where, planner)) if where else planner
                    found[planner, reward] = pair(own, reward)
        return found

    def _with_bonus(self, pi: Floats, quirks: tuple[tuple[int, int], ...]) -> list[Term]:
        """(optimal, goal + bonus on what the quirks do), the first bonus that fits."""
        words = [Term("reward", "bonus", (value, quirks, self.goal)) for value in BONUSES]
        run = Interpreter(self.mdp)
        made = optimal().policies(self.mdp, np.array([run.reward(term) for term in words]))
        found = [
            pair(OPTIMAL, term) for term, one in zip(words, made, strict=True) if (one == pi).all()
        ]
        return found[:1]
