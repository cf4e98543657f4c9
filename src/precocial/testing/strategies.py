"""Hypothesis strategies for what precocial reads: learning curves, run tables, feedback."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC
from typing import Any

import numpy as np

from precocial.errors import ConfigError, MissingExtraError
from precocial.feedback import (
    About,
    Comparison,
    Demonstration,
    Item,
    Label,
    Message,
    Statement,
)
from precocial.feedback.records import KINDS, TYPES
from precocial.worth import Curve

try:
    from hypothesis import strategies as st
    from hypothesis.strategies import SearchStrategy
except ImportError as error:
    raise MissingExtraError(
        "hypothesis is not installed; the strategies of precocial.testing need it. "
        "Run: pip install hypothesis"
    ) from error

Draw = Callable[[SearchStrategy[Any]], Any]

_SMALLEST, _LARGEST_STEP = 3.0, 2.0


def st_curve(
    *,
    levels: tuple[int, int] = (3, 8),
    seeds: tuple[int, int] = (1, 4),
    noise: float = 0.02,
    rough: float = 0.0,
    zero_shot: bool = False,
    arm: str = "curve",
) -> SearchStrategy[Curve]:
    """Learning curves: E + B d^-b at rising data sizes, times the noise of seeds.

    Args:
        levels: fewest and most data sizes.
        seeds: fewest and most runs a size (each size draws its own number).
        noise: largest standard deviation of one run's log loss.
        rough: largest standard deviation of a level's own log loss; above 0, curves may rise.
        zero_shot: curves may have runs without data, with a loss above all others.
        arm: its name.

    Raises:
        ConfigError: ranges that are empty.
    """
    for name, (least, most) in (("levels", levels), ("seeds", seeds)):
        if not 1 <= least <= most:
            raise ConfigError(
                f"st_curve: {name} must be (least, most), 1 or more; got {least, most}"
            )

    def build(draw: Draw) -> Curve:
        count = draw(st.integers(*levels))
        start = draw(st.floats(0, _SMALLEST))
        steps = draw(st.lists(st.floats(0.1, _LARGEST_STEP), min_size=count, max_size=count))
        sizes = 10 ** (start + np.cumsum(steps))
        runs = draw(st.lists(st.integers(*seeds), min_size=count, max_size=count))
        floor, fall = draw(st.floats(0, 3)), draw(st.floats(0.5, 5))
        exponent = draw(st.floats(0.05, 0.8))
        loss = floor + fall * (sizes / sizes[0]) ** -exponent
        rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        spread, bumps = draw(st.floats(0, noise)), draw(st.floats(0, rough))
        loss = loss * np.exp(bumps * rng.standard_normal(count))
        if zero_shot and draw(st.booleans()):
            sizes, runs = np.append(0.0, sizes), [1, *runs]
            loss = np.append(loss.max() + 1, loss)
        seed = np.concatenate([np.arange(run) for run in runs])
        return Curve(
            data=np.repeat(sizes, runs),
            loss=np.repeat(loss, runs) * np.exp(spread * rng.standard_normal(len(seed))),
            seed=seed,
            arm=arm,
        )

    return st.composite(build)()


def st_run_table_rows(
    *,
    sizes: tuple[int, int] = (1, 4),
    amounts: tuple[int, int] = (2, 6),
    seeds: tuple[int, int] = (1, 3),
    noise: float = 0.02,
) -> SearchStrategy[list[dict[str, Any]]]:
    """Rows of a run table with both arms, as `precocial.transfer.RunTable.from_rows` takes them.

    From-scratch runs follow E + A N^-a + B D^-b; fine-tuned runs have the loss of
    D_F + k D_F^alpha N^beta of data. Optional columns are there in some tables, absent in others.

    Args:
        sizes: fewest and most model sizes.
        amounts: fewest and most amounts of data an arm.
        seeds: fewest and most runs a cell.
        noise: largest standard deviation of one run's log loss.

    Raises:
        ConfigError: ranges that are empty.
    """
    for name, (least, most) in (("sizes", sizes), ("amounts", amounts), ("seeds", seeds)):
        if not 1 <= least <= most:
            raise ConfigError(
                f"st_run_table_rows: {name} must be (least, most), 1 or more; got {least, most}"
            )

    def build(draw: Draw) -> list[Any]:
        rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        models = np.unique(np.round(10 ** rng.uniform(4, 8, draw(st.integers(*sizes)))))
        data = np.unique(np.round(10 ** rng.uniform(3, 7, draw(st.integers(*amounts)))))
        runs, spread = draw(st.integers(*seeds)), draw(st.floats(0, noise))
        floor, alpha, beta = draw(st.floats(0, 2)), draw(st.floats(0, 0.9)), draw(st.floats(0, 0.6))
        extra = draw(st.booleans())
        rows = []
        for arm in ("scratch", "pretrained"):
            for N in models.tolist():
                for D_F in data.tolist():
                    D_E = D_F if arm == "scratch" else D_F + 100 * D_F**alpha * N**beta
                    loss = floor + 30 * N**-0.2 + 40 * D_E**-0.3
                    rows += [
                        _run(arm, N, D_F, seed, loss * rng.lognormal(0, spread), extra)
                        for seed in range(runs)
                    ]
        return rows

    return st.composite(build)()


def _run(arm: str, N: float, D_F: float, seed: int, loss: float, extra: bool) -> dict[str, Any]:
    row: dict[str, Any] = {"arm": arm, "N": N, "D_F": D_F, "seed": seed, "loss": loss}
    if extra:
        row |= {
            "run_id": f"{arm}-{N:.0f}-{D_F:.0f}-{seed}",
            "source": "" if arm == "scratch" else "text",
            "unit": "bytes",
            "D_pre": 0.0 if arm == "scratch" else 1e6,
            "flops": 6 * N * D_F,
            "lr": 1e-3,
        }
    return row


def st_feedback(types: Sequence[str] = tuple(TYPES)) -> SearchStrategy[Item]:
    """Items of feedback, with every field drawn: texts of any script, texts that spreadsheets run
    as formulas, messages, all levels, times in all zones.

    Args:
        types: of the items, out of "label", "comparison", "demonstration", "statement".

    Raises:
        ConfigError: no type, or another.
    """
    makers: dict[str, Callable[[Draw, dict[str, Any]], Item]] = {
        "label": lambda draw, common: Label(task=draw(_NAME), label=draw(_NAME), **common),
        "comparison": _comparison,
        "demonstration": lambda draw, common: Demonstration(
            prompt=draw(_CONTENT), completion=draw(_CONTENT), good=draw(st.booleans()), **common
        ),
        "statement": _statement,
    }
    if not types or set(types) - set(makers):
        raise ConfigError(f"st_feedback: types must be out of {', '.join(makers)}; got {types!r}")

    def build(draw: Draw) -> Item:
        common = {
            "source": draw(_NAME),
            "confidence": draw(_SHARE),
            "level": draw(st.integers(1, 5)),
            "time": draw(st.none() | st.datetimes(timezones=st.just(UTC))),
            "note": draw(_TEXT),
            "id": draw(st.just("") | _NAME),
        }
        return makers[draw(st.sampled_from(list(types)))](draw, common)

    return st.composite(build)()


_ANY = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
_TEXT = st.text(_ANY, max_size=12) | st.sampled_from(["=1+1", "'=x", "''", "-5", "a\r\nb", "[]"])
_NAME = _TEXT.filter(lambda text: text.strip() != "")
_CONTENT = _TEXT | st.lists(st.builds(Message, _NAME, _TEXT), max_size=3).map(tuple)
_SHARE = st.floats(0, 1) | st.sampled_from([0.0, 1.0])


def _comparison(draw: Draw, common: dict[str, Any]) -> Item:
    of = draw(st.sampled_from(KINDS))
    option = _CONTENT if of in ("datum", "whole") else _NAME
    return Comparison(
        of=of, prompt=draw(_CONTENT), chosen=draw(option), rejected=draw(option), **common
    )


def _statement(draw: Draw, common: dict[str, Any]) -> Item:
    kind = draw(st.sampled_from(KINDS))
    name = "" if kind == "whole" else draw(_NAME)
    return Statement(what=About(kind=kind, name=name, on=draw(_TEXT)), value=draw(_SHARE), **common)
