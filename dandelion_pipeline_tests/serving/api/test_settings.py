import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from dandelion_pipeline.errors import SettingsError
from dandelion_pipeline_tests.servers.processes import free_port
from serving.settings import Settings, load_settings

EVERYWHERE = "0.0.0.0"  # noqa: S104 - the tests prove that it is refused


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"DANDELION_{name.upper()}", raising=False)


def test_without_settings_the_api_serves_a_local_folder_to_this_machine() -> None:
    settings = load_settings()
    assert settings.store == (Path.cwd() / ".dandelion" / "store").as_uri()
    assert (settings.api_host, settings.api_port, settings.api_keys) == ("127.0.0.1", 8000, ())


def test_keys_are_separated_by_commas_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DANDELION_API_KEYS", " one, two,,")
    settings = load_settings()
    assert [key.get_secret_value() for key in settings.api_keys] == ["one", "two"]
    assert "two" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [("API_PORT", "http"), ("API_PORT", "0"), ("POLL_SECONDS", "-1"), ("POLL_SECONDS", "nan")],
)
def test_a_senseless_value_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"DANDELION_{name}", value)
    with pytest.raises(SettingsError, match=f"DANDELION_{name}.*{value}"):
        load_settings()


def test_a_senseless_key_is_not_shown_in_the_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DANDELION_API_KEYS", "good,sécret")
    with pytest.raises(SettingsError, match="DANDELION_API_KEYS") as refused:
        load_settings()
    assert "sécret" not in str(refused.value)


@pytest.mark.parametrize("host", [EVERYWHERE, "::", "", "192.168.1.5", "api.example.com"])
def test_other_machines_are_answered_only_with_keys(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("DANDELION_API_HOST", host)
    with pytest.raises(SettingsError, match="DANDELION_API_KEYS"):
        load_settings()
    monkeypatch.setenv("DANDELION_API_KEYS", "a-key")
    assert load_settings().api_keys == (SecretStr("a-key"),)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_this_machine_needs_no_key(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("DANDELION_API_HOST", host)
    assert load_settings().api_host == host


def test_the_program_ends_with_one_line_that_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DANDELION_HOME", str(tmp_path))
    monkeypatch.setenv("DANDELION_API_HOST", EVERYWHERE)
    monkeypatch.setenv("DANDELION_API_PORT", str(free_port()))
    ended = subprocess.run(
        [sys.executable, "-m", "serving"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert "Set DANDELION_API_KEYS" in ended.stderr


def test_importing_the_api_reads_no_settings_and_loads_nothing_of_the_pipeline(
    tmp_path: Path,
) -> None:
    heavy = "('torch', 'dagster', 'mlflow', 'pandas', 'matplotlib', 'pyarrow', 'streamlit')"
    code = f"import sys, serving.app; print([m for m in {heavy} if m in sys.modules])"
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"DANDELION_API_PORT": "nonsense"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout.strip(), ended.stderr) == (0, "[]", "")
    assert list(tmp_path.iterdir()) == []


def test_importing_the_api_starts_no_thread_and_leaves_nothing_in_the_home(tmp_path: Path) -> None:
    code = "import threading, serving.app; print([t.name for t in threading.enumerate()])"
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env={"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.stdout.strip(), ended.stderr) == ("['MainThread']", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({}, "auto"),
        ({"int8": True}, "auto"),
        ({"int8": False}, "fp32"),
        ({"precision": "int8", "int8": False}, "int8"),
        ({"precision": "fp32"}, "fp32"),
    ],
)
def test_the_older_setting_of_the_precision_keeps_its_meaning(
    given: dict[str, object], wanted: str
) -> None:
    assert Settings.model_validate(given).precision_wanted == wanted
