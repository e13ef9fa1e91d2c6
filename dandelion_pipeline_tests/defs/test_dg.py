"""Dagster's command line for projects, `dg`: it finds the definitions by `[tool.dg]`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def dg(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `dg` in the working copy, with an empty instance."""
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    return subprocess.run(
        [Path(sys.executable).parent / "dg", *arguments],
        cwd=ROOT,
        env={**os.environ, "DAGSTER_HOME": str(home), "DANDELION_HOME": str(home / "home")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_dg_check_defs_passes(tmp_path: Path) -> None:
    checked = dg(tmp_path, "check", "defs")
    said = checked.stdout + checked.stderr
    assert checked.returncode == 0, said
    assert "All definitions loaded successfully" in said
    assert "suppress this warning" not in said


@pytest.mark.stack
def test_dg_lists_all_definitions_as_json(tmp_path: Path) -> None:
    listed = dg(tmp_path, "list", "defs", "--json")
    assert listed.returncode == 0, listed.stderr
    found = json.loads(listed.stdout)
    assert {"assets", "jobs", "schedules", "sensors"} <= set(found)
    names = {asset["asset_key"] for asset in found["assets"]}
    assert {"raw_images", "published_model"} <= names
    assert all(asset["description"] and asset["owners"] for asset in found["assets"])
    assert all(check["description"] for check in found["asset_checks"])
