"""Documents: parsed, measured and validated once, and cached for the next request."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    NoFragmentCyclesRule,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    specified_rules,
    validate,
)

from .costs import Costs
from .errors import PARSE_FAILED, VALIDATION_FAILED, mask_request_errors
from .fair_cache import FairCache
from .limits import CostLimit, Limits, Measure
from .list_sizes import ListSize
from .operation import Operation
from .parsing import locate, parse_document

# Each error takes time to find and to word, and these are enough to correct a document.
_MAX_ERRORS = 20

# The caches count in tokens. A document takes at most 4 kB of memory for each token, including the
# prepared operations, which are made when it is executed again, and 1 kB before that.
_CACHED_TOKENS = 16_384
_TOKENS_SEEN_ONCE = 4096
_INVALID_TOKENS = 4096
# The longest document that is cached, in characters.
_MAX_CACHED_LENGTH = 8192
# A document takes as much memory as this many tokens beside its own, and this many characters of
# its text and of its errors' messages as much as one token.
_TOKENS_OF_A_DOCUMENT = 32
_CHARACTERS_OF_A_TOKEN = 64

# How many names of operations become labels of metrics, and how many characters a label has.
_MOST_LABELS = 500
_LONGEST_LABEL = 64


@dataclass(frozen=True)
class Document:
    """A document after parsing and validation: its errors or, if it has none, its operations."""

    # As the answer has them.
    errors: list[dict[str, Any]]
    # By their names; an operation without a name has the key None.
    operations: dict[str | None, Operation]
    # For a `FairCache`, in tokens.
    weight: int


class Documents:
    """The documents that clients send, for one schema.

    Nothing else runs while a document is read, so its limits bound the time that this takes. First
    the tokens and the fragments are counted. Then one pass counts what the fragments expand to,
    without expanding them. Validation comes last.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        limits: Limits,
        immutable: tuple[type, ...] = (),
        list_sizes: Mapping[str, ListSize] = MappingProxyType({}),
    ) -> None:
        """`immutable` are the Python classes whose objects never change once they are made.

        A prepared operation completes each such object once. `list_sizes` has the fields whose
        arguments say how long lists are, by names such as `Query.customers`. Raises `ValueError` if
        the schema does not have one of them.
        """
        self._schema = schema
        self._limits = limits
        self._immutable = immutable
        self._costs = Costs(schema, list_sizes)
        self._rules = specified_rules
        if not limits.allows_introspection:
            self._rules = (*specified_rules, NoSchemaIntrospectionCustomRule)
        # By their texts. Documents that are sent once never evict one that was sent twice, and
        # invalid documents never evict a valid one.
        self._valid = FairCache[Document](_CACHED_TOKENS)
        self._seen_once = FairCache[Document](_TOKENS_SEEN_ONCE)
        self._invalid = FairCache[Document](_INVALID_TOKENS)
        # The names of operations of trusted documents.
        self._labels: set[str] = set()

    def get(self, text: str) -> Document | None:
        """The document, if it is cached."""
        return self._valid.get(text) or self._invalid.get(text)

    def read(self, text: str, owner: str) -> Document:
        """Reads the document and caches it. The owner's own documents are evicted first."""
        if (document := self.get(text)) is not None:
            return document
        if (document := self._seen_once.pop(text)) is not None:
            self._valid.add(text, document, owner, document.weight)
            return document
        document = self.prepare(text)
        if len(text) <= _MAX_CACHED_LENGTH:
            cache = self._invalid if document.errors else self._seen_once
            cache.add(text, document, owner, document.weight)
        return document

    def prepare(self, text: str, *, is_trusted: bool = False) -> Document:
        """Reads the document without the caches. The operator chose what is trusted."""
        hide_suggestions = not self._limits.allows_introspection
        operations: list[Operation] = []
        code = VALIDATION_FAILED
        tokens = _TOKENS_OF_A_DOCUMENT
        try:
            node = parse_document(text, self._limits.max_tokens)
        except GraphQLError as error:
            errors, code = [error], PARSE_FAILED
        else:
            tokens += node.token_count
            measure = Measure(self._costs, node)
            errors = self._errors(node, measure, hide_suggestions=hide_suggestions)
            locate(errors)
            operations = [
                Operation(
                    self._schema,
                    node,
                    definition,
                    hide_suggestions=hide_suggestions,
                    immutable=self._immutable,
                    cost_limit=self._cost_limit(node, definition, measure),
                    label=self._label(definition) if is_trusted else None,
                )
                for definition in node.definitions
                if isinstance(definition, OperationDefinitionNode)
            ]
        mask_request_errors(errors, code)
        shown = len(text) + sum(len(error.message) for error in errors)
        return Document(
            [dict(error.formatted) for error in errors],
            {operation.name: operation for operation in operations},
            tokens + shown // _CHARACTERS_OF_A_TOKEN,
        )

    def _label(self, operation: OperationDefinitionNode) -> str | None:
        """The name of an operation of a trusted document, unless there are too many names."""
        name = None if operation.name is None else operation.name.value
        if name is not None and len(name) <= _LONGEST_LABEL and len(self._labels) < _MOST_LABELS:
            self._labels.add(name)
        return name if name in self._labels else None

    def _cost_limit(
        self, document: DocumentNode, operation: OperationDefinitionNode, measure: Measure
    ) -> CostLimit | None:
        if not any(operation is undecided for undecided in measure.undecided):
            return None
        return CostLimit(self._limits.max_cost, self._costs, document, operation)

    def _errors(
        self, document: DocumentNode, measure: Measure, *, hide_suggestions: bool
    ) -> list[GraphQLError]:
        return [_limit_exceeded(limit) for limit in measure.exceeded(self._limits)] or validate(
            self._schema,
            document,
            # The other rules may take long if a fragment contains itself, and report consequences.
            [NoFragmentCyclesRule] if measure.is_circular else self._rules,
            max_errors=_MAX_ERRORS,
            hide_suggestions=hide_suggestions,
        )


def _limit_exceeded(limit: str) -> GraphQLError:
    return GraphQLError(
        f"The document has more than {limit}. Send a smaller one.", extensions={"code": "TOO_LARGE"}
    )
