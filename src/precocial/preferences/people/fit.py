"""Each person's utility and planner from choices, and what the choices cannot tell.

log P(theta, beta | choices of a person) = sum over trials of log P(choice | theta, beta) + const,
exactly, on a grid of every combination of parameters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_expit

from precocial.choice.arguments import checked
from precocial.errors import ConfigError, one_of
from precocial.preferences.people.cautions import cautions
from precocial.preferences.people.choices import ChoiceData
from precocial.preferences.people.comparison import Comparison, compare
from precocial.preferences.people.held_out import Forecast, baselines, deal_choices, fold_count
from precocial.preferences.people.models import MODELS, Axis, ChoiceModel
from precocial.preferences.people.posterior import ChoicePosterior, Figure, Undecided
from precocial.preferences.people.profile import profile_interval, trade_offs
from precocial.preferences.people.travel import fit_travel
from precocial.runs.streams import stream

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
_FLOOR = 1e-300
_BOOTSTRAP = 2000
_ROUNDS = 60
"""Of expectation maximisation (ours)."""
_LOOSE = 0.75
"""A person's posterior standard deviation, on average and as a share of the spread between people,
beyond which a group's median is noted as pulled towards the prior (ours: 0.6 at 108 planted trials
of intertemporal choice, where nothing is amiss; 0.8 and more at 20)."""
_SCALE = 3.0
"""By which utilities are stretched to show that their scale is not decided; any number will do."""


@checked
def fit_choices(
    data: ChoiceData,
    model: str | None = None,
    *,
    models: Sequence[str] | None = None,
    held_out: float = 0.25,
    level: float = 0.95,
    seed: int = 0,
) -> ChoicePosterior:
    """The exact posterior of each person's utility and planner on a grid.

    For travel: a multinomial logit of all together, by maximum likelihood; see
    `travel.fit_travel`.

    Args:
        data: from `read_choices`.
        model: delay: "hyperbolic", "exponential", "quasi_hyperbolic". Risk: "prospect",
            "loss_neutral" (lambda = 1), "linear" (rho = 1). Travel: "logit". None: the parameters
            are of the first, and the comparison is of all.
        models: that are compared on held-out choices, in place of all of the kind. Without
            `model`, the parameters are of the one that foretells these best.
        held_out: the share of each person's trials that is held out at a time, for travel of the
            people: every trial is foretold from fits without it. The parameters are then fitted
            to all trials.
        level: of the intervals.
        seed: of the folds and of the group's bootstrap.

    Raises:
        ConfigError: another model, one named twice, `model` not among `models`, or a share or
            level outside (0, 1).
        FitError: a person with fewer than two choices.
    """
    if not (0 < held_out < 1 and 0 < level < 1):
        raise ConfigError(
            f"fit_choices: held_out and level must lie in (0, 1); got {held_out!r} and {level!r}"
        )
    known: Mapping[str, ChoiceModel | None] = MODELS.get(data.kind, {"logit": None})
    compared = _compared(data.kind, model, models, tuple(known))
    if data.kind == "travel":
        return fit_travel(data, held_out=held_out, level=level, seed=seed)
    best = model is None and models is not None
    return _fit(data, [MODELS[data.kind][name] for name in compared], best, held_out, level, seed)


def _compared(
    kind: str, model: str | None, models: Sequence[str] | None, known: tuple[str, ...]
) -> list[str]:
    """Names of the models that are compared; the first is the one that was asked for."""
    asked = list(known if models is None else models)
    if models is None and model is not None:
        asked = [model]
    if not asked or len(set(asked)) < len(asked):
        raise ConfigError(f"fit_choices: models must be some of {', '.join(known)}, each once")
    for name in asked:
        one_of(f"fit_choices: model of {kind}", name, known)
    if model is None:
        return asked
    one_of("fit_choices: model (among models)", model, asked)
    return [model, *(name for name in asked if name != model)]


# ---------------------------------------------------------------- on a grid


@dataclass(frozen=True, kw_only=True, eq=False)
class _Problems:
    """The Q different problems, and who chose what how often."""

    columns: dict[str, Floats]
    place: Ints
    """(n,) which problem each choice was."""
    taken: Floats
    """(Q, N) times that option 1 was taken."""
    left: Floats
    """(Q, N) times that option 0 was."""


def _problems(data: ChoiceData) -> _Problems:
    table = np.stack(list(data.columns.values()), axis=1)
    different, place = np.unique(table, axis=0, return_inverse=True)
    place = place.reshape(-1)  # NumPy 2.0 alone gives a column
    shape = (len(different), len(data.subjects))
    taken, left = (_count(shape, place, data.subject, data.chosen == c) for c in (1, 0))
    columns = dict(zip(data.columns, different.T, strict=True))
    return _Problems(columns=columns, place=place, taken=taken, left=left)


def _count(shape: tuple[int, int], place: Ints, subject: Ints, kept: Bools) -> Floats:
    found = np.zeros(shape)
    np.add.at(found, (place[kept], subject[kept]), 1.0)
    return found


def _mesh(axes: tuple[Axis, ...]) -> list[Floats]:
    """Each parameter's value in each of the U cells, (U, 1)."""
    grids = np.meshgrid(*(axis.values for axis in axes), indexing="ij")
    return [grid.reshape(-1, 1) for grid in grids]


