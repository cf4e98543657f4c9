"""What is ambiguous, exactly: over every reward in a box, and over every weighting of the features.

The posterior spreads over the rewards that were listed and over no others. What behaviour itself
says, the planner taken as known, is a polytope of rewards (`identify.intervals`) and a null space
(`identify.ambiguity`). Both are taken for the planner of the likeliest pair that they know, at 95 %
confidence for the counts, and for its negation too where that is likely. Only what holds over every
reward counts as settled by behaviour.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from precocial.errors import FitError
from precocial.preferences.auditing.likely import LARGEST_NULL_SPACE, LIKELY, RARE, anchor_state
from precocial.preferences.auditing.record import (
    Ambiguous,
    FreeDirections,
    Interval,
    Over,
    Settled,
    StateValue,
)
from precocial.preferences.demos import Demonstrations
from precocial.preferences.identify.ambiguity import ambiguity
from precocial.preferences.identify.experts import Expert
from precocial.preferences.identify.intervals import CompatibleRewards
from precocial.preferences.mdp import TabularMDP
from precocial.preferences.planners import Negated, Planner, Plans
from precocial.preferences.planning.values import believed_transitions
from precocial.preferences.posterior import Posterior

Floats = NDArray[np.float64]
CONFIDENCE = 0.95
"""That the exact sets hold the reward, whatever the luck of the counts."""
CREDIBLE = 1 - CONFIDENCE
"""A planner less probable than this is not taken as known."""
STATES = 15
"""States whose intervals are asked for (ours)."""
LARGEST_PROGRAMME = 4000
"""States x actions beyond which no linear programme is asked for (ours: at 2,000 each of the 60
takes 0.03 s)."""
ZERO = 1e-7
"""An end of an interval nearer to 0 than this share of the box touches it: the solver's error."""


def expert_of(planner: Plans, mdp: TabularMDP, counts: Floats) -> Expert | None:
    """What the counts say of the reward if this planner, not negated, made them; None where no
    linear form is known (myopic, hyperbolic, optimist, and rules that satisfice or stick)."""
    if not isinstance(planner, Planner):
        return None
    backup, rule = planner.backup, planner.rule
    world = believed_transitions(mdp, backup.confidence)
    if backup.steps == 1 and backup.leaf == "nothing":
        world = world.with_discount(0.0)  # no look ahead: Q is the reward
    elif backup.steps is not None:
        return None
    if backup.hyperbolic or backup.optimism or rule.parameter < 0:
        return None
    if backup.kind == "soft" and (rule.kind, rule.parameter) == ("boltzmann", backup.beta):
        return Expert.from_counts(
            world, counts, kind="soft", beta=backup.beta, confidence=CONFIDENCE
        )
    if backup.kind != "max":
        return None
    if rule.kind == "boltzmann" and rule.parameter > 0:
        return Expert.from_counts(
            world, counts, kind="boltzmann", beta=rule.parameter, confidence=CONFIDENCE
        )
    if rule.kind == "greedy":
        return Expert.from_counts(world, counts, kind="optimal")
    if rule.kind == "epsilon":
        return Expert.slipping(world, counts, rule.parameter, confidence=CONFIDENCE)
    return None


