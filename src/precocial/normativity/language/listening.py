"""From what speakers say to what a student is taught, with and without judging the judges.

A task is a sentence, its classes are the kinds of form (`grammar.KINDS`). Rules and statements
about speakers come in as feedback on how answers are reached; gold never comes in.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from precocial.choice.arguments import checked
from precocial.errors import ConfigError, one_of
from precocial.feedback.votes import Votes, as_votes
from precocial.normativity.aggregators import (
    Aggregated,
    Aggregator,
    DawidSkene,
    Majority,
    OneCoin,
    WeightedMajority,
    smoothed_dawid_skene,
)
from precocial.normativity.fixed_point import fixed_point
from precocial.normativity.hierarchy import Hierarchy
from precocial.normativity.language.grammar import KINDS, Item, form_of, kind_of, script_of
from precocial.normativity.language.student import PENALTY, Student, train
from precocial.normativity.levels import Level, q_of
from precocial.runs import stream

Floats = NDArray[np.float64]
Said = Sequence[tuple[str, str, str]]
"""(name of the item, speaker, form)."""
_Row = tuple[int, str, int, float]
"""(place of the item, speaker, kind, weight)."""
_NO_SPEAKERS = ("rule: ", "the student")
Levels = Literal["0", "1", "2", "fixed point"]
LEVELS = ("0", "1", "2", "fixed point")
FOLDS = 4
"""Ours: the student speaks about a quarter of the items after learning from the other three."""
ROUNDS = 6
"""Ours: rounds of student and panel at most; the labels settle in three or four."""
PARTS = 3
"""Ours: a third of the answers is predicted from the rest."""
Q = 0.5
"""Ours: 0.5 was looked at on seeds 100 and 101 and 0.75 on seed 100 alone, no other value; no
reported figure uses these seeds."""
HITS, MISSES = 4.0, 2.0
"""Ours: an unknown speaker is right two times in three, as sure as six answers make one."""
LEAST = 0.01
"""Ours: the student's vote is shared among the kinds that he gives at least this."""
SETTLED = 3e-3
"""Ours, for its cost: rounds end when the mean change of a probability distribution is below this,
mostly after four."""
COUNT = 20.0
"""Ours: a rule counts for so many past answers, of which it was right in the share it is sure."""


@checked
@dataclass(frozen=True, kw_only=True)
class Rule:
    """A likely rule: where it applies, the kind of form that it asks for, and how sure it is."""

    name: str
    confidence: float
    applies: Callable[[Item], bool]
    kind: Callable[[Item], str]

    def __post_init__(self) -> None:
        if not 0.5 < self.confidence < 1:
            raise ConfigError(
                f"Rule {self.name!r}: confidence must lie between 0.5 and 1; got "
                f"{self.confidence}. A rule is likely, not certain"
            )


