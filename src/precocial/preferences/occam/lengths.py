"""Propositions 7 and 8 in a concrete language: every program up to a number of bits, every policy.

K of a pair is the least bits of a program that means it. What means a pair with at most
`max_bits` bits is all enumerated, so the least bits found are exact wherever they are at most
`max_bits`: for the simplest pair compatible with a policy (compatible is decided by running it).
For a degenerate pair the least bits are bracketed: above by its own programs (const(t) and zero,
and so on, t any program of the policy), below by every program that behaves like it on all the
rewards that the enumeration holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from precocial.choice.arguments import checked
from precocial.errors import ConfigError
from precocial.preferences.mdp import TabularMDP
from precocial.preferences.occam.description_length import compressed_bits
from precocial.preferences.occam.language import (
    FUNCTIONS,
    V1,
    Language,
    Term,
    applied,
    greedy_pair,
    indifferent,
    opposite,
    pair,
)
from precocial.preferences.occam.terms import (
    GREEDY,
    Interpreter,
    backup_of,
    rule_of,
    sizes_of,
)
from precocial.preferences.occam.theorems import MAX_POLICIES
from precocial.preferences.planning.values import Backup, solve

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
MAX_BITS = 14
"""Enough for const(table) and zero in both languages on worlds of 3 states and 2 actions."""
DEGENERATE = ("(p_pi, 0)", "(p_g, R_pi)", "(-p_g, -R_pi)")
TABLES_ADDED = {"F1": 2, "F2": 2, "F3": 4, "F4": 2}
"""(S, A) tables that a program made by F1 to F4 writes on top of the pair's: `Interpreter`."""
FEWEST_TABLES = 2
"""Every pair writes its reward and its policy, so takes at least 2 S A steps."""


