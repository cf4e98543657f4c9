"""The bits that a demonstration tells of a reward to who knows the planner and who does not.

Chan, Critch and Dragan (2021), as we read their abstract: a wrong planner may be worse than knowing
nothing, and a bias that is known may tell more than rationality does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

from precocial import io
from precocial.errors import ConfigError
from precocial.preferences.demos import simulate
from precocial.preferences.experiment import read_results
from precocial.preferences.mdp import TabularMDP
from precocial.preferences.planners import Rule
from precocial.preferences.posterior import demonstrations_log_likelihood
from precocial.preferences.worlds.grids import (
    AGENTS,
    MOST_PAID,
    cell_rewards,
    shah_agents,
    shah_world,
)
from precocial.runs import Run, stream, stream_seed

Floats = NDArray[np.float64]


def gained_bits(log_likelihood: ArrayLike) -> Floats:
    """(H,) what each demonstration adds to the log probability of its true reward, in bits.

    log2 P(true | demo) - log2 P(true), every reward alike before. Its mean under the true planner
    is the mutual information of reward and demonstration; under another planner it may be
    negative: worse than the prior.

    Args:
        log_likelihood: (H, H) in nats: row h the demonstration of reward h, column g reward g.

    Raises:
        ConfigError: not a square table.
    """
    table = np.asarray(log_likelihood, dtype=np.float64)
    if table.ndim != 2 or table.shape[0] != table.shape[1]:
        raise ConfigError(f"gained_bits: a table (H, H) is needed; got shape {table.shape}")
    posterior = np.diagonal(table) - logsumexp(table, axis=1)
    return np.asarray((posterior + np.log(len(table))) / np.log(2))


@dataclass(frozen=True, kw_only=True)
class InformationConfig:
    """Which worlds, and what is seen there."""

    worlds: int = 20
    """random walls"""
    hypotheses: int = 64
    """rewards between the same walls, drawn as in Shah et al.'s worlds, every one alike"""
    steps: int = 20
    """of the one episode that is seen, from the start"""
    beta: float = 1.0
    """of every agent, so that they err alike (Shah et al.'s differ)"""
    size: int = 8
    """cells along a side"""
    rewards: int = 3
    """cells that pay"""
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.worlds, self.steps) < 1 or self.hypotheses < 2 or not self.beta > 0:
            raise ConfigError(
                "worlds and steps must be at least 1, hypotheses 2, and beta above 0; got "
                f"{self.worlds}, {self.steps}, {self.hypotheses}, {self.beta}"
            )


def informations(config: InformationConfig, run: Run) -> Iterator[io.Row]:
    """One row a world, and for each agent the mean bits gained over one demonstration of each
    reward: "... right" by who knows the agent, "... rational" by who takes it for
    Boltzmann-rational (with the same beta)."""
    for world in range(len(run.rows), config.worlds):
        names = ("preferences", "information", world)
        here = shah_world(
            stream_seed(config.seed, *names), size=config.size, rewards=config.rewards
        )
        R = cell_rewards(here.mdp, _drawn_rewards(config, here.mdp, world), living=here.living)
        rule = Rule(kind="boltzmann", parameter=config.beta)
        policies = {
            name: replace(agent, rule=rule).policies(here.mdp, R)
            for name, agent in shah_agents().items()
        }
        row: io.Row = {"world": world}
        for name in AGENTS:
            seen = [
                simulate(
                    here.mdp, pi, episodes=1, steps=config.steps,
                    seed=stream_seed(config.seed, *names, name, h),
                ).counts(here.mdp)
                for h, pi in enumerate(policies[name])
            ]  # fmt: skip
            for reader, family in (("right", name), ("rational", "optimal")):
                fit = [demonstrations_log_likelihood(policies[family], counts) for counts in seen]
                row[f"{name} {reader}"] = float(gained_bits(fit).mean())
        yield row


def _drawn_rewards(config: InformationConfig, mdp: TabularMDP, world: int) -> Floats:
    """(H, S) what cells pay: some cells but the start, a whole number from -9 to 9, not 0."""
    rng = stream(config.seed, "preferences", "information", world, "rewards")
    paid = np.zeros((config.hypotheses, mdp.n_states))
    for row in paid:
        goals = rng.choice(np.flatnonzero(mdp.start == 0), config.rewards, replace=False)
        row[goals] = rng.choice([v for v in range(-MOST_PAID, MOST_PAID + 1) if v], len(goals))
    return paid


def summary(rows: Sequence[io.Row]) -> list[io.Row]:
    """By agent, mean bits with their standard errors over worlds; `over_optimal` is what a known
    bias tells beyond the known optimal agent, in the same worlds."""
    found = []
    for agent in AGENTS:
        right, rational, best = (
            np.array([row[name] for row in rows])
            for name in (f"{agent} right", f"{agent} rational", "optimal right")
        )
        row: io.Row = {"agent": agent, "worlds": len(rows)}
        for name, values in (
            ("right", right), ("rational", rational), ("over_optimal", right - best),
        ):  # fmt: skip
            row[name] = float(f"{values.mean():.5g}")
            row[f"{name}_se"] = float(f"{values.std() / np.sqrt(len(values)):.5g}")
        found.append(row)
    return found


def shipped() -> list[io.Row]:
    """The summary of the default config; `results/information.json` says by what."""
    return read_results("information.csv")
