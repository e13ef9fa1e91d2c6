"""Photos from web servers that behave, and from such as do not."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from urllib.request import urlopen

import pytest

from dandelion_pipeline.errors import SourceError, SourceUnavailable
from dandelion_pipeline.images.decoding.decode import MAX_BYTES
from dandelion_pipeline.ingest.sources import PhotoSource, SourcePhoto, open_source
from dandelion_pipeline.ingest.sources.listing import read_listing
from dandelion_pipeline.ingest.sources.web import fetch
from dandelion_pipeline_tests.ingest.sources.web_server import JPEG, Server

LABELS = ("dandelion", "grass")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "_PAUSES", (0.01, 0.01, 0.01))


@pytest.fixture
def listing_server(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """`python -m http.server`, the way most people serve a folder."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    for _ in range(100):
        try:
            urlopen(url).close()
            break
        except OSError:
            time.sleep(0.05)
    yield tmp_path, url
    process.kill()
    process.wait()


def contents(source: PhotoSource) -> list[str]:
    return [photo.data.removeprefix(JPEG).decode() for photo in source]


def test_numbered_photos_are_read_until_the_numbers_end(server: Server) -> None:
    server.photos("dandelion", *range(23))
    server.photos("grass", *range(11))
    source = open_source(server.url, labels=LABELS)
    assert (source.labels, source.count) == (LABELS, None)
    assert server.url in source.describe()
    photos = list(source)
    assert [p.data.removeprefix(JPEG).decode() for p in photos] == [
        *(f"dandelion {n}" for n in range(23)),
        *(f"grass {n}" for n in range(11)),
    ]
    assert photos[-1].name == "00000010.jpg"
    assert server.most_at_once <= 8


def test_gaps_of_nine_are_bridged_and_ten_missing_are_the_end(server: Server) -> None:
    server.photos("dandelion", 9, 19, 30)
    server.photos("grass", 0)
    assert contents(open_source(f"{server.url}/", labels=LABELS)) == [
        "dandelion 9",
        "dandelion 19",
        "grass 0",
    ]
    assert server.asked["/dandelion/00000045.jpg"] == 0


def test_class_names_are_quoted_in_addresses(server: Server) -> None:
    server.photos("red%20clover", 0, base="/data")
    server.photos("L%C3%B6wenzahn", 0, base="/data")
    source = open_source(f"{server.url}/data", labels=["red clover", "Löwenzahn"])
    assert sorted(p.label for p in source) == ["Löwenzahn", "red clover"]


def test_photos_are_fetched_as_they_are_needed(server: Server) -> None:
    server.photos("dandelion", *range(500))
    server.photos("grass", 0)
    assert len(list(islice(iter(open_source(server.url, labels=LABELS)), 3))) == 3
    assert sum(server.asked.values()) < 60


def test_failures_that_pass_are_not_seen(server: Server) -> None:
    server.photos("dandelion", *range(6))
    server.photos("grass", *range(6))
    for number, failures in enumerate([[500], [503, 502], [429, 429, 500], [0], [0, 500]]):
        server.failures[f"/grass/{number:08d}.jpg"] = failures
    photos = contents(open_source(server.url, labels=LABELS))
    assert photos[6:] == [f"grass {n}" for n in range(6)]


def test_a_photo_that_does_not_come_is_named_and_stops_no_other(server: Server) -> None:
    server.photos("dandelion", *range(12))
    server.photos("grass", 0)
    server.always["/dandelion/00000011.jpg"] = 503
    source = open_source(server.url, labels=LABELS)
    assert len(list(source)) == 12
    assert server.asked["/dandelion/00000011.jpg"] == 4
    assert "503" in source.notes.odd["dandelion/00000011.jpg"]


