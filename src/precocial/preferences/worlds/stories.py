"""Three small stories of Armstrong's posts: one behaviour each, and several minds behind it.

Each pair (planner, reward) of a story does exactly the same, so no behaviour tells them apart; what
one should do for the person differs from pair to pair. The worlds are ours, after the posts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from precocial.choice.arguments import checked
from precocial.errors import ConfigError
from precocial.preferences.mdp import TabularMDP
from precocial.preferences.planners import Constant, Negated, Override, Plans, optimal

Floats = NDArray[np.float64]
CALL_ABOVE = 0.55
"""Alice calls above this chance of winning (Armstrong's story)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Story:
    """A world, what is done in it, and who may be doing it.

    Attributes:
        mdp: the world.
        behaviour: (S, A) what is seen; in terminal states, nothing.
        pairs: by name, a planner and a reward R[s, a] with planner(reward) = behaviour wherever
            something can be done.
    """

    mdp: TabularMDP
    behaviour: Floats
    pairs: dict[str, tuple[Plans, Floats]]

    def policy(self, name: str) -> Floats:
        """(S, A) what the pair of this name does."""
        planner, reward = self.pairs[name]
        return np.asarray(planner.policies(self.mdp, reward[None])[0])


@checked
def buttons(turns: int = 3, *, pressed: float = 0.5) -> Story:
    """H presses button B(0) until an observer presses X, then B(1), then B(0) again, and so on.

    States are the turn and whether X was pressed an even or odd number of times (X is pressed with
    probability `pressed` each turn). R(0) and R(1) count presses of the buttons; R(2) is R(0) while
    even and R(1) while odd. Pairs: "plausible", R(0), X makes H err; "rational", R(2); both with
    planner and reward negated; "indifferent", a constant planner.

    Raises:
        ConfigError: no turn, or a probability outside [0, 1].
    """
    if turns < 1 or not 0 <= pressed <= 1:
        raise ConfigError(
            f"buttons: turns must be at least 1 and pressed in [0, 1]; got {turns!r}, {pressed!r}"
        )
    flip = np.array([[1 - pressed, pressed], [pressed, 1 - pressed]])
    once = TabularMDP.from_arrays(
        np.repeat(flip[:, None], 2, axis=1), discount=0.5, start=[1.0, 0.0],
        states=("even", "odd"), actions=("B(0)", "B(1)"),
    )  # fmt: skip
    mdp = once.with_horizon(turns).with_discount(1.0)
    odd = tuple(range(1, mdp.n_states, 2))
    presses = np.eye(2)  # R(button)[action]
    R0 = np.tile(presses[0], (mdp.n_states, 1))
    R2 = np.tile(presses, (mdp.n_states // 2, 1))
    R0, R2 = (np.where(mdp.terminal[:, None], 0.0, R) for R in (R0, R2))
    behaviour = np.tile(presses, (mdp.n_states // 2, 1))
    slave = Override(planner=optimal(), states=odd, actions=(1,) * len(odd))
    return Story(
        mdp=mdp, behaviour=behaviour,
        pairs={
            "plausible": (slave, R0), "rational": (optimal(), R2),
            "plausible, negated": (Negated(planner=slave), -R0),
            "rational, negated": (Negated(planner=optimal()), -R2),
            "indifferent": (Constant(policy=behaviour), np.zeros_like(R0)),
        },
    )  # fmt: skip


@checked
def poker(weight: float = 0.7, *, levels: int = 5) -> Story:
    """Alice calls if weight * h1 + (1 - weight) * h2 > 0.55: h1 from the cards, h2 from Bob.

    A state is h1 and h2, each one of `levels` from 0 to 1. "confidence": she wants to win, h1 is
    her chance, and Bob misleads her where h2 changes her mind. "pleasing": she does what she wants,
    which is to win and, where h2 is high, to please Bob. Only the label of h2 tells them apart.

    Raises:
        ConfigError: a weight outside (0, 1), fewer than two levels, or a state where she is torn.
    """
    if not 0 < weight < 1 or levels < 2:
        raise ConfigError(
            f"poker: weight must lie in (0, 1) and levels be at least 2; got {weight!r}, {levels!r}"
        )
    h1, h2 = (h.ravel() for h in np.meshgrid(*[np.linspace(0, 1, levels)] * 2, indexing="ij"))
    mixed = weight * h1 + (1 - weight) * h2 - CALL_ABOVE
    if np.abs(mixed).min() < 1e-9:
        raise ConfigError(f"poker: with weight {weight!r} and {levels} levels some state is a tie")
    names = tuple(f"cards {a:g}, Bob {b:g}" for a, b in zip(h1, h2, strict=True))
    mdp = _one_shot(names, ("fold", "call"))
    pleasing, winning = _against_nothing(mixed), _against_nothing(h1 - CALL_ABOVE)
    calls = mixed > 0
    misled = np.flatnonzero(calls != (h1 > CALL_ABOVE))
    swayed = Override(
        planner=optimal(), states=tuple(int(s) for s in misled),
        actions=tuple(int(calls[s]) for s in misled),
    )  # fmt: skip
    behaviour = np.vstack([np.eye(2)[calls.astype(int)], [[0.5, 0.5]]])
    return Story(
        mdp=mdp, behaviour=behaviour,
        pairs={"confidence": (swayed, winning), "pleasing": (optimal(), pleasing)},
    )  # fmt: skip


@checked
def anchoring() -> Story:
    """Somebody pays 1 for chocolate after one cue and 3 after the other.

    "bias": chocolate is worth 1 whatever the cue, and a wheel that stopped high drags the bid up.
    "taste": the second cue was nuts, and chocolate with nuts is worth 3. The same in and out.
    """
    mdp = _one_shot(("first cue", "second cue"), ("pay 1", "pay 3"))
    behaviour = np.vstack([np.eye(2), [[0.5, 0.5]]])
    prices = np.array([1.0, 3.0])
    worth = {"bias": np.array([1.0, 1.0]), "taste": np.array([1.0, 3.0])}
    fair = {
        name: np.vstack([-np.abs(value[:, None] - prices), np.zeros((1, 2))])
        for name, value in worth.items()
    }
    dragged = Override(planner=optimal(), states=(1,), actions=(1,))
    return Story(
        mdp=mdp, behaviour=behaviour,
        pairs={"bias": (dragged, fair["bias"]), "taste": (optimal(), fair["taste"])},
    )  # fmt: skip


def _one_shot(states: tuple[str, ...], actions: tuple[str, ...]) -> TabularMDP:
    """Every action ends the episode."""
    S, A = len(states), len(actions)
    ends = np.arange(S + 1) == S
    return TabularMDP(
        successors=np.full((S + 1, A, 1), S), probability=np.ones((S + 1, A, 1)),
        start=np.where(ends, 0.0, 1 / S), discount=1.0, terminal=ends, states=(*states, "end"),
        actions=actions,
    )  # fmt: skip


def _against_nothing(gain: Floats) -> Floats:
    """R[s, a]: the first action pays nothing, the second `gain`; the end nothing."""
    return np.vstack([np.stack([np.zeros_like(gain), gain], axis=1), np.zeros((1, 2))])
