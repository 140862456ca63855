"""The tables on these pages that `make schema` writes, each from the declaration that it describes.

A page calls one of these functions in a comment, which Cog runs; `make check` compares the result.
"""

import dataclasses
from collections.abc import Iterable

from graphql import GraphQLInterfaceType, GraphQLObjectType, GraphQLUnionType, build_schema

from graphql_api.customers.fields import FIELDS
from graphql_api.metrics.declared import METRICS
from graphql_api.schema.schema import sdl
from graphql_api.settings import (
    Settings,
    file_variable,
    setting_default,
    setting_description,
    variable,
)

_SCHEMA = build_schema(sdl())


def fields() -> str:
    """The fields of a customer, with their rules."""
    rows = (
        (
            f"`{field.public_name}`",
            "yes" if field.required else "no",
            field.rule_in_words,
            f"`{field.rule.example}`",
        )
        for field in FIELDS
    )
    return _table(("Field", "Required", "Allowed values", "Example"), rows)


def settings() -> str:
    """The settings, with their defaults."""
    rows = (
        (
            _names(filter(None, (variable(field.name), file_variable(field.name)))),
            setting_default(field.name),
            setting_description(field.name),
        )
        for field in dataclasses.fields(Settings)
    )
    return _table(("Variable", "Default", "What it sets"), rows)


def metrics() -> str:
    """The metrics, with their kinds and labels."""
    rows = (
        (f"`{metric.name}`", metric.kind, _names(metric.labels), metric.description)
        for metric in METRICS
    )
    return _table(("Metric", "Kind", "Labels", "What it counts"), rows)


def outcomes(union: str) -> str:
    """The types of the result of a mutation, with their fields."""
    rows = (
        (f"`{outcome.name}`", outcome.description or "", _names(outcome.fields))
        for outcome in _members(union)
    )
    return _table(("`__typename`", "What it means", "Fields"), rows)


def field_errors() -> str:
    """The kinds of `FieldError`, with the fields that each has in addition to the interface's."""
    interface = _SCHEMA.type_map["FieldError"]
    assert isinstance(interface, GraphQLInterfaceType)  # noqa: S101  # for mypy
    rows = (
        (
            f"`{error.name}`",
            error.description or "",
            _names(name for name in error.fields if name not in interface.fields),
        )
        for error in _members("CustomerFieldError")
    )
    return _table(("`__typename`", "What it means", "Additional fields"), rows)


def _members(union: str) -> list[GraphQLObjectType]:
    union_type = _SCHEMA.type_map[union]
    assert isinstance(union_type, GraphQLUnionType)  # noqa: S101  # for mypy
    return list(union_type.types)


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    head, *body = (f"| {' | '.join(cells)} |\n" for cells in (header, *rows))
    return "".join((head, "|" + "---|" * len(header) + "\n", *body))
