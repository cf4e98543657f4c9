"""Finite lists of candidate rewards, each linear in features: R = sum_f w[h, f] phi[f, s, a]."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from precocial.choice.arguments import checked, indices_of
from precocial.errors import ConfigError
from precocial.preferences.mdp import TabularMDP

Floats = NDArray[np.float64]
MAX_BYTES = 2**29
"""Tables of features larger than this are refused."""
MAX_REWARDS = 1_000_000
"""More are refused: enumerating them would take hours. Take fewer values, or a gradient method."""


@checked
@dataclass(frozen=True, kw_only=True, eq=False)
class Rewards:
    """H candidate rewards over F features.

    Attributes:
        features: (F, S, A) phi[f, s, a].
        weights: (H, F).
        feature_names: F names.
        names: H names; () makes them from the weights.
        arrival: (F, S) what a feature pays on arriving, of which `features` are the expectation;
            None for features of the state and the action alone. See `in_world`.
    """

    features: Floats
    weights: Floats
    feature_names: tuple[str, ...]
    names: tuple[str, ...] = ()
    arrival: Floats | None = None

    def __post_init__(self) -> None:
        F = len(self.features)
        if self.features.ndim != 3 or self.weights.ndim != 2 or self.weights.shape[1] != F:
            raise ConfigError(
                f"Rewards: features must be (F, S, A) and weights (H, F); got "
                f"{self.features.shape} and {self.weights.shape}"
            )
        if not (np.isfinite(self.features).all() and np.isfinite(self.weights).all()):
            raise ConfigError("Rewards: features and weights must be finite")
        if not 1 <= len(self.weights) <= MAX_REWARDS:
            raise ConfigError(
                f"Rewards: 1 to {MAX_REWARDS} rewards can be enumerated; got {len(self.weights)}"
            )
        if len(self.feature_names) != F or len(self.names) not in (0, len(self.weights)):
            raise ConfigError("Rewards: one name a feature, and one name a reward or none")
        if self.arrival is not None and self.arrival.shape != self.features.shape[:2]:
            raise ConfigError(
                f"Rewards: arrival must be (F, S), {self.features.shape[:2]}; got "
                f"{self.arrival.shape}"
            )

    @classmethod
    @checked
    def tables(cls, rewards: ArrayLike, names: Sequence[str] = ()) -> Rewards:
        """From reward tables R[h, s, a], (H, S, A): every reward is a feature of its own."""
        R = np.asarray(rewards, dtype=np.float64)
        if R.ndim != 3:
            raise ConfigError(f"reward tables must be (H, S, A); got shape {R.shape}")
        own = tuple(names) or tuple(f"R{h}" for h in range(len(R)))
        return cls(features=R, weights=np.eye(len(R)), feature_names=own, names=own)

    @classmethod
    @checked
    def goals(cls, mdp: TabularMDP, *, states: ArrayLike | None = None) -> Rewards:
        """One reward a state: 1 for arriving there, 0 elsewhere. Default: every state that can be
        arrived at."""
        reached = np.unique(mdp.successors[~mdp.terminal][mdp.probability[~mdp.terminal] > 0])
        chosen = reached if states is None else indices_of("goals: states", states, mdp.n_states)
        if not len(chosen) or chosen.min() < 0 or chosen.max() >= mdp.n_states:
            raise ConfigError(f"goals must be states 0 to {mdp.n_states - 1}; got {states!r}")
        size = 8 * len(chosen) * mdp.n_states * mdp.n_actions
        if size > MAX_BYTES:
            raise ConfigError(
                f"goals: {len(chosen)} goals in this world need {size / 2**30:.1f} GiB; name fewer "
                "states=..., or make fewer states"
            )
        names = tuple(f"goal {mdp.state_name(int(s))}" for s in chosen)
        paid = np.where(mdp.terminal[:, None, None], 0.0, mdp.dense[:, :, chosen])
        return cls(
            features=np.moveaxis(paid, 2, 0).copy(), weights=np.eye(len(chosen)),
            feature_names=names, names=names, arrival=np.eye(mdp.n_states)[chosen],
        )  # fmt: skip

    @classmethod
    @checked
    def grid(
        cls,
        features: ArrayLike,
        values: Sequence[Sequence[float]] | Sequence[float],
        *,
        names: Sequence[str] = (),
    ) -> Rewards:
        """Every combination of weights on a grid.

        Args:
            features: (F, S, A).
            values: the weights that every feature may have, or one such list a feature.
            names: F names.
        """
        phi = np.asarray(features, dtype=np.float64)
        if phi.ndim != 3:
            raise ConfigError(f"grid: features must be (F, S, A); got shape {phi.shape}")
        F = len(phi)
        each = np.ndim(values[0]) > 0 if len(values) else False
        lists = [np.asarray(row, dtype=np.float64) for row in values] if each else [values] * F
        if len(lists) != F or not all(len(row) for row in lists):
            raise ConfigError(f"grid: give one list of values a feature ({F}); got {len(lists)}")
        count = math.prod(len(row) for row in lists)
        if count > MAX_REWARDS:
            raise ConfigError(
                f"grid: {count} rewards, at most {MAX_REWARDS} can be enumerated. Take fewer values"
            )
        weights = np.array(list(itertools.product(*lists)), dtype=np.float64)
        own = tuple(names) or tuple(f"f{i}" for i in range(F))
        return cls(features=phi, weights=weights, feature_names=own)

    def __len__(self) -> int:
        return len(self.weights)

    def __or__(self, other: Rewards) -> Rewards:
        """Both lists, one after the other."""
        F = len(self.features)
        weights = np.zeros((len(self) + len(other), F + len(other.features)))
        weights[: len(self), :F] = self.weights
        weights[len(self) :, F:] = other.weights
        return Rewards(
            features=np.concatenate([self.features, other.features]),
            weights=weights,
            feature_names=self.feature_names + other.feature_names,
            names=tuple(one.name(h) for one in (self, other) for h in range(len(one))),
            arrival=None
            if self.arrival is None or other.arrival is None
            else np.concatenate([self.arrival, other.arrival]),
        )

    def __neg__(self) -> Rewards:
        """Every reward's opposite."""
        return Rewards(
            features=self.features, weights=-self.weights, feature_names=self.feature_names,
            names=tuple(f"-({name})" for name in self.names), arrival=self.arrival,
        )  # fmt: skip

    def in_world(self, mdp: TabularMDP) -> Rewards:
        """The same rewards where other states follow: what is paid on arriving is averaged over
        the successors there, what is paid for acting stays.

        Raises:
            ConfigError: a world with other states or actions.
        """
        wanted = (mdp.n_states, mdp.n_actions)
        if self.features.shape[1:] != wanted:
            raise ConfigError(
                f"in_world: rewards over {self.features.shape[1:]} states and actions; the world "
                f"has {wanted}"
            )
        if self.arrival is None:
            return self
        return replace(self, features=mdp.on_arrival(self.arrival))

    def name(self, reward: int) -> str:
        """The name of one reward, or its weights that are not 0."""
        if self.names:
            return self.names[reward]
        row = self.weights[reward]
        told = [f"{value:g} {self.feature_names[f]}" for f, value in enumerate(row) if value]
        return ", ".join(told) or "nothing"

    def with_opposites(self) -> Rewards:
        """Every reward, and every opposite: the sign stays as open as behaviour leaves it."""
        told = tuple(self.name(h) for h in range(len(self)))
        return replace(
            self, weights=np.concatenate([self.weights, -self.weights]),
            names=(*told, *(f"-({name})" for name in told)),
        )  # fmt: skip

    def block(self, low: int = 0, high: int | None = None) -> Floats:
        """R[h, s, a] of rewards low to high, (h, S, A)."""
        return np.tensordot(self.weights[low:high], self.features, axes=1)
