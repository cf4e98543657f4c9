"""Interventions on a network that picks actions: effect sizes, and nothing about what it wants.

A network's parts have no text to read. What can be measured is how far the policy moves when a
module is changed, or fed what it would have had in other states, and how well a value that the user
names can be read off a module linearly. That a value can be read off does not show that it is used,
nor with which sign; swap, negate or patch the module to see that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from precocial.choice.arguments import checked
from precocial.errors import ConfigError, DataError, need, one_of
from precocial.runs.streams import stream

Floats = NDArray[np.float64]
How = Literal["zero", "negate", "mean"]
HOWS: tuple[How, ...] = ("zero", "negate", "mean")
RIDGES = tuple(float(10.0**power) for power in range(-4, 7))
"""Ours: penalties tried, for features of variance 1."""
MIN_STATES = 8


@dataclass(frozen=True, kw_only=True)
class Share:
    """An average over states and its percentile interval, states drawn anew with replacement."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class NetworkEffect:
    """What one intervention does to the policy softmax(logits).

    Attributes:
        module: its name; "" is the whole network.
        intervention: how it was changed.
        flip_share: of the states in which the likeliest action is another.
        kl_nats: mean KL(before || after) of the action's distribution, in nats.
        states: how many.
    """

    module: str
    intervention: str
    flip_share: Share
    kl_nats: Share
    states: int


@dataclass(frozen=True, kw_only=True)
class LinearProbe:
    """How well a value can be read off a module linearly.

    Attributes:
        r2: 1 - squared error / variance, on states left out of the fit; below 0 is worse than the
            mean. The interval draws states anew, with the fits as they are.
        ridge: median of the folds' penalties.
        width: numbers that the module gives for one state.
    """

    module: str
    r2: Share
    ridge: float
    width: int
    states: int


@checked
def intervene(
    network: Any,
    observations: ArrayLike,
    modules: Sequence[str] | None = None,
    *,
    hows: Sequence[How] = HOWS,
    swaps: Mapping[str, Any] | None = None,
    level: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
) -> list[NetworkEffect]:
    """Change what modules give, one at a time, and measure how far the policy moves.

    "zero" and "negate" change the output; "mean" gives every state the mean output over the
    observations; a swap calls another module on the same input instead.

    Args:
        network: an nn.Module from observations (n, ...) to logits (n, A). It is put in evaluation
            mode for the while, hooks are taken off, and no gradient is kept.
        observations: (n, ...) at least 8, float.
        modules: names as in `network.named_modules()`; default: every one
            without children that is called once.
        swaps: by name, the module to call instead.
        level, draws: of the bootstrap over states.

    Raises:
        ConfigError: no such module, a module that was not used or gives no tensor with a row for
            each state, a swap of another shape, or logits that are not (n, A).
        DataError: too few observations, or numbers that are not finite.
        MissingExtraError: torch is not installed.
    """
    torch, x = _given(network, observations)
    for how in hows:
        one_of("intervene: hows", how, HOWS)
    names = _names(torch, network, x, modules)
    before = _logits(torch, network, x)
    effects = []
    for name in names:
        found = _outputs(torch, network, x, name)
        for how in hows:
            value = _changed(found, how)
            after = _logits(torch, network, x, name, _constantly(value))
            effects.append(_effect(name, how, before, after, level, draws, seed))
    for name, other in (swaps or {}).items():
        _names(torch, network, x, [name])
        after = _logits(torch, network, x, name, other)
        effects.append(_effect(name, "swap", before, after, level, draws, seed))
    return effects


@checked
def patch_activations(
    network: Any,
    observations: ArrayLike,
    donors: ArrayLike,
    modules: Sequence[str] | None = None,
    *,
    scale: float = 1.0,
    level: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
) -> list[NetworkEffect]:
    """Move each module's output towards what it gives for a donor, row by row:
    out(x) + scale (out(donor) - out(x)).

    scale 1 is activation patching; -1 moves as far the other way. Arguments and errors as
    `intervene`; donors (n, ...) stand row by row beside the observations.

    Raises:
        DataError: donors of another shape.
    """
    torch, x = _given(network, observations)
    _, y = _given(network, donors)
    if x.shape != y.shape:
        raise DataError(
            f"patch_activations: one donor for each observation; got {tuple(y.shape)} for "
            f"{tuple(x.shape)}"
        )
    before, effects = _logits(torch, network, x), []
    for name in _names(torch, network, x, modules):
        own, given = _outputs(torch, network, x, name), _outputs(torch, network, y, name)
        value = own + scale * (given - own)
        after = _logits(torch, network, x, name, _constantly(value))
        how = "patch" if scale == 1 else f"patch x {scale:g}"
        effects.append(_effect(name, how, before, after, level, draws, seed))
    return effects