def speed_c(language: Language) -> float:
    """c of bits + log2(steps): F_i adds its overhead and at most log2(1 + tables added / 2)."""
    return max(
        bits + float(np.log2(1 + TABLES_ADDED[F] / FEWEST_TABLES))
        for F, bits in language.overheads.items()
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class PropositionSeven:
    """What enumerating a language in one world found; bits throughout, plus log2 steps if `speed`.

    Attributes:
        language: its name.
        speed: whether log2 of the steps counts.
        max_bits: every program up to here was tried.
        programs: how many, by type, for pairs those tried together.
        overheads: what F1 to F4 may add, from the costs of the operations.
        c: the declared constant, their largest (and the steps' share).
        measured: the most bits that F1 to F4 added to any enumerated pair.
        actions: (n, S) every deterministic policy.
        simplest: (n,) least bits of a compatible pair.
        simplest_pair: (n,) its text.
        degenerate: (n, 3) bits of (p_pi, 0), (p_g, R_pi), (-p_g, -R_pi).
        degenerate_low: (n, 3) the least bits of any pair of programs that acts alike on every
            reward enumerated; equal to `degenerate` where those bits are exact.
        sign_gap: the largest |K(p, R) - K(-p, -R)| in bits over the pairs (p, R), as functions on
            the enumerated rewards, whose planner and reward, and those of the opposite pair, have
            programs of at most max_bits each.
        sign_pairs: how many such pairs.
    """

    language: str
    speed: bool
    max_bits: int
    programs: Mapping[str, int]
    overheads: Mapping[str, int]
    c: float
    measured: Mapping[str, int]
    actions: Ints
    simplest: Floats
    simplest_pair: tuple[str, ...]
    degenerate: Floats
    degenerate_low: Floats
    sign_gap: float
    sign_pairs: int

    @cached_property
    def gap(self) -> Floats:
        """(n, 3) K(degenerate) - K(simplest)."""
        return np.asarray(self.degenerate - self.simplest[:, None])

    @property
    def failures(self) -> int:
        """Degenerate pairs that are more than c above the simplest."""
        return int((self.gap > self.c + 1e-9).sum())

    @property
    def holds(self) -> bool:
        """Proposition 7 for every policy, Proposition 8, and F-complexity at most c."""
        F = all(self.measured[name] <= self.overheads[name] for name in FUNCTIONS)
        return self.failures == 0 and self.sign_gap <= self.c + 1e-9 and F

    @property
    def exact(self) -> bool:
        """Whether the two bounds of every degenerate pair meet. Under `speed` only the upper one
        is known."""
        return not self.speed and bool(np.allclose(self.degenerate, self.degenerate_low))


@checked
def proposition_7(
    mdp: TabularMDP, language: Language = V1, *, max_bits: int = MAX_BITS, speed: bool = False
) -> PropositionSeven:
    """Propositions 7 and 8 and the F-complexity, by enumeration.

    Raises:
        ConfigError: some policy has no program within `max_bits`, or there are too many policies.
    """
    if mdp.n_actions**mdp.n_states > MAX_POLICIES:
        raise ConfigError(f"proposition_7: at most {MAX_POLICIES} policies can be enumerated")
    made = _Fragment(mdp, language, max_bits)
    simplest, text = made.simplest(speed)
    policies = made.policy_costs(speed)
    if not (np.isfinite(simplest).all() and np.isfinite(policies).all()):
        raise ConfigError(
            f"proposition_7: no program of at most {max_bits} bits has policy "
            f"{made.actions[int(np.isinf(policies.min(axis=1)).argmax())].tolist()}; raise max_bits"
        )
    fewest = float(np.log2(FEWEST_TABLES * mdp.n_states * mdp.n_actions)) if speed else 0.0
    if (simplest > max_bits + fewest).any():
        raise ConfigError(
            f"proposition_7: a longer program may be faster than one of {simplest.max():.1f} bits "
            "and log steps; raise max_bits"
        )
    gap, pairs = made.sign_gap()
    return PropositionSeven(
        language=language.name, speed=speed, max_bits=max_bits, programs=made.counts(),
        overheads=language.overheads, c=speed_c(language) if speed else language.c,
        measured=made.measured(), actions=made.actions, simplest=simplest, simplest_pair=text,
        degenerate=policies, degenerate_low=policies if speed else made.least_alike(),
        sign_gap=gap, sign_pairs=pairs,
    )  # fmt: skip


def compressed_gaps(
    mdp: TabularMDP,
    language: Language = V1,
    *,
    compressor: str = "zlib",
    max_bits: int = MAX_BITS,
) -> Floats:
    """(n, 3) bits of the degenerate pairs above the simplest, by compressed canonical texts.

    The programs are those of `proposition_7`; their length is that of `compressed_bits`. A third
    opinion: nothing bounds it, and whole bytes make it coarse.

    Raises:
        ConfigError: an unknown compressor, or a policy without a program within `max_bits`.
    """
    made = _Fragment(mdp, language, max_bits)
    simplest = np.full(len(made.actions), np.inf)
    code = made.codes[:, made.reward_place]
    bits = np.add.outer(made.planner_bits, made.reward_bits)
    for p, R in np.argwhere((bits <= made.room) & (code >= 0)):
        text = str(pair(made.planners[p], made.rewards[R]))
        simplest[code[p, R]] = min(simplest[code[p, R]], compressed_bits(text, compressor))
    found = np.full((len(made.actions), 3), np.inf)
    for term, _, pi, _ in made.policies:
        place = made.codes_of(pi[None])[0]
        if place >= 0:
            own = (indifferent(term), greedy_pair(term), opposite(greedy_pair(term)))
            costs = [compressed_bits(str(one), compressor) for one in own]
            found[place] = np.minimum(found[place], costs)
    if not (np.isfinite(simplest).all() and np.isfinite(found).all()):
        raise ConfigError(f"compressed_gaps: not every policy has {max_bits} bits; raise max_bits")
    return np.asarray(found - simplest[:, None])


class _Remembering(Interpreter):
    """An interpreter that runs no program twice; steps are those of the run."""

    def __init__(self, mdp: TabularMDP) -> None:
        super().__init__(mdp)
        self.known: dict[object, tuple[Floats, int]] = {}

    def once(self, key: object, run: Any, *args: Any) -> Floats:
        if key not in self.known:
            before = self.steps
            found = np.asarray(run(*args))
            self.known[key] = found, self.steps - before
            return found
        found, taken = self.known[key]
        self.steps += taken
        return found

    def reward(self, term: Term) -> Floats:
        return self.once(term, super().reward, term)

    def policy(self, term: Term) -> Floats:
        return self.once(term, super().policy, term)

    def plan(self, term: Term, reward: Floats) -> Floats:
        # -0.0 and 0.0 are one reward.
        return self.once((term, (reward + 0.0).tobytes()), super().plan, term, reward)


def _attempt(run: Interpreter, program: Any, term: Term) -> tuple[Floats | None, int]:
    """What a program means and its steps; None for one that means nothing here."""
    before = run.steps
    try:
        found = program(term)
    except ConfigError:
        return None, 0
    return found, run.steps - before


class _Fragment:
    """All programs up to a number of bits, run."""

    def __init__(self, mdp: TabularMDP, language: Language, max_bits: int) -> None:
        self.mdp, self.language, self.max_bits = mdp, language, max_bits
        self.sizes = sizes_of(mdp)
        run = _Remembering(mdp)
        S, A = mdp.n_states, mdp.n_actions
        self.actions = np.array(np.unravel_index(np.arange(A**S), (A,) * S)).T.reshape(-1, S)
        zero = np.zeros((S, A))
        tables, self.rewards, self.reward_bits, self.reward_steps = [zero], [], [], []
        for term, bits in language.programs("reward", self.sizes, max_bits=max_bits):
            table, steps = _attempt(run, run.reward, term)
            if table is not None:
                tables.append(table)
                self.rewards.append(term)
                self.reward_bits.append(bits)
                self.reward_steps.append(steps)
        # Closed under R -> -R, so that a negated planner's behaviour is a look-up.
        every = np.concatenate([np.array(tables), -np.array(tables)]) + 0.0
        self.tables, place = np.unique(
            every.reshape(len(every), -1).round(12), axis=0, return_inverse=True
        )
        place = place.reshape(2, -1)
        self.reward_place = place[0, 1:]
        self.opposites = np.empty(len(self.tables), dtype=np.int64)
        self.opposites[place] = place[::-1]
        self.tables = (self.tables + 0.0).reshape(-1, S, A)
        self.policies = [
            (term, bits, pi, steps)
            for term, bits in language.programs("policy", self.sizes, max_bits=max_bits)
            for pi, steps in [_attempt(run, run.policy, term)]
            if pi is not None
        ]
        self._policy = {term: (pi, steps) for term, _, pi, steps in self.policies}
        self._run_planners()

    # ------------------------------------------------------------ running

    def _run_planners(self) -> None:
        """Every planner on every reward: who does what (-1: draws), in how many steps."""
        self._values: dict[Backup, tuple[Floats, Floats]] = {}
        self._done: dict[Term, tuple[Floats, Floats]] = {}
        self.planners, self.planner_bits, codes, steps, alike = [], [], [], [], []
        for term, bits in self.language.programs("planner", self.sizes, max_bits=self.max_bits):
            try:
                pi, taken = self._behaviour(term)
            except ConfigError:
                continue
            self.planners.append(term)
            self.planner_bits.append(bits)
            codes.append(self.codes_of(pi))
            steps.append(taken)
            alike.append(pi.round(9).tobytes())
        self.codes, self.steps, self.alike = np.array(codes), np.array(steps), alike

    def _behaviour(self, term: Term) -> tuple[Floats, Floats]:
        """(H, S, A) policies and (H,) steps of a planner on every reward."""
        if term in self._done:
            return self._done[term]
        args: Any = term.args
        table = float(self.tables[0].size)
        if term.op == "plan":
            backup, rule = backup_of(args[0]), rule_of(args[1])
            if backup not in self._values:
                values = solve(self.mdp, self.tables, backup)
                each = table * (backup.delays + 1)
                self._values[backup] = values.Q, values.sweeps.astype(np.float64) * each
            Q, steps = self._values[backup]
            found = rule(Q), steps
        elif term.op == "greedy":
            found = GREEDY.policies(self.mdp, self.tables), np.full(len(self.tables), table)
        elif term.op == "neg":
            pi, steps = self._behaviour(args[0])
            found = pi[self.opposites], table + steps[self.opposites]
        elif term.op == "const":
            if args[0] not in self._policy:
                raise ConfigError("const: this policy means nothing here")
            pi, taken = self._policy[args[0]]
            every = np.broadcast_to(pi, self.tables.shape)
            found = every, np.full(len(self.tables), table + taken)
        else:
            pi, steps = self._behaviour(args[1])
            pi = pi.copy()
            for state, action in args[0]:
                pi[:, state] = np.eye(self.mdp.n_actions)[action]
            found = pi, table + steps
        self._done[term] = found
        return found

    def codes_of(self, policies: Floats) -> Ints:
        """(H,) the number of each deterministic policy in `actions`; -1 for one that draws."""
        live = ~self.mdp.terminal
        sure = (policies.max(axis=2) == 1)[:, live].all(axis=1)
        done = np.where(self.mdp.terminal, 0, policies.argmax(axis=2))
        shape = (self.mdp.n_actions,) * self.mdp.n_states
        code = np.ravel_multi_index(tuple(done.T), shape)
        return np.where(sure, code, -1)

    # ------------------------------------------------------------ results

    def counts(self) -> dict[str, int]:
        """Programs that mean something, by type."""
        together = np.add.outer(self.planner_bits, self.reward_bits) <= self.room
        return {
            "planner": len(self.planners), "reward": len(self.rewards),
            "policy": len(self.policies), "pair": int(together.sum()),
        }  # fmt: skip

    @property
    def room(self) -> int:
        """Bits left for a pair's planner and reward."""
        return self.max_bits - self.language.opcodes["pair"]["pair"]

    def simplest(self, speed: bool) -> tuple[Floats, tuple[str, ...]]:
        """(n,) least cost of a pair compatible with each policy, and its text."""
        bits = np.add.outer(self.planner_bits, self.reward_bits).astype(np.float64)
        cost = np.where(bits <= self.room, bits + self.max_bits - self.room, np.inf)
        if speed:
            cost = cost + np.log2(self.steps[:, self.reward_place] + np.array(self.reward_steps))
        code = self.codes[:, self.reward_place]
        best, text = np.full(len(self.actions), np.inf), []
        np.minimum.at(best, code[code >= 0], cost[code >= 0])
        for n, least in enumerate(best):
            p, R = np.argwhere((code == n) & (cost == least))[0] if np.isfinite(least) else (0, 0)
            text.append(f"{self.planners[p]} | {self.rewards[R]}")
        return best, tuple(text)

    def policy_costs(self, speed: bool) -> Floats:
        """(n, 3) the least cost of each degenerate pair's own programs."""
        best = np.full((len(self.actions), 3), np.inf)
        table = float(self.tables[0].size)
        shown = Term("policy", "always", (0,))
        bare = self.language.bits(shown, self.sizes)
        own = [indifferent(shown), greedy_pair(shown), opposite(greedy_pair(shown))]
        extra = np.array([self.language.bits(term, self.sizes) - bare for term in own])
        for _, bits, pi, steps in self.policies:
            code = self.codes_of(pi[None])[0]
            cost = bits + extra.astype(np.float64)
            if speed:
                cost = cost + np.log2(steps + table * np.array([2, 2, 4]))
            if code >= 0:
                best[code] = np.minimum(best[code], cost)
        return best

    def measured(self) -> dict[str, int]:
        """The most bits that each of F1 to F4 adds to any pair, every one written out."""
        most = dict.fromkeys(FUNCTIONS, -self.max_bits)
        for term, bits in self.language.programs("pair", self.sizes, max_bits=self.max_bits):
            for F in FUNCTIONS:
                after = self.language.bits(applied(F, term), self.sizes)
                most[F] = max(most[F], after - bits)
        return most

    def _least(self) -> tuple[dict[bytes, int], dict[bytes, bytes], Floats]:
        """Least bits of each behaviour, the behaviour of its opposite, and least bits of each
        reward table."""
        planners: dict[bytes, int] = {}
        negative: dict[bytes, bytes] = {}
        for term, bits, key in zip(self.planners, self.planner_bits, self.alike, strict=True):
            if key not in planners:
                planners[key] = bits
                negative[key] = self._done[term][0][self.opposites].round(9).tobytes()
        rewards = np.full(len(self.tables), np.inf)
        np.minimum.at(rewards, self.reward_place, np.array(self.reward_bits, dtype=np.float64))
        return planners, negative, rewards

    def least_alike(self) -> Floats:
        """(n, 3) least bits of any pair of programs alike to each degenerate pair."""
        planners, _, rewards = self._least()
        S, A = self.mdp.n_states, self.mdp.n_actions
        head = self.language.opcodes["pair"]["pair"]
        places = {table.tobytes(): place for place, table in enumerate(self.tables)}
        greedy = GREEDY.policies(self.mdp, self.tables)
        p_g = planners[greedy.round(9).tobytes()]
        minus = planners[greedy[self.opposites].round(9).tobytes()]
        found = []
        for actions in self.actions:
            pi = np.eye(A)[actions]
            constant = np.broadcast_to(pi, self.tables.shape).copy().tobytes()
            ind = rewards[places[pi.tobytes()]]
            against = rewards[places[(-pi + 0.0).tobytes()]]
            zero = rewards[places[np.zeros((S, A)).tobytes()]]
            found.append((planners[constant] + zero, p_g + ind, minus + against))
        return np.array(found) + head

    def sign_gap(self) -> tuple[float, int]:
        """The largest |K(p, R) - K(-p, -R)|, and over how many pairs."""
        planners, negative, rewards = self._least()
        cost = self.language.opcodes
        short = np.flatnonzero(rewards <= self.max_bits - cost["reward"]["neg"])
        apart = rewards[short] - rewards[self.opposites[short]]
        worst, count = 0.0, 0
        for key, bits in planners.items():
            if bits <= self.max_bits - cost["planner"]["neg"] and len(short):
                both = np.abs(bits - planners[negative[key]] + apart)
                worst, count = max(worst, float(both.max())), count + len(short)
        return worst, count
