"""Tables drawn from laws that are known, small enough for quick tests."""

from __future__ import annotations

from functools import cache

import numpy as np

from precocial.transfer import (
    PUBLISHED,
    Design,
    Noise,
    RunTable,
    Surface,
    TransferFit,
    fit_transfer,
    simulate,
)

SMALL = Design(
    sizes=tuple(np.geomspace(1e6, 1e9, 4).tolist()),
    fine_tune_data=tuple(np.geomspace(1e5, 1e7, 4).tolist()),
    scratch_data=tuple(np.geomspace(1e5, 1e12, 8).tolist()),
)
TEXT = PUBLISHED["text"]
ADDITIVE = {"E": 1.2, "A": 60.0, "a": 0.3, "B": 300.0, "b": 0.28}


@cache
def drawn(noise: float = 0.0, seed: int = 0, row: str = "text", whole: bool = False) -> RunTable:
    """A small table, or the `whole` default design, of a published row on a Kaplan surface."""
    return simulate(
        PUBLISHED[row], design=Design() if whole else SMALL, noise=Noise(relative=noise), seed=seed
    )


@cache
def fitted(
    noise: float = 0.003, seed: int = 0, method: str = "joint", row: str = "text",
    whole: bool = False, draws: int = 100,
) -> TransferFit:  # fmt: skip
    """The fit of such a table."""
    table = drawn(noise, seed, row, whole)
    return fit_transfer(table, method=method, law="kaplan", draws=draws, seed=seed)


def ladder(law: str, parameters: dict[str, float], *, noise: float = 0.0) -> RunTable:
    """Scratch runs only, of any law: 5 sizes (1 where the law has no size term), 7 amounts."""
    surface = Surface.of(law, parameters)
    sizes = np.geomspace(1e4, 1e8, 5) if surface.law.uses_size else np.array([1e6])
    N, D = (axis.ravel() for axis in np.meshgrid(sizes, np.geomspace(1e4, 1e10, 7)))
    log_loss = surface.log_loss(N, D)[0]
    log_loss = log_loss + noise * np.random.default_rng(0).standard_normal(len(D))
    return rows(
        {"arm": "scratch", "N": n, "D_F": d, "loss": loss}
        for n, d, loss in zip(N.tolist(), D.tolist(), np.exp(log_loss).tolist(), strict=True)
    )


def bounded_below() -> RunTable:
    """From scratch on 1e4 to 1e6; fine-tuned on less than 1e4, whose D_E of 5e3 is below too."""

    def loss(N: float, D: float) -> float:
        return float(1.2 + 40 / N**0.35 + 30 / D**0.3)

    return rows(
        {"arm": arm, "N": N, "D_F": D_F, "loss": loss(N, D_E) * (1 + 1e-4 * (-1) ** at)}
        for N in (1e5, 3e5, 1e6)
        for arm, amounts in (
            ("scratch", [(D, D) for D in (1e4, 3e4, 1e5, 3e5, 1e6)]),
            ("pretrained", [(1e3, 5e3), (2e3, 6e3), (3e3, 7e3), (1e4, 3e4), (3e4, 6e4)]),
        )
        for at, (D_F, D_E) in enumerate(amounts)
    )  # fmt: skip


def rows(given: object) -> RunTable:
    return RunTable.from_rows(list(given))  # type: ignore[call-overload]


def changed(table: RunTable, keep: np.ndarray | None = None, **columns: object) -> RunTable:
    """The table with other columns (each a scalar, or (n,)), and only the rows to keep."""
    out = [
        row | {
            name: np.broadcast_to(np.asarray(value), len(table))[at].item()
            for name, value in columns.items()
        }
        for at, row in enumerate(table.rows())
        if keep is None or keep[at]
    ]  # fmt: skip
    return RunTable.from_rows(out)


def codes(flags: tuple[object, ...]) -> set[str]:
    return {flag.code for flag in flags}  # type: ignore[attr-defined]
