"""Files that are written can be imported without a difference."""

import io
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphql_api.customers.fields import FIELDS, NewCustomer
from graphql_api.customers.judge import judge
from graphql_api.files.columns import recognised
from graphql_api.files.records import Records
from graphql_api.files.rows import Rows
from graphql_api.files.writing import CsvWriter, JsonWriter

from ..support.mongo_customers import new_customer
from ..support.values import GOOD

# What spreadsheets, delimiters and quotes are about.
_SPECIAL = "=+-@'\"\t\r\n,;|{[ a0"


def _is_valid(name: str, value: str) -> bool:
    return isinstance(judge({"email": "john@example.com", name: value}), NewCustomer)


def _values(name: str) -> st.SearchStrategy[str]:
    stored = st.sampled_from([good.stored for good in GOOD if good.field == name])
    if name in ("email", "send_email_address", "cc_email_address"):
        locals_ = st.text(alphabet="=+-'a", min_size=1, max_size=5)
        return stored | locals_.map(lambda local: f"{local}@example.com")
    texts = st.text(alphabet=_SPECIAL, min_size=5, max_size=12) | st.text(max_size=12)
    return stored | texts.filter(lambda text: _is_valid(name, text))


CUSTOMERS = st.fixed_dictionaries(
    {"email": _values("email")},
    optional={field.name: _values(field.name) for field in FIELDS if not field.required},
)


@pytest.mark.parametrize("writer", [CsvWriter, JsonWriter])
@given(inputs=st.lists(CUSTOMERS, max_size=4))
def test_what_is_written_is_read_without_a_difference(
    writer: type[CsvWriter | JsonWriter], inputs: list[Mapping[str, Any]]
) -> None:
    customers = [judge(values) for values in inputs]
    file = io.StringIO(newline="")

    writing = writer(file)
    for customer in customers:
        assert isinstance(customer, NewCustomer)
        stored = new_customer("a@example.com").customer
        writing.write(replace(stored, **vars(customer)))

    assert read(file.getvalue()) == customers


def read(text: str) -> list[object]:
    """The customers of a file, as an import judges them."""
    if not text:
        return []
    records = Records(io.BufferedReader(io.BytesIO(text.encode())))
    found = list(records)
    headers = records.columns or list({key: None for one in found for key in one.cells})
    rows = Rows(recognised(headers), records.columns)
    return [judge(rows.values(record.cells)) for record in found]
