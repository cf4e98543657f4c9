"""What `infer` and `audit` work on: the world, what was done in it, what may explain it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from precocial.cli.seen import Seen
from precocial.cli.words import flat, named_once, named_words, plain_value
from precocial.errors import ConfigError
from precocial.preferences.auditing.audit import goals_and_dangers
from precocial.preferences.data.counted import CountedWorld, mdp_from_counts
from precocial.preferences.data.discretiser import Discretiser
from precocial.preferences.data.from_gym import GymWorld, mdp_from_gym
from precocial.preferences.data.readers import read_recording
from precocial.preferences.data.recording import Recording
from precocial.preferences.data.reward_tables import read_rewards, read_table
from precocial.preferences.demos import Demonstrations
from precocial.preferences.mdp import TabularMDP
from precocial.preferences.planners import Plans, defaults
from precocial.preferences.rewards import Rewards

COLUMNS = ("state", "action", "episode", "step", "next_state", "terminal")
SEVERAL = ("state", "action", "next_state")
"""Of these several columns may be named: the numbers of one observation or action."""
WEIGHTS = (-1.0, 0.0, 1.0)
RESERVED = ("env", "id", "discount", "start")
"""Not options of an environment, but of what makes a world of it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """A world, what was done there, and the candidates.

    Attributes:
        world: as it was given, or counted, with the counts.
        ends: the own state of an environment that each last state stands for.
        read: demonstrations of another file, in the same world.
        notes: what to doubt.
    """

    world: TabularMDP | CountedWorld
    demos: Demonstrations
    planners: tuple[Plans, ...]
    rewards: Rewards
    ends: tuple[int, ...]
    read: Callable[[str], Demonstrations]
    notes: list[str]

    @property
    def mdp(self) -> TabularMDP:
        """The world, or its mean where it was counted."""
        return self.world.mdp if isinstance(self.world, CountedWorld) else self.world


def read_case(path: Path, seen: Seen) -> Case:
    """Read what the flags name; everything is checked against everything else.

    Raises:
        ConfigError: a flag that is out of range or out of place.
        DataError: a file that cannot be read, or does not fit the world.
    """
    if seen.bins < 0:
        raise ConfigError(f"--bins must be at least 0 (0: not cut); got {seen.bins}")
    columns = columns_of(seen)
    options = _options(seen)
    recording = read_recording(path, **columns)
    cut = _cut(recording, seen.bins)
    demos = recording.demonstrations(**cut)
    gym: GymWorld | None = None
    world: TabularMDP | CountedWorld
    notes: list[str] = []
    if seen.env is not None:
        gym = mdp_from_gym(seen.env, discount=seen.discount, **options)
        world = mdp = gym.mdp
    else:
        world, notes = _counted(recording, demos, seen.discount, cut.get("states"))
        mdp = world.mdp

    def fitted(what: Recording, found: Demonstrations) -> Demonstrations:
        own = found if gym is None else gym.relabelled(found)
        return own.check(mdp, path=what.path, lines=what.lines)

    def read(other: str) -> Demonstrations:
        what = read_recording(other, **columns)
        return fitted(what, what.demonstrations(**cut))

    ends = () if gym is None else gym.ends
    return Case(
        world=world, demos=fitted(recording, demos), planners=defaults(),
        rewards=_rewards(seen, mdp, ends), ends=ends, read=read, notes=notes,
    )  # fmt: skip


def columns_of(seen: Seen) -> dict[str, Any]:
    """Which column of a table is which."""
    named: dict[str, list[str]] = {}
    for name, column in named_words("--column", seen.column, "NAME=COLUMN"):
        if name not in COLUMNS:
            raise ConfigError(f"--column: a name must be one of {', '.join(COLUMNS)}; got {name!r}")
        named.setdefault(name, []).append(column)
        if len(named[name]) > 1 and name not in SEVERAL:
            raise ConfigError(f"--column: {name} is one column; got {', '.join(named[name])}")
    return {name: given[0] if len(given) == 1 else given for name, given in named.items()}


def _options(seen: Seen) -> dict[str, Any]:
    if seen.env_options and seen.env is None:
        raise ConfigError("--env-options are options of the environment: name it with --env")
    given = named_once("--env-options", seen.env_options)
    for name in given:
        if not name.isidentifier() or name in RESERVED:
            raise ConfigError(f"--env-options: {name!r} is no option of an environment")
    return {name: plain_value(value) for name, value in given.items()}


def _cut(recording: Recording, bins: int) -> dict[str, Discretiser]:
    """What makes numbers of states and actions of measured ones."""
    cut = {}
    for name, values in (("states", recording.observation), ("actions", recording.action)):
        whole = values.shape[1] == 1 and bool((values == np.floor(values)).all())
        if bins and not whole:
            cut[name] = Discretiser.quantiles(values, bins=bins)
    return cut


def _counted(
    recording: Recording, demos: Demonstrations, discount: float, boxes: Discretiser | None
) -> tuple[CountedWorld, list[str]]:
    counted = mdp_from_counts(
        demos, discount=discount, terminal=recording.terminal_states(demos),
        n_states=boxes.n_states if boxes else None,
    )  # fmt: skip
    notes = [
        f"the world was counted from the same steps: {100 * counted.coverage:.0f} % of states and "
        "actions were seen, the rest is the prior's"
    ]
    if recording.environment:
        notes.append(
            f"the data name their environment, {recording.environment[:80]}: if it has a table of "
            "transitions, --env takes the world from there"
        )
    if boxes:
        notes.append(
            f"observations were cut into {boxes.n_states} boxes: this audits the world of boxes; "
            "compare with other --bins"
        )
    return counted, notes


def _rewards(seen: Seen, mdp: TabularMDP, ends: Sequence[int]) -> Rewards:
    if flat(seen.weights) and seen.features is None:
        raise ConfigError("--weights are those of features: name a table with --features")
    found = None
    if seen.rewards is not None:
        found = read_rewards(seen.rewards, mdp, ends=ends).with_opposites()
    if seen.features is not None:
        names, phi, arrival = read_table(seen.features, mdp, ends=ends)
        values = sorted(set(flat(seen.weights))) or WEIGHTS
        weighed = replace(Rewards.grid(phi, values, names=names), arrival=arrival)
        found = weighed if found is None else found | weighed
    return goals_and_dangers(mdp) if found is None else found
