"""One thread for the numerical libraries, so that sums are taken in one order."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

import threadpoolctl  # type: ignore[import-untyped]

_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Inside, BLAS, OpenMP and torch use one thread; afterwards, as many as before.

    A library that is first imported inside reads the environment variables and stays at one
    thread; one that was loaded before is told, and told again at the end. Not safe to enter
    from two threads at once: the setting is the process's.
    """
    before = {name: os.environ.get(name) for name in _VARIABLES}
    os.environ.update(dict.fromkeys(_VARIABLES, "1"))
    torch = sys.modules.get("torch")
    threads = torch.get_num_threads() if torch else None
    try:
        with threadpoolctl.threadpool_limits(1):
            if torch:
                torch.set_num_threads(1)
            yield
    finally:
        if torch:
            torch.set_num_threads(threads)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
