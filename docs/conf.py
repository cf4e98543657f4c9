"""Sphinx settings. Build with `make docs`; a warning fails the build."""

from __future__ import annotations

from typing import Any

from precocial import __version__

project = "precocial"
author = "the precocial authors"
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "sphinxcontrib.bibtex",
]
exclude_patterns = ["_build"]
myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 3
nitpicky = False

html_theme = "furo"
html_title = f"precocial {version}"
html_show_sourcelink = False

bibtex_bibfiles = ["references.bib"]
bibtex_default_style = "plain"
bibtex_reference_style = "author_year"

# Docstrings write code in single backticks, as Markdown does.
default_role = "code"
# Attribute texts such as "name of the file: ..." are read as types; several classes have a name.
suppress_warnings = ["ref.python"]
autodoc_member_order = "groupwise"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "show-inheritance": False}
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_attr_annotations = False  # a type such as numpy.str_ would be read as a link


def escape_bars(
    _app: Any, _kind: str, _name: str, _of: Any, _options: Any, lines: list[str]
) -> None:
    """`|x|` in a docstring is an absolute value, not a substitution."""
    lines[:] = [line.replace("|", r"\|") for line in lines]


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", escape_bars)
