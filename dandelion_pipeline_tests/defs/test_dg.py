"""Dagster's command line for projects, `dg`: it finds the definitions by `[tool.dg]`."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_dg_check_defs_passes(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    checked = subprocess.run(
        [Path(sys.executable).parent / "dg", "check", "defs"],
        cwd=ROOT,
        env={**os.environ, "DAGSTER_HOME": str(tmp_path), "DANDELION_HOME": str(tmp_path / "home")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout
    assert "All definitions loaded successfully" in checked.stdout
    assert "suppress this warning" not in checked.stdout