def test_a_server_that_answers_no_more_is_given_up_and_named(server: Server) -> None:
    server.photos("dandelion", *range(40))
    server.photos("grass", 0)
    for number in range(12, 40):
        server.always[f"/dandelion/{number:08d}.jpg"] = 503
    photos: list[SourcePhoto] = []
    with pytest.raises(SourceUnavailable, match=r"00000021\.jpg: the server answered 503"):
        photos += open_source(server.url, labels=LABELS)
    assert sum(server.asked.values()) < 150


def test_a_server_that_hangs_up_on_one_photo_gives_the_others(server: Server) -> None:
    server.photos("dandelion", 0)
    server.photos("grass", 0, 4)
    server.failures["/grass/00000003.jpg"] = [0] * 9
    source = open_source(server.url, labels=LABELS)
    assert contents(source) == ["dandelion 0", "grass 0", "grass 4"]
    assert "grass/00000003.jpg" in source.notes.odd


def test_a_server_that_says_when_to_come_back_is_believed_up_to_a_limit() -> None:
    assert fetch._TryAgain("busy", "7").seconds == 7
    assert fetch._TryAgain("busy", "86400").seconds == 20
    assert fetch._TryAgain("busy", "Wed, 21 Oct 2015 07:28:00 GMT").seconds == 0


def test_of_a_file_without_end_only_what_shows_its_size_is_read(server: Server) -> None:
    server.photos("dandelion", 0)
    server.pages["/grass/00000000.jpg"] = JPEG + bytes(4 * MAX_BYTES)
    photos = list(open_source(server.url, labels=LABELS))
    assert len(photos[1].data) == MAX_BYTES + 1
    assert server.sent < 150  # of 240 megabytes


