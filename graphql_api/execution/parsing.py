"""Parses documents, and finds the lines and columns of all errors in one pass over the text.

graphql-core counts the lines anew for each error, from the start of the document. For many errors
after many lines, that takes longer than everything else.
"""

from collections.abc import Sequence
from itertools import chain, islice

from graphql import DocumentNode, GraphQLError, Source, parse
from graphql.language.location import get_locations


class _Text(Source):
    """A document's text. Once it is parsed, graphql-core finds no lines in it: `body` is empty."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.whole = Source(text)


def parse_document(text: str, max_tokens: int) -> DocumentNode:
    """Parses a document, for whose errors `locate` is needed.

    Raises `GraphQLSyntaxError`, which has its location already.
    """
    source = _Text(text)
    document = parse(source, max_tokens=max_tokens)
    # Every position is now a column of the first line, which takes no time to find.
    source.body = ""
    return document


def locate(errors: Sequence[GraphQLError]) -> None:
    """Gives the errors of one document their lines and columns."""
    positions = [
        [(error.source.whole, position) for position in error.positions or ()]
        if isinstance(error.source, _Text)
        else []
        for error in errors
    ]
    locations = iter(get_locations(list(chain.from_iterable(positions))))
    for error, own in zip(errors, positions, strict=True):
        if own:
            error.locations = list(islice(locations, len(own)))
