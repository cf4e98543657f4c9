"""Quantilizers against the definition, the theorem, a linear programme, and finite differences."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

from precocial.choice import base_gradient, best_of_n, certify, cut, quantilize
from precocial.choice.select import SLACK, sample_places
from precocial.errors import ConfigError


def by_definition(scores: Any, base: Any, q: float) -> np.ndarray:
    """Taylor's definition word for word, in exact fractions."""
    p = [Fraction(float(b)) if s > -np.inf else Fraction(0) for s, b in zip(scores, base)]
    p = [x / sum(p) for x in p]
    below, w, share = Fraction(0), [0.0] * len(p), Fraction(q)
    for level in sorted(set(scores), reverse=True):
        group = [i for i, s in enumerate(scores) if s == level]
        mass = sum(p[i] for i in group)
        for i in group:
            if below + mass < share:
                w[i] = float(p[i] / share)
            elif below < share and mass:
                w[i] = float(p[i] / mass * (1 - below / share))
        below += mass
    return np.array(w)


def problems(count: int, options: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores with ties, bases with zeros and of a wide range, q from .001 to 1."""
    r = np.random.default_rng(seed)
    levels = r.integers(1, 2 * options, size=(count, 1))
    scores = np.floor(r.random((count, options)) * levels)
    base = r.exponential(size=(count, options)) ** r.integers(0, 5, size=(count, 1))
    base *= r.random((count, options)) < r.uniform(0.3, 1, size=(count, 1))
    base[np.arange(count), r.integers(options, size=count)] += 0.5
    scores[r.random((count, options)) < 0.05] = -np.inf
    scores[np.arange(count), base.argmax(axis=-1)] = 1.0
    return scores, base, np.exp(r.uniform(np.log(1e-3), 0.0, size=count))


@given(
    st.lists(
        st.tuples(st.sampled_from([-np.inf, -1.0, 0.0, 0.5, 2.0]), st.integers(0, 5)),
        min_size=1, max_size=8,
    ),
    st.sampled_from([0.01, 0.1, 0.25, 0.3, 0.5, 0.9, 1.0]),
)  # fmt: skip
def test_it_is_the_definition(options: list[tuple[float, int]], q: float) -> None:
    scores, base = map(np.array, zip(*options))
    if not (base[scores > -np.inf] > 0).any():
        with pytest.raises(ConfigError, match="each row needs an option that exists"):
            quantilize(scores, q, base=base)
        return
    for method in ("sort", "select"):
        w = quantilize(scores, q, base=base, method=method)
        np.testing.assert_allclose(w, by_definition(scores, base, q), atol=1e-12)


def test_hand_made_cases() -> None:
    scores = [3.0, 1.0, 2.0, 3.0]
    for q, expected in ((0.25, [0.5, 0, 0, 0.5]), (0.75, [1 / 3, 0, 1 / 3, 1 / 3]),
                        (1.0, [0.25] * 4), (0.6, [5 / 12, 0, 1 / 6, 5 / 12])):  # fmt: skip
        np.testing.assert_allclose(quantilize(scores, q), expected, atol=1e-15)
    ten = quantilize(np.arange(10), 0.3, base=np.full(10, 0.1))
    assert (ten > 0).sum() == 3  # and no stray 1e-17 to a fourth
    for n in range(2, 40):
        for k in range(1, n + 1):
            assert (quantilize(np.arange(n), k / n, base=np.full(n, 1 / n)) > 0).sum() == k
    np.testing.assert_allclose(
        quantilize(scores, 0.5, base=[0.0, 0.5, 0.5, 0.25]), [0, 0, 0.6, 0.4], atol=1e-15
    )


def test_taylors_bound_on_20000_problems_with_ties_and_zero_mass() -> None:
    scores, base, q = problems(20_000, 24, 1)
    w = quantilize(scores, q, base=base)
    p = np.where(scores > -np.inf, base, 0.0)
    p /= p.sum(axis=-1, keepdims=True)
    assert (w >= 0).all()
    assert np.abs(w.sum(axis=-1) - 1).max() <= 1e-12
    assert (w <= p / q[:, None] * (1 + 1e-12)).all()
    cost = np.random.default_rng(2).exponential(size=p.shape) ** 3
    ratio = q * (w * cost).sum(axis=-1) / (p * cost).sum(axis=-1)
    assert ratio.max() <= 1 + 1e-9
    # the bound is reached: by the cost of being taken
    taken = (w > 0) & (w >= p / q[:, None] * (1 - 1e-9))
    rows = taken.any(axis=-1)
    tight = q[rows] * (w * taken).sum(axis=-1)[rows] / (p * taken).sum(axis=-1)[rows]
    np.testing.assert_allclose(tight, 1, atol=1e-9)


def test_no_linear_programme_does_better() -> None:
    scores, base, q = problems(200, 9, 3)
    w = quantilize(scores, q, base=base)
    for s, b, share, ours in zip(scores, base, q, w):
        p = np.where(s > -np.inf, b, 0.0)
        p, u = p / p.sum(), np.where(s > -np.inf, s, 0.0)
        best = linprog(-u, A_eq=np.ones((1, len(u))), b_eq=[1.0],
                       bounds=np.column_stack([np.zeros_like(p), p / share]))  # fmt: skip
        assert -best.fun == pytest.approx(ours @ u, abs=1e-8)


def test_a_million_options() -> None:
    r = np.random.default_rng(4)
    scores, base = r.normal(size=10**6), r.exponential(size=10**6) ** 4
    p = base / base.sum()
    for q in (0.1, 1e-5, 1.0):
        w = quantilize(scores, q, base=base)
        assert abs(w.sum() - 1) <= 1e-12
        assert (w <= p / q * (1 + 1e-12)).all()
        low = quantilize(scores.astype(np.float32), q, base=base.astype(np.float32))
        assert low.dtype == np.float32
        assert abs(low.sum(dtype=np.float64) - 1) < 1e-6


@pytest.mark.parametrize("size", [5_000, 60_000])
@pytest.mark.parametrize(
    "kind", ["plain", "ties", "one score", "sparse", "skewed", "absent", "even"]
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_select_is_sort(size: int, kind: str, dtype: type) -> None:
    r = np.random.default_rng(size)
    scores, base = r.normal(size=size).astype(dtype), r.random(size).astype(dtype)
    if kind == "ties":
        scores = np.round(scores)
    elif kind == "one score":
        scores[:] = 2.0
    elif kind == "sparse":
        base[r.random(size) < 0.999] = 0
    elif kind == "skewed":
        base = base**30
    elif kind == "absent":
        scores[r.random(size) < 0.5] = -np.inf
    elif kind == "even":
        base[:] = 0.1
    for q in (1e-4, 0.1, 0.5, 0.999, 1.0):
        for weight in (base, None):
            a = quantilize(scores, q, base=weight, method="select")
            b = quantilize(scores, q, base=weight, method="sort")
            single = dtype == np.float32
            close: Any = {"rtol": 1e-6, "atol": 1e-9} if single else {"rtol": 1e-12, "atol": 1e-14}
            np.testing.assert_allclose(a, b, **close)
            assert ((a > 0) == (b > 0)).all()
            x, y = (cut(scores, q, base=weight, method=m) for m in ("select", "sort"))
            assert x.boundary.tobytes() == y.boundary.tobytes()
            taken = scores[a > 0].min()
            assert taken == x.boundary or not (weight is None or (x.left > 0).all())


def test_select_never_depends_on_its_sample() -> None:
    """All that matters where the sample does not look, and where it looks no weight at all."""
    size = 40_000
    seen = sample_places(size, size // 64)
    scores, base = np.arange(size) % 977.0, np.ones(size)
    for weight, moved in ((1e-9, 1e3), (1.0, -1e3), (0.0, 0.0)):
        s, b = scores.copy(), base.copy()
        b[seen] = weight
        s[seen] += moved
        for q in (0.01, 0.3, 0.9):
            np.testing.assert_allclose(
                quantilize(s, q, base=b), quantilize(s, q, base=b, method="sort"), rtol=1e-11
            )


@pytest.mark.parametrize("moved", [-1e3, 1e3])
def test_a_bracket_that_missed_is_moved_and_not_left_to_the_last_resort(
    monkeypatch: pytest.MonkeyPatch, moved: float
) -> None:
    def never(*_: Any) -> float:
        raise AssertionError("nothing here is in doubt")

    monkeypatch.setattr("precocial.choice.select.in_doubt", never)
    scores, base = np.arange(40_000) % 977.0, np.ones(40_000)
    scores[sample_places(40_000, 40_000 // 64)] += moved
    for q in (0.011, 0.3, 0.9):
        np.testing.assert_allclose(
            quantilize(scores, q, base=base), quantilize(scores, q, base=base, method="sort"),
            rtol=1e-11,
        )  # fmt: skip


def test_where_rounding_could_decide_all_ways_find_one_boundary() -> None:
    """Shares that the best options reach but for the slack, to the last bit or so; of 30 rows,
    sums in other orders would put a dozen elsewhere."""
    r = np.random.default_rng(0)
    scores, base = r.permuted(np.tile(np.arange(3000.0), (30, 1)), axis=1), r.random((30, 3000))
    ranked = np.take_along_axis(base, np.argsort(-scores, axis=1), axis=1)
    reached = np.array([row[: 100 * (n % 29 + 1)].sum() for n, row in enumerate(ranked)])
    shares = reached / base.sum(axis=1) / (1 - SLACK)
    rows = cut(scores, shares, base=base, method="sort").boundary
    assert (rows == cut(scores, shares, base=base, method="select").boundary).all()
    edges = 2999.0 - 100 * (np.arange(30) % 29 + 1) + 1
    assert set((edges - rows[:, 0]).tolist()) == {0.0, 1.0}  # some reach it, some fall short
    for s, b, q, found in zip(scores, base, shares, rows[:, 0]):
        assert s[quantilize(s, q, base=b) > 0].min() == found
        assert cut(s, q, base=b, method="sort").boundary == found


def test_a_boundary_that_falls_short_by_rounding_is_taken_whole_and_no_more() -> None:
    short = cut([2.0, 1.0], 0.5 * (1 + 1e-13), base=[0.5, 0.5])
    assert (short.boundary, short.left) == (2.0, 1.0)
    w = quantilize([3.0, 2.0, 1.0], 0.5 * (1 + 1e-13), base=[0.25, 0.25, 0.5])
    assert w[0] == w[1] > 0 == w[2]


def test_select_is_the_definition_in_short_rows_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Brackets drawn from one option or two miss often, and must only cost time."""
    monkeypatch.setattr("precocial.choice.select.FEW", 4)
    monkeypatch.setattr("precocial.choice.quantilizer.FEW", 4)
    scores, base, q = problems(150, 70, 11)
    expected = quantilize(scores, q, base=base, method="sort")
    for s, b, share, row in zip(scores, base, q, expected):
        np.testing.assert_allclose(quantilize(s, share, base=b), row, atol=1e-12)
        tensors = quantilize(torch.tensor(s), share, base=torch.tensor(b, requires_grad=True))
        np.testing.assert_allclose(tensors.detach(), row, atol=1e-12)
    for s, b, share, row in zip(scores[:40], base, q, expected):
        np.testing.assert_allclose(row, by_definition(s, b, share), atol=1e-12)


def test_torch_is_numpy() -> None:
    scores, base, q = problems(500, 24, 5)
    expected = quantilize(scores, q, base=base)
    T = torch.tensor
    w = quantilize(T(scores), T(q), base=T(base))
    assert w.dtype == torch.float64
    assert np.abs(w.numpy() - expected).max() <= 1e-12
    mixed = quantilize(T(scores), q, base=base)  # lists and arrays join the scores' library
    assert np.abs(mixed.numpy() - expected).max() <= 1e-12
    single = quantilize(T(scores).float(), 0.3, base=T(base).float())
    assert single.dtype == torch.float32
    np.testing.assert_allclose(single, quantilize(scores, 0.3, base=base), atol=1e-5)
    r = np.random.default_rng(6)
    s, b = r.normal(size=(2, 50_000)), r.random((2, 50_000))
    traced = T(b, requires_grad=True)  # goes by the library, not by the compiled passes
    for weight in (T(b), traced):
        long = quantilize(T(s), 0.2, base=weight).detach().numpy()
        assert np.abs(long - quantilize(s, 0.2, base=b, method="sort")).max() <= 1e-12


def test_axes_and_shapes() -> None:
    r = np.random.default_rng(7)
    scores, base = r.normal(size=(3, 5, 4)), r.random(5)
    last = quantilize(np.moveaxis(scores, 1, -1), 0.4, base=base)
    for held in (scores, torch.tensor(scores)):
        w = quantilize(held, 0.4, base=base, axis=1)
        np.testing.assert_array_equal(np.moveaxis(np.asarray(w), 1, -1), last)
    assert quantilize(np.zeros((0, 3)), 0.5).shape == (0, 3)
    shares = np.array([0.1, 0.5, 1.0])
    rows = quantilize(scores[:, :, 0], shares, base=base)
    for row, s, q in zip(rows, scores[:, :, 0], shares):
        np.testing.assert_array_equal(row, quantilize(s, q, base=base))
    assert quantilize(np.array([1, 2, 2], dtype=np.int8), 0.5).dtype == np.float64


@given(st.integers(0, 10_000), st.integers(0, 3))
def test_what_must_not_matter(seed: int, split: int) -> None:
    scores, base, q = problems(1, 7, seed)
    w = quantilize(scores[0], q[0], base=base[0])
    order = np.random.default_rng(seed).permutation(7)
    close: Any = {"atol": 1e-12}
    np.testing.assert_allclose(
        quantilize(scores[0][order], q[0], base=base[0][order]), w[order], **close
    )
    np.testing.assert_allclose(quantilize(scores[0] + 8.0, q[0], base=base[0]), w, **close)
    np.testing.assert_allclose(quantilize(scores[0], q[0], base=base[0] * 37.0), w, **close)
    halves = base[0].copy()
    halves[split] /= 2
    s, b = np.append(scores[0], scores[0][split]), np.append(halves, halves[split])
    two = quantilize(s, q[0], base=b)
    assert two[split] == pytest.approx(two[-1], abs=1e-12)
    two[split] += two[-1]
    np.testing.assert_allclose(two[:-1], w, **close)


def test_the_derivative_is_that_of_finite_differences() -> None:
    scores, base, q = problems(60, 6, 8)
    r = np.random.default_rng(9)
    step = 1e-6
    for s, b, share in zip(scores, base + 0.05, q):
        g, d = r.normal(size=(2, 6))
        d = np.where(s > -np.inf, d, 0.0)
        c = cut(s, share, base=b)
        more, less = (quantilize(s, share, base=b + x * d) for x in (step, -step))
        change = (more - less) / (2 * step)
        scale = max(1.0, np.abs(change).max())
        np.testing.assert_allclose(c.push(d), change, atol=1e-5 * scale)
        pulled = base_gradient(s, share, b, g)
        assert pulled @ d == pytest.approx(g @ c.push(d), rel=1e-9, abs=1e-9)
        assert pulled @ b == pytest.approx(0, abs=1e-9 * scale)  # a base counts by its shares alone


def test_the_derivative_in_taylors_words() -> None:
    """What is accepted gains 1 / q; the boundary loses it in proportion, ties sharing."""
    p = np.array([0.3, 0.1, 0.2, 0.4])
    c = cut([5.0, 2.0, 2.0, 1.0], 0.5, base=p)
    np.testing.assert_allclose(c.push(np.array([1.0, 0, 0, -1])), [2, -2 / 3, -4 / 3, 0])
    zero = cut([5.0, 4.0, 1.0], 0.5, base=[0.5, 0.0, 0.5])
    assert zero.pull(np.array([0.0, 1.0, 0.0]))[1] == 0  # below the boundary, which is the first


def test_one_base_for_every_row_and_torch_agree() -> None:
    r = np.random.default_rng(10)
    scores, base = r.integers(0, 6, size=(8, 12)).astype(float), r.random(12)
    g = r.normal(size=(8, 12))
    ours = base_gradient(scores, 0.37, base, g)
    one = sum(base_gradient(s, 0.37, base, h) for s, h in zip(scores, g))
    np.testing.assert_allclose(ours, one, atol=1e-12)
    traced = torch.tensor(base, requires_grad=True)
    S = torch.tensor(scores, requires_grad=True)
    w = quantilize(S, 0.37, base=traced)
    (w * torch.tensor(g)).sum().backward()
    np.testing.assert_allclose(traced.grad, ours, atol=1e-12)
    assert S.grad is None
    across = base_gradient(scores.T, 0.37, base, g.T, axis=0)
    np.testing.assert_allclose(across, ours, atol=1e-12)
    full = base_gradient(scores, 0.37, np.tile(base, (8, 1)), g)
    np.testing.assert_allclose(full.sum(axis=0), ours, atol=1e-12)
    held = base_gradient(torch.tensor(scores), 0.37, torch.tensor(base), torch.tensor(g))
    np.testing.assert_allclose(held, ours, atol=1e-12)


@pytest.mark.wrong_types
@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"q": 0}, r"q must lie in \(0, 1\]; got 0.0. q = 1 is imitation"),
        ({"q": 1.5}, "got 1.5"),
        ({"q": np.nan}, "q must lie in"),
        ({"q": [0.1, 0.2]}, "one number or one for each row"),
        ({"q": "x"}, "q must be an array"),
        ({"scores": [1.0, np.nan, 2]}, "got NaN or inf"),
        ({"scores": [1.0, np.inf, 2]}, "got NaN or inf"),
        ({"scores": [-np.inf] * 3}, "an option that exists"),
        ({"scores": []}, "one option at least"),
        ({"scores": 3.0}, "axis must be one of"),
        ({"scores": "abc"}, "scores must be an array"),
        ({"scores": None}, "scores must be an array"),
        ({"scores": np.zeros(3, complex)}, "scores must be an array"),
        ({"scores": np.zeros(3, np.float16)}, "float32 or float64"),
        ({"scores": torch.zeros(3, dtype=torch.float16)}, "float32 or float64; got torch.float16"),
        ({"base": [1.0, -1, 2]}, "not negative"),
        ({"base": [1.0, np.nan, 2]}, "must be finite"),
        ({"base": [1.0, np.inf, 2]}, "must be finite"),
        ({"base": [0.0, 0, 0]}, "whose base is above 0"),
        ({"scores": [-np.inf, 1, 2], "base": [1.0, 0, 0]}, "whose base is above 0"),
        ({"base": [1.0, 2]}, "base must fit the scores"),
        ({"base": torch.ones(3)}, "base is a torch tensor and the scores are not"),
        ({"axis": 1}, "axis must be one of"),
        ({"ties": "first"}, "ties must be"),
        ({"method": "fast"}, "method must be one of"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("times", [1, 3000])
def test_what_is_not_allowed_is_refused(fields: dict[str, Any], said: str, times: int) -> None:
    given: dict[str, Any] = {"scores": [1.0, 2, 3], "q": 0.5} | fields
    if times > 1:  # a long row, checked by the compiled passes
        rows = [k for k in ("scores", "base") if np.ndim(given.get(k)) == 1 and len(given[k])]
        for key in rows:
            long = torch.tile if isinstance(given[key], torch.Tensor) else np.tile
            given[key] = long(given[key], (times,))
    with pytest.raises(ConfigError, match=said):
        quantilize(**given)


@pytest.mark.parametrize("size", [1e308, 5e-324])
@pytest.mark.parametrize("times", [1, 1500])
def test_a_base_whose_sum_no_float_holds(size: float, times: int) -> None:
    scores = np.repeat([3.0, 2.0, 1.0, 0.0], times)
    base = np.full(4 * times, size)
    for method in ("sort", "select", "auto"):
        found = quantilize(scores, 0.4, base=base, method=method)
        np.testing.assert_allclose(found, quantilize(scores, 0.4, method=method), rtol=1e-12)
    both = quantilize(np.stack([scores, scores]), 0.4, base=np.stack([base, np.ones(4 * times)]))
    np.testing.assert_array_equal(both[1], quantilize(scores, 0.4, base=np.ones(4 * times)))
    np.testing.assert_allclose(both[0], both[1], rtol=1e-12)
    np.testing.assert_allclose(best_of_n(scores, 3, base=base), best_of_n(scores, 3), rtol=1e-12)
    assert certify(found, base).density_ratio == pytest.approx(2.5)


def test_the_derivative_knows_the_size_of_its_base() -> None:
    scores, base = np.array([3.0, 2.0, 1.0]), np.array([1.0, 2.0, 3.0])
    toward = np.array([0.5, -1.0, 2.0])
    plain, small = base_gradient(scores, 0.4, base, toward), 2.0**-1000
    tiny = base_gradient(scores, 0.4, base * small, toward)
    np.testing.assert_allclose(tiny * small, plain, rtol=1e-12)
    pushed = cut(scores, 0.4, base=base * small).push(toward * small)
    np.testing.assert_allclose(pushed, cut(scores, 0.4, base=base).push(toward), rtol=1e-12)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_cotangent_that_is_no_number_is_refused(bad: float) -> None:
    with pytest.raises(ConfigError, match="a cotangent, or a change of the base, must be finite"):
        base_gradient([1.0, 2.0], 0.5, [1.0, 1.0], [bad, 0.0])
    with pytest.raises(ConfigError, match="must be finite where an option exists"):
        cut([1.0, 2.0], 0.5).push([0.0, bad])


@pytest.mark.parametrize("scores", [torch.eye(3).to_sparse(), torch.ones(3, device="meta")])
def test_a_tensor_without_numbers_to_read_is_refused(scores: torch.Tensor) -> None:
    with pytest.raises(ConfigError, match="scores must be a dense tensor"):
        quantilize(scores, 0.5)
    with pytest.raises(ConfigError, match="base must be a dense tensor"):
        quantilize(torch.eye(3), 0.5, base=scores)
