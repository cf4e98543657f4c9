"""What teachers say, at any level and how surely; where it is kept; simulated teachers."""

from __future__ import annotations

__all__: list[str] = []
