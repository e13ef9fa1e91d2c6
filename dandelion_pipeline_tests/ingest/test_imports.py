"""What sources hold is recorded at each import, and compared with the last one."""

from collections.abc import Iterable, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dandelion_pipeline.errors import ObjectDamaged
from dandelion_pipeline.ingest.changes import Changes, SourceFile
from dandelion_pipeline.ingest.imports import (
    Imported,
    annotations,
    last_import,
    last_imports,
    record_import,
)
from dandelion_pipeline.ingest.source_address import source_address
from dandelion_pipeline.ingest.source_labels import GONE, follow_sources
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline_tests.data.clean_rows import clean_table

HERE, THERE = "file:///here", "file:///there"


def files(*paths: str) -> list[SourceFile]:
    """``label/content`` or ``label/name=content``; the content stands for its hash."""
    made = []
    for path in paths:
        label, _, rest = path.partition("/")
        name, _, content = rest.partition("=")
        made.append(SourceFile(f"{label}/{name}", label, name, content or name))
    return made


def record(store: Store, *paths: str, source: str = HERE, mirror: bool = False) -> Changes:
    imported = Imported(source, files(*paths), (), "2025-05-01", "ann")
    return record_import(store, imported, mirror=mirror)


@pytest.fixture
def local(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return open_store((tmp_path_factory.mktemp("imports") / "store").as_uri())


def rows(store: Store, *landed: str) -> dict[str, list[tuple[str, bool]]]:
    """Labels of photos, and whether they are kept, by content, after their sources had a say."""
    photos = clean_table(
        {"sha256": f.sha256, "label": f.label, "name": f.name} for f in files(*landed)
    )
    found: dict[str, list[tuple[str, bool]]] = {}
    for row in follow_sources(photos, last_imports(store)).to_pylist():
        found.setdefault(row["sha256"], []).append((row["label"], row["keep"]))
    return {sha256: sorted(one) for sha256, one in found.items()}


def test_a_record_says_what_the_source_held_and_the_same_again_writes_none(store: Store) -> None:
    assert last_import(store, HERE) is None
    assert record(store, "a/1", "b/2").is_first
    assert not record(store, "a/1", "b/2").is_first
    (one,) = last_imports(store)
    assert (one.number, one.facts.source, one.facts.who) == (1, HERE, "ann")
    assert [(file.path, file.held) for file in one.files] == [("a/1", True), ("b/2", True)]
    assert record(store, "a/1", source=THERE).is_first
    assert len(last_imports(store)) == 2


def test_new_moved_renamed_and_gone_photos_are_told_apart(local: Store) -> None:
    record(local, "a/1", "a/2", "a/3", "b/4", "b/5")
    changes = record(local, "a/1", "b/2", "a/other=3", "b/4", "b/6")
    assert (changes.new, changes.renamed, changes.gone, changes.back) == (1, 1, 1, 0)
    assert changes.moved == {("a", "b"): 1}
    assert changes.classes == {}
    assert record(local, "a/1", "b/2", "a/3", "b/4", "b/5", "b/6").back == 1


def test_a_class_whose_photos_all_lie_under_another_name_was_renamed(local: Store) -> None:
    record(local, "a/1", "a/2", "b/3")
    assert record(local, "c/1", "c/2", "b/3").classes == {"a": "c"}
    assert rows(local, "a/1", "a/2", "b/3") == {
        "1": [("c", True)],
        "2": [("c", True)],
        "3": [("b", True)],
    }
    assert record(local, "a/1", "a/2", "b/3").classes == {"c": "a"}
    assert rows(local, "a/1")["1"] == [("a", True)]


def test_a_photo_that_moved_has_one_row_even_where_it_landed_twice(local: Store) -> None:
    record(local, "a/1")
    record(local, "b/1")
    assert rows(local, "a/1", "b/1") == {"1": [("b", True)]}


def test_a_photo_under_two_labels_of_one_import_is_a_conflict(local: Store) -> None:
    record(local, "a/1", "a/2")
    record(local, "a/1", "b/1", "a/2")
    assert rows(local, "a/1") == {"1": [("a", True), ("b", True)]}


@pytest.mark.parametrize("name", ["feedback-0123.jpg", "by-hand.jpg"])
def test_photos_that_came_in_another_way_keep_their_label_and_stay(local: Store, name: str) -> None:
    record(local, "a/1", "b/2", "b/3")
    record(local, "b/1", "b/2", mirror=True)
    assert rows(local, f"a/{name}=1", f"b/{name}=3") == {"1": [("a", True)], "3": [("b", True)]}


def test_a_photo_that_another_source_still_holds_stays(local: Store) -> None:
    record(local, "a/1", "a/2")
    record(local, "a/1", "a/2", source=THERE)
    record(local, "b/1", mirror=True)
    assert rows(local, "a/1", "a/2") == {"1": [("a", True), ("b", True)], "2": [("a", True)]}


def test_a_mirror_leaves_out_what_is_gone_until_the_source_holds_it_again(local: Store) -> None:
    record(local, "a/1", "a/2")
    gone = record(local, "a/1")
    assert (gone.gone, gone.still_in, gone.newly_left_out) == (1, 1, 0)
    assert rows(local, "a/2") == {"2": [("a", True)]}
    assert record(local, "a/1", mirror=True).newly_left_out == 1
    assert record(local, "a/1").still_in == 0
    photos = clean_table({"sha256": n, "label": "a", "name": n} for n in "12")
    left = follow_sources(photos, last_imports(local)).to_pylist()
    assert [(row["keep"], row["drop_reason"]) for row in left] == [(True, ""), (False, GONE)]
    assert follow_sources(photos, last_imports(local), {"2"})["keep"].to_pylist() == [True, True]
    assert record(local, "a/1", "a/2").back == 1
    assert rows(local, "a/2") == {"2": [("a", True)]}


def test_what_an_import_of_some_classes_did_not_look_at_is_not_gone(local: Store) -> None:
    record(local, "a/1", "b/2", "b/3")
    some = Imported(HERE, files("b/2"), ["b"], "2025-05-02", "ann")
    assert record_import(local, some, mirror=True).gone == 1
    assert rows(local, "a/1", "b/3") == {"1": [("a", True)], "3": [("b", False)]}


@pytest.mark.parametrize("unread", ["b", "b/", "b/2", "/here", HERE])
def test_what_could_not_be_read_is_not_gone(local: Store, unread: str) -> None:
    record(local, "a/1", "b/2", "b/3")
    partly = Imported(HERE, files("a/1", "b/3"), (), "2025-05-02", "ann", [unread])
    assert record_import(local, partly, mirror=True).gone == 0
    assert rows(local, "b/2") == {"2": [("b", True)]}


def test_the_latest_source_that_says_something_gives_the_group_and_the_split(local: Store) -> None:
    def say(source: str, said: Mapping[str, tuple[str, str]]) -> None:
        held: Iterable[SourceFile] = [
            SourceFile(f"a/{n}", "a", n, n, group, split) for n, (group, split) in said.items()
        ]
        record_import(local, Imported(source, list(held), (), "2025-05-01", "ann"))

    say(HERE, {"1": ("ann", "test"), "2": ("bob", ""), "3": ("", "")})
    say(THERE, {"1": ("eve", ""), "2": ("", "train")})
    assert annotations(last_imports(local)) == {"1": ("eve", "test"), "2": ("bob", "train")}
    say(HERE, {"1": ("ann", ""), "2": ("", "")})
    assert annotations(last_imports(local)) == {"1": ("ann", ""), "2": ("", "train")}


def test_a_record_that_is_not_as_it_was_written_says_what_to_do(store: Store) -> None:
    record(store, "a/1")
    (found,) = store.list_objects(layout.IMPORTS)
    store.put(found.key, store.get(found.key)[:-9])
    with pytest.raises(ObjectDamaged, match="delete it and import the source again"):
        last_imports(store)


content = st.dictionaries(st.sampled_from("12345"), st.sampled_from("ab"), min_size=1)


@settings(max_examples=40)
@given(history=st.lists(content, min_size=1, max_size=4), mirror=st.booleans())
def test_a_photo_has_the_label_of_the_last_import_whatever_came_before(
    tmp_path_factory: pytest.TempPathFactory, history: list[dict[str, str]], mirror: bool
) -> None:
    store = open_store(tmp_path_factory.mktemp("history").as_uri())
    landed: dict[str, str] = {}
    for held in history:
        landed = held | landed  # a photo lands once, under its first label
        record(store, *(f"{label}/{name}" for name, label in held.items()), mirror=mirror)
    found = rows(store, *(f"{label}/{name}" for name, label in landed.items()))
    last = history[-1]
    assert {name: found[name] for name in last} == {n: [(last[n], True)] for n in last}
    assert all(
        len(found[name]) == 1 and found[name][0][1] is not mirror for name in found.keys() - last
    )


@pytest.mark.parametrize(
    ("spec", "address"),
    [
        ("", "sample"),
        ("sample", "sample"),
        ("/srv/photos/", "file:///srv/photos"),
        ("/srv/other/../photos", "file:///srv/photos"),
        ("file:///srv/my%20photos", "file:///srv/my photos"),
        ("https://ann:secret@Host.org/data?X-Signature=1", "https://host.org/data/"),
        ("s3://bucket/prefix", "s3://bucket/prefix/"),
        ("http://[::1", "http://[::1"),
    ],
)
def test_a_source_has_one_address_without_credentials(spec: str, address: str) -> None:
    assert source_address(spec) == address
