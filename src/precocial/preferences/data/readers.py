"""Demonstrations from users' files: tables, flat arrays, and folders of trajectories."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np

from precocial import io
from precocial.choice.arguments import checked
from precocial.errors import ConfigError, DataError
from precocial.preferences.data.discretiser import Discretiser
from precocial.preferences.data.recording import (
    Bools,
    Recording,
    from_episodes,
    from_steps,
    numbers,
)
from precocial.preferences.data.step_tables import TABLES, Columns, read_steps
from precocial.preferences.data.stored_arrays import Arrays, read_hdf5, read_npz, refused_pickle
from precocial.preferences.data.trajectories import read_trajectories
from precocial.preferences.demos import Demonstrations

ARRAYS = (".npz", ".safetensors", ".hdf5", ".h5")
PICKLES = (".pkl", ".pickle", ".joblib", ".dill", ".pt", ".pth", ".npy")
NAMES = {
    "observations": ("observations", "obs", "observation", "states", "state"),
    "actions": ("actions", "acts", "action"),
    "next": ("next_observations", "next_obs", "next_state", "next_states"),
    "ended": ("terminals", "terminations", "dones", "terminal"),
    "cut": ("timeouts", "truncations"),
    "episode": ("episode", "episodes", "episode_ids"),
    "indices": ("indices",),
}
"""What arrays are called in d4rl, imitation, Minari and here; the first that is there counts."""


@checked
def read_demonstrations(
    path: io.PathLike,
    *,
    states: Discretiser | None = None,
    actions: Discretiser | None = None,
    **columns: Any,
) -> Demonstrations:
    """Demonstrations from a file or folder; `.check(mdp)` says whether they fit a world.

    Short for `read_recording(path, **columns).demonstrations(states=states, actions=actions)`.

    Args:
        path: a table, an array file, or a folder; see `read_recording`.
        states: what makes states of observations that are not state numbers.
        actions: the same for actions.
        columns: names of columns, for tables.

    Raises:
        DataError: with file, and line and column where there are any.
        ConfigError: names of columns for a file that has none.
        MissingExtraError: a format whose reader is not installed.
    """
    recording = read_recording(path, **columns)
    return recording.demonstrations(states=states, actions=actions)


@checked
def read_recording(
    path: io.PathLike,
    *,
    state: Columns | None = None,
    action: Columns | None = None,
    episode: str | None = None,
    step: str | None = None,
    next_state: Columns | None = None,
    terminal: str | None = None,
) -> Recording:
    """What somebody did, from a file or folder, by its ending.

    Tables (.csv, .tsv, .jsonl, .parquet): a row a step, with the columns state and action, and if
    they are there episode, step, next_state and terminal. With step the rows may stand in any
    order, and after a gap the next state is not known. Further columns are not read.
    Arrays (.npz, .safetensors, .hdf5): observations and actions, a row a step, and if they are
    there next_observations, terminals and timeouts, or episode; or imitation's obs, acts and
    indices. Folders: imitation's and Minari's, see `trajectories`.

    Args:
        path: the file or folder.
        state: for tables, the column of the state, or several of an observation's numbers.
        action: for tables, likewise.
        episode: for tables, the column that tells episodes apart; any words will do.
        step: for tables, the column of whole numbers that orders an episode.
        next_state: for tables, the column(s) after the step; an empty cell is unknown.
        terminal: for tables, a column of 0 and 1: whether the episode came to its end here.

    Raises:
        DataError: with file, and line and column where there are any.
        ConfigError: names of columns for a file that has none.
        MissingExtraError: a format whose reader is not installed.
    """
    named = {"state": state, "action": action, "episode": episode, "step": step,
             "next_state": next_state, "terminal": terminal}  # fmt: skip
    given = {name: value for name, value in named.items() if value is not None}
    ending = Path(path).suffix.lower()
    if ending in TABLES:
        return read_steps(path, **given)
    if given:
        raise ConfigError(f"columns ({', '.join(given)}) can be named for tables only: {TABLES}")
    if ending in PICKLES:
        raise refused_pickle(path)
    if ending in ARRAYS:
        return from_arrays(_stored(path, ending), path=path)
    if _is_folder(path):
        return read_trajectories(path)
    if not ending and not _exists(path):
        raise DataError("no such file or folder", path=repr(str(path)))
    raise DataError(
        f"the ending {ending!r} is not known; use {', '.join((*TABLES, *ARRAYS))}, or a folder of "
        "imitation's or Minari's",
        path=repr(str(path)),
    )


def _exists(path: io.PathLike) -> bool:
    try:
        return Path(path).exists()
    except (OSError, ValueError):
        return False


def _is_folder(path: io.PathLike) -> bool:
    try:
        return Path(path).is_dir()
    except (OSError, ValueError):
        return False


# ---------------------------------------------------------------- arrays


def _stored(path: io.PathLike, ending: str) -> Arrays:
    names = {name for group in NAMES.values() for name in group}
    if ending == ".npz":
        return read_npz(path, names)
    if ending == ".safetensors":
        return io.read_arrays(path)[0]
    return read_hdf5(path, names)


def from_arrays(arrays: Arrays, *, path: object = None) -> Recording:
    """A recording from named flat arrays; see `read_recording` for the names.

    Raises:
        DataError: no observations or actions, or arrays that do not fit together.
    """
    found = {
        what: next((arrays[name] for name in names if name in arrays), None)
        for what, names in NAMES.items()
    }
    for what in ("observations", "actions"):
        if found[what] is None:
            raise DataError(
                f"no array of {what}; one of {', '.join(NAMES[what])} is needed, and there are "
                f"{', '.join(arrays)[:300] or 'none'}",
                path=path,
            )
    if found["indices"] is not None:
        return _cut_at(found, path)
    n = len(numbers(found["actions"], "actions", path=path))
    ended, cut = (_flags(found[what], what, n, path) for what in ("ended", "cut"))
    episode = np.r_[0, np.cumsum(ended | cut)[:-1]] if n else np.zeros(0, dtype=np.int64)
    if found["episode"] is not None:
        labels = numbers(found["episode"], "episode", path=path)
        if labels.shape != (n, 1):
            raise DataError(f"episode must have {n} numbers; got {labels.shape}", path=path)
        episode = np.r_[0, np.cumsum(labels[1:, 0] != labels[:-1, 0])] if n else episode
    return from_steps(
        found["observations"], found["actions"], episode=episode.astype(np.int64),
        arrived=found["next"], ended=ended, path=path,
    )  # fmt: skip


def _flags(values: Any, what: str, count: int, path: object) -> Bools:
    if values is None:
        return np.zeros(count, dtype=bool)
    flags = numbers(values, what, path=path)
    if flags.shape != (count, 1) or not np.isin(flags, (0, 1)).all():
        raise DataError(f"{what} must be {count} times 0 or 1; got shape {flags.shape}", path=path)
    return np.asarray(flags[:, 0] == 1)


def _cut_at(found: dict[str, Any], path: object) -> Recording:
    """imitation's older layout: acts cut at indices, obs with one more row a trajectory."""
    acts, obs = (numbers(found[name], name, path=path) for name in ("actions", "observations"))
    places = numbers(found["indices"], "indices", path=path)
    whole = places.shape[1] == 1 and (places == np.floor(places)).all()
    cuts = np.r_[0, places[:, 0], len(acts)] if whole else np.array([1.0, 0.0])
    if not (np.diff(cuts) >= 0).all() or cuts[0] < 0 or len(obs) != len(acts) + len(cuts) - 1:
        raise DataError(
            f"indices must rise within the {len(acts)} actions, and observations must have one row "
            f"more a trajectory; got {len(obs)} observations and {len(places)} indices",
            path=path,
        )
    ended = found["ended"]
    flags = (
        np.zeros(len(cuts) - 1) if ended is None else numbers(ended, "terminal", path=path)[:, 0]
    )
    if len(flags) != len(cuts) - 1:
        raise DataError(f"terminal must have {len(cuts) - 1} values; got {len(flags)}", path=path)
    bounds = [int(place) for place in cuts]
    return from_episodes(
        [
            (obs[low + e : high + e + 1], acts[low:high], bool(flags[e]))
            for e, (low, high) in enumerate(itertools.pairwise(bounds))
        ],
        path=path,
    )
