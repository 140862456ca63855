"""Random valid operations for a schema, with valid and invalid values for their variables."""

from dataclasses import dataclass, field
from random import Random
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_abstract_type,
    is_composite_type,
    is_object_type,
)
from graphql.language.print_string import print_string

from .values import BAD, GOOD, Bad, Good, public_name

# Stands in for the value of a missing variable.
ABSENT = object()

# Values of a variable that are no text.
_ODD: list[Any] = [None, 0, 5, -1, 10469, 2**31, 2**63, 10**30, 1.0, 1.5, True, [], ["1"], {}]
_ODD_LITERALS = ["0", "5", "-1", "10469", str(10**30), "1.5", "true", "A", "[]", '["1", 2]', "{}"]
_ODD_LITERALS += ['{a: "1"}', '"""block\n  string"""', '"\\u0041\\n\\u{1F600}"']
# Most values are valid; otherwise hardly any customer would be.
_GIVEN: list[Good | Bad] = [*GOOD * 6, *BAD]
_TEXTS = {
    named: [
        value.sent
        for value in _GIVEN
        if public_name(value.field) == named
        and isinstance(value.sent, str)
        and value.sent.isprintable()
        and len(value.sent) < 100  # long ones take long to read
    ]
    for named in {public_name(value.field) for value in GOOD}
}
_ADDRESSES = [f"{name}@example.com" for name in ("a", "john.smith", "Ada", "grace", "o'brien")]
_KEYS = ["a", "b", "key 1"] * 6 + ["", "é", "k" * 256]
_IDS = ["00000000-0000-4000-8000-000000000000"] * 6 + ["1", "", "john"]
_INTROSPECTION = (
    "__schema { queryType { name } types { kind name } }",
    'type: __type(name: "Customer") { fields { name type { name ofType { name } } } }',
    '__type(name: "Nothing") { name }',
)


@dataclass
class Variable:
    """A variable that an operation declares, and its possible values."""

    type: str
    default: str | None
    values: list[Any]


@dataclass
class GeneratedOperation:
    """A document with one operation to run, and perhaps another one."""

    text: str
    name: str | None
    variables: dict[str, Variable]
    # Whether only graphql-core can run it.
    is_special: bool

    def values(self, random: Random) -> dict[str, Any] | None:
        """Values for the variables, most of them valid; None means no variables at all."""
        chosen = {name: random.choice(v.values) for name, v in self.variables.items()}
        given = {name: value for name, value in chosen.items() if value is not ABSENT}
        if random.random() < 0.05:
            given["unknown"] = 1
        return given or None


def generate(schema: GraphQLSchema, random: Random) -> GeneratedOperation:
    """An operation that is valid with any values of its variables."""
    writer = _Writer(schema, random)
    kind = random.choice(["query", "mutation", "mutation"])
    name = random.choice([None, "One"])
    text = writer.operation(kind, name)
    if name is not None and random.random() < 0.2:
        other = _Writer(schema, random, prefix="g")
        text = random.choice(["{0} {1}", "{1} {0}"]).format(text, other.operation("query", "Two"))
    return GeneratedOperation(text, name, writer.variables, writer.is_special)


