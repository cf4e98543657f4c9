"""One seed, many named streams of random numbers."""

from __future__ import annotations

import hashlib
import operator

import numpy as np

from precocial.errors import ConfigError

Name = str | int


def _sequence(seed: int, names: tuple[Name, ...]) -> np.random.SeedSequence:
    try:
        entropy = operator.index(seed)
    except TypeError:
        entropy = -1
    if entropy < 0 or isinstance(seed, bool):
        raise ConfigError(f"a seed must be an integer, at least 0; got {seed!r}")
    if not names:
        raise ConfigError('a stream needs a name, such as stream(seed, "weights")')
    digest = hashlib.sha256()
    for name in names:
        if isinstance(name, bool) or not isinstance(name, str | int | np.integer):
            raise ConfigError(f"the name of a stream is made of str and int; got {name!r}")
        # The type and the length stand before each name, so that no two lists of names collide.
        word = f"{'s' if isinstance(name, str) else 'i'}{name}".encode("utf-8", "surrogatepass")
        digest.update(len(word).to_bytes(8, "little") + word)
    key = np.frombuffer(digest.digest(), dtype="<u4")
    return np.random.SeedSequence(entropy, spawn_key=tuple(int(word) for word in key))


def stream(seed: int, *names: Name) -> np.random.Generator:
    """The generator of random numbers called `names` under `seed`.

    It depends on the seed and the names alone, not on which streams were asked for before: a new
    consumer of randomness shifts nobody else's numbers.

    Raises:
        ConfigError: a negative seed, no name, or a name that is neither str nor int.
    """
    return np.random.Generator(np.random.PCG64(_sequence(seed, names)))


def stream_seed(seed: int, *names: Name) -> int:
    """A seed of 63 bits for the stream called `names`, for `torch.manual_seed` and the like."""
    return int(_sequence(seed, names).generate_state(1, np.uint64)[0] >> np.uint64(1))
