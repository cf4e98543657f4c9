"""The restaurants: what a walk says, and what it costs to take temptation for preference.

`restaurants_read` repeats the inferences of agentmodels.org, ch. 5e. `temptations` draws people
from the chapter's prior, watches them, and plans for what three readers make of it.
`shipped_readings` and `shipped_temptations` are the tables as they were last made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from precocial import io
from precocial.errors import ConfigError, one_of
from precocial.preferences.demos import simulate
from precocial.preferences.experiment import READERS, read_results
from precocial.preferences.planners import optimal, soft_optimal
from precocial.preferences.posterior import Posterior, demonstrations_log_likelihood, infer
from precocial.preferences.rewards import Rewards
from precocial.preferences.worlds.restaurant import (
    PATHS,
    Restaurants,
    donut_tempting,
    restaurants,
    veg_minus_donut,
)
from precocial.runs import Run, stream, stream_seed

Floats = NDArray[np.float64]
FOUR = (-10.0, 0.0, 10.0, 20.0)
SIX = (*FOUR, 30.0, 40.0)
ALPHAS = (0.1, 10.0, 100.0, 1000.0)
KINDS = ("naive", "sophisticated")
_BOOTSTRAP = 2000


@dataclass(frozen=True, kw_only=True)
class ReadingConfig:
    """Nothing is left to choose; exact, so the seed has no effect."""

    seed: int = 0


def restaurants_read(config: ReadingConfig, run: Run) -> Iterator[io.Row]:
    """The inferences of the chapter: one row a case and open question, before and after the walk.

    Cases, with the chapter's priors (all uniform): "discounting", k = 1 and alpha = 1000, naive or
    sophisticated, each of the four numbers of donuts and Veg one of -10, 0, 10, 20; "optimal", no
    discounting, alpha one of 0.1, 10, 100, 1000, at once one of -10 to 40, later 0; "joint", k 0
    or 1, naive or sophisticated, alpha one of 0.1, 10, 1000, at once one of -10 to 30, later
    -10 for donuts and 20 for Veg.
    """
    del run
    world = restaurants()
    for path in PATHS:
        yield from _case("discounting", world, path, 1)
    yield from _case("optimal", world, "naive", 1)
    yield from _case("optimal", world, "naive", 3)
    yield from _case("optimal", world, "sophisticated", 1)
    yield from _case("joint", world, "naive", 1)
    yield from _case("joint", world, "naive", 3)


def _case(case: str, world: Restaurants, path: str, times: int) -> Iterator[io.Row]:
    kind, rewards = _prior(case, world)
    planners = [world.agent(alpha, k=k, sophisticated=soph) for alpha, k, soph in kind]
    before = infer(world.mdp, None, planners, rewards)
    after = infer(world.mdp, world.walk(PATHS[path], times=times), planners, rewards)
    for quantity, weight in _quantities(before, kind).items():
        chance = [_short((one.probability * weight).sum()) for one in (before, after)]
        if 0 < chance[0] < 1:  # what the prior leaves open
            yield {
                "case": case, "path": path, "times": times, "quantity": quantity,
                "before": chance[0], "after": chance[1],
            }  # fmt: skip


def _prior(case: str, world: Restaurants) -> tuple[list[tuple[float, float, bool]], Rewards]:
    """(alpha, k, sophisticated) of each planner, and the rewards."""
    if case == "discounting":
        kind = [(1000.0, 1.0, sophisticated) for sophisticated in (False, True)]
        return kind, world.rewards((FOUR, FOUR), (FOUR, FOUR))
    if case == "optimal":
        rewards = world.rewards((SIX, (0.0,)), (SIX, (0.0,)))
        return [(alpha, 0.0, False) for alpha in ALPHAS], rewards
    kind = [(a, k, s) for a in (0.1, 10.0, 1000.0) for k in (0.0, 1.0) for s in (False, True)]
    return kind, world.rewards((SIX[:-1], (-10.0,)), (SIX[:-1], (20.0,)))


def _quantities(
    posterior: Posterior, kind: Sequence[tuple[float, float, bool]]
) -> dict[str, Floats]:
    """By name, (P, R) 1 where it is so."""
    rewards, alphas = posterior.rewards, sorted({alpha for alpha, _, _ in kind})
    ahead = veg_minus_donut(rewards)
    rows = {f"alpha = {alpha:g}": [alpha == a for a, _, _ in kind] for alpha in alphas}
    rows |= {"naive": [not soph for _, _, soph in kind], "k = 1": [k == 1 for _, k, _ in kind]}
    cells = {
        "donut tempting": np.stack([donut_tempting(rewards, k) for _, k, _ in kind]),
        "Veg preferred": np.tile(ahead > 0, (len(kind), 1)),
        "Donut preferred": np.tile(ahead < 0, (len(kind), 1)),
    }
    wide = {name: np.tile(np.array(row)[:, None], (1, len(rewards))) for name, row in rows.items()}
    return {name: np.asarray(mask, dtype=np.float64) for name, mask in (wide | cells).items()}


# ---------------------------------------------------------------- people


@dataclass(frozen=True, kw_only=True)
class TemptationConfig:
    """Who is watched, and how often."""

    prior: Literal["discounting", "joint"] = "discounting"
    """the case of the chapter from whose prior people's four numbers are drawn"""
    people: int = 200
    """naive and sophisticated in turn"""
    walks: int = 3
    """seen of each"""
    seed: int = 0

    def __post_init__(self) -> None:
        one_of("TemptationConfig: prior", self.prior, ("discounting", "joint"))
        if self.people < 1 or self.walks < 1:
            raise ConfigError(
                f"people and walks must be at least 1; got {self.people} and {self.walks}"
            )