def _log_likelihoods(
    model: ChoiceModel, columns: dict[str, Floats], taken: Floats, left: Floats
) -> Iterator[tuple[Floats, Floats]]:
    """Of each temperature in turn: log P(option 1) (U, Q), and the log likelihood (U, M) of each
    of M columns of counts (Q, M), in nats.

    log(1 - p) = log p - x with p = expit(x): one transcendental a problem and cell serves both.
    """
    advantage = model.advantage(columns, *_mesh(model.axes))
    lost, both = advantage @ left, taken + left
    for beta in model.temperature.values:
        log_p = log_expit(beta * advantage)
        yield log_p, log_p @ both - beta * lost


def _log_likelihood(model: ChoiceModel, problems: _Problems) -> Floats:
    """(T, U, N) of all choices, of each temperature, cell and person."""
    each = _log_likelihoods(model, problems.columns, problems.taken, problems.left)
    return np.stack([table for _, table in each])


def _posterior(log_likelihood: Floats) -> Floats:
    """(T, U, N) probability of each cell, from log likelihoods; sums to 1 over T and U."""
    p = np.exp(log_likelihood - log_likelihood.max(axis=(0, 1)))
    return np.asarray(p / p.sum(axis=(0, 1)))


def _predicted(
    model: ChoiceModel, columns: dict[str, Floats], taken: Floats, left: Floats
) -> Floats:
    """(Q, M) posterior probability that option 1 is taken, given each of M columns of counts.

    sum_cells P(1 | cell) L(cell) / sum_cells L(cell), in one pass: what is summed is kept relative
    to the largest likelihood so far.
    """
    top = np.full(taken.shape[1], -np.inf)
    mass, found = np.zeros(taken.shape[1]), np.zeros(taken.shape)
    for log_p, table in _log_likelihoods(model, columns, taken, left):
        higher = np.maximum(top, table.max(axis=0))
        weights = np.exp(table - higher)
        fall = np.exp(top - higher)
        mass = fall * mass + weights.sum(axis=0)
        found *= fall
        found += np.exp(log_p).T @ weights
        top = higher
    return found / mass


def _foretold(model: ChoiceModel, problems: _Problems, data: ChoiceData, folds: Ints) -> Forecast:
    """Each choice from the posterior of the other folds; the mean over deals (DEALS, n)."""
    shape, count = problems.taken.shape, int(folds.max()) + 1

    def others(option: int, whole: Floats) -> Floats:
        """(Q, DEALS * count * N) how often the option was taken in all folds but one."""
        kept = data.chosen == option
        return np.concatenate([
            whole - _count(shape, problems.place, data.subject, kept & (fold == f))
            for fold in folds for f in range(count)
        ], axis=1)  # fmt: skip

    p = _predicted(model, problems.columns, others(1, problems.taken), others(0, problems.left))
    of = p.reshape(shape[0], len(folds), count, shape[1])
    each = [of[problems.place, deal, fold, data.subject] for deal, fold in enumerate(folds)]
    return Forecast.average([
        Forecast.of(model.name, np.stack([1 - one, one], axis=1), data.chosen) for one in each
    ])  # fmt: skip


