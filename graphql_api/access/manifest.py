"""Manifests of trusted documents, in the forms that code generators write."""

import json

_APOLLO = "apollo-persisted-query-manifest"


class ManifestError(Exception):
    """The text is not a manifest. The message says what a manifest is."""


def read_manifest(content: bytes) -> list[tuple[str, str]]:
    """The ids and texts of a manifest, in its order. Raises `ManifestError`.

    GraphQL Code Generator and Relay write an object that maps ids to texts. Apollo's tools write
    an object with a list of operations.
    """
    try:
        manifest = json.loads(content)
    except (ValueError, RecursionError):
        raise ManifestError("The manifest must be JSON.") from None
    if not isinstance(manifest, dict):
        raise _no_manifest()
    if manifest.get("format") == _APOLLO:
        return _apollo(manifest)
    if not all(isinstance(text, str) for text in manifest.values()):
        raise _no_manifest()
    return list(manifest.items())


def _apollo(manifest: dict[str, object]) -> list[tuple[str, str]]:
    match manifest:
        case {"version": 1, "operations": list(operations)}:
            return [_operation(operation) for operation in operations]
    raise _no_manifest()


def _operation(operation: object) -> tuple[str, str]:
    match operation:
        case {"id": str(id_), "body": str(body)}:
            return id_, body
    raise _no_manifest()


def _no_manifest() -> ManifestError:
    return ManifestError(
        "The manifest must be a JSON object that maps ids to documents, as GraphQL Code Generator "
        f"and Relay write it, or have the format {_APOLLO}, version 1, as Apollo's tools write it."
    )