def temptations(config: TemptationConfig, run: Run) -> Iterator[io.Row]:
    """One row a person: undiscounted true returns of what each reader would have them do.

    People have k = 1 and alpha = 1000 and their own four numbers. Readers know the world, alpha or
    its four values, and the prior of the numbers. "right" weighs naive and sophisticated
    discounters alike; "wrong" takes people for softmax agents that do not discount, alpha one of
    0.1, 10, 100, 1000; "maxent" for soft-optimal ones of the same alphas, entropy relative to a
    random choice of what is open. Each plans the best walk, without discounting, for its exact
    posterior mean reward. "best", "self" and "uniform" are the returns of the true optimum, of the
    person and of walking at random.
    """
    world = restaurants()
    _, rewards = _prior(config.prior, world)
    R = rewards.block()
    agents = [
        world.agent(1000.0, k=1.0, sophisticated=kind == "sophisticated").policies(world.mdp, R)
        for kind in KINDS
    ]
    policies_of = {
        "right": agents,
        "wrong": [world.agent(alpha).policies(world.mdp, R) for alpha in ALPHAS],
        "maxent": [_soft_walk(world, R, alpha) for alpha in ALPHAS],
    }
    uniform = world.open / world.open.sum(axis=1, keepdims=True)
    tempting = donut_tempting(rewards, 1.0)
    for person in range(len(run.rows), config.people):
        names = ("preferences", "temptations", person)
        true = int(stream(config.seed, *names).integers(len(rewards)))
        own = agents[person % 2][true]
        seed = stream_seed(config.seed, *names, "walks")
        demos = simulate(world.mdp, own, episodes=config.walks, steps=100, seed=seed)
        counts = demos.counts(world.mdp)
        read = [_mean_reward(rewards, policies, counts) for policies in policies_of.values()]
        planned = optimal().policies(world.mdp, np.stack([R[true], *read]))
        returns = world.mdp.policy_return(
            np.concatenate([planned, own[None], uniform[None]]), R[true]
        )
        told = ("best", *READERS, "self", "uniform")
        yield {
            "person": person, "kind": KINDS[person % 2], "tempting": bool(tempting[true]),
            **{name: float(x) for name, x in zip(told, returns, strict=True)},
        }  # fmt: skip


def _soft_walk(world: Restaurants, R: Floats, alpha: float) -> Floats:
    """Soft-optimal policies whose entropy counts from a random choice among what is open."""
    more = np.log(world.mdp.n_actions / world.open.sum(axis=1, keepdims=True)) / alpha
    return soft_optimal(alpha).policies(world.mdp, R + more)


def _mean_reward(rewards: Rewards, policies: Sequence[Floats], counts: Floats) -> Floats:
    """E[R(s, a)] given the counts, planners and rewards alike before."""
    fit = np.stack([demonstrations_log_likelihood(pi, counts) for pi in policies])
    weight = np.exp(fit - logsumexp(fit)).sum(axis=0)
    return np.tensordot(weight @ rewards.weights, rewards.features, axes=1)


def summary(config: TemptationConfig, rows: Sequence[io.Row]) -> list[io.Row]:
    """Regained shares, (return - uniform) / (best - uniform), by who and by whom.

    People: all, and those whose walk is not the best there is ("led astray": they lose a point of
    the range or more). Each share is a mean with a 95 % bootstrap interval over people and a
    median; `ahead` is the mean of it less that of maxent, in points.
    """
    found = []
    astray = [row for row in rows if _share(row, "self") < 0.99]
    for people, mine in (("all", rows), ("led astray", astray)):
        peer = np.array([_share(row, "maxent") for row in mine])
        size = (_BOOTSTRAP, len(mine))
        names = ("preferences", "temptations", "bootstrap")
        drawn = stream(config.seed, *names).integers(len(mine), size=size) if mine else None
        for reader in (*READERS, "self"):
            own = np.array([_share(row, reader) for row in mine])
            row: io.Row = {"case": config.prior, "walks": config.walks, "people": people,
                           "count": len(mine), "reader": reader}  # fmt: skip
            found.append(row)
            if drawn is None:
                continue
            row["median"] = _short(np.median(own))
            for name, values in (("mean", own), ("ahead", 100 * (own - peer))):
                low, high = np.quantile(values[drawn].mean(axis=1), (0.025, 0.975))
                row |= {name: _short(values.mean()), f"{name}_low": _short(low),
                        f"{name}_high": _short(high)}  # fmt: skip
    return found


def _share(row: io.Row, reader: str) -> float:
    return float((row[reader] - row["uniform"]) / (row["best"] - row["uniform"]))


def _short(value: float | np.floating) -> float:
    return float(f"{value:.5g}")


def laptop() -> TemptationConfig:
    """200 people: about half a minute on one core."""
    return TemptationConfig()


def smoke() -> TemptationConfig:
    """4 people: the time goes into planning for every reward."""
    return replace(laptop(), people=4)


def every(recipe: TemptationConfig) -> list[TemptationConfig]:
    """The recipe for both priors; with the second for one walk too, which noise may explain."""
    joint = replace(recipe, prior="joint")
    return [recipe, joint, replace(joint, walks=1)]


def shipped_readings() -> list[io.Row]:
    """The rows of `restaurants_read`; `results/restaurant.json` says by what."""
    return read_results("restaurant.csv")


def shipped_temptations() -> list[io.Row]:
    """The summaries of `every` case of the laptop recipe; `results/temptations.json` says how."""
    return read_results("temptations.csv")
