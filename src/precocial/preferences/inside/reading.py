"""Reading a policy's source: where scores are compared, with which sign a part enters, what is
looked up. It says what the code could do; `probes` sees what it does.
"""

from __future__ import annotations

import ast
import inspect
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

LARGEST = {"max", "argmax", "nanargmax", "nlargest", "most_common"}
SMALLEST = {"min", "argmin", "nanargmin", "nsmallest"}
ORDERING = {"sorted", "argsort", "sort"}
OPAQUE = {"exec", "eval", "compile", "__import__"}
Sense = Literal["max", "min"]


@dataclass(frozen=True, kw_only=True)
class Site:
    """A place where candidates are compared.

    Attributes:
        sense: of the selection; None where the text does not say.
        scored: the expressions that are compared.
        lines: (first, last).
    """

    kind: str
    sense: Sense | None
    scored: tuple[ast.expr, ...]
    file: str
    lines: tuple[int, int]
    scope: Scope
    text: str


@dataclass(eq=False)
class Scope:
    """A function's text: its node, and what is assigned to each of its names."""

    node: ast.FunctionDef | ast.Lambda
    file: str
    outer: Scope | None = None
    assigned: dict[str, list[ast.expr]] = field(default_factory=dict)
    passed: dict[str, list[tuple[ast.expr, Scope]]] = field(default_factory=dict)
    """what callers give for each parameter, and where they say it"""

    @property
    def name(self) -> str:
        return self.node.name if isinstance(self.node, ast.FunctionDef) else "<lambda>"

    def values(self, name: str) -> list[ast.expr]:
        """What the name may stand for."""
        found = self.assigned.get(name)
        if found is None:
            return self.outer.values(name) if self.outer else []
        return found


@dataclass(eq=False)
class Reading:
    """What the text says.

    Attributes:
        scopes: functions by name; several functions may share one.
        sites: comparisons.
        lookups: (expression, where, line) of what is indexed.
        tests: (file, line, text) of numbers compared with constants.
        opaque: (file, line, name) of calls that run text.
        unread: names of functions without a readable source, and why.
        calls: every call, with the function that makes it.
    """

    scopes: dict[str, list[Scope]] = field(default_factory=dict)
    entries: dict[types.CodeType, Scope] = field(default_factory=dict)
    sites: list[Site] = field(default_factory=list)
    lookups: list[tuple[ast.expr, Scope, int]] = field(default_factory=list)
    tests: list[tuple[str, int, str]] = field(default_factory=list)
    opaque: list[tuple[str, int, str]] = field(default_factory=list)
    unread: dict[str, str] = field(default_factory=dict)
    calls: list[tuple[ast.Call, Scope]] = field(default_factory=list)
    lambdas: dict[ast.expr, Scope] = field(default_factory=dict)


def read(functions: Mapping[types.CodeType, types.FunctionType]) -> Reading:
    """Read the source of each function."""
    reading = Reading()
    trees: dict[str, tuple[ast.AST, ...]] = {}
    for code, function in functions.items():
        try:
            if code.co_filename not in trees:
                lines, _ = inspect.findsource(function)
                trees[code.co_filename] = _functions("".join(lines))
        except (OSError, TypeError, SyntaxError) as error:
            reading.unread[code.co_name] = f"no source: {error}"
            continue
        nodes = [node for node in trees[code.co_filename] if _fits(node, code)]
        if len(nodes) != 1:
            reading.unread[code.co_name] = (
                f"{len(nodes)} functions of that name begin on line {code.co_firstlineno}"
            )
            continue
        node = nodes[0]
        assert isinstance(node, ast.FunctionDef | ast.Lambda)
        reading.entries[code] = _enter(reading, node, code.co_filename, None)
    for call, scope in reading.calls:
        for callee in reading.scopes.get(name_of(call.func) or "", []):
            _pass(call, scope, callee)
        _pass_to_key(reading, call, scope)
    return reading


def _pass_to_key(reading: Reading, call: ast.Call, scope: Scope) -> None:
    """What a key is given is an element of what is searched."""
    for word in call.keywords:
        inner = reading.lambdas.get(word.value)
        if word.arg == "key" and call.args and inner is not None:
            for arg in inner.node.args.args[:1]:
                inner.passed.setdefault(arg.arg, []).append((call.args[-1], scope))


@lru_cache(maxsize=8)
def _functions(text: str) -> tuple[ast.AST, ...]:
    """Every function in a text, however deep."""
    nodes = ast.walk(ast.parse(text))
    return tuple(node for node in nodes if isinstance(node, ast.FunctionDef | ast.Lambda))