@checked
def probe_linearly(
    network: Any,
    observations: ArrayLike,
    target: ArrayLike,
    modules: Sequence[str] | None = None,
    *,
    folds: int = 5,
    level: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
) -> list[LinearProbe]:
    """Fit a user's value of each state, a reward or V(s), on a module's output by ridge.

    Each fold is predicted from the others; there the penalty is chosen by generalised
    cross-validation. The module's output is read as (n, width).

    Args:
        target: (n,) what the user calls the value of each observation. That it is one is a tag.
        folds: 2 to n.

    Raises:
        ConfigError: as `intervene`; folds out of range.
        DataError: a target of another length, not finite, or constant.
    """
    torch, x = _given(network, observations)
    y = np.asarray(target, dtype=np.float64)
    if y.shape != (len(x),) or not np.isfinite(y).all() or np.ptp(y) == 0:
        raise DataError(
            f"probe_linearly: one finite number for each of the {len(x)} observations, not all "
            f"alike; got shape {y.shape}"
        )
    if not 2 <= folds <= len(x):
        raise ConfigError(f"probe_linearly: folds must lie in 2 to {len(x)}; got {folds}")
    order = stream(seed, "preferences", "inside", "folds").permutation(len(y))
    probes = []
    for name in _names(torch, network, x, modules):
        features = _outputs(torch, network, x, name).reshape(len(y), -1)
        F = features.double().cpu().numpy()
        error, base, ridges = np.empty(len(y)), np.empty(len(y)), []
        for left_out in np.array_split(order, folds):
            kept = np.setdiff1d(order, left_out)
            predicted, ridge = _ridge(F[kept], y[kept], F[left_out])
            error[left_out] = (y[left_out] - predicted) ** 2
            base[left_out] = (y[left_out] - y[kept].mean()) ** 2
            ridges.append(ridge)
        r2 = _bootstrap(partial(_r2, error, base), len(y), level, draws, seed)
        probes.append(
            LinearProbe(
                module=name, r2=r2, ridge=float(np.median(ridges)), width=F.shape[1], states=len(y)
            )
        )
    return probes


def _r2(error: Floats, base: Floats, rows: NDArray[np.int64]) -> Floats:
    return np.asarray(1 - error[rows].sum(-1) / base[rows].sum(-1))


def _ridge(F: Floats, y: Floats, new: Floats) -> tuple[Floats, float]:
    """Predictions for `new`, and the penalty of the least generalised cross-validation error
    n ||y - y_hat||^2 / (n - df)^2."""
    mean, scale = F.mean(axis=0), F.std(axis=0)
    scale = np.where(scale > 1e-12 * (1 + np.abs(mean)), scale, np.inf)
    U, d, Vt = np.linalg.svd((F - mean) / scale, full_matrices=False)
    centre = y.mean()
    along = U.T @ (y - centre)
    best, chosen, weights = np.inf, RIDGES[0], np.zeros(F.shape[1])
    for ridge in RIDGES:
        shrink = d**2 / (d**2 + ridge)
        left = len(y) - 1 - shrink.sum()
        if left <= 0:
            continue
        error = ((y - centre - U @ (shrink * along)) ** 2).sum() / left**2
        if error < best:
            best, chosen = error, ridge
            weights = Vt.T @ (d / (d**2 + ridge) * along)
    return centre + (new - mean) / scale @ weights, chosen


# ---------------------------------------------------------------- hooks


def _given(network: Any, observations: ArrayLike) -> tuple[Any, Any]:
    torch = need("torch", "torch")
    if not isinstance(network, torch.nn.Module):
        raise ConfigError(
            f"the network must be a torch.nn.Module; got {type(network).__name__}. For a policy "
            "written in Python use look_inside"
        )
    rows = np.asarray(observations, dtype=np.float64)
    if rows.ndim < 2 or len(rows) < MIN_STATES or not np.isfinite(rows).all():
        raise DataError(
            f"observations must be (n, ...) with n at least {MIN_STATES}, all finite; got shape "
            f"{rows.shape}"
        )
    like = next(network.parameters(), torch.zeros(()))
    return torch, torch.as_tensor(rows, dtype=like.dtype, device=like.device)