@checked
@dataclass(frozen=True, kw_only=True)
class Distrust:
    """A statement about a group of speakers and a kind of mistake: do not believe them when they
    inflect by rule what others inflect irregularly.

    Attributes:
        speakers, confidence: whom to doubt, and how sure that is.
        shuffled: None, or a seed: the statement doubts as many answers in each cell, but drawn
            from all answers there, so that it says nothing about anybody or any mistake.
    """

    speakers: frozenset[str]
    confidence: float
    shuffled: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.confidence <= 1:
            raise ConfigError(f"Distrust: confidence must lie in [0, 1]; got {self.confidence!r}")


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What was said about items, and about how to hear it.

    Attributes:
        items: N of them.
        said: the answers.
        rules, distrust: process-level feedback.
        irregular: of each item, its irregular form that was said most often, or None.
        question: of each item, the place of the first item with the same text.
    """

    items: Sequence[Item]
    said: Said
    rules: Sequence[Rule] = ()
    distrust: Sequence[Distrust] = ()
    irregular: Sequence[str | None] = field(default=())
    question: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def teach(self, proba: Floats) -> list[dict[str, float]]:
        """P[n, k] over kinds as what a student is taught: the most probable script of each item,
        counting as much as it is probable. A mixture of two forms is no form to learn."""
        out = []
        for n, item in enumerate(self.items):
            target: dict[str, float] = {}
            k = int(np.argmax(proba[n]))
            form = form_of(item.word.lemma, KINDS[k], item.cell) or self.irregular[n]
            if form is not None:
                target[script_of(item.word.lemma, form, item.cell)] = float(proba[n, k])
            out.append(target)
        return out


@checked
def hear(
    items: Sequence[Item],
    said: Said,
    *,
    rules: Sequence[Rule] = (),
    distrust: Sequence[Distrust] = (),
) -> Heard:
    """Sort what was said by question: items with the same text ask the same.

    Raises:
        ConfigError: items without names of their own, answers that answer none of them, rules that
            ask for no kind of form, distrust of speakers who said nothing.
    """
    place = {item.name: n for n, item in enumerate(items)}
    if not len(items) or len(place) < len(items):
        raise ConfigError(
            f"hear: {len(items)} items with {len(place)} names; give one at least, each its own"
        )
    _check_rules(items, rules)
    irregular: list[dict[str, int]] = [{} for _ in items]
    first: dict[str, int] = {}
    question = np.array([first.setdefault(item.text, n) for n, item in enumerate(items)])
    for name, who, form in said:
        if name not in place or not isinstance(who, str) or not isinstance(form, str):
            raise ConfigError(
                "hear: said must be (name of an item, speaker, form), a row each; got "
                f"{(name, who, form)!r:.100}"
            )
        n = place[name]
        kind = kind_of(items[n].word.lemma, form, items[n].cell)
        if items[n].cell == "gap" and kind not in items[n].choices:
            raise ConfigError(
                f"hear: {items[n].text!r:.80} was answered {form!r:.60}; an answer is the word "
                "with one of the two in its gap"
            )
        if kind == "irregular":
            said_so = irregular[question[n]]
            said_so[form] = said_so.get(form, 0) + 1
    unknown = {who for one in distrust for who in one.speakers} - {who for _, who, _ in said}
    if unknown:
        raise ConfigError(
            f"hear: distrust names speakers who said nothing: {', '.join(sorted(unknown)):.100}"
        )
    common = [max(sorted(count), key=lambda form: count[form]) if count else None
              for count in (irregular[one] for one in question)]  # fmt: skip
    return Heard(items=items, said=said, rules=rules, distrust=distrust, irregular=common,
                 question=question.astype(np.int64))  # fmt: skip


def _check_rules(items: Sequence[Item], rules: Sequence[Rule]) -> None:
    for rule in rules:
        for item in items:
            if rule.applies(item):
                one_of(f"Rule {rule.name!r}: kind", rule.kind(item), KINDS)


@dataclass(frozen=True, kw_only=True)
class Learned:
    """What a student was taught and became.

    Attributes:
        proba: (N, K) what was believed of each training item.
        student: taught with it.
        chosen: the share of each process in `proba`.
        changes: of each round of student and panel, the mean total variation of `proba`.
        status: of the fixed point of the judges, or "".
    """

    proba: Floats
    student: Student
    chosen: Mapping[str, float]
    changes: tuple[float, ...] = ()
    status: str = ""


@checked
def learn(
    heard: Heard, levels: Levels = "fixed point", *, penalty: float = PENALTY, q: float = Q
) -> Learned:
    """Teach a student at a level of judging.

    "0": what most say, speakers equal. "1": each speaker judged by how he agrees with the others
    (smoothed Dawid-Skene); nobody judges that process. "2": a panel of processes, a student taught
    by them among them, judged once by all of them. "fixed point": the processes judge one another
    for ever (`Hierarchy`, shared), and the student of one round is of the next round's panel, until
    the labels settle.

    Process h judges g by how well g, not knowing them, predicts what speakers said: the mean of
    log P_g(answer) over a third of the answers at a time, an answer weighing what h takes its
    speaker's accuracy to be.

    Raises:
        ConfigError: nothing was heard, an unknown level, q outside (0, 1], or a penalty that
            `train` refuses.
    """
    q_of("learn", q)
    if not len(heard.said) and not len(heard.rules):
        raise ConfigError("learn: nothing was heard; give answers of speakers, or rules")
    if levels == "0":
        proba = _believed(Majority(), heard)
        return _taught(heard, proba, {"majority": 1.0}, penalty)
    skilled = _believed(smoothed_dawid_skene(), heard)
    if levels == "1":
        return _taught(heard, skilled, {"smoothed Dawid-Skene": 1.0}, penalty)
    proba, changes, status = skilled, [], ""
    for _ in range(1 if levels == "2" else ROUNDS):
        spoken = _student_beliefs(heard, proba, penalty)
        names, beliefs, scores = _panel(heard, spoken)
        share, status = _judged(names, scores, levels, q)
        last, proba = proba, np.einsum("h,hnk->nk", share, beliefs)
        changes.append(float(0.5 * np.abs(proba - last).sum(axis=1).mean()))
        if changes[-1] < SETTLED:
            break
    chosen = dict(zip(names, share.tolist()))
    found = _taught(heard, proba, chosen, penalty)
    return Learned(proba=proba, student=found.student, chosen=chosen, changes=tuple(changes),
                   status=status)  # fmt: skip


def _judged(names: Sequence[str], scores: Floats, levels: Levels, q: float) -> tuple[Floats, str]:
    level = Level("processes", list(names), q=q)
    if levels == "2":
        top = Level("judges", list(names), q=1.0)
        fixed = fixed_point(Hierarchy([level, top], [scores], share=False))
        return np.asarray(fixed.actions, dtype=np.float64), fixed.status
    fixed = fixed_point(Hierarchy([level], [scores], share=True))
    return np.asarray(fixed.levels["processes"], dtype=np.float64), fixed.status


def _panel(heard: Heard, spoken: Floats) -> tuple[tuple[str, ...], Floats, Floats]:
    """Names, beliefs [h, n, k] and scores [h, g] of the processes.

    The student votes with the speakers in "Dawid-Skene with a student", and is a process itself.
    """
    panel: tuple[Aggregator, ...] = (
        Majority(),
        WeightedMajority(),
        OneCoin(hits=HITS, misses=MISSES),
        smoothed_dawid_skene(),
        smoothed_dawid_skene("Dawid-Skene with a student"),
    )
    names = (*(one.name for one in panel), "student")
    beliefs = np.zeros((len(names), len(heard.items), len(KINDS)))
    beliefs[-1] = spoken
    lost = np.zeros((len(names), len(names)))
    total = np.zeros((len(names), 1))
    for ask, more in zip(_asked(heard), _asked(heard, spoken)):
        places = np.ix_(ask.where, ask.kinds)
        own = spoken[places] + 1e-6
        own /= own.sum(axis=1, keepdims=True)
        logs, trust = [], []
        for h, one in enumerate(panel):
            given = more if h == len(panel) - 1 else ask
            found = _fitted(one, given, given.weight)
            beliefs[h][places] = found.proba
            logs.append(_predicted(one, given))
            trust.append(found.accuracy[found.votes.teacher[given.by_speakers]])
        logs.append(_predicted(own, ask))
        tables = _confused(own, ask.table, ask.weight)
        accuracy = np.einsum("wkk,k->w", tables, own.mean(axis=0))
        trust.append(accuracy[ask.table.teacher[ask.by_speakers]])
        lost += np.array(trust) @ np.array(logs).T
        total += np.array(trust).sum(axis=1, keepdims=True)
    return names, beliefs[:, heard.question], lost / total


def _fitted(one: Aggregator, ask: _Asked, weight: Floats) -> Aggregated:
    if not isinstance(one, DawidSkene | OneCoin):
        return one.fit(ask.table, weight=weight)
    # Its past says how sure a rule is, and what speakers say may refute it: its vote is but one.
    weight = np.where(ask.by_rules, np.minimum(weight, 1.0), weight)
    return one.fit(ask.table, weight=weight, history=ask.history)


def _believed(one: Aggregator, heard: Heard) -> Floats:
    """What a process makes of the votes, [n, k]: each cell, and each pair of fillings, alone."""
    proba = np.zeros((len(heard.items), len(KINDS)))
    for ask in _asked(heard):
        places = np.ix_(ask.where, ask.kinds)
        proba[places] = _fitted(one, ask, ask.weight).proba
    return proba[heard.question]


def _predicted(one: Aggregator | Floats, ask: _Asked) -> Floats:
    """log P of each answer of a speaker, by a process that was not given a third of the answers.

    A student's beliefs owe nothing to the item; only his idea of the speakers is learned from the
    other two thirds.
    """
    table = ask.table
    speakers = np.flatnonzero(ask.by_speakers)
    fold = np.full(len(table), -1)
    fold[speakers] = stream(0, "held-out answers", len(speakers)).integers(0, PARTS, len(speakers))
    out = np.zeros(len(table))
    for held in range(PARTS):
        these = fold == held
        weight = np.where(these, 0.0, ask.weight)
        if isinstance(one, np.ndarray):
            proba, confusion = one, _confused(one, table, weight)
        else:
            found = _fitted(one, ask, weight)
            proba, confusion = found.proba, found.confusion
        at = table.task[these], table.teacher[these], table.label[these]
        out[these] = np.log(np.maximum(np.sum(proba[at[0]] * confusion[at[1], :, at[2]], 1), 1e-3))
    return out[speakers]


def _confused(proba: Floats, table: Votes, weight: Floats) -> Floats:
    """(W, K true, K given): counts under these beliefs, smoothed as in smoothed Dawid-Skene."""
    K = len(table.classes)
    counts = np.zeros((len(table.teachers), K, K)) + 0.5 + 2.0 * np.eye(K)
    np.add.at(
        counts.transpose(0, 2, 1), (table.teacher, table.label), weight[:, None] * proba[table.task]
    )
    return np.asarray(counts / counts.sum(axis=2, keepdims=True))


def _student_beliefs(heard: Heard, proba: Floats, penalty: float) -> Floats:
    """P[n, k] by students who did not learn from item n nor from its lemma."""
    targets = heard.teach(proba)
    lemmas = sorted({item.word.lemma for item in heard.items})
    order = stream(0, "folds").permutation(len(lemmas))
    fold = {lemmas[one]: place % FOLDS for place, one in enumerate(order)}
    out = np.zeros_like(proba)
    for held in range(FOLDS):
        rest = [n for n, item in enumerate(heard.items) if fold[item.word.lemma] != held]
        those = [n for n, item in enumerate(heard.items) if fold[item.word.lemma] == held]
        if not rest or not those:
            continue
        student = train([heard.items[n] for n in rest], [targets[n] for n in rest], penalty=penalty)
        forms = student.predict([heard.items[n] for n in those])
        for n, row in zip(those, forms):
            out[n] = _kinds(heard.items[n], row, heard.irregular[n])
    missing = out.sum(axis=1) == 0
    out[missing] = proba[missing]
    return out


def _kinds(item: Item, forms: Mapping[str, float], irregular: str | None) -> Floats:
    """Forms as kinds; an irregular form that nobody said is none of the item's classes."""
    row = np.zeros(len(KINDS))
    for form, share in forms.items():
        kind = kind_of(item.word.lemma, form, item.cell)
        if kind != "irregular" or form == irregular:
            row[KINDS.index(kind)] += share
    total = row.sum()
    return row / total if total > 0 else row


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """The votes about the questions of one cell: where[t] is the first item of task t."""

    where: NDArray[np.int64]
    table: Votes
    weight: Floats
    history: dict[str, Floats]

    @property
    def kinds(self) -> NDArray[np.int64]:
        """(K,) the places of the classes in `KINDS`."""
        return np.array([KINDS.index(kind) for kind in self.table.classes])

    @property
    def by_speakers(self) -> NDArray[np.bool_]:
        """(V,) whether a vote is a speaker's: neither a rule's nor the student's."""
        own = np.array([not name.startswith(_NO_SPEAKERS) for name in self.table.teachers])
        return own[self.table.teacher]

    @property
    def by_rules(self) -> NDArray[np.bool_]:
        """(V,) whether a vote is a rule's."""
        own = np.array([name.startswith("rule: ") for name in self.table.teachers])
        return own[self.table.teacher]


