"""What behaviour can, and cannot, tell about what someone wants (Armstrong and Mindermann 2017)."""

from __future__ import annotations

from precocial.preferences.demos import Demonstrations, simulate
from precocial.preferences.infer import Assumption, Block, Posterior, Prior, infer
from precocial.preferences.mdp import TabularMDP
from precocial.preferences.planners import (
    Constant,
    Negated,
    Override,
    Planner,
    Plans,
    Rule,
    anti_rational,
    boltzmann,
    constructed_values,
    defaults,
    epsilon_greedy,
    greedy,
    hyperbolic,
    look_ahead,
    miscalibrated,
    myopic,
    nth_best,
    optimal,
    optimist,
    satisficing,
    self_aware,
    soft_optimal,
    status_quo,
)
from precocial.preferences.rewards import Rewards
from precocial.preferences.values import Backup, Values, solve

__all__ = [
    "Assumption",
    "Backup",
    "Block",
    "Constant",
    "Demonstrations",
    "Negated",
    "Override",
    "Planner",
    "Plans",
    "Posterior",
    "Prior",
    "Rewards",
    "Rule",
    "TabularMDP",
    "Values",
    "anti_rational",
    "boltzmann",
    "constructed_values",
    "defaults",
    "epsilon_greedy",
    "greedy",
    "hyperbolic",
    "infer",
    "look_ahead",
    "miscalibrated",
    "myopic",
    "nth_best",
    "optimal",
    "optimist",
    "satisficing",
    "self_aware",
    "simulate",
    "soft_optimal",
    "solve",
    "status_quo",
]
