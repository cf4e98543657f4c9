"""Three questions: their parts against what is known, and their answers on planted rows."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from precocial.errors import ConfigError, FitError
from precocial.genome.lab import attention, price, questions, regularise
from precocial.genome.lab.attention import attend, cluttered, rounded_genes, selected, senses
from precocial.genome.lab.price import correct_rates, crossed, gene_bytes, mutated
from precocial.runs import run
from precocial.runs.shelf import rounded
from tests.genome.tiny_tasks import digits

Rows = list[dict[str, Any]]


# ---------------------------------------------------------------- does the bottleneck regularise?


def curves(genome: float, dense: float, *, seeds: int = 4) -> Rows:
    """Held-out accuracy is a fixed share of the training score."""
    rows = []
    for seed, (size, share) in itertools.product(range(seeds), ((900, genome), (0, dense))):
        for step in range(5):
            train = 0.2 * step if size == 0 else 0.15 * step
            test = share * train + 0.001 * seed * (size > 0)
            # at the first rate nothing holds beyond the pictures of training
            for rate, valid, known in ((0.1, 0.5 * test, 0.0), (0.2, test, test)):
                rows.append({"noise": 0.2, "bytes": size, "rate": rate, "seed": seed, "step": step,
                             "train": train, "valid": valid, "test": known})  # fmt: skip
    return rows


def test_they_are_compared_at_the_highest_score_that_both_reach() -> None:
    (one,) = regularise.regularised(curves(0.9, 0.8))
    assert one.level.mean == pytest.approx(0.6)
    assert one.rate == one.dense_rate == 0.2
    assert one.advantage.mean == pytest.approx(0.1 * 0.6 + 0.0015)
    assert one.advantage_at_end.mean == pytest.approx(0.9 * 0.6 - 0.8 * 0.8 + 0.0015)
    readings = [answer.reading for answer in questions.bottleneck_answers(curves(0.9, 0.8))]
    assert readings == ["yes", "the other way"]


def test_the_test_pictures_choose_no_rate() -> None:
    rows = curves(0.9, 0.8)
    against = [row | {"test": 1 - row["valid"]} for row in rows]
    found = [[(one.rate, one.dense_rate) for one in regularise.regularised(some)]
             for some in (rows, against)]  # fmt: skip
    assert found[0] == found[1] == [(0.2, 0.2)]


def test_a_missing_arm_is_told() -> None:
    with pytest.raises(FitError, match="bytes 0"):
        regularise.regularised([row for row in curves(1, 1) if row["bytes"]])


def test_mistaken_names_are_as_many_as_asked_and_wrong() -> None:
    train = digits().train
    wrong = regularise.mistaken(train, 0.25, 10, 3).targets != train.targets
    assert int(wrong.sum()) == round(0.25 * len(train))


def test_curves_start_from_the_model_s_own_weights_and_learn(tmp_path: Path) -> None:
    config = replace(regularise.smoke_regularise(), seeds=1, steps=20)
    rows = run(regularise.regularise, config, tmp_path).rows
    assert [(row["bytes"], row["step"]) for row in rows] == [
        (size, step) for size in (0, 900) for step in (0, 10, 20)
    ]
    assert rows[2]["train"] > rows[0]["train"]
    assert rows[5]["train"] > rows[3]["train"]
    with pytest.raises(ConfigError, match="noise"):
        replace(config, noise=(1.0,))


# ---------------------------------------------------------------- a price per byte


def test_a_gene_takes_as_many_bits_as_it_needs() -> None:
    assert gene_bytes(8, 32) == (3 + 5 + 6) / 8


def test_correct_rates_are_those_of_the_linear_rule() -> None:
    random = np.random.default_rng(0)
    genomes = random.integers(-31, 32, size=(3, 12)).astype(np.int8)
    waves, targets = random.standard_normal((50, 4)), random.integers(3, size=50)
    found = correct_rates(genomes, waves, targets, 3)
    for genome, rate in zip(genomes, found, strict=True):
        chosen = (waves @ genome.reshape(3, 4).T).argmax(axis=1)
        assert rate == pytest.approx((chosen == targets).mean())
    # who knows nothing gets nothing, rather than the first class for free
    assert correct_rates(np.zeros((1, 12), dtype=np.int8), waves, targets, 3) == 0


def test_mutation_alone_does_not_move_the_length() -> None:
    random = np.random.default_rng(1)
    genomes = np.zeros((300, 80), dtype=np.int8)
    genomes[:, :40] = 7
    for _ in range(60):
        genomes = mutated(genomes, 1.0, random)
    lengths = (genomes != 0).sum(axis=1)
    assert lengths.std() > 3
    # half of the places are taken, so insertions lost there would halve the growth
    assert abs(lengths.mean() - 40) < 4 * lengths.std() / 300**0.5
    assert genomes.min() >= -31


def test_mutation_ends_at_no_gene_and_at_all_of_them() -> None:
    random = np.random.default_rng(2)
    for start in (0, 7):
        genomes = np.full((50, 4), start, dtype=np.int8)
        for _ in range(10):
            genomes = mutated(genomes, 2.0, random)
        assert set((genomes != 0).sum(axis=1).tolist()) <= set(range(5))
        assert np.abs(genomes).max() <= 31


def test_parents_are_the_fit() -> None:
    genomes = np.repeat(np.arange(10, dtype=np.int8)[:, None], 40, axis=1)
    children = crossed(genomes, np.arange(10.0), 10**3, np.random.default_rng(0))
    assert (children == 9).all()
    mixed = crossed(genomes, np.arange(10.0), 1, np.random.default_rng(0))
    assert len({tuple(row) for row in mixed.tolist()}) == 10
    assert max(len(set(row)) for row in mixed.tolist()) == 2


def test_a_price_shortens_genomes_and_the_answer_says_so(tmp_path: Path) -> None:
    config = replace(price.smoke_price(), prices=(0.0, 0.02), generations=40, seeds=3)
    rows = run(price.price, config, tmp_path).rows
    free, dear = price.priced(rows)
    assert free.ancestral.mean > 0.3
    assert dear.bytes_change.mean < 0
    answers = questions.price_answers(rows)
    assert [answer.question for answer in answers[:2]] == [questions.BOUNDED, questions.PRICE]
    assert answers[1].measured == dear.bytes_change
    with pytest.raises(ConfigError, match="prices"):
        replace(config, prices=(-1.0,))


def test_the_test_pictures_select_no_genome(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(price.smoke_price(), prices=(0.0,), generations=20, seeds=1)
    rows = run(price.price, config, tmp_path / "theirs").rows
    task = price.named_task("digits")
    random = torch.Generator().manual_seed(0)
    shuffled = torch.randperm(len(task.test), generator=random)
    noise = replace(task, test=replace(task.test, targets=task.test.targets[shuffled]))
    monkeypatch.setattr(price, "named_task", lambda name: noise)
    others = run(price.price, config, tmp_path / "noise").rows
    told = [[{n: v for n, v in row.items() if n != "best_test"} for row in one]
            for one in (rows, others)]  # fmt: skip
    assert told[0] == told[1]
    assert rows[-1]["best_test"] > others[-1]["best_test"] + 0.1


# ---------------------------------------------------------------- what to attend to


def test_clutter_is_scrambled_and_keeps_its_pixels() -> None:
    train = digits().train
    found = cluttered(train, 0.5, 10, 0)
    same = (found.inputs == train.inputs).flatten(1).all(dim=1)
    assert int((~same).sum()) == round(0.5 * len(train))
    for before, after in zip(train.inputs[~same][:5], found.inputs[~same][:5], strict=True):
        assert torch.equal(before.flatten().sort().values, after.flatten().sort().values)
    assert torch.equal(found.targets[same], train.targets[same])


def test_senses_tell_clutter_from_pictures_by_its_fine_grain() -> None:
    examples = digits().test
    examples = replace(examples, inputs=examples.inputs.reshape(-1, 1, 8, 8))
    mixed = cluttered(examples, 0.5, 10, 0)
    scrambled = (mixed.inputs != examples.inputs).flatten(1).any(dim=1).numpy()
    seen = senses(mixed)
    np.testing.assert_allclose(seen.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(seen.std(axis=0), 1, rtol=1e-6)
    assert seen[scrambled, -1].mean() - seen[~scrambled, -1].mean() > 1


def test_attention_looks_in_proportion_and_lets_go() -> None:
    seen = np.zeros((4, attention.BANDS))
    seen[:, 0] = np.log([1, 2, 3, 4])
    genes = np.zeros((2, 1 + attention.BANDS))
    genes[:, 1] = 1.0
    genes[1, 0] = 50.0  # fades at once
    choose = attend(seen, genes, 10)
    uniforms = np.tile((np.arange(1000) + 0.5) / 1000, (2, 1))
    counts = [np.bincount(row, minlength=4) / 1000 for row in choose(10, uniforms).numpy()]
    np.testing.assert_allclose(counts[0], [0.1, 0.2, 0.3, 0.4])
    np.testing.assert_allclose(counts[1], 0.25)


def test_selection_climbs_to_a_known_peak() -> None:
    peak = np.array([1.0, -2.0])

    def judge(genes: attention.Genes, generation: int) -> np.ndarray[Any, np.dtype[np.float64]]:
        assert np.array_equal(genes, rounded_genes(genes))
        return np.asarray(-((genes - peak) ** 2).sum(axis=1))

    found = selected(judge, np.zeros(2), generations=60, pairs=8, sigma=0.5, step=1.0, seed=0)
    np.testing.assert_allclose(found, peak, atol=0.3)


def test_what_an_arm_carries_is_read_from_its_curve() -> None:
    rows = []
    for seed, (arm, speed) in itertools.product(
        range(3), (("plain", 1.0), ("attention", 2.0), ("rates", 0.01))
    ):
        for step in range(0, 41, 2):
            accuracy = min(0.9, 0.1 + 0.02 * speed * step)
            rows.append({"clutter": 0.75, "arm": arm, "seed": seed, "step": step,
                         "accuracy": accuracy, "file_bytes": 7})  # fmt: skip
    found = {one.arm: one for one in attention.carried(rows, 10)}
    assert found["attention"].log_speed.mean == pytest.approx(np.log(2))
    assert found["attention"].gain.mean == pytest.approx(0.2)
    assert found["rates"].log_speed.mean == pytest.approx(np.log(10 / 40))
    assert found["plain"].gain.mean == 0
    readings = {a.figure: a.reading for a in questions.heuristic_answers(rows, 10)}
    assert readings["attention, 75% clutter: log speed of learning"] == "yes"
    assert readings["rates, 75% clutter: log speed of learning"] == "the other way"
    assert not any("plain" in figure for figure in readings)


def test_rows_of_every_arm(tmp_path: Path) -> None:
    config = replace(
        attention.smoke_heuristic(), generations=1, pairs=1, longest=4, lifetime=2, seeds=1,
        trials=1, hidden=4,
    )  # fmt: skip
    rows = run(attention.heuristic, config, tmp_path).rows
    sizes = {row["arm"]: row["file_bytes"] for row in rows}
    assert tuple(sorted(sizes)) == tuple(sorted(attention.ARMS))
    assert sizes["plain"] == 1
    assert sizes["attention"] == 2 + attention.BANDS
    assert 200 < sizes["innate weights"] <= config.bytes + 1
    with pytest.raises(ConfigError, match="longest"):
        replace(config, longest=1)


def test_shipped_rows_are_short() -> None:
    assert rounded([{"a": 1 / 3, "b": None, "c": 2}]) == [{"a": 0.333333, "b": None, "c": 2}]
