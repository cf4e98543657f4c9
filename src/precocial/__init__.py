"""precocial measures what a prior is worth to a learner.

Rooms are imported on first use, so that `import precocial` is quick and never imports torch.
"""

from __future__ import annotations

import importlib
from types import ModuleType

__version__ = "0.1.0"
_ROOMS = (
    "errors",
    "io",
    "worth",
    "choice",
    "feedback",
    "runs",
    "lm",
    "transfer",
    "preferences",
    "genome",
    "normativity",
    "report",
    "testing",
)
__all__ = ["__version__", *_ROOMS]  # noqa: PLE0604


def __getattr__(name: str) -> ModuleType:
    if name in _ROOMS:
        return importlib.import_module(f"precocial.{name}")
    raise AttributeError(f"module 'precocial' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
