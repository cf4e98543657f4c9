"""How long it takes to begin: importing precocial and asking for help, beside importing NumPy.

`python benchmarks/startup.py [--json]`. Each figure is the best of several fresh interpreters, with
the time of a bare interpreter taken off.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time

ROUNDS = 15
CASES = {
    "import precocial": "import precocial",
    "import precocial.worth": "import precocial.worth",
    "precocial --help": "from precocial.cli import main; main(['--help'])",
    "precocial worth --help": "from precocial.cli import main; main(['worth', '--help'])",
}
PEER = "import numpy"


def milliseconds(code: str) -> float:
    """The best wall time of a fresh interpreter that runs `code`."""

    def once() -> float:
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - begin

    once()  # the first writes byte code and warms the disk cache
    return 1000 * min(once() for _ in range(ROUNDS))


def rows() -> list[dict[str, object]]:
    """One row a case."""
    bare = milliseconds("pass")
    peer = milliseconds(PEER) - bare
    found = []
    for name, code in CASES.items():
        ours = milliseconds(code) - bare
        row = {"name": name, "ours": round(ours, 1), "peer": round(peer, 1), "peer_name": PEER}
        found.append({**row, "ratio": round(ours / peer, 2), "unit": "ms", "better": "less"})
    return found


if __name__ == "__main__":
    measured = rows()
    if "--json" in sys.argv:
        print(json.dumps(measured))
    else:
        for row in measured:
            print("{name:24} {ours:8} {unit}   {peer_name} {peer} {unit}".format(**row))
