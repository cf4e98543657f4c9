"""From folders to the texts of a sweep."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from precocial.errors import DataError
from precocial.lm.trials import read_texts
from precocial.transfer.ladder import Rung, recipe
from precocial.transfer.texts import prepare
from tests.transfer.tiny_texts import TINY, write_both, write_texts


@pytest.fixture
def folders(tmp_path):
    return write_both(tmp_path)


def test_smaller_data_are_parts_of_larger_ones_and_seeds_draw_their_own(tmp_path, folders):
    source, target = folders
    made = prepare(TINY, source=source, target=target, root=tmp_path)
    texts, tokenizer = read_texts(tmp_path, made.name)
    names = ["source", "source-tune", "target-0", "target-1", "target-test", "target-tune"]
    assert sorted(texts) == names
    assert {name: len(text) for name, text in texts.items()} == made.info["bytes"]
    assert len(texts["target-0"]) == len(texts["target-1"]) == TINY.target_bytes
    assert (len(texts["target-tune"]), len(texts["target-test"])) == (600, 900)
    assert not np.array_equal(texts["target-0"], texts["target-1"])
    assert made.vocabulary == tokenizer.vocabulary < 20


def test_held_out_text_is_in_no_training_text(tmp_path, folders):
    source, target = folders
    made = prepare(TINY, source=source, target=target, root=tmp_path)
    texts, _ = read_texts(tmp_path, made.name)
    held_out = texts["target-test"].tobytes().decode() + texts["target-tune"].tobytes().decode()
    lines = {line for line in held_out.replace("\0", "\n").split("\n") if len(line) > 50}
    assert len(lines) > 15
    for name in ("source", "source-tune", "target-0", "target-1"):
        text = texts[name].tobytes().decode()
        assert not any(line in text for line in lines), name
    units = set(made.info["tune_units"]) & set(made.info["test_units"])
    assert not units


def test_a_source_that_holds_the_target_loses_it(tmp_path, folders):
    source, target = folders
    for file in target.iterdir():
        (source / f"copy-{file.name}").write_text(file.read_text())
    made = prepare(TINY, source=source, target=target, root=tmp_path)
    held_out = len(made.info["tune_units"]) + len(made.info["test_units"])
    assert len(made.info["source"]["overlapping_dropped"]) == held_out > 1


def long_and_short(root):
    """A target of long files, of which little is tested on, and its folder."""
    return write_texts(root / "long", letters="efghijkl", files=6, size=25_000, seed=2)


def test_a_copy_of_a_long_held_out_file_is_dropped_whole(tmp_path, folders):
    source, _ = folders
    target = long_and_short(tmp_path)
    for file in target.iterdir():
        (source / f"copy-{file.name}").write_text(file.read_text())
    made = prepare(TINY, source=source, target=target, root=tmp_path)
    held_out = {*made.info["tune_units"], *made.info["test_units"]}
    dropped = made.info["source"]["overlapping_dropped"]
    assert dropped == sorted(f"copy-{unit}.txt" for unit in held_out)
    assert made.info["source"]["documents"] == 4 + 6 - len(held_out)


@pytest.mark.parametrize("pages_only", [False, True])
def test_a_large_source_file_around_held_out_text_is_dropped(tmp_path, folders, pages_only):
    source, small = folders
    target = long_and_short(tmp_path) if pages_only else small
    first = prepare(TINY, source=source, target=target, root=tmp_path)
    for seed, role in enumerate(("tune", "test"), start=6):
        unit = first.info[f"{role}_units"][0]
        copied = (target / f"{unit}.txt").read_text()[: 7000 if pages_only else None]
        other = write_texts(tmp_path / role, letters="abcdefgh", files=2, size=20_000, seed=seed)
        around = [(other / f"file{number}.txt").read_text() for number in (0, 1)]
        (source / f"around-{role}.txt").write_text(copied.join(around))
    made = prepare(TINY, source=source, target=target, root=tmp_path)
    dropped = made.info["source"]["overlapping_dropped"]
    assert dropped == ["around-test.txt", "around-tune.txt"]
    assert made.source_bytes == first.source_bytes


def test_a_training_file_of_the_target_around_held_out_text_is_dropped(tmp_path, folders):
    source, target = folders
    own = write_texts(tmp_path / "own", letters="ijklmnop", files=2, size=8000, seed=9)
    around = [(own / f"file{number}.txt").read_text() for number in (0, 1)]
    small = [file.read_text() for file in sorted(target.iterdir())]
    (target / "large.txt").write_text("".join(small).join(around))
    made = prepare(TINY, source=source, target=target, root=tmp_path)
    assert "large" not in {*made.info["tune_units"], *made.info["test_units"]}
    assert made.info["target"]["left_out"] == []
    assert made.info["target"]["overlapping_dropped"] == ["large.txt"]
    texts, _ = read_texts(tmp_path, made.name)
    held_out = texts["target-test"].tobytes().decode().split("\n")
    line = next(line for line in held_out if len(line) > 50)
    assert line not in texts["target-0"].tobytes().decode()
    with pytest.raises(DataError, match=r"held-out target: 1 \(large\.txt\)$"):
        prepare(replace(TINY, scratch=(Rung(data_bytes=20_000, steps=1),)), source=source,
                target=target, root=tmp_path)  # fmt: skip


def test_the_same_texts_have_the_same_name(tmp_path, folders):
    source, target = folders
    names = [
        prepare(config, source=source, target=target, root=tmp_path).name
        for config in (TINY, TINY, replace(TINY, seed=1), replace(TINY, test_bytes=901))
    ]
    assert names[0] == names[1]
    assert len(set(names)) == 3


def test_the_source_can_be_cut(tmp_path, folders):
    source, target = folders
    made = prepare(replace(TINY, source_bytes=2000), source=source, target=target, root=tmp_path)
    assert made.source_bytes == 2000


def test_bpe_reads_both_languages(tmp_path, folders):
    source, target = folders
    config = replace(TINY, tokens="bpe", vocabulary=300)
    made = prepare(config, source=source, target=target, root=tmp_path)
    texts, tokenizer = read_texts(tmp_path, made.name)
    assert made.vocabulary == 300
    for name in ("source", "target-0"):
        assert len(tokenizer.encode(texts[name])) < 0.8 * len(texts[name])


def test_too_little_text_says_what_is_needed(tmp_path, folders):
    source, target = folders
    small = write_texts(tmp_path / "small", letters="xyz", files=3, size=400, seed=5)
    with pytest.raises(DataError, match=r"needs 2400\. Name more text with --source"):
        prepare(TINY, source=small, target=target, root=tmp_path)
    with pytest.raises(DataError, match=r"recipe 'tiny'\s+needs 4000|too little to hold out"):
        prepare(TINY, source=source, target=small, root=tmp_path)
    lone = target / "file0.txt"
    with pytest.raises(DataError, match=r"1 unit.*at least 3"):
        prepare(TINY, source=source, target=lone, root=tmp_path)


def test_the_built_in_texts_keep_their_modules_apart(tmp_path):
    config = replace(TINY, tune_bytes=4000, test_bytes=8000)
    made = prepare(config, source=None, target=None, root=tmp_path)
    assert made.source_name == "python-english"
    assert made.info["target"]["name"] == "python-code"
    assert made.info["python_like_share_of_source"] < 0.01
    assert made.info["python_like_share_of_target"] > 0.4
    assert made.source_bytes > 500_000
    assert 60 < made.vocabulary < 256


def test_advice_is_given_only_where_it_helps(tmp_path, folders):
    source, target = folders
    with pytest.raises(DataError, match=r"'smoke' needs 104096\. Name more text with") as smoke:
        prepare(recipe("smoke"), source=source, target=None, root=tmp_path)
    assert "use the recipe" not in str(smoke.value)
    with pytest.raises(DataError, match=r"with --target$"):
        prepare(replace(TINY, scratch=(Rung(data_bytes=20_000, steps=1),)), source=source,
                target=target, root=tmp_path)  # fmt: skip
    enough = write_texts(tmp_path / "enough", letters="xyzuvw", files=6, size=20_000, seed=7)
    with pytest.raises(DataError, match=r"--source, or use the recipe 'smoke'"):
        prepare(recipe("demo"), source=enough, target=None, root=tmp_path)
    with pytest.raises(DataError, match=r"--target, or use the recipe 'smoke'"):
        prepare(replace(TINY, scratch=(Rung(data_bytes=200_000, steps=1),)), source=enough,
                target=enough, root=tmp_path)  # fmt: skip


def test_messages_name_what_was_dropped(tmp_path, folders):
    source, target = folders
    alike = tmp_path / "alike"
    alike.mkdir()
    for name in "abcd":
        (alike / f"{name}.txt").write_text((target / "file0.txt").read_text())
    wanted = r"1 unit.*near-duplicates of other files: 3 \(b\.txt, c\.txt, d\.txt\)$"
    with pytest.raises(DataError, match=wanted):
        prepare(TINY, source=source, target=alike, root=tmp_path)
    with pytest.raises(DataError, match=r"has \d+ bytes;.*near-duplicates.*3 \(b\.txt, c"):
        prepare(TINY, source=alike, target=target, root=tmp_path)
    with pytest.raises(DataError, match=r"share text with the held-out target: \d \(file"):
        prepare(replace(TINY, source_bytes=11_000), source=target, target=target, root=tmp_path)
