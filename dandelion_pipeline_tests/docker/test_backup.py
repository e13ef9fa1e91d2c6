"""What docker/archive.sh packs and unpacks, and what docker/backup.sh refuses."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

DOCKER = Path(__file__).parents[2] / "docker"
FILES = {"minio-data/bucket/a photo.jpg": b"\xff\xd8", "postgres-data/PG_VERSION": b"17\n"}

_names = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1)
_trees = st.dictionaries(
    _names.filter(lambda name: name not in {".", ".."}), st.binary(), max_size=5
)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Two volumes with something in them, one with nothing, and a folder for the backup."""
    for path, content in FILES.items():
        file = tmp_path / "volumes" / path
        file.parent.mkdir(parents=True)
        file.write_bytes(content)
    (tmp_path / "volumes" / "redis-data").mkdir()
    (tmp_path / "backup").mkdir()
    return tmp_path


def archive(place: Path, command: str) -> subprocess.CompletedProcess[str]:
    owner = f"{os.getuid()}:{os.getgid()}"
    where = [str(place / "volumes"), str(place / "backup")]
    return subprocess.run(
        ["sh", str(DOCKER / "archive.sh"), command, owner, *where],
        check=False,
        capture_output=True,
        text=True,
    )


def empty(place: Path) -> None:
    for volume in (place / "volumes").iterdir():
        shutil.rmtree(volume)
        volume.mkdir()


def content(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_what_was_saved_comes_back_with_its_permissions(place: Path) -> None:
    private = place / "volumes" / "postgres-data"
    private.chmod(0o700)
    assert archive(place, "save").returncode == 0
    empty(place)
    assert archive(place, "restore").returncode == 0
    assert content(place / "volumes") == FILES
    assert private.stat().st_mode & 0o777 == 0o700


@given(_trees)
def test_any_file_of_any_name_comes_back(
    tmp_path_factory: pytest.TempPathFactory, tree: dict[str, bytes]
) -> None:
    place = tmp_path_factory.mktemp("place")
    (place / "backup").mkdir()
    volume = place / "volumes" / "data"
    volume.mkdir(parents=True)
    for name, data in tree.items():
        try:
            (volume / name).write_bytes(data)
        except OSError:  # too long a name for this file system
            return
    before = content(place / "volumes")
    assert archive(place, "save").returncode == 0
    empty(place)
    assert archive(place, "restore").returncode == 0
    assert content(place / "volumes") == before


def test_nobody_else_reads_a_backup(place: Path) -> None:
    archive(place, "save")
    assert {p.stat().st_mode & 0o077 for p in (place / "backup").iterdir()} == {0}


def test_volumes_that_hold_something_are_left_as_they_are(place: Path) -> None:
    archive(place, "save")
    done = archive(place, "restore")
    assert done.returncode == 1
    assert "the volume minio-data is not empty" in done.stderr
    assert "down --volumes" in done.stderr
    assert content(place / "volumes") == FILES


@pytest.mark.parametrize("at", [0, 600, -1])
def test_a_damaged_backup_touches_no_volume(place: Path, at: int) -> None:
    archive(place, "save")
    file = place / "backup" / "minio-data.tar"
    damaged = bytearray(file.read_bytes())
    damaged[at] ^= 1
    file.write_bytes(damaged)
    empty(place)
    done = archive(place, "restore")
    assert done.returncode == 1
    assert "the backup is damaged" in done.stderr
    assert content(place / "volumes") == {}


def test_a_backup_without_one_volume_touches_none(place: Path) -> None:
    archive(place, "save")
    (place / "backup" / "redis-data.tar").unlink()
    empty(place)
    done = archive(place, "restore")
    assert "redis-data.tar is missing" in done.stderr
    assert content(place / "volumes") == {}


def test_a_backup_that_was_cut_off_is_none(place: Path) -> None:
    shutil.rmtree(place / "backup")  # nothing can be written there
    assert archive(place, "save").returncode != 0
    (place / "backup").mkdir()
    done = backup(place, "restore", str(place / "backup"))
    assert done.returncode == 1
    assert "no finished backup" in done.stderr


def backup(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    checkout = place / "checkout"
    (checkout / "docker").mkdir(parents=True, exist_ok=True)
    shutil.copy(DOCKER / "backup.sh", checkout / "docker")
    command = ["sh", str(checkout / "docker" / "backup.sh"), *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True)


@pytest.mark.parametrize("arguments", [[], ["save"], ["save", "a", "b"], ["erase", "a"]])
def test_a_backup_says_how_it_is_called(place: Path, arguments: list[str]) -> None:
    done = backup(place, *arguments)
    assert done.returncode == 1
    assert "docker/backup.sh save FOLDER, or restore FOLDER" in done.stderr


def test_nothing_is_saved_where_something_is(place: Path) -> None:
    backup(place)
    (place / "checkout" / ".env").write_text("A=1\n")
    archive(place, "save")
    before = content(place / "backup")
    done = backup(place, "save", str(place / "backup"))
    assert done.returncode == 1
    assert "is not empty" in done.stderr
    assert content(place / "backup") == before


def test_secrets_other_than_the_backups_are_not_replaced(place: Path) -> None:
    backup(place)
    archive(place, "save")
    (place / "backup" / "env").write_text("A=1\n")
    (place / "checkout" / ".env").write_text("A=2\n")
    done = backup(place, "restore", str(place / "backup"))
    assert done.returncode == 1
    assert "move .env away" in done.stderr
    assert (place / "checkout" / ".env").read_text() == "A=2\n"
