"""One operation of a valid document: executed by graphql-core, or as a prepared operation."""

import contextlib
from collections.abc import AsyncIterable, Callable, Container, Mapping
from typing import Any, cast

from graphql import (
    SKIP,
    DocumentNode,
    ExecutionResult,
    Executor,
    FieldNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    Node,
    OperationDefinitionNode,
    OperationType,
    VariableNode,
    Visitor,
    VisitorAction,
    create_source_event_stream,
    execute,
    execute_sync,
    get_variable_values,
    visit,
)
from graphql.execution.collect_fields import collect_fields
from strawberry.utils.await_maybe import await_maybe

from .completion import fragments_of
from .covered import NotCovered
from .errors import mask_errors
from .limits import CostLimit
from .parsing import locate
from .prepared import FallBack, PreparedOperation

# The label of all operations without a name of their own.
_OTHER = "other"


class _ReuseResolved:
    """Middleware of graphql-core: a field that is resolved already is not resolved again.

    graphql-core raises a result that is an exception.
    """

    def __init__(self, fall_back: FallBack) -> None:
        self._resolved = fall_back.resolved
        # They hold the objects, so no other object gets the `id` of one.
        self._below = {(id(one.source), id(one.field.node)): one for one in fall_back.below}

    def resolve(
        self,
        next_: Callable[..., Any],
        source: object,
        info: GraphQLResolveInfo[Any],
        **arguments: Any,  # noqa: ANN401  # of any field
    ) -> Any:  # noqa: ANN401  # as above
        if info.path.prev is None:
            if info.path.key in self._resolved:
                return self._resolved[str(info.path.key)]
        elif (one := self._below.get((id(source), id(info.field_nodes[0])))) is not None:
            return one.result
        return next_(source, info, **arguments)


class _SelectingVariables(Visitor):
    """Finds the variables in a document, except in definitions and in arguments of root fields."""

    def __init__(self, root_fields: Container[str]) -> None:
        super().__init__()
        self.names: set[str] = set()
        self._root_fields = root_fields

    def enter_variable_definition(self, *_: object) -> VisitorAction:
        return SKIP

    def enter_argument(
        self, _node: Node, _key: object, _parent: object, _path: object, ancestors: list[Any]
    ) -> VisitorAction:
        field = ancestors[-1]
        is_of_root = isinstance(field, FieldNode) and field.name.value in self._root_fields
        return SKIP if is_of_root else None

    def enter_variable(self, node: VariableNode, *_: object) -> None:
        self.names.add(node.name.value)


