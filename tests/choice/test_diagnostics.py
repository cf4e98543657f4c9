"""What a base decides, on bases made to be good and made to be bad."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from precocial.choice import diagnose_base, quantilize
from precocial.errors import ConfigError

SCORES = np.random.default_rng(0).normal(size=200)


def test_a_good_base_has_no_warning_and_its_figures_are_right() -> None:
    found = diagnose_base(SCORES, 0.2)
    assert found.warnings == ()
    assert found.options == 200
    assert found.base_support == pytest.approx(200)
    assert found.policy_support == pytest.approx(40)
    assert found.largest_base == pytest.approx(1 / 200)
    assert found.few_share == pytest.approx(5 / 40)
    assert found.threshold == np.sort(SCORES)[-40]
    assert (found.tied_options, found.tied_share) == (1, 0.0)
    assert found.mean_score == pytest.approx(np.sort(SCORES)[-40:].mean())
    assert found.base_mean_score == pytest.approx(SCORES.mean())
    assert found.mixed_change == pytest.approx(0, abs=1e-12)
    assert found.tempered_change == pytest.approx(0, abs=1e-12)
    assert diagnose_base(torch.tensor(SCORES), 0.2) == found


def test_the_changes_are_those_of_the_changed_bases() -> None:
    base = np.random.default_rng(1).exponential(size=200) ** 2
    p = base / base.sum()
    found = diagnose_base(SCORES, 0.2, base=base)
    w = quantilize(SCORES, 0.2, base=p)
    mixed, tempered = 0.9 * p + 0.1 / 200, p**0.5
    for other, change in ((mixed, found.mixed_change), (tempered, found.tempered_change)):
        assert change == pytest.approx(np.abs(w - quantilize(SCORES, 0.2, base=other)).sum() / 2)
        assert change > 0


@pytest.mark.parametrize(
    ("scores", "q", "base", "said"),
    [
        ([1.0, 2.0], 0.5, [1.0, 0.0], "one option only"),
        (SCORES, 0.001, None, "this is argmax, and the bound of 1000"),
        (np.arange(200.0), 0.1, np.repeat([1.0, 5.0], [195, 5]), "errors are yours"),
        ([4.0, 3.0, 2.0, 1.0] + 8 * [0.0], 0.25, None, "3 options hold 100% of the choice"),
        ([3.0, 2.0, 1.0], 0.5, [0.1, 0.8, 0.1], "One option holds 80% of the base"),
        (np.round(SCORES), 0.3, None, "tie at the threshold"),
        (np.repeat([0.0, 1.0], [100, 5]), 0.015, np.repeat([1.0, 1e-4], [100, 5]), "Mixing 10%"),
        (SCORES, 0.2, np.exp(4 * np.random.default_rng(2).normal(size=200)), "the power 0.5"),
    ],
)
def test_a_bad_base_is_named(scores: np.ndarray, q: float, base: np.ndarray, said: str) -> None:
    assert any(said in line for line in diagnose_base(scores, q, base=base).warnings)


@pytest.mark.parametrize(
    ("scores", "q", "said"),
    [(np.zeros((2, 3)), 0.5, "must be one row"), ([1.0], 2.0, "q must lie"),
     ([np.nan], 0.5, "got NaN")],
)  # fmt: skip
def test_what_is_not_allowed_is_refused(scores: np.ndarray, q: float, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        diagnose_base(scores, q)
