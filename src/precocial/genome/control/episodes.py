"""Environments from Gymnasium, and episodes of a policy in them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from precocial.errors import ConfigError, need
from precocial.genome.control.policies import Categorical, Gaussian, Policy, as_actions
from precocial.runs import stream, stream_seed

SENSES: dict[str, tuple[float, ...]] = {"HalfCheetah-v5": (1.0,) * 8 + (0.1,) * 9}
"""Factors of the observations, by environment: here 8 positions and 9 velocities, so that both are
of the size of 1. Ours. The same for every policy, so no genome and no transfer has to carry them,
as it would have to carry running statistics."""
_SEEDS = 2**31
"""Gymnasium's seeds are smaller in some environments than 63 bits."""


@dataclass(frozen=True, kw_only=True)
class Episodes:
    """Episodes of one policy."""

    returns: NDArray[np.float64]
    """[n]; sums of rewards, not discounted"""
    lengths: NDArray[np.int64]
    """[n], in steps"""
    observations: NDArray[np.float32]
    """[sum of lengths, in]: what was seen before each action, episode after episode"""


def make_env(env_id: str, *, gravity: float = 1.0, **options: Any) -> Any:
    """A Gymnasium environment with its gravity scaled and its observations multiplied by `SENSES`.

    Args:
        env_id: a registered name, such as "CartPole-v1".
        gravity: factor of the vertical gravity: of `model.opt.gravity[2]` in MuJoCo, of the
            attribute `gravity` elsewhere.
        options: given to `gymnasium.make`.

    Raises:
        ConfigError: no such environment; an id that would import a module; gravity that is no
            finite factor of at least 0, or where there is none.
        MissingExtraError: Gymnasium, or MuJoCo where the environment needs it, is missing.
    """
    if not isinstance(env_id, str):
        raise ConfigError(f'an environment is named, as "CartPole-v1"; got {env_id!r}')
    if not (isinstance(gravity, int | float) and 0 <= gravity < math.inf):
        raise ConfigError(f"gravity is a factor of at least 0; got {gravity!r}")
    if ":" in env_id:
        raise ConfigError(
            f"{env_id!r} would import a module. Import it yourself, and give the name that it "
            "registers"
        )
    gymnasium = need("gymnasium", "gym")
    try:
        spec = gymnasium.spec(env_id)
        if "mujoco" in str(spec.entry_point):
            need("mujoco", "control")
        env = gymnasium.make(env_id, disable_env_checker=True, **options)
    except ImportError:
        raise
    except Exception as error:  # Gymnasium raises its own family, environments raise anything
        raise ConfigError(f"the environment {env_id!r} cannot be made ({error})") from error
    if gravity != 1:
        _scale_gravity(env.unwrapped, env_id, gravity)
    return _scaled(env, SENSES[env_id]) if env_id in SENSES else env


def _scale_gravity(env: Any, env_id: str, gravity: float) -> None:
    if hasattr(getattr(env, "model", None), "opt"):
        env.model.opt.gravity[2] *= gravity
    elif isinstance(getattr(env, "gravity", None), int | float):
        env.gravity *= gravity
    else:
        raise ConfigError(f"{env_id} has no gravity to scale; leave gravity at 1")


def _scaled(env: Any, factors: Sequence[float]) -> Any:
    wrappers = need("gymnasium.wrappers", "gym")
    scale = np.array(factors)
    return wrappers.TransformObservation(
        env, lambda seen: seen * scale[: len(seen)], env.observation_space
    )


def policy_for(env_id: str, hidden: tuple[int, ...], seed: int, **options: Any) -> Policy:
    """An untrained policy of the right kind and widths for an environment, drawn by the seed.

    Raises:
        ConfigError: observations that are not a vector, actions that are neither one discrete
            choice nor a vector of reals, or layers without units.
    """
    widths = hidden if isinstance(hidden, tuple | list) else (None,)
    if not all(type(width) is int and width > 0 for width in widths):
        raise ConfigError(f"policy_for: hidden layers have at least 1 unit each; got {hidden!r}")
    env = make_env(env_id, **options)
    env.close()
    kind, into, out = _form(env, env_id)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream_seed(seed, "genome", "control", "policy"))
        return kind(into, *hidden, out)


