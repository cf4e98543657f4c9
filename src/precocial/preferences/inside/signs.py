"""With which sign a part enters what is compared, read off the source."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from precocial.preferences.inside.reading import (
    LARGEST,
    ORDERING,
    SMALLEST,
    Reading,
    Scope,
    Site,
    name_of,
    own_nodes,
)

SAME_SIGN = {
    "list", "tuple", "array", "asarray", "float", "int", "zip", "enumerate", "map", "sum", "dict",
    "round", "iter", "reversed", "exp", "log", "sqrt", "tanh", "mean", "dot", "partial", "append",
    "items", "values", "get", "index", "tolist", "ravel", "copy", "stack", "__getitem__", "next",
} | LARGEST | SMALLEST | ORDERING  # fmt: skip
"""Calls that grow with what they are given."""
MAX_DEPTH = 192
"""Ours: expressions within one another that are followed."""
MAX_JOINS = 8
"""Ours: the same, for what is seen to be a sum."""
Signs = frozenset[int]
"""+1 and -1: how an expression moves with a part; 0: it depends on it, no sign could be read."""


@dataclass(eq=False)
class SignReader:
    """With which sign a part (a function or a table, under any of its names) enters."""

    reading: Reading
    names: frozenset[str]
    busy: set[int] = field(default_factory=set)

    def of_site(self, site: Site) -> Signs:
        """How what is compared moves with the part."""
        found: Signs = frozenset()
        for expression in site.scored:
            found |= self.of(expression, site.scope)
        return found

    def of(self, node: ast.AST, scope: Scope) -> Signs:
        """The signs with which the part enters an expression; none if it does not."""
        if id(node) in self.busy or len(self.busy) > MAX_DEPTH:
            return frozenset()
        self.busy.add(id(node))
        try:
            return self._of(node, scope)
        finally:
            self.busy.discard(id(node))

    def _of(self, node: ast.AST, scope: Scope) -> Signs:
        match node:
            case ast.Name(id=name):
                return self._of_name(name, scope)
            case ast.Attribute(value=value, attr=name):
                return frozenset({1}) if name in self.names else self.of(value, scope)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return _flip(self.of(operand, scope))
            case ast.BinOp(left=left, op=op, right=right):
                return self._of_arithmetic(left, op, right, scope)
            case ast.Lambda(body=body):
                return self.of(body, self.reading.lambdas.get(node, scope))
            case ast.IfExp(body=body, orelse=orelse):
                return self.of(body, scope) | self.of(orelse, scope)
            case ast.Subscript(value=value, slice=index):
                return self.of(value, scope) | _unknown(self.of(index, scope))
            case ast.Call():
                return self._of_call(node, scope)
            case ast.ListComp(elt=elt) | ast.GeneratorExp(elt=elt) | ast.SetComp(elt=elt):
                return self.of(elt, scope)
            case ast.DictComp(value=value):
                return self.of(value, scope)
            case ast.NamedExpr(value=value) | ast.Starred(value=value):
                return self.of(value, scope)
            case ast.List() | ast.Tuple() | ast.Dict() | ast.Set():
                parts = node.values if isinstance(node, ast.Dict) else node.elts
                return self._all(parts, scope)
            case _:
                inner = [part for part in ast.iter_child_nodes(node) if isinstance(part, ast.expr)]
                return _unknown(self._all(inner, scope))

    def _all(self, nodes: list[ast.expr], scope: Scope) -> Signs:
        found: Signs = frozenset()
        for node in nodes:
            found |= self.of(node, scope)
        return found

    def _of_name(self, name: str, scope: Scope) -> Signs:
        found = self._all(scope.values(name), scope)
        if scope.values(name):
            return found
        if name in self.names:
            return frozenset({1})
        home: Scope | None = scope
        while home is not None:
            for value, caller in home.passed.get(name, []):
                found |= self.of(value, caller)
            home = home.outer
        if not found:
            for inner in self.reading.scopes.get(name, []):
                found |= self.of_body(inner)
        return found

    def _of_arithmetic(
        self, left: ast.expr, op: ast.operator, right: ast.expr, scope: Scope
    ) -> Signs:
        one, two = self.of(left, scope), self.of(right, scope)
        match op:
            case ast.Add():
                return one | two
            case ast.Sub():
                return one | _flip(two)
            case ast.Mult():
                return _scale(one, right) | _scale(two, left)
            case ast.Div():
                return _scale(one, right) | _unknown(two)
            case ast.MatMult():
                return one | two
            case _:
                return _unknown(one | two)

    def _of_call(self, node: ast.Call, scope: Scope) -> Signs:
        name = name_of(node.func)
        given = self._all([*node.args, *(word.value for word in node.keywords)], scope)
        if name in self.names:
            return frozenset({1})
        if name in SAME_SIGN:
            owner = frozenset[int]()
            if isinstance(node.func, ast.Attribute):
                owner = self.of(node.func.value, scope)
            return owner | given
        inside: Signs = frozenset()
        for inner in self.reading.scopes.get(name or "", []):
            inside |= self.of_body(inner)
        if isinstance(node.func, ast.Lambda):
            inside |= self.of(node.func, scope)
        elif isinstance(node.func, ast.Name):
            inside |= self._all(scope.values(node.func.id), scope)
        elif isinstance(node.func, ast.Attribute):
            inside |= self.of(node.func.value, scope)
        if not inside and not self.reading.scopes.get(name or ""):
            for inner in self.reading.scopes.get("__call__", []):
                inside |= self.of_body(inner)
        return inside | _unknown(given)

    def of_body(self, scope: Scope) -> Signs:
        """The signs with which the part enters what a function returns."""
        if id(scope) in self.busy:
            return frozenset()
        self.busy.add(id(scope))
        try:
            node = scope.node
            if isinstance(node, ast.Lambda):
                return self.of(node.body, scope)
            returned = [
                part.value for part in own_nodes(node)
                if isinstance(part, ast.Return | ast.Yield) and part.value is not None
            ]  # fmt: skip
            return self._all(returned, scope)
        finally:
            self.busy.discard(id(scope))


def _flip(signs: Signs) -> Signs:
    return frozenset(-sign for sign in signs)


def _unknown(signs: Signs) -> Signs:
    return frozenset({0}) if signs else signs


def _scale(signs: Signs, factor: ast.expr) -> Signs:
    if not signs:
        return signs
    match factor:
        case ast.Constant(value=int() | float() as number):
            return signs if number > 0 else _unknown(signs)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return _flip(signs) if number > 0 else _unknown(signs)
        case _:
            return _unknown(signs)


def is_joined(reading: Reading, names: frozenset[str], site: Site) -> bool:
    """Whether what is compared is seen to be a part and something more, such as a sum."""
    joins, signs = _JoinReader(reading, names), SignReader(reading, names)
    entered = [node for node in site.scored if signs.of(node, site.scope)]
    return bool(entered) and all(joins.of(node, site.scope, 0) for node in entered)


@dataclass(frozen=True)
class _JoinReader:
    reading: Reading
    names: frozenset[str]

    def of(self, node: ast.expr, scope: Scope, depth: int) -> bool:
        if depth > MAX_JOINS:
            return False
        match node:
            case ast.BinOp():
                return True
            case ast.Lambda(body=inner):
                return self.of(inner, self.reading.lambdas.get(node, scope), depth + 1)
            case (
                ast.ListComp(elt=inner) | ast.GeneratorExp(elt=inner) | ast.DictComp(value=inner)
                | ast.Tuple(elts=[inner, *_]) | ast.UnaryOp(operand=inner)
                | ast.Starred(value=inner) | ast.Subscript(value=inner)
            ):  # fmt: skip
                return self.of(inner, scope, depth + 1)
            case ast.Attribute(value=inner, attr=name) if name not in self.names:
                return self.of(inner, scope, depth + 1)
            case ast.Call():
                return self._of_call(node, scope, depth)
            case ast.Name(id=name) if name not in self.names:
                values = [self.of(value, scope, depth + 1) for value in scope.values(name)]
                return any(values) or self._of_function(name, depth)
            case _:
                return False

    def _of_call(self, node: ast.Call, scope: Scope, depth: int) -> bool:
        name = name_of(node.func) or ""
        if name in self.names:
            return False
        if name in self.reading.scopes:
            return self._of_function(name, depth)
        if len(node.args) > 1:
            return name in LARGEST | SMALLEST
        return any(self.of(arg, scope, depth + 1) for arg in node.args)

    def _of_function(self, name: str, depth: int) -> bool:
        return any(
            self.of(part.value, scope, depth + 1)
            for scope in self.reading.scopes.get(name, [])
            if isinstance(scope.node, ast.FunctionDef)
            for part in own_nodes(scope.node)
            if isinstance(part, ast.Return) and part.value is not None
        )