def _fit(
    data: ChoiceData,
    models: Sequence[ChoiceModel],
    best: bool,
    held_out: float,
    level: float,
    seed: int,
) -> ChoicePosterior:
    """The posterior of the first model, or of the best, and held-out figures of all."""
    count = fold_count(held_out)
    folds = deal_choices(data, count, seed)
    problems = _problems(data)
    forecasts = [_foretold(model, problems, data, folds) for model in models]
    if best:
        nats = [-np.inf if of.nats is None else float(of.nats.mean()) for of in forecasts]
        order = sorted(range(len(models)), key=lambda m: -nats[m])
        models, forecasts = [models[m] for m in order], [forecasts[m] for m in order]
    comparison = compare(
        [*forecasts, *baselines(data, folds)], data.subject, data.subjects, folds=count, level=level
    )
    whole = _log_likelihood(models[0], problems)
    return _told(data, models[0], problems, whole, comparison, seed)


def _told(
    data: ChoiceData,
    model: ChoiceModel,
    problems: _Problems,
    log_likelihood: Floats,
    comparison: Comparison,
    seed: int,
) -> ChoicePosterior:
    """Everybody's parameters from the log likelihood (T, U, N) of all choices."""
    level = comparison.level
    axes = [*model.axes, model.temperature]
    shape = tuple(len(axis.values) for axis in axes)
    posterior = _posterior(log_likelihood)

    def on_axes(table: Floats) -> Floats:
        return np.moveaxis(table, 0, 1).reshape(*shape, -1)

    def others(i: int) -> tuple[int, ...]:
        return tuple(j for j in range(len(shape)) if j != i)

    free = [i for i, axis in enumerate(axes) if len(axis.values) > 1]
    cells, heights = on_axes(posterior), on_axes(log_likelihood)
    marginals = [(axes[i], cells.sum(axis=others(i))) for i in free]
    median, low, high = (
        np.stack([axis.quantile(weights, share) for axis, weights in marginals], axis=1)
        for share in (0.5, (1 - level) / 2, (1 + level) / 2)
    )
    profiles = [profile_interval(axes[i], heights.max(axis=others(i)), level) for i in free]
    fixed = tuple(i for i in range(len(axes)) if i not in free)
    return ChoicePosterior(
        kind=data.kind, source=data.source, model=model.name, subjects=data.subjects,
        parameters=tuple(axis.name for axis, _ in marginals),
        units=tuple(axis.unit for axis, _ in marginals), median=median, low=low, high=high,
        profile_low=np.stack([ends[0] for ends in profiles], axis=1),
        profile_high=np.stack([ends[1] for ends in profiles], axis=1),
        at_edge=np.stack([weights[0] + weights[-1] for _, weights in marginals], axis=1),
        level=level, group=_group(marginals, (median, low, high), level, seed),
        n_choices=len(data), comparison=comparison,
        trade_offs=trade_offs([axes[i] for i in free], cells.sum(axis=fixed)),
        undecided=_undecided(model, problems, posterior), cautions=cautions(data),
    )  # fmt: skip


def _group(
    marginals: list[tuple[Axis, Floats]],
    own: tuple[Floats, Floats, Floats],
    level: float,
    seed: int,
) -> tuple[Figure, ...]:
    """The median of the subjects' medians, and an interval of the median in the population.

    Each replicate draws persons, with replacement, and each person's parameters from that person's
    posterior. Medians of posterior medians are pulled towards the flat prior where trials are few,
    and so are these draws: the interval therefore spans both them and draws under a prior fitted
    to the group (`_fitted_prior`). `own` are the median and the ends of each person's own
    interval, (N, P): of a single person the group's interval is that person's.

    Measured on 40 planted groups of 30 people (k about 0.02, beta about 0.3), nominal 95 %: k is
    covered in 88 % at 10 trials a person, 90 % at 20, 98 % at 108; beta in 100, 100 and 100 %.
    """
    rng = stream(seed, "preferences", "choices", "bootstrap")
    count = len(own[0])
    persons = rng.integers(count, size=(_BOOTSTRAP, count))
    figures = []
    for p, (axis, weights) in enumerate(marginals):
        value = float(np.median(own[0][:, p]))
        ends = [np.array([value, own[1][0, p], own[2][0, p]] if count == 1 else [value])]
        for prior in (np.ones(len(weights)), _fitted_prior(axis, weights)) if count > 1 else ():
            drawn = axis.draw(prior[:, None] * weights, _BOOTSTRAP, rng)
            medians = np.median(np.take_along_axis(drawn, persons, axis=1), axis=1)
            ends.append(np.quantile(medians, ((1 - level) / 2, (1 + level) / 2)))
        span = np.concatenate(ends)
        figures.append(Figure(
            name=f"group median {axis.name}", unit=axis.unit, value=value,
            low=float(span.min()), high=float(span.max()),
            note=_doubt(axis, weights, own[0][:, p]),
        ))  # fmt: skip
    return tuple(figures)


