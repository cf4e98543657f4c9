"""What behaviour fixes about a reward: null spaces, rank tests, recovery.

Experts who share a reward R say R - v_i + gamma_i P_i v_i = g_i, each with values v_i of its own
(`experts`): linear equations in R and the values. One soft expert leaves exactly the shapings
v - gamma E v, a space of dimension S; with two discounts or two sufficiently different worlds only
a constant is left.

Sources: Cao, Cohen and Szpruch 2021 (two discounts or worlds); Rolland et al. 2022 (rank condition,
features), both from their abstracts: the linear form and the projection that brings in features are
ours. Shape letters: N experts, S states, A actions, F features, U live (not terminal) states.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from precocial.choice.arguments import checked
from precocial.errors import ConfigError, FitError
from precocial.preferences.identify.experts import Expert
from precocial.preferences.identify.starc import shaping
from precocial.preferences.mdp import TabularMDP

Floats = NDArray[np.float64]
RANK = 1e-9
"""Singular values below this share of the largest count as 0 (ours: exact policies leave them near
1e-16, and a direction a billion times weaker than the strongest cannot be told in practice)."""
CONSISTENT = 1e-6
"""Exact experts who miss each other's equations by more than this, as a share of the largest g,
cannot have one reward."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Ambiguity:
    """Which changes of the reward no expert would show.

    Attributes:
        basis: (D, S, A) orthonormal: R and R + any combination give every expert its behaviour.
        rank: of the stacked equations in the experts' values.
        unknowns: how many values there are; rank = unknowns - 1 leaves a constant at most.
        condition: largest over smallest singular value that is not 0: how much noise in log
            policies grows.
        constant: whether a constant may be added to the reward.
    """

    basis: Floats
    rank: int
    unknowns: int
    condition: float
    constant: bool

    @property
    def dimension(self) -> int:
        """D, of the space of rewards that look alike."""
        return len(self.basis)

    @property
    def identified(self) -> bool:
        """Whether the reward is known up to a constant at most."""
        return self.dimension == int(self.constant)


@dataclass(frozen=True, kw_only=True, eq=False)
class Recovery:
    """A reward made from experts.

    Attributes:
        reward: R[s, a]; of all that fit equally well the one with least shaping, less its mean
            where a constant is free. nan where an unvisited state left nothing.
        standard_error: (S, A) of it, up to the constant; 0 where exact experts decide it, and
            infinite where no expert does, as an interval of any width holds other rewards.
        residual: largest miss of an equation: 0 for exact experts who share a reward.
        ambiguity: what could be added.
        status: "up to a constant", "exactly" or "not identified".
        advice: what would help; "" if nothing is needed.
    """

    reward: Floats
    standard_error: Floats
    residual: float
    ambiguity: Ambiguity
    status: Literal["exactly", "up to a constant", "not identified"]
    advice: str


@checked
def ambiguity(experts: Sequence[Expert], *, features: ArrayLike | None = None) -> Ambiguity:
    """The null space of what experts say about the reward they share, and its rank certificate.

    Two experts, no features: the rank of [I - g1 P1 | -(I - g2 P2)] stacked over actions; 2S - 1
    means that only a constant is free (where no state is terminal). In general, with
    B_i v = v - g_i P_i v and Phi spanning the rewards allowed, the values v_1..v_N satisfy

        B_1 v_1 = B_i v_i  for i = 2..N,    (I - Phi Phi^+) B_1 v_1 = 0,

    and the rewards that look alike are the B_1 v_1. Pairs of which nothing but an inequality is
    known (never seen, or not done by an optimal expert) are free: for those see `intervals`.

    Args:
        features: phi[f, s, a], (F, S, A): rewards are combinations of these; None for any reward.

    Raises:
        ConfigError: no experts, worlds of different size, features of another shape.
    """
    return _Stack.of(experts, features).ambiguity()


@checked
def recover_reward(experts: Sequence[Expert], *, features: ArrayLike | None = None) -> Recovery:
    """The reward that experts share, by least squares in their values; see `Recovery`.

    Equations are weighted by the inverse variance of counted policies. Standard errors are the
    delta method's, given the weights.

    Raises:
        ConfigError: as `ambiguity`.
        FitError: exact experts who cannot have one reward.
    """
    return _Stack.of(experts, features).recovery()


