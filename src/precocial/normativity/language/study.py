"""The study of language: can a student speak better than everybody who taught it?

Speakers fill gaps in sentences about some lemmas; a student learns from them and is examined on
lemmas that nobody spoke of. The right forms are read for marking alone; the row "gold" is the one
exception, a student taught with them, and says how much there is to know.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from precocial.choice.arguments import checked
from precocial.errors import ConfigError, DataError, one_of
from precocial.io import Row
from precocial.normativity.language.grammar import CELLS, KINDS, Item, items, kind_of, script_of
from precocial.normativity.language.lexicon import SOURCES, Source, split, words
from precocial.normativity.language.listening import LEVELS, Distrust, Heard, Rule, hear, learn
from precocial.normativity.language.rules import (
    shuffled_answers,
    shuffled_distrust,
    shuffled_rules,
    stated_distrust,
    stated_rules,
)
from precocial.normativity.language.speakers import Speakers, Speaking
from precocial.normativity.language.student import Student, train
from precocial.runs import Run, stream, stream_seed
from precocial.runs.intervals import over_seeds

Feedback = Literal["none", "rules", "rules and distrust", "shuffled", "shuffled speakers"]
FEEDBACK: tuple[Feedback, ...] = (
    "none", "rules", "rules and distrust", "shuffled", "shuffled speakers",
)  # fmt: skip
"""Shuffled rules speak of other items. "shuffled" doubts answers at random; "shuffled speakers"
keeps the kind of mistake that the distrust names, and shuffles only whose it is."""
_NEEDED = ("feedback", "levels", "seed", "labels", "accuracy", "longer", "margin")
_LONG = (3, 4)
"""Nouns between subject and verb in the longer sentences; there are at most two in training."""


@checked
@dataclass(frozen=True, kw_only=True)
class LanguageStudy:
    """What is said, by whom, and what is asked afterwards."""

    source: Source = "own"
    """of the words: the list that ships, or the tables of the extra [language]"""
    taught: int = 3200
    """sentences that speakers complete"""
    each: int = 5
    """speakers asked about each"""
    examined: int = 800
    """sentences about lemmas held out; all speakers and students are asked the same"""
    longer: int = 400
    """sentences about lemmas held out with three or four nouns before the verb"""
    speaking: Speaking = field(default_factory=Speaking)
    feedback: tuple[Feedback, ...] = FEEDBACK
    levels: tuple[str, ...] = LEVELS
    seed: int = 0

    def __post_init__(self) -> None:
        one_of("LanguageStudy: source", self.source, SOURCES)
        for feedback in self.feedback:
            one_of("LanguageStudy: feedback", feedback, FEEDBACK)
        for levels in self.levels:
            one_of("LanguageStudy: levels", levels, LEVELS)
        least = min(self.taught, self.examined, self.longer)
        if least < len(CELLS) or not 1 <= self.each <= self.speaking.speakers:
            raise ConfigError(
                f"LanguageStudy: taught, examined and longer must be at least {len(CELLS)}, each "
                f"from 1 to the {self.speaking.speakers} speakers; got {self.taught}, "
                f"{self.examined}, {self.longer} and {self.each}"
            )


FIRST_SEED = 20
"""Of the studies that are reported. What is done with answers was settled on seeds 100 to 102, the
words were chosen on those and seed 0; seed 10 was looked at before, and is not reported."""


def laptop(seeds: int = 5) -> list[LanguageStudy]:
    """One study a seed, with the words of the extra [language]: three minutes each on one core.

    Two of the four levels, for the time they take: no judge, and the fixed point."""
    return [LanguageStudy(source="tables", levels=("0", "fixed point"), seed=FIRST_SEED + seed)
            for seed in range(seeds)]  # fmt: skip


def smoke() -> LanguageStudy:
    """Seconds. Shows that it runs, no more."""
    return LanguageStudy(taught=320, examined=200, longer=40, feedback=("none", "rules"),
                         levels=("0", "1"))  # fmt: skip


def language_study(config: LanguageStudy, run: Run) -> Iterator[Row]:
    """Rows of kind "speaker", one each; then of kind "student", by feedback and level.

    A student's row has labels (the share of the sentences taught on which what it was taught is
    right), accuracy on the lemmas held out, the same by cell and in the longer sentences, and
    margin: its accuracy less that of the best speaker, on the same sentences. "gold" is a student
    taught with the right forms. changes are those of the rounds of student and panel.
    """
    seed = config.seed
    learned, kept = split(words(config.source), stream(seed, "language", "split"))
    taught = items(learned, config.taught, stream(seed, "language", "taught"), name="t")
    asked = items(kept, config.examined, stream(seed, "language", "asked"), name="h")
    many = items(kept, len(CELLS) * config.longer, stream(seed, "language", "longer"), name="l",
                 attractors=_LONG)  # fmt: skip
    longer = [item for item in many if item.cell == "present"]
    speakers = Speakers(speaking=config.speaking, seed=stream_seed(seed, "language", "speakers"))
    best = 0.0
    for number, name in enumerate(config.speaking.names):
        marks = _marks([speakers.say(item, number) for item in asked], asked)
        best = max(best, marks["accuracy"])
        far = _marks([speakers.say(item, number) for item in longer], longer)
        yield {"kind": "speaker", "seed": seed, "speaker": name, **marks,
               "longer": far["accuracy"]}  # fmt: skip
    said = speakers.all_say(taught, config.each, "taught")
    exact = [{script_of(item.word.lemma, item.form, item.cell): 1.0} for item in taught]
    yield {"kind": "student", "seed": seed, "feedback": "gold", "levels": "none", "labels": 1.0,
           **_examined(train(taught, exact), asked, longer, best), "changes": [],
           "status": ""}  # fmt: skip
    for feedback in config.feedback:
        rules, distrust = _stated(feedback, config, taught)
        heard = hear(taught, said, rules=rules, distrust=distrust)
        for levels in config.levels:
            found = learn(heard, levels)  # type: ignore[arg-type]
            yield {
                "kind": "student",
                "seed": seed,
                "feedback": feedback,
                "levels": levels,
                "labels": _labels_right(heard, found.proba),
                **_examined(found.student, asked, longer, best),
                "changes": list(found.changes),
                "status": found.status,
            }


def _stated(
    feedback: Feedback, config: LanguageStudy, taught: Sequence[Item]
) -> tuple[Sequence[Rule], Sequence[Distrust]]:
    if feedback == "none":
        return (), ()
    if feedback == "rules":
        return stated_rules(), ()
    if feedback.startswith("shuffled"):
        distrust = shuffled_answers if feedback == "shuffled" else shuffled_distrust
        random = stream(config.seed, "language", "shuffled")
        return (shuffled_rules(stated_rules(), taught, random),
                distrust(config.speaking, random))  # fmt: skip
    return stated_rules(), stated_distrust(config.speaking)


def _labels_right(heard: Heard, proba: np.ndarray) -> float:
    right = [
        KINDS[int(np.argmax(row))] == kind_of(item.word.lemma, item.form, item.cell)
        and (KINDS[int(np.argmax(row))] != "irregular" or form == item.form)
        for item, row, form in zip(heard.items, proba, heard.irregular)
    ]
    return float(np.mean(right))


def _examined(
    student: Student, asked: Sequence[Item], longer: Sequence[Item], best: float
) -> dict[str, float]:
    marks = _marks(student.answers(asked), asked)
    far = _marks(student.answers(longer), longer)
    return {**marks, "longer": far["accuracy"], "margin": marks["accuracy"] - best}


def _marks(answers: Sequence[str], asked: Sequence[Item]) -> dict[str, float]:
    """Accuracy in all, by cell, and on irregular words in the past and the plural."""
    right = np.array([answer == item.form for answer, item in zip(answers, asked)])
    out = {"accuracy": float(right.mean())}
    for cell in CELLS:
        where = np.array([item.cell == cell for item in asked])
        if where.any():
            out[cell] = float(right[where].mean())
    rare = np.array([item.word.irregular and item.cell in ("past", "plural") for item in asked])
    if rare.any():
        out["irregular"] = float(right[rare].mean())
    return out


@dataclass(frozen=True, kw_only=True)
class LanguageFinding:
    """A case over seeds: means with 95 % t-intervals (equal to the mean for one seed).

    Attributes:
        feedback, levels: which case.
        seeds: how many.
        labels, accuracy, longer, margin: means; `least_margin` the smallest of a seed.
        margin_interval: of the mean margin over the best speaker.
        gain: mean gain over the same level without feedback, with `gain_interval`; paired.
    """

    feedback: str
    levels: str
    seeds: int
    labels: float
    accuracy: float
    longer: float
    margin: float
    least_margin: float
    margin_interval: tuple[float, float]
    gain: float
    gain_interval: tuple[float, float]


@checked
def findings(rows: Sequence[Mapping[str, object]]) -> list[LanguageFinding]:
    """Each case of `language_study` over its seeds, in the order of the rows.

    Raises:
        DataError: no row of a student, or one without a field.
    """
    cases: dict[tuple[str, str], dict[int, Mapping[str, object]]] = {}
    for row in rows:
        if row.get("kind") == "student":
            if missing := [name for name in _NEEDED if name not in row]:
                raise DataError(
                    f"findings: a row of kind 'student' has no {', '.join(missing)}; give the rows "
                    "of language_study"
                )
            key = str(row["feedback"]), str(row["levels"])
            cases.setdefault(key, {})[int(str(row["seed"]))] = row
    if not cases:
        raise DataError("findings: no row of kind 'student'; give the rows of language_study")
    out = []
    for (feedback, levels), by_seed in cases.items():
        plain = cases.get(("none", levels), {})
        gains = [_number(row, "accuracy") - _number(plain[seed], "accuracy")
                 for seed, row in by_seed.items() if seed in plain]  # fmt: skip
        margins = [_number(row, "margin") for row in by_seed.values()]
        mean = {name: float(np.mean([_number(row, name) for row in by_seed.values()]))
                for name in ("labels", "accuracy", "longer")}  # fmt: skip
        out.append(LanguageFinding(
            feedback=feedback, levels=levels, seeds=len(by_seed), **mean,
            margin=float(np.mean(margins)), least_margin=min(margins),
            margin_interval=_interval(margins), gain=float(np.mean(gains)) if gains else 0.0,
            gain_interval=_interval(gains or [0.0]),
        ))  # fmt: skip
    return out


def _number(row: Mapping[str, object], name: str) -> float:
    return float(str(row[name]))


def _interval(values: Sequence[float]) -> tuple[float, float]:
    found = over_seeds(values)
    return found.low, found.high