def _asked(heard: Heard, spoken: Floats | None = None) -> list[_Asked]:
    """All votes with their weights, and the past of the rules, by cell and choices.

    A rule votes where it applies, with the weight of log(c / (1 - c)) over that of a speaker who
    is right three times in four. A statement of distrust takes its confidence from the weight of
    a speaker's regular form where somebody outside the group gives an irregular one.
    """
    rows = _doubted(heard, _spoken(heard))
    questions = [(n, heard.items[n]) for n in np.unique(heard.question).tolist()]
    for rule in heard.rules:
        weight = math.log(rule.confidence / (1 - rule.confidence)) / math.log(3)
        for n, item in questions:
            if rule.applies(item):
                rows.append((n, f"rule: {rule.name}", KINDS.index(rule.kind(item)), weight))
    if spoken is not None:
        rows += [(n, "the student", int(k), float(spoken[n, k]))
                 for n, _ in questions for k in np.flatnonzero(spoken[n] > LEAST)]  # fmt: skip
    groups: dict[tuple[str, ...], list[int]] = {}
    for n, item in questions:
        groups.setdefault((item.cell, *item.choices), []).append(n)
    of = {n: key for key, group in groups.items() for n in group}
    return [_one_cell(heard, group, [row for row in rows if of[row[0]] == key])
            for key, group in groups.items()]  # fmt: skip


