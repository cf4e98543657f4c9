"""Run tables drawn from known constants: what every estimator of this room is tested on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from precocial.errors import ConfigError, one_of
from precocial.runs import stream
from precocial.transfer.formulas import Constants, transferred
from precocial.transfer.surface import Surface
from precocial.transfer.table import MAX_ROWS, PRETRAINED, SCRATCH, RunTable

Floats = NDArray[np.float64]

NOISES = ("constant", "heteroscedastic", "outliers")

KAPLAN_SURFACE = {"a_N": 0.076, "a_D": 0.103, "N_c": 6.4e13, "D_c": 1.8e13}
"""A surface of realistic shape to simulate with; not a claim about any paper's python data."""


@dataclass(frozen=True, kw_only=True)
class Design:
    """Which runs are made: every size with every amount of data, in both arms.

    The default is four decades of N, three of D_F and seven of scratch data.
    """

    sizes: tuple[float, ...] = tuple(np.geomspace(1e5, 1e9, 8).tolist())
    fine_tune_data: tuple[float, ...] = tuple(np.geomspace(1e5, 1e8, 7).tolist())
    scratch_data: tuple[float, ...] = tuple(np.geomspace(1e5, 1e12, 15).tolist())
    seeds: int = 1

    def __post_init__(self) -> None:
        for name in ("sizes", "fine_tune_data", "scratch_data"):
            values = getattr(self, name)
            if not values or any(not 0 < value < np.inf for value in values):
                raise ConfigError(f"{name} must hold finite numbers above 0; got {values!r}")
        if self.seeds < 1 or self.seeds != int(self.seeds):
            raise ConfigError(f"seeds must be a whole number, at least 1; got {self.seeds}")
        cells = len(self.sizes) * (len(self.fine_tune_data) + len(self.scratch_data))
        if cells * self.seeds > MAX_ROWS:
            raise ConfigError(
                f"{cells} cells of {self.seeds} seeds are more than the {MAX_ROWS} runs that a "
                f"run table may hold; ask for at most {MAX_ROWS // cells} seeds"
            )


@dataclass(frozen=True, kw_only=True)
class Noise:
    """Noise of the log loss.

    Attributes:
        relative: standard deviation, 0.003 for 0.3 %.
        kind: "constant"; "heteroscedastic" (from half to double along the data axis, largest
            where data are few); "outliers" (a twentieth of the runs with ten times the noise,
            always upward, as failed runs are).
    """

    relative: float = 0.003
    kind: str = "constant"

    def __post_init__(self) -> None:
        one_of("noise kind", self.kind, NOISES)
        if not 0 <= self.relative < 1:
            raise ConfigError(f"relative noise must lie in [0, 1); got {self.relative!r}")

    def draw(self, rng: np.random.Generator, log_data: Floats) -> Floats:
        """(n,) noise of the log loss for runs with `log_data` (n,)."""
        z = self.relative * rng.standard_normal(len(log_data))
        if self.kind == "heteroscedastic":
            span = np.ptp(log_data) or 1.0
            z = z * 2.0 ** (1 - 2 * (log_data - log_data.min()) / span)
        elif self.kind == "outliers":
            z = np.where(rng.random(len(z)) < 0.05, 10 * np.abs(z), z)
        return np.asarray(z)


def simulate(
    constants: Constants,
    *,
    surface: Surface | None = None,
    design: Design | None = None,
    noise: Noise | None = None,
    seed: int = 0,
    source: str = "simulated",
) -> RunTable:
    """A run table drawn from eq. 1.1 on a from-scratch surface.

    A pre-trained run of (N, D_F) has the surface's loss at D_F + k*D_F**alpha*N**beta.

    Args:
        surface: one parameter vector; default a Kaplan surface (`KAPLAN_SURFACE`).
        noise: default 0.3 %, constant; `Noise(relative=0)` for none.

    Raises:
        ConfigError: constants whose D_T no number holds.
    """
    surface = Surface.of("kaplan", KAPLAN_SURFACE) if surface is None else surface
    design, noise = design or Design(), noise or Noise()
    arms = []
    for name, data in ((SCRATCH, design.scratch_data), (PRETRAINED, design.fine_tune_data)):
        grid = np.meshgrid(design.sizes, data, np.arange(design.seeds), indexing="ij")
        N, D, s = (axis.ravel().astype(np.float64) for axis in grid)
        arms.append((np.full(N.size, name), N, D, s))
    arm: NDArray[np.str_] = np.concatenate([part[0] for part in arms])
    N, D, seeds = (np.concatenate([part[at] for part in arms]) for at in (1, 2, 3))
    D_E = D.copy()
    tuned = arm == PRETRAINED
    D_E[tuned] += transferred(constants, parameters=N[tuned], fine_tune_data=D[tuned])
    if not np.isfinite(D_E).all():
        raise ConfigError(
            f"these constants transfer more data than a number holds; got k={constants.k!r}, "
            f"alpha={constants.alpha!r}, beta={constants.beta!r}"
        )
    log_loss = surface.log_loss(N, D_E)[0]
    log_loss = log_loss + noise.draw(stream(seed, "transfer", "simulate"), np.log(D))
    count = len(arm)
    unknown = np.full(count, np.nan)
    return RunTable(
        run_id=np.array([f"sim-{index}" for index in range(count)]),
        arm=arm, source=np.where(tuned, source, ""), unit=np.full(count, constants.unit),
        loss_unit=np.full(count, "nats/token"),
        N=N, N_total=unknown, D_pre=unknown, D_F=D, seed=seeds, loss=np.exp(log_loss),
        loss_se=unknown, best_step=unknown, tokens_seen=unknown, flops=unknown, lr=unknown,
    )  # fmt: skip
