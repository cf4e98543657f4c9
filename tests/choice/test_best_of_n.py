"""Best-of-n against every sequence of draws, and in its limits."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from precocial.choice import best_of_n, certify, greedy
from precocial.errors import ConfigError


def by_draws(scores: np.ndarray, p: np.ndarray, n: int) -> np.ndarray:
    """Every sequence of n draws; the draws that tie for best share."""
    w = np.zeros(len(p))
    for draws in product(range(len(p)), repeat=n):
        best = [d for d in draws if scores[d] == max(scores[list(draws)])]
        for d in best:
            w[d] += np.prod(p[list(draws)]) / len(best)
    return w


@given(st.lists(st.tuples(st.sampled_from([0.0, 1.0, 2.5]), st.integers(0, 4)), min_size=1,
                max_size=4), st.integers(1, 4))  # fmt: skip
def test_it_is_the_best_of_all_sequences(options: list[tuple[float, int]], n: int) -> None:
    scores, base = (np.array(column, dtype=float) for column in zip(*options))
    if base.sum() == 0:
        return
    expected = by_draws(scores, base / base.sum(), n)
    np.testing.assert_allclose(best_of_n(scores, n, base=base), expected, atol=1e-12)


def test_limits_rows_and_options_that_do_not_exist() -> None:
    r = np.random.default_rng(0)
    scores, base = r.integers(0, 5, size=(3, 4, 6)).astype(float), r.random(6)
    scores[..., 0] = -np.inf
    p = np.where(scores > -np.inf, base, 0.0)
    p /= p.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(best_of_n(scores, 1, base=base), p, atol=1e-14)
    assert ((best_of_n(scores, 10**6, base=base) > 1e-9) == (greedy(scores) > 0)).all()
    w = best_of_n(scores, 5, base=base)
    assert (w <= 5 * p * (1 + 1e-12)).all()
    across = best_of_n(np.moveaxis(scores, -1, 0), 5, base=base, axis=0)
    np.testing.assert_array_equal(np.moveaxis(across, 0, -1), w)


def test_a_small_group_loses_no_digits() -> None:
    """The chance of an option of mass m, best of all, is n m to first order."""
    base = np.array([1.0, 1e-15, 1.0])
    assert best_of_n([0.0, 1.0, 0.5], 4, base=base)[1] == pytest.approx(2e-15, rel=1e-6)
    assert float(certify(best_of_n([0.0, 1.0, 0.5], 4, base=base), base).density_ratio) <= 4.0001


def test_torch_is_numpy_and_has_a_gradient() -> None:
    r = np.random.default_rng(1)
    scores, base = r.integers(0, 9, size=(20, 30)).astype(float), r.random((20, 30))
    T = torch.tensor
    w = best_of_n(T(scores), 7, base=T(base))
    assert np.abs(w.numpy() - best_of_n(scores, 7, base=base)).max() <= 1e-12
    assert best_of_n(T(scores).float(), 7).dtype == torch.float32
    row = T(base[0], requires_grad=True)
    cotangent = r.normal(size=30)
    (best_of_n(T(scores[0]), 7, base=row) * T(cotangent)).sum().backward()
    for i in (0, 3, 11):
        step = np.zeros(30)
        step[i] = 1e-6
        ahead, back = (best_of_n(scores[0], 7, base=base[0] + d) @ cotangent for d in (step, -step))
        assert float(row.grad[i]) == pytest.approx((ahead - back) / 2e-6, abs=1e-6)


@pytest.mark.parametrize(
    ("fields", "said"),
    [({"n": 0}, "n must be 1 or more; got 0"), ({"n": 2, "base": [0.0, 0.0]}, "base is above 0"),
     ({"n": 2, "scores": [np.nan, 1.0]}, "NaN"), ({"n": 2, "axis": 3}, "axis must be")],
)  # fmt: skip
def test_what_is_not_allowed_is_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        best_of_n(**{"scores": [1.0, 2.0], **fields})


def test_a_base_that_rounding_takes_from_the_sum_is_n_times_its_share() -> None:
    """Of 1e-20 beside 1 the difference of two sums is 0; n p F^(n-1) is left, and no NaN."""
    found = best_of_n([0.0, 1.0, 2.0], 3, base=[1.0, 1e-20, 1.0])
    np.testing.assert_allclose(found, [1 / 8, 3 / 4 * 0.5e-20, 7 / 8], rtol=1e-12)
    assert np.isfinite(best_of_n(np.arange(4.0), 3, base=[1e-300, 1.0, 1e-300, 1e-17])).all()