def _fitted_prior(axis: Axis, weights: Floats) -> Floats:
    """(g,) a normal on the axis's own scale, its mean and deviation fitted to the posteriors
    (g, N), which are likelihoods as the prior is flat: expectation maximisation, the deviation at
    least one cell."""
    x = axis.scaled(axis.values)
    mean, deviation = float((x @ weights).mean() / weights.sum(axis=0).mean()), np.ptp(x) / 6
    prior = np.ones(len(x))
    for _ in range(_ROUNDS):
        prior = np.exp(-0.5 * ((x - mean) / deviation) ** 2)
        each = prior[:, None] * weights
        each /= np.maximum(each.sum(axis=0), _FLOOR)
        mean = float((x @ each).mean())
        deviation = max(np.sqrt(((x - mean) ** 2 @ each).mean()), x[1] - x[0])
    return prior


def _doubt(axis: Axis, weights: Floats, medians: Floats) -> str:
    """What to doubt about a group's median, if anything."""
    if len(medians) == 1:
        return "one person: it says nothing of others"
    within, between = axis.spread(weights).mean(), axis.scaled(medians).std(ddof=1)
    if within <= _LOOSE * between:
        return ""
    share = f"{within / between:.1f} times" if between > 0 else "more than"
    return (
        f"what is uncertain about each person is {share} the spread between people: few trials, "
        "and the median is pulled towards the flat prior"
    )


# ---------------------------------------------------------------- what no behaviour decides


def _undecided(model: ChoiceModel, data: _Problems, posterior: Floats) -> tuple[Undecided, ...]:
    """Each pair of readings evaluated on the data at each person's likeliest cell."""
    best = posterior.reshape(-1, posterior.shape[2]).argmax(axis=0)
    temperature, cell = np.unravel_index(best, posterior.shape[:2])
    beta = model.temperature.values[temperature][:, None]
    cells = [values[cell] for values in _mesh(model.axes)]
    taken, left = data.taken.T, data.left.T
    seen = taken + left > 0
    advantage = model.advantage(data.columns, *cells)

    def likelihood(advantage: Floats, beta: Floats) -> Floats:
        x = beta * advantage
        return np.asarray((log_expit(x) * taken + log_expit(-x) * left).sum(axis=1))

    def undecided(
        name: str, statement: str, other: Floats, other_beta: Floats, utility: Floats
    ) -> Undecided:
        gap = np.abs(likelihood(advantage, beta) - likelihood(other, other_beta)).max()
        differs = (np.sign(advantage) != np.sign(utility))[seen].mean()
        return Undecided(
            name=name, statement=statement, gap_nats=float(gap), advice_differs=float(differs)
        )

    as_bias = model.advantage(data.columns, *cells, as_bias=True)
    opposite, stretched = -advantage, _SCALE * advantage
    return (
        undecided("bias", model.bias, as_bias, beta, model.unbiased(data.columns, *cells)),
        undecided(
            "sign",
            "whether the person chooses what they want, or wants the opposite and chooses against "
            "it: utility and planner may both be negated",
            opposite, -beta, opposite,
        ),
        undecided(
            "scale",
            "how much is at stake for the person, or how steadily they choose: the scale of "
            f"utility and the inverse temperature {model.temperature.name} are one number, their "
            "product",
            stretched, beta / _SCALE, stretched,
        ),
    )  # fmt: skip
