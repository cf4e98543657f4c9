"""Every engine against the reference, and the reference against linear algebra."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from precocial.errors import ConfigError, FitError
from precocial.preferences.mdp import TabularMDP
from precocial.preferences.planning import kernels
from precocial.preferences.planning.blocks import solve_blocks
from precocial.preferences.planning.kernels import (
    LANES,
    leap,
    load,
    logarithm_of_two,
    power_of_two,
    store,
)
from precocial.preferences.planning.values import Backup, solve, solve_reference
from precocial.runs import stream

AGREE = 1e-8
TIGHT = 1e-10
FAMILIES = {
    "optimal": Backup(),
    "soft": Backup(kind="soft", beta=3.0),
    "soft, cold": Backup(kind="soft", beta=200.0),
    "soft, warm": Backup(kind="soft", beta=1e-3),
    "softmax": Backup(kind="softmax", beta=2.0),
    "optimist": Backup(optimism=0.5),
    "pessimist": Backup(optimism=-0.7),
    "sheer optimist": Backup(optimism=1.0),
    "soft pessimist": Backup(kind="soft", optimism=-1.0),
    "overconfident": Backup(confidence=4.0),
    "underconfident": Backup(confidence=0.2),
    "greedy": Backup(steps=1),
    "myopic": Backup(steps=3),
    "look-ahead": Backup(steps=2, leaf="uniform"),
    "soft look-ahead": Backup(kind="soft", beta=2.0, steps=3, leaf="uniform"),
    "naive": Backup(hyperbolic=1.0, delays=6),
    "naive, soft": Backup(kind="soft", beta=2.0, hyperbolic=0.5, delays=3),
    "naive, stopped": Backup(hyperbolic=1.0, delays=6, steps=9),
    "sophisticated": Backup(hyperbolic=1.0, delays=5, steps=20, sophisticated=True),
    "sophisticated softmax": Backup(
        kind="softmax", beta=2.0, hyperbolic=1.0, delays=4, steps=12, sophisticated=True
    ),
    "sophisticated optimist": Backup(
        hyperbolic=2.0, delays=3, steps=10, sophisticated=True, optimism=0.4
    ),
}


def world(seed: int, *, states: int = 12, actions: int = 3, successors: int = 4,
          discount: float = 0.9, ends: int = 2) -> TabularMDP:  # fmt: skip
    """A random world: `successors` of each state and action, some of them with probability 0."""
    rng = stream(seed, "preferences", "kernels", "world")
    follow = np.array(
        [rng.permutation(states)[:successors] for _ in range(states * actions)]
    ).reshape(states, actions, successors)
    weight = rng.dirichlet(np.ones(successors), size=(states, actions))
    if successors > 1:
        weight[::2, 0, 0] = 0.0
    return TabularMDP(
        successors=follow, probability=_normal(weight), start=np.full(states, 1 / states),
        discount=discount, terminal=np.arange(states) >= states - ends,
    )  # fmt: skip


def _normal(weight: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(weight / weight.sum(axis=-1, keepdims=True))


def rewards(seed: int, mdp: TabularMDP, count: int) -> NDArray[np.float64]:
    rng = stream(seed, "preferences", "kernels", "rewards")
    return rng.uniform(-1, 1, (count, mdp.n_states, mdp.n_actions))


@pytest.mark.parametrize("engine", ["numba", "torch"])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_agrees_with_the_reference(family: str, engine: str) -> None:
    if engine == "torch":
        pytest.importorskip("torch")
    sparse, dense = world(0), world(1, states=9, actions=5, successors=9, ends=0, discount=0.8)
    for mdp in (sparse, dense):
        R = rewards(0, mdp, LANES + 3)
        found = solve(mdp, R, FAMILIES[family], tolerance=TIGHT, engine=engine)
        wanted = solve(mdp, R, FAMILIES[family], tolerance=TIGHT, engine="numpy")
        np.testing.assert_allclose(found.Q, wanted.Q, rtol=0, atol=AGREE)
        assert (found.Q[:, mdp.terminal] == 0).all()
        if FAMILIES[family].steps is not None:
            np.testing.assert_allclose(found.residual, wanted.residual, rtol=0, atol=AGREE)
            assert (found.sweeps == wanted.sweeps).all()


@pytest.mark.parametrize("engine", ["numpy", "numba", "torch"])
@pytest.mark.parametrize("tolerance", [1e-2, 1e-5, 1e-8, 1e-11])
def test_the_certificate_is_honest(engine: str, tolerance: float) -> None:
    """Against the exact value of the policy found: if it is greedy for it, that is optimal."""
    if engine == "torch":
        pytest.importorskip("torch")
    mdp = world(2, states=30, discount=0.97)
    R = rewards(2, mdp, 5)
    found = solve(mdp, R, tolerance=tolerance, engine=engine)
    sharp = solve(mdp, R, tolerance=1e-12, engine="numpy")
    exact = mdp.policy_values(np.eye(3)[sharp.Q.argmax(axis=2)], R)
    paid = np.where(mdp.terminal[:, None], 0.0, R)
    best = (paid + mdp.discount * mdp.expected(exact)[...]).max(axis=2)
    best[:, mdp.terminal] = 0.0
    np.testing.assert_allclose(best, exact, atol=1e-10)
    error = np.abs(found.Q.max(axis=2) - exact).max(axis=1)
    certified = found.residual / (1 - mdp.discount)
    assert (error <= certified + 1e-12).all()
    assert (certified <= tolerance).all()


@given(
    seed=st.integers(0, 10**6),
    count=st.sampled_from([1, 2, LANES - 1, LANES, LANES + 1]),
    states=st.integers(1, 8),
    actions=st.integers(1, 4),
    family=st.sampled_from(sorted(FAMILIES)),
    scale=st.sampled_from([1e-6, 1.0, 1e6]),
)
@settings(max_examples=60)
def test_shapes_and_scales(
    seed: int, count: int, states: int, actions: int, family: str, scale: float
) -> None:
    mdp = world(
        seed, states=states, actions=actions, successors=min(states, 3), ends=seed % 2,
        discount=0.7,
    )  # fmt: skip
    R = scale * rewards(seed, mdp, count)
    how = FAMILIES[family]
    how = replace(how, beta=how.beta / scale)
    found = solve(mdp, R, how, tolerance=TIGHT * scale, engine="numba")
    wanted = solve(mdp, R, how, tolerance=TIGHT * scale, engine="numpy")
    np.testing.assert_allclose(found.Q, wanted.Q, rtol=0, atol=AGREE * scale)


@pytest.mark.parametrize("engine", ["numba", "torch"])
def test_no_discount_in_a_world_that_ends(engine: str) -> None:
    if engine == "torch":
        pytest.importorskip("torch")
    finite = world(3, ends=0).with_horizon(7).with_discount(1.0)
    R = rewards(3, finite, 3)
    for how in (Backup(), Backup(kind="soft"), Backup(hyperbolic=1.0, delays=4)):
        found = solve(finite, R, how, engine=engine)
        np.testing.assert_allclose(found.Q, solve(finite, R, how, engine="numpy").Q, atol=AGREE)
        assert (found.residual <= 1e-11).all()


@pytest.mark.parametrize("engine", ["numba", "torch"])
def test_a_planner_that_foresees_takes_the_first_of_ties(engine: str) -> None:
    """Two actions that are one and the same, told apart by rounding only, must not change it."""
    if engine == "torch":
        pytest.importorskip("torch")
    mdp = world(4, actions=2)
    twin = replace(
        mdp,
        successors=np.stack([mdp.successors[:, 0], mdp.successors[:, 0, ::-1]], axis=1),
        probability=np.stack([mdp.probability[:, 0], mdp.probability[:, 0, ::-1]], axis=1),
    )
    R = np.repeat(rewards(4, twin, 20)[:, :, :1], 2, axis=2)
    how = FAMILIES["sophisticated"]
    found = solve(twin, R, how, engine=engine).Q
    np.testing.assert_allclose(found, solve(twin, R, how, engine="numpy").Q, atol=AGREE)


@pytest.mark.parametrize("engine", ["numpy", "numba", "torch"])
def test_rewards_too_large_for_single_precision(engine: str) -> None:
    if engine == "torch":
        pytest.importorskip("torch")
    mdp = world(5)
    R = rewards(5, mdp, 2)
    large = solve(mdp, R * 1e200, tolerance=1e191, engine=engine)
    np.testing.assert_allclose(large.Q / 1e200, solve(mdp, R, engine="numpy").Q, atol=AGREE)


@pytest.mark.parametrize("engine", ["numpy", "numba"])
@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
def test_values_that_overflow_are_refused(engine: str) -> None:
    mdp = world(6, ends=0, discount=0.99)
    with pytest.raises(FitError, match=r"beyond what numbers hold|reached no fixed point"):
        solve(mdp, np.full((1, 12, 3), 1e308), tolerance=1e300, engine=engine)


def test_a_device_that_does_not_exist_is_refused() -> None:
    pytest.importorskip("torch")
    mdp = world(0)
    with pytest.raises(ConfigError, match="torch cannot use the device 'abacus'"):
        solve(mdp, rewards(0, mdp, 1), engine="torch", device="abacus")


@pytest.mark.parametrize("engine", ["numpy", "numba", "torch"])
def test_no_rewards_have_no_values(engine: str) -> None:
    if engine == "torch":
        pytest.importorskip("torch")
    for how in (Backup(), Backup(steps=2)):
        assert solve(world(0), np.zeros((0, 12, 3)), how, engine=engine).Q.shape == (0, 12, 3)


def test_torch_solves_in_parts_what_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    mdp = world(9)
    R = rewards(9, mdp, 7)
    whole = solve(mdp, R, engine="torch")
    monkeypatch.setattr("precocial.preferences.planning.gathers.ROOM", 2 * R[0].size * 4)
    parts = solve(mdp, R, engine="torch")
    np.testing.assert_array_equal(parts.Q, whole.Q)
    assert (parts.sweeps <= whole.sweeps).all()


@pytest.mark.wrong_types
def test_an_unknown_engine_is_refused() -> None:
    mdp = world(0)
    with pytest.raises(ConfigError, match="engine must be one of"):
        solve(mdp, rewards(0, mdp, 1), engine="steam")  # type: ignore[arg-type]


def test_leaps_save_sweeps() -> None:
    mdp = world(8, states=40, discount=0.98, ends=0)
    R = rewards(8, mdp, 6)
    found = solve(mdp, R, tolerance=1e-6, engine="numba")
    assert (2 * found.sweeps < solve(mdp, R, tolerance=1e-6, engine="numpy").sweeps).all()


def test_a_leap_goes_to_the_limit_of_a_geometric_series() -> None:
    """And half as far where the change has grown since the last one."""
    rng = stream(0, "preferences", "kernels", "leap")
    limit, away = rng.normal(size=(2, 5, LANES))
    factor = rng.uniform(0.1, 0.9, LANES)
    first, second, third = (np.ravel(limit - away * factor**n) for n in range(3))
    trust, last, change, scratch = np.ones((4, LANES))
    last[:7] = 0.5
    expected = limit.copy()
    expected[:, :7] = (limit[:, :7] + third.reshape(5, LANES)[:, :7]) / 2
    leap(third, second, first, trust, last, change, 0.95, scratch)
    np.testing.assert_allclose(third.reshape(5, LANES), expected, atol=1e-9)
    assert (trust[:7] == 0.5).all()
    assert (trust[7:] == 1).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_powers_and_logarithms_of_two_are_good_to_rounding(dtype: type) -> None:
    @numba.njit
    def both(x: object, y: object, out: object) -> None:
        store(out, 0, power_of_two(load(x, 0)))
        store(out, LANES, logarithm_of_two(load(y, 0)))

    out = np.zeros(2 * LANES, dtype)
    x = np.concatenate([np.linspace(-90, -1, LANES - 20), np.linspace(-1, 0, 20)]).astype(dtype)
    y = np.geomspace(1e-3, 1, LANES).astype(dtype)
    both(x, y, out)
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(out[:LANES], 2.0 ** x.astype(float), rtol=4 * eps)
    np.testing.assert_allclose(out[LANES:], np.log2(y.astype(float)), rtol=4 * eps, atol=4 * eps)


def test_without_a_folder_to_keep_them_kernels_are_still_compiled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refusing(*, cache: bool = False, **settings: object) -> object:
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return numba.njit(**settings)

    monkeypatch.setattr(kernels, "njit", refusing)
    double = kernels.compiled(lambda x: 2 * x)
    assert double(4) == 8
    assert double.signatures


def test_a_limit_of_sweeps_is_kept() -> None:
    mdp = world(7, discount=0.999, ends=0)
    R, leaf, enough = rewards(7, mdp, 2), np.zeros((2, 12)), np.full(2, 1e-9)
    _, residual, sweeps = solve_blocks(mdp, R, leaf, Backup(), enough, 20)
    assert (residual > 1e-9).all()
    assert (sweeps <= 20 + 8).all()
    _, _, wanted = solve_reference(mdp, R, leaf, Backup(), enough, 20)
    assert (wanted == 20).all()


def test_small_work_is_done_without_loading_numba_or_torch() -> None:
    code = (
        "import sys, numpy as np, precocial.preferences as p\n"
        "w = p.TabularMDP.from_arrays(np.ones((2, 2, 2)) / 2, discount=0.9)\n"
        "p.solve(w, np.zeros((1, 2, 2)))\n"
        "sys.exit('numba' in sys.modules or 'torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("engine", ["numpy", "numba", "torch"])
@pytest.mark.parametrize(
    ("discount", "scale", "tolerance"),
    [
        (0.99, 1e6, 1e-8),
        (0.9, 1e9, 1e-12),
        (0.99, 1e-3, 1e-14),
    ],
)
def test_every_engine_reaches_the_same_residual(
    engine: str, discount: float, scale: float, tolerance: float
) -> None:
    """One action: the fixed point is a linear system's solution."""
    if engine == "torch":
        pytest.importorskip("torch")
    mdp = world(3, states=3, actions=1, successors=3, ends=0, discount=discount)
    R = np.concatenate([scale * rewards(1, mdp, 1), rewards(2, mdp, 1)])
    found = solve(mdp, R, tolerance=tolerance, engine=engine)
    exact = np.linalg.solve(np.eye(3) - discount * mdp.dense[:, 0], R[:, :, 0].T).T
    bound = np.abs(R).max(axis=(1, 2)) / (1 - discount)
    asked = np.maximum(tolerance * (1 - discount), 16 * np.finfo(float).eps * bound)
    assert (found.residual <= asked).all()
    error = np.abs(found.Q[:, :, 0] - exact).max(axis=1)
    rounding = 4 * np.finfo(float).eps * bound / (1 - discount)
    assert (error <= found.residual / (1 - discount) + rounding).all()


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["numpy", "numba", "torch"])
def test_a_discount_near_one_is_solved(engine: str) -> None:
    if engine == "torch":
        pytest.importorskip("torch")
    mdp = world(3, states=3, actions=1, successors=3, ends=0, discount=0.9999)
    R = rewards(2, mdp, 1)
    found = solve(mdp, R, engine=engine)
    exact = np.linalg.solve(np.eye(3) - mdp.discount * mdp.dense[:, 0], R[0, :, 0])
    assert found.Q[0, :, 0] == pytest.approx(exact, rel=1e-8)
    assert found.sweeps[0] > 300
