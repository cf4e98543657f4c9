"""Contract checks: run them on a part of your own before you give it to precocial."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from precocial.errors import PrecocialError
from precocial.worth.laws import Law

Floats = NDArray[np.float64]

_STEP = 1e-5
_LOOSE = 1e-5
"""Central differences and starting points that stand for a zero are this exact."""
_TIGHT = 1e-8
_FAR = 1e5
"""Log data at which every law has reached its floor."""
_NOTHING = -100.0
"""A log loss that only a law without a floor (log_floor -inf) comes down to."""


class NotConforming(PrecocialError, AssertionError):  # noqa: N818 (it names what the part is)
    """A part breaks its contract; the message lists every breach."""


def check_law(law: Law, *, vectors: int = 12, seed: int = 0) -> None:
    """Check a from-scratch law against the contract of `precocial.worth.laws.Law`.

    Parameters come from the law's own `grid` and `assemble`, points from five decades on both
    sides of the centre. Checked: shapes; one row of a batch does not touch another; inputs are
    not written to; the Jacobian and the slope agree with central differences; the loss never
    rises with data; size matters if and only if `uses_size`; `log_floor` is the limit of much
    data; `log_data` undoes `evaluate` and is inf below the floor; `natural` and `coordinates_of`
    undo one another and move the centre; L**power is `columns` times the coefficients.

    Args:
        law: the object to check.
        vectors: parameter vectors to try.
        seed: of the points.

    Raises:
        NotConforming: with every breach found.
    """
    rng = np.random.default_rng(seed)
    try:
        breaches = list(_breaches(law, vectors, rng))
    except Exception as error:  # whatever a foreign part raises is a breach of its contract
        raise NotConforming(f"{law!r} raised {type(error).__name__}: {error}") from error
    if breaches:
        name = getattr(law, "name", type(law).__name__)
        raise NotConforming(f"the law {name!r} breaks its contract: " + "; ".join(breaches))


def _breaches(law: Law, vectors: int, rng: np.random.Generator) -> Iterator[str]:
    if len(set(law.coordinates)) != len(law.coordinates):
        yield f"coordinates stand twice in {law.coordinates}"
    x, y = rng.uniform(-6, 6, 15), rng.uniform(-6, 6, 15)
    chosen = _choose(list(law.grid()), vectors, rng)
    coefficients = [
        np.asarray(rng.uniform(0.3, 3, law.columns(nonlinear, x, y).shape[1]))
        for nonlinear in chosen
    ]
    phi = np.stack([law.assemble(*pair) for pair in zip(chosen, coefficients, strict=True)])
    if phi.shape[1] != len(law.coordinates):
        yield f"assemble gives {phi.shape[1]} coordinates; there are {len(law.coordinates)} names"
        return
    shapes = list(_shapes(law, phi, x, y))
    yield from shapes
    if any("has shape" in breach for breach in shapes):
        return
    for check in (_batches, _derivatives, _sizes, _floors, _inverses, _centres):
        yield from check(law, phi, x, y)
    for nonlinear, own, row in zip(chosen, coefficients, phi, strict=True):
        power = law.power(nonlinear) * law.evaluate(row[None], x, y).log_loss[0]
        if not np.allclose(power, np.log(law.columns(nonlinear, x, y) @ own), atol=_LOOSE):
            yield f"columns and power do not give the loss at {nonlinear}"
            return


def _choose(
    grid: list[tuple[float, ...]], vectors: int, rng: np.random.Generator
) -> list[tuple[float, ...]]:
    return [grid[i] for i in rng.choice(len(grid), min(vectors, len(grid)), replace=False)]


def _shapes(law: Law, phi: Floats, x: Floats, y: Floats) -> Iterator[str]:
    before = [array.copy() for array in (phi, x, y)]
    got = law.evaluate(phi, x, y)
    count, p, n = len(phi), phi.shape[1], len(x)
    want = {"log_loss": (count, n), "jacobian": (count, p, n), "slope": (count, n)}
    for name, shape in want.items():
        part = getattr(got, name)
        if part.shape != shape:
            yield f"evaluate's {name} has shape {part.shape}, not {shape}"
        elif not np.isfinite(part).all():
            yield f"evaluate's {name} is not finite everywhere"
    law.log_data(phi, x, got.log_loss)
    law.log_floor(phi, x)
    for name, array, old in zip(("phi", "x", "y"), (phi, x, y), before, strict=True):
        if not np.array_equal(array, old):
            yield f"{name} was written to"


def _batches(law: Law, phi: Floats, x: Floats, y: Floats) -> Iterator[str]:
    whole = law.evaluate(phi, x, y)
    wide = law.evaluate(phi, np.tile(x, (len(phi), 1)), np.tile(y, (len(phi), 1)))
    for index in range(len(phi)):
        alone = law.evaluate(phi[[index]], x, y)
        for name in ("log_loss", "jacobian", "slope"):
            one = getattr(alone, name)[0]
            if not np.allclose(one, getattr(whole, name)[index], rtol=_TIGHT, atol=_TIGHT):
                yield f"{name} of one parameter vector depends on the others in its batch"
                return
            if not np.allclose(one, getattr(wide, name)[index], rtol=_TIGHT, atol=_TIGHT):
                yield f"{name} differs between points of shape (n,) and the same points as (P, n)"
                return


def _derivatives(law: Law, phi: Floats, x: Floats, y: Floats) -> Iterator[str]:
    got = law.evaluate(phi, x, y)
    for index, name in enumerate(law.coordinates):
        step = np.zeros(phi.shape[1])
        step[index] = _STEP
        if not _close(_central(lambda h: law.evaluate(phi + h, x, y).log_loss, step),
                      got.jacobian[:, index]):  # fmt: skip
            yield f"the Jacobian in {name!r} disagrees with central differences"
    if not _close(_central(lambda h: law.evaluate(phi, x, y + h).log_loss, _STEP), got.slope):
        yield "the slope in log D disagrees with central differences"
    if np.any(got.slope > _TIGHT):
        yield "the loss rises with data"


def _central(loss: Callable[[Floats | float], Floats], step: Floats | float) -> Floats:
    return (loss(step) - loss(-step)) / (2 * _STEP)


def _close(one: Floats, other: Floats) -> bool:
    return bool(np.allclose(one, other, rtol=_LOOSE, atol=_LOOSE))


def _sizes(law: Law, phi: Floats, x: Floats, y: Floats) -> Iterator[str]:
    moved = law.evaluate(phi, x + 1, y).log_loss - law.evaluate(phi, x, y).log_loss
    matters = bool(np.any(np.abs(moved) > _TIGHT))
    if matters != law.uses_size:
        yield f"uses_size is {law.uses_size}, but size {'matters' if matters else 'has no effect'}"


def _floors(law: Law, phi: Floats, x: Floats, y: Floats) -> Iterator[str]:
    floor = law.log_floor(phi, x)
    if floor.shape != (len(phi), len(x)):
        yield f"log_floor has shape {floor.shape}, not {(len(phi), len(x))}"
        return
    far = law.evaluate(phi, x, np.full_like(y, _FAR)).log_loss
    some = np.isfinite(floor)
    if not (np.allclose(far[some], floor[some], atol=_LOOSE) and np.all(far[~some] < _NOTHING)):
        yield "log_floor is not the loss at infinite data"
    below = law.log_data(phi, x, np.where(some, floor - 0.1, far))
    if not np.all(np.isposinf(below[some])):
        yield "log_data is not inf below the floor"


def _inverses(law: Law, phi: Floats, x: Floats, y: Floats) -> Iterator[str]:
    got = law.evaluate(phi, x, y)
    back = law.log_data(phi, x, got.log_loss)
    # where the curve is flat to rounding, no inverse can find its way back
    clear = np.abs(got.slope) > _LOOSE
    if not np.allclose(back[clear], np.broadcast_to(y, back.shape)[clear], atol=_LOOSE):
        yield "log_data does not undo evaluate"


def _centres(law: Law, phi: Floats, x: Floats, y: Floats) -> Iterator[str]:
    seen = law.evaluate(phi, x, y).log_loss
    for x0, y0 in ((0.0, 0.0), (1.5, -2.0)):
        natural = law.natural(phi, x0, y0)
        rows = [
            law.coordinates_of({name: float(value[i]) for name, value in natural.items()})
            for i in range(len(phi))
        ]
        again = law.evaluate(np.stack(rows), x + x0, y + y0).log_loss
        if not np.allclose(again, seen, rtol=_LOOSE, atol=_LOOSE):
            where = "at the centre" if x0 == 0 else "when the centre moves"
            yield f"natural and coordinates_of do not undo one another {where}"
            return
