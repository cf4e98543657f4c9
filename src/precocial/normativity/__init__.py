"""Learning from imperfect teachers without learning their mistakes (Demski 2020; Taylor 2016)."""

from __future__ import annotations

__all__: list[str] = []
