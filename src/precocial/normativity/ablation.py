"""Is learning at every level needed, or does a safe top level suffice; and what does it cost?

Readers of the posts raise both doubts. `ablate` freezes one level after another of any hierarchy.
`ablation` is the experiment: generated tasks, processes of two kinds (careful ones, and popular
ones that share a mistake), judges who like care or popularity, and feedback on a few of each, some
of it wrong. Its arms learn everything, everything but one level, or one level alone; or have a top
level that is safe, set to the truth and frozen, with and without learning below; or no level above
the processes at all ("plain"), beside which operations and wall time are ratios.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from precocial import io
from precocial.choice.arguments import checked
from precocial.errors import ConfigError
from precocial.normativity.fitting import Fitted, Fitting, fit
from precocial.normativity.hierarchy import Hierarchy
from precocial.normativity.levels import Level
from precocial.runs import Run, stream
from precocial.runs.intervals import over_seeds

Floats = NDArray[np.float64]
LABELS, PROCESSES, JUDGES = "labels", "processes", "judges"
CLASSES = 3
ARMS = (
    "nothing", "plain", "every level", "without labels", "without processes", "without judges",
    "labels alone", "processes alone", "judges alone", "safe top", "safe top and below",
)  # fmt: skip
SAFE = 0.98
"""Weight of the right judges in a safe top (ours): trusted, not certain."""
LEVEL = 0.95


@dataclass(frozen=True, kw_only=True)
class AblationConfig:
    """The generated problem. All numbers are ours, set before any arm was compared."""

    problems: int = 20
    """generated, each with all arms"""
    tasks: int = 60
    processes: int = 16
    judges: int = 8
    careful: float = 0.4
    """share of the processes that are careful, and of the judges that like care"""
    accuracy: float = 0.8
    """of each process, outside its kind's shared mistake"""
    shared: float = 0.8
    """how often popular processes call class 0 class 1"""
    view: float = 0.5
    """standard deviation of a judge's view of a process, whose kind counts for 1"""
    labels: int = 12
    """tasks that are labelled in feedback"""
    scored: int = 4
    """processes that are scored"""
    praised: int = 2
    """judges that are scored"""
    slips: float = 0.15
    """share of the feedback that is wrong"""
    q: float = 0.6
    """the part of processes and of judges that is kept"""
    floor: float = 0.02
    most_steps: int = 150
    arms: tuple[str, ...] = ARMS
    seed: int = 0

    def __post_init__(self) -> None:
        """Check.

        Raises:
            ConfigError: counts that do not fit, or an arm that does not exist.
        """
        strange = [arm for arm in self.arms if arm not in ARMS]
        if strange:
            raise ConfigError(f"arms: no arm {strange[0]!r}; there are {', '.join(ARMS)}")
        if min(self.problems, self.tasks - self.labels, self.labels, self.scored) < 1:
            raise ConfigError(
                "ablation: problems, labels and scored must be at least 1, and tasks "
                "more than labels"
            )
        if self.scored > self.processes or self.praised > self.judges or self.judges < 2:
            raise ConfigError("ablation: more are scored than there are, or fewer than two judges")


def smoke_ablation() -> AblationConfig:
    """Seconds."""
    return AblationConfig(problems=2, tasks=20, processes=8, judges=4, labels=6, most_steps=30)


def laptop_ablation() -> AblationConfig:
    """Minutes on two cores."""
    return AblationConfig()


# ---------------------------------------------------------------- any hierarchy


@checked
def ablate(
    hierarchy: Hierarchy, measure: Callable[[Fitted], float], fitting: Fitting | None = None
) -> Iterator[io.Row]:
    """Fit with every level learned, then with each frozen, and with each alone.

    Rows hold `arm`, `value` (what `measure` says of the fit), `objective`, `steps`, `status`,
    `operations` and `wall_s`.
    """
    how = fitting or Fitting()
    names = [level.name for level in hierarchy.levels]
    arms: list[tuple[str, set[str]]] = [("every level", set(names))]
    arms += [(f"without {name}", set(names) - {name}) for name in names]
    arms += [(f"{name} alone", {name}) for name in names]
    for arm, learn in arms:
        yield {"arm": arm, **_fitted(hierarchy, replace(how, learn=learn), measure)}


