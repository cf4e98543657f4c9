"""From-scratch laws: the loss of a model of N parameters on D units of data.

    additive   L = E + A*N**-a + B*D**-b                       Hoffmann et al. 2022
    gadre      additive with a = b                             Gadre et al. 2024: their
               L = E + (a*M**eta + b*M**-eta) * C**-eta, M = D/N, C = 6*N*D, is this with
               exponent 2*eta
    rectified  L = E + A*N**-a + B/(D_l + D**b)                Lin et al. 2024, with a size term
    kaplan     L = ((N_c/N)**(a_N/a_D) + D_c/D)**a_D           Kaplan et al. 2020
    power, rectified_one_size: additive and rectified without the size term
    ..._no_floor: those two with E = 0, for curves that are still far from their floor

Every law works on centred logarithms x = log N - x0 and y = log D - y0 and on unconstrained
coordinates phi (logarithms of positive parameters, scales moved to the centre), so that one
batched solver serves all. Shape letters: P parameter vectors, p coordinates, n rows.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from precocial.errors import FitError

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A law at (P, n) points: log loss (nats of log), d/dphi (P, p, n), d/dlog D (P, n)."""

    log_loss: Floats
    jacobian: Floats
    slope: Floats


class Law(Protocol):
    """What the fits need of a from-scratch law; `testing.check_law` checks one of your own."""

    @property
    def name(self) -> str: ...
    @property
    def coordinates(self) -> tuple[str, ...]:
        """Names of the p entries of phi."""
        ...

    @property
    def uses_size(self) -> bool: ...

    def evaluate(self, phi: Floats, x: Floats, y: Floats) -> Evaluation:
        """phi (P, p); x and y (n,), or (P, n) where each vector has points of its own."""
        ...

    def log_floor(self, phi: Floats, x: Floats) -> Floats:
        """Log loss with infinite data, (P, n)."""
        ...

    def log_data(self, phi: Floats, x: Floats, log_loss: Floats) -> Floats:
        """y at which the law reaches `log_loss`, (P, n); inf where it never does, -inf where it
        does with no data."""
        ...

    def natural(self, phi: Floats, x0: float, y0: float) -> dict[str, Floats]:
        """The law's own parameters by name, (P,) each; coefficients in natural units."""
        ...

    def coordinates_of(self, natural: Mapping[str, float]) -> Floats:
        """phi (p,) at x0 = y0 = 0 of the law's own parameters."""
        ...

    def grid(self) -> Iterator[tuple[float, ...]]:
        """Nonlinear parameters to start from."""
        ...

    def columns(self, nonlinear: tuple[float, ...], x: Floats, y: Floats) -> Floats:
        """(n, k) columns in whose non-negative span L**power lies, given the nonlinear ones."""
        ...

    def power(self, nonlinear: tuple[float, ...]) -> float: ...

    def assemble(self, nonlinear: tuple[float, ...], coefficients: Floats) -> Floats:
        """phi (p,) from the two parts."""
        ...


_EXPONENTS = np.geomspace(0.05, 2.0, 12)
_SMALL = 1e-9


def _log_coefficients(coefficients: Floats, smallest: float) -> Floats:
    """Logarithms; none below `smallest` of the largest, as zeros have no logarithm."""
    logs = np.log(np.maximum(coefficients, 5e-324))
    return np.asarray(np.maximum(logs, logs.max() + np.log(smallest)))


