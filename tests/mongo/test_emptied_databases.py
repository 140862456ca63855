"""The databases that tests use one after another."""

from typing import Any

import pytest
from pymongo.collection import Collection

from ..support.emptied_databases import EmptiedDatabases


@pytest.mark.usefixtures("database")
def test_a_database_is_used_again_without_documents_unless_its_customers_are_set_up_otherwise(
    documents: Collection[dict[str, Any]],
) -> None:
    example = documents.database
    emptied = EmptiedDatabases(example)

    with emptied.one() as first:
        documents.insert_one({}, bypass_document_validation=True)
        example["others"].insert_one({})
    with emptied.one() as second:
        left = example.list_collection_names(), documents.count_documents({})
        with emptied.one() as beside:
            pass
        documents.drop_indexes()
    with emptied.one() as third:
        pass

    assert first == second == example.name
    assert left == (["customers"], 0)
    assert len({example.name, beside, third}) == 3
    assert example.name not in example.client.list_database_names()
