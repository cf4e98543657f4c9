"""The genome room beside its peers: what a layer that is generated costs.

`python benchmarks/genome.py [--json] [--no-peer] [--largest 1e8]`. One layer of 784 x 800 weights
and a batch of 256: two towers without the matrix, forward and backward, beside a step of the dense
layer, beside the paper's pair rule (GN30's 20-30-10-1), and beside hypnettorch 0.0.4's chunked
hypernetwork, in an environment of its own that this script makes (.venv-bench-hypnettorch; torch is
installed first, by exact version). Then memory as the layer grows: the most bytes, a weight, that
forward and backward of a product add to the process. Times are processor time
of one thread; wall times stand beside them.
"""

from __future__ import annotations

import os

# before torch is loaded: one thread for ours as for the peer
os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

# run as a file, Python looks beside the file and not at the root
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.lib.measure import ROOT, TORCH, Row, best_times, environment, row, show
from precocial.genome import Binary, Fourier, Hashed, Pair, TwoTower, gray_grid

PEER = ("numpy==2.4.6", "scipy==1.17.1", "matplotlib==3.11.2", "hypnettorch==0.0.4")
"""hypnettorch names none of what it imports."""
ROWS, COLUMNS, BATCH = 800, 784, 256
GOES = 15
PAIR_GOES = 5
SIDES = (1_000, 3_162, 10_000)
"""Square layers of 1e6, 1e7 and 1e8 weights."""


def step_of(layer: nn.Module, product: Callable[[Tensor], Tensor]) -> Callable[[], None]:
    """Forward and backward of one batch, gradients to the layer's parameters and to the inputs."""
    x = torch.randn(BATCH, COLUMNS, requires_grad=True)

    def step() -> None:
        layer.zero_grad()
        x.grad = None
        product(x).square().mean().backward()

    return step


def times() -> dict[str, tuple[float, float]]:
    """(cpu, wall) seconds by name."""
    torch.manual_seed(0)
    towers = TwoTower(
        Hashed(ROWS, 10), Fourier((28, 28), 3, 4), hidden=(16,), rank=24, scale=0.03125
    )
    pair = Pair(Binary(ROWS, 10, 1), gray_grid(28, 28), hidden=(30, 10))
    dense = nn.Linear(COLUMNS, ROWS, bias=False)
    adam = torch.optim.Adam(dense.parameters(), lr=1e-3)
    backward = step_of(dense, dense)

    def trained() -> None:
        backward()
        adam.step()

    return {
        "two towers": best_times(step_of(towers, towers.product), GOES),
        "dense layer": best_times(backward, GOES),
        "dense layer's training step (Adam)": best_times(trained, GOES),
        "pair rule": best_times(step_of(pair, pair.product), PAIR_GOES),
        "two towers, matrix built": best_times(step_of(towers, lambda x: x @ towers.weight().T)),
    }


def beyond_bytes(side: int, kind: str) -> tuple[float, float]:
    """Most bytes for each weight that generating a layer takes, and its cpu seconds."""
    said = subprocess.run(
        [sys.executable, __file__, "--memory", f"{kind}:{side}"],
        check=True, text=True, stdout=subprocess.PIPE,
    ).stdout  # fmt: skip
    found = json.loads(said)
    return float(found["beyond"]), float(found["cpu"])


def memory_of(kind: str, side: int) -> Row:
    """In a process of its own: generate a square layer, a gradient through its sum."""
    rules = {
        "pair": lambda n: Pair(Binary(n), Binary(n)),
        "two towers": lambda n: TwoTower(Binary(n), Binary(n)),
    }
    make = rules[kind]
    make(300).product(torch.randn(1, 300)).sum().backward()  # loads kernels before the mark
    rule, x = make(side), torch.randn(1, side)
    Path("/proc/self/clear_refs").write_text("5")  # the highest mark starts anew
    before = kilobytes("VmRSS")
    cpu, _ = best_times(lambda: rule.product(x).sum().backward(), 1)
    return {"beyond": 1024 * (kilobytes("VmHWM") - before) / side**2, "cpu": cpu}


def kilobytes(name: str) -> int:
    """A line of Linux's /proc/self/status."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def against_peer(ours: tuple[float, float]) -> list[Row]:
    """hypnettorch's chunked hypernetwork for the same layer, times and sizes."""
    try:
        python = environment("hypnettorch", TORCH, *PEER)
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return [row("two towers, cpu", ours[0], None, str(error), "s")]
    script = str(ROOT / "benchmarks" / "peers" / "chunk_hypnettorch.py")
    said = subprocess.run(
        [str(python), "-W", "ignore", script, str(ROWS), str(COLUMNS), str(BATCH), str(GOES)],
        check=True, text=True, stdout=subprocess.PIPE, timeout=600,
    ).stdout  # fmt: skip
    found = json.loads(said.strip().splitlines()[-1])
    name = f"{PEER[-1]} ChunkedHMLP, {found['parameters']:,} parameters"
    return [
        row("two towers, forward and backward, cpu", ours[0], found["cpu"], name, "s"),
        row("two towers, forward and backward, wall", ours[1], found["wall"], name, "s"),
    ]


def rows(peer: bool, largest: float) -> list[Row]:
    """Everything, the peer in the same run."""
    found = [row("load of the machine (1 minute)", os.getloadavg()[0], None, "", "")]
    measured = times()
    ours = measured.pop("two towers")
    for name, (cpu, wall) in measured.items():
        found.append(row("two towers, forward and backward, cpu", ours[0], cpu, name, "s"))
        found.append(row("two towers, forward and backward, wall", ours[1], wall, name, "s"))
    found += against_peer(ours) if peer else []
    for side in SIDES:
        if side**2 <= largest:
            for kind in ("pair", "two towers"):
                held, cpu = beyond_bytes(side, kind)
                name = f"{kind}, {side**2:.0e} weights: memory beyond the start"
                found.append(row(name, held, None, f"{cpu:.3g} cpu s", "B a weight"))
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--no-peer", action="store_true", help="leave hypnettorch out")
    parser.add_argument("--largest", type=float, default=1e8, help="weights of the largest layer")
    parser.add_argument("--memory", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.memory:
        kind_, _, side_ = asked.memory.partition(":")
        print(json.dumps(memory_of(kind_, int(side_))))
    else:
        show(rows(not asked.no_peer, asked.largest), as_json=asked.json)