@dataclass(frozen=True)
class SumLaw:
    """[E] + [A*exp(-a*x)] + B / (D_l + exp(b*y)), D_l = 0 unless rectified, a = b if tied.

    phi is (log B, log b, [log D_l], [log A, [log a]], [log E]).
    """

    name: str
    size: str = "free"
    """"free" exponent, "tied" to the data exponent, or "none" (no size term)."""
    rectified: bool = False
    floor: bool = True

    @property
    def coordinates(self) -> tuple[str, ...]:
        names = ["log B", "log b"]
        if self.rectified:
            names.append("log D_l")
        if self.uses_size:
            names.append("log A")
        if self.size == "free":
            names.append("log a")
        if self.floor:
            names.append("log E")
        return tuple(names)

    @property
    def uses_size(self) -> bool:
        return self.size != "none"

    @property
    def _at_size(self) -> int:
        return 3 if self.rectified else 2

    def _data_term(self, phi: Floats, y: Floats) -> tuple[Floats, Floats, Floats]:
        """(P, n) log of B / (D_l + exp(b*y)), b as (P, 1), and the share of exp(b*y) below."""
        b = np.exp(phi[:, 1:2])
        by = b * y
        denominator = np.logaddexp(phi[:, 2:3], by) if self.rectified else by
        return phi[:, 0:1] - denominator, b, np.exp(by - denominator)

    def _size_term(self, phi: Floats, x: Floats) -> tuple[Floats, Floats]:
        at = self._at_size
        a = np.exp(phi[:, at + 1 : at + 2] if self.size == "free" else phi[:, 1:2])
        return phi[:, at : at + 1] - a * x, a

    def evaluate(self, phi: Floats, x: Floats, y: Floats) -> Evaluation:
        data, b, moving = self._data_term(phi, y)
        terms, a = [data], b
        if self.uses_size:
            size, a = self._size_term(phi, x)
            terms.append(np.broadcast_to(size, data.shape))
        if self.floor:
            terms.append(np.broadcast_to(phi[:, -1:], data.shape))
        top = np.maximum.reduce(terms)
        shares = [np.exp(term - top) for term in terms]
        total = np.add.reduce(shares)
        log_loss = top + np.log(total)
        shares = [share / total for share in shares]

        moved = shares[0] * moving
        jacobian = np.zeros((phi.shape[0], phi.shape[1], data.shape[1]))
        jacobian[:, 0] = shares[0]
        jacobian[:, 1] = -moved * b * y
        if self.rectified:
            jacobian[:, 2] = moved - shares[0]
        if self.uses_size:
            at = self._at_size
            jacobian[:, at] = shares[1]
            jacobian[:, at + 1 if self.size == "free" else 1] -= shares[1] * a * x
        if self.floor:
            jacobian[:, -1] = shares[-1]
        return Evaluation(log_loss, jacobian, -moved * b)

    def log_floor(self, phi: Floats, x: Floats) -> Floats:
        floor = np.full((len(phi), len(x)), -np.inf)
        if self.floor:
            floor = np.logaddexp(floor, phi[:, -1:])
        return np.logaddexp(floor, self._size_term(phi, x)[0]) if self.uses_size else floor

    def log_data(self, phi: Floats, x: Floats, log_loss: Floats) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            gap = log_loss + np.log(-np.expm1(self.log_floor(phi, x) - log_loss))
            needed = phi[:, 0:1] - gap  # log of (D_l + D**b)
            if self.rectified:
                learned = phi[:, 2:3]
                # worse than with no data at all: -inf; below the floor `needed` is NaN and stays
                needed = np.where(
                    needed <= learned, -np.inf, needed + np.log(-np.expm1(learned - needed))
                )
            return np.where(np.isnan(needed), np.inf, needed / np.exp(phi[:, 1:2]))

    def natural(self, phi: Floats, x0: float, y0: float) -> dict[str, Floats]:
        b = np.exp(phi[:, 1])
        out = {"B": np.exp(phi[:, 0] + b * y0), "b": b}
        if self.rectified:
            out["D_l"] = np.exp(phi[:, 2] + b * y0)
        if self.uses_size:
            term, a = self._size_term(phi, np.zeros(1))
            out["A"] = np.exp(term[:, 0] + a[:, 0] * x0)
            if self.size == "free":
                out["a"] = a[:, 0]
        if self.floor:
            out["E"] = np.exp(phi[:, -1])
        return out

    def coordinates_of(self, natural: Mapping[str, float]) -> Floats:
        return np.log([natural[name.removeprefix("log ")] for name in self.coordinates])

    def grid(self) -> Iterator[tuple[float, ...]]:
        sizes = _EXPONENTS if self.size == "free" else [0.0]
        learned = [0.0, 0.03, 0.3, 3.0] if self.rectified else [0.0]
        return itertools.product(_EXPONENTS, sizes, learned)

    def columns(self, nonlinear: tuple[float, ...], x: Floats, y: Floats) -> Floats:
        b, a, learned = nonlinear
        columns = [1 / (learned + np.exp(b * y))]
        if self.uses_size:
            columns.append(np.exp(-(a if self.size == "free" else b) * x))
        if self.floor:
            columns.append(np.ones_like(y))
        return np.stack(columns, axis=1)

    def power(self, nonlinear: tuple[float, ...]) -> float:
        return 1.0

    def assemble(self, nonlinear: tuple[float, ...], coefficients: Floats) -> Floats:
        b, a, learned = nonlinear
        logs = iter(_log_coefficients(coefficients, _SMALL))
        phi = [next(logs), np.log(b)]
        if self.rectified:
            phi.append(np.log(max(learned, _SMALL)))
        if self.uses_size:
            phi.append(next(logs))
        if self.size == "free":
            phi.append(np.log(a))
        if self.floor:
            phi.append(next(logs))
        return np.array(phi, dtype=np.float64)


