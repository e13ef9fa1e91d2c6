"""How other people arrange photos; each refusal beside honest folders that look alike."""

from collections import Counter
from pathlib import Path

import pytest

from dandelion_pipeline.errors import SourceError
from dandelion_pipeline.ingest.sources import PhotoSource, open_source
from dandelion_pipeline.ingest.sources.entries import ignored_as


def put(folder: Path, *paths: str, **texts: str) -> Path:
    for path in (*paths, *texts):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(texts.get(path, path))
    return folder


def by_label(source: PhotoSource) -> dict[str, int]:
    return dict(Counter(photo.label for photo in source))


@pytest.mark.parametrize(
    "names",
    [("train", "valid", "test"), ("Training", "Testing"), ("train", "val"), ("dev", "TEST")],
)
def test_splits_are_no_classes(tmp_path: Path, names: tuple[str, ...]) -> None:
    put(tmp_path, *(f"{split}/{label}/1.jpg" for split in names for label in ("rose", "tulip")))
    source = open_source(str(tmp_path))
    photos = list(source)
    assert by_label(source) == {"rose": len(names), "tulip": len(names)}
    assert {photo.split for photo in photos} <= {"train", "validation", "test"}
    assert len({photo.split for photo in photos}) == len(names)
    assert len({(photo.label, photo.name) for photo in photos}) == len(photos)
    assert any("merged" in said for said in source.notes.said)
    kept = open_source(str(tmp_path), keep_splits=True)
    assert kept.keep_splits
    assert any("are kept" in said for said in kept.notes.said)


def test_splits_below_the_classes_are_splits_too(tmp_path: Path) -> None:
    put(tmp_path, *(f"{c}/{s}/1.jpg" for c in ("rose", "tulip") for s in ("train", "test")))
    photos = list(open_source(str(tmp_path)))
    assert {(p.label, p.split) for p in photos} == {
        (label, split) for label in ("rose", "tulip") for split in ("train", "test")
    }


@pytest.mark.parametrize("deeper", ["", "front/"])
def test_a_train_beside_a_bus_is_a_vehicle(tmp_path: Path, deeper: str) -> None:
    put(tmp_path, f"train/{deeper}1.jpg", f"bus/{deeper}1.jpg", f"car/{deeper}1.jpg")
    source = open_source(str(tmp_path))
    assert source.labels == ("bus", "car", "train")
    assert not any(photo.split for photo in source)


def test_splits_without_classes_are_refused_with_what_was_seen(tmp_path: Path) -> None:
    put(tmp_path, "train/1.jpg", "test/1.jpg", "valid/2.jpg")
    with pytest.raises(SourceError, match=r"'test', 'train', 'valid', which are names of splits"):
        open_source(str(tmp_path))


def test_photos_of_a_test_part_without_classes_are_left_aside_and_counted(tmp_path: Path) -> None:
    put(tmp_path, "train/a/1.jpg", "train/b/1.jpg", "test/7.jpg", "test/8.jpg")
    source = open_source(str(tmp_path))
    assert by_label(source) == {"a": 1, "b": 1}
    assert source.notes.ignored["files of test without a class"] == 2


def test_a_class_with_folders_in_it_is_one_class(tmp_path: Path) -> None:
    put(tmp_path, "rose/1.jpg", "rose/2.jpg", "rose/3.jpg", "rose/near/1.jpg", "rose/far/1.jpg")
    with pytest.raises(SourceError, match=r"one class only .rose."):
        open_source(str(tmp_path))


@pytest.mark.parametrize(
    "above", ["photos/", "data/photos/", "archive/Flowers Recognition/flowers/"]
)
def test_folders_around_the_classes_say_nothing(tmp_path: Path, above: str) -> None:
    put(tmp_path, f"{above}rose/1.jpg", f"{above}tulip/x/1.jpg", "README.md", "LICENSE")
    source = open_source(str(tmp_path))
    assert by_label(source) == {"rose": 1, "tulip": 1}
    assert {photo.path for photo in source} == {f"{above}rose/1.jpg", f"{above}tulip/x/1.jpg"}
    assert any(above.rstrip("/") in said for said in source.notes.said)


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("labels.csv", "file_name,label\n1.jpg,rose\n2.jpg,tulip\n"),
        ("metadata.csv", "\ufeffFilename;Class\r\n1.jpg;rose\r\n2.jpg;tulip\r\n"),
        ("list.tsv", "image\tspecies\n./1.jpg\trose\nimages/2.jpg\ttulip\n"),
        ("anything.csv", "id,breed\n1,rose\n2,tulip\n"),
        (
            "metadata.jsonl",
            '{"file_name": "1.jpg", "label": "rose"}\n{"file_name":"2.jpg","label":"tulip"}',
        ),
        ("labels.txt", "1.jpg rose\n2.jpg tulip\n"),
        ("y.csv", "image,rose,tulip\n1,1.0,0.0\n2,0.0,1.0\n"),
        (
            "labels.csv",
            "path,label\nC:\\data\\images\\1.JPG,rose\nC:\\data\\images\\2.JPG, tulip \n",
        ),
    ],
)
@pytest.mark.parametrize("below", ["", "images/"])
def test_a_table_says_the_classes(tmp_path: Path, name: str, table: str, below: str) -> None:
    put(tmp_path, f"{below}1.jpg", f"{below}2.jpg")
    (tmp_path / name).write_text(table, encoding="utf-8")
    source = open_source(str(tmp_path))
    assert {(p.label, p.path) for p in source} == {
        ("rose", f"{below}1.jpg"),
        ("tulip", f"{below}2.jpg"),
    }
    assert f"the labels are those of {name}" in source.notes.said