def _fitted(
    hierarchy: Hierarchy, how: Fitting, measure: Callable[[Fitted], float]
) -> io.Row:  # fmt: skip
    began = time.perf_counter()
    fitted = fit(hierarchy, how)
    took = time.perf_counter() - began
    return {
        "value": measure(fitted), "objective": fitted.objective[-1], "steps": fitted.steps,
        "status": fitted.status, "operations": fitted.operations, "wall_s": took,
    }  # fmt: skip


# ---------------------------------------------------------------- the experiment


@dataclass(frozen=True, kw_only=True, eq=False)
class Problem:
    """One generated problem.

    Attributes:
        truth: the right class of each task.
        votes: [process, task], the answers.
        careful: [process], which kind each is.
        views: [judge, process], what each judge thinks of each process.
        right: [judge], which judges like care.
        said: what is said, as arguments of `Hierarchy.feedback`.
        held: tasks that nobody labelled.
    """

    truth: NDArray[np.int64]
    votes: NDArray[np.int64]
    careful: NDArray[np.bool_]
    views: Floats
    right: NDArray[np.bool_]
    said: tuple[Mapping[str, object], ...]
    held: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))


def problem_of(config: AblationConfig, number: int) -> Problem:
    """The generated problem of this number."""
    rng = stream(config.seed, "normativity", "ablation", number)
    m, J, T = config.processes, config.judges, config.tasks
    careful = np.arange(m) < round(config.careful * m)
    right = np.arange(J) < max(round(config.careful * J), 1)
    truth = rng.integers(CLASSES, size=T)
    slip = rng.random((m, T)) > config.accuracy
    votes = np.where(slip, (truth + rng.integers(1, CLASSES, size=(m, T))) % CLASSES, truth)
    fooled = ~careful[:, None] & (truth == 0) & (rng.random((m, T)) < config.shared)
    votes = np.where(fooled, 1, votes)
    likes = np.where(right[:, None] == careful[None, :], 1.0, 0.0)
    views = likes + config.view * rng.normal(size=(J, m))
    order = rng.permutation(T)
    return Problem(
        truth=truth, votes=votes, careful=careful, views=views, right=right,
        said=tuple(_said(config, rng, truth, order, careful, right)), held=order[config.labels :],
    )  # fmt: skip


def _said(
    config: AblationConfig, rng: np.random.Generator, truth: NDArray[np.int64],
    order: NDArray[np.int64], careful: NDArray[np.bool_], right: NDArray[np.bool_],
) -> Iterator[Mapping[str, object]]:  # fmt: skip
    """Labels, scores of processes and scores of judges, some of them wrong."""

    def wrong() -> bool:
        return bool(rng.random() < config.slips)

    for task in order[: config.labels]:
        label = (truth[task] + rng.integers(1, CLASSES) * wrong()) % CLASSES
        yield {"level": LABELS, "task": f"task {task}", "item": f"class {label}", "source": "a"}
    for level, kinds, count in (
        (PROCESSES, careful, config.scored), (JUDGES, right, config.praised)
    ):  # fmt: skip
        one = "process" if level == PROCESSES else "judge"
        for item in rng.permutation(len(kinds))[:count]:
            value = float(bool(kinds[item]) != wrong())
            yield {"level": level, "item": f"{one} {item}", "value": value, "source": "b"}


def hierarchy_of(
    config: AblationConfig, problem: Problem, *, judged: bool = True, safe: bool = False
) -> Hierarchy:
    """The problem as a hierarchy; without `judged` it ends at the processes.

    With `safe` the judges begin at the truth: those who like care have 98 % of the weight.
    """
    votes = np.asarray(problem.votes[..., None] == np.arange(CLASSES), dtype=np.float64)
    tasks = [f"task {t}" for t in range(config.tasks)]
    classes = [f"class {k}" for k in range(CLASSES)]
    trust = np.full(config.judges, 1 / config.judges)
    if safe:
        kinds = np.where(problem.right, problem.right.sum(), (~problem.right).sum())
        trust = np.where(problem.right, SAFE, 1 - SAFE) / kinds
        trust /= trust.sum()
    levels = [
        Level(LABELS, classes, tasks=tasks, q=0.5),
        Level(PROCESSES, [f"process {h}" for h in range(config.processes)]),
        Level(JUDGES, [f"judge {j}" for j in range(config.judges)], trust),
    ]
    # Judges judge each other by how alike their views are.
    scores = [votes, problem.views, np.corrcoef(problem.views)]
    H = Hierarchy(levels[: 2 + judged], scores[: 1 + 2 * judged], share=judged, q=config.q,
                  floor=config.floor)  # fmt: skip
    for one in problem.said:
        if judged or one["level"] != JUDGES:
            H.feedback(**one)  # type: ignore[arg-type]
    return H


