"""Folders as imitation and Minari write them, made here by hand in the same format."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from precocial.errors import DataError, PrecocialError
from precocial.preferences import myopic, simulate
from precocial.preferences.data.from_gym import mdp_from_gym
from precocial.preferences.data.readers import read_demonstrations, read_recording
from precocial.preferences.data.recording import from_episodes

DISCRETE = {"type": "Discrete", "dtype": "int64", "start": 0, "n": 16}
BOX = (
    '{"type": "Box", "dtype": "float32", "shape": [2], "low": [-Infinity, -1.0], '
    '"high": [Infinity, 1.0]}'
)
EPISODES = [([0, 4, 8], [1, 1], True), ([0, 1], [2], False)]


def columns(demos: Any) -> list[list[int]]:
    return [c.tolist() for c in (demos.state, demos.action, demos.episode, demos.arrived)]


EXPECTED = [[0, 4, 0], [1, 1, 2], [0, 0, 1], [4, 8, 1]]


# ---------------------------------------------------------------- imitation


def imitation(
    folder: Path, *, filename: str = "data-00000-of-00001.arrow", obs: Any = None
) -> Path:
    """As `datasets.Dataset.save_to_disk` does: an Arrow stream, and state.json beside it."""
    pa = pytest.importorskip("pyarrow")
    table = pa.table(
        {
            "obs": [e[0] for e in EPISODES] if obs is None else obs,
            "acts": [e[1] for e in EPISODES],
            # Decoding this would call os.system.
            "infos": [['{"py/reduce": [{"py/function": "os.system"}, ["false"]]}'] * 2, ["{}"]],
            "terminal": [e[2] for e in EPISODES],
        }
    )
    sink = BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    folder.mkdir(exist_ok=True)
    (folder / "data-00000-of-00001.arrow").write_bytes(sink.getvalue())
    (folder / "dataset_info.json").write_text("{}")
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": filename}]}))
    return folder


def test_imitation(tmp_path: Path) -> None:
    recording = read_recording(imitation(tmp_path / "rollouts"))
    demos = recording.demonstrations()
    assert columns(demos) == EXPECTED
    assert recording.ended.tolist() == [False, True, False]
    assert recording.terminal_states(demos).tolist() == [8]


def test_imitations_vectors(tmp_path: Path) -> None:
    obs = [[[0.0, 1.0], [1.0, 1.0], [2.0, 2.0]], [[0.0, 0.0], [1.0, 0.0]]]
    recording = read_recording(imitation(tmp_path / "rollouts", obs=obs))
    assert recording.observation.tolist() == [[0, 1], [1, 1], [0, 0]]
    assert recording.arrived.tolist() == [[1, 1], [2, 2], [1, 0]]


@pytest.mark.parametrize("filename", ["../secret.arrow", "/etc/passwd", "a\0b", "absent.arrow"])
def test_a_data_file_outside_the_folder_is_refused(tmp_path: Path, filename: str) -> None:
    folder = imitation(tmp_path / "rollouts", filename=filename)
    (tmp_path / "secret.arrow").write_bytes((folder / "data-00000-of-00001.arrow").read_bytes())
    with pytest.raises(DataError, match=r"leads outside|relative|NUL|no such file"):
        read_recording(folder)


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    folder = imitation(tmp_path / "rollouts")
    data = folder / "data-00000-of-00001.arrow"
    data.rename(tmp_path / "elsewhere.arrow")
    data.symlink_to(tmp_path / "elsewhere.arrow")
    with pytest.raises(DataError, match="leads outside"):
        read_recording(folder)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("[]", "lists no data files"), ('{"_data_files": []}', "lists no data files"),
        ('{"_data_files": [{}]}', "needs a filename"), ('{"_data_files": [3]}', "needs a filename"),
        ("{", "is not JSON"),
    ],
)  # fmt: skip
def test_a_state_that_is_none(tmp_path: Path, state: str, said: str) -> None:
    folder = imitation(tmp_path / "rollouts")
    (folder / "state.json").write_text(state)
    with pytest.raises(DataError, match=said):
        read_recording(folder)


def test_episodes_that_do_not_fit() -> None:
    for episodes, said in (
        ([([0, 1], [0, 0], True)], "episode 0: 2 actions need 3 observations; got 2"),
        ([([0], [], True)], "at least one step"),
        ([], "at least one step"),
        ([([0, 1], [0], True), ([[0, 1], [2, 3]], [0], True)], "episode 1: observations have 2"),
        ([([0, [1]], [0], True)], "episode 0: observations: numbers of one shape"),
        ([([0, None], [0], True)], "episode 0: observations"),
    ):
        with pytest.raises(DataError, match=said):
            from_episodes(episodes)
    assert len(from_episodes([([3], [], True), ([0, 1], [0], True)])) == 1


# ---------------------------------------------------------------- Minari


def metadata(folder: Path, form: str, **changed: Any) -> None:
    told = {
        "total_episodes": 2, "total_steps": 3, "data_format": form,
        "observation_space": json.dumps(DISCRETE),
        "action_space": json.dumps({**DISCRETE, "n": 4}),
        "env_spec": json.dumps({"id": "FrozenLake-v1", "kwargs": {}}),
    }  # fmt: skip
    told.update(changed)
    (folder / "metadata.json").write_text(
        json.dumps({name: value for name, value in told.items() if value is not None})
    )


def minari(folder: Path, form: str, *, shift: int = 0, **changed: Any) -> Path:
    """As Minari 0.5.4 writes it, in the folder `data` of a data set."""
    data = folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    metadata(data, form, **changed)
    if form == "hdf5":
        h5py = pytest.importorskip("h5py")
        with h5py.File(data / "main_data.hdf5", "w") as file:
            for e, (obs, acts, ended) in enumerate(EPISODES):
                group = file.create_group(f"episode_{e}")
                group.attrs["id"] = e
                group["observations"] = np.array(obs) + shift
                group["actions"] = acts
                group["rewards"] = np.zeros(len(acts))
                group["terminations"] = [False] * (len(acts) - 1) + [ended]
                group["truncations"] = np.zeros(len(acts), dtype=bool)
        return folder
    pa = pytest.importorskip("pyarrow")
    for e, (obs, acts, ended) in enumerate(EPISODES):
        (data / str(e)).mkdir(exist_ok=True)
        table = pa.table(
            {
                "observations": [o + shift for o in obs], "actions": [*acts, 0],
                "rewards": [0.0] * len(obs),
                "terminations": [False] * (len(acts) - 1) + [ended, False],
                "truncations": [False] * len(obs),
            }
        )  # fmt: skip
        sink = BytesIO()
        if form == "arrow":
            with pa.ipc.new_file(sink, table.schema) as writer:
                writer.write_table(table)
        else:
            pytest.importorskip("pyarrow.parquet").write_table(table, sink)
        (data / str(e) / f"part-0.{form}").write_bytes(sink.getvalue())
        (data / str(e) / "metadata.json").write_text(json.dumps({"id": e}))
    return folder


FORMS = ("hdf5", "arrow", "parquet")


@pytest.mark.parametrize("form", FORMS)
def test_minari(tmp_path: Path, form: str) -> None:
    folder = minari(tmp_path / "set", form)
    for place in (folder, folder / "data"):
        recording = read_recording(place)
        assert columns(recording.demonstrations()) == EXPECTED
        assert recording.ended.tolist() == [False, True, False]
        assert recording.environment == "FrozenLake-v1"


@pytest.mark.parametrize("form", FORMS)
def test_a_discrete_space_is_counted_from_zero(tmp_path: Path, form: str) -> None:
    space = json.dumps({**DISCRETE, "start": 5})
    folder = minari(tmp_path / "set", form, shift=5, observation_space=space, env_spec="{")
    assert columns(read_demonstrations(folder)) == EXPECTED
    assert read_recording(folder).environment == ""
    with pytest.raises(DataError, match="leave the Discrete space of 16 from 5"):
        read_demonstrations(minari(tmp_path / "b", form, observation_space=space))


@pytest.mark.parametrize("form", FORMS)
def test_no_space_and_a_box_with_infinite_bounds(tmp_path: Path, form: str) -> None:
    folder = minari(tmp_path / "set", form, observation_space=None, action_space=None)
    assert columns(read_demonstrations(folder)) == EXPECTED
    folder = minari(tmp_path / "set", form, observation_space=BOX)
    assert read_recording(folder).observation.shape == (3, 1)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"total_episodes": None}, "column 'total_episodes'"),
        ({"total_episodes": True}, "column 'total_episodes'"),
        ({"total_episodes": 0}, "at least one step|holds 2 episodes"),
        ({"data_format": "zarr"}, "hdf5, arrow and parquet are read; got 'zarr'"),
        ({"observation_space": '{"type": "Dict", "subspaces": {}}'}, "got 'Dict'"),
        ({"observation_space": "{"}, "column 'observation_space': is not JSON"),
        ({"observation_space": "[" * 100_000}, "column 'observation_space'"),
        ({"observation_space": "3"}, "got None"),
        ({"action_space": '{"type": "Discrete", "n": "many"}'}, "whole n and start"),
        ({"action_space": '{"type": "Discrete", "n": true}'}, "whole n and start"),
        ({"action_space": '{"type": "Discrete", "n": 0}'}, "whole n and start"),
        ({"action_space": '{"type": "Discrete", "n": 9, "start": true}'}, "whole n and start"),
        (
            {"action_space": '{"type": "Discrete", "start": 1, "n": 1' + 400 * "0" + "}"},
            r"n from 1 to 2\*\*53",
        ),
        ({"action_space": '{"type": "Discrete", "n": 2, "start": 0}'}, "leave the Discrete space"),
    ],
)
def test_metadata_that_is_wrong(tmp_path: Path, changed: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        read_recording(minari(tmp_path / "set", "arrow", **changed))


def test_a_set_that_was_cut_off(tmp_path: Path) -> None:
    for form in ("arrow", "parquet"):
        folder = minari(tmp_path / form, form, total_episodes=3)
        with pytest.raises(DataError, match="cannot be read"):
            read_recording(folder)
    (folder / "data" / "metadata.json").write_text("[]")
    with pytest.raises(DataError, match="must be a JSON object"):
        read_recording(folder)
    with pytest.raises(DataError, match=r"says 3\. Was it copied whole"):
        read_recording(minari(tmp_path / "hdf5", "hdf5", total_episodes=3))


def test_a_set_of_a_biased_agent_fits_the_world_that_its_metadata_name(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    pytest.importorskip("gymnasium")
    world = mdp_from_gym("FrozenLake-v1", discount=0.95)
    policy = myopic(2).policies(world.mdp, world.rewards[None])[0]
    made = simulate(world.mdp, policy, episodes=12, steps=30, seed=4)
    data = tmp_path / "data"
    data.mkdir()
    metadata(data, "arrow", total_episodes=12)
    for e in made.episodes:
        own = made.where(made.episode == e)
        table = pa.table(
            {
                "observations": [*own.state.tolist(), int(own.arrived[-1])],
                "actions": [*own.action.tolist(), 0], "terminations": [False] * (len(own) + 1),
            }
        )  # fmt: skip
        (data / str(e)).mkdir()
        with pa.ipc.new_file(str(data / str(e) / "part-0.arrow"), table.schema) as writer:
            writer.write_table(table)
    recording = read_recording(tmp_path)
    demos = recording.demonstrations().check(mdp_from_gym(recording.environment, discount=0.95).mdp)
    assert columns(demos) == columns(made)


def test_links_and_foreign_data_in_hdf5_are_not_followed(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    folder = minari(tmp_path / "set", "hdf5")
    path = folder / "data" / "main_data.hdf5"
    (tmp_path / "secret.bin").write_bytes(bytes(24))
    for link in (
        h5py.ExternalLink(str(tmp_path / "other.hdf5"), "/x"), h5py.SoftLink("/episode_1/actions"),
    ):  # fmt: skip
        with h5py.File(path, "a") as file:
            del file["episode_0/observations"]
            file["episode_0/observations"] = link
        with pytest.raises(DataError, match="is a link; links are not followed"):
            read_recording(folder)
    with h5py.File(path, "a") as file:
        del file["episode_0/observations"]
        file.create_dataset(
            "episode_0/observations", shape=(3,), dtype="<i8",
            external=[(str(tmp_path / "secret.bin"), 0, 24)],
        )  # fmt: skip
    with pytest.raises(DataError, match="lies in another file"):
        read_recording(folder)
    with h5py.File(path, "a") as file:
        del file["episode_0/observations"]
        file.create_dataset("episode_0/observations", shape=(2**40,), dtype="<i8", chunks=(1000,))
    with pytest.raises(DataError, match="holds more than"):
        read_recording(folder)
    with h5py.File(path, "a") as file:
        del file["episode_0/observations"]
        file["episode_0/observations"] = ["a", "b", "c"]
    with pytest.raises(DataError, match="numbers are needed"):
        read_recording(folder)


def test_d4rl_in_hdf5(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        file["observations"], file["actions"] = [0, 1, 2], [0, 0, 1]
        file["terminals"], file["infos/goal"] = [False, True, False], [1.0]
    assert read_demonstrations(tmp_path / "a.hdf5").arrived.tolist() == [1, -1, -1]
    (tmp_path / "b.hdf5").write_bytes(b"none")
    with pytest.raises(DataError, match="is not an HDF5 file"):
        read_demonstrations(tmp_path / "b.hdf5")


@pytest.mark.parametrize("kind", ["imitation", *FORMS])
def test_only_our_errors_escape_damaged_folders(tmp_path: Path, kind: str) -> None:
    if kind == "imitation":
        folder = imitation(tmp_path / "set")
        victims = [folder / "data-00000-of-00001.arrow", folder / "state.json"]
    else:
        folder = minari(tmp_path / "set", kind)
        place = "main_data.hdf5" if kind == "hdf5" else f"0/part-0.{kind}"
        victims = [folder / "data" / place, folder / "data" / "metadata.json"]
    whole = {victim: victim.read_bytes() for victim in victims}

    @settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
    @given(
        victim=st.sampled_from(victims), where=st.floats(0, 1), junk=st.binary(max_size=8),
        cut=st.booleans(),
    )  # fmt: skip
    def damaged(victim: Path, where: float, junk: bytes, cut: bool) -> None:
        data = whole[victim]
        place = int(where * len(data))
        victim.write_bytes(data[:place] + junk + (b"" if cut else data[place + len(junk) :]))
        try:
            demos = read_demonstrations(folder)
        except PrecocialError:
            return
        finally:
            victim.write_bytes(data)
        assert len(demos.state) > 0

    damaged()


def test_a_state_in_which_others_go_on_is_not_terminal() -> None:
    recording = from_episodes([([0, 1], [0], True), ([1, 2], [0], True)])
    assert recording.terminal_states(recording.demonstrations()).tolist() == [2]
