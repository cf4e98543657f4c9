"""Re-basing: each level costs another factor."""

from __future__ import annotations

import numpy as np
import pytest

from precocial.errors import ConfigError
from precocial.normativity.fixed_point import fixed_point
from precocial.normativity.hierarchy import Hierarchy
from precocial.normativity.levels import Level
from precocial.normativity.rebasing import rebase
from tests.normativity.worlds import random_tower


@pytest.mark.parametrize("floor", [0.0, 0.1])
def test_density_grows_by_a_factor_a_level_and_no_more(floor: float) -> None:
    names = [f"judge {i}" for i in range(64)]
    S = np.tile(np.arange(64.0), (64, 1))  # all agree, so that the bound is met
    H = Hierarchy([Level("judges", names)], [S], q=0.5, floor=floor)
    found = rebase(H, 5)
    assert (found.density <= found.cost_factor + 1e-9).all()
    if not floor:
        assert found.density == pytest.approx(2.0 ** np.arange(6))
    assert found.density[5] > fixed_point(H).density["judges"][0] * 5
    assert "re-based 5 times" in found.advice
    assert found.trace.sum(axis=1) == pytest.approx(np.ones(6))


def test_rebasing_needs_a_shared_level_of_sampled_judges() -> None:
    for H, levels in (
        (random_tower(0, share=False), 1),
        (random_tower(0, semantics="mean"), 1),
        (random_tower(0), 0),
    ):
        with pytest.raises(ConfigError, match="rebase"):
            rebase(H, levels)
