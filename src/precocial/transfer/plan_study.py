"""Does the planner choose well? Simulated worlds whose best purchase is known.

A world has its own constants, position and prices. The planner sees a noisy run table; the
oracle sees the law. A row says what each would pay.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from precocial import io
from precocial.runs import Run, stream
from precocial.transfer.calibration import RESULTS
from precocial.transfer.exchange import iso_loss
from precocial.transfer.fit import TransferFit, fit_transfer
from precocial.transfer.forecast import forecast
from precocial.transfer.formulas import Constants
from precocial.transfer.plan import FLOPS_PER_PARAMETER, Have, Plan, Prices, plan
from precocial.transfer.simulate import Noise, simulate

_SPREAD = float(np.log(2))
"""Half-width of the log ratio of the two true costs: a choice that matters, and is not obvious."""


@dataclass(frozen=True, kw_only=True)
class PlanStudy:
    """Worlds to plan in.

    Attributes:
        worlds: how many.
        noise: relative noise of the log loss in the table that the planner sees.
        draws: bootstrap draws of each fit.
    """

    worlds: int = 200
    noise: float = 0.003
    draws: int = 200
    seed: int = 0


def smoke() -> PlanStudy:
    """Seconds."""
    return PlanStudy(worlds=5, draws=60)


def laptop() -> PlanStudy:
    """Minutes."""
    return PlanStudy()


def plan_study(config: PlanStudy, run: Run) -> Iterator[dict[str, Any]]:
    """One row a world: the planner's choice, what it truly costs, and the oracle's cost."""
    for world in range(len(run.rows), config.worlds):
        yield _world(config, world)


def _world(config: PlanStudy, world: int) -> dict[str, Any]:
    rng = stream(config.seed, "transfer", "plan_study", world)
    constants = Constants(
        k=float(10 ** rng.uniform(4.0, 5.5)), alpha=float(rng.uniform(0.08, 0.3)),
        beta=float(rng.uniform(0.3, 0.45)),
    )  # fmt: skip
    have = Have(
        parameters=float(10 ** rng.uniform(6, 8)), fine_tune_data=float(10 ** rng.uniform(5, 7)),
        pretrain_data=float(10 ** rng.uniform(9, 10.5)),
    )  # fmt: skip
    known = fit_transfer(
        simulate(constants, noise=Noise(relative=0)), law="kaplan", draws=1, seed=world
    )
    growth = float(10 ** rng.uniform(0.05, 0.5))
    aim = forecast(known, parameters=growth * have.parameters, fine_tune_data=have.fine_tune_data)
    target = float(aim.loss[0])
    gap = float(rng.uniform(-_SPREAD, _SPREAD))
    prices = _prices(known, have, growth, target, gap)
    seen = fit_transfer(
        simulate(constants, noise=Noise(relative=config.noise), seed=world),
        law="kaplan", draws=config.draws, seed=world,
    )  # fmt: skip
    oracle = plan(known, have=have, prices=prices, target_loss=target)
    chosen = plan(seen, have=have, prices=prices, target_loss=target)
    return {"world": world, **_compare(oracle, chosen)}


def _prices(known: TransferFit, have: Have, growth: float, target: float, gap: float) -> Prices:
    """Prices at which data truly cost exp(gap) times what parameters do, as far as they can."""
    flop = 1e-18 * FLOPS_PER_PARAMETER * have.parameters
    size = flop * growth * (have.pretrain_data + have.fine_tune_data)
    needed = float(iso_loss(known, loss=target, parameters=have.parameters)[0])
    if not np.isfinite(needed):  # no amount of data gets there: the price does not matter
        return Prices(data=size / have.fine_tune_data, flop=1e-18)
    each = (size * np.exp(gap) - flop * needed) / (needed - have.fine_tune_data)
    return Prices(data=max(float(each), 1e-3 * size / needed), flop=1e-18)


def _compare(oracle: Plan, chosen: Plan) -> dict[str, Any]:
    true = {option.name: option.money for option in oracle.options}
    favourite = chosen.options[0].name
    excess = true[favourite] / oracle.options[0].money - 1
    return {
        "oracle": oracle.options[0].name, "favourite": favourite,
        "recommended": chosen.recommended,
        "excess": float(excess) if np.isfinite(excess) else None,
        "gap": float(np.log(oracle.options[1].money / oracle.options[0].money))
        if np.isfinite(oracle.options[1].money) else None,
    }  # fmt: skip


def shipped() -> list[dict[str, Any]]:
    """The worlds of the laptop recipe, as last made."""
    return [
        {**row, "recommended": row["recommended"] or None,
         "excess": float(row["excess"]) if row["excess"] else None}
        for row in io.read_csv(RESULTS / "planner.csv")
    ]  # fmt: skip


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Shares of worlds: recommended, right among those, abstained, and the favourite's record."""
    sure = [row for row in rows if row["recommended"] is not None]

    def good(part: list[dict[str, Any]]) -> float | None:
        near = [row["excess"] is not None and row["excess"] <= 0.05 for row in part]
        return float(np.mean(near)) if near else None

    return {
        "worlds": len(rows), "recommended": len(sure), "within_5_percent": good(sure),
        "abstained": len(rows) - len(sure),
        "favourite_within_5_percent_when_abstaining": good(
            [row for row in rows if row["recommended"] is None]
        ),
        "favourite_within_5_percent": good(rows),
    }  # fmt: skip