@dataclass(frozen=True)
class KaplanLaw:
    """L = (exp(r*(c_N - x)) + exp(c_D - y))**a_D with r = a_N/a_D, c_N = log N_c, c_D = log D_c."""

    name: str = "kaplan"
    coordinates: tuple[str, ...] = ("log a_D", "log r", "log N_c", "log D_c")
    uses_size: bool = True

    def evaluate(self, phi: Floats, x: Floats, y: Floats) -> Evaluation:
        a_D, r = np.exp(phi[:, 0:1]), np.exp(phi[:, 1:2])
        size, data = r * (phi[:, 2:3] - x), phi[:, 3:4] - y
        total = np.logaddexp(size, data)
        of_size, of_data = np.exp(size - total), np.exp(data - total)
        log_loss = a_D * total
        jacobian = np.stack(
            [log_loss, a_D * of_size * size, a_D * of_size * r, a_D * of_data], axis=1
        )
        return Evaluation(log_loss, jacobian, -a_D * of_data)

    def log_floor(self, phi: Floats, x: Floats) -> Floats:
        return np.asarray(np.exp(phi[:, 0:1] + phi[:, 1:2]) * (phi[:, 2:3] - x))

    def log_data(self, phi: Floats, x: Floats, log_loss: Floats) -> Floats:
        a_D, r = np.exp(phi[:, 0:1]), np.exp(phi[:, 1:2])
        total, size = log_loss / a_D, r * (phi[:, 2:3] - x)
        with np.errstate(divide="ignore", invalid="ignore"):
            needed = phi[:, 3:4] - (total + np.log(-np.expm1(size - total)))
        return np.where(np.isnan(needed), np.inf, needed)

    def natural(self, phi: Floats, x0: float, y0: float) -> dict[str, Floats]:
        a_D, r = np.exp(phi[:, 0]), np.exp(phi[:, 1])
        N_c, D_c = np.exp(phi[:, 2] + x0), np.exp(phi[:, 3] + y0)
        return {"a_N": a_D * r, "a_D": a_D, "N_c": N_c, "D_c": D_c}

    def coordinates_of(self, natural: Mapping[str, float]) -> Floats:
        a_N, a_D = natural["a_N"], natural["a_D"]
        return np.log([a_D, a_N / a_D, natural["N_c"], natural["D_c"]])

    def grid(self) -> Iterator[tuple[float, ...]]:
        return itertools.product(np.geomspace(0.02, 1.0, 12), np.geomspace(0.2, 3.0, 10))

    def columns(self, nonlinear: tuple[float, ...], x: Floats, y: Floats) -> Floats:
        return np.stack([np.exp(-nonlinear[1] * x), np.exp(-y)], axis=1)

    def power(self, nonlinear: tuple[float, ...]) -> float:
        return 1 / nonlinear[0]

    def assemble(self, nonlinear: tuple[float, ...], coefficients: Floats) -> Floats:
        a_D, r = nonlinear
        u, v = _log_coefficients(coefficients, 1e-300)
        return np.array([np.log(a_D), np.log(r), u / r, v])


_ONE_SIZE = (
    SumLaw("power", size="none"),
    SumLaw("power_no_floor", size="none", floor=False),
    SumLaw("rectified_one_size", size="none", rectified=True),
    SumLaw("rectified_one_size_no_floor", size="none", rectified=True, floor=False),
)
_SIZES = (
    SumLaw("additive"),
    SumLaw("gadre", size="tied"),
    SumLaw("rectified", rectified=True),
    KaplanLaw(),
)
LAWS: dict[str, Law] = {law.name: law for law in (*_SIZES, *_ONE_SIZE)}
ONE_SIZE_LAWS = tuple(law.name for law in _ONE_SIZE)
SIZE_LAWS = tuple(law.name for law in _SIZES)


def project(law: Law, x: Floats, y: Floats, log_loss: Floats) -> Floats:
    """(G, p) starts by variable projection: a vector for each point of the law's `grid`, its
    linear parameters solved for, non-negative, on relative residuals at n points. Points whose
    numbers do not fit in a float are left out.

    Raises:
        FitError: all of them are: losses or data of an extreme scale.
    """
    starts = []
    middle = log_loss.mean()
    for nonlinear in law.grid():
        power = law.power(nonlinear)
        with np.errstate(over="ignore", under="ignore", invalid="ignore", divide="ignore"):
            columns = law.columns(nonlinear, x, y)
            relative = columns * np.exp(-power * (log_loss - middle))[:, None]
            scale = np.linalg.norm(relative, axis=0)
            # the norm is of losses about 1; the coefficients are of losses as they are
            back = np.exp(power * middle) / scale
            usable = np.isfinite(relative).all() and (np.isfinite(back) & (back > 0)).all()
        if not usable:
            continue
        coefficients = nnls(relative / scale, np.ones(len(y)))[0] * back
        if np.isfinite(coefficients).all() and coefficients.any():
            starts.append(law.assemble(nonlinear, coefficients))
    if not starts:
        raise FitError(
            f"the {law.name} law has no start in numbers that a computer holds: losses about "
            f"{np.exp(middle):.3g}, data over a factor {np.exp(min(700.0, np.ptp(y))):.3g}. Give "
            "losses and data in units nearer to 1"
        )
    return np.stack(starts)
