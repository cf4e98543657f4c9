"""What a wrong idea of the planner costs: the six agents of Shah et al. (2019).

`biases` puts six agents into random 16x16 worlds, reads their reward from what they do, by the
family that they are of, by a wrong one, and by maximum-entropy IRL, and plans optimally for what
was read. `shipped` is the table of the laptop recipe, as it was last made. `restaurant_study` is
the same question in a world with a name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from precocial import io
from precocial.errors import ConfigError, one_of
from precocial.preferences.demos import simulate
from precocial.preferences.planners import Planner, Rule, optimal, soft_optimal
from precocial.preferences.recover import recover
from precocial.preferences.worlds.grids import (
    AGENTS,
    MOST_PAID,
    ShahWorld,
    cell_rewards,
    shah_agents,
    shah_world,
    with_other_walls,
)
from precocial.runs import Run, stream, stream_seed

Floats = NDArray[np.float64]
RESULTS = Path(__file__).parent / "results"
READERS = ("right", "wrong", "maxent")
DATA = ("policy", "episodes")
CHOICES = 100
"""With data "policy", what each state's choices count for (ours; Shah et al. have no prior, so
there the number has no meaning)."""
SLACK = 10.0
"""The beta that readers give to agents that never err (ours): a choice 0.5 short is 1 in 150."""
_BOOTSTRAP = 2000
_WORDS = ("agent", "reader", "walls", "data", "case", "quantity", "path", "people")


@dataclass(frozen=True, kw_only=True)
class BiasConfig:
    """Which worlds, how the agents behave and what is seen of them."""

    worlds: int = 20
    """random worlds, each with all six agents"""
    noisy: bool = True
    """whether agents act by exp(beta Q), with the betas of `shah_agents`, or take the best"""
    data: Literal["policy", "episodes"] = "policy"
    """what is seen: the whole policy, as in Shah et al., or episodes that begin anywhere"""
    episodes: int = 20
    """seen, if data is "episodes\""""
    steps: int = 50
    """of an episode"""
    size: int = 16
    """cells along a side"""
    rewards: int = 7
    """cells that pay"""
    starts: int = 2
    """of the climb to each reward"""
    seed: int = 0

    def __post_init__(self) -> None:
        one_of("BiasConfig: data", self.data, DATA)
        numbers = (self.worlds, self.episodes, self.steps, self.starts)
        if min(numbers) < 1:
            raise ConfigError(
                f"worlds, episodes, steps and starts must be at least 1; got {numbers}"
            )


def laptop() -> BiasConfig:
    """20 worlds: about 3 minutes on one core; `every` case: about 10."""
    return BiasConfig()


def smoke() -> BiasConfig:
    """2 small worlds: seconds. Shows that it runs, no more."""
    return replace(laptop(), worlds=2, size=8, rewards=3, starts=1)


def every(recipe: BiasConfig) -> list[BiasConfig]:
    """The recipe for whole policies, noisy and not, and for noisy episodes (7 choices a cell)."""
    return [
        recipe,
        replace(recipe, noisy=False),
        replace(recipe, data="episodes"),
    ]


def biases(config: BiasConfig, run: Run) -> Iterator[io.Row]:
    """One row a world and agent: exact true returns of what each reader would have one do.

    A reader knows the walls, the slips, the discount, the cost of a move, and how many cells pay
    how much as a rule; it does not know which. It climbs the posterior of a reward for every cell
    (`recover`), with a normal prior of mean 0 and the variance that rewards have over cells.
    "right" takes the agent to be what it is, with its parameters; "wrong" takes it to be
    Boltzmann-rational (the optimal agent: naive); "maxent" is maximum causal entropy IRL, a
    soft-optimal agent, by the same climb. All have the agent's beta, `SLACK` if it never errs. What
    was read is planned for optimally, by the true discount, in the same world and between other
    walls ("new"); the figures are expected discounted returns under the true reward from the
    start. "best", "self" and "uniform" are those of the true optimum, of the
    agent itself and of taking any action. "nats" is the log likelihood at the reward that was read.
    """
    for index in range(len(run.rows), config.worlds * len(AGENTS)):
        world, agent = index // len(AGENTS), AGENTS[index % len(AGENTS)]
        names = ("preferences", "biases", world)
        here = shah_world(
            stream_seed(config.seed, *names), size=config.size, rewards=config.rewards
        )
        elsewhere = with_other_walls(here, stream_seed(config.seed, *names, "elsewhere"))
        seed = stream_seed(config.seed, *names, agent)
        yield {"world": world, "agent": agent, **_measure(config, here, elsewhere, agent, seed)}