@dataclass
class _Writer:
    schema: GraphQLSchema
    random: Random
    prefix: str = "f"
    variables: dict[str, Variable] = field(default_factory=dict)
    # Calls of root fields, by their aliases.
    calls: dict[str, tuple[str, GraphQLField]] = field(default_factory=dict)
    # The types of the fragments by their names. Each fragment is spread.
    fragments: dict[str, GraphQLNamedType] = field(default_factory=dict)
    definitions: list[str] = field(default_factory=list)
    is_special: bool = False

    def operation(self, kind: str, name: str | None) -> str:
        root = self.schema.query_type if kind == "query" else self.schema.mutation_type
        assert root is not None
        selections = [self._root_selection(root) for _ in range(self.random.randint(1, 4))]
        if kind == "query" and self._chance(0.05):
            self.is_special = True
            selections.append(self.random.choice(_INTROSPECTION))
        declared = ", ".join(
            f"${name}: {v.type}" + (f" = {v.default}" if v.default else "")
            for name, v in self.variables.items()
        )
        head = f"{kind} {name or ''}{f'({declared})' if declared else ''}"
        return " ".join([head, "{", *selections, "}", *self.definitions])

    def _root_selection(self, root: GraphQLObjectType) -> str:
        """Repeats a call with other selections, which GraphQL merges."""
        if self._chance(0.15):
            return f"{self.random.choice(['', 'x: '])}__typename{self._directives()}"
        alias = self.random.choice(["a", "a", "b", "c"])
        if alias not in self.calls:
            self.calls[alias] = self._call(root.fields)
        call, called = self.calls[alias]
        type_ = get_named_type(called.type)
        text = f"{alias}: {call}{self._directives()} {self._selections(type_, 4)}"
        if self._chance(0.2):
            condition = self.random.choice(["", f"on {root.name}"])
            text = f"... {condition}{self._directives()} {{ {text} }}"
        elif self._chance(0.2):
            text = self._fragment(root, f"{{ {text} }}")
        return text

    def _selections(self, type_: GraphQLNamedType, levels: int) -> str:
        selected = [self._selection(type_, levels) for _ in range(self.random.choice([1, 1, 2, 3]))]
        return f"{{ {' '.join(selected)} }}"

    def _selection(self, type_: GraphQLNamedType, levels: int) -> str:
        kind = self.random.random()
        fields: dict[str, GraphQLField] = getattr(type_, "fields", {})
        if levels and (kind < 0.15 or (not fields and kind < 0.8)):
            on = self.random.choice(self._overlapping(type_))
            return f"... on {on.name}{self._directives()} {self._selections(on, levels - 1)}"
        if levels and kind < 0.25:
            return f"...{self._directives()} {self._selections(type_, levels - 1)}"
        if levels and kind < 0.4:
            known = [name for name, on in self.fragments.items() if on in self._overlapping(type_)]
            if known and self._chance(0.5):
                return f"...{self.random.choice(known)}{self._directives()}"
            on = self.random.choice(self._overlapping(type_))
            return self._fragment(on, self._selections(on, levels - 1))
        if kind < 0.5 or not fields:
            return f"{self.random.choice(['', 'x: '])}__typename{self._directives()}"
        name = self.random.choice([*fields])
        alias = self.random.choice(["", "", f"{name}1: ", f"{name}2: "])
        inner = get_named_type(fields[name].type)
        selections = f" {self._selections(inner, levels)}" if is_composite_type(inner) else ""
        return f"{alias}{name}{self._directives()}{selections}"

    def _overlapping(self, type_: GraphQLNamedType) -> list[GraphQLNamedType]:
        """The possible types of fragments within this type."""

        def possible(other: GraphQLNamedType) -> set[str]:
            if is_abstract_type(other):
                return {named.name for named in self.schema.get_possible_types(other)}
            return {other.name}

        return [
            other
            for other in self.schema.type_map.values()
            if (is_object_type(other) or is_abstract_type(other))
            and not possible(other).isdisjoint(possible(type_))
        ]

    def _fragment(self, on: GraphQLNamedType, selections: str) -> str:
        """Defined after the fragments that it spreads, so that no fragment spreads itself."""
        name = f"{self.prefix}{len(self.fragments)}"
        self.fragments[name] = on
        self.definitions.append(f"fragment {name} on {on.name} {selections}")
        return f"...{name}{self._directives()}"

    def _directives(self) -> str:
        names = ["skip", "include"]
        self.random.shuffle(names)
        return "".join(
            f" @{name}(if: {self._boolean(name)})"
            for name in names[: self.random.choice([0] * 12 + [1] * 4 + [2])]
        )

    def _boolean(self, directive: str) -> str:
        usual = directive == "include"
        literal = str(usual if self._chance(0.7) else not usual).lower()
        if self._chance(0.4):
            return literal
        name = f"b{self.random.randint(0, 2)}"
        if name not in self.variables:
            right = [True, False]
            self.variables[name] = self.random.choice(
                [
                    Variable("Boolean!", None, right * 20 + [ABSENT, None, "true"]),
                    Variable("Boolean!", literal, right * 6 + [ABSENT] * 6 + [1]),
                    # Its place takes no null, and only the default keeps null away.
                    Variable("Boolean", literal, right * 6 + [ABSENT] * 6 + [None]),
                ]
            )
        return f"${name}"

    def _call(self, fields: dict[str, GraphQLField]) -> tuple[str, GraphQLField]:
        name = self.random.choice([*fields])
        if name == "customer":
            arguments = [f"id: {self._value('ID', self.random.choice(_IDS), required=True)}"]
        else:
            arguments = [f"input: {self._input()}"]
            if self._chance(0.5):
                key = self._value("String", self.random.choice(_KEYS), required=False)
                arguments.append(f"idempotencyKey: {key}")
            self.random.shuffle(arguments)
        return f"{name}({', '.join(arguments)})", fields[name]

    def _input(self) -> str:
        type_ = self.schema.type_map["CreateCustomerInput"]
        fields = {n: f"{f.type}".rstrip("!") for n, f in type_.fields.items()}  # type: ignore[attr-defined]  # it is an input type
        texts = {
            name: self.random.choice(_ADDRESSES * 40 + _TEXTS[name])
            if name == "email"
            else self.random.choice(_TEXTS[name])
            for name in fields
            if name == "email" or self._chance(0.2)
        }
        names = [*texts]
        self.random.shuffle(names)
        if self._chance(0.4):
            literals = (
                f"{n}: {self._value(fields[n], texts[n], required=n == 'email')}" for n in names
            )
            return f"{{{', '.join(literals)}}}"
        right = {name: texts[name] for name in names}
        wrong: list[Any] = [None, ABSENT, [], [right], "x", {}, {**right, "emial": "x"}]
        wrong += [
            {**right, self.random.choice([*fields]): odd} for odd in self.random.sample(_ODD, 4)
        ]
        default = f"{{email: {print_string(texts['email'])}}}" if self._chance(0.3) else None
        type_name = "CreateCustomerInput" + ("" if default and self._chance(0.5) else "!")
        return self._variable(type_name, default, [right] * 32 + wrong)

    def _value(self, type_: str, text: str, *, required: bool) -> str:
        """A literal or a variable, for a place that takes such a text."""
        literals = [print_string(text)]
        if type_ not in {"ID", "String"} and self._chance(0.4):
            literals = _ODD_LITERALS
        elif type_ == "ID" and self._chance(0.3):
            literals = ["5", "0", "-1"]
        elif not required and self._chance(0.2):
            literals = ["null"]
        literal = self.random.choice(literals)
        if self._chance(0.6):
            self.is_special |= literal[0] in "[{"
            return literal
        right = [text, print_string(text)]
        if literal[0] in "[{" or self._chance(0.6):
            is_required = required or self._chance(0.2)
            return self._variable(
                type_ + "!" * is_required,
                None,
                right * 16 + _ODD + [ABSENT] * (2 if is_required else 20),
            )
        nullable = literal == "null" or self._chance(0.7)
        return self._variable(
            type_ + "!" * (not nullable), literal, right * 8 + [ABSENT] * 16 + _ODD[:3]
        )

    def _variable(self, type_: str, default: str | None, values: list[Any]) -> str:
        """A new variable, or a declared one of the same type."""
        same = [name for name, v in self.variables.items() if v.type == type_ and default is None]
        if same and self._chance(0.3):
            return f"${self.random.choice(same)}"
        name = f"v{len(self.variables)}"
        self.variables[name] = Variable(type_, default, values)
        return f"${name}"

    def _chance(self, share: float) -> bool:
        return self.random.random() < share
