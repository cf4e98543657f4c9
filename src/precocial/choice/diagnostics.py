"""What a base makes of a quantilizer: most of what one does is decided by its base."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from array_api_compat import to_device
from numpy.typing import NDArray

from precocial.choice.arguments import checked
from precocial.choice.arrays import fixed, options_of, shares_of
from precocial.choice.quantilizer import cut, quantilize
from precocial.errors import ConfigError

Floats = NDArray[np.float64]
FEW = 5
"""Options that count as few (ours)."""
MIXED = 0.1
"""Share of a uniform base that is mixed in, to see how much the base decides (ours)."""
TEMPERED = 0.5
"""Power that a base is raised to, for the same end (ours)."""
MUCH = 0.25
"""Total variation from which a change of the base counts as one of the choice (ours)."""
HALF = 0.5


@dataclass(frozen=True, kw_only=True)
class BaseDiagnosis:
    """How much of a quantilizer is its base; one row of options.

    Attributes:
        options: how many exist and have weight.
        q: the share.
        base_support: exp of the base's entropy: options it spreads over, as if evenly.
        policy_support: the same of the quantilizer.
        largest_base: the largest share of the base on one option.
        few_share: probability of the quantilizer's `FEW` likeliest options.
        threshold: score of the boundary group.
        tied_options: options in the boundary group, with weight.
        tied_share: the quantilizer's probability on them, if they are more than one; else 0.
        mean_score, base_mean_score: expected score under the quantilizer and under the base.
        mixed_change: total variation between the quantilizer and that of the base with `MIXED` of
            a uniform one over the options that exist.
        tempered_change: the same for the base to the power `TEMPERED`.
        warnings: in plain words; empty if all is well.
    """

    options: int
    q: float
    base_support: float
    policy_support: float
    largest_base: float
    few_share: float
    threshold: float
    tied_options: int
    tied_share: float
    mean_score: float
    base_mean_score: float
    mixed_change: float
    tempered_change: float
    warnings: tuple[str, ...]


@checked
def diagnose_base(scores: Any, q: float, *, base: Any = None) -> BaseDiagnosis:
    """What a base does to the quantilizer of one row of scores.

    Args:
        scores: (A,), as of `quantilize`.
        q: in (0, 1].
        base: (A,), uniform by default.

    Raises:
        ConfigError: as of `quantilize`, or scores of more than one row.
    """
    options = options_of("diagnose_base", fixed(scores), base, -1)
    if options.scores.ndim != 1:
        shape = tuple(options.scores.shape)
        raise ConfigError(f"diagnose_base: scores must be one row; got shape {shape}")
    shares_of("diagnose_base", q, options.scores)
    S = np.asarray(to_device(options.scores, "cpu"), dtype=np.float64)
    p = np.asarray(to_device(fixed(options.base), "cpu"), dtype=np.float64)
    p = p / p.sum()
    there = -np.inf < S
    parts = cut(S, q, base=p)
    w = np.asarray(parts.weights)
    tied = (parts.at > 0) & (w > 0)
    uniform = there / there.sum()
    mixed = quantilize(S, q, base=(1 - MIXED) * p + MIXED * uniform)
    tempered = quantilize(S, q, base=p**TEMPERED)
    level = np.where(there, S, 0.0)
    figures: dict[str, Any] = {
        "options": int((p > 0).sum()),
        "q": q,
        "base_support": _support(p),
        "policy_support": _support(w),
        "largest_base": float(p.max()),
        "few_share": float(np.sort(w)[::-1][:FEW].sum()),
        "threshold": float(parts.boundary[0]),
        "tied_options": int(tied.sum()),
        "tied_share": float(w[tied].sum()) if tied.sum() > 1 else 0.0,
        "mean_score": float(w @ level),
        "base_mean_score": float(p @ level),
        "mixed_change": _variation(w, mixed),
        "tempered_change": _variation(w, tempered),
    }
    return BaseDiagnosis(**figures, warnings=_warnings(held=int((w > 0).sum()), **figures))


def _support(p: Floats) -> float:
    held = p[p > 0]
    return float(np.exp(-(held * np.log(held)).sum()))


def _variation(a: Floats, b: Floats) -> float:
    return float(np.abs(a - b).sum() / 2)


def _warnings(
    *, options: int, q: float, base_support: float, policy_support: float, largest_base: float,
    few_share: float, tied_options: int, tied_share: float, mixed_change: float,
    tempered_change: float, held: int, **_: Any,
) -> tuple[str, ...]:  # fmt: skip
    found = []
    if options == 1:
        found.append("The base has weight on one option only: there is nothing to choose.")
    elif policy_support < 1 + 1e-9:
        found.append(
            "All is on one option: q is below its share of the base, so this is argmax, and the "
            f"bound of {1 / q:.4g} on costs says little. Raise q."
        )
    elif few_share > HALF and policy_support < base_support / 2:
        found.append(
            f"{min(FEW, held)} options hold {few_share:.0%} of the choice: their errors are yours. "
            "Raise q or spread the base."
        )
    if largest_base > max(q, HALF):
        found.append(
            f"One option holds {largest_base:.0%} of the base: what the base likes decides, not "
            "the scores."
        )
    if tied_share > HALF and tied_options > 1:
        found.append(
            f"{tied_options} options tie at the threshold and hold {tied_share:.0%} of the choice: "
            "among them the base decides alone. Finer scores would change the choice."
        )
    if mixed_change > MUCH:
        found.append(
            f"Mixing {MIXED:.0%} of a uniform base in moves {mixed_change:.0%} of the choice: good "
            "scores lie where the base has hardly any weight. Do you trust it there?"
        )
    if tempered_change > MUCH:
        found.append(
            f"A base to the power {TEMPERED:g} moves {tempered_change:.0%} of the choice: how "
            "sharp the base is matters as much as the scores."
        )
    return tuple(found)
