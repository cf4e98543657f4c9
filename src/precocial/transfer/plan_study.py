"""Does the planner choose well? Simulated worlds whose best purchase is known.

A world has its own constants, position and prices. The planner sees a noisy run table; the
oracle sees the law. A row says what each would pay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
from precocial.transfer.plan import FLOPS_PER_PARAMETER, INDIFFERENT, Have, Plan, Prices, plan
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
    while True:  # until both more data and more parameters can reach the target
        constants = Constants(
            k=float(10 ** rng.uniform(4.0, 5.5)), alpha=float(rng.uniform(0.08, 0.3)),
            beta=float(rng.uniform(0.3, 0.45)),
        )  # fmt: skip
        have = Have(
            parameters=float(10 ** rng.uniform(6, 8)),
            fine_tune_data=float(10 ** rng.uniform(5, 7)),
            pretrain_data=float(10 ** rng.uniform(9, 10.5)),
        )
        growth = float(10 ** rng.uniform(0.05, 0.5))
        known = fit_transfer(
            simulate(constants, noise=Noise(relative=0)), law="kaplan", draws=1, seed=world
        )
        aim = forecast(
            known, parameters=growth * have.parameters, fine_tune_data=have.fine_tune_data
        )
        target = float(aim.loss[0])
        needed = float(iso_loss(known, loss=target, parameters=have.parameters)[0])
        if np.isfinite(needed):
            break
    prices = _prices(have, growth, needed, float(rng.uniform(-_SPREAD, _SPREAD)))
    seen = fit_transfer(
        simulate(constants, noise=Noise(relative=config.noise), seed=world),
        law="kaplan", draws=config.draws, seed=world,
    )  # fmt: skip
    oracle = plan(known, have=have, prices=prices, target_loss=target)
    chosen = plan(seen, have=have, prices=prices, target_loss=target)
    after = _loss_after(known, have, chosen)
    return {
        "world": world,
        **_compare(oracle, chosen, bool(after <= target * np.exp(config.noise))),
    }


def _prices(have: Have, growth: float, needed: float, gap: float) -> Prices:
    """Prices at which data truly cost exp(gap) times what parameters do, as far as they can."""
    flop = 1e-18 * FLOPS_PER_PARAMETER * have.parameters
    size = flop * growth * (have.pretrain_data + have.fine_tune_data)
    each = (size * np.exp(gap) - flop * needed) / (needed - have.fine_tune_data)
    return Prices(data=max(float(each), 1e-3 * size / needed), flop=1e-18)


def _loss_after(known: TransferFit, have: Have, chosen: Plan) -> float:
    """What the favoured purchase truly brings the loss to."""
    first = chosen.options[0]
    N = first.amount if first.name == "parameters" else have.parameters
    D_F = first.amount if first.name == "data" else have.fine_tune_data
    return float(forecast(known, parameters=N, fine_tune_data=D_F).loss[0])


def _compare(oracle: Plan, chosen: Plan, reached: bool) -> dict[str, Any]:
    """What is paid in the end: the purchase itself if it reaches the target to within a run's
    noise; else the rest of the data too, or, for a model that is too small, a second one."""
    true = {option.name: option.money for option in oracle.options}
    best, first = oracle.options[0].money, chosen.options[0]
    paid = first.money
    if not reached:
        paid = max(paid, true["data"]) if first.name == "data" else paid + true[first.name]
    return {
        "oracle": oracle.options[0].name, "favourite": first.name,
        "recommended": chosen.recommended, "reached": reached,
        "excess": float(paid / best - 1),
        "cost_error": float(first.money / true[first.name] - 1),
        "gap": float(np.log(oracle.options[1].money / best)),
    }  # fmt: skip


def shipped() -> list[dict[str, Any]]:
    """The worlds of the laptop recipe, as last made."""
    numbers = ("excess", "cost_error", "gap")
    return [
        {**row, "recommended": row["recommended"] or None, "reached": row["reached"] == "True",
         **{name: float(row[name]) for name in numbers}}
        for row in io.read_csv(RESULTS / "planner.csv")
    ]  # fmt: skip


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Counts, and shares among the worlds in which the planner decided.

    `within_5_percent` pays at most 5 % more than the oracle in the end; `right_choice` buys what
    the oracle buys, or what costs at most 5 % more; `cost_foretold` foresaw the cost of its
    purchase to 5 % either way; `reached` came within a run's noise of the target.
    """
    sure = [row for row in rows if row["recommended"] is not None]

    def share(part: list[dict[str, Any]], good: Callable[[dict[str, Any]], bool]) -> float | None:
        return float(np.mean([good(row) for row in part])) if part else None

    return {
        "worlds": len(rows), "recommended": len(sure), "abstained": len(rows) - len(sure),
        "within_5_percent": share(sure, lambda row: row["excess"] <= INDIFFERENT),
        "right_choice": share(sure, _right),
        "cost_foretold": share(sure, lambda row: abs(row["cost_error"]) <= INDIFFERENT),
        "reached": share(sure, lambda row: row["reached"]),
        "right_choice_of_all": share(rows, _right),
    }  # fmt: skip


def _right(row: dict[str, Any]) -> bool:
    return bool(row["favourite"] == row["oracle"] or row["gap"] <= np.log1p(INDIFFERENT))
