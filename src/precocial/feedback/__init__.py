"""What a teacher says, at any level, with how sure they are; where it is kept and who is simulated."""

from __future__ import annotations

__all__: list[str] = []