def _measure(
    config: BiasConfig, here: ShahWorld, elsewhere: ShahWorld, agent: str, seed: int
) -> io.Row:
    planner = shah_agents(noisy=config.noisy)[agent]
    counts = _seen(config, here, planner, seed)
    S = here.mdp.n_states
    found = {
        reader: recover(
            here.mdp, counts, family, cell_rewards(here.mdp, np.eye(S)),
            base=cell_rewards(here.mdp, np.zeros(S), living=here.living),
            prior_std=_spread(config, S), starts=config.starts, seed=seed,
        )
        for reader, family in _readers(planner, agent, noisy=config.noisy).items()
    }  # fmt: skip
    read = np.stack([one.weights for one in found.values()])
    row: io.Row = {"cells": S, "choices": float(counts.sum())}
    for walls, world in (("", here), ("new ", elsewhere)):
        paid = np.concatenate([world.paid[None], world.off_the_map(here.on_the_map(read))])
        planned = optimal().policies(world.mdp, cell_rewards(world.mdp, paid, living=world.living))
        own = planner.policies(world.mdp, world.rewards[None])
        policies = np.concatenate([planned, own, world.mdp.uniform_policy()[None]])
        returns = world.mdp.policy_return(policies, world.rewards)
        told = ("best", *READERS, "self", "uniform")
        row |= {f"{walls}{name}": float(x) for name, x in zip(told, returns, strict=True)}
    return row | {f"{reader} nats": found[reader].log_likelihood for reader in READERS}


def _seen(config: BiasConfig, world: ShahWorld, planner: Planner, seed: int) -> Floats:
    """(S, A) choices counted."""
    policy = planner.policies(world.mdp, world.rewards[None])[0]
    if config.data == "policy":
        return np.asarray(CHOICES * policy)
    anywhere = replace(world.mdp, start=np.full(world.mdp.n_states, 1 / world.mdp.n_states))
    demos = simulate(anywhere, policy, episodes=config.episodes, steps=config.steps, seed=seed)
    return demos.counts(world.mdp)


def _spread(config: BiasConfig, cells: int) -> float:
    """Standard deviation of the reward of a cell: some pay -9 to 9 but not 0, the others 0."""
    values = np.arange(1, MOST_PAID + 1)
    return float(np.sqrt(config.rewards / cells * np.mean(values**2)))


def _readers(planner: Planner, agent: str, *, noisy: bool) -> dict[str, Planner]:
    rule = planner.rule if noisy else Rule(kind="boltzmann", parameter=SLACK)
    other = shah_agents()["naive" if agent == "optimal" else "optimal"]
    return {
        "right": replace(planner, rule=rule),
        "wrong": replace(other, rule=rule),
        "maxent": soft_optimal(rule.parameter),
    }


def summary(config: BiasConfig, rows: Sequence[io.Row]) -> list[io.Row]:
    """What the rows of one run say, one row an agent, reader and world (the same walls or new).

    Shares are of the best return, in worlds where that is above 0 (`worlds`): with no positive
    reward the best is to stay, for nothing, and there is no share. Each comes as median and mean
    over worlds with a 95 % bootstrap interval. `over_uniform` is the median of
    (return - uniform) / (best - uniform). `ahead` is the mean over worlds of this reader's share
    less that of maxent, in points, `ahead_median` the median of it. The reader "self" is no reader:
    it is the agent, whom one would imitate.
    """
    same = {"noisy": config.noisy, "data": config.data,
            "episodes": config.episodes if config.data == "episodes" else None}  # fmt: skip
    found = []
    for agent in AGENTS:
        for walls in ("same", "new"):
            lead = "new " if walls == "new" else ""
            mine = [r for r in rows if r["agent"] == agent and r[f"{lead}best"] > 0]
            for reader in (*READERS, "self"):
                row = {"agent": agent, "reader": reader, "walls": walls, "worlds": len(mine)}
                found.append(same | row | (_shares(config, mine, reader, lead) if mine else {}))
    return found


def _shares(config: BiasConfig, rows: Sequence[io.Row], reader: str, lead: str) -> io.Row:
    best, uniform, own, peer = (
        np.array([row[f"{lead}{name}"] for row in rows])
        for name in ("best", "uniform", reader, "maxent")
    )
    names = ("preferences", "biases", "bootstrap", reader, lead)
    drawn = stream(config.seed, *names).integers(len(rows), size=(_BOOTSTRAP, len(rows)))
    share, ahead = own / best, 100 * (own - peer) / best
    row: io.Row = {}
    for name, values, middle in (
        ("median", share, np.median), ("mean", share, np.mean),
        ("ahead_median", ahead, np.median), ("ahead", ahead, np.mean),
    ):  # fmt: skip
        low, high = np.quantile(middle(values[drawn], axis=1), (0.025, 0.975))
        row |= {
            name: _short(middle(values)),
            f"{name}_low": _short(low),
            f"{name}_high": _short(high),
        }
    row["over_uniform"] = _short(np.median((own - uniform) / (best - uniform)))
    return row | {"at_least_95": _short(np.mean(share >= 0.95))}


def _short(value: float | np.floating) -> float:
    return float(f"{value:.5g}")


def shipped() -> list[io.Row]:
    """The summaries of the laptop recipe for `every` case; `results/biases.json` says by what."""
    return read_results("biases.csv")


def read_results(name: str) -> list[io.Row]:
    """A table of `results`, numbers as numbers."""
    flags = {"True": True, "False": False, "true": True, "false": False, "": None}
    return [
        {
            key: text if key in _WORDS else flags[text] if text in flags else float(text)
            for key, text in row.items()
        }
        for row in io.read_csv(RESULTS / name)
    ]
