"""`check_law` passes every law of ours and fails each of them once a part is broken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from precocial.testing import NotConforming, check_law
from precocial.worth.laws import LAWS, Evaluation


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_our_laws_conform(name: str, seed: int) -> None:
    check_law(LAWS[name], seed=seed)


class Broken:
    """A law of ours with one part replaced."""

    def __init__(self, law: Any) -> None:
        self._law = law

    def __getattr__(self, name: str) -> Any:
        return getattr(self._law, name)


class WrongJacobian(Broken):
    def evaluate(self, phi: Any, x: Any, y: Any) -> Evaluation:
        got = self._law.evaluate(phi, x, y)
        got.jacobian[:, 2] *= 1.001
        return got


class WrongSlope(Broken):
    def evaluate(self, phi: Any, x: Any, y: Any) -> Evaluation:
        got = self._law.evaluate(phi, x, y)
        return replace(got, slope=got.slope * 1.001)


class RisingLoss(Broken):
    def evaluate(self, phi: Any, x: Any, y: Any) -> Evaluation:
        got = self._law.evaluate(phi, x, -y)
        return replace(got, slope=-got.slope)


class WrongShape(Broken):
    def evaluate(self, phi: Any, x: Any, y: Any) -> Evaluation:
        got = self._law.evaluate(phi, x, y)
        return replace(got, slope=got.slope[0])


class NotFinite(Broken):
    def evaluate(self, phi: Any, x: Any, y: Any) -> Evaluation:
        got = self._law.evaluate(phi, x, y)
        got.log_loss[0, 0] = np.nan
        return got


class MixedBatch(Broken):
    def evaluate(self, phi: Any, x: Any, y: Any) -> Evaluation:
        return self._law.evaluate(phi + 1e-4 * (phi.mean(axis=0) - phi), x, y)


class WritesInputs(Broken):
    def evaluate(self, phi: Any, x: Any, y: Any) -> Evaluation:
        got = self._law.evaluate(phi, x, y)
        x += 1e-3
        return got


class WrongFloor(Broken):
    def log_floor(self, phi: Any, x: Any) -> Any:
        return self._law.log_floor(phi, x) + 1e-3


class FloorOfOneSize(Broken):
    def log_floor(self, phi: Any, x: Any) -> Any:
        return self._law.log_floor(phi, x)[:, :1]


class WrongInverse(Broken):
    def log_data(self, phi: Any, x: Any, log_loss: Any) -> Any:
        return self._law.log_data(phi, x, log_loss) * 1.001


class NumberBelowTheFloor(Broken):
    def log_data(self, phi: Any, x: Any, log_loss: Any) -> Any:
        got = self._law.log_data(phi, x, log_loss)
        return np.where(np.isinf(got), 1e6, got)


class ForgetsTheCentre(Broken):
    def natural(self, phi: Any, x0: float, y0: float) -> Any:
        return self._law.natural(phi, 0.0, 0.0)


class WrongCoordinates(Broken):
    def coordinates_of(self, natural: Mapping[str, float]) -> Any:
        return self._law.coordinates_of(natural) + 0.01


class WrongColumns(Broken):
    def columns(self, nonlinear: Any, x: Any, y: Any) -> Any:
        return (
            self._law.columns(nonlinear, x, y)
            * [1.0, 1.001, *[1.0] * 5][: self._law.columns(nonlinear, x, y).shape[1]]
        )


class WrongPower(Broken):
    def power(self, nonlinear: Any) -> Any:
        return self._law.power(nonlinear) * 1.01


class TooFewCoordinates(Broken):
    def assemble(self, nonlinear: Any, coefficients: Any) -> Any:
        return self._law.assemble(nonlinear, coefficients)[:-1]


class LiesAboutSize(Broken):
    @property
    def uses_size(self) -> bool:
        return not self._law.uses_size


class RepeatedNames(Broken):
    @property
    def coordinates(self) -> tuple[str, ...]:
        return ("same",) * len(self._law.coordinates)


class Raises(Broken):
    def grid(self) -> Any:
        raise RuntimeError("no grid today")


@pytest.mark.parametrize("law", ["additive", "kaplan", "power"])
@pytest.mark.parametrize(
    ("part", "said"),
    [
        (WrongJacobian, "Jacobian in"),
        (WrongSlope, "slope in log D disagrees"),
        (RisingLoss, "rises with data"),
        (WrongShape, "slope has shape"),
        (NotFinite, "not finite"),
        (MixedBatch, "depends on the others"),
        (WritesInputs, "x was written to"),
        (WrongFloor, "not the loss at infinite data"),
        (FloorOfOneSize, "log_floor has shape"),
        (WrongInverse, "does not undo evaluate"),
        (NumberBelowTheFloor, "not inf below the floor"),
        (ForgetsTheCentre, "when the centre moves"),
        (WrongCoordinates, "do not undo one another"),
        (WrongColumns, "columns and power"),
        (WrongPower, "columns and power"),
        (TooFewCoordinates, "coordinates; there are"),
        (LiesAboutSize, "uses_size is"),
        (RepeatedNames, "stand twice"),
        (Raises, "raised RuntimeError: no grid today"),
    ],
)  # fmt: skip
def test_a_broken_part_is_found(part: type[Broken], said: str, law: str) -> None:
    with pytest.raises(NotConforming, match=said):
        check_law(part(LAWS[law]))  # type: ignore[arg-type]
