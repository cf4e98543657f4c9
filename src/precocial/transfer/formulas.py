"""The closed forms of Hernandez et al. 2021 (arXiv 2102.01293).

Symbols: D_F fine-tuning data, D_T data transferred, D_E = D_F + D_T effective data, N parameters
without embeddings, k, alpha, beta the constants of the law, f the fraction from transfer.

    (1.1)  D_T = k * D_F**alpha * N**beta                     `transferred`
    (B.2)  f = q / (1 + q), q = k * D_F**(alpha-1) * N**beta  `fraction_from_transfer`
    (C.1)  f = 1 / (1 + (N*/N)**beta)                         `fraction_from_half_size`
           N* where D_T = D_F                                 `half_size`
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from precocial.errors import ConfigError

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Constants:
    """k, alpha and beta of eq. 1.1; data in `unit`."""

    k: float
    alpha: float
    beta: float
    unit: str = "characters"

    def __post_init__(self) -> None:
        if not (np.isfinite([self.k, self.alpha, self.beta]).all() and self.k > 0):
            raise ConfigError(
                f"the law needs k > 0 and finite exponents; got k={self.k!r}, "
                f"alpha={self.alpha!r}, beta={self.beta!r}"
            )


PUBLISHED = {
    "text": Constants(k=1.9e4, alpha=0.18, beta=0.38),
    "mix": Constants(k=2.1e5, alpha=0.096, beta=0.38),
}
"""The paper's two rows: pre-trained on text, and on half text, half code that is not python.

The paper gives no uncertainty for them.
"""


def _positive(name: str, value: ArrayLike) -> Floats:
    array = np.asarray(value, dtype=np.float64)
    if not (np.isfinite(array).all() and (array > 0).all()):
        raise ConfigError(
            f"{name} must be finite and above 0; got {value!r}. The law has no value at zero "
            "fine-tuning data; the paper extrapolates to 1 character instead"
        )
    return array


def transferred(law: Constants, *, parameters: ArrayLike, fine_tune_data: ArrayLike) -> Floats:
    """D_T = k * D_F**alpha * N**beta (eq. 1.1), for D_F at most a tenth of D(N).

    Shapes broadcast. Raises ConfigError on values that are not above 0.
    """
    N = _positive("parameters", parameters)
    D_F = _positive("fine_tune_data", fine_tune_data)
    log_D_T = np.log(law.k) + law.alpha * np.log(D_F) + law.beta * np.log(N)
    with np.errstate(over="ignore"):  # infinite beyond the largest float
        return np.asarray(np.exp(log_D_T))


def multiplier(law: Constants, *, parameters: ArrayLike, fine_tune_data: ArrayLike) -> Floats:
    """D_E / D_F = 1 + k * N**beta / D_F**(1-alpha). The paper drops the 1."""
    D_T = transferred(law, parameters=parameters, fine_tune_data=fine_tune_data)
    return np.asarray(1 + D_T / np.asarray(fine_tune_data, dtype=np.float64))


def fraction_from_transfer(
    law: Constants, *, parameters: ArrayLike, fine_tune_data: ArrayLike
) -> Floats:
    """f = D_T / D_E = q / (1 + q) with q = D_T / D_F (eq. B.2)."""
    N = _positive("parameters", parameters)
    D_F = _positive("fine_tune_data", fine_tune_data)
    log_q = np.log(law.k) + (law.alpha - 1) * np.log(D_F) + law.beta * np.log(N)
    return np.asarray(np.where(log_q > 0, 1 / (1 + np.exp(-np.abs(log_q))),
                               np.exp(-np.abs(log_q)) / (1 + np.exp(-np.abs(log_q)))))  # fmt: skip


def half_size(law: Constants, *, fine_tune_data: ArrayLike) -> Floats:
    """N*, the size at which half of the effective data comes from transfer (D_T = D_F).

    N***-beta = k * D_F**(alpha-1), so log N* has slope (1-alpha)/beta in log D_F.
    """
    D_F = _positive("fine_tune_data", fine_tune_data)
    return np.asarray(np.exp(((1 - law.alpha) * np.log(D_F) - np.log(law.k)) / law.beta))


def fraction_from_half_size(
    law: Constants, *, parameters: ArrayLike, half_size: ArrayLike
) -> Floats:
    """f = 1 / (1 + (N*/N)**beta) (eq. C.1)."""
    N, N_star = _positive("parameters", parameters), _positive("half_size", half_size)
    return np.asarray(1 / (1 + (N_star / N) ** law.beta))


def convert_k(law: Constants, *, units_per_new_unit: float, unit: str) -> Constants:
    """The same law with data counted in another unit: k' = k * c**(alpha-1).

    c is the number of old units in a new one (characters per token, say).
    """
    c = float(_positive("units_per_new_unit", units_per_new_unit))
    return Constants(k=law.k * c ** (law.alpha - 1), alpha=law.alpha, beta=law.beta, unit=unit)


def exchange_exponent(law: Constants) -> float:
    """beta / alpha: how many decades of fine-tuning data a decade of model size is worth.

    At low data D_T is unchanged along D_F**alpha * N**beta = const. The paper rounds it to 2
    ("10 times the model is about 100 times the data").
    """
    if law.alpha == 0:
        raise ConfigError("alpha is 0: fine-tuning data do not move D_T, so no rate exists")
    return law.beta / law.alpha
