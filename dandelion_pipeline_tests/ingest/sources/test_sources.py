import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dandelion_pipeline.errors import ImageRefused, SourceError
from dandelion_pipeline.images.decoding.decode import MAX_BYTES, decode
from dandelion_pipeline.images.sample.photos import SampleSpec, is_sample
from dandelion_pipeline.ingest.sources import PhotoSource, open_source
from dandelion_pipeline.ingest.sources.photo import safe_name
from dandelion_pipeline.storage.objects.location import open_store


def put(folder: Path, *paths: str) -> Path:
    """Files whose content is their own path."""
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(path.encode())
    return folder


def found(source: PhotoSource) -> list[tuple[str, str, bytes]]:
    return [(photo.label, photo.name, photo.data) for photo in source]


@pytest.mark.parametrize("spec", ["", "sample", " "])
def test_without_a_place_photos_are_generated(spec: str) -> None:
    source = open_source(spec, sample=SampleSpec(per_class=2, size=(32, 24)))
    assert source.labels == ("dandelion", "grass")
    assert source.count == 4
    assert "no real photos" in source.describe()
    photos = list(source)
    assert [p.label for p in photos] == ["dandelion"] * 2 + ["grass"] * 2
    assert all(is_sample(decode(p.data)) for p in photos)
    assert all(safe_name(p.name) == p.name for p in photos)


@pytest.mark.parametrize(
    "spec", [SampleSpec(0), SampleSpec(size=(0, 5)), SampleSpec(size=(9_000, 9_000))]
)
def test_a_sample_that_cannot_be_drawn_is_refused_at_once(spec: SampleSpec) -> None:
    with pytest.raises(SourceError):
        open_source("sample", sample=spec)


def test_class_folders_are_the_classes(tmp_path: Path) -> None:
    put(tmp_path, "grass/b.jpg", "grass/a", "dandelion/a.webp")
    for spec in (str(tmp_path), f"{tmp_path}/", tmp_path.as_uri()):
        source = open_source(spec)
        assert source.labels == ("dandelion", "grass")
        assert source.count == 3
        assert str(tmp_path) in source.describe()
        assert found(source) == [
            ("dandelion", "a.webp", b"dandelion/a.webp"),
            ("grass", "a", b"grass/a"),
            ("grass", "b.jpg", b"grass/b.jpg"),
        ]
        assert len(list(source)) == 3  # it can be read again


def test_a_relative_folder_is_shown_as_an_absolute_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "photos/a/1", "photos/b/1")
    monkeypatch.chdir(tmp_path)
    assert str(tmp_path / "photos") in open_source("photos").describe()


def test_folders_below_a_class_belong_to_it_and_hidden_things_to_nobody(tmp_path: Path) -> None:
    put(tmp_path, "a/1.jpg", "a/x/1.jpg", "a/x/y/1.jpg", "b/1.jpg")
    put(tmp_path, ".git/1", "a/.thumbs/1.jpg", "b/.DS_Store", "README")
    photos = found(open_source(str(tmp_path)))
    assert [data for _, _, data in photos] == [b"a/1.jpg", b"a/x/1.jpg", b"a/x/y/1.jpg", b"b/1.jpg"]
    assert len({(label, name) for label, name, _ in photos}) == 4
    assert photos[1][1].startswith("x_1-")
    assert photos[1][1].endswith(".jpg")


def test_only_the_classes_asked_for_are_read(tmp_path: Path) -> None:
    put(tmp_path, "a/1", "b/1", "c/1")
    source = open_source(str(tmp_path), labels=["c", "a"])
    assert source.labels == ("a", "c")
    assert source.count == 2


def test_a_class_folder_may_be_a_link_but_circles_are_not_walked(tmp_path: Path) -> None:
    put(tmp_path, "elsewhere/1", "photos/b/1")
    (tmp_path / "photos" / "a").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "photos" / "b" / "circle").symlink_to(tmp_path / "photos")
    (tmp_path / "photos" / "b" / "linked.jpg").symlink_to(tmp_path / "elsewhere" / "1")
    os.mkfifo(tmp_path / "photos" / "b" / "pipe")
    source = open_source(str(tmp_path / "photos"))
    assert [(label, name) for label, name, _ in found(source)] == [
        ("a", "1"),
        ("b", "1"),
        ("b", "linked.jpg"),
    ]


def test_an_empty_class_folder_is_no_class(tmp_path: Path) -> None:
    put(tmp_path, "a/1", "b/1")
    (tmp_path / "c").mkdir()
    assert open_source(str(tmp_path)).labels == ("a", "b")


def test_a_file_that_is_too_large_is_left_to_the_decoder(tmp_path: Path) -> None:
    put(tmp_path, "a/1", "b/1")
    with (tmp_path / "a" / "large.jpg").open("wb") as file:
        file.truncate(50 * MAX_BYTES)
    large = next(p for p in open_source(str(tmp_path)) if p.name == "large.jpg")
    assert len(large.data) == MAX_BYTES + 1
    with pytest.raises(ImageRefused, match="limit is 60 MB"):
        decode(large.data)


