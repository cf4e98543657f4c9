"""Imported before anything else of this room: says how to install torch where it is missing."""

from __future__ import annotations

from precocial.errors import need

need("torch", "torch")
