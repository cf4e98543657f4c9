"""People as planner times utility: how a choice between two amounts comes about.

P(option 1) = 1 / (1 + exp(-beta * advantage)): the advantage is the utility of option 1 less
that of option 0, and beta is the planner's inverse temperature.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Advantage = Callable[..., Floats]


@dataclass(frozen=True, kw_only=True, eq=False)
class Axis:
    """The values that a parameter may have, all alike likely beforehand.

    Attributes:
        name: the parameter.
        values: (g,) rising; one value for a parameter that is fixed.
        log: whether the values are even on a logarithmic scale.
        unit: of the values.
    """

    name: str
    values: Floats
    log: bool = False
    unit: str = ""

    @classmethod
    def logarithmic(cls, name: str, low: float, high: float, count: int, unit: str = "") -> Axis:
        return cls(name=name, values=np.geomspace(low, high, count), log=True, unit=unit)

    @classmethod
    def linear(cls, name: str, low: float, high: float, count: int, unit: str = "") -> Axis:
        return cls(name=name, values=np.linspace(low, high, count), unit=unit)

    def quantile(self, weights: Floats, share: float) -> Floats:
        """(N,) of posterior weights (g, N), each value a cell up to half way to its neighbours."""
        return np.asarray(self._quantiles(weights, np.full((1, weights.shape[1]), share))[0])

    def draw(self, weights: Floats, count: int, rng: np.random.Generator) -> Floats:
        """(count, N) independent draws from posterior weights (g, N), even within a cell."""
        return self._quantiles(weights, rng.random((count, weights.shape[1])))

    def spread(self, weights: Floats) -> Floats:
        """(N,) standard deviations of posterior weights (g, N), on the axis's own scale."""
        x = self.scaled(self.values)
        mass = weights / weights.sum(axis=0)
        return np.asarray(np.sqrt(np.maximum((x**2) @ mass - (x @ mass) ** 2, 0.0)))

    def scaled(self, values: Floats) -> Floats:
        """Values on the scale on which the axis is even."""
        return np.asarray(np.log(values) if self.log else values)

    def _quantiles(self, weights: Floats, shares: Floats) -> Floats:
        """(m, N) of posterior weights (g, N) at shares (m, N)."""
        if len(self.values) == 1:
            return np.full(shares.shape, self.values[0])
        x = self.scaled(self.values)
        edges = np.r_[x[0], (x[1:] + x[:-1]) / 2, x[-1]]
        mass = np.concatenate([np.zeros((1, weights.shape[1])), weights.cumsum(axis=0)])
        found = np.stack(
            [
                np.interp(share * column[-1], column, edges)
                for share, column in zip(shares.T, mass.T, strict=True)
            ],
            axis=1,
        )
        return np.asarray(np.exp(found)) if self.log else found


@dataclass(frozen=True, kw_only=True, eq=False)
class ChoiceModel:
    """Utilities with parameters on a grid, and a planner with an inverse temperature.

    Attributes:
        name: what it is called.
        advantage: columns (Q,) and one array a parameter, (U, 1), to utilities (U, Q). With
            `as_bias=True` what the paper would call a bias is done by the planner and not by the
            utility; the product is the same.
        unbiased: the same call, to what the utility alone says once the bias is the planner's.
        axes: of the utility's parameters.
        temperature: axis of beta, per unit of utility.
        bias: the statement that the behaviour cannot decide, in words.
    """

    name: str
    advantage: Advantage
    unbiased: Advantage
    axes: tuple[Axis, ...]
    temperature: Axis
    bias: str


def discount(delay: Floats, rate: Floats, present_bias: Floats, kind: str) -> Floats:
    """D(d): hyperbolic 1/(1 + k d), exponential exp(-k d), or b exp(-k d) after today."""
    if kind == "hyperbolic":
        return np.asarray(1 / (1 + rate * delay))
    return np.asarray(np.exp(-rate * delay) * np.where(delay > 0, present_bias, 1.0))


def _delay(kind: str) -> Advantage:
    def advantage(
        columns: Mapping[str, Floats], rate: Floats, present_bias: Floats, *, as_bias: bool = False
    ) -> Floats:
        total = np.zeros(1)
        for sign, when in ((1.0, "later"), (-1.0, "sooner")):
            amount = columns[f"amount_{when}"]
            weight = discount(columns[f"delay_{when}"], rate, present_bias, kind)
            # Either the amount is worth less the later it comes, or it is worth what it is
            # and the planner attends to it less.
            utility, attention = (amount, sign * weight) if as_bias else (amount * weight, sign)
            total = total + attention * utility
        return np.asarray(total)

    return advantage


