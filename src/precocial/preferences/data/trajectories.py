"""Folders of trajectories: imitation's (Hugging Face datasets) and Minari's."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from precocial import io
from precocial.errors import ConfigError, DataError
from precocial.preferences.data.arrow_lists import read_arrow
from precocial.preferences.data.recording import Floats, Recording, from_episodes, numbers
from precocial.preferences.data.stored_arrays import OpenedHDF5

_EPISODE = re.compile(r"episode_(\d{1,9})")
_FILE = "main_data.hdf5"


def read_trajectories(folder: io.PathLike) -> Recording:
    """The recording in a folder that imitation or Minari wrote; which is seen by its files.

    Raises:
        DataError: neither, or damaged.
        MissingExtraError: pyarrow (extra [tables]) or h5py (extra [gym]) is needed.
    """
    root = Path(folder)
    if (root / "data" / "metadata.json").is_file():
        root = root / "data"
    if (root / "metadata.json").is_file():
        return read_minari(root)
    if (root / "state.json").is_file():
        return read_imitation(root)
    raise DataError(
        "is a folder without metadata.json (Minari) or state.json (imitation, Hugging Face "
        "datasets); name one of these, or a file",
        path=folder,
    )


# ---------------------------------------------------------------- imitation


def read_imitation(folder: io.PathLike) -> Recording:
    """Trajectories that `imitation.data.serialize.save` wrote (imitation 1.0).

    A Hugging Face `datasets` folder with a row a trajectory: obs, acts, terminal. The infos are
    jsonpickles, which can run code when they are decoded: they are not read at all.

    Raises:
        DataError: not such a folder, or damaged.
        MissingExtraError: pyarrow is not installed.
    """
    state_path = Path(folder) / "state.json"
    state = io.read_json(state_path)
    files = state.get("_data_files") if isinstance(state, dict) else None
    if not isinstance(files, list) or not files:
        raise DataError("lists no data files", path=state_path, column="_data_files")
    episodes: list[tuple[Any, Any, bool]] = []
    for entry in files:
        name = entry.get("filename") if isinstance(entry, dict) else None
        if not isinstance(name, str):
            raise DataError(
                "each data file needs a filename", path=state_path, column="_data_files"
            )
        path = _inside(folder, name)
        columns = read_arrow(path, ("obs", "acts", "terminal"))
        for name in ("obs", "acts"):
            if name not in columns:
                raise DataError("there is no such column", path=path, column=name)
        terminal = columns.get("terminal", [False] * len(columns["obs"]))
        episodes += list(zip(columns["obs"], columns["acts"], map(bool, terminal), strict=True))
    return from_episodes(episodes, path=folder)


def _inside(folder: io.PathLike, *parts: str) -> Path:
    try:
        return io.safe_join(folder, *parts)
    except ConfigError as error:
        raise DataError(str(error), path=folder) from error


# ---------------------------------------------------------------- Minari


def read_minari(folder: io.PathLike) -> Recording:
    """The episodes of a Minari 0.5 data set: metadata.json beside main_data.hdf5, Arrow or Parquet.

    Observations and actions are Discrete (a `start` is taken off, so that they count from 0),
    Box, MultiDiscrete or MultiBinary. The environment's id is kept in `environment`.

    Raises:
        DataError: not such a data set, damaged or cut off, or another kind of space.
        MissingExtraError: h5py (extra [gym]) or pyarrow (extra [tables]) is not installed.
    """
    path = Path(folder) / "metadata.json"
    metadata = io.read_json(path)
    if not isinstance(metadata, dict):
        raise DataError("must be a JSON object", path=path)
    total = metadata.get("total_episodes")
    if not isinstance(total, int) or isinstance(total, bool) or not 0 <= total <= 10**8:
        raise DataError("a number of episodes is needed", path=path, column="total_episodes")
    form = metadata.get("data_format", "hdf5")
    if form == "hdf5":
        episodes = _minari_hdf5(_inside(folder, _FILE), total)
    elif form in ("arrow", "parquet"):
        episodes = [_minari_table(folder, episode, form) for episode in range(total)]
    else:
        raise DataError(
            f"hdf5, arrow and parquet are read; got {form!r}", path=path, column="data_format"
        )
    found = from_episodes(episodes, environment=_environment(metadata), path=folder)
    before = _counted_from_zero(found.observation, metadata, "observation_space", path)
    after = _counted_from_zero(found.arrived, metadata, "observation_space", path)
    action = _counted_from_zero(found.action, metadata, "action_space", path)
    return replace(found, observation=before, arrived=after, action=action)


def _minari_hdf5(path: Path, total: int) -> list[tuple[Any, Any, bool]]:
    episodes = []
    with OpenedHDF5(path) as file:
        found = (_EPISODE.fullmatch(name) for name in file.keys())  # noqa: SIM118
        held = sorted(int(match[1]) for match in found if match)
        if len(held) != total:
            raise DataError(
                f"holds {len(held)} episodes; metadata.json says {total}. Was it copied whole?",
                path=path,
            )
        for episode in held:
            name = f"episode_{episode}"
            finished = file.array(name, "terminations")
            episodes.append(
                (
                    file.array(name, "observations"),
                    file.array(name, "actions"),
                    bool(np.any(finished[-1:])),
                )
            )
    return episodes


def _minari_table(folder: io.PathLike, episode: int, form: str) -> tuple[Any, Any, bool]:
    """One episode: T + 1 rows, of which the last is an observation with padding beside it."""
    place = _inside(folder, str(episode))
    try:
        parts = sorted(p.name for p in place.iterdir() if p.suffix == f".{form}")
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", path=place) from error
    wanted = ("observations", "actions", "terminations")
    columns: dict[str, list[Any]] = {name: [] for name in wanted}
    for part in parts:
        path = _inside(place, part)
        if form == "arrow":
            found = read_arrow(path, wanted)
        else:
            rows = io.read_parquet(path)
            found = {
                name: [row[name] for row in rows] for name in wanted if rows and name in rows[0]
            }
        for name in wanted:
            if name not in found:
                raise DataError("there is no such column", path=path, column=name)
            columns[name] += found[name]
    if not columns["observations"]:
        raise DataError(f"episode {episode} has no .{form} file with rows", path=place)
    finished = columns["terminations"][:-1]
    return columns["observations"], columns["actions"][:-1], bool(finished and finished[-1])


def _lenient(text: str) -> Any:
    """JSON with infinities: Minari writes the bounds of a Box so."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _environment(metadata: dict[str, Any]) -> str:
    spec = metadata.get("env_spec")
    if not isinstance(spec, str):
        return ""
    try:
        found = _lenient(spec)
    except ValueError:
        return ""
    name = found.get("id") if isinstance(found, dict) else None
    return name if isinstance(name, str) else ""


