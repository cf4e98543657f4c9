"""Write the two lock files from what .venv holds now: `make lock`.

requirements.lock is what the demo needs; requirements-dev.lock adds what tests, lint, docs and
the optional tables need. Versions are exact, without local suffixes such as "+cpu"; torch and
the packages that only some builds of it bring are left out, since the Makefile installs torch.
"""

from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

OLDEST = "3.11.0"
BUILD = ("hatchling", "editables")
TORCH_BUILDS = ("torch", "triton", "nvidia-", "cuda-", "setuptools")


def closure(roots: list[str]) -> dict[str, str]:
    """Every package that `roots` need here, with its version."""
    found: dict[str, str] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    queue = [Requirement(root) for root in roots]
    while queue:
        wanted = queue.pop()
        name = canonicalize_name(wanted.name)
        if (name, frozenset(wanted.extras)) in seen:
            continue
        seen.add((name, frozenset(wanted.extras)))
        installed = distribution(name)
        found[name] = installed.version.split("+")[0]
        python = SpecifierSet(installed.metadata.get("Requires-Python") or "")
        if not python.contains(OLDEST):
            raise SystemExit(f"{name} {installed.version} needs Python {python}; take an older one")
        for line in installed.requires or []:
            inner = Requirement(line)
            if inner.marker is None or any(
                inner.marker.evaluate({"extra": extra}) for extra in ["", *wanted.extras]
            ):
                queue.append(inner)
    return found


def write(path: str, head: str, pins: dict[str, str]) -> None:
    """One `name==version` a line, sorted."""
    kept = {name: pins[name] for name in sorted(pins) if not name.startswith(TORCH_BUILDS)}
    lines = [f"{name}=={version}" for name, version in kept.items() if name != "precocial"]
    Path(path).write_text("\n".join([f"# {head} Written by `make lock`.", *lines, ""]))


def groups() -> list[str]:
    """The packages of every dependency group in pyproject.toml."""
    import tomllib

    tables = tomllib.loads(Path("pyproject.toml").read_text())["dependency-groups"]
    return [line for table in tables.values() for line in table]


if __name__ == "__main__":
    runtime = closure(["precocial[torch]", *BUILD])
    extra = closure(["precocial[torch,tables,hf,gym]", *groups()])
    write("requirements.lock", "What `make demo` runs on, torch apart.", runtime)
    only_extra = {name: extra[name] for name in extra if name not in runtime}
    write("requirements-dev.lock", "What tests, lint and docs need besides.", only_extra)
