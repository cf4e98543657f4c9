"""Tables and flat arrays of demonstrations."""

from __future__ import annotations

import json
import pickle
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from precocial import io
from precocial.errors import ConfigError, DataError, PrecocialError
from precocial.preferences import TabularMDP
from precocial.preferences.data.discretiser import Discretiser
from precocial.preferences.data.readers import from_arrays, read_demonstrations, read_recording
from precocial.preferences.demos import Demonstrations

FUZZ = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80)


def written(folder: Path, text: str, name: str = "demos.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def columns(demos: Demonstrations) -> list[list[int]]:
    return [c.tolist() for c in (demos.state, demos.action, demos.episode, demos.arrived)]


# ---------------------------------------------------------------- tables


def test_the_smallest_table(tmp_path: Path) -> None:
    demos = read_demonstrations(written(tmp_path, "state,action\n0,1\n2,0\n3,1\n"))
    assert columns(demos) == [[0, 2, 3], [1, 0, 1], [0, 0, 0], [2, 3, -1]]


def test_episodes_are_words_and_steps_order_them(tmp_path: Path) -> None:
    text = "state,action,episode,step,mood\n5,0,b,2,x\n4,1,b,1,x\n0,0,a,1,x\n1,0,a,3,x\n6,2,b,3,x\n"
    demos = read_demonstrations(written(tmp_path, text))
    # b first, in the order of its steps; a's step 2 is missing: where it arrived is not known.
    assert columns(demos) == [[4, 5, 6, 0, 1], [1, 0, 2, 0, 0], [0, 0, 0, 1, 1], [5, 6, -1, -1, -1]]


def test_next_states_may_be_left_empty(tmp_path: Path) -> None:
    text = "state,action,episode,next_state,terminal\n0,1,1,2,0\n2,0,1,,0\n3,1,1,9,1\n7,1,2,,0\n"
    recording = read_recording(written(tmp_path, text))
    demos = recording.demonstrations()
    assert demos.arrived.tolist() == [2, 3, 9, -1]
    assert recording.terminal_states(demos).tolist() == [9]


def test_columns_can_be_named_and_observations_cut(tmp_path: Path) -> None:
    text = "x\ty\tact\tnext_x\tnext_y\n0.1\t5\t0\t0.9\t6\n0.9\t6\t1\t0.2\t5\n"
    path = written(tmp_path, text, "demos.tsv")
    recording = read_recording(path, state=("x", "y"), action="act")
    cut = Discretiser(edges=(np.array([0.5]), np.array([5.5])))
    assert columns(recording.demonstrations(states=cut)) == [[0, 3], [0, 1], [0, 0], [3, 0]]
    direct = read_demonstrations(path, states=cut, state=("x", "y"), action="act")
    assert columns(direct) == columns(recording.demonstrations(states=cut))


def test_json_lines_and_parquet_say_the_same_as_csv(tmp_path: Path) -> None:
    rows = [{"state": 0, "action": 1, "episode": 3}, {"state": 2, "action": 0, "episode": 3}]
    lines = written(tmp_path, "\n".join(map(json.dumps, rows)), "demos.jsonl")
    assert columns(read_demonstrations(lines)) == [[0, 2], [1, 0], [0, 0], [2, -1]]
    pytest.importorskip("pyarrow")
    io.write_parquet(tmp_path / "demos.parquet", rows)
    assert columns(read_demonstrations(tmp_path / "demos.parquet")) == columns(
        read_demonstrations(lines)
    )


def test_cells_may_be_lists(tmp_path: Path) -> None:
    text = '{"state": [0.1, 2], "action": 0}\n{"state": [0.7, 2], "action": 1}\n'
    recording = read_recording(written(tmp_path, text, "demos.jsonl"))
    assert recording.observation.tolist() == [[0.1, 2], [0.7, 2]]
    assert recording.known.tolist() == [True, False]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("state,action\n", "no demonstrations"),
        ("state,deed\n0,1\n", "column 'action': there is no such column; the file has state, deed"),
        ("state,action\n0,1\nx,1\n", "line 3, column 'state': a finite number is needed; got 'x'"),
        ("state,action\n0,1\n0,NaN\n", "line 3, column 'action': a finite number"),
        ("state,action\n0,1\n0,\n", "line 3, column 'action': is empty"),
        ("state,action\n0,1\n1e999,0\n", "line 3, column 'state'"),
        ("state,action\n0,1\n0.5,0\n", "line 3: observation 0.5 is no number of"),
        ("state,action\n-1,1\n", "line 2: observation -1 is no number of"),
        ("state,action\n0,1e300\n", "line 2: action 1e.300 is no number of a"),
        ("state,action\n0,1\n0\n", "line 3: has 1 cells"),
        ("state,action,episode\n0,0,a\n0,0,b\n0,0,a\n", "line 4, column 'episode': the rows of"),
        ("state,action,episode\n0,0,\n", "line 2, column 'episode'"),
        ("state,action,step\n0,0,1\n0,0,1\n", "line 3, column 'step': step 1 stands twice"),
        ("state,action,step\n0,0,1.5\n", "line 2, column 'step': a whole number"),
        ("state,action,terminal\n0,0,maybe\n", "line 2, column 'terminal': 0 or 1 is needed"),
        (
            "state,action,next_state\n0,0,1\n2,0,\n",
            "line 2, column 'next_state': the next state is",
        ),
    ],
)
def test_errors_of_tables_say_where(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        read_demonstrations(written(tmp_path, text))


def test_errors_of_other_tables_say_where(tmp_path: Path) -> None:
    path = written(
        tmp_path, '{"state": [1, 2], "action": 0}\n{"state": [1], "action": 0}\n', "a.jsonl"
    )
    with pytest.raises(DataError, match="line 2, column 'state': a list of 2 numbers"):
        read_demonstrations(path)
    path = written(tmp_path, '{"state": 1, "action": 0}\n{"state": true, "action": 0}\n', "a.jsonl")
    with pytest.raises(DataError, match="line 2, column 'state'"):
        read_demonstrations(path)
    path = written(tmp_path, "x,y,action\n1,2,0\n")
    with pytest.raises(DataError, match=r"each observation has 2 numbers. Give states="):
        read_demonstrations(path, state=("x", "y"))
    with pytest.raises(DataError, match="column 'z': there is no such column"):
        read_demonstrations(path, state=("x", "z"))
    with pytest.raises(DataError, match="column 'who': there is no such column"):
        read_demonstrations(path, state="x", episode="who")


# ---------------------------------------------------------------- arrays


def test_flat_arrays_are_cut_at_terminals_and_timeouts(tmp_path: Path) -> None:
    path = tmp_path / "d4rl.npz"
    np.savez(
        path, observations=[0, 1, 2, 3, 4], actions=[0, 0, 1, 1, 0], rewards=np.zeros(5),
        terminals=[0, 1, 0, 0, 0], timeouts=[0, 0, 0, 1, 0],
    )  # fmt: skip
    recording = read_recording(path)
    assert columns(recording.demonstrations()) == [
        [0, 1, 2, 3, 4], [0, 0, 1, 1, 0], [0, 0, 1, 1, 2], [1, -1, 3, -1, -1],
    ]  # fmt: skip
    assert recording.ended.tolist() == [False, True, False, False, False]


def test_next_observations_are_taken(tmp_path: Path) -> None:
    arrays = {
        "observations": np.array([0, 1, 2]), "actions": np.array([0, 0, 1]),
        "next_observations": np.array([1, 5, 3]), "terminals": np.array([False, True, False]),
    }  # fmt: skip
    recording = from_arrays(arrays)
    demos = recording.demonstrations()
    assert demos.arrived.tolist() == [1, 5, 3]
    assert recording.terminal_states(demos).tolist() == [5]


def test_safetensors(tmp_path: Path) -> None:
    pytest.importorskip("safetensors")
    arrays = {"state": np.array([0, 1]), "action": np.array([1, 0]), "episode": np.array([8, 9])}
    io.write_arrays(tmp_path / "a.safetensors", arrays)
    demos = read_demonstrations(tmp_path / "a.safetensors")
    assert columns(demos) == [[0, 1], [1, 0], [0, 1], [-1, -1]]


def test_imitations_older_layout_without_its_pickles(tmp_path: Path) -> None:
    path = tmp_path / "rollouts.npz"
    arrays: dict[str, Any] = {
        "obs": [0, 1, 2, 5, 6], "acts": [0, 1, 1], "indices": [2], "terminal": [True, False],
    }  # fmt: skip
    np.savez(path, **arrays)
    recording = read_recording(path)
    assert columns(recording.demonstrations()) == [[0, 1, 5], [0, 1, 1], [0, 0, 1], [1, 2, 6]]
    assert recording.ended.tolist() == [False, True, False]
    np.savez(path, **arrays, rews=[0.0, 1.0, 0.0])
    assert len(read_recording(path)) == 3
    for wrong in ({"indices": [9]}, {"indices": [-1]}, {"obs": [1]}, {"terminal": [True] * 3}):
        np.savez(path, **{**arrays, **wrong})
        with pytest.raises(DataError, match=r"indices must rise|terminal must have"):
            read_recording(path)


class Poison:
    def __reduce__(self) -> Any:
        return (warnings.warn, ("the pickle was run",))


def test_pickles_are_refused_and_the_way_out_is_told(tmp_path: Path) -> None:
    for name in ("a.pkl", "a.pickle", "a.npz", "a.npy"):
        (tmp_path / name).write_bytes(pickle.dumps([Poison()]))
        with pytest.raises(DataError, match=r"is a pickle.*numpy\.savez"):
            read_demonstrations(tmp_path / name)
    arrays: dict[str, Any] = {"obs": np.array([Poison(), Poison()]), "acts": [0]}
    np.savez(tmp_path / "b.npz", **arrays)
    with pytest.raises(DataError, match=r"'obs' holds Python objects, a pickle.*numpy\.savez"):
        read_demonstrations(tmp_path / "b.npz")


def test_infos_are_not_looked_at(tmp_path: Path) -> None:
    infos: Any = np.array([Poison()])
    np.savez(tmp_path / "a.npz", obs=[0, 1], acts=[0], indices=np.zeros(0), infos=infos)
    assert columns(read_demonstrations(tmp_path / "a.npz")) == [[0], [0], [0], [1]]


def test_a_signalling_nan_is_a_nan() -> None:
    signalling = np.array([0x7FA00000], dtype=np.uint32).view(np.float32)
    with pytest.raises(DataError, match="observations: row 0 is NaN"):
        from_arrays({"observations": signalling, "actions": np.array([0])})


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"observations": [0, 1]}, "no array of actions"),
        ({"rewards": [0.0]}, "holds none of"),
        ({"observations": [0, 1], "actions": [0]}, "equally many; got 2, 1"),
        ({"observations": [], "actions": []}, "at least one step"),
        ({"observations": [0.0, np.nan], "actions": [0, 0]}, "observations: row 1 is NaN"),
        ({"observations": ["a"], "actions": [0]}, "observations: numbers of one shape"),
        ({"observations": 3, "actions": [0]}, "a column is needed"),
        ({"observations": [0, 1], "actions": [0, 0], "terminals": [0, 2]}, "2 times 0 or 1"),
        ({"observations": [0, 1], "actions": [0, 0], "timeouts": [1]}, "cut must be 2 times"),
        ({"observations": [0, 1], "actions": [0, 0], "episode": [1]}, "episode must have 2"),
        ({"observations": [0], "actions": [0], "next_obs": [[1, 2]]}, "the next ones 2"),
        ({"observations": [2**60], "actions": [0]}, "too large"),
    ],
)
def test_errors_of_arrays(tmp_path: Path, arrays: dict[str, Any], said: str) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=said):
        read_recording(tmp_path / "a.npz")


