"""The corpora that every machine has."""

from __future__ import annotations

from pathlib import Path

import pytest

from precocial.errors import DataError
from precocial.lm import stdlib
from precocial.lm.corpus import python_like_share

TOPICS = 'topics = {"if": "The if statement\\n\\nIt chooses.\\n\\n   x = 1\\n   y = 2\\n"}\n'


@pytest.fixture(scope="module")
def corpora():
    return stdlib.stdlib_corpora()


def test_english_and_code_come_from_different_modules(corpora):
    english, code = corpora
    assert english.bytes > 500_000
    assert code.bytes > 2_000_000
    assert not set(english.units) & set(code.units)
    assert any(unit.startswith("topics/") for unit in english.units)


def test_the_english_holds_little_python(corpora):
    english, code = corpora
    assert python_like_share(english) < 0.01
    assert python_like_share(code) > 0.4


def test_test_suites_and_tables_are_not_read(corpora):
    _, code = corpora
    parts = {part for document in code.documents for part in Path(document.name).parts}
    assert not parts & set(stdlib.LEFT_OUT)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One.\n\n>>> f(1)\n2\n\nTwo.", "One.\n\nTwo.\n"),
        ("Like this::\n\n    some words\n\n    more words\n\nEnd.", "Like this::\n\nEnd.\n"),
        ("Words.\n\n   for x in y:\n       print(x)\n\nEnd.", "Words.\n\nEnd.\n"),
        ("Grammar:\n\n   stmt ::= a b\n\nEnd.", "Grammar:\n\nEnd.\n"),
        ("Title\n*****\n\n+---+\n| a |\n+---+\n", "Title\n"),
        ("   \n\n", ""),
    ],
)
def test_prose_keeps_the_english(text, expected):
    assert stdlib.prose(text) == expected


def write_library(root: Path, *, topics: str | None) -> None:
    for name in ("os", "json", "re", "ast", "abc"):
        body = "\n".join(f"def {name}_{i}():\n    '''Words about {i}.'''" for i in range(20))
        (root / f"{name}.py").write_text(f"{body}\n")
    if topics is not None:
        (root / "pydoc_data").mkdir()
        (root / "pydoc_data" / "topics.py").write_text(topics)


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(stdlib, "MIN_CODE_BYTES", 10)
    monkeypatch.setattr(stdlib, "MIN_ENGLISH_BYTES", 10)


@pytest.mark.usefixtures("small")
def test_a_library_of_five_modules(tmp_path):
    write_library(tmp_path, topics=TOPICS)
    english, code = stdlib.stdlib_corpora(tmp_path)
    assert english.documents[0].text == "The if statement\n\nIt chooses.\n"
    assert "Words about 3." in english.documents[1].text
    assert len(english.documents) + len(code.documents) == 6
    assert stdlib.stdlib_corpora(tmp_path) == (english, code)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("topics", "said"),
    [(None, "is missing"), ("x = 1\n", "no dictionary"), ("topics = {\n", "cannot|parsed")],
)
def test_missing_topics_are_told(tmp_path, topics, said):
    write_library(tmp_path, topics=topics)
    with pytest.raises(DataError, match=said):
        stdlib.stdlib_corpora(tmp_path)


def test_a_library_without_source_is_told(tmp_path, monkeypatch):
    with pytest.raises(DataError, match="at least 1000000"):
        stdlib.stdlib_corpora(tmp_path)
    monkeypatch.setattr(stdlib.sysconfig, "get_path", lambda name: str(tmp_path))
    with pytest.raises(DataError, match=r"no os\.py.*--source"):
        stdlib.stdlib_folder()


@pytest.mark.usefixtures("small")
def test_a_module_that_cannot_be_parsed_gives_no_english(tmp_path, monkeypatch):
    write_library(tmp_path, topics=TOPICS)
    (tmp_path / "bad.py").write_text('"""Lost words."""\nprint "old"\n')
    monkeypatch.setattr(stdlib, "ENGLISH_SHARE", 1.0)
    english, _ = stdlib.stdlib_corpora(tmp_path)
    assert not any("Lost" in document.text for document in english.documents)