def _form(env: Any, env_id: str) -> tuple[type[Policy], int, int]:
    """The kind of policy for an environment, its inputs and its outputs."""
    seen, acts = env.observation_space, env.action_space
    if seen.shape is None or len(seen.shape) != 1:
        raise ConfigError(f"{env_id}: observations must be vectors; got {seen}")
    kinds = {"Discrete": Categorical, "Box": Gaussian}
    kind = kinds.get(type(acts).__name__)
    if kind is None or len(acts.shape) != (kind is Gaussian):
        raise ConfigError(f"{env_id}: actions must be Discrete or a vector of reals; got {acts}")
    if kind is Categorical and int(acts.start) != 0:
        raise ConfigError(f"{env_id}: choices must be numbered from 0; got {acts}")
    out = int(acts.n) if kind is Categorical else 2 * int(acts.shape[0])
    return kind, int(seen.shape[0]), out


def check_policy(policy: Policy, env: Any, env_id: str) -> None:
    """Refuse a policy of another environment.

    Raises:
        ConfigError: no policy, or one of another kind or other widths.
    """
    kind, into, out = _form(env, env_id)
    if not isinstance(policy, kind):
        raise ConfigError(f"{env_id} needs a {kind.__name__} policy; got {type(policy).__name__}")
    if (policy.widths[0], policy.widths[-1]) != (into, out):
        raise ConfigError(
            f"{env_id} needs a policy from {into} observations to {out} scores; this one is from "
            f"{policy.widths[0]} to {policy.widths[-1]}: make one with policy_for"
        )


def check_count(what: str, n: int) -> None:
    """Refuse a number of episodes that is none.

    Raises:
        ConfigError: no whole number of at least 1.
    """
    if type(n) is not int or n < 1:
        raise ConfigError(f"{what}: n must be at least 1, a whole number; got {n!r}")


def episodes(
    policy: Policy,
    env_id: str,
    n: int,
    seed: int,
    *,
    greedy: bool = True,
    gravity: float = 1.0,
    **options: Any,
) -> Episodes:
    """`n` episodes, in step with one another; the seed decides all of them.

    Episode k starts alike for every policy and does not depend on `n` if actions are greedy.

    Args:
        policy: what acts.
        env_id: of a Gymnasium environment.
        n: episodes.
        seed: of the starts, and of the actions unless greedy.
        greedy: the likeliest action; otherwise one is drawn.
        gravity: see `make_env`, as for `options`.

    Raises:
        ConfigError: as `make_env`, n below 1, or a policy of another environment.
    """
    check_count("episodes", n)
    envs = [make_env(env_id, gravity=gravity, **options) for _ in range(n)]
    check_policy(policy, envs[0], env_id)
    random = None if greedy else stream(seed, "genome", "control", "actions")
    return play(policy, policy, envs, starts(seed, n), random)


def starts(seed: int, n: int) -> list[int]:
    """Seeds of `n` episodes."""
    return [stream_seed(seed, "genome", "control", "start", k) % _SEEDS for k in range(n)]


@torch.no_grad()
def play(
    scores_of: Callable[[Tensor], Tensor],
    policy: Policy,
    envs: Sequence[Any],
    seeds: Sequence[int],
    random: np.random.Generator | None = None,
) -> Episodes:
    """One episode in each environment; `scores_of` maps the observations of all of them to scores.

    Environments whose episode is over keep their last observation, so that row k of what
    `scores_of` sees is always environment k. They are closed at the end.
    """
    seen = np.stack([env.reset(seed=seed)[0] for env, seed in zip(envs, seeds, strict=True)])
    seen = seen.astype(np.float32)
    returns = np.zeros(len(envs))
    visited: list[list[NDArray[np.float32]]] = [[] for _ in envs]
    alive = list(range(len(envs)))
    while alive:
        scores = scores_of(torch.from_numpy(seen))
        chosen = policy.mode(scores) if random is None else policy.draw(scores, random)
        actions = as_actions(policy, chosen)
        still = []
        for k in alive:
            visited[k].append(seen[k].copy())
            after, reward, terminated, truncated, _ = envs[k].step(clipped(envs[k], actions[k]))
            seen[k] = after
            returns[k] += reward
            if not (terminated or truncated):
                still.append(k)
        alive = still
    for env in envs:
        env.close()
    return Episodes(
        returns=returns,
        lengths=np.array([len(states) for states in visited]),
        observations=np.concatenate([np.stack(states) for states in visited]),
    )


def clipped(env: Any, action: Any) -> Any:
    """The action within the bounds of a real action space; a choice as it is."""
    space = env.action_space
    return np.clip(action, space.low, space.high) if np.ndim(action) else action
