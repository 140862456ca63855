"""Databases that several tests use, one after another."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pymongo.database import Database

from graphql_api.mongo.customers_collection import NAME


class EmptiedDatabases:
    """Databases that the application has set up, and that have no documents."""

    def __init__(self, example: Database[dict[str, Any]]) -> None:
        """`example` is a database that the application has set up, and nothing else has changed."""
        self._mongo = example.client
        self._set_up = _catalog(example)
        self._name = example.name
        self._free = [self._name]
        self._number = 0

    @contextmanager
    def one(self) -> Iterator[str]:
        """The name of a free database, or of a new one."""
        if self._free:
            name = self._free.pop()
        else:
            self._number += 1
            name = f"{self._name}-{self._number}"
        yield name
        database = self._mongo[name]
        for collection in database.list_collection_names():
            if collection != NAME:
                database.drop_collection(collection)
        if _catalog(database) == self._set_up:
            database[NAME].delete_many({})
            self._free.append(name)
        else:
            self._mongo.drop_database(name)


def _catalog(database: Database[dict[str, Any]]) -> Any:
    """The collection of the customers, with its options and indexes, without its UUID."""
    found = database.list_collections(filter={"name": NAME})
    return [(collection["options"], list(database[NAME].list_indexes())) for collection in found]
