"""Tables drawn from known constants."""

from __future__ import annotations

import numpy as np
import pytest

from precocial.errors import ConfigError
from precocial.transfer import (
    KAPLAN_SURFACE,
    Constants,
    Design,
    Noise,
    RunTable,
    Surface,
    simulate,
    transferred,
)
from tests.transfer.planted import SMALL, TEXT, drawn


def test_both_arms_follow_the_law() -> None:
    table, surface = drawn(), Surface.of("kaplan", KAPLAN_SURFACE)
    assert len(table.scratch) == 4 * 8
    assert len(table.pretrained) == 4 * 4
    base, tuned = table.scratch, table.pretrained
    np.testing.assert_allclose(np.log(base.loss), surface.log_loss(base.N, base.D_F)[0])
    D_E = tuned.D_F + transferred(TEXT, parameters=tuned.N, fine_tune_data=tuned.D_F)
    np.testing.assert_allclose(surface.data_for(tuned.N, np.log(tuned.loss))[0], D_E)


def test_a_simulated_table_is_a_run_table() -> None:
    table = simulate(Constants(k=10, alpha=0.1, beta=0.2, unit="bytes"), source="books")
    again = RunTable.from_rows(table.rows())
    np.testing.assert_array_equal(again.loss, table.loss)
    assert set(table.unit) == {"bytes"}
    assert set(table.pretrained.source) == {"books"}
    assert set(table.scratch.source) == {""}


def test_seeds_and_noise() -> None:
    design = Design(sizes=(1e7,), fine_tune_data=(1e6,), scratch_data=(1e6,), seeds=2000)
    table = simulate(TEXT, design=design, noise=Noise(relative=0.01), seed=5).scratch
    assert np.log(table.loss).std() == pytest.approx(0.01, rel=0.08)
    assert len(np.unique(table.seed)) == 2000
    first, again, other = (drawn(0.01, seed).loss for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).all()


def test_kinds_of_noise() -> None:
    rng, log_data = np.random.default_rng(0), np.repeat(np.log([1e5, 1e9]), 20_000)
    few, many = Noise(relative=0.01, kind="heteroscedastic").draw(rng, log_data).reshape(2, -1)
    assert few.std() == pytest.approx(0.02, rel=0.05)
    assert many.std() == pytest.approx(0.005, rel=0.05)
    wild = Noise(relative=0.01, kind="outliers").draw(rng, log_data)
    assert np.mean(wild > 0.05) == pytest.approx(0.05 * 2 * 0.3085, rel=0.15)
    assert np.mean(wild < -0.05) < 1e-4
    assert (Noise(relative=0).draw(rng, log_data) == 0).all()
    one = Noise(relative=0.01, kind="heteroscedastic").draw(rng, np.zeros(3))
    assert np.isfinite(one).all()


@pytest.mark.parametrize(
    "wrong", [{"sizes": ()}, {"fine_tune_data": (1e5, 0.0)}, {"scratch_data": (-1.0,)},
              {"seeds": 0}],
)  # fmt: skip
def test_designs_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Design(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [{"relative": -0.1}, {"relative": 1.0}, {"kind": "pink"}])
def test_noise_out_of_range_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        Noise(**wrong)  # type: ignore[arg-type]


def test_the_surface_may_be_another() -> None:
    flat = Surface.of("power", {"E": 2.0, "B": 1e-9, "b": 1.0})
    assert simulate(TEXT, surface=flat, design=SMALL, noise=Noise(relative=0)).loss == (
        pytest.approx(2.0)
    )


@pytest.mark.wrong_types
def test_what_no_table_holds_is_refused() -> None:
    with pytest.raises(ConfigError, match="seeds"):
        Design(seeds=100_000_000)
    with pytest.raises(ConfigError, match="whole number"):
        Design(seeds=1.5)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="finite numbers"):
        Design(sizes=(float("inf"),))
    with pytest.raises(ConfigError, match="more data than a number holds"):
        simulate(Constants(k=1e300, alpha=50, beta=0.4))
