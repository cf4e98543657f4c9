"""Feedback as choices, for the one likelihood of `precocial.choice`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from precocial.choice import Choice
from precocial.choice.arguments import checked
from precocial.errors import ConfigError
from precocial.feedback.records import Comparison, Content, Demonstration, Item, Label

Features = Callable[[Content, Content], ArrayLike]


@checked
def as_choice(
    item: Item, features: Features, *, options: Sequence[Content] = (), beta: float = 1.0
) -> Choice:
    """An item as one option chosen from a set, which `precocial.choice.log_likelihood` takes.

    A comparison is the choice of one out of two; a label the choice of a class out of `options`; a
    demonstration the choice of what was done over the other `options`; a bad demonstration the
    choice of the one option over what was done. The choice counts `confidence` times, which is our
    reading: at confidence 0 nothing was said.

    Args:
        item: a label, a comparison or a demonstration.
        features: (task or prompt, option) -> (F,), what an option is worth being linear in it.
        options: what else could have been chosen; for a label, all classes.
        beta: how sharply the chooser tells scores apart.

    Raises:
        ConfigError: a statement, which is no choice; options that are missing, or not asked for;
            features that differ in length or are not finite.
    """
    prompt, among, chosen = _reading(item, tuple(options))
    try:
        table = np.stack([np.asarray(features(prompt, one), dtype=np.float64) for one in among])
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"as_choice: features must give the same number of numbers for every option ({error})"
        ) from error
    return Choice(features=table, chosen=chosen, beta=beta, count=item.confidence, kind=item.type)


def _reading(item: Item, options: tuple[Content, ...]) -> tuple[Content, tuple[Content, ...], int]:
    """What was asked, the set, and which of it was taken."""
    if isinstance(item, Comparison):
        if options:
            raise ConfigError("as_choice: a comparison names its two options; leave out `options`")
        return item.prompt, (item.chosen, item.rejected), 0
    if isinstance(item, Label):
        if item.label not in options or len(set(options)) != len(options):
            raise ConfigError(
                f"as_choice: options must be all classes, each once, and hold the label "
                f"{item.label!r:.60}; got {len(options)} options"
            )
        return item.task, options, options.index(item.label)
    if isinstance(item, Demonstration):
        rest = tuple(one for one in options if one != item.completion)
        if not rest or (not item.good and len(rest) > 1):
            raise ConfigError(
                "as_choice: options must name what else could have been done (exactly one, where "
                f"the demonstration is a bad one); got {len(rest)} beside what was done"
            )
        return item.prompt, (item.completion, *rest), 0 if item.good else 1
    raise ConfigError(
        "as_choice: a statement is no choice from a set; it goes to a Hierarchy or NormLearner as "
        "it is"
    )
