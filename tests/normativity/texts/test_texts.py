"""Texts of many writers: distances, networks, medians, reliabilities, the panel."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from precocial.errors import ConfigError, DataError
from precocial.normativity.texts import aggregate_texts, kernels, word_error_rate
from precocial.normativity.texts.answers import read
from precocial.normativity.texts.processes import PROCESSES, all_words
from precocial.normativity.texts.words import encoded, words_of
from precocial.normativity.texts.writers import reliabilities

REFERENCE = "the quick brown fox jumps over the lazy dog near the old river bank today"


def plain_distance(left: tuple[str, ...], right: tuple[str, ...]) -> int:
    """By recursion on the definition."""
    if not left or not right:
        return len(left) + len(right)
    return min(
        plain_distance(left[1:], right[1:]) + (left[0] != right[0]),
        plain_distance(left[1:], right) + 1,
        plain_distance(left, right[1:]) + 1,
    )


def noisy(text: str, errors: float, random: np.random.Generator) -> str:
    """Every word is left out, changed, or doubled with a chance of `errors` in all."""
    out = []
    for word in text.split():
        kind = random.integers(3) if random.random() < errors else 3
        out += {0: [], 1: [f"x{random.integers(1000)}"], 2: [word, word], 3: [word]}[int(kind)]
    return " ".join(out)


def crowd(
    errors: list[float], tasks: int, seed: int = 0
) -> tuple[list[str], list[str], list[str], list[str]]:
    """Gold, and one answer to every task of a writer for each error rate."""
    random = np.random.default_rng(seed)
    gold = [" ".join(random.permutation(REFERENCE.split())[:9]) for _ in range(tasks)]
    rows = [
        (f"t{task}", f"w{writer}", noisy(text, rate, random))
        for task, text in enumerate(gold)
        for writer, rate in enumerate(errors)
    ]
    task, teacher, text = (list(column) for column in zip(*rows))
    return gold, task, teacher, text


def test_the_edit_distance_is_the_recursive_one() -> None:
    short = [text for size in range(4) for text in itertools.product("ab", repeat=size)]
    both = encoded(short)
    left, right = (np.array(x) for x in zip(*itertools.product(range(len(short)), repeat=2)))
    found = kernels.distances(both.words, both.starts, both.words, both.starts, left, right)
    want = [plain_distance(a, b) for a, b in itertools.product(short, repeat=2)]
    assert found.tolist() == want


@pytest.mark.parametrize(
    ("text", "form", "want"),
    [
        ("He's HERE, now.", "bare", ("he's", "here", "now")),
        ("a - b", "bare", ("a", "b")),
        ("child-rearing", "bare", ("childrearing",)),
        ("He's HERE, now.", "written", ("He's", "HERE,", "now.")),
        ("Cafe\u0301 nai\u0308ve", "bare", ("café", "naïve")),
        (" \n\t ", "bare", ()),
        ("...", "bare", ()),
        ("क्षि 山田", "bare", ("क्षि", "山田")),
    ],
)
def test_words(text: str, form: str, want: tuple[str, ...]) -> None:
    assert words_of(text, form) == want


def test_word_error_rate_counts_each_text_alike_and_the_corpus_each_word() -> None:
    found = word_error_rate(["a b c d", "a"], ["a x c", "b b"])
    assert found.each.tolist() == [0.5, 2.0]
    assert found.mean == 1.25
    assert found.corpus == pytest.approx(4 / 5)
    assert found.interval[0] <= found.mean <= found.interval[1]
    assert word_error_rate(["A, b!"], ["a b"]).mean == 0
    assert word_error_rate(["A, b!"], ["a b"], form="written").mean == 1


def network(*texts: str, weight: list[float] | None = None) -> str:
    both = encoded([text.split() for text in texts])
    found = kernels.network_of(
        both.words, both.starts, np.arange(len(texts)), np.array(weight or [1.0] * len(texts))
    )
    return " ".join(both.vocabulary[word] for word in found)


def test_rover_votes_by_slot() -> None:
    assert network("a b c", "a x c", "a b d") == "a b c"
    assert network("a c", "a b c", "a b c") == "a b c"
    assert network("a b c", "a c", "a c") == "a c"
    assert network("a b", "a c") == "a b"
    assert network("a b", "a c", weight=[1.0, 1.5]) == "a c"
    assert network("", "") == ""
    assert network("", "a", "a b") == "a"
    # An omission beside an omission is free, so the second b finds the slot of the first.
    assert network("a c", "a b c", "a c", "z a b c", "a b c") == "a b c"


def test_the_median_need_not_have_been_written() -> None:
    gold = "a b c d e f"
    texts = ["x b c d e f", "a x c d e f", "a b x d e f", "a b c d x f"]
    answers = read(["t"] * 4, list("pqrs"), texts)
    weight = np.ones(4)
    assert all_words(answers, PROCESSES["median"](answers, weight)) == (gold,)
    assert all_words(answers, PROCESSES["rover"](answers, weight)) == (gold,)
    assert all_words(answers, PROCESSES["medoid"](answers, weight))[0] in texts


def test_no_single_change_of_a_median_lowers_its_cost() -> None:
    random = np.random.default_rng(3)
    both = encoded([[str(word) for word in random.integers(0, 4, 5)] for _ in range(6)])
    refs, weight = np.arange(6), random.uniform(0.5, 2, 6)
    length = both.lengths.astype(float)
    known = np.unique(both.words)

    def cost(text: np.ndarray) -> float:
        return sum(
            weight[ref] * kernels.distance(text, both.text(ref)) / length[ref] for ref in refs
        )

    start = both.text(0).copy()
    found = kernels.median_of(start, both.words, both.starts, refs, weight, length, known, 30)
    near = [np.delete(found, place) for place in range(len(found))]
    near += [np.insert(found, place, word) for place in range(len(found) + 1) for word in known]
    for place, word in itertools.product(range(len(found)), known):
        near.append(found.copy())
        near[-1][place] = word
    assert cost(found) < cost(start)
    assert min(map(cost, near)) >= cost(found) - 1e-9


def test_the_median_process_lets_in_words_of_two_texts() -> None:
    """Searching on with those words finds nothing better, in no task."""
    _, task, teacher, text = crowd([0.4, 0.4, 0.5, 0.5, 0.6], 20)
    answers = read(task, teacher, text)
    weight = np.ones(len(text))
    mass, texts = answers.weight_of_texts(weight), answers.texts
    length = np.maximum(texts.lengths, 1).astype(float)
    for number, found in enumerate(PROCESSES["median"](answers, weight)):
        refs = np.arange(answers.starts[number], answers.starts[number + 1])
        said, count = np.unique(
            np.concatenate([np.unique(texts.text(one)) for one in refs]), return_counts=True
        )
        again = kernels.median_of(
            found, texts.words, texts.starts, refs, mass, length, said[count > 1], 1
        )
        assert again.tolist() == found.tolist()


def test_writers_are_weighed_by_how_far_they_are_from_the_others() -> None:
    rates = [0.05, 0.1, 0.1, 0.2, 0.5, 0.5]
    _, task, teacher, text = crowd(rates, 60)
    found = reliabilities(read(task, teacher, text))
    assert found.weight[0] > found.weight[3] > found.weight[4]
    assert np.all(found.low < found.distance)
    assert np.all(found.distance < found.high)
    # Deleted, changed, doubled: an error is one word of nine or ten.
    assert found.low[4] < 0.5 < found.high[4] + 0.05
    assert found.high[0] < found.low[4]


def test_a_writer_of_one_text_stays_near_the_mean_with_a_wide_interval() -> None:
    _, task, teacher, text = crowd([0.1, 0.1, 0.3, 0.3], 40)
    found = reliabilities(read([*task, task[0]], [*teacher, "new"], [*text, "quite other words"]))
    steady = found.weight[2]
    assert found.answers.tolist() == [40, 40, 40, 40, 1]
    assert found.weight[4] > steady / 2
    wide = found.high - found.low
    assert wide[4] > 2 * wide[:4].max()


def test_weights_help_where_most_writers_are_poor() -> None:
    gold, task, teacher, text = crowd([0.15, 0.3, 0.7, 0.7, 0.7, 0.7], 60)
    errors = [
        np.mean([
            word_error_rate(
                gold, aggregate_texts(task, teacher, text, method=method, weigh=weigh).texts
            ).mean
            for method in ("medoid", "median")
        ])
        for weigh in (False, True)
    ]  # fmt: skip
    assert errors[1] < 0.9 * errors[0]


def test_the_panel_is_better_than_every_writer_and_says_how_it_chose() -> None:
    gold, task, teacher, text = crowd([0.2, 0.25, 0.3, 0.3, 0.5], 40)
    found = aggregate_texts(task, teacher, text)
    errors = word_error_rate(gold, found.texts).mean
    alone = [
        word_error_rate(gold, [one for one, who in zip(text, teacher) if who == name]).mean
        for name in found.teachers
    ]
    assert errors < min(alone) / 2
    panel = found.panel
    assert panel is not None
    assert panel.chosen.sum() == pytest.approx(1)
    # A quantilizer of q = 1/4 gives no process more than four times its share of the base.
    assert panel.chosen.max() <= 0.4 + 1e-12
    assert panel.scores.shape == (3, 10)
    best = panel.processes[int(np.argmax(panel.chosen))]
    assert best.startswith(("median", "rover"))


def test_judges_never_score_a_process_on_what_it_was_given() -> None:
    """Answers that share no word cannot be predicted from one another."""
    texts = [" ".join(f"{task}{writer}{n}" for n in "abc") for task in "xy" for writer in "pqrst"]
    found = aggregate_texts([t for t in "xy" for _ in "pqrst"], list("pqrst") * 2, texts)
    assert found.panel is not None
    assert np.all(found.panel.scores[0] <= -1 + 1e-12)


def test_texts_keep_the_writing_that_is_commonest() -> None:
    found = aggregate_texts(
        ["t"] * 3, ["a", "b", "c"], ["We saw Yamada.", "we saw Yamada.", "We go"]
    )
    assert found.by_task() == {"t": "We saw Yamada."}


def test_tasks_and_teachers_may_be_whole_numbers() -> None:
    _, task, teacher, text = crowd([0.2, 0.3, 0.4], 12)
    plain = aggregate_texts(task, teacher, text)
    number = {name: 7 * place - 3 for place, name in enumerate(plain.tasks)}
    person = {name: place for place, name in enumerate(plain.teachers)}
    found = aggregate_texts([number[one] for one in task], [person[one] for one in teacher], text)
    assert found.by_task() == {number[name]: words for name, words in plain.by_task().items()}
    assert found.teachers == tuple(person.values())
    assert {type(one) for one in (*found.tasks, *found.teachers)} == {int}
    same = aggregate_texts([np.int64(number[one]) for one in task], teacher, text)
    assert same.tasks == found.tasks
    assert {type(one) for one in same.tasks} == {int}


@pytest.mark.wrong_types
def test_columns_of_a_table_are_taken_as_they_are() -> None:
    found = aggregate_texts(np.array([3, 3, 5]), np.array(["a", "b", "a"]), ["x", "x", "y"])
    assert found.by_task() == {3: "x", 5: "y"}
    column = {"c": 0, "b": 0, "a": 0}.keys()  # as of a filtered table: there is no column[0]
    assert aggregate_texts(column, column, column).tasks == ("c", "b", "a")
    for task in ([1, "1"], [1, 2.0], [1, True], [1, None]):
        with pytest.raises(DataError, match=r"task (1|holds 1 and '1')"):
            aggregate_texts(task, ["a", "b"], ["x", "y"])


def test_one_seed_one_result_and_the_order_of_tasks_is_no_matter() -> None:
    _, task, teacher, text = crowd([0.2, 0.3, 0.4], 12)
    first, again = (aggregate_texts(task, teacher, text) for _ in range(2))
    assert first.texts == again.texts
    for method in ("medoid", "rover", "median"):
        one = aggregate_texts(task, teacher, text, method=method).by_task()
        rows = [
            row
            for name in sorted(set(task), reverse=True)
            for row in range(len(task))
            if task[row] == name
        ]
        two = aggregate_texts(
            [task[r] for r in rows], [teacher[r] for r in rows], [text[r] for r in rows],
            method=method,
        ).by_task()  # fmt: skip
        assert one == two


@pytest.mark.parametrize("method", ["panel", *PROCESSES])
@pytest.mark.parametrize(
    "texts",
    [
        [""],
        ["", ""],
        ["", "a"],
        ["山田 です", "山田 だ"],
        ["...", "!"],
        ["a"] * 5,
        ["a b"],
        ["\U0001f600", "a"],
    ],
)
def test_few_and_empty_answers(method: str, texts: list[str]) -> None:
    names = [str(one) for one in range(len(texts))]
    found = aggregate_texts(["t"] * len(texts), names, texts, method=method)
    assert len(found.texts) == 1
    numbers = (
        found.support,
        found.reliability.weight,
        found.reliability.low,
        found.reliability.high,
    )
    assert all(np.isfinite(one).all() for one in numbers)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("tu"), st.sampled_from("ab"), st.text(max_size=12)),
        min_size=1,
        max_size=8,
    )
)
def test_anything_gives_one_text_a_task(rows: list[tuple[str, str, str]]) -> None:
    found = aggregate_texts([r[0] for r in rows], [r[1] for r in rows], [r[2] for r in rows])
    assert set(found.tasks) == {row[0] for row in rows}
    assert np.isfinite(found.support).all()
    assert np.isfinite(found.reliability.weight).all()


def test_many_texts_in_one_task_are_bounded() -> None:
    random = np.random.default_rng(0)
    texts = [noisy(REFERENCE, 0.3, random) for _ in range(300)]
    found = aggregate_texts(["t"] * 300, [str(n % 7) for n in range(300)], texts, method="median")
    assert word_error_rate([REFERENCE], found.texts).mean < 0.1


def test_what_is_wrong_is_said() -> None:
    with pytest.raises(DataError, match="2 tasks, 1 teachers and 2 texts"):
        aggregate_texts(["a", "b"], ["w"], ["x", "y"])
    with pytest.raises(DataError, match="no answers"):
        aggregate_texts([], [], [])
    with pytest.raises(ConfigError, match=r"q must lie in \(0, 1\]"):
        aggregate_texts(["a"], ["w"], ["x"], q=0.0)
    with pytest.raises(DataError, match="1 references and 2 texts"):
        word_error_rate(["a"], ["a", "b"])


@pytest.mark.wrong_types
def test_wrong_types_are_said() -> None:
    with pytest.raises(ConfigError, match="method must be"):
        aggregate_texts(["a"], ["w"], ["x"], method="best")
    for wrong in (None, float("nan"), 3):
        with pytest.raises(DataError, match="text 1 must be text; got"):
            aggregate_texts(["a", "b"], ["w", "w"], ["x", wrong])


@pytest.mark.wrong_types
def test_a_seed_is_0_or_more_and_half_a_character_is_refused() -> None:
    with pytest.raises(ConfigError, match="aggregate_texts: seed must be 0 or more; got -1"):
        aggregate_texts(["a"], ["w"], ["x"], seed=-1)
    with pytest.raises(ConfigError, match="seed must be a whole number"):
        aggregate_texts(["a"], ["w"], ["x"], seed="x")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="word_error_rate: seed must be 0 or more"):
        word_error_rate(["a"], ["a"], seed=-1)
    with pytest.raises(ConfigError, match="resamples must be at least 1; got 0"):
        word_error_rate(["a"], ["a"], resamples=0)
    with pytest.raises(DataError, match="text 1 holds half of a surrogate pair"):
        aggregate_texts(["a", "a"], ["v", "w"], ["x", "\ud800"])