def what_is_ambiguous(
    mdp: TabularMDP, demos: Demonstrations, posterior: Posterior, values: list[StateValue],
    moves: Floats, into: Floats,
) -> Ambiguous:  # fmt: skip
    """The exact sets beside the spread over the list, state by state.

    Args:
        values: of the list, one a state.
        moves: (S, A) how often each is made, `likely_moves`.
        into: (S, S, A) the reward of a state, `arrivals`.
    """
    counts, anchor = demos.counts(mdp), anchor_state(mdp, demos)
    states = _states(mdp, moves, anchor, values)
    listed = [_listed(values[state]) for state in states]
    known, bound = _known_planner(mdp, posterior, counts), _bound(posterior)
    if known is None:
        return Ambiguous(
            status="no exact tool", why="no planner that is likely here has a linear form",
            planner="", probability=0.0, both_signs=False, bound=bound, confidence=CONFIDENCE,
            free=None, rows=listed, settled=_settled(listed, len(states)),
        )  # fmt: skip
    exact, status, why = _intervals(posterior, known, states, into[states] - into[anchor], bound)
    rows = [row for at, one in enumerate(listed) for row in (*(e[at] for e in exact), one)]
    return Ambiguous(
        status=status, why=why, planner=posterior.planners[known.place].name,
        probability=known.probability, both_signs=known.both_signs, bound=bound,
        confidence=CONFIDENCE, free=_null_spaces(posterior, known.expert), rows=rows,
        settled=_settled(rows, len(states)),
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class _Known:
    """A planner taken as known: its number, the sign with which it heeds the reward, its
    probability (with its negation where that is likely), what it says, and whether no other planner
    is likely: only then do its intervals settle anything."""

    place: int
    turned: bool
    probability: float
    both_signs: bool
    expert: Expert
    alone: bool


def _known_planner(mdp: TabularMDP, posterior: Posterior, counts: Floats) -> _Known | None:
    """The planner of the likeliest pair whose planner has a linear form."""
    mass = posterior.probability.max(axis=1)
    for place in np.argsort(-mass, kind="stable"):
        if mass[place] < LIKELY * mass.max():
            break
        core, turned = posterior.planners[int(place)], False
        while isinstance(core, Negated):
            core, turned = core.planner, not turned
        expert = expert_of(core, mdp, counts)
        if expert is not None:
            probability, both = _sign(posterior, int(place))
            if probability < CREDIBLE:
                continue
            return _Known(place=int(place), turned=turned, probability=probability, both_signs=both,
                          expert=expert, alone=1 - probability < LIKELY)  # fmt: skip
    return None


def _sign(posterior: Posterior, place: int) -> tuple[float, bool]:
    """The probability of a planner with its negation, and whether that is likely too."""
    mass, name = posterior.planner_probability, posterior.planners[place].name
    twin = name[2:-1] if name.startswith("-(") else f"-({name})"
    other = sum(m for m, p in zip(mass, posterior.planners, strict=True) if p.name == twin)
    both = bool(other >= LIKELY * mass[place])
    return min(float(mass[place] + (other if both else 0.0)), 1.0), both


def _bound(posterior: Posterior) -> float:
    """The largest |R(s, a)| among the likely rewards, rounded up to two digits."""
    likely = posterior.reward_probability >= LIKELY * posterior.reward_probability.max()
    weights = posterior.rewards.weights[likely]
    F = posterior.rewards.features.reshape(weights.shape[1], -1)
    most = max(float(np.abs(row @ F).max()) for row in weights)
    if most == 0:
        return 1.0
    unit = 10.0 ** (np.floor(np.log10(most)) - 1)
    return float(np.ceil(most / unit - 1e-9) * unit)


def _null_spaces(posterior: Posterior, expert: Expert) -> FreeDirections | None:
    mdp, features = expert.mdp, posterior.rewards.features
    if mdp.n_states * mdp.n_actions > LARGEST_NULL_SPACE:
        return None
    unseen = ~np.isfinite(expert.centre)[~mdp.terminal]
    return FreeDirections(
        rewards=ambiguity([expert]).dimension, unseen=int(unseen.sum()), numbers=unseen.size,
        weightings=ambiguity([expert], features=features).dimension, features=len(features),
    )  # fmt: skip


def _states(mdp: TabularMDP, moves: Floats, anchor: int, values: list[StateValue]) -> list[int]:
    """States that are arrived at: the likeliest to be, and those that the list pays most; not the
    anchor."""
    arrived = np.zeros(mdp.n_states)
    live = np.where(mdp.terminal[:, None, None], 0.0, moves[:, :, None] * mdp.probability)
    np.add.at(arrived, mdp.successors, live)
    paid = np.array([max(abs(row.low), abs(row.high)) for row in values])
    some = np.flatnonzero((arrived > RARE) & (np.arange(mdp.n_states) != anchor))
    likely = some[np.argsort(-arrived[some], kind="stable")][: STATES - STATES // 4]
    rest = np.setdiff1d(some, likely)
    paying = rest[np.argsort(-paid[rest], kind="stable")][: STATES - len(likely)]
    return sorted(int(state) for state in (*likely, *paying))


def _intervals(
    posterior: Posterior, known: _Known, states: list[int], asked: Floats, bound: float
) -> tuple[list[list[Interval]], Literal["exact", "refuted", "too large"], str]:
    """Of every reward, and of every weighting of the features; one list each."""
    mdp, found = posterior.mdp, list[list[Interval]]()
    if mdp.n_states * mdp.n_actions > LARGEST_PROGRAMME:
        return found, "too large", f"more than {LARGEST_PROGRAMME} pairs of state and action"
    sets: tuple[tuple[Over, Floats | None], ...] = (
        ("every reward", None), ("every weighting", posterior.rewards.features),
    )  # fmt: skip
    for over, features in sets:
        allowed = CompatibleRewards(experts=(known.expert,), bound=bound, features=features)
        try:
            ends = allowed.intervals(asked) if len(states) else np.empty((0, 2))
        except FitError:
            which = f"no {over.removeprefix('every ')} with |R| at most {bound:g}"
            return found, "refuted", (
                f"{which} makes this planner do what was seen, at {100 * CONFIDENCE:g} % confidence"
            )  # fmt: skip
        ends = _signed(ends, known)
        found.append([
            Interval(state=mdp.state_name(state), over=over, low=float(low), high=float(high),
                     settles=known.alone and bool(low > ZERO * bound or high < -ZERO * bound))
            for state, (low, high) in zip(states, ends, strict=True)
        ])  # fmt: skip
    return found, "exact", ""


def _signed(ends: Floats, known: _Known) -> Floats:
    """Intervals (M, 2) of R from those of the reward that the core planner heeds."""
    other = -ends[:, ::-1]
    if known.both_signs:
        low, high = np.minimum(ends, other)[:, 0], np.maximum(ends, other)[:, 1]
        return np.stack([low, high], axis=1)
    return other if known.turned else ends


def _listed(value: StateValue) -> Interval:
    return Interval(
        state=value.state, over="the list", low=value.low, high=value.high,
        settles=value.low > 0 or value.high < 0,
    )  # fmt: skip


def _settled(rows: list[Interval], states: int) -> Settled:
    """By what each state's order with the anchor is settled: the strongest that does."""
    behaviour, features, by_list = (
        {row.state for row in rows if row.over == over and row.settles}
        for over in ("every reward", "every weighting", "the list")
    )
    return Settled(
        behaviour=len(behaviour), features=len(features - behaviour),
        by_list=len(by_list - features - behaviour), states=states,
    )  # fmt: skip
