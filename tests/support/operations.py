"""Generates valid operations of a schema, with valid and invalid values for their variables."""

import json
from dataclasses import dataclass, field
from random import Random
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_composite_type,
    is_enum_type,
    is_input_object_type,
    is_list_type,
    is_nullable_type,
    is_object_type,
    is_required_argument,
    is_required_input_field,
    is_scalar_type,
    is_specified_scalar_type,
)
from graphql.language.print_string import print_string

from .values import BAD, GOOD, Bad, Good, public_name

# Marks a variable that has no value.
ABSENT = object()

# Values for variables that expect a text. Most of them are no texts.
_ODD: list[Any] = [None, 0, 5, -1, 10469, 2**31, 2**63, 10**30, 1.0, 1.5, True, [], ["1"], {}]
_ODD_LITERALS = ["0", "5", "-1", "10469", str(10**30), "1.5", "true", "A", "[]", '["1", 2]', "{}"]
_ODD_LITERALS += ['{a: "1"}', '"""block\n  string"""', '"\\u0041\\n\\u{1F600}"']
# Most values are valid. Otherwise hardly any customer would be valid.
_GIVEN: list[Good | Bad] = [*GOOD * 6, *BAD]
_TEXTS = {
    named: [
        value.sent
        for value in _GIVEN
        if public_name(value.field) == named
        and isinstance(value.sent, str)
        and value.sent.isprintable()
        and len(value.sent) < 100  # long texts are slow to read
    ]
    for named in {public_name(value.field) for value in GOOD}
}
_ADDRESSES = [f"{name}@example.com" for name in ("a", "john.smith", "Ada", "grace", "o'brien")]
_TEXTS["idempotencyKey"] = ["a", "b", "key 1"] * 6 + ["", "é", "k" * 256]
_TEXTS["id"] = ["00000000-0000-4000-8000-000000000000"] * 6 + ["1", "", "john"]
_TEXTS["after"] = _TEXTS["before"] = ["", "a", "made-up"]
_OTHER_TEXTS = ["a", "john", ""]
# Values of the scalars that do not accept any text.
_SAMPLES: dict[str, list[Any]] = {
    "Int": [0, 1, 20, -1],
    "Float": [0.5, 1, -2.0],
    "Boolean": [True, False],
    "DateTime": ["2026-11-22T08:59:51.042Z", "1970-01-01T00:00:00+01:00"],
}
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
    """A document with one operation, and perhaps another one that is not executed."""

    text: str
    name: str | None
    variables: dict[str, Variable]
    # Whether prepared operations may not cover it.
    is_special: bool

    def values(self, random: Random) -> dict[str, Any] | None:
        """Values for the variables, most of them valid. None if it has no variables."""
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


def literal(value: Any, type_: GraphQLInputType) -> str:
    """A value of the type, as a document has it."""
    nullable = get_nullable_type(type_)
    if is_list_type(nullable):
        if not isinstance(value, list):
            return literal(value, nullable.of_type)
        return f"[{', '.join(literal(item, nullable.of_type) for item in value)}]"
    if is_input_object_type(nullable):
        fields = (f"{name}: {literal(v, nullable.fields[name].type)}" for name, v in value.items())
        return f"{{{', '.join(fields)}}}"
    if is_enum_type(nullable):
        return f"{value}"
    return print_string(value) if isinstance(value, str) else json.dumps(value)


