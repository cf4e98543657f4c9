"""Worlds estimated from counted transitions, with what the counts leave open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import beta as beta_distribution

from precocial.choice.arguments import checked
from precocial.errors import ConfigError
from precocial.preferences.demos import Demonstrations
from precocial.preferences.mdp import TabularMDP
from precocial.runs.streams import stream

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
MAX_CELLS = 20_000_000
"""States x actions x states of a world counted from demonstrations: half a gigabyte with its
posterior and its successors (ours)."""
MAX_PAIRS = 50_000
"""States x actions: beyond, numbers with gaps were likely taken for states or actions (ours; all
default planners with the rewards of two states then take 20 s on one core)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class CountedWorld:
    """A world whose transitions were counted: P[s, a, .] ~ Dirichlet(prior + counts).

    Attributes:
        mdp: the world with the posterior means.
        counts: (S, A, S) how often s' followed s and a.
        concentration: (S, A, S) of the posterior, prior + counts; 0 where s' is impossible.
        unvisited: (S, A) true where nothing was counted: the world there is the prior's.
    """

    mdp: TabularMDP
    counts: Floats
    concentration: Floats
    unvisited: Bools

    @property
    def coverage(self) -> float:
        """The share of state-action pairs outside terminal states that were seen."""
        live = ~self.mdp.terminal
        return float(1 - self.unvisited[live].mean()) if live.any() else 1.0

    def interval(self, level: float = 0.95) -> tuple[Floats, Floats]:
        """(S, A, S) lower and upper ends of equal-tailed intervals of each P[s, a, s'].

        Exact: the marginals of a Dirichlet are Beta(alpha_i, alpha_0 - alpha_i). Each interval
        has its level by itself; all of them together do not.

        Raises:
            ConfigError: level outside (0, 1).
        """
        if not 0 < level < 1:
            raise ConfigError(f"interval: level must lie in (0, 1); got {level!r}")
        alpha = self.concentration
        rest = alpha.sum(axis=-1, keepdims=True) - alpha
        # Where one successor is the only possible one there is no Beta: it is certain.
        open_ = (alpha > 0) & (rest > 0) & ~self.mdp.terminal[:, None, None]
        ends = []
        for share in ((1 - level) / 2, (1 + level) / 2):
            end = np.array(self.mdp.dense)
            end[open_] = beta_distribution.ppf(share, alpha[open_], rest[open_])
            ends.append(end)
        return ends[0], ends[1]

    def sample(self, count: int, *, seed: int = 0) -> list[TabularMDP]:
        """Worlds drawn from the posterior: plan in each to see what the counts leave open.

        Raises:
            ConfigError: fewer than one.
        """
        if count < 1:
            raise ConfigError(f"sample: count must be at least 1; got {count}")
        rng = stream(seed, "preferences", "counted")
        alpha, possible = self.concentration, self.concentration > 0
        safe = np.where(possible, alpha, 1.0)
        worlds = []
        for _ in range(count):
            # log Gamma(a) = log Gamma(a + 1) + log(U) / a: small a would round to 0 otherwise.
            larger = np.log(rng.standard_gamma(safe + 1))
            log_gamma = larger + np.log1p(-rng.random(safe.shape)) / safe
            log_gamma[~possible] = -np.inf
            drawn = np.exp(log_gamma - log_gamma.max(axis=-1, keepdims=True))
            drawn /= drawn.sum(axis=-1, keepdims=True)
            drawn[self.mdp.terminal] = self.mdp.dense[self.mdp.terminal]
            worlds.append(
                TabularMDP.from_arrays(
                    drawn,
                    discount=self.mdp.discount,
                    start=self.mdp.start,
                    terminal=self.mdp.terminal,
                    states=self.mdp.states,
                    actions=self.mdp.actions,
                )
            )
        return worlds


