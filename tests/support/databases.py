"""Databases, opened as the application opens them."""

import contextlib

from graphql_api.mongo.database import MongoDatabase


def database_at(uri: str) -> contextlib.aclosing[MongoDatabase]:
    """The database of a URI, until the `async with` block ends."""
    return contextlib.aclosing(MongoDatabase(uri))
