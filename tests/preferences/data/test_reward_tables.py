"""Candidate rewards and features from tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from precocial import io
from precocial.errors import ConfigError, DataError
from precocial.preferences import TabularMDP, mdp_from_gym
from precocial.preferences.data import reward_tables
from precocial.preferences.data.reward_tables import read_features, read_rewards


def world() -> TabularMDP:
    """0 -> 1 -> end, surely by "on" and half the time by "try"; the end is terminal."""
    P = np.zeros((3, 2, 3))
    for s in range(2):
        P[s, 0, s + 1] = 1.0
        P[s, 1, [s, s + 1]] = 0.5
    P[2, :, 2] = 1.0
    return TabularMDP.from_arrays(
        P, discount=0.9, terminal=[False, False, True], states=("door", "hall", "end (1,2)"),
        actions=("on", "try"),
    )  # fmt: skip


def write(folder: Path, text: str, name: str = "r.csv") -> Path:
    (folder / name).write_text(text)
    return folder / name


def test_a_reward_of_states_is_paid_on_arriving(tmp_path: Path) -> None:
    path = write(tmp_path, 'state,end,hall\nhall,0,4\n"end (1,2)",1,0\n')
    found = read_rewards(path, world())
    assert found.names == ("end", "hall")
    end, hall = found.block()
    np.testing.assert_allclose(end, [[0, 0], [1, 0.5], [0, 0]])
    np.testing.assert_allclose(hall, [[4, 2], [0, 2], [0, 0]])


def test_a_reward_of_states_and_actions_is_paid_on_acting(tmp_path: Path) -> None:
    path = write(tmp_path, "action,state,toll\ntry,0,-1\n0,hall,2.5\n")
    (toll,) = read_rewards(path, world()).block()
    np.testing.assert_array_equal(toll, [[0, -1], [2.5, 0], [0, 0]])


def test_a_reward_of_states_is_paid_by_the_successors_of_each_world(tmp_path: Path) -> None:
    path = write(tmp_path, "state,r\n1,3\n")
    P = world().dense.copy()
    P[0, 0] = [0.5, 0.5, 0.0]
    other = TabularMDP.from_arrays(P, discount=0.9, terminal=[False, False, True])
    moved = read_rewards(path, world()).with_opposites().in_world(other).block()
    np.testing.assert_array_equal(moved[:1], read_rewards(path, other).block())
    np.testing.assert_array_equal(moved[1], -moved[0])
    acts = read_rewards(write(tmp_path, "state,action,r\n0,0,3\n"), world())
    assert acts.arrival is None


@pytest.mark.parametrize("name", ["r.jsonl", "r.parquet"])
def test_other_tables(tmp_path: Path, name: str) -> None:
    rows = [{"state": 1, "a": 2.0}, {"state": 2, "a": 1.0}]
    if name.endswith("jsonl"):
        write(tmp_path, "\n".join(io.dumps(row) for row in rows), name)
    else:
        pa = pytest.importorskip("pyarrow")
        table = pa.Table.from_pylist(rows)
        pytest.importorskip("pyarrow.parquet").write_table(table, tmp_path / name)
    (found,) = read_rewards(tmp_path / name, world()).block()
    np.testing.assert_allclose(found, [[2, 1], [1, 1.5], [0, 0]])


def test_arriving_at_an_end_that_stands_for_a_state_pays_like_it(tmp_path: Path) -> None:
    # State 1 can be passed and can end the episode, so the world has a second state for its end.
    P = {
        0: {0: [(0.5, 1, 0.0, False), (0.5, 1, 0.0, True)]},
        1: {0: [(1.0, 0, 0.0, False)]},
    }
    found = mdp_from_gym(P, discount=0.9, start=[1.0, 0.0])
    assert found.ends == (1,)
    path = write(tmp_path, "state,r\n1,3\n")
    (R,) = read_rewards(path, found.mdp, ends=found.ends).block()
    np.testing.assert_allclose(R[:, 0], [3, 0, 0])


def test_features_are_the_columns(tmp_path: Path) -> None:
    names, phi = read_features(write(tmp_path, "state,near,far\n1,1,0\n2,0,1\n"), world())
    assert names == ("near", "far")
    np.testing.assert_allclose(phi[1], [[0, 0], [1, 0.5], [0, 0]])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("state,a\n3,1\n", r"line 2, column 'state': state must be 0 to 2, or a name such as door"),
        ("state,a\n-1,1\n", "state must be 0 to 2"),
        ("state,a\n0.5,1\n", "state must be 0 to 2"),
        ("state,a\nnan,1\n", "state must be 0 to 2"),
        ("state,a\n0,1\n1,x\n", "line 3, column 'a': a finite number is needed; got 'x'"),
        ("state,a\n0,inf\n", "a finite number"),
        ("state,a\n0,\n", "a finite number"),
        ("state,a\n0,1\n0,1\n", "line 3, column 'state': stands twice"),
        ("state,action,a\n0,0,1\n0,on,1\n", "line 3, column 'action': stands twice"),
        ("state,action,a\n0,2,1\n", "action must be 0 to 1"),
        ("state,action,a\n2,0,1\n", "is terminal, and what is done there counts for nothing"),
        ("cell,a\n0,1\n", "column 'state': there is no such column; the file has cell, a"),
        ("state\n0\n", "a column for each reward"),
        ("state,a\n", "needs rows"),
        ("", "empty"),
    ],
)
def test_bad_tables_name_the_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        read_rewards(write(tmp_path, text), world())


def test_tables_too_large_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reward_tables, "MAX_BYTES", 8 * 6 - 1)
    with pytest.raises(ConfigError, match="1 columns in this world need"):
        read_rewards(write(tmp_path, "state,a\n0,1\n"), world())
