"""Named arrays from files that other programs wrote: .npz, HDF5, safetensors. Never a pickle."""

from __future__ import annotations

import math
import warnings
import zipfile
from collections.abc import Collection
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from precocial import io
from precocial.errors import DataError, need

Arrays = dict[str, NDArray[Any]]
MAX_ARRAY_BYTES = 2 * 2**30
"""All arrays of a file together, unpacked; more is refused."""
CONVERT = (
    'In the program that wrote it, load it and write the arrays alone: numpy.savez("new.npz", '
    "obs=..., acts=..., terminals=..., timeouts=...), one row a step; or, with imitation 1.0 or "
    "newer, imitation.data.serialize.save(folder, trajectories)"
)


def read_npz(path: io.PathLike, names: Collection[str]) -> Arrays:
    """The arrays of `names` that an .npz file holds.

    Raises:
        DataError: not such a file, damaged, too large, or an array of Python objects (a pickle).
    """
    data = io.read_bytes(path, limit=MAX_ARRAY_BYTES)
    if data[:1] == b"\x80":
        raise refused_pickle(path)
    arrays: Arrays = {}
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of headers that Python 2 wrote
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            total = sum(info.file_size for name, info in members.items() if name in names)
            if total > MAX_ARRAY_BYTES:
                raise DataError(f"unpacks to more than {MAX_ARRAY_BYTES} bytes", path=path)
            for name in sorted(names & members.keys()):
                arrays[name] = _npy(archive.read(members[name]), name, path)
            held = list(members)
    except DataError:
        raise
    except Exception as error:  # zipfile, zlib and NumPy raise what they like on damaged files
        raise DataError(f"is not an .npz file ({_short(error)})", path=path) from error
    return _some(arrays, held, names, path)


def _npy(data: bytes, name: str, path: io.PathLike) -> NDArray[Any]:
    """One array in NumPy's format; its header must agree with its size before it is read."""
    stream = BytesIO(data)
    version = np.lib.format.read_magic(stream)
    reader = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if reader is None:
        raise DataError(
            f"array {name!r} is of NumPy format {version}; 1.0 and 2.0 are read", path=path
        )
    shape, _, dtype = reader(stream)
    if dtype.hasobject:
        raise DataError(
            f"array {name!r} holds Python objects, a pickle: reading it would run code. {CONVERT}",
            path=path,
        )
    if math.prod(shape) * dtype.itemsize != len(data) - stream.tell():
        raise DataError(f"array {name!r} is cut off, or its header is wrong", path=path)
    stream.seek(0)
    return np.asarray(np.lib.format.read_array(stream, allow_pickle=False))


def read_hdf5(path: io.PathLike, names: Collection[str]) -> Arrays:
    """The arrays of `names` at the top of an HDF5 file (d4rl's layout).

    Raises:
        DataError: not such a file, or arrays that lie in other files.
        MissingExtraError: h5py is not installed.
    """
    with OpenedHDF5(path) as file:
        held = file.keys()
        arrays = {name: file.array(name) for name in sorted(names) if name in held}
    return _some(arrays, held, names, path)


class OpenedHDF5:
    """An HDF5 file in memory, from which numbers are taken and nothing else.

    Links to other places or files and data kept in other files are refused.
    """

    def __init__(self, path: io.PathLike) -> None:
        self.path = path
        self._h5py = need("h5py", "gym")
        data = io.read_bytes(path, limit=MAX_ARRAY_BYTES)
        self._left = MAX_ARRAY_BYTES
        try:
            self._file = self._h5py.File(BytesIO(data), "r")
        except Exception as error:  # h5py raises OSError, RuntimeError, ...
            raise self._damaged(error) from error

    def __enter__(self) -> OpenedHDF5:
        return self

    def __exit__(self, *raised: object) -> None:
        self._file.close()

    def keys(self) -> list[str]:
        """The names at the top."""
        try:
            return [str(name) for name in self._file]
        except Exception as error:
            raise self._damaged(error) from error

    def array(self, *place: str) -> NDArray[Any]:
        """The array at a place, group by group."""
        where = "/".join(place)
        try:
            found = self._file
            for name in place:
                if name not in found:
                    raise DataError(f"{where!r} is missing", path=self.path)
                if not isinstance(found.get(name, getlink=True), self._h5py.HardLink):
                    raise DataError(f"{where!r} is a link; links are not followed", path=self.path)
                found = found[name]
            if not isinstance(found, self._h5py.Dataset):
                raise DataError(f"{where!r} is a group; a plain array is needed", path=self.path)
            if found.external or found.is_virtual:
                raise DataError(
                    f"{where!r} lies in another file, which is not opened", path=self.path
                )
            if found.dtype.kind not in "biuf":
                raise DataError(
                    f"{where!r} holds {found.dtype}; numbers are needed", path=self.path
                )
            self._left -= found.nbytes
            if self._left < 0:
                raise DataError(f"holds more than {MAX_ARRAY_BYTES} bytes", path=self.path)
            return np.asarray(found[()])
        except DataError:
            raise
        except Exception as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> DataError:
        return DataError(f"is not an HDF5 file that can be read ({_short(error)})", path=self.path)


def refused_pickle(path: io.PathLike) -> DataError:
    """What to tell about a file that is a pickle."""
    return DataError(
        f"is a pickle, which is not read: reading it would run code that it holds. {CONVERT}",
        path=path,
    )


def _some(arrays: Arrays, held: list[str], names: Collection[str], path: io.PathLike) -> Arrays:
    if not arrays:
        there = ", ".join(held)[:300] or "nothing"
        raise DataError(f"holds none of {', '.join(sorted(names))}; it holds {there}", path=path)
    return arrays


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]
