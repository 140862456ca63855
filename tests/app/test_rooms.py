"""Each room of the package imports only some others, so that dependencies point one way."""

import ast
import sys
from pathlib import Path

import pytest

import graphql_api

PACKAGE = Path(graphql_api.__file__).parent

# The rooms, modules and packages that the modules of each room may import.
MAY_IMPORT = {
    "faults": set[str](),
    "customers": {"faults", "email_validator"},
    "access": {"deadline", "faults", "jwt"},
    "execution": {"faults", "logs", "strawberry", "graphql", "orjson", "structlog"},
    "schema": {"access", "customers", "execution", "strawberry", "graphql", "orjson"},
    "metrics": {"logs", "orjson", "prometheus_client", "starlette", "structlog", "uvicorn"},
    "mongo": {
        *("access", "customers", "deadline", "faults", "logs", "metrics", "webhooks"),
        *("motor", "pymongo", "bson", "dns", "structlog"),
        *("tracing", "opentelemetry"),  # their types
    },
    "files": {"customers"},
    "webhooks": {"customers", "faults", "logs", "httpx", "structlog"},
    "http": {
        *("access", "customers", "deadline", "execution", "faults", "files", "logs", "metrics"),
        *("schema", "settings", "starlette", "strawberry", "graphql", "orjson", "limits"),
        *("structlog", "httptools", "uvicorn", "websockets"),
        "tracing",  # its types
    },
    "tracing": {"opentelemetry", "pymongo", "structlog"},
    "deadline": set[str](),
    "logs": {"orjson", "output", "structlog"},
    "output": set[str](),
    "settings": set[str](),
    "app": {
        *("access", "customers", "faults", "http", "logs", "metrics", "mongo", "settings"),
        *("webhooks",),
        *("starlette", "pymongo", "limits", "structlog"),
        "tracing",  # only if it is turned on
    },
    "commands": {
        *("access", "app", "customers", "faults", "files", "http", "logs", "metrics", "mongo"),
        *("output", "schema", "settings", "webhooks"),
        *("rich", "starlette", "uvicorn"),
    },
    "__main__": {"command_line"},
    "command_line": {"commands", "faults", "logs", "mongo", "settings"},
    "__init__": set[str](),
}


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_its_listed_rooms_and_packages(room: str) -> None:
    folder = PACKAGE / room
    files = list(folder.glob("*.py")) if folder.is_dir() else [PACKAGE / f"{room}.py"]

    imported = {name for file in files for name in _imports(file)} - {room}

    assert imported - sys.stdlib_module_names <= MAY_IMPORT[room]


def test_every_module_is_in_a_listed_room() -> None:
    rooms = {file.relative_to(PACKAGE).parts[0] for file in PACKAGE.rglob("*.py")}

    assert {room.removesuffix(".py") for room in rooms} == set(MAY_IMPORT)


def test_no_test_module_imports_another_one() -> None:
    folder = Path(__file__).parents[1]
    # Not `rglob`, which would read the packages of the clients' programs.
    files = [*folder.glob("*.py"), *folder.glob("*/*.py")]

    importing = {
        file.relative_to(folder)
        for file in files
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
        for part in [*(node.module or "").split("."), *(alias.name for alias in node.names)]
        if part.startswith("test_")
    }

    assert importing == set()


def _imports(file: Path) -> set[str]:
    """The rooms, modules and packages that a file imports, each by its first name."""
    inside = file.parent != PACKAGE
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = (node.module or "").split(".")[0]
            names |= {file.parent.name} if node.level == 1 and inside else {module}
    return names
