"""Formulas are made harmless in a way that is undone when the file is imported."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphql_api.files.cells import escaped, unescaped


@given(st.text(alphabet=st.sampled_from("'=+-@\t\r\nab")) | st.text())
def test_a_text_is_unescaped_to_what_it_was(text: str) -> None:
    assert unescaped(escaped(text)) == text


@given(st.text(alphabet=st.sampled_from("'=+-@\t\r\nab")) | st.text())
def test_no_escaped_text_is_a_formula(text: str) -> None:
    assert not escaped(text).startswith(("=", "+", "-", "@", "\t", "\r"))


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+john@example.com", "'+john@example.com"),
        ("'=1+1", "''=1+1"),
        ("'abc", "'abc"),
        ("a=1", "a=1"),
        ("", ""),
    ],
)
def test_only_what_may_be_a_formula_is_escaped(text: str, cell: str) -> None:
    assert escaped(text) == cell
