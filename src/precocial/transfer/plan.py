"""What to buy next: fine-tuning data, parameters or pre-training.

Each option grows one quantity and leaves the rest: D_F for "data", N for "parameters" (a larger
model is pre-trained anew), D_pre for "pretraining" (the same model is pre-trained on). An option
costs what it takes to reach the target loss under the fitted law. The law is uncertain, so each
bootstrap draw has costs of its own; where they span the choice the plan abstains.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from precocial.errors import ConfigError, FitError
from precocial.transfer.fit import TransferFit
from precocial.transfer.flags import Flag, check_extrapolation, levels
from precocial.transfer.methods import MIN_PRETRAINING
from precocial.transfer.models import log_effective

Floats = NDArray[np.float64]

FLOPS_PER_PARAMETER = 6.0
"""Training FLOPs a parameter and a token (Kaplan et al. 2020)."""
INDIFFERENT = 0.05
"""Options whose costs differ by less than this share are equally good (ours)."""
ROUNDING = 1e-12
"""Log losses this close are one: where a curve is flat, rounding decides nothing."""
_MOST = 1e9
_HALVINGS = 70
_LOG_LARGEST = 709.0
"""exp of it is near the largest float."""
_LARGEST = 1e60
"""Of an amount or a price: their products stay numbers. Nothing that is bought is larger."""


@dataclass(frozen=True, kw_only=True)
class Prices:
    """Money a unit, in any one currency.

    Attributes:
        data: of new fine-tuning data, collecting and labelling.
        flop: of training compute.
        pretrain_data: of new pre-training data.
        passes: over the fine-tuning data in a fine-tuning run.
    """

    data: float
    flop: float
    pretrain_data: float = 0.0
    passes: float = 1.0

    def __post_init__(self) -> None:
        for name in ("data", "flop", "pretrain_data", "passes"):
            value = getattr(self, name)
            if not 0 <= value <= _LARGEST:
                raise ConfigError(f"price {name} must lie in 0..{_LARGEST:g}; got {value!r}")
        if self.data == 0 and self.flop == 0:
            raise ConfigError("all prices are 0: then more of everything is best")


@dataclass(frozen=True, kw_only=True)
class Have:
    """Where you stand: a model of N parameters, pre-trained on D_pre, with D_F to fine-tune on."""

    parameters: float
    fine_tune_data: float
    pretrain_data: float

    def __post_init__(self) -> None:
        for name in ("parameters", "fine_tune_data", "pretrain_data"):
            value = getattr(self, name)
            if not 0 < value <= _LARGEST:
                raise ConfigError(
                    f"{name} must be finite and above 0, at most {_LARGEST:g}; got {value!r}"
                )


@dataclass(frozen=True, kw_only=True)
class Option:
    """One purchase that reaches the target.

    Attributes:
        name: "data", "parameters" or "pretraining".
        amount: the quantity to have in the end; `added` is what to buy of it.
        money, money_low, money_high: infinite where no amount reaches the target.
        best_in: share of the draws in which it is the cheapest.
    """

    name: str
    amount: float
    added: float
    money: float
    money_low: float
    money_high: float
    best_in: float


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The options, cheapest first, and whether the evidence decides between them.

    Attributes:
        recommended: the cheapest option's name, or None where the plan abstains.
        target_loss: what is to be reached; `loss` is the expected loss now.
        in_data: new fine-tuning data that would do the same.
        left_out: options that the fit cannot price, each with the reason.
        regret: what the cheapest option may cost too much, as a share, at `level`.
    """

    recommended: str | None
    statement: str
    options: tuple[Option, ...]
    loss: float
    target_loss: float
    in_data: float
    regret: float
    level: float
    flags: tuple[Flag, ...]
    left_out: tuple[tuple[str, str], ...] = ()

    def rows(self) -> list[dict[str, Any]]:
        """Plain rows for a table or a file."""
        return [
            {
                "option": option.name, "amount": option.amount, "added": option.added,
                "money": option.money, "money_low": option.money_low,
                "money_high": option.money_high, "best_in": option.best_in,
                "recommended": option.name == self.recommended,
            }
            for option in self.options
        ]  # fmt: skip


