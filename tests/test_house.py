"""The rules of the house that no linter checks."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import precocial
from tests.freeze_api import API, listing

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "precocial"
MODULES = sorted(SOURCE.rglob("*.py"))
ROOMS = sorted(path.parent.name for path in SOURCE.glob("*/__init__.py"))
TEXTS = sorted(
    path
    for pattern in ("*.md", "*.toml", "*.lock", "Makefile", ".ci/*", "docs/*.*", "examples/*.py")
    for path in [*ROOT.glob(pattern)]
    if path.is_file()
)
HEAVY = ("torch", "matplotlib", "scipy", "tokenizers", "pyarrow", "ray", "joblib")
MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 60
OPENERS = {"open", "read_text", "read_bytes", "write_text", "write_bytes", "fromfile", "tofile"}
OPENS_FILES = {"io.py", "runs/journal.py", "cli/app.py"}
"""io; the one file that grows; and the null device that stands in for a closed pipe."""
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__", "breakpoint"}
FORBIDDEN_IMPORTS = {"pickle", "dill", "shelve", "marshal"}


def name_of(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def nodes(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def loaded_by(code: str) -> set[str]:
    """The modules that a fresh Python has loaded after `code`."""
    after = f"{code}\nimport sys, json; sys.stderr.write(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", after], capture_output=True, text=True, check=True)
    return set(json.loads(done.stderr))


@pytest.mark.parametrize(
    "code",
    [
        "import precocial; precocial.errors, precocial.io, dir(precocial)",
        "from precocial.cli import main; main(['--help'])",
        "from precocial.cli import main; main(['--version'])",
        "from precocial.cli import main; main(['transfer', '--help'])",
    ],
)
def test_starting_up_imports_nothing_heavy(code: str) -> None:
    assert loaded_by(code).isdisjoint(HEAVY)


@pytest.mark.parametrize("room", [room for room in ROOMS if room not in ("lm", "genome", "cli")])
def test_a_room_imports_no_torch(room: str) -> None:
    assert "torch" not in loaded_by(f"import precocial.{room}")


def test_every_room_can_be_reached_from_the_package() -> None:
    rooms = {room for room in ROOMS if room != "cli"} | {"errors", "io"}
    assert rooms <= set(dir(precocial))
    for name in dir(precocial):
        assert getattr(precocial, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'absent'"):
        precocial.absent  # noqa: B018


@pytest.mark.parametrize("room", ROOMS)
def test_the_public_names_of_a_room_exist_and_say_what_they_are(room: str) -> None:
    module = importlib.import_module(f"precocial.{room}")
    assert module.__doc__
    for name in module.__all__:
        public = getattr(module, name)
        if inspect.isclass(public) or inspect.isroutine(public):
            # A dataclass without a docstring gets its signature as one: that says nothing.
            said = inspect.getdoc(public) or ""
            assert said, f"{room}.{name} has no docstring"
            assert not said.startswith(f"{name}("), f"{room}.{name} has no docstring"


def test_the_public_names_are_frozen() -> None:
    # A name that goes breaks users' code. Meant? Run: python -m tests.freeze_api
    assert listing() == API.read_text()


# `testing` imports its names on first use, because hypothesis may be missing.
@pytest.mark.parametrize("room", [room for room in ROOMS if room != "testing"])
def test_the_front_page_of_a_room_only_imports(room: str) -> None:
    body = ast.parse((SOURCE / room / "__init__.py").read_text(encoding="utf-8")).body
    for node in body[1:]:
        assert isinstance(node, ast.ImportFrom | ast.Import | ast.Assign), ast.unparse(node)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_modules_are_short_and_keep_the_rules(path: Path) -> None:
    name, text = name_of(path), path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MAX_FILE_LINES
    assert "TO" + "DO" not in text
    assert "FIX" + "ME" not in text
    for node in nodes(path):
        match node:
            case ast.FunctionDef(name=function):
                assert code_lines(node) < MAX_FUNCTION_LINES, f"{function} is long"
            case ast.Import(names=aliases):
                modules = {alias.name.split(".")[0] for alias in aliases}
                assert modules.isdisjoint(FORBIDDEN_IMPORTS)
            case ast.ImportFrom(module=str(module)):
                assert module.split(".")[0] not in FORBIDDEN_IMPORTS
            case ast.Raise(exc=ast.Name(id="NotImplementedError")):
                pytest.fail(f"line {node.lineno}: NotImplementedError")
            case ast.Call(func=ast.Name(id=call)):
                assert call not in FORBIDDEN_CALLS, f"line {node.lineno}: {call}"
                if call == "print":
                    pytest.fail(f"line {node.lineno}: library code never prints")
            case _:
                pass
    if name not in OPENS_FILES:
        assert opened(path) == []


def code_lines(function: ast.FunctionDef) -> int:
    """The lines of a function, its docstring apart."""
    said = ast.get_docstring(function, clean=False) or ""
    return (function.end_lineno or 0) - function.lineno - len(said.splitlines())


def opened(path: Path) -> list[str]:
    """Calls that open a file other than through `precocial.io`."""
    found = []
    for node in nodes(path):
        match node:
            case ast.Call(func=ast.Name(id="open")):
                found.append(f"line {node.lineno}: open")
            case ast.Call(func=ast.Attribute(value=owner, attr=attr)) if attr in OPENERS:
                if not (isinstance(owner, ast.Name) and owner.id == "io"):
                    found.append(f"line {node.lineno}: {attr}")
            case ast.Call(func=ast.Attribute(value=ast.Name(id="np"), attr="load" | "save")):
                found.append(f"line {node.lineno}: np.load")
            case ast.Call(func=ast.Attribute(value=ast.Name(id="torch"), attr="load" | "save")):
                found.append(f"line {node.lineno}: torch.load")
            case _:
                pass
    return found


def test_the_check_for_opened_files_sees_each_way(tmp_path: Path) -> None:
    ways = (
        "open('x')",
        "Path('x').read_text()",
        "np.load('x')",
        "torch.save(x, 'y')",
        "os.open(x)",
    )
    for way in ways:
        (tmp_path / "module.py").write_text(way)
        assert len(opened(tmp_path / "module.py")) == 1, way
    (tmp_path / "module.py").write_text("io.read_text('x')\nio.write_bytes('x', b'')")
    assert opened(tmp_path / "module.py") == []


@pytest.mark.parametrize("path", [*MODULES, *TEXTS], ids=lambda path: path.name)
def test_no_file_names_a_path_of_one_machine(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for prefix in ("work/", "root/", "home/", "Users/"):
        assert f" /{prefix}" not in text
        assert f'"/{prefix}' not in text
        assert f"'/{prefix}" not in text


def test_the_lock_files_hold_exact_versions_and_no_builds_of_one_machine() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        pins = [line for line in (ROOT / name).read_text().splitlines() if line[:1] != "#"]
        assert len(pins) > 20
        for pin in pins:
            package, exact, version = pin.partition("==")
            assert exact, pin
            assert "+" not in version
            assert not package.startswith(("torch", "nvidia", "triton", "cuda", "precocial"))
