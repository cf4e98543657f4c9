"""The theorems of "Occam's razor is insufficient", checked case by case on tiny worlds.

Each check enumerates; nothing is sampled but the worlds (where a statement is about every world)
and the rewards of the half bound's finite classes. What holds for stochastic policies is checked
on actions that share where they tie, as `choice` has it. Proposition 7, which is about description
lengths, is in `lengths`. Planners are held against `exhaustive`.

Statements: Armstrong and Mindermann (2017), as formalised in the AI safety formalisation atlas.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from precocial.choice.arguments import checked
from precocial.errors import ConfigError, one_of
from precocial.preferences.mdp import TabularMDP
from precocial.preferences.occam.exhaustive import expected_policies, ranked, value_iteration
from precocial.preferences.planners import (
    Constant,
    Negated,
    Override,
    Plans,
    anti_rational,
    boltzmann,
    constructed_values,
    epsilon_greedy,
    greedy,
    myopic,
    nth_best,
    optimal,
    optimist,
)
from precocial.runs.streams import stream

Floats = NDArray[np.float64]
EXACT = 1e-9
"""Figures are compared to this (ours)."""
PLANNED = 1e-5
"""Ours: planners are solved to 1e-6, and a Boltzmann planner's beta is 2 at most here."""
SHAPES_THEOREM_1 = tuple(itertools.product((1, 2, 3), (1, 2)))
"""(S, A) with S <= 3 and A <= 2."""
SHAPES_LEMMA_6 = tuple((S, A) for S in range(1, 9) for A in range(1, 9) if S * A <= 8)
"""(S, A) with S * A <= 8."""
MAX_POLICIES = 4096
"""More deterministic policies are refused: worst regrets compare all of them in pairs."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """What enumerating a statement found.

    Attributes:
        statement: in our words.
        cases: how many were tried.
        failures: in how many it was false.
        worst: the largest deviation found; 0 where cases are equal or not.
        example: the case of the largest deviation; "" for none.
    """

    statement: str
    cases: int
    failures: int
    worst: float = 0.0
    example: str = ""

    @property
    def holds(self) -> bool:
        """Whether something was tried and nothing failed."""
        return self.cases > 0 and self.failures == 0


@dataclass
class _Tally:
    """Counts cases while they are enumerated."""

    cases: int = 0
    failures: int = 0
    worst: float = 0.0
    example: str = ""

    def compare(self, got: Floats, wanted: Floats, what: str, within: float = 0.0) -> None:
        """Count len(got) cases, failures where a row differs from `wanted` by more than `within`
        (at all, by default) or is NaN."""
        apart = np.abs(got - wanted).reshape(len(got), -1).max(axis=1)
        self.cases += len(got)
        self.failures += int((~(apart <= within)).sum())
        if apart.max() > self.worst:
            self.worst, self.example = float(apart.max()), f"{what}, case {int(apart.argmax())}"

    def check(self, statement: str) -> Check:
        """The result."""
        return Check(
            statement=statement, cases=self.cases, failures=self.failures, worst=self.worst,
            example=self.example,
        )  # fmt: skip


# ---------------------------------------------------------------- cases


def random_world(
    states: int, actions: int, *, seed: int = 0, index: int = 0, discount: float | None = None
) -> TabularMDP:
    """A world with Dirichlet(1) transitions and start; the discount is uniform in [0.3, 0.95]
    unless it is given. `index` numbers the worlds of a seed."""
    rng = stream(seed, "preferences", "world", states, actions, index)
    return TabularMDP.from_arrays(
        rng.dirichlet(np.ones(states), size=(states, actions)),
        discount=float(rng.uniform(0.3, 0.95)) if discount is None else discount,
        start=rng.dirichlet(np.ones(states)),
    )


def deterministic_policies(states: int, actions: int) -> Floats:
    """(A^S, S, A) every deterministic policy, in the order of `itertools.product`.

    Raises:
        ConfigError: more than `MAX_POLICIES`.
    """
    if actions**states > MAX_POLICIES:
        raise ConfigError(
            f"{actions}^{states} policies are too many to enumerate; at most {MAX_POLICIES}. "
            "Take a smaller world"
        )
    done = np.array(list(itertools.product(range(actions), repeat=states)))
    return np.asarray(np.eye(actions)[done])


def box_rewards(states: int, actions: int, values: Sequence[float] = (-1, 0, 1)) -> Floats:
    """(H, S, A) every reward with entries in `values`."""
    rows = list(itertools.product(values, repeat=states * actions))
    return np.array(rows, dtype=np.float64).reshape(-1, states, actions)


def families() -> tuple[Plans, ...]:
    """One planner of every kind that the checks run through."""
    return (
        optimal(), greedy(), anti_rational(), myopic(2), optimist(0.5), nth_best(1),
        epsilon_greedy(0.2), boltzmann(2.0), Negated(planner=boltzmann(1.0)),
    )  # fmt: skip


def _worlds(
    shapes: Sequence[tuple[int, int]], seed: int
) -> Iterator[tuple[TabularMDP, Floats, str]]:
    for states, actions in shapes:
        mdp = random_world(states, actions, seed=seed)
        yield mdp, deterministic_policies(states, actions), f"S={states} A={actions}"


# ---------------------------------------------------------------- the checks


@checked
def check_theorem_1(
    *, shapes: Sequence[tuple[int, int]] = SHAPES_THEOREM_1, seed: int = 0
) -> tuple[Check, Check]:
    """Theorem 1. (i) For all pi and R some p has p(R) = pi: the constant planner, over every
    deterministic pi and every R in {-1, 0, 1}^(S x A). (ii) For every p and every pi in its image
    some R has p(R) = pi: the image of every planner of `families` over the same rewards, each of
    its policies held against what `exhaustive` works out for its reward, but for which of several
    tied actions is taken."""
    first, second = _Tally(), _Tally()
    for mdp, policies, shape in _worlds(shapes, seed):
        R = box_rewards(mdp.n_states, mdp.n_actions)
        for place, pi in enumerate(policies):
            first.compare(Constant(policy=pi).policies(mdp, R), pi, f"{shape} policy {place}")
        expected = expected_policies(mdp, R, policies)
        for planner in families():
            wanted, judged = expected[planner.name]
            apart = np.where(judged, planner.policies(mdp, R) - wanted, 0.0)
            second.compare(apart, np.zeros_like(apart), f"{shape} {planner.name}", PLANNED)
    return (
        first.check("any reward fits any policy, for the constant planner (Theorem 1 i)"),
        second.check("every policy in a planner's image has a reward (Theorem 1 ii)"),
    )


@checked
def check_lemma_6(*, shapes: Sequence[tuple[int, int]] = SHAPES_LEMMA_6, seed: int = 0) -> Check:
    """Lemma 6: (p_pi, 0), (p_g, R_pi) and (-p_g, -R_pi) are compatible with every deterministic
    pi; R_pi(s, a) = 1[a = pi(s)]."""
    tally = _Tally()
    for mdp, policies, shape in _worlds(shapes, seed):
        nothing = np.zeros((1, mdp.n_states, mdp.n_actions))
        for place, pi in enumerate(policies):
            what = f"{shape} policy {place}"
            tally.compare(Constant(policy=pi).policies(mdp, nothing), pi, f"{what} (p_pi, 0)")
        made = greedy().policies(mdp, policies)
        tally.compare(made, policies, f"{shape} (p_g, R_pi)")
        made = Negated(planner=greedy()).policies(mdp, -policies)
        tally.compare(made, policies, f"{shape} (-p_g, -R_pi)")
    return tally.check("three degenerate pairs fit every policy (Lemma 6)")


@checked
def check_proposition_8(
    *, shapes: Sequence[tuple[int, int]] = SHAPES_LEMMA_6, seed: int = 0
) -> Check:
    """Proposition 8, its first half: if (p, R) is compatible with pi, so is (-p, -R); and
    -(-p) = p. Over every deterministic pi, each with a compatible pair of every kind: constant,
    overridden, greedy on R_pi, and n-th best on the values constructed for it; and over every
    planner of `families` on those rewards."""
    tally = _Tally()
    for mdp, policies, shape in _worlds(shapes, seed):
        done = policies.argmax(axis=2)
        everywhere = tuple(range(mdp.n_states))
        for place, (pi, actions) in enumerate(zip(policies, done, strict=True)):
            what = f"{shape} policy {place}"
            pairs: list[tuple[Plans, Floats]] = [
                (Constant(policy=pi), pi),
                (Override(planner=optimal(), states=everywhere, actions=tuple(actions)), -pi),
                (greedy(), pi),
                *(
                    (nth_best(n), constructed_values(mdp, actions, n))
                    for n in range(1, mdp.n_actions + 1)
                ),
            ]
            for planner, R in pairs:
                found = planner.policies(mdp, R[None])
                tally.compare(found, pi, f"{what} {planner.name}")
                opposite = Negated(planner=planner)
                tally.compare(opposite.policies(mdp, -R[None]), pi, f"{what} -({planner.name})")
        for planner in families():
            found = planner.policies(mdp, policies)
            twice = Negated(planner=Negated(planner=planner)).policies(mdp, policies)
            tally.compare(twice, found, f"{shape} -(-({planner.name}))")
            opposite = Negated(planner=planner)
            tally.compare(opposite.policies(mdp, -policies), found, f"{shape} {planner.name}")
    return tally.check("(-p, -R) fits whatever (p, R) fits (Proposition 8)")


@checked
def check_nth_best(*, shapes: Sequence[tuple[int, int]] = SHAPES_LEMMA_6, seed: int = 0) -> Check:
    """For every deterministic behaviour and every n from 1 to A, `constructed_values` is a reward
    in [-1, 1] under which the behaviour is exactly the n-th best in every state that goes on: by
    the planner, and by the order of Q from `exhaustive`, no other action tying. Worlds of two
    states and more are tried again with the last one terminal: action 0 leads there, no other
    does, so that the discounted future differs between actions."""
    tally = _Tally()
    for mdp, policies, shape in _worlds(shapes, seed):
        for world, ends in _with_an_end(mdp, shape):
            live = ~world.terminal[:, None]
            for n in range(1, world.n_actions + 1):
                R = np.array(
                    [constructed_values(world, actions, n) for actions in policies.argmax(axis=2)]
                )
                what = f"{ends} n={n}"
                wanted = policies * live
                tally.compare(nth_best(n).policies(world, R) * live, wanted, what)
                pi, alone = ranked(value_iteration(world, R), n)
                tally.compare(pi * alone * live, wanted, f"{what} by value iteration")
                outside = np.maximum(np.abs(R) - 1, 0)
                tally.compare(outside, np.zeros_like(outside), f"{what} outside [-1, 1]")
    return tally.check("every behaviour is the n-th best for some values, for every n")


def _with_an_end(mdp: TabularMDP, shape: str) -> Iterator[tuple[TabularMDP, str]]:
    yield mdp, shape
    if mdp.n_states > 1:
        last = np.arange(mdp.n_states) == mdp.n_states - 1
        P = np.where(last, 0.0, mdp.dense)
        P /= P.sum(axis=2, keepdims=True)
        P[:, 0] = last
        world = TabularMDP.from_arrays(P, discount=0.9, start=mdp.start, terminal=last)
        yield world, f"{shape}, one terminal,"


# ---------------------------------------------------------------- regret


def worst_regret(mdp: TabularMDP, policies: ArrayLike, *, rewards: str = "box") -> Floats:
    """(H,) max over rewards R of Reg(pi; R) = max_pi' V_R(pi') - V_R(pi), for pi[h, s, a].

    With R[s, a] in [-1, 1] ("box") the maximum is max_pi' of the L1 distance of the discounted
    occupancies of pi' and pi; it is convex in pi', so a deterministic pi' attains it, and all are
    tried. "state": the same for R[s] in [-1, 1] and occupancies of states. Exact, from the start
    distribution.

    Raises:
        ConfigError: another class of rewards, or more than `MAX_POLICIES` deterministic policies.
    """
    one_of("worst_regret: rewards", rewards, ("box", "state"))
    pi = np.asarray(policies, dtype=np.float64)
    d = _visits(mdp, pi[None] if pi.ndim == 2 else pi, rewards)
    corners = _visits(mdp, deterministic_policies(mdp.n_states, mdp.n_actions), rewards)
    return _farthest(d, corners)


def worst_regret_by_vertices(mdp: TabularMDP, policies: ArrayLike) -> Floats:
    """`worst_regret` over the box by trying every R in {-1, 1}^(S x A): regret is convex in R.

    2^(S A) rewards against A^S policies, by their returns and not by occupancies; a check on
    `worst_regret`.
    """
    R = box_rewards(mdp.n_states, mdp.n_actions, (-1, 1))
    best = _returns(mdp, deterministic_policies(mdp.n_states, mdp.n_actions), R).max(axis=0)
    return np.asarray((best - _returns(mdp, policies, R)).max(axis=1))


def _returns(mdp: TabularMDP, policies: ArrayLike, rewards: Floats) -> Floats:
    """(policies, rewards) the return of each under each."""
    pi = np.asarray(policies, dtype=np.float64).reshape(-1, mdp.n_states, mdp.n_actions)
    return np.array([mdp.policy_return(one, rewards) for one in pi])


def _visits(mdp: TabularMDP, policies: Floats, rewards: str) -> Floats:
    """(H, S A) or (H, S) discounted occupancies."""
    d = mdp.occupancy(policies)
    return np.asarray(d.sum(axis=2) if rewards == "state" else d.reshape(len(d), -1))


def _farthest(points: Floats, corners: Floats) -> Floats:
    return np.array([np.abs(corners - point).sum(axis=1).max() for point in points])


@dataclass(frozen=True, kw_only=True)
class HalfBound:
    """What `check_half_bound` found.

    Attributes:
        bound: over every world, class of rewards and policy: worst regret >= half of the largest
            worst regret; `worst` is the smallest ratio found.
        deterministic: deterministic policies on the full box have ratio 1, to a largest regret of
            2/(1 - gamma); `worst` is the deviation from 1.
        bandit: the uniform policy of a bandit of A arms on the full box has 1 - 1/A; `worst` is
            the deviation.
        vertices: the L1 form equals the maximum over the 2^(S A) vertices of the box, and
            occupancies times each vertex are the policy's returns.
        state_only: the smallest ratio of a deterministic policy with state-only rewards.
        state_only_mixed: the same over halfway mixtures of two occupancies and the uniform policy.
    """

    bound: Check
    deterministic: Check
    bandit: Check
    vertices: Check
    state_only: float
    state_only_mixed: float


@checked
def check_half_bound(
    *, worlds: int = 1000, shapes: Sequence[tuple[int, int]] = ((2, 2), (3, 2), (2, 3), (4, 2)),
    arms: Sequence[int] = (2, 3, 4, 5, 6), seed: int = 0,
) -> HalfBound:  # fmt: skip
    """For every policy pi_a and every class of rewards with R in it iff -R is,
    max_R Reg(pi_a; R) >= 1/2 max_pi max_R' Reg(pi; R').

    By Theorem 1 (i) every R of the class is consistent with what was observed, so some compatible
    pair gives that regret (section 4.1.2, with Everitt et al. 2017, Theorem 11). Classes: the box
    R[s, a] in [-1, 1], state-only R[s] in [-1, 1], and three random rewards with their opposites.
    Policies: all deterministic ones, the uniform one, and halfway mixtures (of occupancies) of
    random pairs of deterministic ones, which come close to 1/2.
    """
    if worlds < 1 or not shapes:
        raise ConfigError(f"check_half_bound needs worlds and shapes; got {worlds} and {shapes}")
    ratios: dict[tuple[str, str], list[tuple[float, str]]] = {}
    gaps: list[float] = []
    cases = 0
    for index in range(worlds):
        states, actions = shapes[index % len(shapes)]
        mdp = random_world(states, actions, seed=seed, index=index)
        for key, ratio in _ratios(mdp, seed, index):
            ends = [float(ratio.min()), float(ratio.max())]
            ratios.setdefault(key, []).extend((end, f"world {index}") for end in ends)
            cases += len(ratio)
        if index < 4 * len(shapes) and states * actions <= 6:
            pi = np.concatenate(
                [deterministic_policies(states, actions), mdp.uniform_policy()[None]]
            )
            gaps.extend(_vertex_gaps(mdp, pi))
    # NaN first: a ratio that is no number is the worst one.
    every = sorted(
        (one for found in ratios.values() for one in found),
        key=lambda one: -np.inf if np.isnan(one[0]) else one[0],
    )
    box = [abs(ratio - 1) for ratio, _ in ratios["box", "deterministic"]]
    off = [abs(_bandit_ratio(A) - (1 - 1 / A)) for A in arms]
    return HalfBound(
        bound=Check(
            statement="some compatible pair gives any policy half of the largest regret",
            cases=cases, failures=sum(not (ratio >= 0.5 - EXACT) for ratio, _ in every),
            worst=every[0][0], example=every[0][1],
        ),
        deterministic=_within("deterministic policies attain the largest box regret", box),
        bandit=_within("uniform play of an A-armed bandit has 1 - 1/A of it", off),
        vertices=_within("L1 distance of occupancies = maximum over the box's vertices", gaps),
        state_only=_smallest(ratios["state", "deterministic"]),
        state_only_mixed=_smallest(ratios["state", "mixed"]),
    )  # fmt: skip


def _smallest(ratios: Sequence[tuple[float, str]]) -> float:
    return float(np.min([ratio for ratio, _ in ratios]))  # NaN if any is


def _vertex_gaps(mdp: TabularMDP, policies: Floats) -> Floats:
    """How far each policy's occupancies are from its returns: in the worst regret, and under each
    vertex of the box."""
    gap = np.abs(worst_regret(mdp, policies) - worst_regret_by_vertices(mdp, policies))
    R = box_rewards(mdp.n_states, mdp.n_actions, (-1, 1))
    by_visits = _visits(mdp, policies, "box") @ R.reshape(len(R), -1).T
    apart = np.abs(by_visits - _returns(mdp, policies, R)).max(axis=1)
    return np.asarray(np.maximum(gap, apart))


def _within(statement: str, apart: Sequence[float]) -> Check:
    return Check(
        statement=statement, cases=len(apart), failures=sum(not (one <= EXACT) for one in apart),
        worst=float(np.max(apart, initial=0.0)),
    )  # fmt: skip


def _ratios(mdp: TabularMDP, seed: int, index: int) -> Iterator[tuple[tuple[str, str], Floats]]:
    """(class, kind of policy) with every policy's share of the largest worst regret."""
    rng = stream(seed, "preferences", "half bound", index)
    d = mdp.occupancy(deterministic_policies(mdp.n_states, mdp.n_actions))
    uniform = mdp.occupancy(mdp.uniform_policy()[None])
    one, other = rng.integers(len(d), size=(2, 50))
    mixed = np.concatenate([(d[one] + d[other]) / 2, uniform])
    corners, inner = d.reshape(len(d), -1), mixed.reshape(len(mixed), -1)
    R = rng.uniform(-1, 1, size=(3, corners.shape[1]))
    classes = {
        "box": (_farthest(corners, corners), _farthest(inner, corners)),
        "state": (
            _farthest(d.sum(axis=2), d.sum(axis=2)),
            _farthest(mixed.sum(axis=2), d.sum(axis=2)),
        ),
        "finite": (_largest(corners @ R.T, corners @ R.T), _largest(inner @ R.T, corners @ R.T)),
    }
    for name, (pure, stochastic) in classes.items():
        # Known for the box: two policies that never agree are 2/(1 - gamma) apart.
        most = 2 / (1 - mdp.discount) if name == "box" else pure.max()
        for kind, regret in (("deterministic", pure), ("mixed", stochastic)):
            with np.errstate(invalid="ignore", divide="ignore"):
                yield (name, kind), regret / most


def _largest(values: Floats, corners: Floats) -> Floats:
    """(H,) worst regret over the columns and their opposites."""
    below, above = corners.max(axis=0) - values, values - corners.min(axis=0)
    return np.asarray(np.maximum(below, above).max(axis=1))


def _bandit_ratio(arms: int) -> float:
    bandit = TabularMDP.from_arrays(np.ones((1, arms, 1)), discount=0.9)
    most = 2 / (1 - bandit.discount)
    return float(worst_regret(bandit, bandit.uniform_policy())[0] / most)
