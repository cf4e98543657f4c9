"""Writers of one feedback store that are killed lose nothing that was acknowledged."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent


def drive(what: str, where: Path, *numbers: int) -> dict[str, Any]:
    command = [sys.executable, str(HERE / "store_driver.py"), what, str(where)]
    done = subprocess.run(
        [*command, *map(str, numbers)], capture_output=True, text=True, check=False, timeout=900
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def check_whole(answer: dict[str, Any], batches: int) -> None:
    assert answer["lost"] == answer["torn"] == answer["seen_torn"] == answer["wrong"] == 0, answer
    assert answer["said"] >= batches
    assert answer["looks"] > 0
    assert answer["checked"] == answer["rows"] >= answer["said"]


def test_eight_writers_killed_at_random_lose_nothing(tmp_path: Path) -> None:
    check_whole(drive("sound", tmp_path, 2, 2), 2 * 8 * 2)


@pytest.mark.slow
@pytest.mark.timeout(1000)
def test_eight_writers_killed_for_minutes_lose_nothing(tmp_path: Path) -> None:
    answer = drive("sound", tmp_path, 40, 4)
    check_whole(answer, 40 * 8 * 4)
    # Some were killed after the commit and before they said so: the kills do fall into the calls.
    assert answer["unsaid"] > 0


def test_a_writer_that_acknowledges_too_early_is_seen(tmp_path: Path) -> None:
    assert drive("early", tmp_path, 1, 2)["lost"] > 0


def test_a_batch_in_pieces_is_seen(tmp_path: Path) -> None:
    answer = drive("piecewise", tmp_path, 1, 2)
    assert answer["torn"] + answer["seen_torn"] > 0


def test_a_full_disk_is_a_clear_error_and_loses_nothing(tmp_path: Path) -> None:
    answer = drive("full", tmp_path, 25)
    assert answer["wrong"] == 0
    assert answer["clear"]
    assert answer["batches"]
    assert answer["checked"] == answer["rows"] > 50
