"""What the fields of a schema cost, in points."""

from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from graphql import GraphQLSchema, get_named_type, introspection_from_schema, is_object_type
from graphql.type import GraphQLNamedType

from .list_sizes import ListSize

# Reading the whole schema, as tools do, costs about this many points, however large the schema is.
_COST_OF_THE_SCHEMA = 1000.0


class Introspection:
    """The cost of querying the schema itself: a list counts by the average size of such lists."""

    def __init__(self, schema: GraphQLSchema) -> None:
        """Reads the whole schema, which takes too long for a request to wait for it."""
        fields: Counter[str] = Counter()
        objects: Counter[str] = Counter()
        # What a client would read.
        pending: list[dict[str, Any]] = [dict(introspection_from_schema(schema))]
        while pending:
            one = pending.pop()
            fields.update(one.keys())
            for name, value in one.items():
                inner = value if isinstance(value, list) else [value]
                found = [item for item in inner if isinstance(item, dict)]
                objects[name] += len(found)
                pending += found
        # In points.
        self.cost_of_a_field = _COST_OF_THE_SCHEMA / fields.total()
        # Fields without objects are left out: a size of 0 would make their selections cost nothing.
        self._sizes = {name: objects[name] / fields[name] for name in +objects}

    def size(self, field: str) -> float:
        """The average number of objects in a field such as `types` or `ofType`."""
        return self._sizes.get(field, 1.0)


# A process has one schema, and reading it takes 0.1 s.
_introspection = lru_cache(maxsize=1)(Introspection)


class Costs:
    """What the fields of one schema cost."""

    def __init__(self, schema: GraphQLSchema, list_sizes: Mapping[str, ListSize]) -> None:
        """`list_sizes` has the fields that have a `ListSize`, such as `Query.all`.

        Raises `ValueError` if the schema does not have one of the fields or arguments.
        """
        self.schema = schema
        self.introspection = _introspection(schema)
        # By the names of a type and of its field.
        self._list_sizes: dict[tuple[str, str], ListSize] = {}
        # The names of a type and of a list in it.
        self._sized: set[tuple[str, str]] = set()
        for coordinate, list_size in list_sizes.items():
            type_name, _, name = coordinate.partition(".")
            parent = schema.get_type(type_name)
            field = parent.fields.get(name) if is_object_type(parent) else None
            returned = get_named_type(field.type) if field else None
            if (
                field is None
                or not is_object_type(returned)
                or not field.args.keys() >= set(list_size.slicing_arguments)
                or not returned.fields.keys() >= set(list_size.sized_fields)
            ):
                raise ValueError(f"The schema has no {coordinate} with {list_size}.")
            self._list_sizes[type_name, name] = list_size
            self._sized.update((returned.name, list_) for list_ in list_size.sized_fields)

    def list_size(self, parent: GraphQLNamedType | None, name: str) -> ListSize | None:
        """What is known of the items that this field reads or writes."""
        return None if parent is None else self._list_sizes.get((parent.name, name))

    def is_sized(self, parent: GraphQLNamedType | None, name: str) -> bool:
        """Whether the field is a list whose length an argument of the field above it says."""
        return parent is not None and (parent.name, name) in self._sized
