"""Where the errors of a document are, found in one pass over its text.

graphql-core looks for the line of each error from the beginning of the document on, which takes
longer than all the rest where there are many errors after many lines.
"""

from collections.abc import Sequence
from itertools import chain, islice

from graphql import DocumentNode, GraphQLError, Source, parse
from graphql.language.location import get_locations


class _Text(Source):
    """A document's text, of which graphql-core finds no lines once it is parsed."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.whole = Source(text)


def parse_document(text: str, max_tokens: int) -> DocumentNode:
    """A document whose errors `locate` is for. Raises `GraphQLSyntaxError`, which is located."""
    source = _Text(text)
    document = parse(source, max_tokens=max_tokens)
    # Every position is now the column of a first line, and costs nothing.
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