def _counted_from_zero(values: Floats, metadata: dict[str, Any], which: str, path: Path) -> Floats:
    """Values of a space that can be used, a Discrete space's start taken off."""
    text = metadata.get(which)
    if text is None:
        return values
    try:
        space = _lenient(text) if isinstance(text, str) else text
    except ValueError as error:
        raise DataError(f"is not JSON ({error})", path=path, column=which) from error
    kind = space.get("type") if isinstance(space, dict) else None
    if kind not in ("Discrete", "Box", "MultiDiscrete", "MultiBinary"):
        raise DataError(
            f"Discrete, Box, MultiDiscrete and MultiBinary spaces are read; got {kind!r}. Write "
            "the data with a flat space (gymnasium.wrappers.FlattenObservation)",
            path=path, column=which,
        )  # fmt: skip
    if kind != "Discrete":
        return values
    start, count = space.get("start", 0), space.get("n")
    # bool is an int to Python; n beyond 2**53 is no exact number to NumPy.
    if type(start) is not int or type(count) is not int or not 1 <= count <= 2**53:
        raise DataError(
            "a Discrete space needs whole n and start, n from 1 to 2**53",
            path=path, column=which,
        )  # fmt: skip
    shifted = values - float(np.clip(start, -(2**53), 2**53))
    if shifted.shape[1] != 1 or ((shifted < 0) | (shifted >= count)).any():
        raise DataError(
            f"the data leave the Discrete space of {count} from {start}", path=path, column=which
        )
    return numbers(shifted, which, path=path)