def test_a_table_may_give_splits_and_groups_and_what_it_misses_is_said(tmp_path: Path) -> None:
    put(tmp_path, "1.jpg", "2.jpg", "3.jpg", "4.jpg", "x/5.jpg", "y/5.jpg")
    (tmp_path / "labels.csv").write_text(
        "file,label,split,patient_id\n1.jpg,a,Train,p1\n2.jpg,b,val,p1\n3.jpg,b,test,p2\n"
        "gone.jpg,a,,\n5.jpg,a,,\n3.jpg,a,,\n"
    )
    source = open_source(str(tmp_path))
    assert [(p.label, p.split, p.group) for p in source] == [
        ("a", "train", "p1"),
        ("b", "validation", "p1"),
        ("b", "test", "p2"),
    ]
    assert source.notes.ignored["files that labels.csv does not list"] == 3
    assert source.notes.odd == {
        "labels.csv: gone.jpg": "there is no such file",
        "labels.csv: 5.jpg": "several files have this name",
        "labels.csv: 3.jpg": "listed as 'b' and as 'a'",
    }


def test_each_split_may_have_its_table(tmp_path: Path) -> None:
    put(tmp_path, *(f"{split}/{n}.jpg" for split in ("train", "test") for n in (1, 2)))
    for split in ("train", "test"):
        (tmp_path / split / "metadata.csv").write_text("file_name,label\n1.jpg,a\n2.jpg,b\n")
    assert [(p.label, p.split) for p in open_source(str(tmp_path))] == [
        ("a", "test"),
        ("a", "train"),
        ("b", "test"),
        ("b", "train"),
    ]


def test_a_table_of_something_else_beside_class_folders_is_a_sidecar(tmp_path: Path) -> None:
    put(tmp_path, "a/1.jpg", "a/2.jpg", "b/1.jpg")
    (tmp_path / "exif.csv").write_text("file,width,height\na/1.jpg,10,10\n")
    (tmp_path / "a" / "notes.csv").write_text("file,label\n1.jpg,blurred\n2.jpg,sharp\n")
    assert by_label(open_source(str(tmp_path))) == {"a": 2, "b": 1}


@pytest.mark.parametrize("above", ["train/", ""])
def test_a_table_of_an_earlier_arrangement_does_not_hide_photos_in_class_folders(
    tmp_path: Path, above: str
) -> None:
    photos = [f"{above}{label}/{n}.jpg" for label in ("rose", "tulip") for n in range(10)]
    other = [path.replace("train/", "test/").replace(".jpg", "-t.jpg") for path in photos]
    put(tmp_path, *photos, *other)
    listed = [path.rpartition("/")[2] for path in photos[:5]] + photos[5:14]
    rows = "".join(f"{name},rose\n" for name in listed)
    (tmp_path / "train.csv").write_text(f"filename,class\n{rows}")
    source = open_source(str(tmp_path))
    assert by_label(source) == {"rose": 20, "tulip": 20}
    assert any("train.csv is left aside" in said for said in source.notes.said)


def test_a_table_that_names_all_files_of_folders_counts_more_than_these(tmp_path: Path) -> None:
    photos = [f"patient-{n % 4}/{n}.jpg" for n in range(20)]
    put(tmp_path, *photos)
    rows = "".join(f"{path},{'ill' if n % 3 else 'well'}\n" for n, path in enumerate(photos[1:]))
    (tmp_path / "labels.csv").write_text(f"file,label\n{rows}")
    assert by_label(open_source(str(tmp_path))) == {"ill": 12, "well": 7}


