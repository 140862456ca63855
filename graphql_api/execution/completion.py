"""Completes what resolvers return to what the answer has, by functions that are made once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from keyword import iskeyword
from typing import Any, NamedTuple, cast

import orjson
from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    GraphQLAbstractType,
    GraphQLEnumType,
    GraphQLField,
    GraphQLID,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    GraphQLString,
    OperationDefinitionNode,
    get_nullable_type,
    is_enum_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
    is_scalar_type,
)
from graphql.execution.collect_fields import (
    FieldDetailsList,
    FragmentDetails,
    GroupedFieldSet,
    collect_fields,
    collect_subfields,
)
from graphql.execution.values import VariableValues

from .covered import NotCovered, definition_of
from .resolvers import Bind, binder, is_async

# From a value that a resolver returned to the same value as JSON has it.
Complete = Callable[[Any], Any]


class ObjectField(NamedTuple):
    """How one selected field of an object is completed."""

    # Of the Python object.
    attribute: str
    complete: Complete
    # Whether a `str` is answered as it is, which spares a call.
    is_text: bool = False


@dataclass(frozen=True, slots=True)
class ResolverField:
    """How one selected field that has a resolver is resolved and completed."""

    # In the answer.
    key: str
    node: FieldNode
    bind: Bind
    is_async: bool
    complete: Complete

    def completed(self, resolved: object) -> object:
        """Completes what the resolver returned, or raises the exception that it raised."""
        if isinstance(resolved, Exception):
            raise resolved
        return self.complete(resolved)


@dataclass(slots=True)
class OpenField:
    """A field of a completed object that has a resolver, which is still to be called."""

    # The completed object, which has None for the field.
    answer: dict[str, Any]
    # The object that was completed.
    source: object
    field: ResolverField
    # What the resolver returned, or the exception that it raised.
    result: object = None


class OpenFields:
    """Finds the fields below the root that have resolvers, while objects are completed.

    Completion is not asynchronous, so nothing but the completion of one request runs between
    `start` and the end of it.
    """

    def __init__(self) -> None:
        # How many of the selected fields are such fields.
        self.selected = 0
        self._found: list[OpenField] = []

    def start(self) -> list[OpenField]:
        """Returns a list that gets every field that is found from now on."""
        self._found = []
        return self._found

    def finding(self, complete: Complete, fields: list[ResolverField]) -> Complete:
        """Returns a function that completes an object, and finds these fields of it."""
        self.selected += len(fields)

        def completed(value: object) -> object:
            answer = complete(value)
            self._found += [OpenField(answer, value, field) for field in fields]
            return answer

        return completed


# An object whose completion is cached takes as much memory as this many fields, and as many more as
# its text has of these bytes.
_FIELDS_OF_AN_OBJECT = 5
_BYTES_OF_A_FIELD = 64
# A field that has a resolver takes as much memory as this many fields beside its own.
_FIELDS_OF_A_RESOLVER = 3

# An object and its completion, as a text of JSON, by the `id` of the object.
Completions = dict[int, tuple[object, orjson.Fragment]]


class Budget:
    """Bounds the memory of one prepared operation, counted in fields."""

    def __init__(self, prepared: int, cached: int) -> None:
        """The most fields that have functions, and the most fields of cached completions."""
        self._prepared_left = prepared
        self._cached = self._cached_left = cached
        # By the functions that `cached` returned.
        self._caches: dict[Complete, Completions] = {}

    def prepare(self, fields: int) -> None:
        """Raises `NotCovered` if the budget does not suffice for functions of these fields."""
        self._prepared_left -= fields
        if self._prepared_left < 0:
            raise NotCovered

    def cached(self, complete: Complete) -> Complete:
        """Returns a function that completes each object once. The objects must never change.

        Their completions are encoded as JSON once, too.
        """
        cache: Completions = {}

        def completed(value: object) -> orjson.Fragment:
            # The cache holds the object, so no other object gets its `id`.
            if (entry := cache.get(id(value))) is None:
                text = orjson.dumps(complete(value))
                entry = value, orjson.Fragment(text)
                self._spend(_FIELDS_OF_AN_OBJECT + len(text) // _BYTES_OF_A_FIELD)
                cache[id(value)] = entry
            return entry[1]

        self._caches[completed] = cache
        return completed

    def completions(self, complete: Complete) -> Completions:
        """Those that the function has cached until now; none if it is not one of `cached`."""
        return self._caches.get(complete, {})

    def _spend(self, fields: int) -> None:
        self._cached_left -= fields
        if self._cached_left < 0:
            for cache in self._caches.values():
                cache.clear()
            self._cached_left = self._cached - fields


@dataclass(frozen=True)
class Selections:
    """The selections of one operation, for one combination of values in `@skip` and `@include`."""

    schema: GraphQLSchema
    fragments: dict[str, FragmentDetails]
    operation: OperationDefinitionNode
    variable_values: VariableValues
    budget: Budget
    # The Python classes whose objects never change; that includes their subclasses.
    immutable: tuple[type, ...]
    open_fields: OpenFields
    # By the `id` of a field and that of its node: the same for all combinations of values.
    binds: dict[tuple[int, int], Bind]

    def root_fields(self, root: GraphQLObjectType) -> GroupedFieldSet:
        """The nodes of each root field, by its key in the answer."""
        return collect_fields(
            self.schema, self.fragments, self.variable_values, root, self.operation
        ).grouped_field_set

    def resolver_field(
        self, key: str, field: GraphQLField, nodes: FieldDetailsList
    ) -> ResolverField:
        """Raises `NotCovered`."""
        node = nodes[0].node
        if (bind := self.binds.get((id(field), id(node)))) is None:
            bind = self.binds[id(field), id(node)] = binder(field, node)
        return ResolverField(key, node, bind, is_async(field), self.completer(field.type, nodes))

    def completer(self, type_: GraphQLOutputType, nodes: FieldDetailsList) -> Complete:
        """Returns a function that completes values of the type. Both raise `NotCovered`.

        The function also raises what a scalar raises.
        """
        nullable = not is_non_null_type(type_)
        if is_non_null_type(type_):
            type_ = type_.of_type
        if is_list_type(type_):
            complete = self.completer(type_.of_type, nodes)
            known = self.budget.completions(complete)
            return _list(complete, known, are_texts=_is_text(type_.of_type), nullable=nullable)
        if is_enum_type(type_):
            return _leaf(_enum(type_), nullable=nullable)
        if is_leaf_type(type_):
            return _leaf(type_.coerce_output_value, nullable=nullable)
        if is_object_type(type_):
            return self._one_of([type_], nodes, nullable=nullable)
        abstract = cast("GraphQLAbstractType", type_)
        if getattr(definition_of(abstract), "resolve_type", None) is not None:
            raise NotCovered
        return self._one_of(self.schema.get_possible_types(abstract), nodes, nullable=nullable)

    def _one_of(
        self, types: list[GraphQLObjectType], nodes: FieldDetailsList, *, nullable: bool
    ) -> Complete:
        """Completes a value by its class. Other classes, and subclasses, are not covered."""
        definitions = [definition_of(type_) for type_ in types]
        if any(definition.is_type_of for definition in definitions):
            raise NotCovered
        selected_before = self.open_fields.selected
        by_class = {
            definition.origin: self._object(type_, nodes)
            for definition, type_ in zip(definitions, types, strict=True)
        }

        def one_of(value: object) -> object:
            if value is None and nullable:
                return None
            complete = by_class.get(value.__class__)
            if complete is None:
                raise NotCovered
            return complete(value)

        is_closed = self.open_fields.selected == selected_before
        if is_closed and all(issubclass(class_, self.immutable) for class_ in by_class):
            return self.budget.cached(one_of)
        return one_of

    def _object(self, type_: GraphQLObjectType, nodes: FieldDetailsList) -> Complete:
        selected = collect_subfields(
            self.schema, self.fragments, self.variable_values, self.operation, type_, nodes
        ).grouped_field_set
        self.budget.prepare(len(selected))
        fields: dict[str, ObjectField] = {}
        resolver_fields: list[ResolverField] = []
        for key, inner in selected.items():
            name = inner[0].node.name.value
            if name == "__typename":
                fields[key] = ObjectField("__class__", lambda _class: type_.name)
                continue
            field = type_.fields[name]
            definition = definition_of(field)
            if definition.is_basic_field:
                complete = self.completer(field.type, inner)
                is_text = _is_text(field.type)
                fields[key] = ObjectField(definition.python_name, complete, is_text)
            else:
                # Keeps the place of the field in the answer.
                fields[key] = ObjectField("__class__", lambda _class: None)
                self.budget.prepare(_FIELDS_OF_A_RESOLVER)
                resolver_fields.append(self.resolver_field(key, field, inner))
        complete = compile_object(fields)
        if resolver_fields:
            return self.open_fields.finding(complete, resolver_fields)
        return complete


def compile_object(fields: Mapping[str, ObjectField]) -> Complete:
    """Returns a function that completes an object to a dictionary with the keys of `fields`.

    The function is compiled from text, and takes half the time of a loop over the fields. For a
    selection `{ kind: __typename name size }` of a type with a text and a number, the text is:

        lambda value: {'kind': complete0(value.__class__),
        'name': v if (v := value.name).__class__ is str else complete1(v),
        'size': complete2(value.size)}

    No client can put code into it. Of a document it contains the keys alone: GraphQL's parser lets
    them consist of letters, digits and underscores, and `repr` quotes them. The attributes are
    names in our own types, and must be Python identifiers: otherwise this raises `NotCovered`.
    """
    parts = []
    names = {}
    for number, (key, field) in enumerate(fields.items()):
        if not field.attribute.isidentifier() or iskeyword(field.attribute):
            raise NotCovered
        complete = f"complete{number}"
        names[complete] = field.complete
        value = f"{complete}(value.{field.attribute})"
        if field.is_text:
            value = f"v if (v := value.{field.attribute}).__class__ is str else {complete}(v)"
        parts.append(f"{key!r}: {value}")
    text = f"lambda value: {{{', '.join(parts)}}}"
    return cast("Complete", eval(text, names))  # noqa: S307  # quoted keys and checked identifiers


def fragments_of(definitions: tuple[Any, ...]) -> dict[str, FragmentDetails]:
    """The fragments of a document by their names, as graphql-core takes them."""
    return {
        definition.name.value: FragmentDetails(definition)
        for definition in definitions
        if isinstance(definition, FragmentDefinitionNode)
    }


def _is_text(type_: GraphQLOutputType) -> bool:
    """Whether a `str` of this type is answered as it is."""
    nullable = get_nullable_type(type_)
    if nullable in (GraphQLString, GraphQLID):
        return True
    return is_scalar_type(nullable) and nullable.coerce_output_value is str


def _list(complete: Complete, known: Completions, *, are_texts: bool, nullable: bool) -> Complete:
    def completed(value: object) -> object:
        if value is None and nullable:
            return None
        if not isinstance(value, list):
            raise NotCovered
        # Both forms need no call for most items.
        if are_texts:
            return [item if item.__class__ is str else complete(item) for item in value]
        return [entry[1] if (entry := known.get(id(item))) else complete(item) for item in value]

    return completed


def _enum(type_: GraphQLEnumType) -> Complete:
    names: dict[object, str] = {value.value: name for name, value in type_.values.items()}
    members = definition_of(type_).wrapped_cls

    def enum(value: Enum) -> str:
        if value.__class__ is not members:
            raise NotCovered
        # The hash of the member itself would be computed in Python.
        return names[value._value_]

    return enum


def _leaf(coerce_output_value: Complete, *, nullable: bool) -> Complete:
    def leaf(value: object) -> object:
        if value is None:
            if nullable:
                return None
            raise NotCovered
        completed = coerce_output_value(value)
        if completed is None:
            raise NotCovered
        return completed

    return leaf
