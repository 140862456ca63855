"""The report of the benchmarks: medians, and ratios to the first server and to Mercurius."""

import json
import sysconfig
from pathlib import Path

import pytest

from benchmarks.loads import Scenario
from benchmarks.report import Report, Round, python_build
from benchmarks.servers import FLOOR, MERCURIUS, OURS

CREATE = Scenario("create", 1)


def test_each_measure_has_its_ratios(tmp_path: Path) -> None:
    report = Report(1)
    costs = {FLOOR: (1.0, 2.0, 3.0), OURS: (2.0, 6.0, 4.0), MERCURIUS: (4.0, 3.0, 8.0)}
    for server, of_server in costs.items():
        for cost in of_server:
            report.add(CREATE, server, Round(1, cost, cost, cost, cost, cost))

    report.write(tmp_path / "results.json", {})

    assert "4 (2.00, 0.50)" in report.table(CREATE).splitlines()[2]
    results = json.loads((tmp_path / "results.json").read_text("utf-8"))
    ratios = results["scenarios"]["create@1"][OURS]["ratios"]
    assert ratios[FLOOR]["cpu_microseconds"] == 2
    assert ratios[MERCURIUS]["cpu_microseconds"] == 0.5
    assert results["machine"]["python"] == python_build()


@pytest.mark.parametrize(
    ("schemes", "arguments", "build"),
    [
        (("deb_system", "posix_prefix"), "'--enable-shared'", "Debian's, which is optimised"),
        (("posix_prefix",), "'--enable-optimizations'", "built with --enable-optimizations"),
        (("posix_prefix",), None, "built without --enable-optimizations"),
    ],
)
def test_the_report_says_which_python_runs(
    schemes: tuple[str, ...], arguments: str | None, build: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sysconfig, "get_scheme_names", lambda: schemes)
    monkeypatch.setattr(sysconfig, "get_config_var", lambda _: arguments)

    assert python_build().endswith(f", {build}")
