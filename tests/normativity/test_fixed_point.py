"""Fixed points of sampled judges: contraction within its bound, levels that change nothing."""

from __future__ import annotations

import numpy as np
import pytest

from precocial.choice import quantilize
from precocial.errors import ConfigError, PrecocialError
from precocial.normativity.contraction import at_most, dobrushin, second_eigenvalue, total_variation
from precocial.normativity.fixed_point import change_when_adding_level, fixed_point, starts_of
from precocial.normativity.hierarchy import Hierarchy
from precocial.normativity.judges import Judges
from precocial.normativity.levels import Level
from precocial.normativity.pairs import furthest_pair
from tests.normativity.worlds import random_tower


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("q", [1.0, 0.9, 0.5, 0.3, 0.02])
def test_judges_choose_as_the_quantilizer_does(q: float, ties: bool) -> None:
    rng = np.random.default_rng(3)
    S = rng.normal(size=(20, 5, 9))
    S = np.round(S) if ties else S
    base = rng.dirichlet(np.ones(9), size=5)
    base[:, 2] = 0.0
    base /= base.sum(axis=1, keepdims=True)
    judges = Judges(S)
    assert judges.ties == ties
    K = judges.choose(base, q).probability
    assert np.abs(K - quantilize(S, q, base=base)).max() < 1e-14
    alone = Judges(S[:, 0]).choose(base[0], q).probability
    assert np.abs(alone - quantilize(S[:, 0], q, base=base[0])).max() < 1e-14


@pytest.mark.parametrize("ties", [False, True])
def test_judges_take_no_sliver_of_what_only_rounding_leaves_short(ties: bool) -> None:
    for n in range(2, 40):
        judges = Judges(np.append(np.arange(float(n)), [-1.0] * (1 + ties))[None])
        base = np.append(np.full(n, 1 / n), np.zeros(1 + ties))
        assert judges.ties == ties
        for k in range(1, n + 1):
            assert (judges.choose(base, k / n).probability > 0).sum() == k


@pytest.mark.parametrize("q", [0.9, 0.75, 0.6])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_levels_contract_within_the_bound_and_one_more_changes_nothing(
    q: float, seed: int
) -> None:  # fmt: skip
    H = random_tower(seed, m=60, q=q, ties=seed == 2)
    fx = fixed_point(H, tol=1e-10)
    assert (fx.status, fx.certified_by) == ("converged", "q")
    assert fx.contraction_bound == pytest.approx((1 - q) / q)
    assert fx.contraction <= (1 - q) / q + 1e-12
    assert np.allclose(fx.bounds, ((1 - q) / q) ** np.arange(len(fx.tv)) * fx.tv[0])
    assert (fx.tv <= fx.bounds + 1e-13).all()
    added = fx.change_when_adding_level(3)
    assert added.levels == (fx.needed + 1, fx.needed + 2, fx.needed + 3)
    assert (added.change <= added.bound + 1e-12).all()
    assert (added.change <= 1e-10).all()
    assert added.holds
    # N is exact: level N + 1 is the first that changes at most 1e-10 from every top.
    K, tops, changes = fx.kernels[-1].probability, starts_of(fx.initial[-1]), []
    for _ in range(fx.needed + 1):
        changes.append(max(total_variation(row @ K, row) for row in tops))
        tops = tops @ K
    assert changes[-1] <= 1e-10 < changes[-2]
    less = fixed_point(H, tol=1e-10, most_levels=fx.needed)
    assert less.status == "did not converge"
    for n, p in enumerate(fx.initial):
        level = fx.levels[H.levels[n].name]
        assert (level <= p / q + 1e-12).all()
        assert level.sum() == pytest.approx(1, abs=1e-12)


def test_the_bound_is_met_by_the_worst_judges() -> None:
    # Two judges who keep opposite ends share (2q-1)/q and no more.
    H = Hierarchy([Level("judges", ["a", "b"])], [[[1, 0], [0, 1]]], q=0.6)
    fx = fixed_point(H)
    assert fx.contraction == pytest.approx((1 - 0.6) / 0.6, abs=1e-12)
    many = [f"j{i}" for i in range(100)]
    S = np.where(np.arange(100)[:, None] < 50, np.arange(100), -np.arange(100))
    fx = fixed_point(Hierarchy([Level("judges", many)], [S], q=0.6))
    assert fx.contraction == pytest.approx(2 / 3, abs=1e-12)