def _patient(columns: Mapping[str, Floats], rate: Floats, present_bias: Floats) -> Floats:
    shape = np.broadcast_shapes(rate.shape, columns["amount_later"].shape)
    return np.broadcast_to(columns["amount_later"] - columns["amount_sooner"], shape)


def _power(amount: Floats, curvature: Floats) -> Floats:
    return np.asarray(np.sign(amount) * np.abs(amount) ** curvature)


def _prospect(
    columns: Mapping[str, Floats], curvature: Floats, loss_aversion: Floats, *,
    as_bias: bool = False,
) -> Floats:  # fmt: skip
    """Even odds of gain or loss against a certain amount; losses count lambda times."""
    gain, certain = _power(columns["gain"], curvature), _power(columns["certain"], curvature)
    loss = _power(columns["loss"], curvature)
    weigh = np.where(columns["certain"] < 0, loss_aversion, 1.0)
    if as_bias:  # utilities without aversion, attention to losses of lambda
        return np.asarray(0.5 * gain + (0.5 * loss_aversion) * loss - weigh * certain)
    return np.asarray(0.5 * (gain + loss_aversion * loss) - weigh * certain)


def _loss_neutral(
    columns: Mapping[str, Floats], curvature: Floats, loss_aversion: Floats
) -> Floats:
    return _prospect(columns, curvature, np.ones_like(loss_aversion))


# The ranges hold hBayesDM's (k to 1, rho to 2, lambda to 5, beta to 5, tau to 30) and more; even
# on a logarithmic scale where they span orders of magnitude. The steps are ours: halving them
# moves no median by more than a tenth of its interval on the hBayesDM example data.
_RATE = Axis.logarithmic("k", 1e-5, 10.0, 97, "per unit of delay")
_NO_BIAS = Axis(name="present bias", values=np.ones(1))
_BETA = Axis.logarithmic("beta", 1e-2, 30.0, 49, "per unit of amount")
_RHO = Axis.linear("rho", 0.1, 2.0, 39)
_LAMBDA = Axis.logarithmic("lambda", 0.2, 10.0, 113)
_MU = Axis.logarithmic("mu", 1e-2, 100.0, 49, "per unit of utility")
_IMPATIENCE = (
    "whether the person values later amounts less, or values them as they are and fails to wait: "
    "discounting as preference or as bias"
)
_AVERSION = (
    "whether the person minds losses more than gains, or minds them alike and attends to losses "
    "more: loss aversion as preference or as bias"
)

MODELS: Mapping[str, Mapping[str, ChoiceModel]] = {
    "delay": {
        "hyperbolic": ChoiceModel(
            name="hyperbolic", advantage=_delay("hyperbolic"), unbiased=_patient,
            axes=(_RATE, _NO_BIAS), temperature=_BETA, bias=_IMPATIENCE,
        ),
        "exponential": ChoiceModel(
            name="exponential", advantage=_delay("exponential"), unbiased=_patient,
            axes=(_RATE, _NO_BIAS), temperature=_BETA, bias=_IMPATIENCE,
        ),
        "quasi_hyperbolic": ChoiceModel(
            name="quasi_hyperbolic", advantage=_delay("quasi_hyperbolic"), unbiased=_patient,
            axes=(_RATE, Axis.linear("present bias", 0.05, 1.0, 39)), temperature=_BETA,
            bias=_IMPATIENCE,
        ),
    },
    "risk": {
        "prospect": ChoiceModel(
            name="prospect", advantage=_prospect, unbiased=_loss_neutral,
            axes=(_RHO, _LAMBDA), temperature=_MU, bias=_AVERSION,
        ),
        "loss_neutral": ChoiceModel(
            name="loss_neutral", advantage=_prospect, unbiased=_loss_neutral,
            axes=(_RHO, Axis(name="lambda", values=np.ones(1))), temperature=_MU, bias=_AVERSION,
        ),
        "linear": ChoiceModel(
            name="linear", advantage=_prospect, unbiased=_loss_neutral,
            axes=(Axis(name="rho", values=np.ones(1)), _LAMBDA), temperature=_MU, bias=_AVERSION,
        ),
    },
}  # fmt: skip
"""By kind of data. Hyperbolic: Mazur 1987, as in hBayesDM's dd_hyperbolic; prospect: as in
hBayesDM's ra_prospect. Each fits subjects one by one, with a prior even on the grid, where
hBayesDM pools them in a hierarchy: our subjects' medians are not shrunk to the group's."""
