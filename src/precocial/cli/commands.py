"""Every command: its words, the function that runs it, and one line that says what it does.

Functions are named as text and imported when called, so that `precocial --help` imports neither
torch nor matplotlib nor scipy.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Command:
    """`words` is what the user types; `target` is "module:function"; `summary` is one line."""

    words: str
    target: str
    summary: str

    def load(self) -> Callable[..., Any]:
        """The function, its module imported."""
        module, _, name = self.target.partition(":")
        function: Callable[..., Any] = getattr(importlib.import_module(module), name)
        return function


def _transfer(name: str, summary: str) -> Command:
    return Command(f"transfer {name}", f"precocial.cli.transfer:{name}", summary)


def _preferences(name: str, summary: str) -> Command:
    return Command(f"preferences {name}", f"precocial.cli.preferences:{name}", summary)


def _genome(name: str, summary: str) -> Command:
    return Command(f"genome {name}", f"precocial.cli.genome:{name}", summary)


def _normativity(name: str, summary: str) -> Command:
    target = f"precocial.cli.normativity:{name.replace('-', '_')}"
    return Command(f"normativity {name}", target, summary)


COMMANDS = (
    Command("demo", "precocial.cli.demo:demo", "train a small sweep, fit it and write a report"),
    Command(
        "worth",
        "precocial.cli.worth:worth",
        "how much data a prior saves, from two learning curves",
    ),
    Command(
        "transfer sweep",
        "precocial.cli.sweep:sweep",
        "train a ladder of models, from scratch and fine-tuned",
    ),
    _transfer("fit", "fit the law of transfer to a run table"),
    _transfer("forecast", "the loss and the effective data of a model you have not trained"),
    _transfer("plan", "what to buy next: data, parameters or pre-training"),
    _transfer("backtest", "which law would have forecast your own larger runs best"),
    Command(
        "transfer table",
        "precocial.cli.transfer:table_of",
        "one run table from exports of W&B, MLflow or Hugging Face",
    ),
    _transfer("simulate", "a run table drawn from a law that is known"),
    _preferences("infer", "which planner with which reward explains what was done"),
    _preferences("audit", "what demonstrations decide, leave open, and what would decide it"),
    _preferences("theorems", "Occam's razor is insufficient: every theorem by enumeration"),
    _preferences("inside", "what a policy's program does to choose"),
    _genome("compress", "a model's weights from a few bytes, beside what else the bytes buy"),
    _genome("birth", "the network that is born from a .genome file"),
    _genome("evolve", "one genome by one of the four outer loops"),
    _genome("tradeoff", "when instinct beats learning: variability, lifetime, genome bytes"),
    _genome("transfer", "which layers of a newborn help to learn other classes"),
    _normativity("aggregate", "what many imperfect teachers know together, and whom to trust"),
    _normativity("ask", "which tasks to check next"),
    _normativity("fixed-point", "where levels of judges settle, with a certificate"),
    Command("claims", "precocial.cli.claims:claims", "each statement of the papers, checked"),
    Command("report", "precocial.cli.report:report", "one HTML page from run folders"),
)