def test_a_floor_certifies_what_a_small_q_cannot() -> None:
    S = np.eye(4)
    loyal = [Level("judges", ["a", "b", "c", "d"])]
    alone = fixed_point(Hierarchy(loyal, [S], q=0.2))
    assert alone.status == "no unique fixed point"
    assert "floor" in alone.advice
    held = fixed_point(Hierarchy(loyal, [S], q=0.2, floor=0.1))
    assert (held.status, held.certified_by) == ("converged", "floor")
    assert held.contraction <= 0.9 + 1e-12
    assert held.contraction_bound == pytest.approx(0.9)
    assert held.change_when_adding_level(2).holds
    assert held.levels["judges"] == pytest.approx(np.full(4, 0.25))
    assert held.density["judges"][1] == pytest.approx(0.9 / 0.2 + 0.1)


def test_judges_who_pass_it_on_in_a_ring_never_settle_and_that_is_said() -> None:
    ring = np.roll(np.eye(3), 1, axis=1)
    fx = fixed_point(Hierarchy([Level("judges", ["a", "b", "c"])], [ring], q=0.3), most_levels=500)
    assert fx.status == "did not converge"
    assert "floor" in fx.advice
    assert not fx.change_when_adding_level(1).holds


def test_small_q_that_settles_from_every_start_is_seen_and_not_certified() -> None:
    fx = fixed_point(random_tower(0, m=60, q=0.05))
    assert (fx.status, fx.certified_by) == ("not certified", "nothing")
    assert fx.contraction == pytest.approx(1.0)
    assert fx.apart < 1e-8


def test_a_small_q_is_certified_by_the_contraction_measured_on_these_judges() -> None:
    fx = fixed_point(random_tower(0, m=60, q=0.5))
    assert (fx.status, fx.certified_by) == ("converged", "measured")
    assert fx.contraction < 1
    assert fx.change_when_adding_level(2).holds


def test_the_fixed_point_is_the_left_eigenvector() -> None:
    H = random_tower(5, m=30, q=0.6, tasks=3, middle=6)
    fx = fixed_point(H, tol=1e-14)
    K = fx.kernels[-1].probability
    values, vectors = np.linalg.eig(K.T)
    r = np.real(vectors[:, np.argmax(np.real(values))])
    assert fx.levels["processes"] == pytest.approx(r / r.sum(), abs=1e-12)
    assert fx.second_eigenvalue == pytest.approx(np.sort(np.abs(values))[-2], abs=1e-9)
    rules = fx.levels["processes"] @ fx.kernels[1].probability
    assert fx.levels["rules"] == pytest.approx(rules)
    labels = np.einsum("h,htg->tg", rules, fx.kernels[0].probability)
    assert fx.actions == pytest.approx(labels)


def test_a_cost_cannot_grow_by_more_than_the_certificate() -> None:
    H = random_tower(1, q=0.6)
    fx = fixed_point(H)
    rng = np.random.default_rng(0)
    for cost in rng.exponential(size=(50, 12)):
        seen = fx.certificate("processes", cost)
        assert seen.expected <= seen.allowed + 1e-12
        assert seen.allowed == pytest.approx(seen.initial / 0.6)
    # and what is rare at first is what the bound is tight for
    best = int(np.argmax(fx.levels["processes"] / fx.initial[1]))
    tight = fx.certificate("processes", np.eye(12)[best])
    assert tight.expected / tight.initial == pytest.approx(fx.density["processes"][0])
    with pytest.raises(ConfigError, match="negative"):
        fx.certificate("processes", -np.ones(12))