def test_a_server_that_drips_is_given_up(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.photos("dandelion", *range(30))
    server.photos("grass", *range(30))
    source = open_source(server.url, labels=LABELS)
    monkeypatch.setattr(fetch, "_DEADLINE", -1.0)
    with pytest.raises(SourceUnavailable, match="not whole after"):
        list(source)


def test_redirects_are_followed(server: Server) -> None:
    for label in LABELS:
        server.photos(label, 0, base="/there")
        server.moved[f"/here/{label}/00000000.jpg"] = f"/there/{label}/00000000.jpg"
    assert contents(open_source(f"{server.url}/here", labels=LABELS)) == ["dandelion 0", "grass 0"]


def test_redirects_in_circles_are_refused(server: Server) -> None:
    server.moved["/dandelion/00000000.jpg"] = "/dandelion/00000000.jpg"
    with pytest.raises(SourceError, match="redirect"):
        open_source(server.url, labels=LABELS)


def test_a_server_that_forbids_listings_may_still_give_numbered_photos(server: Server) -> None:
    server.always["/"] = 403
    server.photos("dandelion", 0)
    server.photos("grass", 0)
    assert len(list(open_source(server.url, labels=LABELS))) == 2


@pytest.mark.parametrize("status", [401, 403])
def test_a_server_that_forbids_photos_is_named_without_the_password(
    server: Server, status: int
) -> None:
    server.photos("dandelion", 0)
    server.always["/dandelion/00000000.jpg"] = status
    address = server.url.replace("://", "://me:secret@")
    with pytest.raises(SourceError, match=f"does not allow it .{status}") as caught:
        open_source(address, labels=LABELS)
    assert "secret" not in str(caught.value)


def test_an_address_with_nothing_behind_it_is_found_out_when_opening(server: Server) -> None:
    with pytest.raises(SourceError, match=r"photos of dandelion .*00000000\.jpg and the 9 after"):
        open_source(server.url, labels=LABELS)
    with pytest.raises(SourceError, match=r"lists no class folders.*Name the classes"):
        open_source(server.url)


def test_one_missing_class_is_named_when_opening(server: Server) -> None:
    server.photos("dandelion", 0)
    with pytest.raises(SourceError, match="photos of grass"):
        open_source(server.url, labels=LABELS)


def test_one_class_is_not_enough(server: Server) -> None:
    server.photos("dandelion", 0)
    with pytest.raises(SourceError, match="one class only"):
        open_source(server.url, labels=["dandelion"])


@pytest.mark.parametrize("label", ["../secret", ".git", "a/b", ""])
def test_class_names_that_lead_elsewhere_are_refused(server: Server, label: str) -> None:
    with pytest.raises(SourceError, match="no class name"):
        open_source(server.url, labels=["grass", label])
    assert not server.asked


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/x", "http://no-such-host.invalid/x"])
def test_a_host_that_cannot_be_reached_is_found_out_when_opening(url: str) -> None:
    with pytest.raises(SourceUnavailable, match="did not answer"):
        open_source(url, labels=LABELS)


@pytest.mark.parametrize("url", ["http://", "http://host:port/", "http://%00/"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises((SourceError, SourceUnavailable)):
        open_source(url, labels=LABELS)


def test_a_listing_server_is_read_like_a_folder(listing_server: tuple[Path, str]) -> None:
    folder, url = listing_server
    files = ["grass/b & c.jpg", "grass/ä#1.jpg", "dandelion/1.jpg", ".git/x", "dandelion/.y", "z"]
    for name in files:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(JPEG + name.encode())
    for labels in ((), LABELS):
        source = open_source(url, labels=labels)
        assert (source.labels, source.count) == (LABELS, 3)
        assert contents(source) == ["dandelion/1.jpg", "grass/b & c.jpg", "grass/ä#1.jpg"]
    assert [photo.name for photo in source][:2] == ["1.jpg", "b & c.jpg"]


def test_a_listing_without_photos_says_so(listing_server: tuple[Path, str]) -> None:
    folder, url = listing_server
    (folder / "dandelion").mkdir()
    (folder / "grass").mkdir()
    with pytest.raises(SourceError, match="holds no photos"):
        open_source(url)
    (folder / "dandelion" / "1").write_text("1")
    with pytest.raises(SourceError, match="one class only"):
        open_source(url)


def test_what_is_listed_and_gone_is_named(server: Server) -> None:
    server.pages["/"] = b'<a href="a/">a</a><a href="b/">b</a>'
    server.pages["/a/"] = server.pages["/b/"] = b'<a href="gone.jpg">gone.jpg</a>'
    server.pages["/a/here.jpg"] = JPEG
    server.pages["/a/"] += b'<a href="here.jpg">here.jpg</a>'
    source = open_source(server.url)
    assert [photo.path for photo in source] == ["a/here.jpg"]
    assert "lists it and has it not" in source.notes.odd["a/gone.jpg"]


def test_a_listing_never_leads_away_from_its_folder() -> None:
    page = b"""<html><h1>Index of /data/</h1><a href="../">../</a><a href="?C=N;O=D">Name</a>
        <a href="/">top</a><a href="/data/">self</a><a href="http://other.host/data/x/">other</a>
        <a href="//other.host/data/x/">other</a><a href="https://host/data/x/">https</a>
        <a href="http://host:81/data/x/">port</a><a href="%2e%2e/">up</a><a href="a/b/">deep</a>
        <a href=".git/">hidden</a><a href="x.jpg#part">part</a><a href="javascript:x">js</a>
        <a href="http://[bad/">bad</a><a>none</a><a href="">empty</a>
        <a href="good%20one/">good</a><a href="/data/also/">also</a>
        <A HREF='1 &amp; 2.jpg'>1 &amp; 2.jpg</A>"""
    listing = read_listing(page, "http://host/data/")
    assert listing.folders == {
        "good one": "http://host/data/good%20one/",
        "also": "http://host/data/also/",
    }
    assert list(listing.files) == ["1 & 2.jpg"]


@pytest.mark.parametrize("page", [b"", b"\xff\xd8\xff\xe0", b"<a href=", b"{}", b"<<<>>>"])
def test_what_is_no_listing_lists_nothing(page: bytes) -> None:
    listing = read_listing(page, "http://host/")
    assert not listing.folders
    assert not listing.files