def _one_cell(heard: Heard, group: list[int], rows: list[_Row]) -> _Asked:
    rows = sorted(rows, key=lambda row: row[0])
    classes = [kind for k, kind in enumerate(KINDS) if any(row[2] == k for row in rows)]
    K = len(classes)
    history = {}
    for rule in heard.rules:
        miss = (1 - rule.confidence) / max(K - 1, 1)
        right = np.full((K, K), miss) + (rule.confidence - miss) * np.eye(K)
        history[f"rule: {rule.name}"] = COUNT * right
    table = as_votes(
        [heard.items[n].name for n, *_ in rows],
        [who for _, who, *_ in rows],
        [KINDS[k] for *_, k, _ in rows],
        classes=classes,
        tasks=[heard.items[n].name for n in group],
    )
    weight = np.array([weight for *_, weight in rows])
    return _Asked(where=np.array(group), table=table, weight=weight, history=history)


def _spoken(heard: Heard) -> list[_Row]:
    """What speakers said, a question and speaker at a time. Who answers a question again is one
    witness still, for habits repeat themselves: his answers share the weight of one."""
    place = {item.name: n for n, item in enumerate(heard.items)}
    times: dict[tuple[int, str], dict[int, int]] = {}
    for name, who, form in heard.said:
        item = heard.items[place[name]]
        kind = KINDS.index(kind_of(item.word.lemma, form, item.cell))
        answers = times.setdefault((int(heard.question[place[name]]), who), {})
        answers[kind] = answers.get(kind, 0) + 1
    return [(n, who, kind, count / sum(answers.values()))
            for (n, who), answers in times.items() for kind, count in answers.items()]  # fmt: skip