def test_a_chain_forgets_its_top_by_the_product_of_its_steps() -> None:
    H = random_tower(2, m=12, q=0.6, share=False, middle=5)
    assert [level.name for level in H.levels][2:] == ["processes", "processes+1", "processes+2"]
    fx = fixed_point(H)
    steps = [(1 - 0.6) / 0.6] * 4
    assert fx.contraction_bound == pytest.approx(np.prod(steps))
    assert fx.contraction <= fx.contraction_bound + 1e-12
    assert (fx.tv <= fx.bounds + 1e-12).all()
    added = fx.change_when_adding_level(1)
    assert 0 < added.change[0] <= added.bound[0]


def test_restarts_do_not_depend_on_the_order_of_the_items() -> None:
    H = random_tower(4, m=15, q=0.7)
    order = np.random.default_rng(0).permutation(15)
    top = H.levels[1]
    moved = Hierarchy(
        [H.levels[0], Level("processes", [top.items[i] for i in order], top.p[order])],
        [H.judges[0].scores[order], H.judges[1].scores[np.ix_(order, order)]],
        q=0.7,
    )  # fmt: skip
    one, other = fixed_point(H), fixed_point(moved)
    assert one.actions == pytest.approx(other.actions, abs=1e-10)
    assert one.levels["processes"][order] == pytest.approx(other.levels["processes"], abs=1e-9)


def test_contraction_is_that_of_the_two_judges_who_are_furthest_apart() -> None:
    # The first stands between the others.
    K = np.array([[0.4, 0.3, 0.3], [1.0, 0.0, 0.0], [0.5, 0.2, 0.3], [0.0, 0.9, 0.1]])
    assert dobrushin(K) == pytest.approx(1.0)
    assert dobrushin(K[:3]) == pytest.approx(0.6)
    tasks = np.stack([K[:, [0, 1, 2]], np.full((4, 3), 1 / 3)], axis=1)
    assert dobrushin(tasks) == pytest.approx(1.0)
    rng = np.random.default_rng(1)
    for rows in rng.dirichlet(np.full(5, 0.5), size=(20, 6)):
        apart = max(total_variation(a, b) for a in rows for b in rows)
        assert dobrushin(rows) == pytest.approx(apart)


@pytest.mark.parametrize(
    "pair", [(0, 1), (1, 2), (2, 3), (3, 15), (5, 6), (15, 16), (17, 31), (3, 39), (38, 39)]
)
def test_the_furthest_pair_is_found_within_a_block_and_across(pair: tuple[int, int]) -> None:
    kernel = np.full((40, 8), 1 / 8, dtype=np.float32)
    kernel[pair[0], :2] += np.array([0.1, -0.1], dtype=np.float32)
    kernel[pair[1], :2] -= np.array([0.1, -0.1], dtype=np.float32)
    assert sorted(furthest_pair(kernel)) == list(pair)


def test_contraction_of_many_judges_is_the_same_as_pair_by_pair() -> None:
    rng = np.random.default_rng(0)
    K = rng.dirichlet(np.full(50, 0.3), size=402)
    plain = max(total_variation(a, K).__float__() for a in K)
    assert dobrushin(K) == pytest.approx(plain, abs=1e-6)
    assert dobrushin(K[:1]) == 0.0
    square = rng.dirichlet(np.full(220, 0.05), size=220)
    exact = np.sort(np.abs(np.linalg.eigvals(square)))[-2]
    found = second_eigenvalue(square)
    assert found is None or found == pytest.approx(exact, rel=0.05)


def test_many_judges_are_certified_only_beyond_what_single_precision_can_miss() -> None:
    # All but two agree; those two share nothing, however many others there are.
    S = np.tile(np.arange(420.0), (420, 1))
    S[1] = -S[1]
    fx = fixed_point(Hierarchy([Level("judges", [f"j{i}" for i in range(420)])], [S], q=0.3))
    assert fx.contraction == pytest.approx(1.0, abs=1e-12)
    assert (fx.status, fx.certified_by) == ("not certified", "nothing")
    assert at_most(1 - 1e-7, 420) == 1.0
    assert at_most(0.5, 20) == 0.5