def _pass(call: ast.Call, scope: Scope, callee: Scope) -> None:
    """Note what the caller gives for each parameter."""
    names = [arg.arg for arg in (*callee.node.args.posonlyargs, *callee.node.args.args)]
    if isinstance(call.func, ast.Attribute) and names[:1] in (["self"], ["cls"]):
        names = names[1:]
    given = [*zip(names, call.args, strict=False)]
    given += [(word.arg, word.value) for word in call.keywords if word.arg]
    for name, value in given:
        callee.passed.setdefault(name, []).append((value, scope))


def _fits(node: ast.AST, code: types.CodeType) -> bool:
    if isinstance(node, ast.Lambda):
        given = [arg.arg for arg in (*node.args.posonlyargs, *node.args.args)]
        fits = code.co_name == "<lambda>" and node.lineno == code.co_firstlineno
        return fits and given == list(code.co_varnames[: code.co_argcount])
    if isinstance(node, ast.FunctionDef):
        first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
        return node.name == code.co_name and first == code.co_firstlineno
    return False


def _enter(
    reading: Reading, node: ast.FunctionDef | ast.Lambda, file: str, outer: Scope | None
) -> Scope:
    scope = Scope(node=node, file=file, outer=outer)
    reading.scopes.setdefault(scope.name, []).append(scope)
    inner = list(own_nodes(node))
    for part in inner:
        _assign(scope, part)
    for part in inner:
        if isinstance(part, ast.FunctionDef | ast.Lambda):
            entered = _enter(reading, part, file, scope)
            if isinstance(part, ast.FunctionDef):
                scope.assigned.setdefault(part.name, [])
            else:
                reading.lambdas[part] = entered
        if isinstance(part, ast.Call):
            reading.calls.append((part, scope))
        _note(reading, scope, part)
    return scope


def own_nodes(node: ast.FunctionDef | ast.Lambda) -> Iterator[ast.AST]:
    """The nodes of a function without those of the functions within it."""
    body: list[ast.AST] = [*node.body] if isinstance(node, ast.FunctionDef) else [node.body]
    while body:
        part = body.pop()
        yield part
        if not isinstance(part, ast.FunctionDef | ast.Lambda):
            body.extend(ast.iter_child_nodes(part))


def _assign(scope: Scope, node: ast.AST) -> None:
    match node:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                _bind(scope, target, value)
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            _bind(scope, target, value)
        case ast.AugAssign(target=target, op=op, value=value):
            _bind(scope, target, ast.BinOp(left=ast.Constant(value=0), op=op, right=value))
        case ast.NamedExpr(target=target, value=value):
            _bind(scope, target, value)
        case ast.For(target=target, iter=value) | ast.comprehension(target=target, iter=value):
            _bind(scope, target, value)
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="append"), args=[value]):
            scope.assigned.setdefault(name, []).append(value)
        case _:
            pass


def _bind(scope: Scope, target: ast.expr, value: ast.expr) -> None:
    if isinstance(target, ast.Name):
        scope.assigned.setdefault(target.id, []).append(value)
    elif isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
        scope.assigned.setdefault(target.value.id, []).append(value)
    elif isinstance(target, ast.Starred):
        _bind(scope, target.value, value)
    elif isinstance(target, ast.Tuple | ast.List):
        for place, part in enumerate(target.elts):
            matched = isinstance(value, ast.Tuple) and len(value.elts) == len(target.elts)
            _bind(scope, part, value.elts[place] if matched else value)  # type: ignore[attr-defined]


# ---------------------------------------------------------------- what is noted


def name_of(node: ast.expr) -> str | None:
    """The last name of a name or an attribute."""
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else None


def _note(reading: Reading, scope: Scope, node: ast.AST) -> None:
    match node:
        case ast.Call(func=func) if name_of(func) in LARGEST | SMALLEST | ORDERING:
            _add_site(reading, scope, node, *_selection(node))
        case ast.Call(
            args=[*_, ast.Name(id="max" | "min" as name)] | [ast.Name(id="max" | "min" as name), *_]
        ):
            rest = tuple(arg for arg in node.args if name_of(arg) != name)
            _add_site(reading, scope, node, name, "max" if name == "max" else "min", rest)
        case ast.Call(func=ast.Name(id=name)) if name in OPAQUE:
            reading.opaque.append((scope.file, node.lineno, name))
        case ast.Call(func=ast.Attribute(value=owner, attr="get" | "setdefault")):
            reading.lookups.append((owner, scope, node.lineno))
        case ast.Subscript(value=owner, ctx=ast.Load()):
            while isinstance(owner, ast.Subscript):
                owner = owner.value
            reading.lookups.append((owner, scope, node.lineno))
        case ast.If(test=test, body=body):
            _note_test(reading, scope, test, body)
        case ast.IfExp(test=test) | ast.While(test=test):
            _note_test(reading, scope, test, [])
        case _:
            pass


