"""Pairs that cannot be listed: tempered Markov chains over planner and reward.

Parallel tempering: in each of C chains, rung t of a ladder walks in
prior * assumptions * likelihood^b[t], b from 1 down to 0, and neighbours on the ladder swap places.
The rung at 0 knows no data and so finds every mode; the rung at 1 is kept. Moves, all symmetric:

    step     one weight goes to the next value on its list, up or down
    redraw   one weight goes to any value on its list
    swap     any planner
    flip     (p, R) becomes (-p, -R), where the list has -p and the values have -w: what no
             behaviour tells apart lies far apart in steps

R-hat and effective sample size are those of Vehtari et al. (2021), split but not rank-normalised.
Shape letters: C chains, N draws a chain, P planners, F features, T rungs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from precocial.choice import Choice, log_likelihood
from precocial.choice.arguments import checked
from precocial.errors import ConfigError, FitError
from precocial.preferences.demos import Demonstrations
from precocial.preferences.mdp import TabularMDP
from precocial.preferences.methods.gradient import planner_log_prior
from precocial.preferences.planners import Negated, Plans
from precocial.preferences.posterior import Assumption, Block, Prior, demonstrations_log_likelihood
from precocial.preferences.rewards import MAX_REWARDS, Rewards
from precocial.runs.streams import stream

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
MOVES = (0.45, 0.2, 0.25, 0.1)
"""Shares of step, redraw, swap and flip (ours; any shares sample the same posterior)."""
MAX_R_HAT, MIN_EFFECTIVE = 1.01, 400.0
"""Vehtari et al. (2021)'s thresholds."""
NEGLIGIBLE = 0.01
"""Planners with less mass are not judged: their indicators have few draws whatever the chain."""
MAX_START_DRAWS = 1000
MAX_SEEN = 1_000_000
"""Pairs whose numbers are kept at a time, about 200 MB."""


@dataclass(frozen=True, kw_only=True, eq=False)
class MCMCPosterior:
    """What the chains at the posterior itself visited.

    Attributes:
        features: (F, S, A).
        values: F lists of weights.
        planner: (C, N).
        place: (C, N, F) of each weight on its list.
        log_joint: (C, N) log likelihood + prior + factors, up to a constant.
        ladder: (T,) powers of the likelihood.
        swapped: (T - 1,) share of swaps between neighbours that were taken.
        round_trips: (C,) journeys from the rung at the end of the ladder to the posterior.
        r_hat: by quantity; `log joint`, `w0`, ..., and planners by name.
        effective: by quantity, draws.
    """

    planners: tuple[Plans, ...]
    features: Floats
    values: tuple[tuple[float, ...], ...]
    planner: Ints
    place: Ints
    log_joint: Floats
    ladder: tuple[float, ...]
    swapped: tuple[float, ...]
    round_trips: tuple[int, ...]
    r_hat: dict[str, float] = field(default_factory=dict)
    effective: dict[str, float] = field(default_factory=dict)

    @property
    def mixed(self) -> bool:
        """Whether the draws can be used: nothing speaks against it."""
        return not self.advice

    @property
    def advice(self) -> str:
        """Why the draws must not be used and what to do; "" where they can be."""
        off = [name for name, value in self.r_hat.items() if not value <= MAX_R_HAT]
        few = [name for name, value in self.effective.items() if not value >= MIN_EFFECTIVE]
        if off:
            return (
                f"not mixed: chains disagree on {', '.join(off[:5])} (R-hat up to "
                f"{max(self.r_hat.values()):.3g}, at most {MAX_R_HAT} is allowed). Give more "
                "steps, a longer ladder, or -p for each p and -w for each w"
            )
        if few:
            return (
                f"not mixed: {min(self.effective.values()):.0f} effective draws of {few[0]}, at "
                f"least {MIN_EFFECTIVE:.0f} are needed. Give more steps"
            )
        if len(self.ladder) > 1 and min(self.round_trips) == 0:
            return (
                "not mixed: in some chain nothing came down the whole ladder, so that a mode may "
                "be missing. Give more steps, or more rungs"
            )
        return ""

    @property
    def planner_probability(self) -> Floats:
        """(P,)"""
        count = np.bincount(self.planner.ravel(), minlength=len(self.planners))
        return np.asarray(count / self.planner.size)

    def weight_probability(self, feature: int) -> Floats:
        """(values of this feature,) probability of each."""
        count = np.bincount(self.place[:, :, feature].ravel(), minlength=len(self.values[feature]))
        return np.asarray(count / self.planner.size)

    def mean_weights(self) -> Floats:
        """E[w], (F,)."""
        return np.array([
            self.weight_probability(f) @ np.array(values) for f, values in enumerate(self.values)
        ])  # fmt: skip

    def table(self) -> Floats:
        """(P, R) probability of each pair, rewards in the order of `Rewards.grid`.

        Raises:
            ConfigError: more rewards than can be listed.
        """
        sizes = [len(values) for values in self.values]
        if float(np.prod(np.array(sizes, dtype=np.float64))) > MAX_REWARDS:
            raise ConfigError(f"table: more than {MAX_REWARDS} rewards; use weight_probability")
        reward = np.ravel_multi_index(tuple(self.place.reshape(-1, len(sizes)).T), sizes)
        shape = (len(self.planners), int(np.prod(sizes)))
        pair = np.ravel_multi_index((self.planner.ravel(), reward), shape)
        return np.asarray(np.bincount(pair, minlength=shape[0] * shape[1]).reshape(shape)
                          / self.planner.size)  # fmt: skip


