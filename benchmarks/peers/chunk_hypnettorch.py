"""Run by `benchmarks/genome.py` in an environment of its own: hypnettorch's chunked hypernetwork.

`python chunk_hypnettorch.py ROWS COLUMNS BATCH GOES`: generates a ROWS x COLUMNS matrix, multiplies
a batch by it, and goes back. Prints a JSON line: parameters, least cpu and wall seconds.

In the package's favour: the hypernetwork is linear, with one embedding a chunk and no conditional
input; of three chunk sizes the fastest counts.
"""

import json
import sys
import time

import torch
from hypnettorch.hnets.chunked_mlp_hnet import ChunkedHMLP

rows, columns, batch, goes = map(int, sys.argv[1:])
torch.manual_seed(0)
best = None
for chunk in (800, 3200, 12800):
    net = ChunkedHMLP(
        [[rows, columns]], chunk, layers=(), chunk_emb_size=4, num_cond_embs=1,
        cond_in_size=0, cond_chunk_embs=True,
        uncond_in_size=0, verbose=False,
    )  # fmt: skip
    x = torch.randn(batch, columns, requires_grad=True)
    cpu, wall = [], []
    for _ in range(goes):
        net.zero_grad()
        begun, began = time.process_time(), time.perf_counter()
        weight = net.forward(cond_id=0)[0]
        (x @ weight.T).square().mean().backward()
        cpu.append(time.process_time() - begun)
        wall.append(time.perf_counter() - began)
    found = {"parameters": net.num_params, "chunk": chunk, "cpu": min(cpu), "wall": min(wall)}
    if best is None or found["cpu"] < best["cpu"]:
        best = found
print(json.dumps(best))