def test_groups_are_found_in_file_names(tmp_path: Path) -> None:
    put(tmp_path, "a/patient-7_1.jpg", "b/patient-7_2.jpg", "b/other.jpg")
    source = open_source(str(tmp_path), group_pattern=r"patient-(\d+)")
    assert [photo.group for photo in source] == ["7", "", "7"]
    for pattern in ("(", "no-group", "(a)(b)"):
        with pytest.raises(SourceError, match="the group pattern"):
            open_source(str(tmp_path), group_pattern=pattern)


def test_files_side_by_side_are_refused_with_both_remedies(tmp_path: Path) -> None:
    put(tmp_path, "1.jpg", "2.jpg")
    (tmp_path / "labels.csv").write_text("a,b\n1,2\n")
    with pytest.raises(SourceError, match=r"side by side.*'1\.jpg'.*labels\.csv with the columns"):
        open_source(str(tmp_path))


def test_names_from_a_mac_and_blanks_make_no_second_class(tmp_path: Path) -> None:
    put(tmp_path, "Löwenzahn/1.jpg", "Lo\u0308wenzahn/1.jpg", "Löwenzahn /2.jpg", "b/1.jpg")
    source = open_source(str(tmp_path))
    assert by_label(source) == {"Löwenzahn": 3, "b": 1}
    assert len({(photo.label, photo.name) for photo in source}) == 4


@pytest.mark.parametrize("known", [(), ("DANDELION",)])
def test_names_that_differ_in_capitals_alone_are_asked_about(
    tmp_path: Path, known: tuple[str, ...]
) -> None:
    put(tmp_path, "Dandelion/1.jpg", "dandelion/2.jpg", "dandelion/3.jpg", "grass/1.jpg")
    with pytest.raises(SourceError, match=r"'Dandelion'.*differ in capitals alone.*--merge-case"):
        open_source(str(tmp_path), known=known)
    source = open_source(str(tmp_path), known=known, merge_case=True)
    assert by_label(source) == {"grass": 1, (known or ("dandelion",))[0]: 3}


def test_the_spelling_of_the_store_is_no_clash_with_itself(tmp_path: Path) -> None:
    put(tmp_path, "Dandelion/1.jpg", "grass/1.jpg")
    assert open_source(str(tmp_path), known=["Dandelion", "moss"]).labels == ("Dandelion", "grass")
    assert open_source(str(tmp_path), labels=["dandelion", "GRASS"]).labels == (
        "Dandelion",
        "grass",
    )


IGNORED = """
    @eaDir/a.jpg/SYNOPHOTO_THUMB_M.jpg #recycle/a.jpg #snapshot/daily/a.jpg .AppleDouble/a.jpg
    __MACOSX/a/._1.jpg lost+found/1 $RECYCLE.BIN/1.jpg .ipynb_checkpoints/a-checkpoint.jpg
    Thumbs.db desktop.ini .DS_Store ._1.jpg a.xmp a.jpg.xmp a.XML a.txt a.json a.csv README.md
    IMG_1.AAE a.pp3 a.yaml README LICENSE a.pdf a.mov x/y/Thumbs.db .@__thumb/a.jpg
    @Recycle/a.jpg .Trash-1000/a.jpg ~$a.jpg a.jpg~ .git/a .dtrash/a.jpg .thumbnails/a.png
    .stfolder/a a.THM a.dop
"""


@pytest.mark.parametrize("path", IGNORED.split())
def test_what_no_photo_is_called_is_ignored_and_counted(path: str) -> None:
    assert ignored_as(path)


@pytest.mark.parametrize(
    "path",
    ["1.jpg", "1", "a b.JPEG", "IMG_1.HEIC", "x.tiff", "notes.jpg", "a.unknown", "@home/1.jpg"],
)
def test_what_may_be_a_photo_is_left_to_the_decoder(path: str) -> None:
    assert ignored_as(path) is None


def test_thumbnails_of_a_nas_are_not_taken_and_each_kind_is_counted(tmp_path: Path) -> None:
    for label in ("a", "b"):
        put(tmp_path, f"{label}/1.jpg", f"{label}/@eaDir/1.jpg/S.jpg", f"{label}/1.xmp")
    put(tmp_path, "#recycle/a/9.jpg", ".ipynb_checkpoints/1.jpg", "labels/.DS_Store")
    source = open_source(str(tmp_path))
    assert by_label(source) == {"a": 1, "b": 1}
    assert sum(source.notes.ignored.values()) == 7
    assert any(said.startswith("ignored: ") for said in source.notes.sentences())