@pytest.mark.parametrize(
    ("files", "spec", "message"),
    [
        ([], "none", "none: it cannot be opened .*Check the path"),
        (["file"], "file", "it is a file and neither"),
        (["file"], "file/deeper", "it cannot be opened"),
        ([], "", "it is empty"),
        ([".hidden/1"], "", "it is empty"),
        (["a/1", "a#b"], "", "one class only"),
        (["1.jpg", "2.jpg"], "", "side by side.*Make a folder for each class"),
        (["a/1.jpg"], "", "one class only .a."),
        (["a/1.jpg", "b/.hidden"], "", "one class only .a."),
        (["a/.hidden", "b/.hidden"], "", "it holds no photos"),
        (["a/1", "b#1/1"], "", "class 'b#1'.*Rename it"),
        (["train/1", "test/1"], "", "names of splits, and no class folders"),
    ],
)
def test_a_folder_that_cannot_be_used_says_why(
    tmp_path: Path, files: list[str], spec: str, message: str
) -> None:
    put(tmp_path, *files)
    with pytest.raises(SourceError, match=message):
        open_source(str(tmp_path / spec))


def test_a_class_that_is_not_there_is_named(tmp_path: Path) -> None:
    put(tmp_path, "a/1", "b/1")
    with pytest.raises(SourceError, match="no photos of the class 'c'"):
        open_source(str(tmp_path), labels=["a", "c"])


def test_a_link_to_nothing_is_named_and_the_others_are_taken(tmp_path: Path) -> None:
    put(tmp_path, "a/1", "b/1")
    (tmp_path / "b" / "lost.jpg").symlink_to("nowhere")
    source = open_source(str(tmp_path))
    assert len(found(source)) == 2
    assert "no such file" in source.notes.odd["b/lost.jpg"]
    assert any("b/lost.jpg" in sentence for sentence in source.notes.sentences())


def test_a_file_that_vanishes_is_named_and_the_others_are_taken(tmp_path: Path) -> None:
    put(tmp_path, "a/1", "b/1", "b/2", "b/3")
    source = open_source(str(tmp_path))
    photos = iter(source)
    next(photos)
    (tmp_path / "b" / "2").unlink()
    assert [photo.name for photo in photos] == ["1", "3"]
    assert "it cannot be read" in source.notes.odd["b/2"]


@pytest.fixture
def foreign_folder() -> Iterator[Path]:
    """A folder that every user can reach; pytest's own are for one user alone."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield put(Path(name) / "photos", "a/1", "b/1")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize(
    ("path", "mode", "message"),
    [
        ("", 0o700, "the folder {}: this user .*chmod -R a.rX '{}'"),
        ("b", 0o700, "one class only.*such as b/: this user .*belongs to uid 0 and has mode 700"),
        ("b", 0o744, "one class only.*such as b/1: this user .*no permission"),
        ("b/1", 0o600, "one class only.*such as b/1: this user .*chmod a"),
    ],
)
def test_a_folder_or_file_without_permission_is_named(
    foreign_folder: Path, path: str, mode: int, message: str
) -> None:
    (foreign_folder / path).chmod(mode)
    said = opened_by_nobody(foreign_folder)
    assert said.returncode == 1
    pattern = message.replace("{}", str(foreign_folder / path))
    assert re.search(pattern, said.stdout), said.stdout


def opened_by_nobody(folder: Path) -> subprocess.CompletedProcess[str]:
    program = (
        "import os, sys\n"
        "from dandelion_pipeline.errors import SourceError\n"
        "from dandelion_pipeline.ingest.sources import open_source\n"
        "os.setuid(65534)\n"
        "try:\n    open_source(sys.argv[1])\n"
        "except SourceError as error:\n    sys.exit(print(error) or 1)\n"
    )
    command = [sys.executable, "-c", program, str(folder)]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)


def test_a_bucket_prefix_is_read_like_a_folder(s3_url: str) -> None:
    store = open_store(s3_url)
    for key in ("grass/b c.jpg", "grass/x/1.jpg", "dandelion/ä.jpg", ".trash/1", "loose.jpg"):
        store.put(key, key.encode())
    source = open_source(s3_url)
    assert source.labels == ("dandelion", "grass")
    assert source.count == 3
    assert s3_url in source.describe()
    photos = found(source)
    assert [data.decode() for _, _, data in photos] == [
        "dandelion/ä.jpg",
        "grass/b c.jpg",
        "grass/x/1.jpg",
    ]
    assert [name for _, name, _ in photos][:2] == ["ä.jpg", "b c.jpg"]


def test_a_large_object_is_not_read_whole(s3_url: str) -> None:
    store = open_store(s3_url)
    for key, size in {"a/1": MAX_BYTES + 500_000, "b/1": MAX_BYTES}.items():
        store.put(key, bytes(size))
    sizes = {photo.label: len(photo.data) for photo in open_source(s3_url)}
    assert sizes == {"a": MAX_BYTES + 1, "b": MAX_BYTES}


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ([], "holds no photos"),
        (["1.jpg"], "side by side.*Arrange the photos as s3://"),
        (["a/1.jpg"], "one class only"),
    ],
)
def test_a_bucket_that_cannot_be_used_says_why(s3_url: str, keys: list[str], message: str) -> None:
    for key in keys:
        open_store(s3_url).put(key, b"1")
    with pytest.raises(SourceError, match=message):
        open_source(s3_url)


def test_a_missing_bucket_or_a_wrong_key_is_found_out_when_opening(
    s3_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SourceError, match=r"no bucket nowhere-to-be-found.*Check the source"):
        open_source("s3://nowhere-to-be-found/x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(SourceError, match="does not know these keys"):
        open_source(s3_url)


@pytest.mark.parametrize("spec", ["ftp://host/x", "gs://bucket/x", "file://host/x", "http://[::1"])
def test_another_kind_of_address_is_refused(spec: str) -> None:
    with pytest.raises(SourceError, match="Give a folder"):
        open_source(spec)