def plan(
    fit: TransferFit,
    *,
    have: Have,
    prices: Prices,
    target_loss: float | None = None,
    budget: float | None = None,
) -> Plan:
    """The cheapest single purchase that reaches a loss.

    Args:
        target_loss: to reach; or
        budget: the money there is: the target is then the lowest loss that it buys.

    The plan abstains when, at the fit's level, the cheapest option may cost over 5 % more than
    another. An option is weighed only if the fit has its exponent: "parameters" needs runs of two
    sizes, "pretraining" of three amounts of pre-training data; `left_out` names those that are not.

    Raises:
        ConfigError: both or neither of target_loss and budget, a target that is no better than
            what there is, or a price on FLOPs where the table gives no sizes.
        FitError: the fit has no draws, or no option reaches the target.
    """
    if (target_loss is None) == (budget is None):
        raise ConfigError("give either target_loss or budget")
    if len(fit.tau_draws) == 0:
        raise FitError("a plan needs bootstrap draws; fit with draws=400")
    if prices.flop > 0 and np.isnan(fit.table.N).all():
        raise ConfigError(
            "training costs follow the parameters, and column N is missing: sizes are not given; "
            "add N to the run table, or set the price of a FLOP to 0 to plan data alone"
        )
    market = _Market(fit=fit, have=have, prices=prices)
    log_now = float(market.log_loss("data", np.ones(1), point=True)[0])
    now = math.exp(log_now) if log_now < _LOG_LARGEST else math.inf
    if budget is not None:
        if not (np.isfinite(budget) and budget > 0):
            raise ConfigError(f"budget must be above 0; got {budget!r}")
        target_loss = min(market.loss_for(name, budget) for name in market.names)
    assert target_loss is not None  # for mypy
    if not 0 < target_loss < now:
        raise ConfigError(
            f"target_loss must lie between 0 and the {now:.4g} that you have; got "
            f"{target_loss:.4g}" + ("; the budget buys nothing" if budget is not None else "")
        )
    point = {name: market.reach(name, np.log(target_loss), point=True)[0] for name in market.names}
    draws = {name: market.reach(name, np.log(target_loss), point=False) for name in market.names}
    return _decide(market, point, draws, now, target_loss)


@dataclass(frozen=True, kw_only=True)
class _Market:
    """Costs and losses of growing one quantity by a factor s >= 1."""

    fit: TransferFit
    have: Have
    prices: Prices

    @property
    def names(self) -> tuple[str, ...]:
        known = self.fit.terms.names
        return ("data", *["parameters"] * ("beta" in known), *["pretraining"] * ("gamma" in known))

    @property
    def left_out(self) -> tuple[tuple[str, str], ...]:
        """What `names` lacks, and why: an option without an exponent has no price."""
        sizes, pretraining = (
            len(levels(column[column > 0])) for column in (self.fit.used.N, self.fit.used.D_pre)
        )
        reasons = {
            "parameters": f"the runs have {sizes} size(s) N, and an exponent of the size needs 2. "
            "Add runs of another size",
            "pretraining": f"the runs have {pretraining} amount(s) of pre-training data D_pre, and "
            f"an exponent of it needs {MIN_PRETRAINING}. Add runs pre-trained on other amounts",
        }
        return tuple((name, why) for name, why in reasons.items() if name not in self.names)

    def money(self, name: str, s: Floats) -> Floats:
        """(P,) of factors (P,); infinite for an infinite one, even where a price is 0."""
        return np.where(np.isfinite(s), self._money(name, np.where(np.isfinite(s), s, 1.0)), np.inf)

    def _money(self, name: str, s: Floats) -> Floats:
        N, D_F, D_pre = self.have.parameters, self.have.fine_tune_data, self.have.pretrain_data
        flop, tune = self.prices.flop * FLOPS_PER_PARAMETER, self.prices.passes * D_F
        if name == "data":
            return np.asarray(self.prices.data * D_F * (s - 1) + flop * N * tune * s)
        if name == "parameters":
            return np.asarray(flop * N * s * (D_pre + tune))
        more = D_pre * (s - 1)
        return np.asarray(self.prices.pretrain_data * more + flop * N * (more + tune))

    def log_loss(self, name: str, s: Floats, *, point: bool) -> Floats:
        """(P,) of factors (P,): the draws', or with `point` the estimate's."""
        ones = np.ones_like(s)
        N = self.have.parameters * (s if name == "parameters" else ones)
        D_F = self.have.fine_tune_data * (s if name == "data" else ones)
        D_pre = self.have.pretrain_data * (s if name == "pretraining" else ones)
        z = self.fit.terms.regressors(D_F, N, D_pre)
        tau = self.fit.tau if point else self.fit.tau_draws
        surface = self.fit.surface if point else self.fit.surface_draws
        log_D_T = np.einsum("pq,qp->p", np.broadcast_to(tau, (len(s), tau.shape[1])), z)
        log_D_E, _ = log_effective(np.log(D_F), log_D_T[None])
        x, y = surface.size_coordinate(N), log_D_E[0] - surface.y0
        phi = np.broadcast_to(surface.phi, (len(s), surface.phi.shape[1]))
        return surface.law.evaluate(phi, x[:, None], y[:, None]).log_loss[:, 0]

    def loss_for(self, name: str, budget: float) -> float:
        """Expected loss when all of the budget goes to one option; now's if it cannot start."""
        low, high = 0.0, np.log(_MOST)
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            affordable = self.money(name, np.exp(np.array([middle])))[0] <= budget
            low, high = (middle, high) if affordable else (low, middle)
        log_loss = float(self.log_loss(name, np.exp(np.array([low])), point=True)[0])
        return math.exp(log_loss) if log_loss < _LOG_LARGEST else math.inf

    def reach(self, name: str, target: float, *, point: bool) -> Floats:
        """(P,) factors that bring the loss to the target; inf where none does."""
        count = 1 if point else len(self.fit.tau_draws)
        low, high = np.zeros(count), np.full(count, np.log(_MOST))
        target = target + ROUNDING
        possible = self.log_loss(name, np.exp(high), point=point) <= target
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            enough = self.log_loss(name, np.exp(middle), point=point) <= target
            low, high = np.where(enough, low, middle), np.where(enough, middle, high)
        return np.where(possible, np.exp(high), np.inf)