def test_sampled_levels_and_scores_that_are_functions() -> None:
    level = Level.sampled("angles", lambda rng: rng.uniform(-1, 1), 50, seed=4)
    again = Level.sampled("angles", lambda rng: rng.uniform(-1, 1), 50, seed=4)
    assert level.hypotheses == again.hypotheses
    H = Hierarchy([level], [lambda h, g: -abs(h - g)], q=0.6)
    fx = fixed_point(H)
    assert H.judges[0].scores[3, 7] == -abs(level.hypotheses[3] - level.hypotheses[7])
    # who is near to most is chosen most: the middle
    spread = np.array(level.hypotheses)
    assert fx.levels["angles"] @ spread**2 < level.p @ spread**2


@pytest.mark.parametrize(
    ("levels", "scores", "given", "match"),
    [
        ([], [], {}, "one at least"),
        ([Level("x", ["a"])], [], {}, "need 0 arrays"),
        ([Level("x", ["a", "b"])], [[[1, 2]]], {}, r"shape \(2, 2\)"),
        ([Level("x", ["a", "b"])], [[[1, np.nan], [0, 0]]], {}, "finite"),
        ([Level("x", ["a", "b"])], [[[1, 1e200], [0, 0]]], {}, "overflow"),
        ([Level("x", ["a"])], [[[1.0]]], {"q": 0.0}, r"\(0, 1\]"),
        ([Level("x", ["a"])], [[[1.0]]], {"q": 1.5}, "imitation"),
        ([Level("x", ["a"])], [[[1.0]]], {"floor": 1.0}, r"\[0, 1\)"),
        ([Level("x", ["a"]), Level("y", ["b"])], [[[1.0]]], {}, "share=False"),
        ([Level("x", ["a"], tasks=["t"])], [[[[1.0]]]], {}, "tasks"),
        ([Level("x", ["a"])], [[[1.0]]], {"depth": 0}, "depth"),
        ([Level("x", ["a"])], [[[1.0]]], {"semantics": "median"}, "one of"),
    ],
)
@pytest.mark.wrong_types
def test_what_does_not_fit_is_refused(levels, scores, given, match) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ConfigError, match=match):
        Hierarchy(levels, scores, **given)


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"items": []}, "one at least"),
        ({"items": ["a", "a"]}, "twice"),
        ({"items": ["a", "b"], "initial": [0.5, 0.6]}, "sum to 1"),
        ({"items": ["a", "b"], "initial": [1.5, -0.5]}, "below 0"),
        ({"items": ["a", "b"], "initial": [1.0]}, "shape"),
        ({"items": ["a", "b"], "initial": [np.nan, 1.0]}, "finite"),
        ({"items": ["a", "b"], "initial": [1, 0], "logits": [0, 0]}, "not both"),
        ({"items": ["a"], "q": 2.0}, "q must lie"),
    ],
)
def test_a_bad_level_is_refused(given: dict[str, object], match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        Level("x", **given)  # type: ignore[arg-type]


def test_bad_arguments_of_the_fixed_point_are_refused() -> None:
    H = random_tower(0)
    for bad in (
        lambda: fixed_point(H, tol=0.0),
        lambda: fixed_point(H, most_levels=0),
        lambda: fixed_point(H, start=[1.0, 2.0]),
        lambda: fixed_point(H).change_when_adding_level(0),
        lambda: fixed_point(H).certificate("nowhere", np.ones(4)),
        lambda: H.place(-1),
        lambda: Level.sampled("x", lambda rng: 0, 0),
    ):
        with pytest.raises(PrecocialError):
            bad()
    assert Level("x", ["a", "b"], logits=[0.0, np.log(3)]).p == pytest.approx([0.25, 0.75])


@pytest.mark.wrong_types
@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"hierarchy": None}, "hierarchy must be a Hierarchy; got NoneType None"),
        ({"hierarchy": [[1.0]]}, "hierarchy must be a Hierarchy"),
        ({"tol": "small"}, "tol must be a number"),
        ({"most_levels": 2.5}, "most_levels must be a whole number"),
        ({"solver": "guess"}, "solver must be one of"),
        ({"initial": ()}, "initial must hold 2 distributions"),
        ({"initial": (np.ones(4) / 4, np.ones(3) / 3)}, "initial of 'processes'"),
        ({"initial": (np.ones(4), np.ones(12) / 12)}, "initial of 'labels'"),
        ({"start": "first"}, "start must be an array"),
        ({"start": [1.0]}, "start must be finite"),
    ],
)
def test_a_fixed_point_of_what_is_none_is_refused(given: dict[str, object], match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        fixed_point(**{"hierarchy": random_tower(0), **given})  # type: ignore[arg-type]


@pytest.mark.wrong_types
def test_levels_to_add_are_a_whole_number() -> None:
    fx = fixed_point(random_tower(0))
    for wrong in (2.5, None, "two", [1]):
        with pytest.raises(ConfigError, match="n must be a whole number"):
            fx.change_when_adding_level(wrong)  # type: ignore[arg-type]
    for tops in ([], [[0.5]], "text", np.zeros((2, 12))):
        with pytest.raises(ConfigError, match="tops"):
            change_when_adding_level(fx, 1, tops=tops)
    with pytest.raises(ConfigError, match="level must be text or a whole number"):
        fx.certificate(None, [1.0])  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["", "sources", "statements", "whole"])
