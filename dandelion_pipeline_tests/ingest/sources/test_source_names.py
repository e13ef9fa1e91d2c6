import errno
import os
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dandelion_pipeline.errors import SourceError
from dandelion_pipeline.ingest.sources import open_source
from dandelion_pipeline.ingest.sources.labels import checked_label, tidied
from dandelion_pipeline.ingest.sources.photo import safe_name


@given(st.lists(st.text(min_size=1), unique=True))
@example(["0*.000000 0"])  # what is kept of its kind would end with a space
def test_names_are_unique_and_fit_for_keys_and_file_systems(paths: list[str]) -> None:
    names = [safe_name(path) for path in paths]
    assert len(set(names)) == len(paths)
    for name in names:
        assert name.isprintable()
        assert not set(name) & set("/\\#%?*:<>|\"'\n") - {"'"}
        assert name not in (".", "..")
        assert not name.startswith(".")
        assert 0 < len(name.encode()) < 200
        assert safe_name(name) == name or len(name.encode()) > 120


@pytest.mark.parametrize(
    "name", ["a.jpg", "IMG_0001 (2).JPG", "Löwenzahn.jpeg", "日本.png", "_x", "1"]
)
def test_an_ordinary_name_stays_as_it_is(name: str) -> None:
    assert safe_name(name) == name


def test_a_name_that_is_too_long_keeps_its_beginning_and_its_kind() -> None:
    name = safe_name("ü" * 255 + ".jpeg")
    assert name.startswith("üüü")
    assert name.endswith(".jpeg")
    assert name != safe_name("ü" * 256 + ".jpeg")


def test_names_that_are_no_unicode_stay_apart(tmp_path: Path) -> None:
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
    (tmp_path / "b" / "1").touch()
    try:
        for raw in (b"\xff.jpg", b"\xfe.jpg"):
            (tmp_path / "a" / os.fsdecode(raw)).write_bytes(raw)
    except OSError as error:
        assert error.errno == errno.EILSEQ  # noqa: PT017 (some file systems refuse such names)
        return
    names = [p.name for p in open_source(str(tmp_path)) if p.label == "a"]
    assert len(set(names)) == 2
    assert all(name.isprintable() for name in names)


@pytest.mark.parametrize(
    "label",
    [
        "grass",
        "Löwenzahn",
        "a b-c_d.e",
        "日本",
        "हिन्दी",
        "7",
        "Pepper,_bell",
        "C++",
        "🌼",
        "-_",
        "Queen Anne's lace",
        "dog & cat",
        "Bidens (alba)",
        'a "b" <c>',
        "50%",
        "a%20b",
        "a#b",
        "ורד",
        "👩\u200d🌾",
        "{x}",
        "$HOME",
        "*",
        "a:b|c?",
    ],
)
def test_class_names_of_any_language_are_accepted(label: str) -> None:
    assert checked_label(label, "here") == label


@given(st.text())
def test_a_class_name_is_a_plain_folder_name_or_refused(label: str) -> None:
    try:
        checked_label(label, "here")
    except SourceError as error:
        assert repr(label) in str(error)  # noqa: PT017 (either outcome is right)
    else:
        assert label
        assert tidied(label)[0] != "."
        assert not set(tidied(label)) & set("/\\\n\0\x7f")


@pytest.mark.parametrize(
    "label", ["", " ", ".", "..", ".git", "a/b", "a\\b", "a\x07b", "a#1", "x" * 65, "\ud800"]
)
def test_a_name_that_is_no_class_name_is_refused(label: str) -> None:
    with pytest.raises(SourceError, match="Rename it"):
        checked_label(label, "here")