@checked
def infer_mcmc(
    mdp: TabularMDP,
    demos: Demonstrations | None,
    planners: Sequence[Plans],
    features: ArrayLike,
    values: Sequence[Sequence[float]] | Sequence[float],
    *,
    prior: Prior | ArrayLike | None = None,
    assume: Sequence[Assumption] = (),
    feedback: Sequence[Choice] = (),
    chains: int = 32,
    steps: int = 4000,
    burn_in: int | None = None,
    ladder: Sequence[float] | None = None,
    seed: int = 0,
) -> MCMCPosterior:
    """Draw pairs of planner and reward from their posterior. Ask `.mixed` before using them.

    Args:
        planners: of any kind.
        features: phi[f, s, a], (F, S, A).
        values: the weights that every feature may have, or one such list a feature.
        prior: (P,) weights of planners, or a `Prior`, whose numbers must not depend on which
            other pairs it is asked about; every pair alike by default.
        assume: factors; those that judge planners are computed once each.
        burn_in: steps before the first that is kept; half of `steps` by default.
        ladder: powers of the likelihood, from 1 down; by default halved until the demonstrations
            count as less than one, and 0.

    Raises:
        ConfigError: arguments out of range, or a prior that depends on what else it is asked.
        DataError: demonstrations that cannot have happened in this world.
        FitError: no pair that satisfies the assumptions was found to start from.
    """
    phi = mdp.checked_tables(features, "infer_mcmc: features")
    if phi.ndim != 3 or not len(phi):
        raise ConfigError(f"infer_mcmc: features must be (F, S, A); got shape {phi.shape}")
    lists = _lists(values, len(phi))
    counts = np.zeros(phi.shape[1:]) if demos is None else demos.check(mdp).counts(mdp)
    rungs = tuple(ladder) if ladder is not None else _ladder(counts.sum() + len(feedback))
    wrong = rungs[:1] != (1.0,) or any(b <= a for a, b in zip(rungs[1:], rungs[:-1], strict=True))
    if min(len(planners), chains - 1, steps - 3) < 1 or wrong or rungs[-1] < 0:
        raise ConfigError(
            "infer_mcmc: at least 1 planner, 2 chains and 4 steps are needed, and a ladder that "
            f"falls from 1; got {len(planners)}, {chains}, {steps}, {rungs}"
        )
    target = _Target(
        mdp=mdp, planners=tuple(planners), features=phi, values=lists, counts=counts,
        log_prior=_prior(prior, mdp, tuple(planners)), assume=tuple(assume),
        feedback=tuple(feedback),
    )  # fmt: skip
    walk = _Walk(target, rungs, chains, seed)
    for _ in range(steps // 2 if burn_in is None else burn_in):
        walk.step()
    walk.forget()
    planner, place = (
        np.zeros((chains, steps), np.int64),
        np.zeros((chains, steps, len(phi)), np.int64),
    )
    log_joint = np.zeros((chains, steps))
    for n in range(steps):
        walk.step()
        planner[:, n], place[:, n] = walk.state[:, 0, 0], walk.state[:, 0, 1:]
        log_joint[:, n] = walk.log_data[:, 0] + walk.log_fixed[:, 0]
    r_hat, effective = _judged(target, planner, place, log_joint)
    return MCMCPosterior(
        planners=target.planners, features=phi, values=tuple(tuple(row) for row in lists),
        planner=planner, place=place, log_joint=log_joint, ladder=rungs,
        swapped=tuple(walk.swaps_taken / np.maximum(walk.swaps_tried, 1)),
        round_trips=tuple(int(trips) for trips in walk.round_trips),
        r_hat=r_hat, effective=effective,
    )  # fmt: skip


def _lists(values: Sequence[Sequence[float]] | Sequence[float], features: int) -> list[Floats]:
    each = np.ndim(values[0]) > 0 if len(values) else False
    rows = [np.asarray(row, dtype=np.float64) for row in (values if each else [values] * features)]
    fine = [
        row.ndim == 1 and len(np.unique(row)) == len(row) > 0 and np.isfinite(row).all()
        for row in rows
    ]
    if len(rows) != features or not all(fine):
        raise ConfigError(
            "infer_mcmc: give one list of different finite values, or one a feature "
            f"({features}); got {len(rows)}"
        )
    return rows


def _ladder(steps: float) -> tuple[float, ...]:
    rungs = [1.0]
    while rungs[-1] * steps >= 1:
        rungs.append(rungs[-1] / 2)
    return (*rungs, 0.0)


def _prior(
    prior: Prior | ArrayLike | None, mdp: TabularMDP, planners: tuple[Plans, ...]
) -> Callable[[int, Rewards], Floats]:
    """(h,) log prior of one planner with some rewards."""
    if prior is None or not hasattr(prior, "log_prior"):
        each = planner_log_prior(prior, len(planners))
        return lambda p, rewards: np.full(len(rewards), each[p])
    ask: Callable[..., Floats] = prior.log_prior
    return lambda p, rewards: np.asarray(ask(mdp, [planners[p]], rewards), dtype=np.float64)[0]


# ---------------------------------------------------------------- the target


@dataclass(frozen=True, kw_only=True, eq=False)
class _Target:
    """The two parts of the log joint of states (n, 1 + F): a planner and places on the lists."""

    mdp: TabularMDP
    planners: tuple[Plans, ...]
    features: Floats
    values: list[Floats]
    counts: Floats
    log_prior: Callable[[int, Rewards], Floats]
    assume: tuple[Assumption, ...]
    feedback: tuple[Choice, ...]
    seen: dict[bytes, tuple[float, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        ends = np.array([[0] * len(self.values), [len(row) - 1 for row in self.values]])
        both = self.log_prior(0, self._rewards(ends))
        alone = [self.log_prior(0, self._rewards(row[None]))[0] for row in ends]
        if not np.allclose(both, alone, equal_nan=True):
            raise ConfigError(
                "infer_mcmc: the prior gives a pair other numbers when it is asked about other "
                "pairs too; it must not normalise"
            )

    def __call__(self, states: Ints) -> tuple[Floats, Floats]:
        """Log likelihood and the rest, (n,) each."""
        told, width = states.tobytes(), states.itemsize * states.shape[1]
        keys = [told[i : i + width] for i in range(0, len(told), width)]
        if len(self.seen) > MAX_SEEN:
            self.seen.clear()
        new = {key: i for i, key in enumerate(keys) if key not in self.seen}
        if new:
            rows = states[list(new.values())]
            for p in np.unique(rows[:, 0]):
                self._evaluate(int(p), rows[rows[:, 0] == p])
        found = np.array([self.seen[key] for key in keys])
        return found[:, 0], found[:, 1]

    def _rewards(self, places: Ints) -> Rewards:
        weights = np.stack([row[places[:, f]] for f, row in enumerate(self.values)], axis=1)
        names = tuple(f"w{f}" for f in range(len(self.values)))
        return Rewards(features=self.features, weights=weights, feature_names=names)

    def _evaluate(self, p: int, states: Ints) -> None:
        rewards, planner = self._rewards(states[:, 1:]), self.planners[p]
        R = rewards.block()
        block = Block(
            mdp=self.mdp, planner=planner, rewards=R, weights=rewards.weights,
            policies=planner.policies(self.mdp, R),
        )  # fmt: skip
        data = demonstrations_log_likelihood(block.policies, self.counts)
        data = data + log_likelihood(self.feedback, rewards.weights)
        fixed = self.log_prior(p, rewards)
        for assumption in self.assume:
            fixed = fixed + assumption.log_factor(block)
        for state, a, b in zip(states, data, fixed, strict=True):
            self.seen[state.tobytes()] = (float(a), float(b))


# ---------------------------------------------------------------- the walk


class _Walk:
    """C x T states, moved and swapped in place."""

    def __init__(self, target: _Target, rungs: Sequence[float], chains: int, seed: int) -> None:
        self.target = target
        self.rng = stream(seed, "preferences", "mcmc")
        self.power = np.array(rungs)
        self.sizes = np.array([len(target.planners), *(len(row) for row in target.values)])
        self.opposite = _opposites(target.planners)
        self.mirror = [_mirrored(row) for row in target.values]
        self.state, self.log_data, self.log_fixed = self._started(chains)
        self.replica = np.tile(np.arange(len(rungs)), (chains, 1))
        self.came_from_the_end = np.zeros((chains, len(rungs)), dtype=bool)
        self.time = 0
        self.forget()

    def forget(self) -> None:
        """Count swaps and journeys from here on."""
        self.swaps_taken = np.zeros(len(self.power) - 1)
        self.swaps_tried = np.zeros(len(self.power) - 1)
        self.round_trips = np.zeros(len(self.state), dtype=np.int64)

    def step(self) -> None:
        """One move in every state, then swaps between neighbours."""
        shape = self.log_data.shape
        proposed, possible = self._proposals(self.state.reshape(-1, self.state.shape[-1]))
        data, fixed = (part.reshape(shape) for part in self.target(proposed))
        before = self._tempered(self.log_data, self.log_fixed)
        after = self._tempered(data, fixed)
        allowed = possible.reshape(shape) & ~np.isneginf(fixed)
        taken = allowed & self._accepted(before, after)
        self.state[taken] = proposed.reshape(self.state.shape)[taken]
        self.log_data[taken], self.log_fixed[taken] = data[taken], fixed[taken]
        self._swap(self.time % 2)
        self.time += 1

    def _tempered(self, log_data: Floats, log_fixed: Floats) -> Floats:
        """(C, T); 0 * -inf is 0: the rung at 0 knows no data."""
        with np.errstate(invalid="ignore"):
            return np.where(self.power > 0, self.power * log_data, 0.0) + log_fixed

    def _accepted(self, before: Floats, after: Floats) -> NDArray[np.bool_]:
        """Metropolis; a state that is impossible itself (a start may be) takes anything."""
        with np.errstate(invalid="ignore"):
            gain = after - before
        log_u = np.log(self.rng.random(before.shape))
        return np.asarray(np.isneginf(before) | (log_u < gain))

    def _proposals(self, states: Ints) -> tuple[Ints, NDArray[np.bool_]]:
        """One symmetric proposal for each state, and whether it exists."""
        n, width = states.shape
        rng, rows = self.rng, np.arange(n)
        move = np.searchsorted(np.cumsum(MOVES), rng.random(n) * sum(MOVES))
        column = np.where(move == 2, 0, 1 + rng.integers(width - 1, size=n))
        size = self.sizes[column]
        stepped = states[rows, column] + 2 * rng.integers(2, size=n) - 1
        anywhere = (rng.random(n) * size).astype(np.int64)
        wanted = np.where(move == 0, stepped, anywhere)
        possible = np.asarray((wanted >= 0) & (wanted < size))
        out = states.copy()
        moves = possible & (move < 3)
        out[rows[moves], column[moves]] = wanted[moves]
        flip = move == 3
        if flip.any():
            turned = np.stack(
                [self.opposite[states[flip, 0]],
                 *(row[states[flip, 1 + f]] for f, row in enumerate(self.mirror))], axis=1,
            )  # fmt: skip
            exists = np.asarray(turned.min(axis=1) >= 0)
            out[flip] = np.where(exists[:, None], turned, states[flip])
            possible[flip] = exists
        return out, possible

    def _swap(self, parity: int) -> None:
        left = np.arange(parity, len(self.power) - 1, 2)
        if len(left):
            right = left + 1
            hot, cold = self.power[right], self.power[left]
            a, b = self.log_data[:, left], self.log_data[:, right]
            before = _times(cold, a) + _times(hot, b)
            after = _times(cold, b) + _times(hot, a)
            taken = self._accepted(before, after)
            self.swaps_taken[left] += taken.sum(axis=0)
            self.swaps_tried[left] += len(taken)
            chain, pair = np.nonzero(taken)
            here, there = (chain, left[pair]), (chain, right[pair])
            for held in (self.state, self.log_data, self.log_fixed, self.replica):
                held[here], held[there] = held[there].copy(), held[here].copy()
        chains = np.arange(len(self.state))
        cold_one = (chains, self.replica[:, 0])
        self.round_trips += self.came_from_the_end[cold_one]
        self.came_from_the_end[cold_one] = False
        self.came_from_the_end[chains, self.replica[:, -1]] = True

    def _started(self, chains: int) -> tuple[Ints, Floats, Floats]:
        """States drawn uniformly among those that the assumptions allow."""
        shape = (chains, len(self.power))
        state = np.zeros((chains * shape[1], len(self.sizes)), dtype=np.int64)
        missing = np.arange(len(state))
        data, fixed = np.zeros(len(state)), np.zeros(len(state))
        for _ in range(MAX_START_DRAWS):
            drawn = self.rng.random((len(missing), len(self.sizes))) * self.sizes
            state[missing] = drawn.astype(np.int64)
            data[missing], fixed[missing] = self.target(state[missing])
            missing = missing[np.isneginf(fixed[missing])]
            if not len(missing):
                return state.reshape(*shape, -1), data.reshape(shape), fixed.reshape(shape)
        raise FitError(
            f"infer_mcmc: {MAX_START_DRAWS} draws found no pair that satisfies the assumptions "
            "and the prior: assume less, or give values that can"
        )


def _times(power: Floats, log_data: Floats) -> Floats:
    with np.errstate(invalid="ignore"):
        return np.where(power > 0, power * log_data, 0.0)


def _opposites(planners: tuple[Plans, ...]) -> Ints:
    """(P,) the place of -p on the list, -1 where it is not there."""
    found = np.full(len(planners), -1)
    for i, one in enumerate(planners):
        for j, other in enumerate(planners):
            # Each has one opposite only: a flip must undo itself, or the walk is not symmetric.
            alone = found[i] < 0 and found[j] < 0
            if alone and isinstance(other, Negated) and other.planner == one:
                found[i], found[j] = j, i
    return found


def _mirrored(values: Floats) -> Ints:
    """The place of -w on a list, -1 where it is not there."""
    same = np.equal(values[:, None], -values)
    return np.where(same.any(axis=1), same.argmax(axis=1), -1)


# ---------------------------------------------------------------- diagnostics


def _judged(
    target: _Target, planner: Ints, place: Ints, log_joint: Floats
) -> tuple[dict[str, float], dict[str, float]]:
    # Planners are solved to 1e-8: what differs by less is rounding, not mixing.
    quantities = {"log joint": np.round(log_joint, 6)}
    for f, values in enumerate(target.values):
        quantities[f"w{f}"] = values[place[:, :, f]]
    for p, name in enumerate(one.name for one in target.planners):
        there = (planner == p).astype(np.float64)
        if there.mean() > NEGLIGIBLE:
            quantities[f"{name} ({p})"] = there
    judged = {name: r_hat_and_effective(draws) for name, draws in quantities.items()}
    return {k: v[0] for k, v in judged.items()}, {k: v[1] for k, v in judged.items()}


def r_hat_and_effective(draws: Floats) -> tuple[float, float]:
    """Split R-hat and the effective sample size of draws (C, N), as in Vehtari et al. (2021),
    sections 2 and 3, without their rank normalisation.

    What never varies has R-hat 1; what varies between chains only has R-hat infinity.
    """
    half = draws.shape[1] // 2
    parts = np.concatenate([draws[:, :half], draws[:, -half:]])
    m, n = parts.shape
    centred = parts - parts.mean(axis=1, keepdims=True)
    within = float((centred**2).sum() / (m * (n - 1)))
    between = float(n * parts.mean(axis=1).var(ddof=1))
    if within == 0:
        return (1.0, float(m * n)) if between == 0 else (np.inf, 1.0)
    pooled = (n - 1) / n * within + between / n
    spectrum = np.fft.rfft(centred, 2 * n, axis=1)
    autocovariance = np.fft.irfft(np.abs(spectrum) ** 2, axis=1)[:, :n].mean(axis=0) / n
    rho = 1 - (within - autocovariance * n / (n - 1)) / pooled
    rho[0] = 1.0
    pairs = rho[: n - n % 2].reshape(-1, 2).sum(axis=1)
    # Geyer: sums of neighbours are positive and falling for a reversible chain.
    last = int(np.argmax(pairs <= 0)) if (pairs <= 0).any() else len(pairs)
    time = -1 + 2 * float(np.minimum.accumulate(pairs[:last]).sum())
    return float(np.sqrt(pooled / within)), float(m * n / max(time, 1 / np.log10(m * n)))
