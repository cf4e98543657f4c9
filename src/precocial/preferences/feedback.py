"""Feedback on trajectories as choices: comparisons, corrections and the off-switch.

A trajectory is a list of (state, action). What it is worth is linear in the weights of the reward:
score = w . x,  x_f = sum_t gamma^t phi[f, s_t, a_t],  and a person takes an option with
probability proportional to exp(beta * score) (the reward-rational choice of `precocial.choice`;
which options a person chose from is our reading in each case, and said there).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from precocial.choice import Choice
from precocial.choice.arguments import checked
from precocial.errors import ConfigError
from precocial.preferences.demos import Demonstrations
from precocial.preferences.mdp import TabularMDP
from precocial.preferences.rewards import Rewards

Trajectory = Sequence[tuple[int, int]]
Floats = NDArray[np.float64]


@checked
def feature_counts(mdp: TabularMDP, rewards: Rewards, trajectory: Trajectory) -> Floats:
    """x_f = sum_t gamma^t phi[f, s_t, a_t], (F,); the empty trajectory counts 0.

    Raises:
        DataError: a step that cannot happen in this world.
    """
    steps = list(trajectory)
    if not steps:
        return np.zeros(len(rewards.features))
    demos = Demonstrations.from_arrays([s for s, _ in steps], [a for _, a in steps]).check(mdp)
    weight = mdp.discount ** np.arange(len(steps))
    return np.asarray(rewards.features[:, demos.state, demos.action] @ weight)


def choice_of(
    mdp: TabularMDP, rewards: Rewards, options: Sequence[Trajectory], chosen: int, *,
    beta: float = 1.0, kind: str = "choice",
) -> Choice:  # fmt: skip
    """One trajectory chosen from several.

    Raises:
        ConfigError: fewer than two options, or a choice that is none of them.
        DataError: a step that cannot happen in this world.
    """
    if len(options) < 2:
        raise ConfigError(f"a {kind} needs at least two options; got {len(options)}")
    counts = np.array([feature_counts(mdp, rewards, option) for option in options])
    return Choice(features=counts, chosen=chosen, beta=beta, kind=kind)


@checked
def comparison(
    mdp: TabularMDP, rewards: Rewards, better: Trajectory, worse: Trajectory, beta: float = 1.0
) -> Choice:
    """`better` was preferred to `worse`: P = 1 / (1 + exp(-beta * (score - score')))."""
    return choice_of(mdp, rewards, [better, worse], 0, beta=beta, kind="comparison")


@checked
def ranking(
    mdp: TabularMDP, rewards: Rewards, best_to_worst: Sequence[Trajectory], beta: float = 1.0
) -> list[Choice]:
    """An order as choices of the best of what is left (Plackett-Luce)."""
    if len(best_to_worst) < 2:
        raise ConfigError(f"a ranking needs at least two trajectories; got {len(best_to_worst)}")
    return [
        choice_of(mdp, rewards, best_to_worst[place:], 0, beta=beta, kind="ranking")
        for place in range(len(best_to_worst) - 1)
    ]


@checked
def correction(
    mdp: TabularMDP, rewards: Rewards, original: Trajectory, corrected: Trajectory,
    others: Sequence[Trajectory] = (), beta: float = 1.0,
) -> Choice:  # fmt: skip
    """Somebody pushed `original` to `corrected`; leaving it, or `others`, was open too."""
    options = [corrected, original, *others]
    return choice_of(mdp, rewards, options, 0, beta=beta, kind="correction")


@checked
def stop(
    mdp: TabularMDP, rewards: Rewards, intended: Trajectory, beta: float = 1.0, *,
    stopped: bool = True,
) -> Choice:  # fmt: skip
    """The off-switch, pressed or (`stopped=False`) left alone, as the agent was about to do
    `intended`. Being off is worth 0: nothing is earned from there on."""
    options: list[Trajectory] = [(), intended]
    return choice_of(mdp, rewards, options, int(not stopped), beta=beta, kind="stop")