def test_headers_that_promise_too_much_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, observations=np.arange(4), actions=np.arange(4))
    with zipfile.ZipFile(path) as archive:
        member = archive.read("observations.npy")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "observations.npy", member.replace(b"(4,), }      ", b"(4000000000,), }"[:13])
        )
        archive.writestr("actions.npy", member)
    with pytest.raises(DataError):
        read_recording(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("observations.npy", bytes(100_000))
    monkeypatch.setattr("precocial.preferences.data.stored_arrays.MAX_ARRAY_BYTES", 50_000)
    with pytest.raises(DataError, match="unpacks to more than 50000"):
        read_recording(path)


# ---------------------------------------------------------------- files


def test_files_that_are_not(tmp_path: Path) -> None:
    for name, said in (
        ("absent.csv", "no such file"), ("absent.npz", "no such file"), ("a.xyz", "not known"),
        ("bad\0name", "no such file"), ("bad\0name.csv", "no such file"),
        ("absent", "no such file"),
        ("", "is a folder without"),
    ):  # fmt: skip
        with pytest.raises(DataError, match=said):
            read_recording(str(tmp_path / name))
    with pytest.raises(ConfigError, match="for tables only"):
        read_recording(tmp_path / "a.npz", state="x")


def test_what_is_read_can_be_checked_against_a_world(tmp_path: Path) -> None:
    mdp = TabularMDP.from_arrays([[[0.0, 1.0]], [[0.0, 1.0]]], discount=0.9, terminal=[False, True])
    good = written(tmp_path, "state,action,next_state\n0,0,1\n")
    assert len(read_demonstrations(good).check(mdp)) == 1
    for text, said in (
        ("state,action\n5,0\n", "row 0: state 5 is not in this world"),
        ("state,action\n0,3\n", "row 0: action 3"),
        ("state,action\n1,0\n", "row 0: state 1 is terminal"),
        ("state,action\n0,0\n0,0\n", "row 0: action 0 in state 0 cannot lead to state 0"),
    ):
        with pytest.raises(DataError, match=said):
            read_demonstrations(written(tmp_path, text)).check(mdp)


def survives(path: Path) -> None:
    try:
        demos = read_demonstrations(path)
    except PrecocialError:
        return
    assert len(demos.state) == len(demos.action) == len(demos.episode) == len(demos.arrived) > 0
    assert demos.state.min() >= 0


words = st.sampled_from(
    ["0", "1", "2", "", "nan", "1e999", "-1", "x", '"', "0.5", "[1]", "a,b", "\n"]
)


@FUZZ
@given(
    header=st.lists(
        st.sampled_from(["state", "action", "episode", "step", "next_state", "terminal", "state "]),
        max_size=6,
    ),
    rows=st.lists(st.lists(words, max_size=6), max_size=5),
    ending=st.sampled_from(["csv", "tsv"]),
)
def test_only_our_errors_escape_tables(
    tmp_path: Path, header: list[str], rows: list[list[str]], ending: str
) -> None:
    joint = "," if ending == "csv" else "\t"
    text = "\n".join(joint.join(line) for line in [header, *rows])
    survives(written(tmp_path, text, f"a.{ending}"))


values = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=2)
cells = (
    values | st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=1), values, max_size=1)
)