def _selection(call: ast.Call) -> tuple[str, Sense | None, tuple[ast.expr, ...]]:
    name = name_of(call.func) or ""
    sense: Sense | None = None
    if name in LARGEST | SMALLEST:
        sense = "max" if name in LARGEST else "min"
    keys = [word.value for word in call.keywords if word.arg == "key"]
    # A key with a text of its own says what is compared; another one judges what it is given.
    searched = [] if keys and isinstance(keys[0], ast.Lambda) else call.args[-1:]
    if isinstance(call.func, ast.Attribute) and (not call.args or name == "most_common"):
        searched = [call.func.value]
    elif not keys and not name.startswith("n"):
        searched = call.args
    return name, sense, (*keys, *searched)


def _note_test(reading: Reading, scope: Scope, test: ast.expr, body: list[ast.stmt]) -> None:
    for node in ast.walk(test):
        if not isinstance(node, ast.Compare) or len(node.ops) != 1:
            continue
        op, left, right = node.ops[0], node.left, node.comparators[0]
        if not isinstance(op, ast.Gt | ast.GtE | ast.Lt | ast.LtE):
            continue
        if isinstance(left, ast.Constant) or isinstance(right, ast.Constant):
            reading.tests.append((scope.file, node.lineno, ast.unparse(node)))
            continue
        if isinstance(op, ast.Lt | ast.LtE):
            left, right = right, left  # now the test is that left is larger
        sense: Sense | None = None
        if _replaces(body, right, left):
            sense = "max"
        elif _replaces(body, left, right):
            sense = "min"
        scored = {"max": (left,), "min": (right,)}.get(sense or "", (left, right))
        _add_site(reading, scope, node, "comparison", sense, scored)


def _replaces(body: list[ast.stmt], incumbent: ast.expr, challenger: ast.expr) -> bool:
    """Whether the body gives the incumbent the challenger's value."""
    said = ast.unparse(challenger)
    for node in (part for statement in body for part in ast.walk(statement)):
        if not isinstance(node, ast.Assign):
            continue
        for target in node.targets:
            pairs: list[tuple[ast.expr, ast.expr]] = [(target, node.value)]
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = list(zip(target.elts, node.value.elts, strict=False))
            elif isinstance(node.value, ast.Tuple):  # best = (value, way), read as best[0]
                pairs += [
                    (ast.Subscript(value=target, slice=ast.Constant(value=place)), value)
                    for place, value in enumerate(node.value.elts)
                ]
            for name, value in pairs:
                if ast.unparse(name) == ast.unparse(incumbent) and ast.unparse(value) == said:
                    return True
    return False


def _add_site(
    reading: Reading,
    scope: Scope,
    node: ast.expr,
    kind: str,
    sense: Sense | None,
    scored: tuple[ast.expr, ...],
) -> None:
    lines = (node.lineno, node.end_lineno or node.lineno)
    reading.sites.append(
        Site(
            kind=kind, sense=sense, scored=scored, file=scope.file, lines=lines, scope=scope,
            text=" ".join(ast.unparse(node).split()),
        )
    )  # fmt: skip


def only_constants(scope: Scope, executed: set[tuple[str, int]]) -> list[int] | None:
    """The lines of the returns that were run, if each returns a constant and every test compares
    its input for equality: then the code's own branches are a table. Else None."""
    lines = []
    for node in own_nodes(scope.node):
        match node:
            case ast.Return(value=value) if (scope.file, node.lineno) in executed:
                if not isinstance(value, ast.Constant):
                    return None
                lines.append(node.lineno)
            case ast.Call() | ast.BinOp() | ast.Subscript() | ast.For() | ast.While():
                if (scope.file, node.lineno) in executed:
                    return None
            case ast.Compare(ops=ops):
                if not all(isinstance(op, ast.Eq | ast.In | ast.Is) for op in ops):
                    return None
            case _:
                pass
    return lines or None


def gates(reading: Reading, scope: Scope, executed: set[tuple[str, int]]) -> list[int]:
    """The lines that were run in a function, or around it, that compare something of its own by
    size otherwise than to keep the best so far: they may choose by something else than the best."""
    known = {site.text for site in reading.sites if site.kind == "comparison" and site.sense}
    scopes = [scope]
    while (outer := scopes[-1].outer) is not None:
        scopes.append(outer)
    own = {name for one in scopes for name in (*one.assigned, *_parameters(one))}
    return sorted(
        node.lineno
        for one in scopes
        for node in own_nodes(one.node)
        if isinstance(node, ast.Compare)
        and (scope.file, node.lineno) in executed
        and any(isinstance(op, ast.Gt | ast.GtE | ast.Lt | ast.LtE) for op in node.ops)
        and any(isinstance(part, ast.Name) and part.id in own for part in ast.walk(node))
        and " ".join(ast.unparse(node).split()) not in known
    )


def _parameters(scope: Scope) -> list[str]:
    given = scope.node.args
    return [arg.arg for arg in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