def _decide(
    market: _Market, point: Mapping[str, float], draws: Mapping[str, Floats],
    now: float, target_loss: float,
) -> Plan:  # fmt: skip
    level = market.fit.level
    tail = (1 - level) / 2
    cost = {name: float(market.money(name, np.array([s]))[0]) for name, s in point.items()}
    names = sorted(cost, key=lambda name: cost[name])
    if not np.isfinite(cost[names[0]]):
        raise FitError(
            f"no purchase reaches a loss of {target_loss:.4g}: it lies below what the law "
            "allows; ask for a higher one"
        )
    costs = np.stack([market.money(name, draws[name]) for name in names])
    cheapest = costs.min(axis=0)
    # where no option reaches the target in a draw, none is regretted in it
    lost = np.isfinite(cheapest) & (costs[0] > cheapest)
    regrets = np.zeros(len(cheapest))
    with np.errstate(divide="ignore"):  # over what is free, any cost is infinitely much
        regrets[lost] = costs[0, lost] / cheapest[lost] - 1
    regret = float(np.quantile(regrets, level, method="higher"))
    winners = np.argmin(costs, axis=0)
    options = tuple(
        Option(
            name=name, amount=_held(market.have, name) * point[name],
            added=_held(market.have, name) * (point[name] - 1), money=cost[name],
            money_low=float(np.quantile(costs[at], tail, method="lower")),
            money_high=float(np.quantile(costs[at], 1 - tail, method="higher")),
            best_in=float((winners == at).mean()),
        )
        for at, name in enumerate(names)
    )  # fmt: skip
    sure = regret <= INDIFFERENT
    return Plan(
        recommended=names[0] if sure else None,
        statement=_statement(options, target_loss, regret, sure), options=options, loss=now,
        target_loss=target_loss, in_data=market.have.fine_tune_data * (point["data"] - 1),
        regret=regret, level=level, flags=_doubts(market, point), left_out=market.left_out,
    )  # fmt: skip


def _held(have: Have, name: str) -> float:
    return {
        "data": have.fine_tune_data,
        "parameters": have.parameters,
        "pretraining": have.pretrain_data,
    }[name]


def _statement(options: tuple[Option, ...], target: float, regret: float, sure: bool) -> str:
    first = options[0]
    if sure:
        return (
            f"buy {first.name}: {first.added:.3g} more brings the loss to {target:.4g} for "
            f"{first.money:.3g} ({first.money_low:.3g} to {first.money_high:.3g})"
        )
    much = f"{regret:.0%}" if np.isfinite(regret) else "unboundedly"
    others = " or ".join(option.name for option in options if option.best_in > 0.025)
    return (
        f"no recommendation: {first.name} looks cheapest, but the runs leave open that it costs "
        f"{much} more than another choice ({others}); add runs, or take it as a guess"
    )


def _doubts(market: _Market, point: Mapping[str, float]) -> tuple[Flag, ...]:
    """Where you stand, and every option that is shown, against the runs that were measured."""
    tuned = market.fit.table.pretrained
    seen = {
        "data": ("D_F", tuned.D_F),
        "parameters": ("N", market.fit.table.N),
        "pretraining": ("D_pre", tuned.D_pre),
    }
    flags = []
    for option, (symbol, measured) in seen.items():
        held = _held(market.have, option)
        found = check_extrapolation(f"{symbol} now", np.array([held]), measured)
        if not found and np.isfinite(point.get(option, np.inf)):
            amount = np.array([held * point[option]])
            found = check_extrapolation(f"the option {option!r}: {symbol}", amount, measured)
        flags += found
    return (*market.fit.flags, *flags)
