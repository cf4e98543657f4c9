"""What the fits of the transfer law minimise: two models, each with an exact Jacobian.

`JointModel`    both arms at once: log L = log S(N, D) from scratch and
                log L = log S(N, D_F + D_T) fine-tuned, D_T = exp(tau . z), z = (1, log D_F, ...).
`ReadOffModel`  the read-off: log D_E = log(D_F + D_T), each row scaled by the slope of its
                learning curve, so that residuals are in log loss and D_T <= 0 needs no dropping.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from precocial.transfer.surface import Surface
from precocial.transfer.table import RunTable

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class TransferTerms:
    """The exponents of D_T and the centre of their regressors.

    log D_T = tau[0] + sum_j tau[j] * (log v_j - centre[j]), v = (D_F, N, D_pre) as far as used.
    """

    names: tuple[str, ...]
    centre: tuple[float, ...]

    @classmethod
    def of(cls, runs: RunTable, *, sizes: bool, pretraining: bool) -> TransferTerms:
        """Terms for `runs`; N and D_pre only where the table has levels of them."""
        names = ("alpha", *["beta"] * sizes, *["gamma"] * pretraining)
        columns = _columns(names, runs.D_F, runs.N, runs.D_pre)
        return cls(names=names, centre=tuple(float(column.mean()) for column in columns))

    def regressors(self, D_F: Floats, N: Floats, D_pre: Floats) -> Floats:
        """(q, n) rows: ones, then the centred logarithms."""
        columns = _columns(self.names, D_F, N, D_pre)
        centred = [column - mid for column, mid in zip(columns, self.centre, strict=True)]
        return np.stack([np.ones_like(D_F), *centred])

    def known(self, runs: RunTable) -> NDArray[np.bool_]:
        """(n,) whether a run has all that the terms ask for."""
        z = self.regressors(runs.D_F, runs.N, runs.D_pre)
        return np.asarray(np.isfinite(z).all(axis=0))

    def log_k(self, tau: Floats) -> Floats:
        """(P,) log k from tau (P, q): the constant at D_F = N = D_pre = 1."""
        return np.asarray(tau[:, 0] - tau[:, 1:] @ np.array(self.centre))

    def exponents(self, tau: Floats) -> dict[str, Floats]:
        """alpha, beta, gamma by name, (P,) each."""
        return {name: tau[:, at] for at, name in enumerate(self.names, 1)}


def _columns(names: tuple[str, ...], D_F: Floats, N: Floats, D_pre: Floats) -> list[Floats]:
    values = {"alpha": D_F, "beta": N, "gamma": D_pre}
    with np.errstate(divide="ignore"):  # a run without D_pre has no value under such a law
        columns = [np.log(values[name]) for name in names]
    return [np.where(np.isfinite(column), column, np.nan) for column in columns]


def log_effective(log_D_F: Floats, log_D_T: Floats) -> tuple[Floats, Floats]:
    """(P, n) log D_E = log(D_F + D_T), and D_T / D_E."""
    log_D_E = np.logaddexp(log_D_F, log_D_T)
    return log_D_E, np.exp(log_D_T - log_D_E)


@dataclass(frozen=True, eq=False)
class JointModel:
    """theta = (phi, tau). Rows: n_s scratch runs, then n_f fine-tuned ones."""

    surface: Surface
    terms: TransferTerms
    scratch: RunTable
    tuned: RunTable

    def __call__(self, theta: Floats) -> tuple[Floats, Floats]:
        law, p = self.surface.law, len(self.surface.law.coordinates)
        first = len(self.scratch)
        z = self.terms.regressors(self.tuned.D_F, self.tuned.N, self.tuned.D_pre)
        log_D_E, share = log_effective(np.log(self.tuned.D_F), theta[:, p:] @ z)
        log_D = np.broadcast_to(np.log(self.scratch.D_F), (len(theta), first))
        y = np.concatenate([log_D, log_D_E], axis=1) - self.surface.y0
        x = self.surface.size_coordinate(np.concatenate([self.scratch.N, self.tuned.N]))
        at = law.evaluate(theta[:, :p], x, y)
        jacobian = np.zeros((len(theta), theta.shape[1], y.shape[1]))
        jacobian[:, :p] = at.jacobian
        jacobian[:, p:, first:] = (at.slope[:, first:] * share)[:, None, :] * z
        return at.log_loss, jacobian


@dataclass(frozen=True, eq=False)
class ReadOffModel:
    """theta = tau. Prediction: |slope| * log D_E."""

    terms: TransferTerms
    tuned: RunTable
    slope: Floats

    def __call__(self, theta: Floats) -> tuple[Floats, Floats]:
        z = self.terms.regressors(self.tuned.D_F, self.tuned.N, self.tuned.D_pre)
        log_D_E, share = log_effective(np.log(self.tuned.D_F), theta @ z)
        return self.slope * log_D_E, (self.slope * share)[:, None, :] * z
