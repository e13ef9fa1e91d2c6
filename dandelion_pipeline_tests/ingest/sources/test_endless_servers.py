"""Web servers that lie or never end: the import ends, says why, and has every good photo."""

import pytest

from dandelion_pipeline.errors import SourceError
from dandelion_pipeline.ingest.sources import open_source
from dandelion_pipeline.ingest.sources.web import fetch
from dandelion_pipeline_tests.ingest.sources.web_server import JPEG, Handler, Server

LABELS = ("dandelion", "grass")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "_PAUSES", (0.01, 0.01, 0.01))


PAGE = b"<!doctype html><title>Please log in</title>"


def test_a_server_that_answers_everything_with_a_page_is_refused(server: Server) -> None:
    for label in LABELS:
        for number in range(20):
            server.pages[f"/{label}/{number:08d}.jpg"] = PAGE
    with pytest.raises(SourceError, match=r"gives an HTML page for .*dandelion/00000000\.jpg"):
        open_source(server.url, labels=LABELS)


class Endless(Handler):
    """One photo, then the same page, or the same photo, for whatever is asked."""

    answer = PAGE

    def _answer(self, status: int) -> None:
        body = self.server.pages.get(self.path, self.answer)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)


@pytest.mark.parametrize("answer", [PAGE, JPEG + b"a placeholder", b""])
def test_a_server_that_never_ends_is_left_within_a_bound_and_the_reason_is_said(
    server: Server, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    monkeypatch.setattr(Endless, "answer", answer)
    server.RequestHandlerClass = Endless
    server.photos("dandelion", *range(3))
    server.photos("grass", *range(3))
    server.pages["/"] = b""
    source = open_source(server.url, labels=LABELS)
    photos = [photo for photo in source if b"placeholder" not in photo.data]
    assert len(photos) == 6
    assert sum(server.asked.values()) < 600
    assert any("200 answers in a row were no new photo" in said for said in source.notes.said)


def test_listings_in_circles_or_without_end_are_left_and_the_photos_are_taken(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.pages["/"] = b'<a href="a/">a</a><a href="b/">b</a>'
    for label in ("a", "b"):
        server.pages[f"/{label}/1.jpg"] = JPEG + label.encode()
    listing = b'<a href="1.jpg">1</a><a href="deeper/">deeper</a>'
    monkeypatch.setattr(Endless, "answer", listing)
    server.RequestHandlerClass = Endless
    source = open_source(server.url)
    assert sorted(photo.path for photo in source) == ["a/1.jpg", "b/1.jpg"]
    assert any("leads in circles" in why for why in source.notes.odd.values())
    assert sum(server.asked.values()) < 50


def test_a_listing_of_ever_new_folders_ends_at_a_depth(server: Server) -> None:
    class Deeper(Endless):
        def _answer(self, status: int) -> None:
            self.answer = f'<a href="{self.server.asked.total()}/">x</a>'.encode()
            super()._answer(status)

    server.RequestHandlerClass = Deeper
    with pytest.raises(SourceError, match="folders deep"):
        open_source(server.url)
    assert sum(server.asked.values()) < 50


def test_most_photos_of_a_server_that_lies_are_taken(server: Server) -> None:
    """Some are pages, gone, failing for ever, or cut short: all good ones are taken."""
    server.photos("dandelion", *range(300))
    server.photos("grass", *range(300))
    bad = {f"/dandelion/{number:08d}.jpg": number % 4 for number in range(7, 300, 13)}
    for path, kind in bad.items():
        if kind == 0:
            server.pages[path] = PAGE
        elif kind == 1:
            del server.pages[path]
        else:
            server.always[path] = 500 if kind == 2 else 0
    source = open_source(server.url, labels=LABELS)
    assert len(list(source)) == 600 - len(bad)