@checked
def reward_from_two(
    first: Expert, second: Expert, *, features: ArrayLike | None = None
) -> Recovery:  # fmt: skip
    """The reward, up to a constant, from two experts: two discounts, or two worlds.

    Raises:
        ConfigError: as `ambiguity`.
        FitError: the two leave more than a constant undecided (rank below 2U - 1), or cannot have
            one reward. `recover_reward` answers all the same.
    """
    found = recover_reward([first, second], features=features)
    left = found.ambiguity
    if not left.identified:
        raise FitError(
            f"the two experts leave {left.dimension} directions of the reward undecided: the rank "
            f"is {left.rank}, {left.unknowns - 1} is needed for all but a constant. {found.advice}"
        )
    return found


@checked
def state_features(mdp: TabularMDP, *, on_arrival: bool = False) -> Floats:
    """phi[f, s, a], (S, S, A), of rewards that depend on the state alone: paid on acting in it, or
    on arriving."""
    eye = np.eye(mdp.n_states)
    if on_arrival:
        return mdp.on_arrival(eye)
    return np.repeat(eye[:, :, None], mdp.n_actions, axis=2)


# ------------------------------------------------------------ the stacked equations


@dataclass(frozen=True, kw_only=True, eq=False)
class _Stack:
    """Equations M x = pull @ g, x = (values of each expert's live states, rewards of pairs of
    which no expert says anything); rewards are to_reward @ x + from_g @ g.

    Attributes:
        g: (N, S, A), 0 where unknown.
        live: (S, A) pairs that some expert could try.
        said: (S, A) pairs for which some expert's g is known.
        M: (rows, unknowns). pull: (rows, N*S*A).
        to_reward: (S*A, unknowns). from_g: (S*A, N*S*A).
    """

    experts: tuple[Expert, ...]
    g: Floats
    live: NDArray[np.bool_]
    said: NDArray[np.bool_]
    M: Floats
    pull: Floats
    to_reward: Floats
    from_g: Floats

    @classmethod
    def of(cls, experts: Sequence[Expert], features: ArrayLike | None) -> _Stack:
        chosen = tuple(experts)
        _same_size(chosen)
        N, (S, A) = len(chosen), chosen[0].centre.shape
        living = np.array([np.repeat(~e.mdp.terminal, A) for e in chosen])  # (N, S*A)
        centre = np.array([e.centre.ravel() for e in chosen])
        known = np.isfinite(centre) & living
        said, live = np.any(known, axis=0), np.any(living, axis=0)
        lead = known.argmax(axis=0)
        silent = np.flatnonzero(live & ~said)
        values = [~e.mdp.terminal for e in chosen]
        ends = np.cumsum([0, *(int(v.sum()) for v in values), len(silent)])
        B = np.zeros((N, S * A, ends[-1]))
        for i, expert in enumerate(chosen):
            moved = shaping(expert.mdp)[:, :, values[i]].reshape(S * A, -1)
            B[i, :, ends[i] : ends[i + 1]] = moved
        place = np.arange(S * A)
        to_reward, from_g = np.zeros((S * A, ends[-1])), np.zeros((S * A, N * S * A))
        to_reward[said] = B[lead[said], place[said]]
        to_reward[silent, ends[N] + np.arange(len(silent))] = 1.0
        from_g[place[said], lead[said] * S * A + place[said]] = 1.0
        later, pair = np.nonzero(known & (np.arange(N)[:, None] > lead))
        M, pull = to_reward[pair] - B[later, pair], -from_g[pair]
        pull[np.arange(len(pair)), later * S * A + pair] += 1.0
        if features is not None:
            outside = _outside(features, live, (S, A))
            M = np.concatenate([M, outside @ to_reward[live]])
            pull = np.concatenate([pull, -outside @ from_g[live]])
        g = np.where(known, centre, 0.0).reshape(N, S, A)
        return cls(
            experts=chosen, g=g, live=live.reshape(S, A), said=said.reshape(S, A), M=M, pull=pull,
            to_reward=to_reward, from_g=from_g,
        )  # fmt: skip

    def ambiguity(self) -> Ambiguity:
        null, rank, condition = _null_space(self.M)
        left, size, _ = np.linalg.svd(self.to_reward @ null, full_matrices=False)
        basis = left[:, size > RANK].T.reshape(-1, *self.live.shape)
        return Ambiguity(
            basis=basis, rank=rank, unknowns=self.M.shape[1], condition=condition,
            constant=_holds_constant(basis, self.live),
        )  # fmt: skip

    def recovery(self) -> Recovery:
        found, g = self.ambiguity(), self.g.ravel()
        scale = 1 / np.sqrt(self._variances())[:, None]
        solver = np.linalg.pinv(scale * self.M, rcond=RANK) @ (scale * self.pull)
        residual = float(np.abs(self.M @ (solver @ g) - self.pull @ g).max(initial=0.0))
        exact = all(e.covariance is None for e in self.experts)
        if exact and residual > CONSISTENT * max(1.0, float(np.abs(g).max())):
            raise FitError(
                f"no reward gives all these policies (they miss by {residual:.3g}). Are the kind "
                "and beta of each expert right, the discounts, and the features enough?"
            )
        linear = self.to_reward @ solver + self.from_g
        if found.constant:
            linear = linear - linear[self.live.ravel()].mean(axis=0)
        shape = self.live.shape
        # a pair of which nobody says anything is known only if features tie it to others
        free = self.live & ~self.said & (np.abs(found.basis).max(axis=0, initial=0.0) > RANK)
        error = np.sqrt(np.maximum(self._spread(linear), 0.0)).reshape(shape)
        status, advice = _status(found, self.live & ~self.said)
        return Recovery(
            reward=np.where(free, np.nan, (linear @ g).reshape(shape)),
            standard_error=np.where(self._is_open(found), np.inf, error), residual=residual,
            ambiguity=found, status=status, advice=advice,
        )  # fmt: skip

    def _is_open(self, found: Ambiguity) -> NDArray[np.bool_]:
        """(S, A) pairs at which rewards that look alike differ, a constant apart."""
        basis = found.basis
        if found.constant:
            basis = basis - basis[:, self.live].mean(axis=1)[:, None, None] * self.live
        return np.asarray(self.live & (np.abs(basis).max(axis=0, initial=0.0) > CONSISTENT))

    def _variances(self) -> Floats:
        """(rows,) of pull @ g; all 1 where experts are exact."""
        if all(e.covariance is None for e in self.experts):
            return np.ones(len(self.M))
        found = self._spread(self.pull)
        return np.maximum(found, 1e-12 * float(found.max(initial=1.0)))

    def _spread(self, linear: Floats) -> Floats:
        """(rows,) variance of linear @ g."""
        parts = linear.reshape(len(linear), *self.g.shape)
        total = np.zeros(len(linear))
        for i, expert in enumerate(self.experts):
            if expert.covariance is not None:
                half = np.einsum("rsa,sab->rsb", parts[:, i], expert.covariance)
                total += (half * parts[:, i]).sum(axis=(1, 2))
        return total


