"""An audit of preferences as one page: `preferences_page(folder)`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from precocial import io
from precocial.preferences.auditing.record import AUDIT, AuditRecord, Fit, Interval, Resampled
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
    """Whether anything fits, and what is decided, under which assumptions: a few sentences."""
    warned = "" if record.fit.explains else f"{misfit(record)} The least bad: "
    given = f"Assuming {' and '.join(record.assumptions)}: " if record.assumptions else ""
    given = warned + given
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


def misfit(record: AuditRecord) -> str:
    """That even the best pair does not explain what was seen, in a sentence."""
    fit = record.fit
    return (
        f"Not even the best pair explains what was seen: {fit.reward} with the planner "
        f"{fit.planner} would look at least so far off {_times(fit)}, by "
        f"{quantity(fit.misfit_nats)} nats an action (choosing at random: "
        f"{quantity(fit.random_nats)})."
    )


def _times(fit: Fit) -> str:
    times = round(fit.p_value * (fit.replicates + 1)) - 1
    return f"in {times} of {fit.replicates} replicates"


def sign_is_open(record: AuditRecord) -> bool:
    """Is the posterior shared between pairs and their negations?"""
    turned = sum(row.probability for row in record.families if row.planner.startswith("-("))
    return EVEN < turned < 1 - EVEN


def _figures(record: AuditRecord) -> tuple[tuple[str, str, str], ...]:
    seen, regret = record.coverage, record.regret
    return (
        ("seen", f"{seen.steps:,} steps", f"{seen.episodes} episodes, {seen.visited} of "
         f"{seen.states} states"),
        ("not decided", f"{record.entropy_bits:.2f} bits", f"of {record.prior_bits:.2f}: "
         f"{record.planners} planners, {record.rewards} rewards"),
        ("fit of the best pair", f"p = {quantity(record.fit.p_value)}",
         "explains" if record.fit.explains else f"does not explain: below {record.fit.threshold}"),
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
    told, off = _fit(record)
    return Section(key="families", title="Which planner, with which reward", parts=(
        Text(text="Each planner is shown with the reward that suits it best. A planner and its "
             "negation, -(…), tie when their rewards are opposite: no behaviour parts them."),
        told,
        Picture(svg=drawn, caption=what, table=table),
        Table.of([{"planner": p.planner, "reward": p.reward, "probability": p.probability}
                  for p in record.pairs], title="The likeliest pairs"),
        off,
    ))  # fmt: skip


def _fit(record: AuditRecord) -> tuple[Part, Part]:
    """Whether the best pair explains, and where it is most off."""
    fit = record.fit
    how = (
        "In a replicate the pair itself acts as often in each state as was seen there, and the "
        "likely pairs are fitted anew."
    )
    text = (
        f"The pair that fits best, {fit.reward} with the planner {fit.planner}, could have done "
        f"this: it would look at least so far off {_times(fit)}. {how}"
        if fit.explains
        else f"{misfit(record)} {how} What follows is about the least bad of the pairs that were "
        "listed; list other planners or rewards before you rely on it."
    )
    rows = [
        {"state": r.state, "times seen": r.visits, "action": r.action, "share seen": r.seen,
         "share foretold": r.foretold}
        for r in fit.rows
    ]  # fmt: skip
    tone = "plain" if fit.explains else "refusal"
    return Text(text=text, tone=tone), Table.of(
        rows, title="Where the best pair is most off", folded=fit.explains
    )


def ambiguity(record: AuditRecord) -> Section:
    """What behaviour leaves open about the reward, and what only the list settles."""
    found = record.ambiguous
    table = Table.of([
        {"state": r.state, "over": r.over, "kind": "posterior" if r.over == "the list" else "exact",
         "low": r.low, "high": r.high, "more or less than the anchor": _order(r)}
        for r in found.rows
    ], title="By state and set of rewards")  # fmt: skip
    listed = Table.of([
        {"state": r.state, "times seen": r.visits, "low": r.low, "median": r.median,
         "high": r.high, "worth more than the anchor": r.more_than_first,
         "worth less": r.less_than_first}
        for r in record.values
    ], title="Over the list alone, every state", folded=True)  # fmt: skip
    what = (
        f"What arriving at a state may be worth beside {record.anchor}. Thin: every reward; "
        "middling: every weighting of the features; both exact. Thick: 95 % of the posterior over "
        "the list, and no wider than the list."
    )
    drawn = svg(
        lambda figure: pictures.intervals(figure, found.rows), what,
        width=7, height=1.4 + 0.42 * max(found.settled.states, 1),
    )  # fmt: skip
    return Section(key="ambiguity", title="What is ambiguous", parts=(
        *(Text(text=text) for text in (_exactly(record), *_free(record), _settles(record))),
        Picture(svg=drawn, caption=what, table=table),
        listed,
        Text(text="Two rewards drawn from the posterior, so from the list, are on average "
             f"{quantity(record.apart.mean)} apart in STARC distance (0: alike but for scale and "
             "shaping; 1: opposite), and "
             f"more than a half apart with probability {quantity(record.apart.far)}."),
    ))  # fmt: skip


def _order(row: Interval) -> str:
    return "open" if not row.settles else "more" if row.low > 0 else "less"


def _exactly(record: AuditRecord) -> str:
    """What the exact intervals take for granted, or why there are none."""
    found = record.ambiguous
    if found.status == "no exact tool":
        return (
            f"Intervals here are over the list alone: {found.why}. A reward that was not listed "
            "may lie anywhere."
        )
    given = (
        f"The planner taken as known is {found.planner}"
        f"{' or its negation' if found.both_signs else ''} "
        f"({100 * found.probability:.0f} % of the posterior)"
    )
    if found.status != "exact":
        return f"{given}. No exact interval of some sets: {found.why}."
    return (
        f"{given}. An exact interval holds the difference for every reward with |R(s, a)| at most "
        f"{found.bound:g} that makes it do what was seen, with {100 * found.confidence:g} % "
        "confidence for the counts. The reward of a state is the mean of R(s, a) over the moves "
        "that lead to it, by how often they are seen or likely. With another planner in its place "
        "the intervals are others."
    )


def _free(record: AuditRecord) -> tuple[str, ...]:
    free = record.ambiguous.free
    if free is None:
        return ()
    return (
        f"Were it known exactly what is done where it was seen, {free.rewards} directions of the "
        f"{free.numbers} numbers R(s, a) would still be free: {free.unseen} for actions of which "
        "no more than a bound is known, the others because they change nothing that this planner "
        f"does. Of the rewards that the {free.features} listed features make, {free.weightings} "
        "directions would be.",
    )


def _settles(record: AuditRecord) -> str:
    done = record.ambiguous.settled
    what = f"Whether a state is worth more than {record.anchor} is settled for"
    of = f"{done.states} states here (those likeliest to be arrived at, and the best paid)"
    if not done.behaviour + done.features + done.by_list:
        return f"{what} none of the {of}."
    return (
        f"{what} these of the {of}: {done.behaviour} by behaviour, whatever the reward; "
        f"{done.features} more if the reward is a weighting of the listed features; {done.by_list} "
        "more only because of what is on the list, which is no word of behaviour's."
    )


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
        {"what": r.what, "bits": r.bits, "standard error": r.standard_error, "cost": r.cost,
         "bits per cost": r.bits / r.cost if r.cost else None, "kind": r.kind,
         "directions left": r.directions_left, "worst regret removed": r.worst_regret_removed}
        for r in rows
    ], title="Ranked by bits per cost; what costs nothing first")  # fmt: skip
    what = "What one more datum, or one assumption, would tell about planner and reward."
    drawn = svg(
        lambda figure: pictures.deciding(figure, rows), what,
        width=8.2, height=1.2 + 0.5 * len(rows),
    )  # fmt: skip
    return Section(key="deciding", title="What would decide", parts=(
        Text(text="An assumption costs no data. It is a judgement of yours, not a finding: "
             "behaviour cannot confirm it. Bits of whole demonstrations are means over simulated "
             "ones. Costs are ours until you give your own."),
        Picture(svg=drawn, caption=what, table=table),
        *_second(record),
    ))  # fmt: skip


def _second(record: AuditRecord) -> tuple[Part, ...]:
    """What endless behaviour in a second world would leave open."""
    rows = [row for row in record.decides if row.directions_left is not None]
    if not rows:
        return ()
    best = min(rows, key=lambda row: row.directions_left or 0)
    live = record.world.states - len(record.world.terminal)
    return (
        Text(text=f"In this world alone a noisily rational person leaves {live} directions of the "
             f"reward open for ever. Endless data of this kind too, {best.what}, would leave "
             f"{best.directions_left} (a constant counts as one)."),
    )  # fmt: skip


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
        {"what": "world", "value": _source(record.resampled)},
        {"what": "seed", "value": str(record.seed)},
    ]
    parts += [*_worlds(record.resampled), Table.of(rows, title="This audit")]
    if record.command:
        parts += [Text(text="The command that makes it again:"), Code(text=record.command)]
    return Section(key="making", title="What to doubt, and how it was made", parts=tuple(parts))


def _source(drawn: Resampled) -> str:
    return {
        "given": "given, taken as it is",
        "counted": f"counted; {drawn.worlds} others drawn from the counts",
        "counted, taken as exact": "counted from transitions, and taken as exact",
    }[drawn.source]


def _worlds(drawn: Resampled) -> tuple[Part, ...]:
    """How far the main answers move when a counted world is drawn again."""
    unseen = f"{100 * drawn.unvisited:.0f} % of its states and actions were never tried"
    if drawn.source == "given":
        return ()
    if not drawn.rows:
        return (
            Text(text="The world was counted from transitions and is taken as exact here: how far "
                 f"the answers hang on it was not asked, and {unseen}.", tone="refusal"),
        )  # fmt: skip
    rows = [
        {"answer": r.what, "in the mean world": r.here, "least": r.low, "most": r.high}
        for r in drawn.rows
    ]
    return (
        Text(text=f"The world was counted from transitions; {unseen}, and there it is the prior's "
             f"guess. In {drawn.worlds} worlds drawn from what the counts leave open, the "
             f"likeliest pair stays the likeliest in {drawn.best_stays}."),
        Table.of(rows, title="How far the answers hang on the world"),
    )  # fmt: skip


SECTIONS: tuple[Callable[[AuditRecord], Section], ...] = (
    coverage, families, ambiguity, regret, deciding, undecidable, making,
)  # fmt: skip
