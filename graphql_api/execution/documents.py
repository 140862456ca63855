"""Documents: parsed, held to limits and validated once, and remembered for the next request."""

from dataclasses import dataclass
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

from .errors import PARSE_FAILED, VALIDATION_FAILED, mask_request_errors
from .fair_cache import Remembered
from .limits import Introspection, Limits, Measure
from .locations import locate, parse_document
from .operation import Operation

# Each error costs time to find and to word; whoever mends a document has enough of these.
_MAX_ERRORS = 20

# What is remembered of documents is counted in tokens: at most 4 kB for each, with what is made of
# it when it comes again, and 1 kB before that.
_REMEMBERED_TOKENS = 16_384
_TOKENS_SEEN_ONCE = 4096
_WRONG_TOKENS = 4096
_LONGEST_REMEMBERED = 8192
# So many tokens take as much as what each document has beside them, and a token as so much text.
_TOKENS_OF_A_DOCUMENT = 32
_TEXT_OF_A_TOKEN = 64


@dataclass(frozen=True)
class Document:
    """What is wrong with a document, as it is answered, and else its operations by their names."""

    errors: list[dict[str, Any]]
    operations: dict[str | None, Operation]
    # What it takes to remember it, in tokens.
    weight: int


class Documents:
    """The documents that clients send, for one schema.

    Documents are read within limits that bound the time that each takes, since nothing else runs
    in the meantime: how many tokens and fragments before anything else, then one pass that
    counts what fragments expand to without expanding them, then validation.
    """

    def __init__(
        self, schema: GraphQLSchema, limits: Limits, immutable: tuple[type, ...] = ()
    ) -> None:
        """`immutable` are the Python classes whose objects never change once they are made.

        What answers show of such an object is remembered with an operation.
        """
        self._schema = schema
        self._limits = limits
        self._immutable = immutable
        self._introspection = Introspection(schema)
        self._rules = specified_rules
        if not limits.allows_introspection:
            self._rules = (*specified_rules, NoSchemaIntrospectionCustomRule)
        # A document that comes once, however many of its kind, pushes out none that came twice,
        # and one that is wrong pushes out none that is right.
        self._known = Remembered[Document](_REMEMBERED_TOKENS)
        self._seen_once = Remembered[Document](_TOKENS_SEEN_ONCE)
        self._wrong = Remembered[Document](_WRONG_TOKENS)

    def get(self, text: str) -> Document | None:
        """The document, where it is remembered."""
        return self._known.get(text) or self._wrong.get(text)

    def read(self, text: str, owner: str) -> Document:
        """The document, remembered from now on; who brings many has his own pushed out first."""
        if (document := self.get(text)) is not None:
            return document
        if (document := self._seen_once.pop(text)) is not None:
            self._known.add(text, document, owner, document.weight)
            return document
        document = self.prepare(text)
        if len(text) <= _LONGEST_REMEMBERED:
            memory = self._wrong if document.errors else self._seen_once
            memory.add(text, document, owner, document.weight)
        return document

    def prepare(self, text: str) -> Document:
        """A document that is read for whoever remembers it."""
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
            operations = [
                Operation(
                    self._schema,
                    node,
                    definition,
                    hide_suggestions=hide_suggestions,
                    immutable=self._immutable,
                )
                for definition in node.definitions
                if isinstance(definition, OperationDefinitionNode)
            ]
            errors = self._errors(node, hide_suggestions=hide_suggestions)
            locate(errors)
        mask_request_errors(errors, code)
        shown = len(text) + sum(len(error.message) for error in errors)
        return Document(
            [dict(error.formatted) for error in errors],
            {operation.name: operation for operation in operations},
            tokens + shown // _TEXT_OF_A_TOKEN,
        )

    def _errors(self, document: DocumentNode, *, hide_suggestions: bool) -> list[GraphQLError]:
        measure = Measure(self._schema, self._introspection, document)
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
