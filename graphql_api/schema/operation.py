"""One operation of a valid document, and how it is executed."""

import contextlib
from typing import Any

from graphql import DocumentNode, ExecutionResult, OperationDefinitionNode, execute
from strawberry.utils.await_maybe import await_maybe

from .covered import NotCovered
from .locations import locate
from .prepared import PreparedOperation, Unfinished
from .schema import Schema


class Operation:
    """Executed by graphql-core the first time, and as a `PreparedOperation` from then on."""

    def __init__(
        self,
        schema: Schema,
        document: DocumentNode,
        node: OperationDefinitionNode,
        *,
        hide_suggestions: bool,
    ) -> None:
        self.name = None if node.name is None else node.name.value
        self.type = node.operation
        self._schema = schema
        self._document = document
        self._node = node
        self._hide_suggestions = hide_suggestions
        self._executions = 0
        self._prepared: PreparedOperation | None = None

    async def execute(self, variables: dict[str, Any] | None, context: object) -> ExecutionResult:
        """What came of it; its errors are ready to be shown."""
        given = None
        if (prepared := self._prepared_next_time()) is not None:
            try:
                return ExecutionResult(await prepared.execute(variables or {}, context))
            except Unfinished as unfinished:
                given = unfinished.given or None
        result = await await_maybe(
            execute(
                self._schema.graphql_schema,
                self._document,
                root_value=given,
                context_value=context,
                variable_values=variables,
                operation_name=self.name,
                hide_suggestions=self._hide_suggestions,
            )
        )
        locate(result.errors or [])
        self._schema.process_errors(result.errors or [])
        return result

    def _prepared_next_time(self) -> PreparedOperation | None:
        """The prepared operation; most documents come once, and are not worth it."""
        if self._executions == 1:
            # Types that hold themselves have no end.
            with contextlib.suppress(NotCovered, RecursionError):
                self._prepared = PreparedOperation(
                    self._schema.graphql_schema, self._document, self._node
                )
        self._executions += 1
        return self._prepared