def _names(torch: Any, network: Any, x: Any, modules: Sequence[str] | None) -> list[str]:
    known = dict(network.named_modules())
    if modules is None:
        leaves = [name for name, module in known.items() if name and not list(module.children())]
        return [name for name in leaves if _is_usable(torch, _calls(torch, network, x, name), x)]
    for name in modules:
        if name not in known:
            raise ConfigError(
                f"the network has no module {name!r}; it has {[n for n in known if n]}"
            )
    return list(modules)


@contextmanager
def _quiet(torch: Any, network: Any) -> Iterator[None]:
    """Evaluation mode and no gradient, for a while."""
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def _logits(
    torch: Any, network: Any, x: Any, name: str = "", change: Callable[..., Any] | None = None
) -> Floats:
    """Log-probabilities of the actions (n, A), the named module's output replaced by change(its
    input)."""
    handles: list[Any] = []
    used: list[bool] = []

    def hook(module: Any, given: tuple[Any, ...], output: Any) -> Any:
        if used and not used[-1]:
            return None  # the module is called by what replaces it
        used.append(False)
        assert change is not None
        new = change(*given)
        used[-1] = True
        if new.shape != output.shape:
            raise ConfigError(
                f"{name}: what is given instead must have the shape {tuple(output.shape)}; got "
                f"{tuple(new.shape)}"
            )
        return new

    with _quiet(torch, network):
        try:
            if change is not None:
                handles.append(network.get_submodule(name).register_forward_hook(hook))
            logits = network(x)
        finally:
            for handle in handles:
                handle.remove()
    if not isinstance(logits, torch.Tensor) or logits.ndim != 2 or len(logits) != len(x):
        raise ConfigError(f"the network must give logits ({len(x)}, A); got {type(logits)}")
    if change is None and not bool(torch.isfinite(logits).all()):
        raise DataError("the network gives logits that are not finite")
    if change is not None and len(used) != 1:
        raise ConfigError(f"{name} is called {len(used)} times for one input; name another module")
    return np.asarray(torch.log_softmax(logits.double(), dim=-1).cpu().numpy())


def _calls(torch: Any, network: Any, x: Any, name: str) -> list[Any]:
    """What the named module gives, each time that it is called."""
    found: list[Any] = []
    module = network.get_submodule(name)
    handle = module.register_forward_hook(lambda _module, _given, output: found.append(output))
    with _quiet(torch, network):
        try:
            network(x)
        finally:
            handle.remove()
    return found


def _is_usable(torch: Any, found: list[Any], x: Any) -> bool:
    """Whether a module was called once and gave one tensor with a row for each observation."""
    return len(found) == 1 and isinstance(found[0], torch.Tensor) and len(found[0]) == len(x)


def _outputs(torch: Any, network: Any, x: Any, name: str) -> Any:
    """What the named module gives, one row for each observation."""
    found = _calls(torch, network, x, name)
    if not _is_usable(torch, found, x):
        raise ConfigError(
            f"{name} is called {len(found)} times for one input, or does not give one tensor with "
            "a row for each observation; name another module"
        )
    return found[0]


def _constantly(value: Any) -> Callable[..., Any]:
    """A module that gives one thing whatever it is fed."""
    return lambda *_: value


def _changed(output: Any, how: How) -> Any:
    if how == "zero":
        return output * 0
    if how == "negate":
        return -output
    return output.mean(dim=0, keepdim=True).expand_as(output)


# ---------------------------------------------------------------- effects


def _effect(
    name: str, how: str, before: Floats, after: Floats, level: float, draws: int, seed: int
) -> NetworkEffect:
    flips = (before.argmax(axis=1) != after.argmax(axis=1)).astype(np.float64)
    kl = (np.exp(before) * (before - after)).sum(axis=1)
    n = len(flips)
    return NetworkEffect(
        module=name, intervention=how, states=n,
        flip_share=_bootstrap(lambda rows: flips[rows].mean(-1), n, level, draws, seed),
        kl_nats=_bootstrap(lambda rows: kl[rows].mean(-1), n, level, draws, seed),
    )  # fmt: skip


def _bootstrap(
    statistic: Callable[[NDArray[np.int64]], Floats], n: int, level: float, draws: int, seed: int
) -> Share:
    if not 0 < level < 1 or not 1 <= draws <= 100_000:
        raise ConfigError(
            f"level must lie between 0 and 1 and draws in 1 to 100,000; got {level} and {draws}"
        )
    rows = stream(seed, "preferences", "inside", "bootstrap").integers(0, n, (draws, n))
    low, high = np.quantile(statistic(rows), [(1 - level) / 2, (1 + level) / 2])
    return Share(value=float(statistic(np.arange(n))), low=float(low), high=float(high))
