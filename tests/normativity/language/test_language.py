"""The lexicon, sentences, speakers, the student, and what is made of what speakers say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from precocial.errors import ConfigError, DataError
from precocial.feedback.votes import Votes, as_votes
from precocial.normativity.aggregators import Aggregated, Majority
from precocial.normativity.language import (
    LanguageStudy,
    Speakers,
    Speaking,
    findings,
    hear,
    items,
    language_study,
    learn,
    split,
    train,
    words,
)
from precocial.normativity.language.grammar import (
    CELLS,
    KINDS,
    Item,
    follow,
    form_of,
    kind_of,
    script_of,
    slips,
)
from precocial.normativity.language.lexicon import FILLINGS, regular
from precocial.normativity.language.listening import (
    Distrust,
    Rule,
    _Asked,
    _asked,
    _predicted,
)
from precocial.normativity.language.rules import (
    shuffled_answers,
    shuffled_distrust,
    shuffled_rules,
    stated_distrust,
    stated_rules,
)
from precocial.normativity.language.student import features
from precocial.normativity.language.study import smoke
from precocial.runs import run, stream

OWN = words()
LEARNED, KEPT = split(OWN, stream(7, "split"))


def some(count: int, name: str = "t", seed: int = 7) -> list[Item]:
    return items(LEARNED, count, stream(seed, name), name=name)


def exact(taught: list[Item]) -> list[dict[str, float]]:
    return [{script_of(item.word.lemma, item.form, item.cell): 1.0} for item in taught]


def accuracy(answers: list[str], asked: list[Item]) -> float:
    return float(np.mean([answer == item.form for answer, item in zip(answers, asked)]))


@pytest.mark.parametrize(
    ("lemma", "cell", "doubles", "want"),
    [
        ("carry", "past", False, "carried"),
        ("play", "past", False, "played"),
        ("stop", "past", True, "stopped"),
        ("bake", "past", False, "baked"),
        ("carry", "s", False, "carries"),
        ("play", "s", False, "plays"),
        ("go", "s", False, "goes"),
        ("watch", "s", False, "watches"),
        ("box", "plural", False, "boxes"),
        ("photo", "plural", False, "photos"),
        ("story", "plural", False, "stories"),
    ],
)
def test_regular_forms(lemma: str, cell: str, doubles: bool, want: str) -> None:
    assert regular(lemma, cell, doubles=doubles) == want


def test_every_right_form_is_made_of_its_lemma_by_its_script_and_its_kind() -> None:
    for item in some(2000):
        lemma = item.word.lemma
        assert follow(script_of(lemma, item.form, item.cell), lemma) == item.form
        kind = kind_of(lemma, item.form, item.cell)
        assert kind in KINDS
        assert form_of(lemma, kind, item.cell) in (item.form, None)
        assert (kind == "irregular") is (form_of(lemma, kind, item.cell) is None)
        assert item.form not in slips(item)


def test_scripts_carry_over_to_other_lemmas_and_to_none_that_they_do_not_fit() -> None:
    script = script_of("understand", "understood", "past")
    assert follow(script, "withstand") == "withstood"
    assert follow(script, "walk") is None
    assert follow(script_of("stop", "stopped", "past"), "plan") == "planned"
    assert follow("=ei", "rec_ve") == "receive"
    assert follow("=ei", "walk") is None


def test_irregular_lemmas_held_out_have_relatives_that_are_learned() -> None:
    learned = {word.lemma for word in LEARNED}
    assert not learned & {word.lemma for word in KEPT}
    assert len(LEARNED) + len(KEPT) == len(OWN)
    assert sum(word.irregular for word in KEPT) > 20
    for word in KEPT:
        if word.irregular:
            cell = "plural" if word.kind == "noun" else "past"
            script = script_of(word.lemma, word.forms[cell], cell)
            assert any(
                one.irregular and one.kind == word.kind
                and script_of(one.lemma, one.forms[cell], cell) == script
                for one in LEARNED
            ), word.lemma  # fmt: skip


def test_sentences_agree_with_the_first_noun() -> None:
    found = [item for item in some(800) if item.cell == "present"]
    assert Counter(item.cell for item in some(800)) == dict.fromkeys(CELLS, 200)
    for item in found:
        assert (item.form == item.word.lemma) is item.plural
        assert len(item.attractors) <= 2
    assert len({item.attractors for item in found}) == 7


def quiet(**settings: object) -> Speaking:
    still = Speaking(slip=0.0, overregular=0.0, group_overregular=0.0, misspelt=0.0,
                     attracted=(0.0, 0.0), shared=0.0)  # fmt: skip
    return replace(still, **settings)  # type: ignore[arg-type]


def wrong(speaking: Speaking, asked: list[Item], seed: int = 0) -> np.ndarray:
    speakers = Speakers(speaking=speaking, seed=seed)
    return np.array([
        [speakers.say(item, who) != item.form for item in asked]
        for who in range(speaking.speakers)
    ])  # fmt: skip


def test_speakers_err_as_often_and_where_they_are_said_to() -> None:
    asked = some(400)
    assert not wrong(quiet(), asked).any()
    assert abs(wrong(quiet(slip=0.05), asked).mean() - 0.05) < 0.01
    rare = np.array([item.word.irregular and item.cell in ("past", "plural") for item in asked])
    by_habit = wrong(quiet(overregular=0.3, group_overregular=0.8), asked)
    assert not by_habit[:, ~rare].any()
    assert abs(by_habit[:8, rare].mean() - 0.3) < 0.06
    assert abs(by_habit[8:, rare].mean() - 0.8) < 0.08
    pulled = wrong(quiet(attracted=(0.4, 0.4)), asked)
    differs = np.array([bool(i.attractors) and i.attractors[-1] != i.plural for i in asked])
    assert not pulled[:, ~differs].any()
    assert abs(pulled[:, differs].mean() - 0.4) < 0.08


def test_shared_mistakes_are_the_majoritys_and_a_habit_is_kept() -> None:
    asked = some(500)
    together = wrong(quiet(shared=0.05), asked)
    count = together.sum(axis=0)
    assert set(count.tolist()) == {0, 8}
    assert abs((count == 8).mean() - 0.05) < 0.04
    assert (wrong(Speaking(), asked[:40]) == wrong(Speaking(), asked[:40])).all()
    twice = [item for item in asked if item.cell == "past"]
    habits = wrong(quiet(overregular=0.3), twice)
    for lemma in ("understand", "withstand"):
        same = habits[:, [item.word.lemma == lemma for item in twice]]
        assert (same == same[:, :1]).all()


def test_a_student_of_right_forms_inflects_lemmas_that_it_never_saw() -> None:
    taught = some(1200)
    asked = items(KEPT, 400, stream(7, "asked"), name="h")
    student = train(taught, exact(taught))
    assert accuracy(student.answers(taught), taught) > 0.97
    assert accuracy(student.answers(asked), asked) > 0.88
    longer = items(KEPT, 400, stream(7, "longer"), name="l", attractors=(3, 4))
    longer = [item for item in longer if item.cell == "present"]
    assert accuracy(student.answers(longer), longer) > 0.95
    for forms in student.predict(asked[:50]):
        assert sum(forms.values()) == pytest.approx(1)


def test_the_student_does_not_see_the_right_form() -> None:
    for item in some(200):
        other = replace(item, form="nonsense", word=replace(item.word, forms={}, irregular=False))
        assert features(item) == features(other)
        for rule in stated_rules():
            assert rule.applies(item) == rule.applies(other)
            if rule.applies(item):
                assert rule.kind(item) == rule.kind(other)


def test_what_is_learned_does_not_hang_on_the_right_forms_of_the_items() -> None:
    """Gold is taken away after the speakers have spoken: nothing changes."""
    taught = some(80)
    said = Speakers(speaking=Speaking(), seed=1).all_say(taught, 5, "t")
    blind = [replace(item, form="", word=replace(item.word, forms={}, irregular=False))
             for item in taught]  # fmt: skip
    for levels in ("1", "fixed point"):
        found = [
            learn(hear(seen, said, rules=stated_rules(), distrust=stated_distrust(Speaking())),
                  levels)
            for seen in (taught, blind)
        ]  # fmt: skip
        assert (found[0].proba == found[1].proba).all()


def right(proba: np.ndarray, taught: list[Item]) -> float:
    kinds = [kind_of(item.word.lemma, item.form, item.cell) for item in taught]
    return float(np.mean([KINDS[k] == kind for k, kind in zip(proba.argmax(axis=1), kinds)]))


def test_judging_speakers_and_feedback_on_how_answers_are_reached_help() -> None:
    taught = some(800)
    said = Speakers(speaking=Speaking(), seed=1).all_say(taught, 5, "t")
    plain = hear(taught, said)
    stated = hear(taught, said, rules=stated_rules(), distrust=stated_distrust(Speaking()))
    random = stream(1, "shuffled")
    shuffled = hear(
        taught, said, rules=shuffled_rules(stated_rules(), taught, random),
        distrust=shuffled_distrust(Speaking(), random),
    )  # fmt: skip
    found = {
        (name, levels): right(learn(heard, levels).proba, taught)
        for name, heard in (("none", plain), ("stated", stated), ("shuffled", shuffled))
        for levels in ("0", "1")
    }
    assert found["none", "1"] > found["none", "0"] + 0.03
    assert found["stated", "1"] > found["none", "1"] + 0.03
    assert found["stated", "0"] > found["none", "0"] + 0.05
    assert found["shuffled", "1"] < found["none", "1"] + 0.01


def test_the_judges_settle_and_prefer_those_who_judge_the_speakers() -> None:
    taught = some(400)
    said = Speakers(speaking=Speaking(), seed=1).all_say(taught, 12, "t")
    found = learn(hear(taught, said), "fixed point")
    assert found.status == "converged"
    assert sum(found.chosen.values()) == pytest.approx(1)
    assert found.chosen["majority"] < 0.1
    assert found.chosen["smoothed Dawid-Skene"] > 0.3
    assert found.changes[-1] < found.changes[0] / 2
    assert np.allclose(found.proba.sum(axis=1), 1)


PAST = [item for item in some(400) if item.cell == "past"]
PAST_SAID = Speakers(speaking=Speaking(), seed=1).all_say(PAST, 12, "t")


def votes_on_past(*distrust: Distrust) -> _Asked:
    (ask,) = _asked(hear(PAST, PAST_SAID, distrust=distrust))
    return ask


class Parrot(Majority):
    """Is certain of every vote that it is given, and knows nothing else."""

    def fit(self, votes: Votes, *, weight: np.ndarray, **_: object) -> Aggregated:  # type: ignore[override]
        T, K = len(votes.tasks), len(votes.classes)
        proba = np.full((T, K), 1 / K)
        given = weight > 0
        proba[votes.task[given]] = np.eye(K)[votes.label[given]]
        tables = np.broadcast_to(np.eye(K), (len(votes.teachers), K, K))
        return replace(super().fit(votes), proba=proba, confusion=tables)


def test_nobody_is_judged_by_an_answer_that_it_was_given() -> None:
    n = 12
    table = as_votes([f"t{i}" for i in range(n)], [f"s{i}" for i in range(n)],
                     [KINDS[i % 2] for i in range(n)], classes=KINDS[:2])  # fmt: skip
    ask = _Asked(where=np.arange(n), table=table, weight=np.ones(n), history={})
    assert _predicted(Parrot(), ask) == pytest.approx([np.log(0.5)] * n)
    beliefs = np.eye(2)[table.label]
    untold = 2.5 / 3  # of a speaker who has said nothing
    assert _predicted(beliefs, ask) == pytest.approx([np.log(untold)] * n)


def test_who_answers_a_question_again_is_one_witness() -> None:
    ask = votes_on_past()
    texts = [PAST[n].text for n in ask.where]
    assert sorted(texts) == sorted({item.text for item in PAST})
    assert len(texts) < len(PAST)
    sums: Counter[tuple[int, int]] = Counter()
    for task, who, weight in zip(ask.table.task.tolist(), ask.table.teacher.tolist(), ask.weight):
        sums[task, who] += weight
    assert len(sums) == 12 * len(texts)
    assert np.allclose(list(sums.values()), 1)
    found = learn(hear(PAST, PAST_SAID), "1")
    for n, item in enumerate(PAST):
        first = next(m for m, other in enumerate(PAST) if other.text == item.text)
        assert (found.proba[n] == found.proba[first]).all()


def test_a_form_like_the_lemma_is_a_kind_of_its_own() -> None:
    assert kind_of("cut", "cut", "past") == kind_of("sheep", "sheep", "plural") == "base"
    assert kind_of("cut", "cutted", "past") == "Ced"
    assert form_of("cut", "base", "past") == "cut"


def test_distrust_weighs_only_the_group_and_only_where_others_say_an_irregular_form() -> None:
    (distrust,) = stated_distrust(Speaking())
    plain, ask = votes_on_past(), votes_on_past(distrust)
    group = np.array([name.startswith("B") for name in ask.table.teachers])[ask.table.teacher]
    rare = np.isin(np.array(ask.table.classes)[ask.table.label], ("irregular", "base"))
    share = ask.weight / plain.weight
    assert set(share.round(6)) == {0.1, 1.0}
    assert (share[~group] == 1).all()
    assert (share[rare] == 1).all()
    doubted = ask.table.task[share < 1]
    assert set(doubted.tolist()) <= set(ask.table.task[rare & ~group].tolist())


def test_shuffled_distrust_doubts_as_many_answers_of_whomever_and_whatever() -> None:
    (stated,) = stated_distrust(Speaking())
    (drawn,) = shuffled_answers(Speaking(), stream(1, "shuffled"))
    plain, true, ask = (votes_on_past(*one) for one in ((), (stated,), (drawn,)))
    doubted = ask.weight < 0.99 * plain.weight
    assert doubted.sum() == (true.weight < 0.99 * plain.weight).sum()
    group = np.array([name.startswith("B") for name in ask.table.teachers])[ask.table.teacher]
    rare = np.array(ask.table.classes)[ask.table.label] == "irregular"
    assert abs(group[doubted].mean() - group.mean()) < 0.1
    assert abs(rare[doubted].mean() - rare.mean()) < 0.1


def test_a_rule_is_hardly_surer_than_it_says_and_speakers_can_refute_it() -> None:
    taught = [item for item in some(300) if item.choices == ("ei", "ie")]
    (true,) = (rule for rule in stated_rules() if rule.name.startswith("i before e"))
    alone = learn(hear(taught[:12], [], rules=(true,)), "1").proba
    assert right(alone, taught[:12]) == 1
    assert alone.max(axis=1).max() < 0.99
    said = Speakers(speaking=quiet(misspelt=0.25), seed=1).all_say(taught, 12, "t")
    false = replace(true, kind=lambda item: FILLINGS[true.kind(item)])
    assert right(learn(hear(taught, said, rules=(false,)), "1").proba, taught) > 0.85


def test_the_study_runs_and_findings_are_its_means(tmp_path: Path) -> None:
    config = replace(smoke(), taught=160, examined=120)
    rows = run(language_study, config, tmp_path).rows
    speakers = [row for row in rows if row["kind"] == "speaker"]
    assert len(speakers) == 12
    found = findings(rows)
    assert [(one.feedback, one.levels) for one in found] == [
        ("gold", "none"), ("none", "0"), ("none", "1"), ("rules", "0"), ("rules", "1"),
    ]  # fmt: skip
    best = max(row["accuracy"] for row in speakers)
    for one in found:
        assert one.margin == pytest.approx(one.accuracy - best)
    second = [{**row, "seed": 1, "margin": row["margin"] + 0.2} if "margin" in row else row
              for row in rows]  # fmt: skip
    both = findings([*rows, *second])[1]
    assert both.seeds == 2
    assert both.margin == pytest.approx(found[1].margin + 0.1)
    assert both.least_margin == found[1].margin
    assert both.margin_interval[0] < both.least_margin


def test_the_tables_hold_our_list_and_more() -> None:
    inflect = pytest.importorskip("lemminflect")
    pytest.importorskip("codespell_lib")
    more = words("tables")
    assert len(more) > 3 * len(OWN)
    assert {(word.kind, word.lemma) for word in OWN} <= {(word.kind, word.lemma) for word in more}
    tags = {"past": "VBD", "s": "VBZ", "plural": "NNS"}
    known = [
        (word.forms[cell], tables[tag])
        for word in OWN
        if word.kind != "spelling"
        and (tables := inflect.getAllInflections(word.lemma, upos=word.kind.upper()))
        for cell, tag in tags.items()
        if cell in word.forms and tag in tables
    ]
    assert len(known) > 500
    assert np.mean([form in forms for form, forms in known]) > 0.99


def test_what_is_wrong_is_said() -> None:
    with pytest.raises(ConfigError, match="A rule is likely"):
        Rule(name="sure", confidence=1.0, applies=lambda item: True, kind=lambda item: "s")
    with pytest.raises(ConfigError, match=r"shares must lie in \[0, 1\]"):
        Speaking(slip=1.5)
    with pytest.raises(ConfigError, match="a group of 0 to all"):
        Speaking(group=13)
    with pytest.raises(ConfigError, match="each from 1 to the 12 speakers"):
        LanguageStudy(each=0)
    with pytest.raises(ConfigError, match="0 items"):
        train([], [])
    with pytest.raises(DataError, match="no row of kind 'student'"):
        findings([])


@pytest.mark.wrong_types
def test_unknown_names_are_refused() -> None:
    with pytest.raises(ConfigError, match="levels"):
        learn(hear(some(8), []), "3")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="source"):
        words("latin")  # type: ignore[arg-type]


SAID = Speakers(speaking=Speaking(), seed=1).all_say(some(40), 5, "t")
GAP = next(item for item in some(40) if item.cell == "gap")


def rule(kind: str) -> Rule:
    return Rule(name="odd", confidence=0.9, applies=lambda item: True, kind=lambda item: kind)


def doubt(*speakers: str, confidence: float = 0.5) -> Distrust:
    return Distrust(speakers=frozenset(speakers), confidence=confidence)


@pytest.mark.wrong_types
@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: hear(some(40), [("zz", "A0", "x")]), r"name of an item.* got \('zz', 'A0', 'x'\)"),
        (lambda: hear(some(40), "x"), "hear: said must be a sequence"),
        (lambda: hear(some(40), [("t0", "A0")]), "hear: said must be a sequence"),
        (lambda: hear([], []), "0 items with 0 names; give one at least"),
        (lambda: hear(some(8) + some(8), []), "16 items with 8 names"),
        (lambda: hear(some(40), [(GAP.name, "A0", "zzz")]), "was answered 'zzz'; an answer is"),
        (lambda: hear(some(40), SAID, distrust=[doubt("Z")]), "speakers who said nothing: Z"),
        (
            lambda: hear(some(40), SAID, rules=[rule("zz")]),
            "Rule 'odd': kind must be one of",
        ),
        (lambda: doubt("A0", confidence=9), r"Distrust: confidence must lie in \[0, 1\]; got 9"),
        (lambda: doubt("A0", confidence=np.nan), "Distrust: confidence must lie in"),
        (lambda: split(OWN, 3), "split: random must be a Generator; got int 3"),
        (lambda: split(OWN, stream(1, "x"), 2.0), r"held_out must lie in \[0, 1\]; got 2.0"),
        (lambda: split(OWN, stream(1, "x"), np.nan), "held_out must lie in"),
        (lambda: items([], 5, stream(1, "x"), name="x"), "got none for 'present' among 0 words"),
        (lambda: items(OWN, 0, stream(1, "x"), name="x"), "count must be at least 1"),
        (lambda: items(OWN, 5, stream(1, "x"), name="x", attractors=(3, 1)), r"got 5 and \(3, 1\)"),
        (lambda: Speaking(slip=np.nan), r"shares must lie in \[0, 1\]; got \(nan"),
        (lambda: Speaking(attracted=(0.5, 0.1)), r"attracted must be \(least, most\)"),
        (lambda: Speaking(speakers=1.5), "Speaking: speakers must be a whole number"),
        (lambda: Speakers(speaking=Speaking(), seed=1).say(GAP, 12), "lie in 0 to 11; got 12"),
        (lambda: Speakers(speaking=Speaking(), seed=1).all_say([GAP], 13, "t"), "1 to the 12 sp"),
        (lambda: learn(hear(some(40), SAID), "0", q=0), r"learn: q must lie in \(0, 1\]; got 0"),
        (lambda: learn(hear(some(40), SAID), "0", penalty=0), "penalty above 0"),
        (lambda: learn(hear(some(40), []), "1"), "learn: nothing was heard"),
        (lambda: learn("x"), "learn: heard must be a Heard; got str 'x'"),
        (lambda: train(some(1), [{"ed": 1.0}]), "a script such as .* got 'ed': 1.0"),
        (lambda: train(some(1), [{"-+ed": np.nan}]), "got '-[+]ed': nan"),
        (lambda: train(some(1), [{"-+ed": 1.0}]).answers("x"), "items must be a sequence, each an"),
        (lambda: LanguageStudy(taught="x"), "taught must be a whole number"),
        (lambda: findings([{"kind": "student"}]), "row of kind 'student' has no feedback, levels"),
    ],
)
def test_what_makes_no_sense_is_refused(call: Callable[[], object], said: str) -> None:
    with pytest.raises((ConfigError, DataError), match=said):
        call()