def test_words_that_feedback_needs_name_no_level(name: str) -> None:
    with pytest.raises(ConfigError, match="cannot name a level"):
        Level(name, ["a", "b"])


def test_the_top_of_a_chain_under_a_mean_judge_can_still_decide() -> None:
    """No judge stands above the top, so what it decides is a change and not nothing."""
    levels = [Level("answers", ["a", "b"]), Level("judges", ["x", "y"])]
    chain = Hierarchy(levels, [np.eye(2)], q=0.5, semantics="mean", share=False)
    fx = fixed_point(chain)
    assert fx.status == "the top decides"
    assert "another top could move the actions by 1 at most" in fx.advice
    added = fx.change_when_adding_level(1)
    assert added.change[0] == pytest.approx(1.0)
    assert added.bound[0] == 1.0


def test_a_chain_has_converged_only_where_no_other_top_moves_it() -> None:
    levels = [Level("answers", ["a", "b"]), Level("judges", ["x", "y"])]
    split = Hierarchy(levels, [np.eye(2)], q=0.9, share=False)
    fx = fixed_point(split)
    assert fx.status == "the top decides"
    assert "by 0.111 at most; with share=true" in fx.advice
    assert fixed_point(split, tol=0.2).status == "converged"
    alike = Hierarchy(levels, [np.ones((2, 2))], q=0.5, share=False)
    assert fixed_point(alike).status == "converged"


def test_a_tolerance_below_rounding_is_refused_and_too_few_levels_are_said() -> None:
    H = random_tower(0, q=0.75, floor=0.01)
    with pytest.raises(ConfigError, match=r"tol must lie in \[1e-15, 1\).*rounding.*got 1e-20"):
        fixed_point(H, tol=1e-20)
    short = fixed_point(H, most_levels=3)
    assert short.status == "did not converge"
    assert "by the floor" in short.advice
    assert "set a floor" not in short.advice
    assert "change, by 0;" not in short.advice
    ring = Hierarchy([Level("x", ["a", "b", "c"])], [np.roll(np.eye(3), 1, axis=1)], q=1 / 3)
    assert "set a floor" in fixed_point(ring).advice


@pytest.mark.wrong_types
@pytest.mark.parametrize(
    ("seed", "match"), [("x", "seed must be a whole number; got str 'x'"), (-1, "got -1")]
)
def test_the_seed_of_sampled_levels_is_0_or_more(seed: object, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        Level.sampled("x", lambda rng: rng.random(), 3, seed=seed)  # type: ignore[arg-type]


@pytest.mark.wrong_types
@pytest.mark.parametrize("given", [None, "good", [1.0, 2.0]])
def test_scores_of_a_function_are_numbers(given: object) -> None:
    with pytest.raises(ConfigError, match=r"scores\[0\] of x by x must give a number"):
        Hierarchy([Level("x", ["a", "b"])], [lambda h, g: given])


@pytest.mark.wrong_types
def test_a_hierarchy_is_called_by_its_name() -> None:
    with pytest.raises(ConfigError, match=r"^Hierarchy: levels must be a sequence"):
        Hierarchy("x", [[[1.0]]])  # type: ignore[arg-type]
