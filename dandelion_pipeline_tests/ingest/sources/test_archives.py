"""Photos in archives, honest ones and such as were made to do harm."""

import io
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from dandelion_pipeline.errors import SourceError
from dandelion_pipeline.images.decoding.decode import MAX_BYTES
from dandelion_pipeline.ingest.sources import archive, open_source

FILES = ["data/rose/1.jpg", "data/rose/x/2.jpg", "data/tulip/1.jpg", "data/README.md"]


def zipped(target: Path, *names: str) -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in names:
            packed.writestr(name, name)
    return target


def tarred(target: Path, *members: tarfile.TarInfo | str) -> Path:
    mode: Any = f"w:{target.suffix[1:] if target.suffix != '.tar' else ''}"
    with tarfile.open(target, mode) as packed:
        for member in members:
            if isinstance(member, str):
                info = tarfile.TarInfo(member)
                info.size = len(member.encode())
                packed.addfile(info, io.BytesIO(member.encode()))
            else:
                packed.addfile(member)
    return target


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.tar.bz2", "a.tar.xz", "photos"])
def test_an_archive_is_read_like_a_folder(tmp_path: Path, name: str) -> None:
    make = tarred if ".tar" in name else zipped
    source = open_source(str(make(tmp_path / name, *FILES)))
    assert (source.labels, source.count) == (("rose", "tulip"), 3)
    for _ in range(2):  # it can be read again
        assert {photo.path: photo.data.decode() for photo in source} == {f: f for f in FILES[:3]}
    assert name in source.describe()
    assert not source.notes.odd


def test_names_that_lead_out_links_and_nested_archives_are_odd_and_stop_nothing(
    tmp_path: Path,
) -> None:
    link, pipe = tarfile.TarInfo("rose/link.jpg"), tarfile.TarInfo("rose/pipe.jpg")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    pipe.type = tarfile.FIFOTYPE
    bad = ["../rose/1.jpg", "/rose/1.jpg", "rose/../../1.jpg", "rose/more.zip"]
    source = open_source(str(tarred(tmp_path / "a.tar", "rose/1.jpg", *bad, link, pipe, "b/1.jpg")))
    assert {photo.path for photo in source} == {"rose/1.jpg", "b/1.jpg"}
    assert set(source.notes.odd) == {*bad, "rose/link.jpg", "rose/pipe.jpg"}
    source = open_source(str(zipped(tmp_path / "a.zip", "rose/1.jpg", *bad, "b\\1.jpg")))
    assert {photo.label for photo in source} == {"rose", "b"}
    assert set(source.notes.odd) == set(bad)


def test_a_file_that_unpacks_to_gigabytes_is_cut_off_and_left_to_the_decoder(
    tmp_path: Path,
) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("a/1.jpg", bytes(3 * MAX_BYTES))
        packed.writestr("b/1.jpg", b"1")
    assert max(len(photo.data) for photo in open_source(str(tmp_path / "a.zip"))) == MAX_BYTES + 1


def test_an_archive_that_unpacks_to_far_more_than_photos_do_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "MOST_BYTES_FLOOR", 100_000)
    for name in ("a.tar.gz", "a.tar.xz"):
        large = tarfile.TarInfo("a/1.jpg")
        large.size = 20_000_000
        mode: Any = f"w:{name[-2:]}"
        with tarfile.open(tmp_path / name, mode) as packed:
            packed.addfile(large, io.BytesIO(bytes(large.size)))
        with pytest.raises(SourceError, match="unpacks to more than"):
            open_source(str(tmp_path / name))


def test_an_archive_that_is_cut_short_gives_what_it_has(tmp_path: Path) -> None:
    whole = tarred(tmp_path / "a.tar", *(f"{c}/{n}.jpg" for n in range(50) for c in "ab"))
    (tmp_path / "cut.tar").write_bytes(whole.read_bytes()[:60_300])
    source = open_source(str(tmp_path / "cut.tar"))
    assert len(list(source)) > 50
    assert any("cut short" in why for why in source.notes.odd.values())


def test_a_damaged_file_stops_no_other(tmp_path: Path) -> None:
    names = [f"{c}/{n}.jpg" for n in range(3) for c in "ab"]
    path = zipped(tmp_path / "a.zip", *names)
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as packed:
        at = packed.getinfo("a/1.jpg").header_offset
    data[at + 38] ^= 0xFF
    path.write_bytes(data)
    source = open_source(str(path))
    assert {photo.path for photo in source} == set(names) - {"a/1.jpg"}
    assert "a/1.jpg" in source.notes.odd


def test_what_only_looks_like_an_archive_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(SourceError, match="neither a folder nor a zip or tar archive"):
        open_source(str(tmp_path / "a.zip"))
