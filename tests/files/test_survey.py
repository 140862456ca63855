"""A survey of a file has its headers and the number of its records."""

import io

import pytest

from graphql_api.files.records import Records
from graphql_api.files.survey import Survey
from graphql_api.files.text import InvalidFile


def survey(content: bytes) -> Survey:
    table = Records(io.BufferedReader(io.BytesIO(content)))
    found = Survey(table)
    for record in table:
        found.add(record)
    return found


def test_a_table_has_its_columns_and_objects_have_their_keys() -> None:
    table, objects = survey(b"a,b,a\n1,2,3\n"), survey(b'{"b": 1}\n\n{"a": 1, "b": 2}\n')

    assert (table.headers, table.rows) == (["a", "b", "a"], 1)
    assert (objects.headers, objects.rows) == (["b", "a"], 2)


@pytest.mark.parametrize(("keys", "characters"), [(1001, 1), (12, 90_000)])
def test_objects_with_too_many_keys_are_refused(keys: int, characters: int) -> None:
    lines = (b'{"%d%s": 1}' % (key, b"x" * characters) for key in range(keys))

    with pytest.raises(InvalidFile, match="keys"):
        survey(b"\n".join(lines))
