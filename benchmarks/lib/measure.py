"""What scripts beside peers share: rows, times, a peer's own environment, how rows are shown."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TORCH = "torch==2.13.0"
"""Installed before a peer that needs torch: unpinned, it brings gigabytes of CUDA."""
Row = dict[str, Any]


def row(
    name: str, ours: float | None, peer: float | None, peer_name: str, unit: str,
    better: str = "less",
) -> Row:  # fmt: skip
    """One line of a benchmark; ratio says how many times better ours is: above 1, we are ahead."""
    ratio = None
    if peer is not None and ours and peer:
        ratio = peer / ours if better == "less" else ours / peer
    return {
        "name": name, "ours": ours, "peer": peer, "peer_name": peer_name, "ratio": ratio,
        "unit": unit, "better": better,
    }  # fmt: skip


def best_times(work: Callable[[], Any], goes: int = 5) -> tuple[float, float]:
    """The least cpu time of this process and the least wall time, of several goes, in seconds."""
    cpu, wall = [], []
    for _ in range(goes):
        begun, began = time.process_time(), time.perf_counter()
        work()
        cpu.append(time.process_time() - begun)
        wall.append(time.perf_counter() - began)
    return min(cpu), min(wall)


def environment(name: str, *packages: str) -> Path:
    """The Python of a peer's own environment, made if missing.

    Packages are installed one after the other, so that torch can go first.

    Raises:
        RuntimeError: with what pip said on failing.
    """
    python = ROOT / f".venv-bench-{name}" / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(python.parent.parent)], check=True)
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "-q"]
    for package in packages:
        done = subprocess.run([*pip, package], check=False, capture_output=True, text=True)
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            why = said[-1] if said else done.stderr[-200:]
            raise RuntimeError(f"pip install {package} failed: {why}")
    return python


def show(rows: Sequence[Row], *, as_json: bool) -> None:
    """Rows as one JSON document, or a line each."""
    if as_json:
        print(json.dumps(rows))
        return
    for one in rows:
        peer = "none" if one["peer"] is None else f"{one['peer']:.4g} {one['unit']}"
        ratio = "" if one["ratio"] is None else f"ratio {one['ratio']:.4g}"
        ours = "none" if one["ours"] is None else f"{one['ours']:.4g} {one['unit']}"
        print(f"{one['name']:60} {ours:>16}   {one['peer_name']}: {peer}   {ratio}")
