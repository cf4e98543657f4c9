"""Feedback sent back to the initial distributions: the objective, the sources, the edges."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from precocial.errors import ConfigError, FitError
from precocial.normativity.contraction import total_variation
from precocial.normativity.fitting import Fitting, fit, kl_of
from precocial.normativity.fixed_point import fixed_point
from precocial.normativity.hierarchy import Hierarchy
from precocial.normativity.levels import Level
from precocial.normativity.likelihood import Said, hear, said_of_sources, soundness_of
from precocial.normativity.sensitivity import gradient, in_logits
from precocial.normativity.sources import Sources
from tests.normativity.worlds import crowd, random_tower

PRIOR = np.array([4.0, 1.0, 0.25])


def sources_of(H: Hierarchy, floor: float = 0.02) -> Sources:
    found = Sources(prior=PRIOR, floor=floor, fixed=False, groups={}, share=10.0)
    found.known(H.statements)
    return found


def everything_said(H: Hierarchy) -> None:
    task = "task 1"
    H.feedback(level=0, task=task, item="b", source="x", confidence=0.8)
    H.feedback(level=0, task=task, item="c", source="x", value=0.3)
    H.feedback(level=0, task=task, item="a", better_than="d", source="x", value=0.9)
    H.feedback(level=0, task=task, item="a", kind="score", source="y", value=0.7)
    H.feedback(level="rules", item="rule 1", source="y", value=0.2)
    H.feedback(level="processes", item="process 2", better_than="process 5", source="y")
    H.feedback(level=9, item="process 4", value=1.0, source="x", count=3)
    H.feedback(level="whole", value=0.3, source="z", count=2)
    H.feedback(level="whole", item={"rules": "rule 0", 2: "process 1"}, source="z")
    H.feedback(level="sources", item="x", value=0.2, source="z")
    H.feedback(level="statements", item=0, value=0.0, source="z")


def test_the_gradient_of_all_that_was_said_is_that_of_finite_differences() -> None:
    H = random_tower(7, m=9, q=0.7, tasks=2, middle=4, floor=0.03)
    everything_said(H)
    sources = sources_of(H)
    sound = soundness_of(H.statements, sources, 0.02)
    assert sound[0] < 0.3
    whole = [fixed_point(H).levels[level.name] for level in H.levels]

    def total(initial: tuple[np.ndarray, ...]) -> float:
        fx = fixed_point(H, tol=1e-15, initial=initial, most_levels=300)
        r = [fx.levels[level.name] for level in H.levels]
        return hear(Said.of(H.statements), r, H.initial, whole, sources, sound).total

    fx = fixed_point(H, tol=1e-15, most_levels=300)
    r = [fx.levels[level.name] for level in H.levels]
    toward = hear(Said.of(H.statements), r, H.initial, whole, sources, sound).toward
    names = [level.name for level in H.levels]
    found = in_logits(fx, gradient(fx, dict(zip(names, toward))))
    rng = np.random.default_rng(0)
    for n, level in enumerate(H.levels):
        way, ends = rng.normal(size=level.p.shape), []
        for step in (1e-6, -1e-6):
            grown = level.p * np.exp(step * way)
            initial = list(H.initial)
            initial[n] = grown / grown.sum(axis=-1, keepdims=True)
            ends.append(total(tuple(initial)))
        numeric = (ends[0] - ends[1]) / 2e-6
        assert float((found[level.name] * way).sum()) == pytest.approx(numeric, rel=1e-5, abs=1e-7)


def test_the_objective_grows_and_the_ends_are_what_they_say() -> None:
    H = random_tower(7, m=9, q=0.7, tasks=2, middle=4, floor=0.03)
    everything_said(H)
    fitted = fit(H)
    assert fitted.status in ("converged", "corner")
    assert fitted.objective[-1] > fitted.objective[0] + 1
    for level in H.levels:
        learned = fitted.initial[level.name]
        assert learned.sum(axis=-1) == pytest.approx(1)
        assert fitted.kl[level.name] == pytest.approx(kl_of(learned, level.p))
        assert (learned > 0).all()
        assert fitted.fixed_point.levels[level.name].sum(axis=-1) == pytest.approx(1)
    # the hierarchy itself is as it was
    assert H.levels[2].p == pytest.approx(
        random_tower(7, m=9, q=0.7, tasks=2, middle=4).levels[2].p
    )
    assert fitted.operations > 0
    again = fit(H)
    assert again.objective == fitted.objective
    # with fixed readings nothing but p moves, so F can only grow
    steady = fit(H, Fitting(reliability="fixed")).objective
    assert (np.diff(steady) >= -1e-9).all()


def test_one_label_on_one_level_is_the_closed_form() -> None:
    # r = p when q = 1: F = log(w p_a + (1-w)/K) - KL(p || uniform), one number to find.
    H = Hierarchy([Level("labels", ["a", "b", "c"])], [np.zeros((3, 3))], q=1.0)
    H.feedback(level=0, item="a", source="x", confidence=1.0)
    how = Fitting(source_floor=0.0, reliability="fixed", obey_certain=False)
    found = fit(H, replace(how, reading_prior=(3.0, 1.0, 0.0), tol=1e-9)).initial["labels"]
    grid = np.linspace(1 / 3, 0.999, 200_001)
    rest = (1 - grid) / 2
    F = np.log(0.75 * grid + 0.25 / 3) - grid * np.log(3 * grid) - 2 * rest * np.log(3 * rest)
    assert found[0] == pytest.approx(grid[np.argmax(F)], abs=1e-4)
    assert found[1] == pytest.approx(found[2], abs=1e-6)


def test_who_agrees_with_the_rest_gains_weight_and_who_does_not_loses_it() -> None:
    truth = [0, 1, 2, 0, 1, 2, 0, 1]
    H = crowd([0.95, 0.95, 0.9, 0.9], truth, q=0.4)
    for t, k in enumerate(truth):
        H.feedback(level=0, task=f"task {t}", item="abc"[k], source="good")
        H.feedback(level=0, task=f"task {t}", item="abc"[(k + 1 + t % 2) % 3], source="bad")
    fitted = fit(H, Fitting(learn={"processes"}))
    good, bad = fitted.source("good"), fitted.source("bad")
    assert good.weight > 0.76 > 0.5 > bad.weight
    assert good.interval[0] < good.weight < good.interval[1]
    assert sum(good.readings.values()) == pytest.approx(1)
    assert min(bad.readings.values()) >= 0.02 - 1e-12
    with pytest.raises(ConfigError, match="no source"):
        fitted.source("good", "score")


def test_a_source_is_credited_with_what_it_said_and_not_with_its_floor() -> None:
    """The readings that EM settles in, by the plain recursion: no level is learned here."""
    H = random_tower(0)
    r = float(fixed_point(H).actions[0])
    H.feedback(level=0, item="a", source="x", confidence=0.7, count=30)
    floor, likely = 0.2, np.array([r, 1 / 4, (1 - r) / 3])
    counts = PRIOR
    for _ in range(2000):
        learned = (1 - 3 * floor) * counts / counts.sum()
        P = 0.7 * (floor + learned) @ likely + 0.3 / 4
        counts = PRIOR + 30 * 0.7 * learned * likely / P
    fitted = fit(H, Fitting(learn=(), source_floor=floor, tol=1e-10))
    assert list(fitted.source("x").counts.values()) == pytest.approx(counts, rel=1e-6)


def test_a_source_is_no_evidence_for_itself_by_way_of_its_group() -> None:
    sources = Sources(prior=PRIOR, floor=0.02, fixed=False, groups={}, share=10.0)
    sources.groups.update({"a": "g", "b": "g"})
    sources.counts.update({("a", "label"): PRIOR, ("b", "label"): PRIOR})
    heard = np.array([10.0, 0, 0])
    sources.learn({("a", "label"): heard}, {})
    assert sources.counts["a", "label"] == pytest.approx(PRIOR + heard)
    pooled = PRIOR + heard
    size = PRIOR.sum() + 10 * (1 - PRIOR.sum() / pooled.sum())
    assert sources.counts["b", "label"] == pytest.approx(size * pooled / pooled.sum())


def test_who_speaks_well_of_the_good_is_credited_and_who_slanders_them_is_not() -> None:
    H = random_tower(0)
    H.feedback(level=0, item="a", source="x")
    for value in (1.0, 0.5, 0.0):
        H.feedback(level="sources", item="x", value=value, source="y", count=1)
    sources = sources_of(H)
    sources.counts["x", "label"] = np.array([98.0, 1, 1])
    credit = said_of_sources(H.statements, sources, np.ones(4))[1]
    praise, neither, slander = credit[1:]
    assert praise[0] > neither[0] > slander[0]
    assert praise[2] < neither[2] < slander[2]
    rho, theirs = sources.readings("y", "source"), sources.readings("x", "label")[0]
    for agrees, found in ((theirs, praise), (1 / 2, neither), (1 - theirs, slander)):
        parts = 0.95 * rho * np.array([agrees, 1 / 2, 1 - agrees])
        assert found == pytest.approx(parts / (parts.sum() + 0.05 / 2))
    H.feedback(level="sources", item="x", value=1.0, source="y", count=3)
    thrice = said_of_sources(H.statements, sources, np.ones(5))[1][-1]
    assert thrice == pytest.approx(3 * praise)


def test_feedback_on_feedback_is_weighed_by_its_own_source_and_what_is_said_of_it() -> None:
    H = random_tower(0, tasks=2)
    first = H.feedback(level=0, task="task 0", item="a", source="x")
    doubt = H.feedback(level="statements", item=first, value=0.0, source="y")
    assert soundness_of(H.statements, sources_of(H), 0.02)[first] < 0.2
    H.feedback(level="statements", item=doubt, value=0.0, source="z")
    sound = soundness_of(H.statements, sources_of(H), 0.02)
    assert 0.2 < sound[first] < 1
    assert sound[doubt] < 0.2

    trusted, slandered = random_tower(0, tasks=2), random_tower(0, tasks=2)
    for one in (trusted, slandered):
        one.feedback(level=0, task="task 0", item="a", source="x")
    slandered.feedback(level="sources", item="x", value=0.0, source="y")
    weights = [fit(one).source("x").weight for one in (trusted, slandered)]
    assert weights[1] < weights[0] - 0.2
    # a word against the slanderer gives some of it back
    slandered.feedback(level="sources", item="y", value=0.0, source="z", count=100)
    assert fit(slandered).source("x").weight > weights[1] + 0.1


def test_a_group_is_judged_as_one_and_its_silent_members_too() -> None:
    H = random_tower(0, tasks=2)
    H.feedback(level=0, task="task 0", item="a", source="amt-1")
    H.feedback(level="sources", item="amt", value=0.0, source="admin", kind="label", count=50)
    groups = {"amt-1": "amt", "amt-2": "amt"}
    together = fit(H, Fitting(groups=groups))
    assert together.source("amt-1").weight < 0.3
    assert together.source("amt-2").weight < 0.3
    apart = fit(H)
    assert apart.source("amt-1").weight > 0.6


def test_certain_labels_that_contradict_each_other_share_and_that_is_said() -> None:
    H = random_tower(0, tasks=2)
    H.feedback(level=0, task="task 0", item="a", source="x", confidence=1.0)
    other = H.feedback(level=0, task="task 0", item="b", source="y", confidence=1.0)
    torn = fit(H)
    assert torn.actions[0] == pytest.approx([0.5, 0.5, 0, 0])
    assert "contradict" in torn.advice
    H.feedback(level="statements", item=other, value=0.0, source="z")
    mended = fit(H)
    assert mended.actions[0] == pytest.approx([1, 0, 0, 0])
    assert mended.obeyed == (0,)


def test_no_feedback_and_feedback_that_is_not_heeded_change_nothing() -> None:
    H = random_tower(0)
    assert fit(H).status == "no feedback"
    assert fit(H).actions == pytest.approx(fixed_point(H).actions)
    H.feedback(level=0, item="a", source="x", confidence=0.0)
    H.feedback(level=1, item="process 1", source="x", value=0.0)
    fitted = fit(H, Fitting(heed={"label"}))
    assert max(fitted.kl.values()) == pytest.approx(0, abs=1e-12)


def test_what_could_not_be_used_is_listed_with_the_reason() -> None:
    H = random_tower(0)
    H.feedback(level=0, item="a", source="x")
    nobody = H.feedback(level="sources", item="nobody", value=0.0, source="z")
    no_score = H.feedback(level="sources", item="x", kind="score", value=0.0, source="z")
    heard = H.feedback(level="sources", item="x", kind="label", value=0.0, source="z")
    H.feedback(level="sources", item="amt", value=0.0, source="z")
    H.feedback(level="sources", item="amt-2", kind="label", value=0.0, source="z")
    fitted = fit(H, Fitting(groups={"x": "amt", "amt-2": "amt"}))
    assert set(fitted.unused) == {nobody, no_score}
    assert "'nobody'" in fitted.unused[nobody]
    assert "'score'" in fitted.unused[no_score]
    assert "2 statements could not be used" in fitted.advice
    assert fitted.source("x").weight < fit(H, Fitting(heed={"label"})).source("x").weight
    assert set(fit(H, Fitting(heed={"label"})).unused) == {1, 2, 3, 4, 5}
    assert heard in fit(H, Fitting(reliability="fixed")).unused
    assert fit(random_tower(0)).unused == {}


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"level": "nowhere", "item": "a"}, "no level"),
        ({"level": 0, "item": "z"}, "no item"),
        ({"level": 0, "item": "a", "task": "task 0"}, "task"),
        ({"level": 0, "item": "a", "value": 1.5}, "value"),
        ({"level": 0, "item": "a", "confidence": -0.1}, "confidence"),
        ({"level": 0, "item": "a", "source": ""}, "source"),
        ({"level": 0, "item": "a", "count": 0.0}, "count"),
        ({"level": 0, "item": "a", "count": 1e15}, "at most 1e"),
        ({"level": 0, "item": "a", "count": np.nan}, "count"),
        ({"level": 0, "item": "a", "better_than": "a"}, "itself"),
        ({"level": 0, "item": "a", "kind": "rumour"}, "kind"),
        ({"level": 1, "item": "process 1", "kind": "label"}, "level 0"),
        ({"level": "sources", "item": "x"}, "itself"),
        ({"level": "sources", "item": 3}, "source"),
        ({"level": "statements", "item": 0}, "earlier"),
        ({"level": "whole", "item": "a"}, "chain"),
        ({"level": "whole", "item": {"labels": "z"}}, "no item"),
        ({"level": "whole", "better_than": "a"}, "no better_than"),
        ({"level": "whole", "task": "task 0"}, "no task"),
        ({"level": "whole", "kind": "score"}, "no kind"),
        ({"level": "sources", "item": "y", "better_than": "z"}, "no better_than"),
        ({"level": "sources", "item": "y", "task": "task 0"}, "no task"),
        ({"level": "sources", "item": "y", "kind": "labels"}, "kind must be one of label, score"),
        ({"level": "statements", "item": 0, "kind": "label"}, "no kind"),
        ({"level": 0, "item": "a", "better_than": "b", "kind": "score"}, "no kind"),
    ],
)
def test_feedback_that_says_nothing_is_refused(given: dict[str, object], match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        random_tower(0).feedback(**{"source": "x", **given})  # type: ignore[arg-type]


def test_what_can_never_be_learned_is_refused() -> None:
    H = Hierarchy([Level("x", ["a", "b"], [1.0, 0.0])], [np.zeros((2, 2))])
    with pytest.raises(ConfigError, match="probability 0"):
        H.feedback(level=0, item="b", source="x")
    tasked = random_tower(0, tasks=2)
    with pytest.raises(ConfigError, match="task"):
        tasked.feedback(level=0, item="a", source="x")
    with pytest.raises(ConfigError, match="leave level 0 out"):
        tasked.feedback(level="whole", item={0: "a"}, source="x")


@pytest.mark.parametrize(
    "given",
    [
        {"source_floor": 0.4},
        {"pull": 0.0},
        {"pull": np.inf},
        {"reading_prior": (0.0, 1.0, 1.0)},
        {"tol": 0.0},
        {"most_steps": 0},
        {"heed": {"rumours"}},
    ],
)
def test_bad_settings_are_refused(given: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="Fitting"):
        Fitting(**given)  # type: ignore[arg-type]


def test_a_fit_needs_levels_that_settle() -> None:
    ring = np.roll(np.eye(3), 1, axis=1)
    H = Hierarchy([Level("judges", ["a", "b", "c"], [0.4, 0.35, 0.25])], [ring], q=0.2)
    H.feedback(level=0, item="a", kind="score", source="x")
    with pytest.raises(FitError, match="floor"):
        fit(H)
    with pytest.raises(ConfigError, match="no level"):
        fit(random_tower(0), Fitting(learn={"nowhere"}))
    with pytest.raises(ConfigError, match="sample"):
        fit(random_tower(0, semantics="mean"))


def much_said(seed: int, about: str, count: float) -> Hierarchy:
    """Two things said once, and one of them, of another level or task, very often."""
    H = random_tower(seed, m=7, q=0.75, floor=0.03, tasks=2, middle=3)
    H.feedback(level=0, task="task 1", item="b", source="x", confidence=0.8)
    H.feedback(level="processes", item="process 3", better_than="process 1", source="z")
    if about == "label":
        H.feedback(level=0, task="task 0", item="c", source="y", count=count)
    else:
        item = {"rules": "rule 1", "processes": "process 2"}[about]
        H.feedback(level=about, item=item, value=0.2, source="y", count=count)
    return H


@pytest.mark.parametrize("count", [1e4, 1e6, 1e8, 1e10])
@pytest.mark.parametrize(
    ("seed", "about"), [(0, "rules"), (6, "processes"), (11, "processes"), (7, "label")]
)
def test_what_is_said_a_million_times_leads_where_a_thousand_do(
    seed: int, about: str, count: float
) -> None:
    near, far = fit(much_said(seed, about, 1e3)), fit(much_said(seed, about, count))
    assert far.status == "converged"
    for name, learned in near.initial.items():
        assert total_variation(far.initial[name], learned) < 2e-3
