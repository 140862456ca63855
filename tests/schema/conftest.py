"""The database of a test of the schema."""

import pytest


@pytest.fixture
def database_uri(emptied_database_uri: str) -> str:
    """The URI of a database without documents, which its application would set up in any case."""
    return emptied_database_uri
