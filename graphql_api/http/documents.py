"""Documents: parsed, held to limits and validated once, and remembered for the next request."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

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
from strawberry.extensions import SchemaExtension

from ..settings import Settings

# A list costs as much as this many of its items: the server does not know how many it will have.
_ASSUMED_LIST_SIZE = 10

# Each error costs time to find and to word; whoever mends a document has enough of these.
_MAX_ERRORS = 20

_REMEMBERED_DOCUMENTS = 256
_DOCUMENTS_SEEN_ONCE = 64
_LONGEST_REMEMBERED = 8192


class Documents:
    """The documents that clients send, for one schema.

    Documents are read within limits that bound the time that each takes, since nothing else runs
    in the meantime: how many tokens and fragments before anything else, then one pass that
    counts what fragments expand to without expanding them, then validation.
    """

    def __init__(self, schema: GraphQLSchema, settings: Settings) -> None:
        self._schema = schema
        self._settings = settings
        self._rules = specified_rules
        if not settings.introspection:
            self._rules = (*specified_rules, NoSchemaIntrospectionCustomRule)
        self._known: OrderedDict[str, DocumentNode] = OrderedDict()
        self._seen_once: OrderedDict[str, DocumentNode] = OrderedDict()

    def read(self, text: str) -> tuple[DocumentNode, list[GraphQLError]]:
        """The document, and what is wrong with it; raises `GraphQLError` for a syntax error."""
        if (known := self._known.get(text)) is not None:
            self._known.move_to_end(text)
            return known, []
        if (seen := self._seen_once.pop(text, None)) is not None:
            _remember(self._known, text, seen, _REMEMBERED_DOCUMENTS)
            return seen, []
        document = parse(text, max_tokens=self._settings.max_tokens)
        errors = list(self._excesses(document)) or validate(
            self._schema,
            document,
            self._rules,
            max_errors=_MAX_ERRORS,
            hide_suggestions=not self._settings.introspection,
        )
        # A document that comes once, however many of its kind, pushes out none that came twice.
        if not errors and len(text) <= _LONGEST_REMEMBERED:
            _remember(self._seen_once, text, document, _DOCUMENTS_SEEN_ONCE)
        return document, errors

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
        measure = _Measure(self._schema, fragments)
        for definition in document.definitions:
            if isinstance(definition, OperationDefinitionNode):
                root = self._schema.get_root_type(definition.operation)
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


class ReadDocuments(SchemaExtension):
    """Has Strawberry take what `Documents` reads in place of parsing and validating by itself."""

    def __init__(self, documents: Documents) -> None:
        super().__init__()
        self._documents = documents
        self._errors: list[GraphQLError] = []

    def on_parse(self) -> Iterator[None]:
        context = self.execution_context
        document, self._errors = self._documents.read(context.query or "")
        context.graphql_document = document
        operations = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
        # `operation_name` would be that of the first.
        if len(operations) > 1 and context._provided_operation_name is None:
            raise GraphQLError("Name one of the document's operations in `operationName`.")
        yield

    def on_validate(self) -> Iterator[None]:
        self.execution_context.pre_execution_errors = self._errors
        yield


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


def _remember(
    documents: OrderedDict[str, DocumentNode], text: str, document: DocumentNode, most: int
) -> None:
    documents[text] = document
    if len(documents) > most:
        documents.popitem(last=False)