def _doubted(heard: Heard, rows: list[_Row]) -> list[_Row]:
    for one in heard.distrust:
        reached = {n for n, who, kind, _ in rows
                   if who not in one.speakers and _is_rare(heard.items[n], kind)}  # fmt: skip
        doubted = np.array([
            who in one.speakers and n in reached and not _is_rare(heard.items[n], kind)
            for n, who, kind, _ in rows
        ])  # fmt: skip
        if one.shuffled is not None:
            cells = np.array([heard.items[n].cell for n, *_ in rows])
            for cell in np.unique(cells):
                where = np.flatnonzero(cells == cell)
                random = stream(one.shuffled, "doubted", str(cell))
                doubted[where] = doubted[random.permutation(where)]
        rows = [(n, who, kind, weight * (1 - one.confidence) if doubt else weight)
                for (n, who, kind, weight), doubt in zip(rows, doubted)]  # fmt: skip
    return rows


def _is_rare(item: Item, kind: int) -> bool:
    """Irregular, a past or a plural like the lemma (cut, sheep) among them."""
    return KINDS[kind] == "irregular" or (KINDS[kind] == "base" and item.cell != "present")


def _taught(heard: Heard, proba: Floats, chosen: Mapping[str, float], penalty: float) -> Learned:
    student = train(heard.items, heard.teach(proba), penalty=penalty)
    return Learned(proba=proba, student=student, chosen=chosen)
