"""One thread inside, as many as before outside."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import threadpoolctl

from precocial.runs import one_thread

COUNT = """
import os, sys
import numpy
{first}
import threadpoolctl
from precocial.runs import one_thread

def counts():
    pools = threadpoolctl.threadpool_info()
    found = {{pool["internal_api"]: pool["num_threads"] for pool in pools}}
    if "torch" in sys.modules:
        found["torch"] = sys.modules["torch"].get_num_threads()
    return found

before = counts()
with one_thread():
    {inside}
    assert set(counts().values()) == {{1}}, counts()
after = counts()
assert before.items() <= after.items(), (before, after)
assert max(before.values()) > 1 or os.cpu_count() == 1, before
assert os.environ["OMP_NUM_THREADS"] == "3"
"""


@pytest.mark.parametrize(
    ("first", "inside"), [("", "pass"), ("import torch", "pass"), ("", "import torch")]
)
def test_every_pool_has_one_thread_inside(first: str, inside: str) -> None:
    if "torch" in first + inside:
        pytest.importorskip("torch")
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "3")
    code = COUNT.format(first=first, inside=inside)
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | threads,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_after_an_error_all_is_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    before = threadpoolctl.threadpool_info()
    seen = []

    def fail() -> None:
        with one_thread():
            seen.extend([os.environ["MKL_NUM_THREADS"], os.environ["OMP_NUM_THREADS"]])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert seen == ["1", "1"]
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "MKL_NUM_THREADS" not in os.environ
    assert threadpoolctl.threadpool_info() == before
