from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from precocial.errors import ConfigError, DataError
from precocial.preferences.inside.networks import (
    _bootstrap,
    _ridge,
    intervene,
    patch_activations,
    probe_linearly,
)

X = np.random.default_rng(5).normal(size=(64, 4))
Y = np.random.default_rng(6).normal(size=(64, 4))


class TwoRoads(nn.Module):
    """Logits from a score; a second road is computed and thrown away."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.score = nn.Linear(4, 3, bias=False)
        self.decoy = nn.Linear(4, 3)
        self.spare = nn.Linear(4, 3)
        self.drop = nn.Dropout(0.5)
        self.double()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.drop(self.score(x)) + 0 * self.decoy(x)


def logits(network: TwoRoads, x: np.ndarray[Any, Any] = X) -> np.ndarray[Any, Any]:
    return np.asarray(x @ network.score.weight.detach().numpy().T)


def log_softmax(z: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.asarray(z - np.log(np.exp(z).sum(axis=1, keepdims=True)))


def kl(z: np.ndarray[Any, Any], w: np.ndarray[Any, Any]) -> float:
    p, q = log_softmax(z), log_softmax(np.broadcast_to(w, z.shape))
    return float((np.exp(p) * (p - q)).sum(axis=1).mean())


def flips(z: np.ndarray[Any, Any], w: np.ndarray[Any, Any]) -> float:
    return float((z.argmax(axis=1) != np.broadcast_to(w, z.shape).argmax(axis=1)).mean())


def test_each_intervention_has_its_closed_form() -> None:
    network = TwoRoads()
    z = logits(network)
    after = {"zero": np.zeros_like(z), "negate": -z, "mean": z.mean(axis=0)}
    effects = {e.intervention: e for e in intervene(network, X, ["score"])}
    assert set(effects) == set(after)
    for how, effect in effects.items():
        assert effect.kl_nats.value == pytest.approx(kl(z, after[how]), abs=1e-12)
        assert effect.flip_share.value == pytest.approx(flips(z, after[how]))
        assert effect.flip_share.low <= effect.flip_share.value <= effect.flip_share.high
        assert effect.kl_nats.low < effect.kl_nats.value < effect.kl_nats.high
    # The best of -z is never the best of z.
    assert effects["negate"].flip_share.value == 1.0


def test_a_module_that_does_not_matter_has_no_effect() -> None:
    for effect in intervene(TwoRoads(), X, ["decoy"]):
        assert effect.flip_share.value == effect.flip_share.high == 0.0
        assert effect.kl_nats.value == 0.0


def test_a_swap_calls_the_other_module() -> None:
    network = TwoRoads()
    z, w = logits(network), X @ network.spare.weight.detach().numpy().T
    w = w + network.spare.bias.detach().numpy()
    same, other = (
        intervene(network, X, ["score"], hows=(), swaps={"score": module})[0]
        for module in (network.score, network.spare)
    )
    assert same.kl_nats.value == 0.0
    assert other.intervention == "swap"
    assert other.kl_nats.value == pytest.approx(kl(z, w), abs=1e-12)


@pytest.mark.parametrize("scale", [1.0, -1.0, 0.5, 0.0])
def test_patching_moves_towards_the_donor(scale: float) -> None:
    network = TwoRoads()
    z, donor = logits(network), logits(network, Y)
    effect = patch_activations(network, X, Y, ["score"], scale=scale)[0]
    assert effect.kl_nats.value == pytest.approx(kl(z, z + scale * (donor - z)), abs=1e-12)
    assert effect.flip_share.value == flips(z, z + scale * (donor - z))


def test_a_value_is_read_off_where_it_is_and_not_where_it_is_not() -> None:
    network = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3)).double()
    linear = X @ [1.0, -2.0, 0.5, 3.0] + 7
    noise = np.random.default_rng(2).normal(size=64)
    first = probe_linearly(network, X, linear, ["0"])[0]
    assert first.r2.value > 0.999999
    assert first.width == 6
    nothing = probe_linearly(network, X, noise, ["0"])[0]
    assert nothing.r2.value < 0.15
    assert nothing.r2.low < nothing.r2.value < nothing.r2.high
    # To read a value says nothing of its use: the decoy holds it as well as the score does.
    network = TwoRoads()
    target = logits(network)[:, 0]
    assert {p.r2.value > 0.8 for p in probe_linearly(network, X, target, ["score"])} == {True}


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 100))
def test_ridge_solves_its_equations_and_ignores_units(seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    F, new = rng.normal(size=(20, 3)), rng.normal(size=(5, 3))
    y = F @ [1.0, 2.0, -1.0] + rng.normal(size=20)
    said, ridge = _ridge(F, y, new)
    G, mean, deviation = (F - F.mean(0)) / F.std(0), F.mean(0), F.std(0)
    weights = np.linalg.solve(G.T @ G + ridge * np.eye(3), G.T @ (y - y.mean()))
    assert said == pytest.approx(y.mean() + (new - mean) / deviation @ weights)
    assert _ridge(F * scale, y, new * scale)[0] == pytest.approx(said)


def test_a_constant_feature_is_no_feature() -> None:
    F = np.c_[np.full(20, 3.0), np.arange(20.0)]
    said, _ = _ridge(F, 2 * np.arange(20.0), np.array([[99.0, 4.0]]))
    assert said == pytest.approx([8.0], abs=1e-2)


def test_the_interval_covers() -> None:
    rng, hits = np.random.default_rng(0), 0
    for _ in range(200):
        seen = (rng.uniform(size=150) < 0.3).astype(np.float64)
        share = _bootstrap(lambda rows, s=seen: s[rows].mean(-1), 150, 0.9, 300, 0)
        hits += share.low <= 0.3 <= share.high
    # 180 are expected; 160 or fewer has a chance below 1e-5 at a true coverage of 0.9.
    assert hits > 160


# ---------------------------------------------------------------- nothing is left changed


def test_modes_hooks_and_gradients_are_as_before() -> None:
    network = TwoRoads().train()
    network.decoy.eval()
    with pytest.raises(ConfigError, match="shape"):
        intervene(network, X, ["score"], swaps={"score": nn.Linear(4, 2).double()})
    intervene(network, X)
    probe_linearly(network, X, X[:, 0])
    assert network.training
    assert network.drop.training
    assert not network.decoy.training
    assert all(not module._forward_hooks for module in network.modules())
    assert all(parameter.grad is None for parameter in network.parameters())


def test_the_default_is_every_module_without_children() -> None:
    network = nn.Sequential(nn.Linear(4, 6), nn.Sequential(nn.Tanh(), nn.Linear(6, 3)))
    effects = intervene(network, X, hows=("zero",))
    assert [effect.module for effect in effects] == ["0", "1.0", "1.1"]


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(self.layer(x))


@pytest.mark.parametrize(
    ("fields", "error", "said"),
    [
        ({"network": len}, ConfigError, "must be a torch.nn.Module"),
        ({"modules": ["absent"]}, ConfigError, r"no module 'absent'; it has \['layer'\]"),
        ({"modules": ["layer"]}, ConfigError, "called 2 times"),
        ({"observations": X[:7]}, DataError, "at least 8"),
        ({"observations": np.full((9, 4), np.nan)}, DataError, "finite"),
        ({"observations": X[:, 0]}, DataError, "must be"),
        ({"hows": ("double",), "modules": []}, ConfigError, "hows"),
    ],
)
@pytest.mark.wrong_types
def test_what_cannot_be_done_is_refused(fields: dict[str, Any], error: Any, said: str) -> None:
    with pytest.raises(error, match=said):
        intervene(**{"network": Twice(), "observations": X, **fields})


def test_donors_targets_and_folds_are_checked() -> None:
    network = TwoRoads()
    with pytest.raises(DataError, match="one donor"):
        patch_activations(network, X, Y[:9])
    for target in (np.zeros(64), np.arange(9.0), np.full(64, np.nan)):
        with pytest.raises(DataError, match="one finite number"):
            probe_linearly(network, X, target)
    with pytest.raises(ConfigError, match="folds"):
        probe_linearly(network, X, X[:, 0], folds=1)
    with pytest.raises(ConfigError, match="level"):
        intervene(network, X, ["score"], level=1.0)
    with pytest.raises(ConfigError, match="logits"):
        intervene(nn.Flatten(0), X, [])
