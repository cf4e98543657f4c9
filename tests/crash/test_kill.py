"""A run that is killed at any write, or runs out of disk, resumes to the same bytes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
KINDS = {"checkpointed", "by_rows", "naive", "forgetful"}


def drive(what: str, name: str, where: Path) -> dict[str, Any]:
    command = [sys.executable, str(HERE / "crash_driver.py"), what, name, str(where)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_run_killed_at_any_write_ends_with_the_same_bytes(name: str, tmp_path: Path) -> None:
    answer = drive("every_point", name, tmp_path)
    assert answer["wrong"] == []
    # Were a write made by a call that the driver does not see, these would fall short.
    assert set(answer["kinds"]) >= {"mkdir", "open", "write", "torn write", "fsync", "replace"}
    assert answer["points"] >= (70 if name == "checkpointed" else 30)
    artefacts = {"middle.safetensors", "final.safetensors"} if name == "checkpointed" else set()
    assert set(answer["files"]) == {"run.json", "rows.jsonl", "result.json", *artefacts}


@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_run_killed_again_and_again_ends_with_the_same_bytes(name: str, tmp_path: Path) -> None:
    answer = drive("many_kills", name, tmp_path)
    assert answer["wrong"] == []
    assert answer["sessions"] >= 25


@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_full_disk_is_a_clear_error_and_the_run_resumes(name: str, tmp_path: Path) -> None:
    answer = drive("full_disk", name, tmp_path)
    assert answer["wrong"] == []
    assert answer["clear"]
    assert answer["points"] >= 30


SWEEP = """
import sys, time
from dataclasses import dataclass
from enum import StrEnum
from precocial.runs import sweep

class Arm(StrEnum):
    scratch = "scratch"

@dataclass(frozen=True, kw_only=True)
class Inner:
    arm: Arm = Arm.scratch

@dataclass(frozen=True, kw_only=True)
class Config:
    seed: int
    inner: Inner | None = None

def slow(config, live):
    hold = live.path.parent.parent / "hold"
    for step in range(len(live.rows), 12):
        while hold.exists() and config.seed > 2 and step > 5:
            time.sleep(0.01)
        yield {"seed": config.seed, "step": step}

if __name__ == "__main__":
    sweep(slow, [Config(seed=seed) for seed in range(6)], sys.argv[1], workers=2)
"""


def test_a_sweep_killed_with_its_workers_goes_on(tmp_path: Path) -> None:
    script = tmp_path / "slow_sweep.py"
    script.write_text(SWEEP)
    command = [sys.executable, str(script)]
    (tmp_path / "hold").touch()  # the later half of the runs stops half-way
    child = subprocess.Popen([*command, str(tmp_path / "killed")], start_new_session=True)
    deadline = time.monotonic() + 60
    while len(list(tmp_path.glob("killed/*/result.json"))) < 3:
        assert child.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    complete = {path: path.stat().st_mtime_ns for path in tmp_path.glob("killed/*/result.json")}
    assert len(complete) == 3
    (tmp_path / "hold").unlink()
    for root in ("killed", "whole"):
        subprocess.run([*command, str(tmp_path / root)], check=True, timeout=60)
    rows = {
        root: {
            path.parent.name: path.read_bytes() for path in (tmp_path / root).glob("*/rows.jsonl")
        }
        for root in ("killed", "whole")
    }
    assert len(rows["whole"]) == 6
    assert rows["killed"] == rows["whole"]
    assert all(path.stat().st_mtime_ns == then for path, then in complete.items())
