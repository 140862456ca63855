"""The manual: the pages for people, with their examples and tables."""

import re

from graphql import GraphQLObjectType, GraphQLUnionType, build_schema

from graphql_api.settings import Settings

from .paths import ROOT

PAGES = sorted((ROOT / "docs").glob("*.md"))
# The programs of the libraries have a test of their own.
MANUAL = "\n".join(
    page.read_text("utf-8")
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *PAGES)
    if page.name != "client-libraries.md"
)
SCHEMA = build_schema((ROOT / "schema.graphql").read_text("utf-8"))

# Where the manual's server listens.
SERVER_URL = f"http://{Settings().host}:{Settings().port}"


def blocks(language: str) -> list[str]:
    """The manual's code in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", MANUAL, re.MULTILINE | re.DOTALL)


def rows(header: str) -> list[str]:
    """The rows of each of the manual's tables with this header."""
    tables = re.findall(rf"^{re.escape(header)}\n\|[-|]+\n((?:\|.*\n)+)", MANUAL, re.MULTILINE)
    return "".join(tables).splitlines()


def members(union: str) -> list[GraphQLObjectType]:
    """The types of a union of the schema, in its order."""
    union_type = SCHEMA.type_map[union]
    assert isinstance(union_type, GraphQLUnionType)
    return list(union_type.types)
