"""Trainer states, W&B and MLflow exports become run tables, or say what is missing and where."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from precocial.errors import ConfigError, DataError, PrecocialError
from precocial.transfer import read_runs
from precocial.transfer.readers import read_mlflow, read_trainer_state, read_wandb

one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])

STATE: dict[str, Any] = {
    "best_metric": None,
    "epoch": 3.0,
    "global_step": 300,
    "log_history": [
        {"epoch": 1.0, "grad_norm": float("nan"), "learning_rate": 2e-4, "loss": 3.1, "step": 100},
        {"epoch": 1.0, "eval_loss": 2.9, "eval_runtime": 1.5, "step": 100},
        {"epoch": 2.0, "learning_rate": 1e-4, "loss": 2.0, "step": 200},
        {"epoch": 2.0, "eval_loss": 2.5, "step": 200},
        {"epoch": 3.0, "eval_loss": float("nan"), "step": 300},
        {"epoch": 3.0, "step": 300, "total_flos": 1.5e15, "train_loss": 2.4},
    ],
    "num_input_tokens_seen": 4096,
    "total_flos": 1.5e15,
}
WANDB = (
    '"Name","State","Created","ID","learning_rate","my_size","data","eval/loss","loss"\n'
    '"calm-sea-1","finished","2024-01-01T00:00:00.000Z","x1","0.001","1000000","1000","3.5","9"\n'
    '"calm-sea-1","crashed","2024-01-01T00:00:00.000Z","x2","0.001","1000000","3000","","9"\n'
    '"calm-sea-3","finished","2024-01-01T00:00:00.000Z","x3","NaN","1000000","9000","2.5","9"\n'
)
MLFLOW = (
    "run_id,experiment_id,status,artifact_uri,metrics.eval_loss,params.D_F,params.N,params.arm,"
    "tags.mlflow.runName\n"
    "r1,0,FINISHED,./1,3.5,1000,1000000,scratch,one\n"
    "r2,0,FAILED,./2,,1000,1000000,scratch,two\n"
    "r3,0,RUNNING,./3,3.2,1000,1000000,scratch,three\n"
    "r4,0,FINISHED,./4,3.0,1000,1000000,pretrained,four\n"
)
PAGE = (
    "Start Time,Duration,Run ID,Name,Source Type,Source Name,User,Status,D_F,N,arm,val_loss\n"
    "2024-01-01 00:00:00,1.0s,r1,one,LOCAL,a.py,me,FINISHED,1000,1000000,scratch,3.5\n"
)
MAP: dict[str, Any] = {"arm": "scratch", "N": "my_size", "D_F": "data", "unit": "bytes"}


def put(folder: Path, name: str, content: Any) -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


# ---------------------------------------------------------------- trainer_state.json


def test_trainer_state(tmp_path: Path) -> None:
    (tmp_path / "run-7").mkdir()
    path = put(tmp_path / "run-7", "trainer_state.json", STATE)
    table = read_runs(path, arm="pretrained", D_F=1e6, N=1e7, source="text", unit="tokens")
    assert table.rows() == [
        {"run_id": "run-7", "arm": "pretrained", "source": "text", "unit": "tokens", "N": 1e7,
         "D_F": 1e6, "loss": 2.5, "best_step": 200.0, "tokens_seen": 4096.0, "flops": 1.5e15,
         "lr": 2e-4}
    ]  # fmt: skip
    named = read_trainer_state(path, arm="scratch", D_F=1, run_id="mine", lr=0.5)
    assert (named.run_id[0], named.lr[0]) == ("mine", 0.5)


def test_nothing_counted_is_nothing_known(tmp_path: Path) -> None:
    path = put(tmp_path, "s.json", STATE | {"num_input_tokens_seen": 0, "total_flos": 0})
    table = read_runs(path, arm="scratch", D_F=1)
    assert np.isnan([table.tokens_seen[0], table.flops[0]]).all()


@pytest.mark.parametrize("missing", ["arm", "D_F"])
def test_what_a_trainer_state_cannot_know(missing: str, tmp_path: Path) -> None:
    path = put(tmp_path, "s.json", STATE)
    given = {"arm": "scratch", "D_F": 1e6}
    del given[missing]
    with pytest.raises(ConfigError, match=f"does not know {missing}"):
        read_runs(path, **given)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ([], "not a trainer state"),
        ({}, "not a trainer state"),
        ({"log_history": [1]}, "not a trainer state"),
        ({"log_history": []}, "finite eval_loss"),
        ({"log_history": [{"eval_loss": float("nan")}]}, "finite eval_loss"),
        ({"log_history": [{"eval_loss": "2.5"}]}, "finite eval_loss"),
        ({"log_history": [{"eval_loss": True}, {"eval_loss": 10**400}]}, "finite eval_loss"),
        ({"log_history": [{"eval_loss": -1.0}]}, "above 0"),
        (STATE | {"total_flos": [1]}, "must be a number"),
        ('{"log_history": [', "not JSON"),
        ("[" * 100_000, "JSON"),
        ("1" * 5000, "JSON"),
    ],
)
def test_bad_trainer_states(content: Any, says: str, tmp_path: Path) -> None:
    path = put(tmp_path, "s.json", content)
    with pytest.raises(DataError, match=says) as caught:
        read_runs(path, arm="scratch", D_F=1e6)
    assert str(path) in str(caught.value)


# ---------------------------------------------------------------- W&B and MLflow


def test_wandb(tmp_path: Path) -> None:
    path = put(tmp_path, "export.csv", WANDB)
    with pytest.warns(UserWarning, match="left out 1 of 3 runs"):
        table = read_runs(path, **MAP)
    assert table.run_id.tolist() == ["x1", "x3"]
    assert table.loss.tolist() == [3.5, 2.5]  # not "loss", which is of training
    assert table.D_F.tolist() == [1000, 9000]
    assert table.lr[0] == 0.001
    assert np.isnan(table.lr[1])
    assert set(table.unit) == {"bytes"}


def test_a_column_can_be_chosen_or_a_value_given(tmp_path: Path) -> None:
    path = put(tmp_path, "export.csv", WANDB)
    with pytest.warns(UserWarning, match="left out"):
        table = read_wandb(path, **(MAP | {"loss": "loss", "N": 5e6}))
    assert table.loss.tolist() == [9, 9]
    assert table.N.tolist() == [5e6, 5e6]


def test_mlflow(tmp_path: Path) -> None:
    path = put(tmp_path, "runs.csv", MLFLOW)
    with pytest.warns(UserWarning, match="left out 2 of 4 runs"):
        table = read_runs(path)
    assert table.run_id.tolist() == ["r1", "r4"]
    assert table.arm.tolist() == ["scratch", "pretrained"]
    assert table.loss.tolist() == [3.5, 3.0]
    with pytest.warns(UserWarning, match="left out"):  # the prefix may be left out or given
        again = read_mlflow(path, loss="metrics.eval_loss", N="N")
    assert again.rows() == table.rows()


@pytest.mark.parametrize("empty", ["", "NaN"])
def test_runs_without_a_loss_are_left_out_and_counted(empty: str, tmp_path: Path) -> None:
    path = put(tmp_path, "export.csv", WANDB.replace('"2.5"', f'"{empty}"'))
    with pytest.warns(UserWarning, match="left out") as told:
        table = read_runs(path, **MAP)
    assert table.run_id.tolist() == ["x1"]
    assert [str(warning.message) for warning in told] == [
        f"{path}: left out 1 of 3 runs, which are not finished",
        f"{path}: left out 1 of 3 runs, which have no loss in column 'eval/loss'",
    ]
    path = put(tmp_path, "runs.csv", MLFLOW.replace("FINISHED,./4,3.0", f"FINISHED,./4,{empty}"))
    with pytest.warns(UserWarning, match="left out") as told:
        assert read_runs(path).run_id.tolist() == ["r1"]
    assert str(told[1].message).endswith("1 of 4 runs, which have no loss in column "
                                         "'metrics.eval_loss'")  # fmt: skip


@pytest.mark.filterwarnings("ignore:.*left out")
def test_errors_still_name_the_line_after_runs_without_a_loss(tmp_path: Path) -> None:
    damaged = WANDB.replace('"3.5"', '""').replace('"9000"', '"oops"')
    path = put(tmp_path, "export.csv", damaged)
    with pytest.raises(DataError, match=r"line 4.*must be a number; got 'oops'"):
        read_runs(path, **MAP)


def test_the_csv_of_mlflows_page(tmp_path: Path) -> None:
    table = read_runs(put(tmp_path, "runs.csv", PAGE))
    assert table.rows() == [{"run_id": "r1", "arm": "scratch", "N": 1e6, "D_F": 1e3, "loss": 3.5}]


@pytest.mark.filterwarnings("ignore:.*left out")
def test_errors_name_the_files_line_and_column(tmp_path: Path) -> None:
    path = put(tmp_path, "export.csv", WANDB.replace('"2.5"', '"oops"'))
    with pytest.raises(DataError, match=r"read as loss.*must be a number; got 'oops'") as caught:
        read_runs(path, **MAP)
    assert (caught.value.line, caught.value.column) == (4, "eval/loss")
    assert str(caught.value).startswith(f"{path}, line 4, column 'eval/loss': (read as loss) must")
    path = put(tmp_path, "export.csv", WANDB)
    with pytest.raises(DataError, match="stands in line 2 already") as caught:
        read_runs(path, **(MAP | {"run_id": "Created"}))
    assert (caught.value.line, caught.value.column) == (4, "Created")


@pytest.mark.parametrize(
    ("content", "names", "says"),
    [
        (WANDB, {}, "no column 'arm'"),
        (WANDB, MAP | {"loss": "eval/los"}, "no column 'eval/los'"),
        (WANDB, MAP | {"arm": "sctach"}, "must be 'scratch' or 'pretrained'"),
        (WANDB.replace("eval/loss", "test/loss"), MAP, "no column 'eval/loss' or"),
        (WANDB.replace("finished", "running"), MAP, "none of them finished"),
        (WANDB.replace('"3.5"', '""').replace('"2.5"', '"NaN"'), MAP,
         "'eval/loss': holds 2 finished runs, none of them with a loss"),
        (MLFLOW.replace("FINISHED,./1,3.5,1000", "FINISHED,./1,3.5,"), {}, "line 2.*missing"),
        (WANDB[:-10], MAP, "CSV|cells"),
        ("a,b\n1,2\n", {}, "neither a run table nor"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:.*left out")
def test_bad_exports(content: str, names: dict[str, Any], says: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=says):
        read_runs(put(tmp_path, "export.csv", content), **names)


@pytest.mark.parametrize("format", ["wandb", "mlflow"])
def test_an_export_without_runs(format: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no runs"):
        read_runs(put(tmp_path, "export.csv", "Name,State\n"), format=format)


def test_arguments_are_checked(tmp_path: Path) -> None:
    table = put(tmp_path, "runs.csv", "arm,D_F,loss\nscratch,1,1\n")
    assert len(read_runs(table)) == 1
    with pytest.raises(ConfigError, match="names its own columns"):
        read_runs(table, unit="bytes")
    with pytest.raises(ConfigError, match="'los' is not a column"):
        read_runs(table, los="x")


@pytest.mark.wrong_types
def test_unknown_format(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="format must be one of"):
        read_runs(tmp_path / "x.csv", format="comet")  # type: ignore[arg-type]


# ---------------------------------------------------------------- hostile


@one_folder
@pytest.mark.filterwarnings("ignore:.*left out")
@given(
    base=st.sampled_from([WANDB, MLFLOW, PAGE, json.dumps(STATE)]),
    at=st.floats(0, 1),
    junk=st.sampled_from(["", '"', "\n", ",", "NaN", "-", "[", "1e999", "\0", "9" * 5000]),
    cut=st.booleans(),
)
def test_damaged_exports(base: str, at: float, junk: str, cut: bool, tmp_path: Path) -> None:
    where = int(at * len(base))
    name = "s.json" if base.startswith("{") else "export.csv"
    path = put(tmp_path, name, base[:where] + junk + ("" if cut else base[where:]))
    names = {"arm": "scratch", "D_F": 1e3} if name == "s.json" or base == WANDB else {}
    try:
        table = read_runs(path, **names)
    except PrecocialError:
        return
    assert 1 <= len(table) <= 4
    assert (table.loss > 0).all()
    assert np.isfinite(table.loss).all()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["eval_loss", "step", "learning_rate"]), inner)
    ),
    max_leaves=8,
)


@one_folder
@given(
    history=json_values | st.lists(json_values, max_size=3), flos=json_values, tokens=json_values
)
def test_random_trainer_states(history: Any, flos: Any, tokens: Any, tmp_path: Path) -> None:
    state = {"log_history": history, "total_flos": flos, "num_input_tokens_seen": tokens}
    path = put(tmp_path, "s.json", state)
    try:
        table = read_runs(path, arm="scratch", D_F=1e3)
    except PrecocialError:
        return
    assert len(table) == 1
    assert 0 < table.loss[0] < np.inf


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "trainer_state.json"
    file.write_text('{"log_history": [{"eval_loss": 2.0, "eval_loss": 1.0}]}')
    with pytest.raises(DataError, match="'eval_loss' stands twice"):
        read_runs(file, arm="scratch", D_F=1e6)
