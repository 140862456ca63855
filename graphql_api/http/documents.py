"""Documents: parsed, held to limits and validated once, and remembered for the next request."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    InlineFragmentNode,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    get_named_type,
    get_nullable_type,
    is_introspection_type,
    is_list_type,
    parse,
    specified_rules,
    validate,
)
from graphql.type import GraphQLNamedType

from ..schema.operation import Operation
from ..schema.schema import Schema
from ..settings import Settings
from .remembered import Remembered

# A list costs as much as this many of its items: the server does not know how many it will have.
_ASSUMED_LIST_SIZE = 10

# Each error costs time to find and to word; whoever mends a document has enough of these.
_MAX_ERRORS = 20

_REMEMBERED_DOCUMENTS = 256
_DOCUMENTS_SEEN_ONCE = 64
_WRONG_DOCUMENTS = 64
_LONGEST_REMEMBERED = 8192


@dataclass(frozen=True)
class Document:
    """What is wrong with a document, as it is answered, and else its operations by their names."""

    errors: list[dict[str, Any]]
    operations: dict[str | None, Operation]


class Documents:
    """The documents that clients send, for one schema.

    Documents are read within limits that bound the time that each takes, since nothing else runs
    in the meantime: how many tokens and fragments before anything else, then one pass that
    counts what fragments expand to without expanding them, then validation.
    """

    def __init__(self, schema: Schema, settings: Settings) -> None:
        self._schema = schema
        self._settings = settings
        self._rules = specified_rules
        if not settings.introspection:
            self._rules = (*specified_rules, NoSchemaIntrospectionCustomRule)
        # A document that comes once, however many of its kind, pushes out none that came twice,
        # and one that is wrong pushes out none that is right.
        self._known = Remembered[Document](_REMEMBERED_DOCUMENTS)
        self._seen_once = Remembered[Document](_DOCUMENTS_SEEN_ONCE)
        self._wrong = Remembered[Document](_WRONG_DOCUMENTS)

    def get(self, text: str) -> Document | None:
        """The document, where it is remembered."""
        return self._known.get(text) or self._wrong.get(text)

    def read(self, text: str, owner: str) -> Document:
        """The document, remembered from now on; who brings many has his own pushed out first."""
        if (document := self.get(text)) is not None:
            return document
        if (document := self._seen_once.pop(text)) is not None:
            self._known.add(text, document, owner)
            return document
        document = self.prepare(text)
        if len(text) <= _LONGEST_REMEMBERED:
            (self._wrong if document.errors else self._seen_once).add(text, document, owner)
        return document

    def prepare(self, text: str) -> Document:
        """A document that is read for whoever remembers it."""
        graphql_schema = self._schema.graphql_schema
        hide_suggestions = not self._settings.introspection
        operations: list[Operation] = []
        try:
            node = parse(text, max_tokens=self._settings.max_tokens)
        except GraphQLError as error:
            errors = [error]
        else:
            operations = [
                Operation(self._schema, node, definition, hide_suggestions=hide_suggestions)
                for definition in node.definitions
                if isinstance(definition, OperationDefinitionNode)
            ]
            errors = list(self._excesses(node)) or validate(
                graphql_schema,
                node,
                self._rules,
                max_errors=_MAX_ERRORS,
                hide_suggestions=hide_suggestions,
            )
        self._schema.process_errors(errors)
        return Document(
            [dict(error.formatted) for error in errors],
            {operation.name: operation for operation in operations},
        )

    def _excesses(self, document: DocumentNode) -> Iterator[GraphQLError]:
        settings = self._settings
        fragments = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        if len(fragments) > settings.max_fragments:
            yield _excess(f"{settings.max_fragments} fragments")
            return
        measure = _Measure(self._schema.graphql_schema, fragments)
        for definition in document.definitions:
            if isinstance(definition, OperationDefinitionNode):
                root = self._schema.graphql_schema.get_root_type(definition.operation)
                size = measure.selections(definition.selection_set, root)
                for count, limit, what in (
                    (size.fields, settings.max_root_fields, "fields at the top of an operation"),
                    (size.depth, settings.max_depth, "levels of fields"),
                    (size.aliases, settings.max_aliases, "aliases"),
                    (size.directives, settings.max_directives, "directives"),
                    (size.cost, settings.max_cost, "points of cost"),
                ):
                    if count > limit:
                        yield _excess(f"{limit} {what}")


@dataclass(frozen=True)
class _Size:
    """What a selection set comes to when its fragments are expanded."""

    fields: int = 0
    depth: int = 0
    aliases: int = 0
    directives: int = 0
    cost: int = 0


class _Measure:
    """Measures selection sets, each fragment once."""

    def __init__(self, schema: GraphQLSchema, fragments: dict[str, FragmentDefinitionNode]) -> None:
        self._schema = schema
        self._fragments = fragments
        self._measured: dict[str, _Size] = {}

    def selections(self, selection_set: SelectionSetNode, parent: GraphQLNamedType | None) -> _Size:
        fields = depth = aliases = directives = cost = 0
        for selection in selection_set.selections:
            size = self._selection(selection, parent)
            fields += size.fields
            depth = max(depth, size.depth)
            aliases += size.aliases
            directives += size.directives + len(selection.directives or ())
            cost += size.cost
        return _Size(fields, depth, aliases, directives, cost)

    def _selection(self, node: SelectionNode, parent: GraphQLNamedType | None) -> _Size:
        if isinstance(node, FieldNode):
            return self._field(node, parent)
        if isinstance(node, InlineFragmentNode):
            condition = node.type_condition
            on = self._schema.get_type(condition.name.value) if condition else parent
            return self.selections(node.selection_set, on)
        return self._fragment(cast("FragmentSpreadNode", node).name.value)

    def _field(self, node: FieldNode, parent: GraphQLNamedType | None) -> _Size:
        # Lists of the schema's own types are bounded by MaxIntrospectionDepthRule.
        counted = parent is not None and not is_introspection_type(parent)
        definition = getattr(parent, "fields", {}).get(node.name.value) if counted else None
        inner = _Size()
        if node.selection_set is not None:
            named = get_named_type(definition.type) if definition else None
            inner = self.selections(node.selection_set, named)
        is_list = definition is not None and is_list_type(get_nullable_type(definition.type))
        return _Size(
            fields=1,
            depth=inner.depth + 1,
            aliases=inner.aliases + (node.alias is not None),
            directives=inner.directives,
            cost=1 + inner.cost * (_ASSUMED_LIST_SIZE if is_list else 1),
        )

    def _fragment(self, name: str) -> _Size:
        if name not in self._measured:
            # A fragment within itself counts nothing here; validation refuses it.
            self._measured[name] = _Size()
            if (fragment := self._fragments.get(name)) is not None:
                on = self._schema.get_type(fragment.type_condition.name.value)
                self._measured[name] = self.selections(fragment.selection_set, on)
        return self._measured[name]


def _excess(limit: str) -> GraphQLError:
    return GraphQLError(
        f"Send a smaller document; it has more than {limit}.", extensions={"code": "TOO_LARGE"}
    )
