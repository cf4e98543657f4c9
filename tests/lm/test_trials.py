"""A trained model as a run folder."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from precocial.errors import ConfigError, DataError, RunError
from precocial.lm import trials as module
from precocial.lm.gpt import GPTConfig
from precocial.lm.tokens import BPETokenizer, ByteTokenizer, text_bytes
from precocial.lm.train import TrainConfig, Training
from precocial.lm.trials import Trial, read_texts, result_of, trial, write_texts
from precocial.runs import run

TEXT = text_bytes("".join(f"line {n} of {n * n}\n" for n in range(400)))
TEXTS = {"source": TEXT[2000:], "target": TEXT[:2000], "held-out": TEXT[-1000:]}
TOKENS = ByteTokenizer.of(TEXTS.values())


@pytest.fixture
def base(tmp_path) -> Trial:
    return Trial(
        texts=write_texts(tmp_path, TEXTS, TOKENS),
        train_on="target",
        tune_on="held-out",
        test_on="held-out",
        data_bytes=1500,
        model=GPTConfig(vocabulary=TOKENS.vocabulary, context=16, width=8, depth=1),
        train=TrainConfig(steps=12, batch=4, evaluations=4),
    )


def test_texts_come_back(tmp_path):
    name = write_texts(tmp_path, TEXTS, TOKENS)
    texts, tokenizer = read_texts(tmp_path, name)
    assert tokenizer == TOKENS
    assert all(np.array_equal(texts[key], TEXTS[key]) for key in TEXTS)
    assert write_texts(tmp_path, TEXTS, TOKENS) == name
    assert write_texts(tmp_path, TEXTS | {"target": TEXT[:1999]}, TOKENS) != name
    assert write_texts(tmp_path, TEXTS, ByteTokenizer()) != name
    with pytest.raises(DataError, match="no such file"):
        read_texts(tmp_path, "0123456789abcdef")
    with pytest.raises(ConfigError, match="outside"):
        read_texts(tmp_path, "../../x")


def test_a_run_has_a_row_a_look_and_a_result(tmp_path, base):
    record = run(trial, base, tmp_path / "runs")
    *looks, _ = record.rows
    result = result_of(record.rows)
    assert [row["step"] for row in looks] == [0, 1, 3, 7, 12]
    assert result["tune_loss"] == min(row["tune_loss"] for row in looks)
    assert result["loss"] == result["tune_loss"]  # one text is both here
    assert result["tokens_seen"] == 12 * 4 * 16
    assert result["epochs"] == 12 * 4 * 16 / 1500
    assert result["N"] == 12 * 8 * 8 + 6 * 8
    assert result["best_is_last"] == (result["best_step"] == 12)
    assert record.artefacts == {}


def test_fine_tuning_starts_from_the_best_weights(tmp_path, base):
    before = run(trial, replace(base, train_on="source", keep_weights=True), tmp_path / "runs")
    after = run(trial, replace(base, start=before.id), tmp_path / "runs")
    assert after.rows[0]["tune_loss"] == result_of(before.rows)["tune_loss"]
    bare = run(trial, base, tmp_path / "runs")
    with pytest.raises(RunError, match="kept no weights"):
        run(trial, replace(base, start=bare.id), tmp_path / "runs")
    wide = replace(base, start=before.id, model=replace(base.model, width=16))
    with pytest.raises(RunError, match="another model"):
        run(trial, wide, tmp_path / "runs")


@pytest.mark.parametrize("checkpoints", [0.0, 1e9])
@pytest.mark.parametrize("dies_at", [1, 5, 12])
def test_a_killed_run_ends_with_the_same_bits(tmp_path, base, monkeypatch, dies_at, checkpoints):
    base = replace(base, keep_weights=True)
    whole = run(trial, base, tmp_path / "runs")
    monkeypatch.setattr(module, "CHECKPOINT_SECONDS", checkpoints)
    update = Training._update

    def fragile(self: Training, *given: Any) -> float:
        if self.step == dies_at:
            raise KeyboardInterrupt
        return update(self, *given)

    (tmp_path / "again").mkdir()
    write_texts(tmp_path / "again", TEXTS, TOKENS)
    monkeypatch.setattr(Training, "_update", fragile)
    with pytest.raises(KeyboardInterrupt):
        run(trial, base, tmp_path / "again" / "runs")
    monkeypatch.setattr(Training, "_update", update)
    again = run(trial, base, tmp_path / "again" / "runs")
    assert again.rows == whole.rows
    assert again.artefacts == whole.artefacts


def test_bpe_and_bytes_are_told_in_one_unit(tmp_path, base):
    tokenizer = BPETokenizer.train([TEXT], 280)
    name = write_texts(tmp_path, TEXTS, tokenizer)
    shape = replace(base.model, vocabulary=tokenizer.vocabulary)
    long = replace(base.train, steps=80, learning_rate=0.02)
    one = run(trial, replace(base, train=long), tmp_path / "runs")
    two = run(trial, replace(base, texts=name, model=shape, train=long), tmp_path / "runs")
    losses = [result_of(record.rows)["loss"] for record in (one, two)]
    assert losses[1] == pytest.approx(losses[0], rel=0.3)  # per token they differ by half or more


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"train_on": "nothing"}, "no text 'nothing'; there are held-out, source, target"),
        ({"data_bytes": 10**6}, "has 2000 bytes; data_bytes is 1000000"),
        ({"model": GPTConfig(vocabulary=256, context=16, width=8)}, "vocabulary of 256"),
    ],
)
def test_a_trial_that_cannot_be_says_why(tmp_path, base, change, said):
    with pytest.raises(ConfigError, match=said):
        run(trial, replace(base, **change), tmp_path / "runs")


def test_no_data_is_refused(base):
    with pytest.raises(ConfigError, match="data_bytes must be at least 1"):
        replace(base, data_bytes=0)


def test_rows_without_a_result_are_refused():
    with pytest.raises(DataError, match="no result row"):
        result_of([{"kind": "evaluation"}])


def test_every_field_decides_the_folder(tmp_path, base):
    from precocial.runs import run_id

    fields = {
        "texts": "other", "train_on": "source", "tune_on": "target", "test_on": "target",
        "data_bytes": 1, "model": replace(base.model, width=16), "seed": 5, "start": "x",
        "train": replace(base.train, steps=13), "keep_weights": True,
    }  # fmt: skip
    assert set(fields) == {field.name for field in dataclasses.fields(Trial)}
    ids = {run_id(trial, replace(base, **{name: value})) for name, value in fields.items()}
    assert len(ids | {run_id(trial, base)}) == 1 + len(fields)