@dataclass
class _Writer:
    schema: GraphQLSchema
    random: Random
    prefix: str = "f"
    variables: dict[str, Variable] = field(default_factory=dict)
    # Calls of root fields, by their aliases.
    calls: dict[str, tuple[str, GraphQLField]] = field(default_factory=dict)
    # The arguments of fields below the root, by the keys of the fields in the answer.
    arguments: dict[str, str] = field(default_factory=dict)
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
        """Repeats some calls with other selections, which GraphQL merges."""
        if self._chance(0.15):
            return f"{self.random.choice(['', 'x: '])}__typename{self._directives()}"
        alias = self.random.choice(["a", "a", "b", "c"])
        if alias not in self.calls:
            self.calls[alias] = self._call(root.fields)
        call, called = self.calls[alias]
        type_ = get_named_type(called.type)
        selections = f" {self._selections(type_, 4)}" if is_composite_type(type_) else ""
        text = f"{alias}: {call}{self._directives()}{selections}"
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
        key = alias or name
        if key not in self.arguments:
            self.arguments[key] = self._arguments(fields[name])
        return f"{alias}{name}{self.arguments[key]}{self._directives()}{selections}"

    def _arguments(self, called: GraphQLField) -> str:
        """Arguments of a field below the root. They are valid.

        If one is invalid, graphql-core cancels other resolvers, and its answers differ.
        """
        arguments = []
        for name, definition in called.args.items():
            if is_required_argument(definition) or self._chance(0.5):
                value = self._sample(name, definition.type)
                text = literal(value, definition.type)
                if self._chance(0.4):
                    text = self._variable(f"{definition.type}", None, [value])
                arguments.append(f"{name}: {text}")
        return f"({', '.join(arguments)})" if arguments else ""

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
        """Defines it after the fragments that it spreads, so that no fragment spreads itself."""
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
                    # A nullable variable is valid in a non-null position if it has a default.
                    Variable("Boolean", literal, right * 6 + [ABSENT] * 6 + [None]),
                ]
            )
        return f"${name}"

    def _call(self, fields: dict[str, GraphQLField]) -> tuple[str, GraphQLField]:
        name = self.random.choice([*fields])
        arguments = [
            f"{argument}: {self._argument(argument, definition)}"
            for argument, definition in fields[name].args.items()
            if is_required_argument(definition) or self._chance(0.5)
        ]
        self.random.shuffle(arguments)
        return f"{name}({', '.join(arguments)})" if arguments else name, fields[name]

    def _argument(self, name: str, definition: GraphQLArgument) -> str:
        type_ = get_nullable_type(definition.type)
        if is_input_object_type(type_):
            return self._input(type_)
        value = self._sample(name, definition.type)
        return self._value(definition.type, value, required=is_required_argument(definition))

    def _sample(self, name: str, type_: GraphQLInputType) -> Any:
        """A value of the type, as JSON has it. A text suits the name of its field or argument."""
        nullable = get_nullable_type(type_)
        if is_list_type(nullable):
            items = [self._sample(name, nullable.of_type) for _ in range(self.random.randint(0, 3))]
            # A value that is not a list counts as a list of one.
            return items[0] if len(items) == 1 and self._chance(0.5) else items
        if is_input_object_type(nullable):
            return self._sample_input(nullable)
        if is_enum_type(nullable):
            return self.random.choice([*nullable.values])
        if name == "email":
            return self.random.choice(_ADDRESSES * 40 + _TEXTS[name])
        return self.random.choice(_SAMPLES.get(f"{nullable}") or _TEXTS.get(name, _OTHER_TEXTS))

    def _sample_input(self, type_: GraphQLInputObjectType) -> dict[str, Any]:
        values = {
            name: self._sample(name, field.type)
            for name, field in type_.fields.items()
            if is_required_input_field(field) or self._chance(0.2)
        }
        names = [*values]
        self.random.shuffle(names)
        return {name: values[name] for name in names}

    def _input(self, type_: GraphQLInputObjectType) -> str:
        right = self._sample_input(type_)
        if self._chance(0.4):
            literals = []
            for name, value in right.items():
                field_ = type_.fields[name]
                required = is_required_input_field(field_)
                literals.append(f"{name}: {self._value(field_.type, value, required=required)}")
            return f"{{{', '.join(literals)}}}"
        wrong: list[Any] = [None, ABSENT, [], [right], "x", {}, {**right, "emial": "x"}]
        wrong += [
            {**right, self.random.choice([*type_.fields]): odd}
            for odd in self.random.sample(_ODD, 4)
        ]
        default = None
        if self._chance(0.3):
            needed = {n: v for n, v in right.items() if is_required_input_field(type_.fields[n])}
            default = literal(needed, type_)
        type_name = type_.name + ("" if default and self._chance(0.5) else "!")
        return self._variable(type_name, default, [right] * 32 + wrong)

    def _value(self, type_: GraphQLInputType, value: Any, *, required: bool) -> str:
        """A literal, or a variable, for a position of the type."""
        nullable_type = get_nullable_type(type_)
        name = f"{nullable_type}"
        if is_list_type(nullable_type) and isinstance(value, list) and self._chance(0.3):
            inner = nullable_type.of_type
            required = not is_nullable_type(inner)
            items = (self._value(inner, item, required=required) for item in value)
            return f"[{', '.join(items)}]"
        literals = [literal(value, type_)]
        if (
            is_scalar_type(nullable_type)
            and not is_specified_scalar_type(nullable_type)
            and name not in _SAMPLES
        ):
            literals = _ODD_LITERALS if self._chance(0.4) else literals
        elif name == "ID" and self._chance(0.3):
            literals = ["5", "0", "-1"]
        elif is_nullable_type(type_) and self._chance(0.2):
            literals = ["null"]
        text = self.random.choice(literals)
        is_odd = text[0] in "[{" and not isinstance(value, dict | list)
        if self._chance(0.6):
            self.is_special |= is_odd
            return text
        right = [value, literal(value, type_)] if isinstance(value, str) else [value]
        if is_odd or self._chance(0.6):
            not_null = required or self._chance(0.2)
            return self._variable(
                name + "!" * not_null,
                None,
                right * 16 + _ODD + [ABSENT] * (2 if not_null else 20),
            )
        nullable = text == "null" or self._chance(0.7)
        return self._variable(
            name + "!" * (not nullable), text, right * 8 + [ABSENT] * 16 + _ODD[:3]
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
