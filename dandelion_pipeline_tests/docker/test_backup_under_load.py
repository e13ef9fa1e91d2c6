"""Volumes of services that go on writing are packed all the same, and nothing else is."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

DOCKER = Path(__file__).parents[2] / "docker"
ROUNDS = int(os.environ.get("DANDELION_TEST_BACKUP_ROUNDS", "2"))
"""Backups under load; `docs/operations.md` tells of 100."""

# The API's journal, photos and copy of a model, and whatever else goes by while tar reads. A line
# for each row that is on disk.
WRITER = """\
import sys, time
from pathlib import Path
from dandelion_pipeline.storage.objects.location import open_store
from serving.records.log.journal import Segment
home = Path(sys.argv[1], "serving")
copy = open_store((home / "model").as_uri())
photos = home / "predictions" / "photos"
photos.mkdir(parents=True)
number, segments = 0, []
copy.put("models/a/model.onnx", bytes(2_000_000))
while True:
    segments.append(Segment.new(home / "predictions"))
    for _ in range(2000):
        segments[-1].append({"number": number, "text": "x" * 100})
        time.sleep(0.0002)
        print(number, flush=True)
        number += 1
    part = photos / f"{number}.part"
    part.write_bytes(bytes(200_000))
    part.rename(photos / str(number))
    (photos / str(number)).unlink()
    copy.put("models/a/model.onnx", bytes([number % 256]) * 2_000_000)
    segments[-1].close()
"""


class Load:
    """A process that writes into api-home as fast as it can."""

    def __init__(self, home: Path) -> None:
        command = [sys.executable, "-W", "ignore", "-c", WRITER, str(home)]
        self._told = home.parent.parent / "told"
        with self._told.open("wb") as told:
            self._process = subprocess.Popen(command, stdout=told)
        while self.rows() == 0:
            assert self._process.poll() is None

    def rows(self) -> int:
        """So many rows are on disk by now, and perhaps more."""
        return self._told.read_bytes().count(b"\n")

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture
def volumes(tmp_path: Path) -> Path:
    for name in ("api-home", "minio-data"):
        (tmp_path / "volumes" / name).mkdir(parents=True)
    (tmp_path / "volumes" / "minio-data" / "photo#1.part").write_bytes(b"\xff\xd8")
    return tmp_path / "volumes"


@pytest.fixture
def load(volumes: Path) -> Iterator[Load]:
    writer = Load(volumes / "api-home")
    yield writer
    writer.stop()


def archive(
    volumes: Path, command: str, backup: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    backup.mkdir(exist_ok=True)
    owner = f"{os.getuid()}:{os.getgid()}"
    return subprocess.run(
        ["sh", str(DOCKER / "archive.sh"), command, owner, str(volumes), str(backup)],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )


def restored(volumes: Path, backup: Path, place: Path) -> Path:
    for volume in volumes.iterdir():
        (place / volume.name).mkdir(parents=True)
    done = archive(place, "restore", backup)
    assert done.returncode == 0, done.stderr
    return place


def rows_of(home: Path) -> list[int]:
    from serving.records.log.journal import abandoned  # noqa: PLC0415

    numbers: list[int] = []
    for segment in abandoned(home / "serving" / "predictions"):
        numbers += [row["number"] for row in segment.rows()]
        segment.close()
    return numbers


def test_a_backup_under_load_has_every_answer_that_came_before_it(
    volumes: Path, load: Load, tmp_path: Path
) -> None:
    for turn in range(ROUNDS):
        before = load.rows()
        backup = tmp_path / f"backup-{turn}"
        done = archive(volumes, "save", backup)
        assert done.returncode == 0, f"{turn}: {done.stderr}"
        home = restored(volumes, backup, tmp_path / f"restored-{turn}")
        numbers = rows_of(home / "api-home")
        assert numbers[:before] == list(range(before))
        assert numbers == sorted(set(numbers))
        (model,) = (home / "api-home" / "serving" / "model").rglob("*.onnx")
        assert len(set(model.read_bytes())) == 1, "half of one model and half of another"
        assert (home / "minio-data" / "photo#1.part").read_bytes() == b"\xff\xd8"
        shutil.rmtree(backup)
        shutil.rmtree(home)


# A tar that says of its first so many archives what the real one says of a file that changes.
UNEASY_TAR = r"""#!/bin/sh
tries=$(wc -l <"$STATE/tries")
echo once more >>"$STATE/tries"
/bin/tar "$@" || exit 2
[ "$tries" -lt "$UNEASY" ] || exit 0
echo "tar: ./serving/model/model.onnx: $SAYS" >&2
exit 1
"""
CHANGED = "file changed as we read it"


@pytest.mark.parametrize(
    ("volume", "says", "archives", "tries", "code"),
    [
        ("api-home", CHANGED, 1, 2, 0),
        ("api-home", CHANGED, 99, 5, 1),
        ("api-home", "File shrank by 7 bytes; padding with zeros", 1, 2, 0),
        ("api-home", "File removed before we read it", 99, 1, 0),
        ("edge-data", CHANGED, 1, 2, 0),
        ("postgres-data", CHANGED, 1, 1, 1),
        ("postgres-data", "File removed before we read it", 1, 1, 1),
    ],
)
def test_a_file_that_changes_is_packed_once_more_or_fails_the_backup(
    tmp_path: Path, volume: str, says: str, archives: int, tries: int, code: int
) -> None:
    (tmp_path / "volumes" / volume).mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    tar = tmp_path / "bin" / "tar"
    tar.write_text(UNEASY_TAR)
    tar.chmod(0o755)
    tried = tmp_path / "tries"
    tried.touch()
    done = archive(
        tmp_path / "volumes",
        "save",
        tmp_path / "backup",
        PATH=f"{tmp_path / 'bin'}:{os.environ['PATH']}",
        STATE=str(tmp_path),
        UNEASY=str(archives),
        SAYS=says,
    )
    assert (done.returncode, len(tried.read_text().splitlines())) == (code, tries)
    assert (tmp_path / "backup" / "SHA256SUMS").exists() == (code == 0)
    assert (f"the volume {volume} could not be packed" in done.stderr) == (code == 1)
