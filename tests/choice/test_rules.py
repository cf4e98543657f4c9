"""Rules of choice: hand-made cases, limits, ties, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from precocial import choice
from precocial.errors import ConfigError

SCORES = np.array([3.0, 1.0, 2.0, 3.0])
st_scores = arrays(np.float64, (3, 4), elements=st.floats(-50, 50))
RULES: dict[str, Any] = {
    "greedy": choice.greedy,
    "boltzmann": lambda s: choice.boltzmann(s, 0.7),
    "epsilon": lambda s: choice.epsilon_greedy(s, 0.2),
    "satisfice": lambda s: choice.satisfice(s, 0.4),
    "second": lambda s: choice.nth_best(s, 2),
    "stick": lambda s: choice.stick(s, 1, 0.3),
}
every_rule = pytest.mark.parametrize("name", RULES)


@pytest.mark.parametrize(
    ("probabilities", "expected"),
    [
        (choice.greedy(SCORES), [0.5, 0, 0, 0.5]),
        (choice.epsilon_greedy(SCORES, 0.2), [0.45, 0.05, 0.05, 0.45]),
        (choice.satisfice(SCORES, 0.5), [1 / 3, 0, 1 / 3, 1 / 3]),
        (choice.satisfice(SCORES, 0.0), [0.25] * 4),
        (choice.nth_best(SCORES, 2), [0.5, 0, 0, 0.5]),
        (choice.nth_best(SCORES, 3), [0, 0, 1, 0]),
        (choice.nth_best(SCORES, 4), [0, 1, 0, 0]),
        (choice.stick(SCORES, 2, 0.5), [0, 0, 1, 0]),
        (choice.stick(SCORES, 2, 0.4), [0.5, 0, 0, 0.5]),
        (choice.boltzmann(SCORES, 0.0, base=[1, 2, 3, 4]), [0.1, 0.2, 0.3, 0.4]),
        (choice.boltzmann(SCORES, np.log(2)), np.array([8, 2, 4, 8]) / 22),
        (choice.boltzmann(SCORES, np.log(2), base=[0, 1, 1, 0]), [0, 1 / 3, 2 / 3, 0]),
        (choice.greedy(SCORES, base=[3, 1, 1, 1]), [0.75, 0, 0, 0.25]),
        (choice.greedy(SCORES, base=[0, 2, 2, 0]), [0, 0, 1, 0]),
        (choice.epsilon_greedy(SCORES, 0.5, base=[1, 2, 2, 0]), [0.6, 0.2, 0.2, 0]),
        (choice.satisfice(SCORES, 0.5, base=[1, 5, 2, 1]), [0.25, 0, 0.5, 0.25]),
        # the best there is scores 2, not 3
        (choice.satisfice(SCORES, 1.0, base=[0, 5, 2, 0]), [0, 0, 1, 0]),
    ],
)
def test_hand_made_cases(probabilities: np.ndarray, expected: Any) -> None:
    np.testing.assert_allclose(probabilities, expected, atol=1e-15)


@every_rule
@given(scores=st_scores)
def test_probabilities_sum_to_one_and_follow_a_permutation(name: str, scores: np.ndarray) -> None:
    p = RULES[name](scores)
    assert (p >= 0).all()
    np.testing.assert_allclose(p.sum(axis=-1), 1)
    if name != "stick":
        order = [2, 0, 3, 1]
        np.testing.assert_allclose(RULES[name](scores[:, order]), p[:, order], atol=1e-12)


@every_rule
@given(scores=st_scores, shift=st.floats(-5, 5))
def test_a_shift_of_all_scores_changes_nothing(name: str, scores: np.ndarray, shift: float) -> None:
    rounded = np.round(scores)  # so that near-ties stay what they are
    moved = RULES[name](rounded + round(shift))
    np.testing.assert_allclose(moved, RULES[name](rounded), atol=1e-12)


@every_rule
def test_an_option_that_does_not_exist_is_never_taken(name: str) -> None:
    p = RULES[name](np.array([1.0, 0.5, -np.inf, 0.2]))
    assert p[2] == 0
    assert p.sum() == pytest.approx(1)


def test_large_scores_do_not_overflow() -> None:
    np.testing.assert_array_equal(choice.boltzmann([1e300, 0.0], 1.0), [1, 0])
    np.testing.assert_array_equal(choice.boltzmann([1e300, 0.0], -1.0), [0, 1])
    np.testing.assert_array_equal(choice.boltzmann([1.0, 3.0, 2.0], 1e308), [0, 1, 0])
    np.testing.assert_array_equal(choice.boltzmann([1e300, 2e300], 1e10), [0, 1])
    np.testing.assert_array_equal(choice.boltzmann([1e300, 2e300, -np.inf], -1e10), [1, 0, 0])
    np.testing.assert_array_equal(choice.boltzmann([1e308, -1e308], 2.0), [1, 0])
    np.testing.assert_array_equal(
        choice.boltzmann([1e308, 1e308, -1e308], 5.0, base=[1, 3, 1]), [0.25, 0.75, 0]
    )
    tensor = torch.tensor([[1e300, 2e300], [0.0, 0.0]], dtype=torch.float64)
    np.testing.assert_array_equal(choice.boltzmann(tensor, 1e10), [[0, 1], [0.5, 0.5]])


def test_a_range_beyond_floats_is_a_range() -> None:
    wide = [1e308, -1e308, 0.0]
    np.testing.assert_array_equal(choice.greedy(wide), [1, 0, 0])
    np.testing.assert_array_equal(choice.nth_best(wide, 2), [0, 0, 1])
    np.testing.assert_array_equal(choice.satisfice(wide, 0.5), [0.5, 0, 0.5])
    np.testing.assert_array_equal(choice.stick(wide, 1, 0.9), [1, 0, 0])
    np.testing.assert_array_equal(choice.epsilon_greedy(wide, 0.0), [1, 0, 0])
    np.testing.assert_array_equal(choice.greedy([wide, [1.0, 1.0, 0.0]])[1], [0.5, 0.5, 0])


@pytest.mark.parametrize("size", [1e308, 5e-324])
def test_a_base_of_any_size_is_a_base(size: float) -> None:
    base = [size] * 4
    for rule in (
        lambda base: choice.epsilon_greedy(SCORES, 0.1, base=base),
        lambda base: choice.greedy(SCORES, base=base),
        lambda base: choice.satisfice(SCORES, 0.0, base=base),
        lambda base: choice.boltzmann(SCORES, 1.0, base=base),
    ):
        np.testing.assert_allclose(rule(base), rule([1.0] * 4), rtol=1e-12)
    lopsided = choice.greedy([1.0, 1.0, 0.0], base=[1e308, 1e-300, 1e308])
    np.testing.assert_array_equal(lopsided, [1, 0, 0])


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: choice.greedy([]), "at least one option"),
        (lambda: choice.greedy([1.0, np.nan]), "got NaN"),
        (lambda: choice.greedy([np.inf, 0.0]), "got NaN or inf"),
        (lambda: choice.greedy([-np.inf, -np.inf]), "option that exists"),
        (lambda: choice.boltzmann(SCORES, np.inf), "beta must be finite"),
        (lambda: choice.boltzmann(SCORES, 1.0, base=[-1, 1, 1, 1]), "base must be finite"),
        (lambda: choice.boltzmann(SCORES, 1.0, base=[0, 0, 0, 0]), "option that exists"),
        (lambda: choice.greedy(SCORES, base=[0, 0, 0, 0]), "greedy: .* option that exists"),
        (lambda: choice.satisfice(SCORES, 0.5, base=[1, 1]), "base must fit the scores"),
        (lambda: choice.epsilon_greedy(SCORES, 1.5), r"epsilon must lie in \[0, 1\]; got 1.5"),
        (lambda: choice.satisfice(SCORES, -1), "aspiration must lie"),
        (lambda: choice.nth_best(SCORES, 5), "n must lie in 1 to 4; got 5"),
        (lambda: choice.stick(SCORES, 4, 0.1), "default must lie in 0 to 3; got 4"),
        (lambda: choice.greedy(SCORES, tie=-1), r"greedy: tie must lie in \[0, 1\]; got -1"),
        (lambda: choice.greedy(SCORES, tie=np.nan), "tie must lie in"),
        (lambda: choice.epsilon_greedy(SCORES, 0.1, tie=2.0), "epsilon_greedy: tie"),
        (lambda: choice.satisfice(SCORES, 0.5, tie=-1), "satisfice: tie"),
        (lambda: choice.nth_best(SCORES, 1, tie=np.inf), "nth_best: tie"),
        (lambda: choice.stick(SCORES, 1, 0.5, tie=np.nan), "stick: tie"),
        (lambda: choice.greedy(np.array([1j, 0])), "scores must be an array of numbers"),
        (lambda: choice.boltzmann(np.array([1 + 1j, 0]), 1.0), "scores must be an array of numb"),
    ],
)
def test_what_is_not_allowed_is_refused(call: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        call()


@every_rule
def test_torch_is_numpy(name: str) -> None:
    scores = np.round(np.random.default_rng(0).normal(size=(30, 4)), 1)
    scores[::7, 3] = -np.inf
    ours, theirs = RULES[name](scores), RULES[name](torch.tensor(scores))
    assert theirs.dtype == torch.float64
    assert np.abs(ours - theirs.numpy()).max() <= 1e-12
    single = RULES[name](torch.tensor(scores).float())
    assert single.dtype == torch.float32
    np.testing.assert_allclose(single, ours, atol=1e-6)


def test_a_base_of_boltzmann_may_be_a_tensor() -> None:
    base = torch.tensor([0.0, 1, 1, 0])
    p = choice.boltzmann(torch.tensor(SCORES), float(np.log(2)), base=base)
    np.testing.assert_allclose(p, [0, 1 / 3, 2 / 3, 0], atol=1e-12)
