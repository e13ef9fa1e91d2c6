"""Whatever interrupts docker/backup.sh, the stack runs afterwards as it did before.

Docker is a program of a few lines here, which knows which services run.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

DOCKER = Path(__file__).parents[2] / "docker"
RUNNING = {"api", "webapp", "edge", "minio", "postgres", "dagster-code"}
ANSWERING = {"api", "webapp", "edge"}

# `slow` names the command that goes on until it is killed; the next one of that name does not.
# `failing` names those that fail.
FAKE_DOCKER = r"""#!/bin/sh
cd "$STATE"
printf '%s\n' "$*" >>log
[ "$*" != "compose version" ] || exit 0
for word in $*; do
    case $word in stop | start | run | rm) verb=$word && break ;; ps) verb=ps ;; esac
done
if grep -qx "$verb" failing; then exit 1; fi
if grep -qx "$verb" slow; then
    : >slow
    touch "at-$verb"
    exec sleep 60
fi
services=${*##* $verb }
case $verb in
stop) for one in $services; do rm -f "running/$one"; done ;;
start) for one in $services; do touch "running/$one"; done ;;
ps) case $* in
    *=running) ls running ;;
    *=restarting) ls restarting ;;
    esac ;;
run) cp running/* seen 2>/dev/null || true; touch "$FOLDER/SHA256SUMS" ;;
esac
"""


class Stack:
    """A working copy with services that run, and a folder for a backup."""

    def __init__(self, place: Path) -> None:
        self.state = place / "state"
        self.folder = place / "backup"
        for name in ("running", "restarting", "seen"):
            (self.state / name).mkdir(parents=True)
        for name in RUNNING:
            (self.state / "running" / name).touch()
        for name in ("slow", "failing", "log"):
            (self.state / name).touch()
        (place / "bin").mkdir()
        docker = place / "bin" / "docker"
        docker.write_text(FAKE_DOCKER)
        docker.chmod(0o755)
        self.checkout = place / "a checkout"
        (self.checkout / "docker").mkdir(parents=True)
        shutil.copy(DOCKER / "backup.sh", self.checkout / "docker")
        (self.checkout / ".env").write_text("A=1\n")
        self._environment = {
            **os.environ,
            "PATH": f"{place / 'bin'}:{os.environ['PATH']}",
            "STATE": str(self.state),
            "FOLDER": str(self.folder),
        }

    def begin(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["sh", str(self.checkout / "docker" / "backup.sh"), "save", str(self.folder)],
            env=self._environment,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def running(self) -> set[str]:
        return {path.name for path in (self.state / "running").iterdir()}

    def log(self) -> str:
        return (self.state / "log").read_text()


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    return Stack(tmp_path)


def to_the_group(process: subprocess.Popen[str], number: int) -> None:
    """As a terminal does at Ctrl-C, and when it is closed."""
    os.killpg(process.pid, number)


def to_the_script(process: subprocess.Popen[str], number: int) -> None:
    process.send_signal(number)


@pytest.mark.parametrize("send", [to_the_group, to_the_script])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("at", ["stop", "run"])
def test_a_backup_that_is_interrupted_leaves_the_stack_running(
    stack: Stack, at: str, number: int, send: Callable[[subprocess.Popen[str], int], None]
) -> None:
    (stack.state / "slow").write_text(f"{at}\n")
    process = stack.begin()
    while not (stack.state / f"at-{at}").exists():
        assert process.poll() is None
        time.sleep(0.01)
    send(process, number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert "save was interrupted" in said
    assert f"delete {stack.folder}" in said
    assert stack.running() == RUNNING
    assert not (stack.folder / "SHA256SUMS").exists()
    assert "rm --force dandelion-archive-" in stack.log(), "it would finish the backup"


@pytest.mark.parametrize("failing", ["stop", "run"])
def test_a_backup_that_fails_leaves_the_stack_running(stack: Stack, failing: str) -> None:
    (stack.state / "failing").write_text(f"{failing}\n")
    process = stack.begin()
    process.communicate(timeout=60)
    assert process.returncode == 1
    assert stack.running() == RUNNING


def test_a_stack_that_does_not_start_again_is_said_to_be_down(stack: Stack) -> None:
    (stack.state / "failing").write_text("start\n")
    process = stack.begin()
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "did not start again" in said
    assert "make compose-up" in said


def test_nothing_is_stopped_while_docker_does_not_answer(stack: Stack) -> None:
    (stack.state / "failing").write_text("ps\n")
    process = stack.begin()
    process.communicate(timeout=60)
    assert process.returncode != 0
    assert stack.running() == RUNNING
    assert not (stack.folder / "SHA256SUMS").exists()


def test_only_what_answers_runs_while_a_backup_is_made(stack: Stack) -> None:
    (stack.state / "running" / "minio").rename(stack.state / "restarting" / "minio")
    process = stack.begin()
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert {path.name for path in (stack.state / "seen").iterdir()} == ANSWERING
    assert stack.running() == RUNNING, "also what Docker was about to start again"
    assert (stack.folder / "env").read_text() == "A=1\n"
