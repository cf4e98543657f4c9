"""What is sure of a policy whatever its costs are: how far it is from a trusted base.

density ratio D = max of Q / p, so E_Q[c] <= D * E_p[c] for every cost c >= 0, seen or not;
KL(Q || p) in nats. The quantilizer has the best expected score at its density ratio 1 / q
(Taylor 2015); best-of-n is better at the same KL. `compare_with_best_of_n` gives both sides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from array_api_compat import to_device
from numpy.typing import NDArray
from scipy.optimize import brentq

from precocial.choice.arguments import checked
from precocial.choice.arrays import fixed, in_reach, library_of
from precocial.choice.best_of_n import best_of_n
from precocial.choice.quantilizer import quantilize
from precocial.errors import ConfigError

Floats = NDArray[np.float64]
SUM = 1e-5
"""How far a policy's sum may be from 1 (single precision over 1e6 options is within it)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Certificate:
    """What is sure of a policy, given its base; arrays (...), one number a row.

    Attributes:
        density_ratio: max of policy / base; inf where the policy takes what the base never does.
        kl_nats: KL(policy || base) in nats.
        cost: expected cost of the policy, where costs were given.
        base_cost: expected cost of the base.
        cost_bound: density_ratio * base_cost: no policy of this ratio costs more.
    """

    density_ratio: Floats
    kl_nats: Floats
    cost: Floats | None = None
    base_cost: Floats | None = None
    cost_bound: Floats | None = None


@checked
def certify(policy: Any, base: Any = None, *, cost: Any = None, axis: int = -1) -> Certificate:
    """The certificate of any policy, whatever rule it comes from.

    Args:
        policy: (..., A) probabilities.
        base: (..., A) or (A,), not negative, divided by its sum; uniform by default. (Options that
            do not exist count in a uniform base: give them 0 in a base of your own.)
        cost: (..., A) or (A,), finite and not negative.
        axis: which axis the options lie on.

    Raises:
        ConfigError: a policy that is no distribution, or a base or cost that is negative, not
            finite or of another shape.
    """
    w = np.moveaxis(_host("policy", policy), axis, -1)
    if w.size == 0 or (w < 0).any() or (np.abs(w.sum(axis=-1) - 1) > SUM).any():
        raise ConfigError("certify: policy must hold distributions: no number below 0, sums of 1")
    p = np.ones_like(w) if base is None else _beside("base", base, w, axis)
    if (p < 0).any() or not (p > 0).any(axis=-1).all():
        raise ConfigError("certify: base must not be negative, and above 0 for one option at least")
    p = in_reach(np, p)[0]
    p = p / p.sum(axis=-1, keepdims=True)
    taken = w > 0
    ratio = np.where(taken & (p == 0), np.inf, w / np.where(p == 0, 1.0, p))
    log_ratio = np.log(np.where(taken, ratio, 1.0))
    kl = np.where(taken, w * log_ratio, 0.0).sum(axis=-1)
    density, nats = np.asarray(ratio.max(axis=-1)), np.asarray(np.maximum(kl, 0.0))
    if cost is None:
        return Certificate(density_ratio=density, kl_nats=nats)
    c = _beside("cost", cost, w, axis)
    if (c < 0).any():
        raise ConfigError("certify: cost must not be negative; the bound holds for costs alone")
    policy_cost, base_cost = (np.asarray((x * c).sum(axis=-1)) for x in (w, p))
    with np.errstate(invalid="ignore"):
        bound = np.where(np.isinf(density), np.inf, density * base_cost)
    return Certificate(
        density_ratio=density, kl_nats=nats, cost=policy_cost, base_cost=base_cost,
        cost_bound=bound,
    )  # fmt: skip


def _host(name: str, values: Any) -> Floats:
    found = fixed(library_of(f"certify: {name}", values)[1])
    array = np.asarray(to_device(found, "cpu"), dtype=np.float64)
    if array.ndim == 0 or not np.isfinite(array).all():
        raise ConfigError(f"certify: {name} must be finite, (..., A); got shape {array.shape}")
    return array


def _beside(name: str, values: Any, w: Floats, axis: int) -> Floats:
    found = _host(name, values)
    found = found if found.ndim == 1 else np.moveaxis(found, axis, -1)
    try:
        return np.broadcast_to(found, w.shape)
    except ValueError as error:
        raise ConfigError(
            f"certify: {name} must fit the policy, {w.shape} with the options last; got "
            f"{found.shape}"
        ) from error


