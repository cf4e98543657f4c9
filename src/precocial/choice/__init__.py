"""From scores to choices: one family of pure functions, and one likelihood for every feedback."""

from __future__ import annotations

from precocial.choice.feedback import Choice, log_likelihood
from precocial.choice.quantilizer import Cut, base_gradient, cut, quantilize
from precocial.choice.rules import boltzmann, epsilon_greedy, greedy, nth_best, satisfice, stick

__all__ = [
    "Choice",
    "Cut",
    "base_gradient",
    "boltzmann",
    "cut",
    "epsilon_greedy",
    "greedy",
    "log_likelihood",
    "nth_best",
    "quantilize",
    "satisfice",
    "stick",
]