def ablation(config: AblationConfig, run: Run) -> Iterator[io.Row]:
    """One row a problem and arm: accuracy and mean probability of the right class on tasks that
    nobody labelled, F, steps, operations and wall time, and both as ratios to "plain" on the same
    problem. Wall times differ from run to run; all else is the same each time."""
    began = len(run.rows)
    for number in range(began // len(config.arms), config.problems):
        skip = max(began - number * len(config.arms), 0)
        yield from _arms(config, number)[skip:]


def _arms(config: AblationConfig, number: int) -> list[io.Row]:
    problem = problem_of(config, number)
    plain = _arm(config, problem, "plain")
    rows = []
    for arm in config.arms:
        row = plain if arm == "plain" else _arm(config, problem, arm)
        ratios = {
            f"{name}_ratio": row[cost] / max(plain[cost], 1e-9)
            for name, cost in (("operations", "operations"), ("wall", "wall_s"))
        }
        rows.append({"problem": number, "arm": arm, **row, **ratios})
    return rows


def _arm(config: AblationConfig, problem: Problem, arm: str) -> io.Row:
    judged, safe = arm != "plain", arm.startswith("safe top")
    H = hierarchy_of(config, problem, judged=judged, safe=safe)
    every = {level.name for level in H.levels}
    learn = {
        "nothing": set(), "safe top": set(), "safe top and below": every - {JUDGES},
    }.get(arm, every)  # fmt: skip
    if arm.startswith("without "):
        learn = every - {arm.removeprefix("without ")}
    elif arm.endswith(" alone"):
        learn = {arm.removesuffix(" alone")}
    held, truth = problem.held, problem.truth

    def probability(fitted: Fitted) -> float:
        return float(fitted.actions[held, truth[held]].mean())

    kept: list[Fitted] = []

    def measure(fitted: Fitted) -> float:
        kept.append(fitted)
        return probability(fitted)

    row = _fitted(H, Fitting(learn=learn, most_steps=config.most_steps), measure)
    answers = kept[0].actions[held].argmax(axis=-1)
    return {
        "accuracy": float((answers == truth[held]).mean()), "probability": row.pop("value"), **row
    }  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Compared:
    """An arm beside another, over the problems of a run.

    Attributes:
        arm, beside: the two.
        mean: of the arm's figure.
        difference: mean of arm - beside on the same problem.
        interval: of the difference, 95 %, by Student's t over problems.
        problems: how many.
    """

    arm: str
    beside: str
    mean: float
    difference: float
    interval: tuple[float, float]
    problems: int


@checked
def compared(
    rows: Sequence[io.Row], *, figure: str = "probability", beside: str = "every level"
) -> tuple[Compared, ...]:
    """Every arm of an ablation beside one of them, problem by problem.

    Raises:
        ConfigError: rows without that figure, without the arm, or of fewer than two problems.
    """
    table: dict[str, dict[int, float]] = {}
    for row in rows:
        if figure not in row or "arm" not in row or "problem" not in row:
            raise ConfigError(f"compared: rows must have arm, problem and {figure!r}")
        table.setdefault(row["arm"], {})[row["problem"]] = float(row[figure])
    if beside not in table or len(table[beside]) < 2:
        raise ConfigError(f"compared: needs the arm {beside!r} on two problems at least")
    found = []
    for arm, figures in table.items():
        both = sorted(set(figures) & set(table[beside]))
        values = np.array([figures[number] for number in both])
        apart = values - np.array([table[beside][number] for number in both])
        gap = over_seeds(apart, LEVEL)
        found.append(
            Compared(
                arm=arm,
                beside=beside,
                mean=float(values.mean()),
                difference=gap.mean,
                interval=(gap.low, gap.high),
                problems=len(both),
            )
        )
    return tuple(found)