@dataclass(frozen=True, kw_only=True)
class Side:
    """One rule in a comparison.

    Attributes:
        rule: "best of n" or "quantilizer".
        setting: n, or q.
        density_ratio: max of policy / base.
        kl_nats: KL from the base.
        mean: expected score; of a continuum, expected rank in [0, 1].
    """

    rule: str
    setting: float
    density_ratio: float
    kl_nats: float
    mean: float


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Best-of-n beside two quantilizers: one of its density ratio, one of its KL.

    `str` of it is a table of the three.
    """

    best_of_n: Side
    equal_density: Side
    equal_kl: Side

    def __str__(self) -> str:
        head = f"{'rule':34} {'density ratio':>13} {'KL, nats':>9} {'mean':>9}"
        named = (
            (f"best of {self.best_of_n.setting:g}", self.best_of_n),
            (f"quantilizer, q = {self.equal_density.setting:.4g}, same ratio", self.equal_density),
            (f"quantilizer, q = {self.equal_kl.setting:.4g}, same KL", self.equal_kl),
        )
        lines = [
            f"{name:34} {one.density_ratio:13.4g} {one.kl_nats:9.4g} {one.mean:9.4g}"
            for name, one in named
        ]
        return "\n".join([head, *lines])


@checked
def compare_with_best_of_n(n: int, *, scores: Any = None, base: Any = None) -> Comparison:
    """Best-of-n, the quantilizer of equal density ratio, and that of equal KL.

    Without scores, of a continuum, where a score is its rank and no two tie: best-of-n has ratio
    n, KL log n - (n - 1) / n and mean rank n / (n + 1); the quantilizer 1 / q, log(1 / q) and
    1 - q / 2. So q = 1 / n is ahead at the same ratio, and best-of-n at the same KL.

    Args:
        n: draws of best-of-n, 2 or more.
        scores: (A,), one row, or None.
        base: (A,), of the scores; uniform by default.

    Raises:
        ConfigError: n < 2, or scores and base that `quantilize` would refuse.
    """
    if n < 2:
        raise ConfigError(f"compare_with_best_of_n: n must be 2 or more; got {n}")
    if scores is None:
        if base is not None:
            raise ConfigError("compare_with_best_of_n: a base needs scores")
        kl = np.log(n) - (n - 1) / n
        return Comparison(
            best_of_n=Side(rule="best of n", setting=n, density_ratio=n, kl_nats=float(kl),
                           mean=n / (n + 1)),
            equal_density=_of_continuum(1 / n),
            equal_kl=_of_continuum(float(np.exp(-kl))),
        )  # fmt: skip
    S = _host_scores(scores)
    p = np.where(-np.inf < S, 1.0 if base is None else _host("base", base), 0.0)
    bon = _side("best of n", n, best_of_n(S, n, base=p), p, S)

    def quantilizer(q: float) -> Side:
        return _side("quantilizer", q, quantilize(S, q, base=p), p, S)

    least = 1e-12
    if quantilizer(least).kl_nats <= bon.kl_nats:
        equal = least
    elif bon.kl_nats <= 1e-12:
        equal = 1.0
    else:
        equal = brentq(lambda q: quantilizer(q).kl_nats - bon.kl_nats, least, 1.0, xtol=1e-14)
    return Comparison(
        best_of_n=bon, equal_density=quantilizer(min(1.0, 1 / bon.density_ratio)),
        equal_kl=quantilizer(equal),
    )  # fmt: skip


def _host_scores(scores: Any) -> Floats:
    found = fixed(library_of("compare_with_best_of_n: scores", scores)[1])
    S = np.asarray(to_device(found, "cpu"), dtype=np.float64)
    if S.ndim != 1:
        raise ConfigError(f"compare_with_best_of_n: scores must be one row; got shape {S.shape}")
    return S


def _side(rule: str, setting: float, w: Floats, p: Floats, S: Floats) -> Side:
    sure = certify(w, p)
    mean = float(w @ np.where(-np.inf < S, S, 0.0))
    ratio, nats = float(sure.density_ratio), float(sure.kl_nats)
    return Side(rule=rule, setting=setting, density_ratio=ratio, kl_nats=nats, mean=mean)


def _of_continuum(q: float) -> Side:
    return Side(rule="quantilizer", setting=q, density_ratio=1 / q,
                kl_nats=float(np.log(1 / q)), mean=1 - q / 2)  # fmt: skip