class Operation:
    """Executed by graphql-core the first time, and then as a `PreparedOperation`."""

    def __init__(  # noqa: PLR0913  # what Documents knows of an operation
        self,
        schema: GraphQLSchema,
        document: DocumentNode,
        node: OperationDefinitionNode,
        *,
        hide_suggestions: bool,
        immutable: tuple[type, ...] = (),
        cost_limit: CostLimit | None = None,
        label: str | None = None,
    ) -> None:
        """`cost_limit` is for an operation whose variables decide how much it costs.

        `label` names the operation in metrics. Without it, the name is that of the only root field,
        or `other`: clients can make up any number of names for operations.
        """
        self.name = None if node.name is None else node.name.value
        self.type = node.operation
        # `query`, `mutation` or `subscription`. Looking up the value of an enum takes longer.
        self.type_name: str = node.operation.value
        self._schema = schema
        self._document = document
        self._node = node
        self._hide_suggestions = hide_suggestions
        self._immutable = immutable
        self._cost_limit = cost_limit
        self.label = label or self._known_root_field() or _OTHER
        self._executions = 0
        self._prepared: PreparedOperation | None = None
        # The names of the variables that `selecting` returns; None until they are needed.
        self._selecting: set[str] | None = None

    @property
    def only_root_field(self) -> str | None:
        """The name of the root field, if the operation selects one, and without a fragment."""
        match self._node.selection_set.selections:
            case (FieldNode() as field,):
                return field.name.value
            case _:
                return None

    def _known_root_field(self) -> str | None:
        """The only root field, unless it queries the schema."""
        root = self._schema.get_root_type(self.type)
        name = self.only_root_field
        return name if root is not None and name in root.fields else None

    def executes_several(self, argument: str, variables: dict[str, Any] | None) -> bool:
        """Whether these variables execute several root fields that take this argument."""
        if self.only_root_field is not None:
            return False
        definitions = self._node.variable_definitions or ()
        values = get_variable_values(self._schema, definitions, variables or {})
        if isinstance(values, list):
            # The variables are invalid, so nothing is executed.
            return False
        root = cast("GraphQLObjectType", self._schema.get_root_type(self.type))
        fragments = fragments_of(self._document.definitions)
        try:
            fields = collect_fields(
                self._schema, fragments, values, root, self._node
            ).grouped_field_set
        except GraphQLError:
            # As above: the value of a directive is invalid.
            return False
        names = [nodes[0].node.name.value for nodes in fields.values()]
        return sum(name in root.fields and argument in root.fields[name].args for name in names) > 1

    async def execute(self, variables: dict[str, Any] | None, context: object) -> ExecutionResult:
        """Executes the operation. The errors of the result are masked and located."""
        if self._cost_limit is not None and self._cost_limit.is_exceeded(variables or {}):
            return ExecutionResult(None, [_too_large(self._cost_limit.max_cost)])
        middleware = None
        if (prepared := self._prepared or self._prepared_next_time()) is not None:
            try:
                return ExecutionResult(await prepared.execute(variables or {}, context))
            except FallBack as fall_back:
                if fall_back.resolved:
                    middleware = [_ReuseResolved(fall_back)]
        result = await await_maybe(
            execute(
                self._schema,
                self._document,
                context_value=context,
                variable_values=variables,
                operation_name=self.name,
                middleware=middleware,
                hide_suggestions=self._hide_suggestions,
            )
        )
        locate(result.errors or [])
        mask_errors(result.errors or [], is_mutation=self.type is OperationType.MUTATION)
        return result

    async def subscribe(
        self, variables: dict[str, Any] | None, context: object
    ) -> ExecutionResult | AsyncIterable[Any]:
        """The stream of events that a subscription's resolver returns, or the errors.

        The errors of the result are masked and located.
        """
        executor = Executor.build(
            self._schema,
            self._document,
            context_value=context,
            raw_variable_values=variables,
            operation_name=self.name,
            hide_suggestions=self._hide_suggestions,
        )
        source: ExecutionResult | AsyncIterable[Any] = (
            ExecutionResult(None, executor)
            if isinstance(executor, list)
            else await await_maybe(create_source_event_stream(executor))
        )
        if isinstance(source, ExecutionResult):
            locate(source.errors or [])
            mask_errors(source.errors or [])
        return source

    def answer(
        self, event: object, variables: dict[str, Any] | None, context: object
    ) -> ExecutionResult:
        """What a subscription answers to one event. The errors are masked and located.

        Nothing that can be selected from an event has an asynchronous resolver.
        """
        result = execute_sync(
            self._schema,
            self._document,
            root_value=event,
            context_value=context,
            variable_values=variables,
            operation_name=self.name,
            hide_suggestions=self._hide_suggestions,
        )
        locate(result.errors or [])
        mask_errors(result.errors or [])
        return result

    def selecting(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        """Those of a subscription's variables that decide its answer to an event.

        Arguments of the root field decide which events there are, and nothing more. The other
        operations of the document may use more variables than this one.
        """
        if self._selecting is None:
            root = cast("GraphQLObjectType", self._schema.get_root_type(self.type))
            found = _SelectingVariables(root.fields)
            visit(self._document, found)
            self._selecting = found.names
        return {name: variables[name] for name in self._selecting if name in variables}

    def _prepared_next_time(self) -> PreparedOperation | None:
        """Counts an execution, and prepares the operation for the second and all later ones.

        Most documents are sent once, and preparing takes longer than an execution.
        """
        if self._executions == 1:
            # An input type that contains itself cannot be prepared.
            with contextlib.suppress(NotCovered, RecursionError):
                self._prepared = PreparedOperation(
                    self._schema, self._document, self._node, self._immutable
                )
        self._executions += 1
        return self._prepared


def _too_large(max_cost: int) -> GraphQLError:
    return GraphQLError(
        f"The operation has more than {max_cost:,} points of cost with these variables. Ask for or "
        "send fewer objects.",
        extensions={"code": "TOO_LARGE"},
    )
