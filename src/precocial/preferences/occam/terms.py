"""What the programs of `language` mean in a world, how many steps they take, and which program
says what a planner or a reward of this package is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from precocial.errors import ConfigError
from precocial.preferences.mdp import TabularMDP
from precocial.preferences.occam.language import Term, evaluated, negated, pair
from precocial.preferences.occam.literals import Sizes
from precocial.preferences.planners import Constant, Negated, Override, Planner, Plans, Rule
from precocial.preferences.planning.values import Backup, solve

Floats = NDArray[np.float64]
RULES = {"best": "greedy", "boltzmann": "boltzmann", "epsilon": "epsilon", "nth": "nth",
         "satisfice": "satisfice", "stick": "stick"}  # fmt: skip
GREEDY = Planner(name="greedy", backup=Backup(steps=1))


def sizes_of(mdp: TabularMDP, features: Floats | None = None) -> Sizes:
    """What literals are drawn from in this world; features are (F, S, A)."""
    count = 0 if features is None else len(features)
    return Sizes(states=mdp.n_states, actions=mdp.n_actions, features=count)


# ---------------------------------------------------------------- meaning


def backup_of(term: Term) -> Backup:
    """The backup that a chain of bends describes; where two bend one part, the outer counts.

    Raises:
        ConfigError: a parameter outside its range, or bends that exclude each other.
    """
    fields: dict[str, Any] = {}
    while term.op != "plain":
        *values, inner = term.args
        fields = {**_bend(term.op, values), **fields}
        if not isinstance(inner, Term):
            raise ConfigError(f"a backup must end in plain; got {inner!r}")
        term = inner
    return Backup(**fields)


def _bend(op: str, values: Sequence[Any]) -> dict[str, Any]:
    match op:
        case "soft" | "softmax":
            return {"kind": op, "beta": values[0]}
        case "leaf":
            return {"leaf": "uniform"}
        case "naive":
            return {"hyperbolic": values[0], "delays": values[1]}
        case "sophisticated":
            # delays + 1, so that a planner without delay can be written.
            k, delays = values[0], values[1] - 1
            return {"hyperbolic": k, "delays": delays, "sophisticated": True}
        case _:
            return {op: values[0]}


def rule_of(term: Term) -> Rule:
    """The rule of choice that a term names."""
    values: Any = term.args
    if term.op == "stick":
        return Rule(kind="stick", default=values[0], parameter=values[1])
    kind: Any = RULES[term.op]
    return Rule(kind=kind, parameter=float(values[0]) if values else 0.0)


class Interpreter:
    """Runs programs in one world and counts the steps.

    Writing, reading or backing up one entry of an (S, A) table is a step. A planner that solves
    for a fixed point takes sweeps * S * A of them (each over its delays too).

    Attributes:
        steps: steps taken so far.
    """

    def __init__(self, mdp: TabularMDP, features: Floats | None = None) -> None:
        self.mdp, self.features = mdp, features
        self.steps = 0

    @property
    def _table(self) -> int:
        return self.mdp.n_states * self.mdp.n_actions

    def reward(self, term: Term) -> Floats:
        """R[s, a] of a reward.

        Raises:
            ConfigError: features that this world lacks.
        """
        S, A = self.mdp.n_states, self.mdp.n_actions
        args: Any = term.args
        self.steps += self._table
        match term.op:
            case "goal":
                return np.asarray(self.mdp.on_arrival(np.eye(S)[args[0]]))
            case "linear":
                if self.features is None:
                    raise ConfigError("this world has no reward features; give `features`")
                self.steps += self._table * (len(args[0]) - 1)
                places, values = zip(*args[0], strict=True)
                return np.tensordot(np.array(values), self.features[list(places)], axes=1)
            case "ind":
                return np.where(self.policy(args[0]) == 1, 1.0, 0.0)
            case "neg":
                return np.asarray(-self.reward(args[0]))
            case "bonus":
                R = self.reward(args[2]).copy()
                for state, action in args[1]:
                    R[state, action] += args[0]
                return R
            case "table":
                return np.array(args[0], dtype=np.float64).reshape(S, A)
            case _:
                return np.zeros((S, A))

    def policy(self, term: Term) -> Floats:
        """pi[s, a] of a policy.

        Raises:
            ConfigError: a `mixed` table whose rows are no distributions.
        """
        S, A = self.mdp.n_states, self.mdp.n_actions
        args: Any = term.args
        if term.op == "eval":
            return self.plan(args[0], self.reward(args[1]))
        self.steps += self._table
        match term.op:
            case "table":
                return np.asarray(np.eye(A)[list(args[0])])
            case "always":
                return np.asarray(np.eye(A)[np.full(S, args[0])])
            case _:
                pi = np.array(args[0], dtype=np.float64).reshape(S, A)
                if pi.min() < 0 or np.abs(pi.sum(axis=1) - 1).max() > 1e-9:
                    raise ConfigError("mixed: the numbers of each state must be a distribution")
                return pi

    def plan(self, term: Term, reward: Floats) -> Floats:
        """pi[s, a] of a planner for R[s, a]."""
        args: Any = term.args
        if term.op == "plan":
            backup = backup_of(args[0])
            values = solve(self.mdp, reward, backup)
            self.steps += int(values.sweeps[0]) * self._table * (backup.delays + 1)
            return np.asarray(rule_of(args[1])(values.Q)[0])
        self.steps += self._table
        match term.op:
            case "greedy":
                return np.asarray(GREEDY.policies(self.mdp, reward[None])[0])
            case "neg":
                return self.plan(args[0], -reward)
            case "const":
                return self.policy(args[0])
            case _:
                pi = self.plan(args[1], reward).copy()
                for state, action in args[0]:
                    pi[state] = np.eye(self.mdp.n_actions)[action]
                return pi


def steps(term: Term, mdp: TabularMDP, features: Floats | None = None) -> int:
    """Steps that a pair or policy takes to give its policy, or a reward its table."""
    run = Interpreter(mdp, features)
    if term.kind == "pair":
        run.policy(evaluated(term))
    elif term.kind == "policy":
        run.policy(term)
    elif term.kind == "reward":
        run.reward(term)
    else:
        raise ConfigError(f"steps: a {term.kind} alone takes no steps; give a pair or a policy")
    return run.steps


def planner_of(term: Term, mdp: TabularMDP, features: Floats | None = None) -> Plans:
    """The planner that a program means in a world."""
    args: Any = term.args
    match term.op:
        case "plan":
            return Planner(name=str(term), backup=backup_of(args[0]), rule=rule_of(args[1]))
        case "greedy":
            return GREEDY
        case "neg":
            return Negated(planner=planner_of(args[0], mdp, features))
        case "const":
            return Constant(policy=Interpreter(mdp, features).policy(args[0]), name=str(term))
        case "override":
            states, actions = zip(*args[0], strict=True)
            inner = planner_of(args[1], mdp, features)
            return Override(planner=inner, states=states, actions=actions)
        case _:
            raise ConfigError(f"planner_of: a planner is needed; got a {term.kind}: {term}")


# ---------------------------------------------------------------- programs of things


def backup_term(backup: Backup) -> Term:
    """The program of a backup: its bends in a fixed order."""
    term = Term("backup", "plain")
    if backup.steps is not None:
        term = Term("backup", "steps", (backup.steps, term))
    if backup.leaf == "uniform":
        term = Term("backup", "leaf", (term,))
    if backup.kind != "max":
        term = Term("backup", backup.kind, (float(backup.beta), term))
    if backup.optimism:
        term = Term("backup", "optimism", (float(backup.optimism), term))
    if backup.confidence != 1:
        term = Term("backup", "confidence", (float(backup.confidence), term))
    if backup.sophisticated:
        values = (float(backup.hyperbolic), backup.delays + 1)
        return Term("backup", "sophisticated", (*values, term))
    if backup.hyperbolic:
        term = Term("backup", "naive", (float(backup.hyperbolic), backup.delays, term))
    return term


def rule_term(rule: Rule) -> Term:
    """The program of a rule of choice."""
    if rule.kind == "greedy":
        return Term("rule", "best")
    if rule.kind == "nth":
        return Term("rule", "nth", (int(rule.parameter),))
    if rule.kind == "stick":
        return Term("rule", "stick", (int(rule.default), float(rule.parameter)))
    return Term("rule", rule.kind, (float(rule.parameter),))


def policy_term(policy: Floats) -> Term:
    """The program that spells a policy pi[s, a] out: `always`, `table`, or `mixed` if it draws."""
    actions = tuple(int(action) for action in policy.argmax(axis=1))
    if not (policy.max(axis=1) == 1).all():
        return Term("policy", "mixed", (tuple(float(p) for p in policy.ravel()),))
    if len(set(actions)) == 1:
        return Term("policy", "always", (actions[0],))
    return Term("policy", "table", (actions,))


def planner_term(planner: Plans) -> Term:
    """The program of a planner of this package, spelled out.

    Raises:
        ConfigError: a planner that the language has no words for.
    """
    match planner:
        case Planner():
            if (planner.backup, planner.rule) == (GREEDY.backup, GREEDY.rule):
                return Term("planner", "greedy")
            words = (backup_term(planner.backup), rule_term(planner.rule))
            return Term("planner", "plan", words)
        case Negated():
            return negated(planner_term(planner.planner))
        case Constant():
            return Term("planner", "const", (policy_term(planner.policy),))
        case Override():
            quirks = tuple(sorted(zip(planner.states, planner.actions, strict=True)))
            if not quirks:
                return planner_term(planner.planner)
            return Term("planner", "override", (quirks, planner_term(planner.planner)))
        case _:
            raise ConfigError(
                f"the language has no words for a {type(planner).__name__}; it has Planner, "
                "Negated, Constant and Override. Give the prior as weights instead"
            )


def weights_term(weights: Floats) -> Term:
    """The program of a reward that is linear in the world's features, weights (F,)."""
    told = tuple((int(place), float(weights[place])) for place in np.flatnonzero(weights))
    return Term("reward", "linear", (told,)) if told else Term("reward", "zero")


def table_terms(mdp: TabularMDP, reward: Floats) -> list[Term]:
    """Programs that spell R[s, a] out without features: zero, goal, ind or table, and the
    opposites of those of -R."""
    found = []
    for R, wrap in ((reward, False), (-reward, True)):
        ways = [Term("reward", "table", (tuple(float(r) + 0.0 for r in R.ravel()),))]
        if not R.any():
            ways.append(Term("reward", "zero"))
        goals = mdp.on_arrival(np.eye(mdp.n_states))
        ways += [
            Term("reward", "goal", (int(state),))
            for state in np.flatnonzero((np.abs(goals - R) < 1e-12).all(axis=(1, 2)))
        ]
        if set(np.unique(R)) <= {0.0, 1.0} and (R.sum(axis=1) == 1).all():
            ways.append(Term("reward", "ind", (policy_term(R),)))
        found += [negated(term) if wrap else term for term in ways]
    return found


def pair_term(planner: Plans, reward: Term) -> Term:
    """The pair of a planner of this package and a reward's program."""
    return pair(planner_term(planner), reward)
