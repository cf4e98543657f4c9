"""An audit of preferences as one page: `preferences_page(folder)`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from precocial import io
from precocial.preferences.auditing.record import AUDIT, AuditRecord
from precocial.report import preferences_figures as pictures
from precocial.report.figures import svg
from precocial.report.page import Code, Listing, Page, Part, Picture, Section, Table, Text, quantity

EVEN = 0.05
"""The sign counts as open if both signs have at least this share of the posterior (ours)."""


def preferences_page(path: io.PathLike) -> Page:
    """What an audit found, as sections.

    Args:
        path: a folder with audit.json, or that file.

    Raises:
        DataError: no audit there, or a malformed one.
    """
    place = Path(path)
    record = AuditRecord.read(place / AUDIT if place.is_dir() else place)
    name = place.resolve().name if place.is_dir() else place.resolve().parent.name
    return Page(
        title=f"What can be told from behaviour? {name}",
        headline=headline(record),
        figures=_figures(record),
        sections=tuple(make(record) for make in SECTIONS),
    )


def headline(record: AuditRecord) -> str:
    """What is decided, under which assumptions, in a sentence or two."""
    given = f"Assuming {' and '.join(record.assumptions)}: " if record.assumptions else ""
    left = f"{record.prior_bits - record.entropy_bits:.1f} of {record.prior_bits:.1f} bits decided"
    lost = (
        f"acting for the average reward would lose {100 * record.regret.expected:.0f} % of what is "
        f"at stake ({100 * record.regret.expected_of_uniform:.0f} % at random)"
    )
    if sign_is_open(record):
        return (
            f"{given}{left}, but not the sign of what is wanted: wishing it and avoiding it "
            f"explain this behaviour alike, and {lost}. An assumption must decide; see what each "
            "would."
        )
    best = record.pairs[0]
    pair = f"{best.reward} with the planner {best.planner} ({100 * best.probability:.0f} %)"
    found = (
        f"likeliest is {pair}" if best.probability >= 0.5 else f"no pair is likely, at best {pair}"
    )
    by_list = "" if record.assumptions or not record.without_twin else (
        f" The sign is not behaviour's word: {record.without_twin} of {record.planners} planners "
        "were listed without their negation."
    )  # fmt: skip
    return f"{given}{left}; {found}, and {lost}.{by_list}"


def sign_is_open(record: AuditRecord) -> bool:
    """Is the posterior shared between pairs and their negations?"""
    turned = sum(row.probability for row in record.families if row.planner.startswith("-("))
    return EVEN < turned < 1 - EVEN


def _figures(record: AuditRecord) -> tuple[tuple[str, str, str], ...]:
    seen, regret = record.coverage, record.regret
    return (
        ("seen", f"{seen.steps:,} steps", f"{seen.episodes} episodes, {seen.visited} of "
         f"{seen.states} states"),
        ("pairs weighed", f"{record.planners * record.rewards:,}",
         f"{record.planners} planners, {record.rewards} rewards"),
        ("not decided", f"{record.entropy_bits:.2f} bits", f"of {record.prior_bits:.2f}"),
        ("regret if deployed", f"{100 * regret.expected:.0f} %",
         f"worst {100 * regret.worst:.0f} % among likely pairs"),
    )  # fmt: skip


# ---------------------------------------------------------------- sections


def coverage(record: AuditRecord) -> Section:
    """What was seen."""
    seen = record.coverage
    text = (
        f"{seen.steps:,} actions in {seen.episodes} episodes; {seen.visited} of {seen.states} "
        f"states in which one can act. Where something was done, the choice of action has "
        f"{seen.choice_entropy_bits:.2f} bits of entropy, of at most "
        f"{seen.largest_entropy_bits:.2f}: near the top, behaviour says little."
    )
    parts: list[Part] = [Text(text=text)]
    rows = [
        {"state": name, "times seen": seen.visits[s]}
        for s, name in enumerate(record.world.state_names)
    ]
    table = Table.of(rows, title="Times seen, by state", folded=True)
    if record.world.grid:
        what = "Where something was seen, and what would be done for the average reward."
        drawn = svg(lambda figure: pictures.visited_grid(figure, record), what, width=5, height=4)
        parts.append(Picture(svg=drawn, caption=what, table=table))
    else:
        parts.append(table)
    return Section(key="coverage", title="What was seen", parts=tuple(parts))


def families(record: AuditRecord) -> Section:
    """The best pair of each family."""
    rows = record.families
    table = Table.of([
        {"planner": r.planner, "its best reward": r.reward, "posterior": r.probability,
         "held-out nats an action": r.held_out_nats, "of the reward": r.held_out_reward,
         "at random": r.uniform_nats,
         "bits of the pair": r.bits}
        for r in rows
    ], title="Every planner with its best reward")  # fmt: skip
    what = "Posterior of each planner, and how well it foretells episodes it was not fitted to."
    shown = rows[: pictures.MAX_BARS]
    drawn = svg(
        lambda figure: pictures.families(figure, shown), what,
        width=8.2, height=1.2 + 0.28 * len(shown),
    )  # fmt: skip
    return Section(key="families", title="Which planner, with which reward", parts=(
        Text(text="Each planner is shown with the reward that suits it best. A planner and its "
             "negation, -(…), tie when their rewards are opposite: no behaviour parts them."),
        Picture(svg=drawn, caption=what, table=table),
        Table.of([{"planner": p.planner, "reward": p.reward, "probability": p.probability}
                  for p in record.pairs], title="The likeliest pairs"),
    ))  # fmt: skip


def ambiguity(record: AuditRecord) -> Section:
    """How far apart the rewards are that fit."""
    rows = sorted(record.values, key=lambda row: row.low - row.high)[: 2 * pictures.MAX_BARS]
    table = Table.of([
        {"state": r.state, "times seen": r.visits, "low": r.low, "median": r.median,
         "high": r.high, "worth more than the first": r.more_than_first,
         "worth less": r.less_than_first}
        for r in record.values
    ], title="By state")  # fmt: skip
    what = (
        "95 % intervals, over the posterior, of the mean reward of the moves that lead to a state."
    )
    drawn = svg(
        lambda figure: pictures.value_intervals(figure, rows), what,
        width=7, height=1.2 + 0.25 * len(rows),
    )  # fmt: skip
    return Section(key="ambiguity", title="What is ambiguous", parts=(
        Text(text="Among the rewards that were listed, and only among them, beside state "
             f"{record.anchor}. The widest intervals come first; one that holds 0 leaves open "
             "whether the state is wanted more."),
        Text(text="Two rewards drawn from the posterior are, on average, "
             f"{quantity(record.apart.mean)} apart in STARC distance (0: alike but for scale and "
             "shaping; 1: opposite), and "
             f"more than a half apart with probability {quantity(record.apart.far)}."),
        Picture(svg=drawn, caption=what, table=table),
    ))  # fmt: skip


def regret(record: AuditRecord) -> Section:
    """What deploying would lose, and whose fault it is."""
    found = record.regret
    rows = [
        {"comes from": row.part, "expected regret (return)": row.regret, "share": row.share,
         "and": row.why}
        for row in record.split
    ]  # fmt: skip
    policy = [
        {"state": r.state, "action": r.action, "optimal for (share of posterior)": r.optimal_for}
        for r in record.policy
    ]
    return Section(key="regret", title="What acting on it would lose", parts=(
        Text(text=f"The policy that is optimal for the average reward loses "
             f"{quantity(100 * found.expected)} % of what is at stake (best minus worst return) in "
             f"expectation, and {quantity(100 * found.worst)} % under the worst pair that is "
             f"at least {found.threshold:g} times as likely as the likeliest (its probability is "
             f"{quantity(found.worst_probability)}). Acting at random would lose "
             f"{quantity(100 * found.expected_of_uniform)} %. The pairs counted hold "
             f"{quantity(100 * found.kept)} % of the posterior."),
        Text(text="The parts below are in returns, peeled off in this order."),
        Table.of(rows, title="Where the regret comes from"),
        Table.of(policy, title="What would be done", folded=True),
    ))  # fmt: skip


def deciding(record: AuditRecord) -> Section:
    """What would decide."""
    rows = record.decides
    table = Table.of([
        {"what": r.what, "bits": r.bits, "cost": r.cost,
         "bits per cost": r.bits / r.cost if r.cost else None, "kind": r.kind,
         "worst regret removed": r.worst_regret_removed}
        for r in rows
    ], title="Ranked by bits per cost; what costs nothing first")  # fmt: skip
    what = "What one more datum, or one assumption, would tell about planner and reward."
    drawn = svg(
        lambda figure: pictures.deciding(figure, rows), what,
        width=8.2, height=1.2 + 0.5 * len(rows),
    )  # fmt: skip
    return Section(key="deciding", title="What would decide", parts=(
        Text(text="An assumption costs no data. It is a judgement of yours, not a finding: "
             "behaviour cannot confirm it."),
        Picture(svg=drawn, caption=what, table=table),
    ))  # fmt: skip


def undecidable(record: AuditRecord) -> Section:
    """What no behaviour decides."""
    items = tuple(
        (row.what[:1].upper() + row.what[1:], row.why + ".") for row in record.undecidable
    )
    return Section(
        key="undecidable", title="What no behaviour can decide", parts=(Listing(items=items),)
    )


def making(record: AuditRecord) -> Section:
    """Doubts, assumptions, and the command."""
    parts: list[Part] = []
    if record.notes:
        parts.append(
            Listing(
                items=tuple((f"Doubt {n}", note + ".") for n, note in enumerate(record.notes, 1))
            )
        )
    rows = [
        {"what": "assumptions made", "value": ", ".join(record.assumptions) or "none"},
        {"what": "discount", "value": f"{record.world.discount:g}"},
        {"what": "seed", "value": str(record.seed)},
    ]
    parts.append(Table.of(rows, title="This audit"))
    if record.command:
        parts += [Text(text="The command that makes it again:"), Code(text=record.command)]
    return Section(key="making", title="What to doubt, and how it was made", parts=tuple(parts))


SECTIONS: tuple[Callable[[AuditRecord], Section], ...] = (
    coverage, families, ambiguity, regret, deciding, undecidable, making,
)  # fmt: skip
