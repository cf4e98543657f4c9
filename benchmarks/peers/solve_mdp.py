"""Run by `benchmarks/preferences.py` in an environment of its own: quantecon and pymdptoolbox.

`python solve_mdp.py FOLDER`: FOLDER holds transitions.npy P[a, s, s'], rewards.npy R[h, s, a],
exact.npy V[h, s], and goal.json {discount, error, seconds}. Prints a JSON line for each method:
package, method, wall and cpu seconds a solve, and the error reached.

In the packages' favour: only the solving is timed, not the making of the problem; compiled code is
warm; each method stops at the loosest epsilon, by factors of ten, with which all rewards come
within `error` of the exact values; modified policy iteration is tried with several numbers of
evaluation sweeps; of the goes over all rewards the fastest counts.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from mdptoolbox import mdp as toolbox
from quantecon.markov import DiscreteDP
from scipy import sparse

EPSILONS = [10.0**-power for power in range(3, 13)]
GOES = 5
Solve = Callable[[], np.ndarray]
Make = Callable[[np.ndarray, float], Solve]


def quantecon_ways(P: np.ndarray, discount: float) -> Iterator[tuple[str, Make]]:
    """Dense and sparse; value, policy and modified policy iteration."""
    states, actions = P.shape[1], P.shape[0]
    dense = np.ascontiguousarray(P.transpose(1, 0, 2))
    pairs = sparse.csr_matrix(dense.reshape(-1, states))
    s, a = (index.ravel() for index in np.indices((states, actions)))

    def make(thin: bool, R: np.ndarray, epsilon: float, **options: object) -> Solve:
        problem = (
            DiscreteDP(R.ravel(), pairs, discount, s, a) if thin else DiscreteDP(R, dense, discount)
        )
        return lambda: problem.solve(epsilon=epsilon, max_iter=10_000, **options).v

    for kind, thin in (("sparse", True), ("dense", False)):
        yield f"value iteration, {kind}", partial(make, thin, method="vi")
        yield f"policy iteration, {kind}", partial(make, thin, method="pi")
        for k in (10, 20, 50, 100):
            name = f"modified policy iteration ({k}), {kind}"
            yield name, partial(make, thin, method="mpi", k=k)


def toolbox_ways(P: np.ndarray, discount: float) -> Iterator[tuple[str, Make]]:
    """Dense and sparse; value, policy and modified policy iteration."""

    def make(kind: type, given: object, R: np.ndarray, epsilon: float, **options: object) -> Solve:
        if kind is not toolbox.PolicyIteration:
            options["epsilon"] = epsilon

        def solve() -> np.ndarray:
            problem.run()
            return np.array(problem.V)

        problem = kind(given, R, discount, **options)
        return solve

    for kind, given in (("dense", P), ("sparse", [sparse.csr_matrix(one) for one in P])):
        yield f"value iteration, {kind}", partial(make, toolbox.ValueIteration, given)
        for k in (10, 30, 100):
            name = f"modified policy iteration ({k}), {kind}"
            yield name, partial(make, toolbox.PolicyIterationModified, given, max_iter=k)
    yield "policy iteration, dense", partial(make, toolbox.PolicyIteration, P, eval_type=0)


def once(make: Make, R: np.ndarray, epsilon: float) -> tuple[np.ndarray, float, float]:
    """The values, wall and cpu seconds of one solve."""
    solve = make(R, epsilon)
    wall, cpu = time.perf_counter(), time.process_time()
    values = solve()
    return values, time.perf_counter() - wall, time.process_time() - cpu


def measure(
    make: Make, rewards: np.ndarray, exact: np.ndarray, goal: dict[str, float]
) -> dict[str, object]:
    """The fastest of GOES at the loosest epsilon that reaches the goal."""
    error, begin = np.inf, time.perf_counter()
    for epsilon in EPSILONS:
        solved = [once(make, R, epsilon) for R in rewards]
        error = max(np.abs(V - W).max() for (V, _, _), W in zip(solved, exact))
        if error <= goal["error"] or time.perf_counter() - begin > goal["seconds"]:
            break
    times = [[each[1:] for each in solved]]
    while len(times) < GOES and time.perf_counter() - begin < goal["seconds"]:
        times.append([once(make, R, epsilon)[1:] for R in rewards])
    wall, cpu = np.mean(times, axis=1).min(axis=0)
    return {
        "wall": wall, "cpu": cpu, "error": float(error), "epsilon": epsilon,
        "reached": bool(error <= goal["error"]),
    }  # fmt: skip


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    P, rewards, exact = (
        np.load(folder / f"{name}.npy", allow_pickle=False)
        for name in ("transitions", "rewards", "exact")
    )
    goal = json.loads((folder / "goal.json").read_text())
    for package, ways in (("quantecon", quantecon_ways), ("pymdptoolbox", toolbox_ways)):
        for method, make in ways(P, goal["discount"]):
            once(make, rewards[0], 1e-2)
            slow = once(make, rewards[0], 1e-2)[1] > goal["seconds"] / 10
            few = 1 if slow else len(rewards)
            found = measure(make, rewards[:few], exact[:few], goal)
            print(json.dumps({"package": package, "method": method} | found), flush=True)
