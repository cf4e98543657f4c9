"""Occam's razor and the theorems against it: languages, description lengths, enumerations."""
