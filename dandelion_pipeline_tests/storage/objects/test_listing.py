"""Listings that go on past odd names, and reads that go on past objects that are gone."""

import os
from pathlib import Path
from typing import Any

import pytest

from dandelion_pipeline.errors import ObjectNotFound, StoreDenied
from dandelion_pipeline.storage.objects.listing import MARKER
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline_tests.servers.bare_s3 import BareBucket


def test_folder_markers_are_told_apart_from_objects(s3_url: str) -> None:
    store, bare = open_store(s3_url), BareBucket(s3_url)
    for key in ("", "a/", "a/b/", "c/"):
        bare.put(key)
    for key in ("a/1", "a/b/2", "empty.jpg"):
        store.put(key, b"" if key == "empty.jpg" else b"1")
    listed = store.survey("a/")
    assert [o.key for o in listed.objects] == ["a/1", "a/b/2"]
    assert {(odd.key, odd.reason) for odd in listed.odd} == {("a/", MARKER), ("a/b/", MARKER)}
    assert [o.key for o in store.list_objects("c/")] == []
    assert "empty.jpg" in [o.key for o in store.list_objects("")]


def test_a_page_with_a_name_that_cannot_be_read_hides_no_object(s3_url: str) -> None:
    store, bare = open_store(s3_url), BareBucket(s3_url)
    for number in range(30):
        store.put(f"a/{number:02}", b"1")
    before = store.list_objects("a/")
    bare.put("a/05\n", b"1")
    bare.put("a/", b"")
    listed = store.survey("a/")
    assert [o.key for o in listed.objects] == [o.key for o in before]
    assert {odd.key for odd in listed.odd} == {"a/", "a/05\n"}
    assert store.list_objects("a/") == listed.objects


def test_reads_go_on_past_an_object_that_is_gone(store: Store) -> None:
    for key in ("a", "c"):
        store.put(key, key.encode())
    found = dict(store.read_many(["a", "b", "c"]))
    assert (found["a"], found["c"]) == (b"a", b"c")
    assert isinstance(found["b"], ObjectNotFound)
    with pytest.raises(ObjectNotFound):
        list(store.get_many(["a", "b", "c"]))


@pytest.fixture
def closed_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that the walk may not look into; to root, which tests may be, none is closed."""
    closed = tmp_path / "closed"
    (closed / "deeper").mkdir(parents=True)
    real = os.scandir

    def scandir(path: str | Path = ".") -> Any:  # noqa: ANN401
        if str(path) == str(closed):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    return closed


def test_what_cannot_be_seen_is_never_taken_for_absent(closed_folder: Path, tmp_path: Path) -> None:
    """Or garbage collection would take photos for rubbish whose tables it cannot see."""
    store = open_store(tmp_path.as_uri())
    store.put("open/1", b"1")
    (tmp_path / "open" / "loop").symlink_to(tmp_path / "open" / "loop")  # so that it is walked
    listed = store.survey("")
    assert [o.key for o in listed.objects] == ["open/1"]
    assert [odd.key for odd in listed.denied] == ["closed"]
    with pytest.raises(StoreDenied, match="closed"):
        store.list_objects("")