def _outside(features: ArrayLike, live: NDArray[np.bool_], shape: tuple[int, int]) -> Floats:
    """(rows, live pairs) orthonormal rows at right angles to every feature."""
    phi = np.asarray(features, dtype=np.float64)
    if phi.ndim != 3 or phi.shape[1:] != shape or not np.isfinite(phi).all():
        raise ConfigError(f"features must be finite, (F, {shape[0]}, {shape[1]}); got {phi.shape}")
    columns = phi.reshape(len(phi), -1).T[live]
    left, size, _ = np.linalg.svd(columns, full_matrices=True)
    rank = int((size > RANK * size.max(initial=0.0)).sum())
    return np.asarray(left[:, rank:].T)


def _null_space(M: Floats) -> tuple[Floats, int, float]:
    """An orthonormal basis (unknowns, D), the rank, and the condition of what is not null."""
    if not len(M):
        return np.eye(M.shape[1]), 0, 1.0
    _, size, right = np.linalg.svd(M, full_matrices=True)
    rank = int((size > RANK * size[0]).sum())
    condition = float(size[0] / size[rank - 1]) if rank else 1.0
    return right[rank:].T, rank, condition


def _holds_constant(basis: Floats, live: NDArray[np.bool_]) -> bool:
    one = live / np.sqrt(max(int(live.sum()), 1))
    return float(((basis * one).sum(axis=(1, 2)) ** 2).sum()) > 1 - CONSISTENT


def _status(
    found: Ambiguity, silent: NDArray[np.bool_]
) -> tuple[Literal["exactly", "up to a constant", "not identified"], str]:
    if found.identified:
        return ("up to a constant" if found.constant else "exactly"), ""
    if silent.any():
        return "not identified", (
            f"nothing was said about {int(silent.sum())} pairs of state and action: demonstrations "
            "there, or features that tie them to others, would help"
        )
    return "not identified", (
        "An expert with another discount or in a world with other transitions would help, or "
        "features that leave fewer rewards"
    )


def _same_size(experts: tuple[Expert, ...]) -> None:
    if not experts:
        raise ConfigError("at least one expert is needed; Expert.soft(mdp, policy) makes one")
    shapes = {e.centre.shape for e in experts}
    if len(shapes) != 1:
        raise ConfigError(f"experts share a reward only over the same states; got {shapes}")
