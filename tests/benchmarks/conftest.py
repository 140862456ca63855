"""The environment of the servers that the tests of the benchmarks start."""

import os

import pytest


@pytest.fixture(autouse=True)
def _unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has coverage not see those servers, because other tests cover all of their lines."""
    for name in [name for name in os.environ if name.startswith("COVERAGE")]:
        monkeypatch.delenv(name)
