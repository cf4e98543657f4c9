"""A typed, prefix-free language for planners, rewards, policies and pairs, with exact bits.

A program is a `Term`: an operation and its arguments, by the grammar below. A `Language` gives
each operation a code word and each literal a code; a program's bits K are the length of its code,
which is -log2 of the probability of its derivation in a grammar with those probabilities.

    planner  plan(backup, rule) | greedy | neg(planner) | const(policy) | override(quirks, planner)
    reward   zero | goal(state) | linear(weights) | ind(policy) | neg(reward)
             | bonus(number, quirks, reward) | table(numbers)
    policy   table(actions) | always(action) | eval(planner, reward) | mixed(numbers)
    pair     pair(planner, reward)

const, ind, greedy, zero, neg and eval are operations, so each of the paper's F1 to F4 adds a
fixed number of bits (`Language.overheads`) to whatever pair it is applied to, with neg(neg(x)) = x:
the language is c-reasonable for them, c their largest. What is a fixed number here is one per
world: literals are as long as the world's numbers of states, actions and features make them.

Source: Armstrong and Mindermann (2017), as formalised in the AI safety formalisation atlas; the
paper argues for such languages without giving one. The grammar and the costs are ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Literal

from precocial.choice.arguments import checked
from precocial.errors import ConfigError, DataError, one_of
from precocial.preferences.occam.codes import INTEGERS, Reader, encode_choice, prefix_codes
from precocial.preferences.occam.literals import LITERALS, Sizes, Style

Grammar = Mapping[str, Mapping[str, tuple[str, ...]]]
GRAMMAR: Grammar = MappingProxyType(
    {
        "pair": {"pair": ("planner", "reward")},
        "planner": {
            "plan": ("backup", "rule"), "greedy": (), "neg": ("planner",), "const": ("policy",),
            "override": ("quirks", "planner"),
        },
        "backup": {
            "plain": (), "steps": ("integer", "backup"), "leaf": ("backup",),
            "soft": ("number", "backup"), "softmax": ("number", "backup"),
            "optimism": ("number", "backup"), "confidence": ("number", "backup"),
            "naive": ("number", "integer", "backup"),
            "sophisticated": ("number", "integer", "backup"),
        },
        "rule": {
            "best": (), "boltzmann": ("number",), "epsilon": ("number",), "nth": ("integer",),
            "satisfice": ("number",), "stick": ("action", "number"),
        },
        "reward": {
            "zero": (), "goal": ("state",), "linear": ("weights",), "ind": ("policy",),
            "neg": ("reward",), "bonus": ("number", "quirks", "reward"), "table": ("numbers",),
        },
        "policy": {
            "table": ("actions",), "always": ("action",), "eval": ("planner", "reward"),
            "mixed": ("numbers",),
        },
    }
)  # fmt: skip
"""Types, their operations and the types of the arguments."""
FUNCTIONS = ("F1", "F2", "F3", "F4")


@dataclass(frozen=True)
class Term:
    """A program: `op` of type `kind` applied to `args`, terms and literals.

    Raises:
        ConfigError: an operation that the grammar lacks, or arguments of the wrong types.
    """

    kind: str
    op: str
    args: tuple[object, ...] = ()

    def __post_init__(self) -> None:
        one_of("Term: kind", self.kind, GRAMMAR)
        one_of(f"Term: operation of a {self.kind}", self.op, GRAMMAR[self.kind])
        wanted = GRAMMAR[self.kind][self.op]
        fits = len(wanted) == len(self.args) and all(
            isinstance(arg, Term) == (kind in GRAMMAR)
            and (not isinstance(arg, Term) or arg.kind == kind)
            for kind, arg in zip(wanted, self.args, strict=False)
        )
        if not fits:
            raise ConfigError(f"Term: {self.op} needs {wanted or 'no arguments'}; got {self.args}")
        if self.op == "neg" and isinstance(self.args[0], Term) and self.args[0].op == "neg":
            raise ConfigError("Term: neg(neg(x)) is x; use negated(x)")

    def __str__(self) -> str:
        """The canonical text: operations and literals in prefix order."""
        words = (
            str(arg) if isinstance(arg, Term) else repr(arg).replace(" ", "") for arg in self.args
        )
        return " ".join((self.op, *words))


def pair(planner: Term, reward: Term) -> Term:
    """(p, R)."""
    return Term("pair", "pair", (planner, reward))


def parts(program: Term) -> tuple[Term, Term]:
    """The planner and the reward of a pair."""
    planner, reward = program.args
    if program.kind != "pair" or not isinstance(planner, Term) or not isinstance(reward, Term):
        raise ConfigError(f"a pair is needed; got a {program.kind}: {program}")
    return planner, reward


def negated(term: Term) -> Term:
    """neg(x), and neg(neg(x)) = x, for a planner or a reward."""
    if term.op == "neg" and isinstance(term.args[0], Term):
        return term.args[0]
    return Term(term.kind, "neg", (term,))


def evaluated(program: Term) -> Term:
    """f3(p, R) = p(R), a policy."""
    return Term("policy", "eval", parts(program))


def indifferent(policy: Term) -> Term:
    """f1(f5(pi)) = (p_pi, 0)."""
    return pair(Term("planner", "const", (policy,)), Term("reward", "zero"))


def greedy_pair(policy: Term) -> Term:
    """f2(f6(pi)) = (p_g, R_pi)."""
    return pair(Term("planner", "greedy"), Term("reward", "ind", (policy,)))


def opposite(program: Term) -> Term:
    """f4(p, R) = (-p, -R)."""
    planner, reward = parts(program)
    return pair(negated(planner), negated(reward))


def applied(function: str, program: Term) -> Term:
    """F1 = f1 f5 f3, F2 = f2 f6 f3, F3 = f4 f2 f6 f3 or F4 = f4 of a pair (section 2)."""
    one_of("function", function, FUNCTIONS)
    if function == "F4":
        return opposite(program)
    policy = evaluated(program)
    if function == "F1":
        return indifferent(policy)
    return greedy_pair(policy) if function == "F2" else opposite(greedy_pair(policy))


@checked
@dataclass(frozen=True, kw_only=True)
class Language:
    """Costs for the grammar.

    Attributes:
        name: for people.
        opcodes: bits of each operation, by type; Kraft's sum of each type is at most 1.
        integers: how whole numbers are written.
        tables: "plain", every entry in turn; or "runs", a length and an entry for each run.
        quirks: "list", each state by its number; or "bitmap", one bit a state.

    Raises:
        ConfigError: operations missing or unknown, or lengths that no prefix-free code has.
    """

    name: str
    opcodes: Mapping[str, Mapping[str, int]] = field(hash=False)
    integers: Literal["delta", "gamma"] = "delta"
    tables: Literal["plain", "runs"] = "plain"
    quirks: Literal["list", "bitmap"] = "list"

    def __post_init__(self) -> None:
        one_of("Language: integers", self.integers, INTEGERS)
        one_of("Language: tables", self.tables, ("plain", "runs"))
        one_of("Language: quirks", self.quirks, ("list", "bitmap"))
        for kind, operations in GRAMMAR.items():
            if set(self.opcodes.get(kind, ())) != set(operations):
                raise ConfigError(
                    f"Language {self.name}: the {kind}s need a length for each of "
                    f"{sorted(operations)}; got {sorted(self.opcodes.get(kind, ()))}"
                )
            prefix_codes(self.opcodes[kind])

    @cached_property
    def words(self) -> dict[str, dict[str, str]]:
        """The code word of every operation, by type."""
        return {kind: prefix_codes(lengths) for kind, lengths in self.opcodes.items()}

    @cached_property
    def style(self) -> Style:
        """How literals are written."""
        return Style(integers=self.integers, tables=self.tables, quirks=self.quirks)

    @property
    def overheads(self) -> dict[str, int]:
        """The most bits that each of F1 to F4 adds to a pair, from the costs of the operations."""
        cost = self.opcodes
        run = cost["policy"]["eval"] - cost["pair"]["pair"]
        again = cost["pair"]["pair"]
        F1 = cost["planner"]["const"] + cost["reward"]["zero"] + run + again
        F2 = cost["planner"]["greedy"] + cost["reward"]["ind"] + run + again
        F4 = cost["planner"]["neg"] + cost["reward"]["neg"]
        return {"F1": F1, "F2": F2, "F3": F2 + F4, "F4": F4}

    @property
    def c(self) -> int:
        """The language is c-reasonable for F1 to F4: max of the overheads, in bits."""
        return max(self.overheads.values())

    def with_costs(self, name: str, **opcodes: Mapping[str, int]) -> Language:
        """The same language with other bits for some operations, by type."""
        changed = {kind: dict(lengths) for kind, lengths in self.opcodes.items()}
        for kind, lengths in opcodes.items():
            one_of("with_costs: a type", kind, GRAMMAR)
            changed[kind].update(lengths)
        return replace(self, name=name, opcodes=changed)

    def encode(self, term: Term, sizes: Sizes) -> str:
        """The program's bits, a string of "0" and "1".

        Raises:
            ConfigError: a literal that this world lacks.
        """
        wanted = GRAMMAR[term.kind][term.op]
        written = [self.words[term.kind][term.op]]
        for kind, arg in zip(wanted, term.args, strict=True):
            if isinstance(arg, Term):
                written.append(self.encode(arg, sizes))
            else:
                written.append(LITERALS[kind].encode(arg, self.style, sizes))
        return "".join(written)

    def bits(self, term: Term, sizes: Sizes) -> int:
        """K of this program (not of everything that means the same), in bits."""
        return len(self.encode(term, sizes))

    def decode(self, bits: str, kind: str, sizes: Sizes) -> Term:
        """The one program of this type that has these bits.

        Raises:
            DataError: there is none.
        """
        reader = Reader(bits)
        try:
            term = self._read(reader, kind, sizes)
            canonical = self.encode(term, sizes)
        except ConfigError as error:
            raise DataError(f"these bits are no {kind}: {error}") from error
        if reader.place != len(bits) or canonical != bits:
            raise DataError(
                f"these bits are no {kind}: {reader.place} of {len(bits)} bits are read as "
                f"{term}, which is written otherwise or followed by more"
            )
        return term

    def _read(self, reader: Reader, kind: str, sizes: Sizes) -> Term:
        operations = {word: op for op, word in self.words[kind].items()}
        word = ""
        while word not in operations:
            word += reader.take(1)
            if len(word) > max(map(len, operations)):
                raise DataError(f"{word} begins no {kind}")
        op = operations[word]
        args = tuple(
            self._read(reader, wanted, sizes)
            if wanted in GRAMMAR
            else LITERALS[wanted].read(reader, self.style, sizes)
            for wanted in GRAMMAR[kind][op]
        )
        return Term(kind, op, args)

    def programs(self, kind: str, sizes: Sizes, *, max_bits: int) -> list[tuple[Term, int]]:
        """Every program of a type with at most `max_bits` bits, and its bits, shortest first."""
        one_of("programs: kind", kind, GRAMMAR)
        made = _Enumeration(self, sizes).of(kind, max_bits)
        found = [(term, bits) for term, bits in made if isinstance(term, Term)]
        return sorted(found, key=lambda one: one[1])


class _Enumeration:
    """All programs up to a number of bits, types by types; each (type, bits) is made once."""

    def __init__(self, language: Language, sizes: Sizes) -> None:
        self.language, self.sizes = language, sizes
        self.known: dict[tuple[str, int], list[tuple[object, int]]] = {}

    def of(self, kind: str, budget: int) -> list[tuple[object, int]]:
        """(program or literal, bits) of one type within a budget."""
        if (kind, budget) not in self.known:
            if kind in GRAMMAR:
                made = list(self._terms(kind, budget))
            else:
                made = list(LITERALS[kind].upto(budget, self.language.style, self.sizes))
            self.known[kind, budget] = made
        return self.known[kind, budget]

    def _terms(self, kind: str, budget: int) -> Iterator[tuple[object, int]]:
        for op, wanted in GRAMMAR[kind].items():
            cost = self.language.opcodes[kind][op]
            if cost > budget:
                continue
            for args, bits in self._sequences(wanted, budget - cost):
                first = args[0] if args else None
                if not (op == "neg" and isinstance(first, Term) and first.op == "neg"):
                    yield Term(kind, op, args), cost + bits

    def _sequences(
        self, kinds: tuple[str, ...], budget: int
    ) -> Iterator[tuple[tuple[object, ...], int]]:
        if not kinds:
            yield (), 0
            return
        for first, bits in self.of(kinds[0], budget):
            for rest, more in self._sequences(kinds[1:], budget - bits):
                yield (first, *rest), bits + more


def _uniform(operations: Mapping[str, tuple[str, ...]]) -> dict[str, int]:
    """Truncated binary lengths in alphabetical order."""
    names = sorted(operations)
    return {name: len(encode_choice(i, len(names))) for i, name in enumerate(names)}


V1 = Language(
    name="v1",
    opcodes={
        "pair": {"pair": 0},
        "planner": {"plan": 1, "greedy": 3, "neg": 3, "const": 3, "override": 3},
        "backup": {
            "plain": 1, "steps": 3, "soft": 4, "softmax": 4, "naive": 4, "optimism": 4,
            "confidence": 4, "leaf": 5, "sophisticated": 5,
        },
        "rule": {"best": 1, "boltzmann": 2, "epsilon": 4, "nth": 4, "satisfice": 4, "stick": 4},
        "reward": {
            "goal": 2, "linear": 2, "zero": 3, "ind": 3, "neg": 3, "bonus": 4, "table": 4,
        },
        "policy": {"table": 1, "eval": 2, "always": 3, "mixed": 3},
    },
)  # fmt: skip
"""Ours: what economists reach for first (optimal planners, goals) is short."""
V2 = Language(
    name="v2",
    opcodes={kind: _uniform(operations) for kind, operations in GRAMMAR.items()},
    integers="gamma",
    tables="runs",
    quirks="bitmap",
)
"""Ours: no operation is favoured; whole numbers, tables and quirks are written otherwise."""
WARY = V1.with_costs(
    "wary",
    planner={"greedy": 10, "neg": 10, "const": 10},
    reward={"zero": 10, "ind": 10, "neg": 10},
)
"""Ours, against the degenerate pairs: each operation that they need costs 10 bits."""
LANGUAGES: Mapping[str, Language] = MappingProxyType({"v1": V1, "v2": V2, "wary": WARY})
