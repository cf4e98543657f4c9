"""The last sections of a transfer report: what to buy, the claims, the doubts, how it was made."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from precocial.errors import ConfigError, FitError
from precocial.io import Row, dumps
from precocial.report.findings import Findings
from precocial.report.page import Code, Listing, Part, Section, Table, Text, quantity
from precocial.runs import Verdict, duration, judge
from precocial.transfer import CLAIMS, Flag, Have, Prices, TransferFit
from precocial.transfer import plan as decide

EXAMPLE_PRICES = {"data": 1e-6, "flop": 1e-17}
"""Ours, for a sweep that names no prices: a millionth for a unit of data, 1 for 1e17 FLOPs."""
TARGET = 0.97
"""The example plan asks for a loss of this share of today's."""
_PAPER = "Hernandez et al. 2021, "
_HEADS = {"money_low": "low", "money_high": "high", "best_in": "share of draws where cheapest"}
_MARKS = {
    Verdict.reproduced: "✓",
    Verdict.contradicted: "✗",
    Verdict.not_tested: "?",
    Verdict.not_applicable: "–",
}
_COMMAND, _SECONDS = "command", "seconds"


# ---------------------------------------------------------------- plan


def plan(findings: Findings) -> Section:
    """What the largest model with the middle amount of data should be given next."""
    fit, given = findings.fit, findings.sweep.get("prices")
    table = fit.table.pretrained
    D_pre = table.D_pre[table.D_pre > 0]
    if not len(D_pre) or np.isnan(table.N).any():
        raise FitError(
            "a plan needs the sizes N and the pre-training data D_pre of the runs; add both "
            "columns to the table"
        )
    prices = _prices(given)
    N = float(table.N.max())
    D_F = float(np.quantile(table.D_F[table.D_F > 0], 0.5, method="lower"))
    have = Have(parameters=N, fine_tune_data=D_F, pretrain_data=float(np.median(D_pre)))
    now = _loss_now(fit, have.parameters, have.fine_tune_data, have.pretrain_data)
    found = decide(fit, have=have, prices=Prices(**prices), target_loss=TARGET * now)
    stand = (
        f"From {quantity(N)} parameters and {quantity(D_F, findings.unit)} to a loss "
        f"{1 - TARGET:.0%} lower, at {'the sweep’s' if given else 'example'} prices: "
        f"{quantity(prices['data'])} for a unit of data, {quantity(prices['flop'])} a FLOP."
    )
    return plan_section(found.statement, found.rows(), stand=stand, left_out=found.left_out)


def plan_section(
    statement: str,
    rows: Sequence[Row],
    *,
    stand: str = "",
    left_out: Sequence[tuple[str, str]] = (),
) -> Section:
    """A plan's statement and options as a section.

    `stand` says from where and at what prices, `left_out` which options are not weighed and why.
    """
    parts: list[Part] = [Text(text=statement[:1].upper() + statement[1:] + ".", tone="lead")]
    if stand:
        parts.append(Text(text=stand))
    parts.append(Table.of([{_HEADS.get(k, k): value for k, value in row.items()} for row in rows]))
    parts += [Text(text=f"Not weighed: {name}, because {why}.") for name, why in left_out]
    return Section(key="plan", title="What to buy next", parts=tuple(parts))


def _prices(given: Any) -> dict[str, float]:
    if not given:
        return EXAMPLE_PRICES
    allowed = ("data", "flop", "pretrain_data", "passes")
    if not isinstance(given, dict) or not {"data", "flop"} <= set(given) <= set(allowed):
        raise FitError(
            f"prices in sweep.json must be an object of {', '.join(allowed)}; got {given!r:.80}"
        )
    if any(isinstance(v, bool) or not isinstance(v, int | float) for v in given.values()):
        raise FitError(f"prices in sweep.json must be numbers; got {given!r:.80}")
    return {name: float(value) for name, value in given.items()}


def _loss_now(fit: TransferFit, N: float, D_F: float, D_pre: float) -> float:
    size, data, before = (np.array([value]) for value in (N, D_F, D_pre))
    log_D_T = fit.tau @ fit.terms.regressors(data, size, before)
    D_E: NDArray[np.float64] = np.exp(np.logaddexp(np.log(data), log_D_T))
    return float(np.exp(fit.surface.log_loss(size, D_E)[0, 0]))


# ---------------------------------------------------------------- claims


def claims(findings: Findings) -> Section:
    """The paper's statements, judged on these runs."""
    return claims_section(judge(CLAIMS, findings.evidence))


