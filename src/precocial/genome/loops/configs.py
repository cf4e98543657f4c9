"""The settings of the four outer loops.

The article states no optimiser, rate or batch for its perceptron (its SI was not read). Where a
default below has no source, it is ours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

from precocial.errors import ConfigError, one_of
from precocial.genome.lifetime.learning import Optimiser

Method = Literal["maml", "reptile"]


def _positive(config: Any, *names: str) -> None:
    for name in names:
        value = getattr(config, name)
        if not (math.isfinite(value) and value > 0):
            raise ConfigError(f"{type(config).__name__}: {name} must be above 0; got {value!r}")


def _at_least(config: Any, **least: int) -> None:
    for name, bound in least.items():
        value = getattr(config, name)
        if not value >= bound:
            kind = type(config).__name__
            raise ConfigError(f"{kind}: {name} must be at least {bound}; got {value!r}")


def _share(config: Any, *names: str) -> None:
    for name in names:
        value = getattr(config, name)
        if not 0 <= value < 1:
            raise ConfigError(f"{type(config).__name__}: {name} lies in [0, 1); got {value!r}")


@dataclass(frozen=True, kw_only=True)
class Lamarck:
    """Intermittent training: what a network learned is fitted back into the genome.

    A generation trains the network, fits every rule to the trained weights by squared error, and
    merges W = eps * trained + (1 - eps) * generated with eps(n) = epsilon exp(-n / epsilon_decay),
    n = 0, 1, ... (Shuvaev et al. 2024, Algorithm 1 and Eq. 3). No gradient of the task reaches the
    genome. The score at birth is always that of the generated weights alone.
    """

    generations: int = 500
    """the paper's"""
    epochs: float = 1 / 6
    """of the training set, for the network in a generation; the paper's for MNIST"""
    batch: int = 100
    """of the authors' demo; the article states none"""
    rate: float = 1e-3
    """of Adam for the network: Adam's default, as in the authors' demo"""
    share: float = 1 / 6
    """of a tensor's weights, drawn with replacement, that its rule sees in a generation"""
    least_weights: int = 10_000
    """drawn from a tensor at least; with `share` this gives the paper's 1e5, 1e4 and 1e4 (1e5 up
    to 4.5 %)"""
    weights: dict[str, int] | None = None
    """weights drawn from tensors by name, where it is not `share`"""
    weight_batch: int = 1000
    """the paper's for CIFAR-10"""
    weight_rate: float = 1e-3
    """of Adam for the genome: Adam's default"""
    epsilon: float = 0.0
    """0 replaces the weights outright (the paper's MNIST), 1 with a decay is its CIFAR-10"""
    epsilon_decay: float | None = None
    """the paper's lambda, 20 for CIFAR-10; None keeps epsilon constant"""
    evaluate_every: int = 1
    """generations to a row"""

    def __post_init__(self) -> None:
        _positive(self, "epochs", "rate", "share", "weight_rate")
        _at_least(self, generations=1, batch=1, least_weights=1, weight_batch=1, evaluate_every=1)
        if not 0 <= self.epsilon <= 1:
            raise ConfigError(f"Lamarck: epsilon lies in [0, 1]; got {self.epsilon!r}")
        if self.epsilon_decay is not None:
            _positive(self, "epsilon_decay")

    def epsilon_at(self, generation: int) -> float:
        """The share of the trained weights that generation n hands to the next network."""
        if self.epsilon_decay is None:
            return self.epsilon
        return self.epsilon * math.exp(-generation / self.epsilon_decay)


@dataclass(frozen=True, kw_only=True)
class Innate:
    """End to end: the gradient of the newborn's loss reaches the genome through `express`.

    Adam with a cosine rate in steps. All defaults are ours.
    """

    steps: int = 4000
    batch: int = 256
    rate: float = 5e-3
    warmup_steps: int = 100
    clip: float = 1.0
    """largest norm of the gradient"""
    ema: float = 0.0
    """decay of the running mean of the genome that is scored and kept; 0 keeps the last"""
    label_smoothing: float = 0.0
    distil: float = 0.0
    """weight of the divergence from a teacher's scores, beside 1 - distil for the classes"""
    temperature: float = 1.0
    """of the teacher's and the newborn's scores in the divergence"""
    bits: int | None = None
    """the genome is rounded to so many bits in every forward pass, with a straight gradient"""
    evaluate_every: int = 200
    """steps to a row"""

    def __post_init__(self) -> None:
        _positive(self, "rate", "clip", "temperature")
        _at_least(self, steps=1, batch=1, warmup_steps=0, evaluate_every=1)
        _share(self, "ema", "label_smoothing")
        if not 0 <= self.distil <= 1:
            raise ConfigError(f"Innate: distil lies in [0, 1]; got {self.distil!r}")
        if self.bits is not None:
            _at_least(self, bits=1)


@dataclass(frozen=True, kw_only=True)
class Baldwin:
    """On the score after a lifetime: what is learned is lost, only the ability to learn is kept.

    A newborn W0 takes k steps to Wk. First-order MAML hands dL(Wk)/dWk, of a fresh batch, to the
    genome as if it were the gradient at W0; Reptile hands it (W0 - Wk) / (k rate). Sources: Finn et
    al. 2017 (MAML, first-order), Nichol et al. 2018 (Reptile). All defaults are ours.
    """

    steps: int = 1000
    """of the genome"""
    lifetimes: int = 4
    """to a step of the genome; with `Worlds`, each in a world of its own"""
    lifetime_steps: int = 5
    """k"""
    lifetime_rate: float = 0.1
    lifetime_optimiser: Optimiser = "sgd"
    batch: int = 64
    method: Method = "maml"
    rate: float = 5e-3
    warmup_steps: int = 0
    clip: float = 1.0
    evaluate_every: int = 50
    """steps of the genome to a row"""

    def __post_init__(self) -> None:
        _positive(self, "lifetime_rate", "rate", "clip")
        _at_least(self, steps=1, lifetimes=1, lifetime_steps=1, batch=1)
        _at_least(self, warmup_steps=0, evaluate_every=1)
        one_of("Baldwin: lifetime_optimiser", self.lifetime_optimiser, get_args(Optimiser))
        one_of("Baldwin: method", self.method, get_args(Method))


@dataclass(frozen=True, kw_only=True)
class Evolution:
    """No gradient: an evolution strategy on the parameters of the genome.

    theta moves along sum_k u(f_k) n_k / (2 pairs sigma) by Adam; n_k are standard normals in pairs
    of opposite sign, u(f) is the rank of the fitness, spread over [-1/2, 1/2]. Source: Salimans et
    al. 2017 (antithetic sampling, rank shaping). The defaults are ours.
    """

    generations: int = 200
    pairs: int = 16
    """half of the population"""
    sigma: float = 0.05
    """standard deviation of a mutation"""
    rate: float = 0.02
    decay: float = 0.0
    """of the parameters, in a generation, as a share of the rate (decoupled)"""
    batch: int = 256
    """examples that a member is judged on, the same for all members of a generation; of no use
    with a fitness of your own"""
    at_once: int = 1
    """members that are judged by one `vmap`; 1 is a plain loop"""
    evaluate_every: int = 10
    """generations to a row"""

    def __post_init__(self) -> None:
        _positive(self, "sigma", "rate")
        _at_least(self, generations=1, pairs=1, batch=1, at_once=1, evaluate_every=1)
        _share(self, "decay")


LoopConfig = Lamarck | Innate | Baldwin | Evolution
