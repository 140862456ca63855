"""What the tests of the benchmarks need: wrk, and an environment for the servers."""

import os
import shutil

import pytest

from ..support.node import skipped_without

needs_wrk = skipped_without(shutil.which("wrk"), "wrk")


@pytest.fixture(autouse=True)
def _unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has coverage not see those servers, because other tests cover all of their lines."""
    for name in [name for name in os.environ if name.startswith("COVERAGE")]:
        monkeypatch.delenv(name)
