"""Demonstrations and worlds from users' files and environments."""
