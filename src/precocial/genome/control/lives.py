"""A life: how a policy gets better by acting, by PPO or by an evolution strategy."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from precocial.errors import ConfigError, need
from precocial.genome.control.episodes import check_count, check_policy, make_env, play, starts
from precocial.genome.control.policies import Gaussian, Policy
from precocial.genome.genome import Genome
from precocial.genome.loops.configs import Evolution
from precocial.genome.loops.evolve import evolve
from precocial.genome.loops.parts import Tensors
from precocial.genome.rivals.training import stored_genome
from precocial.io import Row
from precocial.runs import stream_seed


@dataclass(frozen=True, kw_only=True)
class Life:
    """A policy after it has learned, and the returns on the way."""

    policy: Policy
    steps: tuple[int, ...]
    """of all environments together, at the end of each episode"""
    returns: tuple[float, ...]
    """of these episodes, as they were acted: with the noise of exploration"""


@dataclass(frozen=True, kw_only=True)
class Ppo:
    """Proximal policy optimisation by stable-baselines3. Defaults: ours for HalfCheetah.

    Policy and critic are separate networks; the critic starts anew in every life, so that a life
    inherits its policy and nothing else.
    """

    environments: int = 8
    rollout: int = 256
    """steps of each environment between updates"""
    batch: int = 256
    epochs: int = 10
    rate: float = 3e-4
    discount: float = 0.99
    trace: float = 0.95
    """lambda of generalised advantage estimation"""
    clip: float = 0.2
    entropy: float = 0.0
    """weight of the entropy of the actions"""
    normalise_reward: bool = True
    """rewards by the running standard deviation of the discounted return"""
    falling: bool = False
    """rate and clip fall in a line to 0 over the life"""

    def __post_init__(self) -> None:
        if min(self.environments, self.rollout, self.batch, self.epochs) < 1:
            raise ConfigError("Ppo: environments, rollout, batch and epochs must be at least 1")
        if not (self.rate > 0 and self.clip > 0 and 0 < self.discount <= 1):
            raise ConfigError("Ppo: rate and clip must be above 0, discount in (0, 1]")


@dataclass(frozen=True, kw_only=True)
class DirectEvolution:
    """An evolution strategy on all weights of the policy, without a gradient and without extras."""

    loop: Evolution = field(default_factory=Evolution)
    """its generations are cut where the steps of a life are spent"""
    episodes: int = 4
    """that a member is judged on"""


Trainer = Ppo | DirectEvolution


def live(
    policy: Policy,
    env_id: str,
    trainer: Trainer,
    *,
    steps: int,
    seed: int,
    gravity: float = 1.0,
    **options: Any,
) -> Life:
    """Let a copy of `policy` learn for `steps` of its environment.

    Args:
        policy: where it starts; not changed.
        env_id: of a Gymnasium environment.
        trainer: how it learns.
        steps: of all environments together; the last update may go beyond.
        seed: of the episodes, the actions and the updates.
        gravity: see `make_env`, as for `options`.

    Raises:
        ConfigError: an environment or a trainer that cannot be used, or a life that is over before
            an episode is.
        MissingExtraError: stable-baselines3 is needed and missing.
    """
    if steps < 1:
        raise ConfigError(f"live: steps must be at least 1; got {steps}")
    env_options = {"gravity": gravity, **options}
    if isinstance(trainer, DirectEvolution):
        return _evolve_directly(policy, env_id, trainer, steps, seed, env_options)
    with PpoLife(policy, env_id, trainer, seed=seed, **env_options) as life:
        life.learn(steps)
        steps_at, returns = life.curve()
        if not returns:
            raise ConfigError(
                f"live: no episode of {env_id} ended within {life.steps} steps of "
                f"{trainer.environments} environments; give it more steps"
            )
        return Life(policy=life.policy(), steps=steps_at, returns=returns)


# ---------------------------------------------------------------- no gradient


class ReturnFitness:
    """The mean return of each genome of a population: a fitness for `evolve`.

    All members meet the same starts. `steps` counts what the environments were stepped, `told` the
    returns of populations with the count at their end; a lone member (the mean genome, looked at
    for a report) is not counted.

    Raises:
        ConfigError: as `make_env`, n below 1, or a policy of another environment.
    """

    def __init__(
        self, genome: Genome, policy: Policy, env_id: str, *, n: int = 4, **options: Any
    ) -> None:
        check_count("ReturnFitness", n)
        env = make_env(env_id, **options)
        env.close()
        check_policy(policy, env, env_id)
        self.genome, self.policy, self.env_id = genome, policy, env_id
        self.n, self.options = n, options
        self.steps = 0
        self.told: list[tuple[int, float]] = []

    def __call__(self, members: Tensors, seed: int) -> Tensor:
        count = len(next(iter(members.values())))
        weights = vmap(lambda member: functional_call(self.genome, member, ()))(members)

        def scores_of(seen: Tensor) -> Tensor:
            parted = seen.reshape(count, self.n, -1)
            found: Tensor = vmap(lambda own, x: functional_call(self.policy, own, (x,)))(
                weights, parted
            )
            return found.flatten(0, 1)

        envs = [make_env(self.env_id, **self.options) for _ in range(count * self.n)]
        played = play(scores_of, self.policy, envs, starts(seed, self.n) * count)
        if count > 1:
            self.steps += int(played.lengths.sum())
            self.told.append((self.steps, float(played.returns.mean())))
        return torch.from_numpy(played.returns.reshape(count, self.n).mean(1))


def _evolve_directly(
    policy: Policy,
    env_id: str,
    trainer: DirectEvolution,
    steps: int,
    seed: int,
    options: dict[str, Any],
) -> Life:
    genome = stored_genome(policy)
    fitness = ReturnFitness(genome, policy, env_id, n=trainer.episodes, **options)
    rows = cast("Generator[Row]", evolve(genome, policy, fitness, trainer.loop, seed=seed))
    with contextlib.closing(rows):  # which puts the best genome in place
        for _ in rows:
            if fitness.steps >= steps:
                break
    learned = genome.birth(policy)
    assert isinstance(learned, Policy)
    return Life(
        policy=learned,
        steps=tuple(step for step, _ in fitness.told),
        returns=tuple(mean for _, mean in fitness.told),
    )


# ---------------------------------------------------------------- PPO


class PpoLife:
    """A life under PPO that can be stopped, looked at, changed and gone on with."""

    def __init__(
        self,
        policy: Policy,
        env_id: str,
        config: Ppo,
        *,
        seed: int,
        **options: Any,
    ) -> None:
        self._start, self.config = copy.deepcopy(policy), config
        with _own_randomness(stream_seed(seed, "genome", "control", "ppo", "start")):
            self.model, self._monitors = _made(self._start, env_id, config, seed, options)
        self.put(policy)
        self._seed, self._calls = seed, 0

    def __enter__(self) -> PpoLife:
        return self

    def __exit__(self, *error: object) -> None:
        self.model.env.close()

    def learn(self, steps: int) -> None:
        """Go on for at least `steps` steps, whole rollouts."""
        name = ("genome", "control", "ppo", self._calls)
        with _own_randomness(stream_seed(self._seed, *name)):
            self.model.learn(steps, reset_num_timesteps=self._calls == 0)
        self._calls += 1

    @property
    def steps(self) -> int:
        """Of all environments together, so far."""
        return int(self.model.num_timesteps)

    def policy(self) -> Policy:
        """A copy of the policy as it is now."""
        made = copy.deepcopy(self._start)
        _copy(self._linears(), made.linears())
        return made

    def put(self, policy: Policy) -> None:
        """Go on with the weights of `policy`; critic and moments of the optimiser stay."""
        _copy(policy.linears(), self._linears())

    def act(self, observations: Any) -> Any:
        """The likeliest actions, computed by stable-baselines3."""
        return self.model.predict(observations, deterministic=True)[0]

    def curve(self) -> tuple[tuple[int, ...], tuple[float, ...]]:
        """Steps of all environments at the end of each episode, in order, and its return."""
        ends = []
        for monitor in self._monitors:
            lengths = np.cumsum(monitor.get_episode_lengths())
            ends += [
                (int(at) * len(self._monitors), float(value))
                for at, value in zip(lengths, monitor.get_episode_rewards(), strict=True)
            ]
        ends.sort(key=lambda end: end[0])
        return tuple(at for at, _ in ends), tuple(value for _, value in ends)

    def _linears(self) -> list[nn.Linear]:
        trunk = self.model.policy.mlp_extractor.policy_net
        return [*(m for m in trunk if isinstance(m, nn.Linear)), self.model.policy.action_net]


def _copy(from_: list[nn.Linear], to: list[nn.Linear]) -> None:
    with torch.no_grad():
        for source, target in zip(from_, to, strict=True):
            target.weight.copy_(source.weight)
            target.bias.copy_(source.bias)


@contextlib.contextmanager
def _own_randomness(seed: int) -> Iterator[None]:
    """Seeds the global generators that stable-baselines3 draws from, and puts them back."""
    kept = np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng(devices=[]):
        np.random.seed(seed % 2**32)  # noqa: NPY002
        torch.manual_seed(seed)
        try:
            yield
        finally:
            np.random.set_state(kept)  # noqa: NPY002


def _made(
    policy: Policy, env_id: str, config: Ppo, seed: int, options: dict[str, Any]
) -> tuple[Any, list[Any]]:
    sb3 = need("stable_baselines3", "control")
    monitor = need("stable_baselines3.common.monitor", "control").Monitor
    vectors = need("stable_baselines3.common.vec_env", "control")
    monitors = [monitor(make_env(env_id, **options)) for _ in range(config.environments)]
    many = vectors.DummyVecEnv([lambda env=env: env for env in monitors])
    if config.normalise_reward:
        many = vectors.VecNormalize(many, norm_obs=False, norm_reward=True, gamma=config.discount)
    many.seed(stream_seed(seed, "genome", "control", "environments") % 2**31)

    def schedule(value: float) -> Any:
        return (lambda left: left * value) if config.falling else value

    model = sb3.PPO(
        _actor_critic(policy),
        many,
        n_steps=config.rollout,
        batch_size=config.batch,
        n_epochs=config.epochs,
        learning_rate=schedule(config.rate),
        clip_range=schedule(config.clip),
        gamma=config.discount,
        gae_lambda=config.trace,
        ent_coef=config.entropy,
        policy_kwargs={
            "net_arch": {"pi": list(policy.widths[1:-1]), "vf": list(policy.widths[1:-1])},
            "activation_fn": nn.Tanh,
        },
        device="cpu",
    )
    return model, monitors


def _actor_critic(policy: Policy) -> Any:
    """The class of stable-baselines3's actor-critic whose actor is exactly `policy`.

    Its own Gaussian has one standard deviation for all states; ours depends on the state, so the
    last layer is twice as wide.
    """
    policies = need("stable_baselines3.common.policies", "control")
    if not isinstance(policy, Gaussian):
        return policies.ActorCriticPolicy
    moments = policy.moments

    class ActorCritic(policies.ActorCriticPolicy):  # type: ignore[misc,name-defined]
        def _build(self, lr_schedule: Any) -> None:
            super()._build(lr_schedule)
            del self.log_std
            self.action_net = nn.Linear(policy.widths[-2], policy.widths[-1])
            self.optimizer = self.optimizer_class(
                self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs
            )

        def _get_action_dist_from_latent(self, latent_pi: Tensor) -> Any:
            mean, log_std = moments(self.action_net(latent_pi))
            return self.action_dist.proba_distribution(mean, log_std)

    return ActorCritic