@FUZZ
@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {"state": cells, "action": cells},
            optional=dict.fromkeys(("episode", "step", "next_state", "terminal"), cells),
        ),
        max_size=4,
    )
)
def test_only_our_errors_escape_json_lines(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    survives(written(tmp_path, "\n".join(map(json.dumps, rows)), "a.jsonl"))


@pytest.mark.parametrize("ending", ["npz", "safetensors", "parquet"])
def test_only_our_errors_escape_damaged_files(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    columns = {"state": np.arange(4), "action": np.arange(4) % 2, "episode": np.zeros(4, dtype=int)}
    if ending == "npz":
        np.savez(path, **columns)
    elif ending == "safetensors":
        pytest.importorskip("safetensors")
        io.write_arrays(path, columns)
    else:
        pytest.importorskip("pyarrow")
        lists = (column.tolist() for column in columns.values())
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*lists, strict=True)]
        io.write_parquet(path, rows)
    whole = path.read_bytes()

    @settings(max_examples=60)
    @given(where=st.integers(0, len(whole)), junk=st.binary(max_size=8), cut=st.booleans())
    def damaged(where: int, junk: bytes, cut: bool) -> None:
        path.write_bytes(whole[:where] + junk + (b"" if cut else whole[where + len(junk) :]))
        survives(path)

    damaged()
