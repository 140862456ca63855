"""The wheel has the package, the pages that Vite built, the command, and nothing else."""

import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

from graphql_api.http import dashboard, graphiql

from ..support.builds import write_build, write_dashboard
from ..support.paths import ROOT

BUILDS = [graphiql.BUILD, dashboard.BUILD]


def test_the_wheel_has_the_package_and_the_builds_although_git_ignores_them(tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(
        ROOT / "graphql_api",
        project / "graphql_api",
        ignore=shutil.ignore_patterns(*(build.name for build in BUILDS), "__pycache__"),
    )
    builds = [project / build.relative_to(ROOT) for build in BUILDS]
    write_build(builds[0], "graphiql")
    write_dashboard(builds[1], "{ __typename }")
    for name in (".gitignore", "README.md", "pyproject.toml"):
        shutil.copy(ROOT / name, project)

    subprocess.run(  # the build of our own project
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel"],
        cwd=project,
        check=True,
        capture_output=True,
    )

    [wheel] = project.glob("dist/*.whl")
    written = {str(file.relative_to(project)) for build in builds for file in build.rglob("*.*")}
    assert {f"{build.name}/" for build in builds} <= set((ROOT / ".gitignore").read_text().split())
    assert len(written) == 11
    names = ZipFile(wheel).namelist()
    assert written <= set(names)
    [metadata] = {name.partition("/")[0] for name in names} - {"graphql_api"}
    assert metadata.endswith(".dist-info")
    assert ZipFile(wheel).read(f"{metadata}/entry_points.txt").decode().split() == [
        *("[console_scripts]", "graphql-api", "=", "graphql_api.__main__:main")
    ]
