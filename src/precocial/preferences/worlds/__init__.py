"""Worlds that are built in."""
