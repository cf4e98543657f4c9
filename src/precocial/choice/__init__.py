"""From scores to choices: one family of pure functions, and one likelihood for every feedback."""

from __future__ import annotations

from precocial.choice.best_of_n import best_of_n
from precocial.choice.certificates import (
    Certificate,
    Comparison,
    certify,
    compare_with_best_of_n,
)
from precocial.choice.diagnostics import BaseDiagnosis, diagnose_base
from precocial.choice.feedback import Choice, log_likelihood
from precocial.choice.quantilizer import Cut, base_gradient, cut, quantilize
from precocial.choice.rules import boltzmann, epsilon_greedy, greedy, nth_best, satisfice, stick
from precocial.choice.sampled import Pool, PoolCertificate, Quantilizer

__all__ = [
    "BaseDiagnosis",
    "Certificate",
    "Choice",
    "Comparison",
    "Cut",
    "Pool",
    "PoolCertificate",
    "Quantilizer",
    "base_gradient",
    "best_of_n",
    "boltzmann",
    "certify",
    "compare_with_best_of_n",
    "cut",
    "diagnose_base",
    "epsilon_greedy",
    "greedy",
    "log_likelihood",
    "nth_best",
    "quantilize",
    "satisfice",
    "stick",
]
