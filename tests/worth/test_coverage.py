"""95 % intervals cover planted worths: simulated tables, a binomial budget, a planted bug.

Coverage in the larger runs behind the docstrings (2,000 tables a cell, 2,000 draws) stands in the
documentation of `worth`.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from precocial.worth import spread as spread_of_seeds
from precocial.worth import worth
from precocial.worth.spread import Spread
from tests.worth.planted import World

TABLES, DRAWS = 250, 400
FALSE_ALARM = 1e-7
"""Of one check, if the true coverage is 0.94; the suite has about 20."""
LEAST = int(binom.ppf(FALSE_ALARM, TABLES, 0.94))
"""212 of 250 tables, 84.8 %: a plain bootstrap of 2 or 3 seeds does not get there."""


def covered(world: World, method: str = "cubic") -> np.ndarray:
    """How many tables' intervals hold the planted worth, for each size."""
    count = np.zeros(len(world.sizes))
    truth = world.saved(np.array(world.sizes))
    for table in range(TABLES):
        rows = worth(*world.draw(table), bootstrap=DRAWS, method=method, seed=table).rows
        ends = np.array([(row.low, row.high) for row in rows])
        count += (ends[:, 0] <= truth) & (truth <= ends[:, 1])
    return count


@pytest.mark.parametrize(
    "world",
    [
        World(seeds=2),
        World(seeds=3, trend=0.25),
        World(seeds=5, sd=0.02),
    ],
    ids=["two seeds", "three seeds, noise falling with data", "five seeds, loud"],
)
def test_intervals_cover(world: World) -> None:
    assert covered(world).min() >= LEAST


def test_intervals_of_a_law_cover() -> None:
    assert covered(World(seeds=3), "power").min() >= LEAST


def test_intervals_are_not_needlessly_wide() -> None:
    """Against the interval of someone who knows the noise: a t with 7 degrees of freedom needs
    1.21 times that with two seeds and 8 levels."""
    world, ratios = World(seeds=2), []
    for table in range(60):
        row = worth(*world.draw(table), bootstrap=DRAWS).rows[1]
        assert row.low is not None
        assert row.high is not None
        reached = world.sizes[1] + world.saved(np.array(world.sizes[1]))
        step = 1e-4
        ends = np.log(world.loss(reached * np.exp([-step, step])))
        slope = (ends[0] - ends[1]) / (2 * step)
        known = 2 * 1.96 * world.sd * np.sqrt(2 / world.seeds) / slope
        ratios.append((row.high - row.low) / (reached * known))
    assert 0.9 < np.median(ratios) < 1.45


def test_a_plain_bootstrap_would_be_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Residuals not widened, spread taken as known: what resampling two seeds does."""
    honest = spread_of_seeds.spread

    def plain(levels: object) -> Spread | None:
        found = honest(levels)  # type: ignore[arg-type]
        if found is None:
            return None
        return Spread(sd=found.sd / np.sqrt(2), freedom=1e9, residuals=found.residuals)

    monkeypatch.setattr("precocial.worth.measure.spread", plain)
    assert covered(World(seeds=2)).max() < LEAST
