"""Faults of a database, as options of MongoDB's fail points."""

from typing import Any

import pytest

UNAUTHORIZED = 13

BEFORE_THE_WRITE: dict[str, dict[str, Any]] = {
    "connection closed": {"closeConnection": True},
    "not writable primary": {"errorCode": 10107},
    "primary stepped down": {"errorCode": 189},
    "shutdown in progress": {"errorCode": 91},
    "interrupted at shutdown": {"errorCode": 11600},
    "interrupted by a change of state": {"errorCode": 11602},
    "interrupted": {"errorCode": 11601},
    "host unreachable": {"errorCode": 6},
    "time limit exceeded": {"errorCode": 262},
    "write conflict": {"errorCode": 112},
    "too many requests": {"errorCode": 462},
    "refused by Atlas": {"errorCode": 8000},
    "out of disk space": {"errorCode": 14031},
    "of a code that is not known here": {"errorCode": 999, "errorLabels": ["RetryableError"]},
    # Longer than the first insert may take.
    "blocked": {"blockConnection": True, "blockTimeMS": 3300},
}
AFTER_THE_WRITE: dict[str, dict[str, Any]] = {
    "shutdown in progress": {"code": 91},
    "write concern failed": {"code": 64},
    "write concern timed out": {"code": 64, "errInfo": {"wtimeout": True}},
    "write concern not satisfiable": {"code": 100},
    "time limit exceeded": {"code": 50},
}


def faults(table: dict[str, dict[str, Any]], *names: str) -> pytest.MarkDecorator:
    chosen = names or tuple(table)
    return pytest.mark.parametrize("fault", [table[name] for name in chosen], ids=chosen)