@checked
def mdp_from_counts(
    seen: Demonstrations | ArrayLike,
    *,
    discount: float,
    prior: float | ArrayLike | None = None,
    n_states: int | None = None,
    n_actions: int | None = None,
    start: ArrayLike | None = None,
    terminal: ArrayLike | None = None,
    states: Sequence[str] = (),
    actions: Sequence[str] = (),
) -> CountedWorld:
    """Estimate a world from what followed what.

    Args:
        seen: demonstrations (steps whose next state is unknown are left out), or counts
            (S, A, S).
        discount: in [0, 1].
        prior: Dirichlet concentration of each next state, one number or (S, A, S); 0 in an array
            makes a transition impossible. Default 1/S (ours: one observation's
            worth, spread over all states, so that a few counts already outweigh it).
        n_states: how many states there are; default: the largest number seen, plus 1.
        n_actions: the same of actions.
        start: (S,) distribution; default: how often each state began an episode, or uniform for
            counts.
        terminal: (S,) booleans, or the numbers of terminal states.
        states: names.
        actions: names.

    Raises:
        ConfigError: counts or a prior that are negative or of another shape, a transition that
            was counted and that the prior calls impossible, or one out of a terminal state;
            demonstrations whose world has more than `MAX_CELLS` or `MAX_PAIRS`.
    """
    counts, first = _counted(seen, n_states, n_actions)
    S = len(counts)
    ended = _terminal(terminal, S)
    if counts[ended].any():
        state = int(np.flatnonzero(ended & counts.any(axis=(1, 2)))[0])
        raise ConfigError(
            f"mdp_from_counts: state {state} is terminal, and steps out of it were counted"
        )
    alpha = _prior(prior, counts.shape)
    broken = np.argwhere((counts > 0) & (alpha == 0))
    if len(broken):
        s, a, after = (int(i) for i in broken[0])
        raise ConfigError(
            f"mdp_from_counts: the step from state {s} by action {a} to {after} was counted, and "
            "the prior calls it impossible (0)"
        )
    total = alpha + counts
    dead = np.argwhere(total.sum(axis=2) == 0)
    if len(dead):
        raise ConfigError(
            f"mdp_from_counts: the prior gives state {dead[0][0]} and action {dead[0][1]} no "
            "possible next state"
        )
    mean = total / total.sum(axis=2, keepdims=True)
    mean[ended] = np.eye(S)[ended][:, None, :]
    begin = first if start is None else np.asarray(start, dtype=np.float64)
    mdp = TabularMDP.from_arrays(
        mean, discount=discount, start=begin, terminal=ended, states=states, actions=actions
    )
    unvisited = (counts.sum(axis=2) == 0) & ~ended[:, None]
    return CountedWorld(mdp=mdp, counts=counts, concentration=total, unvisited=unvisited)


def _counted(
    seen: Demonstrations | ArrayLike, n_states: int | None, n_actions: int | None
) -> tuple[Floats, Floats | None]:
    """(S, A, S) counts, and (S,) shares of first states."""
    if not isinstance(seen, Demonstrations):
        counts = np.asarray(seen, dtype=np.float64)
        if counts.ndim != 3 or counts.shape[0] != counts.shape[2] or 0 in counts.shape:
            raise ConfigError(f"mdp_from_counts: counts must be (S, A, S); got {counts.shape}")
        if not np.isfinite(counts).all() or counts.min() < 0:
            raise ConfigError("mdp_from_counts: counts must be finite and not negative")
        return counts, None
    largest = (max(seen.state.max(), seen.arrived.max()), seen.action.max())
    S = int(largest[0]) + 1 if n_states is None else n_states
    A = int(largest[1]) + 1 if n_actions is None else n_actions
    if largest[0] >= S or largest[1] >= A or min(seen.state.min(), seen.action.min()) < 0:
        raise ConfigError(
            f"mdp_from_counts: demonstrations hold state {largest[0]} and action {largest[1]}; "
            f"states must be 0 to {S - 1} and actions 0 to {A - 1}"
        )
    if S * A * S > MAX_CELLS or S * A > MAX_PAIRS:
        raise ConfigError(
            f"mdp_from_counts: a table of {S} states x {A} actions x {S} states is too large (at "
            f"most {MAX_CELLS:,} cells and {MAX_PAIRS:,} pairs of state and action). Number the "
            "states and actions that occur 0, 1, 2, ..., or cut measured numbers more coarsely "
            "(a Discretiser; --bins)"
        )
    counts = np.zeros((S, A, S))
    known = seen.arrived >= 0
    np.add.at(counts, (seen.state[known], seen.action[known], seen.arrived[known]), 1.0)
    begins = np.r_[True, seen.episode[1:] != seen.episode[:-1]]
    return counts, np.bincount(seen.state[begins], minlength=S) / begins.sum()


def _terminal(terminal: ArrayLike | None, states: int) -> Bools:
    if terminal is None:
        return np.zeros(states, dtype=bool)
    given = np.asarray(terminal)
    if given.dtype == bool and given.shape == (states,):
        return given
    if given.size == 0:
        return np.zeros(states, dtype=bool)
    if given.dtype.kind not in "iu" or given.ndim != 1 or given.min() < 0 or given.max() >= states:
        raise ConfigError(
            f"mdp_from_counts: terminal must be {states} booleans or states 0 to {states - 1}; "
            f"got {str(terminal)[:80]}"
        )
    return np.isin(np.arange(states), given)


def _prior(prior: float | ArrayLike | None, shape: tuple[int, ...]) -> Floats:
    alpha = np.asarray(1 / shape[0] if prior is None else prior, dtype=np.float64)
    if alpha.shape not in ((), shape) or not np.isfinite(alpha).all() or alpha.min() < 0:
        raise ConfigError(
            f"mdp_from_counts: prior must be one number or {shape}, finite and not negative; got "
            f"{str(prior)[:80]}"
        )
    if alpha.ndim == 0 and alpha == 0:
        raise ConfigError("mdp_from_counts: prior must be above 0, or an array (S, A, S)")
    return np.broadcast_to(alpha, shape)