def claims_section(rows: Sequence[Row]) -> Section:
    """Rows of `runs.judge` as a section: both figures and the verdict."""
    counts = {word: sum(row["verdict"] == word.value for row in rows) for word in Verdict}
    said = ", ".join(f"{count} {word.value}" for word, count in counts.items() if count)
    shown = [
        {
            "verdict": f"{_MARKS[Verdict(row['verdict'])]}\u00a0{row['verdict']}",
            "statement": row["statement"], "paper": row["figure"],
            "ours": row["ours"], "interval": _interval(row["interval"]),
            "tolerance": row["tolerance"], "source": row["source"].removeprefix(_PAPER),
            "note": row["note"],
        }
        for row in rows
    ]  # fmt: skip
    return Section(key="claims", title="The paper’s claims, on these runs", parts=(
        Text(text=f"Of {len(rows)} statements: {said}. Verdicts are computed from the runs; a wide "
             "interval neither confirms nor refutes."),
        Table.of(shown),
    ))  # fmt: skip


def _interval(ends: Any) -> str:
    return "" if ends is None else f"{quantity(float(ends[0]))} to {quantity(float(ends[1]))}"


# ---------------------------------------------------------------- doubts


_WORDS = {
    "beyond_low_data": "More data than the law covers",
    "not_bracketed": "Runs beyond the from-scratch curve",
    "no_curve": "Runs without a from-scratch curve",
    "few_sizes": "Few sizes",
    "few_data_levels": "Few amounts of data",
    "embeddings_counted": "Embeddings may be counted",
    "mixed_loss_units": "Losses may be in mixed units",
    "k_alpha_correlated": "k and alpha cannot be told apart",
    "vanishing_transfer": "Transfer fades",
    "zero_shot": "Zero-shot runs",
    "extrapolation": "Extrapolation",
}


def doubts(findings: Findings) -> Section:
    """Every flag, and every note of the sweep, in words."""
    notes = findings.sweep.get("notes")
    told = [note for note in notes if isinstance(note, str)] if isinstance(notes, list) else []
    return doubts_section(findings.flags(), told)


def doubts_section(flags: Iterable[Flag], notes: Iterable[str] = ()) -> Section:
    """Flags and notes of training as a section; it says so when there are none."""
    items = tuple(
        (_WORDS.get(flag.code, flag.code.replace("_", " ").capitalize()), _sentence(flag.message))
        for flag in flags
    )
    items += tuple(("How it was trained", _sentence(note)) for note in notes)
    part: Part = Listing(items=items) if items else Text(text="The checks found nothing to doubt.")
    return Section(key="doubts", title="What to doubt", parts=(part,))


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


# ---------------------------------------------------------------- making


def making(findings: Findings) -> Section:
    """Config, versions, seeds, corpora and the command that remakes it, as far as known."""
    sweep = findings.sweep
    parts: list[Part] = []
    if not sweep:
        parts.append(Text(text="This page was made from a run table alone: it does not say how its "
                          "runs were trained."))  # fmt: skip
    command = sweep.get(_COMMAND)
    if command:
        words = command if isinstance(command, str) else " ".join(map(str, _listed(command)))
        parts += [Text(text="The command that makes these runs again:"), Code(text=words)]
    if isinstance(sweep.get(_SECONDS), int | float) and not isinstance(sweep[_SECONDS], bool):
        parts.append(Text(text=f"The sweep took {duration(float(sweep[_SECONDS]))}."))
    plain = []
    for name, value in sweep.items():
        if name in (_COMMAND, _SECONDS):
            continue
        if isinstance(value, dict | list):
            parts.append(_table(name, value))
        else:
            plain.append({"what": name.replace("_", " "), "value": value})
    if plain:
        parts.append(Table.of(plain, title="Also recorded"))
    seeds = sorted({int(seed) for seed in findings.table.seed[~np.isnan(findings.table.seed)]})
    here = [
        {"what": "seeds of the runs", "value": ", ".join(map(str, seeds)) or "not recorded"},
        {"what": "seed of this page’s draws", "value": str(findings.seed)},
        {"what": "bootstrap draws", "value": str(findings.draws)},
        {"what": "Python and NumPy", "value": f"{platform.python_version()}, {np.__version__}"},
    ]
    parts.append(Table.of(here, title="This page"))
    return Section(key="making", title="How it was made", parts=tuple(parts))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [dumps(value)]


def _table(name: str, value: Any) -> Table:
    title = name.replace("_", " ").capitalize()
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        return Table.of([_flat_cells(item) for item in value], title=title)
    if isinstance(value, dict) and value and all(isinstance(v, dict) for v in value.values()):
        return Table.of(
            [{"name": key, **_flat_cells(item)} for key, item in value.items()], title=title
        )
    pairs = value.items() if isinstance(value, dict) else enumerate(value, 1)
    rows = [{"what": str(key).replace("_", " "), "value": _short(item)} for key, item in pairs]
    return Table.of(rows, title=title)


def _flat_cells(item: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _short(value) for key, value in item.items()}


def _short(value: Any) -> Any:
    """A cell: numbers and text as they are, what is nested as JSON."""
    if isinstance(value, list) and all(isinstance(v, int | float | str) for v in value):
        return ", ".join(map(str, value))
    return dumps(value) if isinstance(value, dict | list) else value


def reason(error: ConfigError | FitError) -> str:
    """Why a section is not there, as a sentence."""
    return _sentence(str(error))
