"""Certificates by hand, the bound for any cost, and the quantilizer beside best-of-n."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import rel_entr

from precocial.choice import (
    best_of_n,
    boltzmann,
    certify,
    compare_with_best_of_n,
    epsilon_greedy,
    quantilize,
    satisfice,
)
from precocial.errors import ConfigError


def test_by_hand() -> None:
    sure = certify([0.5, 0.5, 0.0], [1, 1, 2], cost=[1, 2, 3])
    assert float(sure.density_ratio) == 2
    assert float(sure.kl_nats) == pytest.approx(np.log(2))
    assert (float(sure.cost), float(sure.base_cost), float(sure.cost_bound)) == (1.5, 2.25, 4.5)
    outside = certify([0.5, 0.5], [1.0, 0.0], cost=[1.0, 0.0])
    assert float(outside.density_ratio) == float(outside.kl_nats) == np.inf
    assert float(outside.cost_bound) == np.inf
    free = certify([0.5, 0.5], [1.0, 0.0], cost=[0.0, 1.0])  # the base sees no cost at all
    assert (float(free.base_cost), float(free.cost_bound)) == (0, np.inf)


@given(st.integers(0, 10**6))
def test_no_policy_costs_more_than_its_certificate_says(seed: int) -> None:
    r = np.random.default_rng(seed)
    scores, base = r.normal(size=(4, 6)), r.random((4, 6)) + 1e-3
    cost = r.exponential(size=(4, 6)) ** 3
    for w in (quantilize(scores, 0.3, base=base), boltzmann(scores, 2.0, base=base),
              best_of_n(scores, 3, base=base), epsilon_greedy(scores, 0.1),
              satisfice(scores, 0.7)):  # fmt: skip
        sure = certify(w, base, cost=cost)
        assert (sure.cost <= sure.cost_bound * (1 + 1e-12)).all()
        p = base / base.sum(axis=-1, keepdims=True)
        np.testing.assert_allclose(sure.kl_nats, rel_entr(w, p).sum(axis=-1), atol=1e-12)
    taken = quantilize(scores, 0.3, base=base)
    assert (certify(taken, base).density_ratio <= 1 / 0.3 * (1 + 1e-12)).all()


def test_torch_and_axes() -> None:
    w = quantilize(torch.tensor([[1.0, 2.0], [3.0, 0.5]]), 0.25, axis=0)
    sure = certify(w, axis=0, cost=torch.ones(2))
    np.testing.assert_allclose(sure.density_ratio, [2, 2], rtol=1e-6)
    np.testing.assert_allclose(sure.cost, [1, 1], rtol=1e-6)


def test_best_of_16_on_a_continuum() -> None:
    """Each wins by its own measure: .969 to .941 at one ratio, .941 to .920 at one KL."""
    found = compare_with_best_of_n(16)
    assert found.best_of_n.mean == pytest.approx(0.941, abs=5e-4)
    assert found.best_of_n.kl_nats == pytest.approx(1.835, abs=5e-4)
    assert found.equal_density.mean == pytest.approx(0.969, abs=5e-4)
    assert found.equal_density.density_ratio == found.best_of_n.density_ratio == 16
    assert found.equal_kl.setting == pytest.approx(0.160, abs=5e-4)
    assert found.equal_kl.mean == pytest.approx(0.920, abs=5e-4)
    assert found.equal_kl.kl_nats == pytest.approx(found.best_of_n.kl_nats)
    lines = str(found).splitlines()
    assert len(lines) == 4
    assert "0.9412" in lines[1]
    assert "q = 0.0625, same ratio" in lines[2]


def test_many_options_are_nearly_a_continuum_and_the_order_holds() -> None:
    r = np.random.default_rng(0)
    ranks = (np.arange(4000) + 0.5) / 4000
    near, exact = compare_with_best_of_n(16, scores=ranks), compare_with_best_of_n(16)
    for ours, theirs in ((near.best_of_n, exact.best_of_n), (near.equal_kl, exact.equal_kl),
                         (near.equal_density, exact.equal_density)):  # fmt: skip
        assert ours.mean == pytest.approx(theirs.mean, abs=1e-3)
    for _ in range(20):
        scores, base = r.normal(size=40), r.random(40)
        found = compare_with_best_of_n(6, scores=scores, base=base)
        assert found.equal_density.density_ratio <= found.best_of_n.density_ratio * (1 + 1e-9)
        assert found.equal_density.mean >= found.best_of_n.mean  # Taylor: no policy of it is better
        assert found.equal_kl.kl_nats == pytest.approx(found.best_of_n.kl_nats, abs=1e-9)
    flat = compare_with_best_of_n(6, scores=[1.0, 1.0, 1.0])
    assert flat.equal_kl.mean == flat.best_of_n.mean == 1.0


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: certify([0.5, 0.6]), "policy must hold distributions"),
        (lambda: certify([1.5, -0.5]), "policy must hold distributions"),
        (lambda: certify([0.5, np.nan]), "policy must be finite"),
        (lambda: certify(1.0), "policy must be finite"),
        (lambda: certify([0.5, 0.5], [0.0, 0.0]), "above 0 for one option"),
        (lambda: certify([0.5, 0.5], [-1.0, 2.0]), "base must not be negative"),
        (lambda: certify([0.5, 0.5], [1.0, 1.0, 1.0]), "base must fit the policy"),
        (lambda: certify([0.5, 0.5], cost=[-1.0, 0.0]), "cost must not be negative"),
        (lambda: compare_with_best_of_n(1), "n must be 2 or more; got 1"),
        (lambda: compare_with_best_of_n(4, base=[1.0]), "a base needs scores"),
        (lambda: compare_with_best_of_n(4, scores=np.zeros((2, 2))), "one row"),
    ],
)
def test_what_is_not_allowed_is_refused(call: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        call()
