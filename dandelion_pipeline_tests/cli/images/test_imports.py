"""`dandelion images import` again and again, as people sort their folders."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dandelion_pipeline.cli.images.commands import SourceChoice
from dandelion_pipeline.cli.run import chosen_source
from dandelion_pipeline.dataset.cleaning.clean import CLEAN_IMAGES, clean
from dandelion_pipeline.dataset.cleaning.waiting import waiting_days
from dandelion_pipeline.dataset.labels.reviews import reviews
from dandelion_pipeline.dataset.reviewed import all_photos
from dandelion_pipeline.errors import Refused, ReviewError, SettingsError, SourceError
from dandelion_pipeline.ingest.imports import Imported, last_imports, record_import
from dandelion_pipeline.ingest.intake import RAW_IMAGES, take_in
from dandelion_pipeline.ingest.landing import today
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store, sha256_hex
from dandelion_pipeline.storage.records.tables import last_table, write_table
from dandelion_pipeline_tests.cli.conftest import Dandelion

WHY = ("--reason", "seen")
Import = Callable[..., str]


def put(folder: Path, label: str, *numbers: int) -> None:
    (folder / label).mkdir(parents=True, exist_ok=True)
    for number in numbers:
        blocks = np.random.default_rng(number).integers(0, 256, (8, 8, 3), np.uint8)
        Image.fromarray(blocks).resize((64, 64)).save(folder / label / f"{number}.jpg", quality=95)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four photos of grass and two of moss."""
    put(tmp_path / "my photos", "grass", 1, 2, 3, 4)
    put(tmp_path / "my photos", "moss", 5, 6)
    return tmp_path / "my photos"


@pytest.fixture
def imported(here: Store, dandelion: Dandelion, folder: Path) -> Import:
    """Import the folder, take in what is new, and give what was said."""

    def again(*options: str, source: Path = folder) -> str:
        answer = dandelion("images", "import", str(source), *options)
        if answer.exception is not None and not isinstance(answer.exception, SystemExit):
            raise answer.exception
        for day in waiting_days(here):
            raw = take_in(here, day, last_table(here, layout.table(RAW_IMAGES, day))).table
            write_table(here, layout.table(RAW_IMAGES, day), raw)
            write_table(here, layout.table(CLEAN_IMAGES, day), clean(here, raw))
        return " ".join(answer.stdout.split())

    again()
    return again


def labels(store: Store) -> dict[str, list[str]]:
    """The kept photos of each class by their file's name."""
    found: dict[str, list[str]] = {}
    for row in all_photos(store).to_pylist():
        if row["keep"]:
            found.setdefault(row["label"], []).append(row["name"].removesuffix(".jpg"))
    return {label: sorted(names) for label, names in sorted(found.items())}


def test_a_class_folder_that_was_renamed_renames_its_class(
    here: Store, folder: Path, imported: Import
) -> None:
    (folder / "grass").rename(folder / "lawn")
    said = imported()
    assert "0 photos copied" in said
    assert "class grass is now lawn: its 4 photos lie there now" in said
    assert labels(here) == {"lawn": ["1", "2", "3", "4"], "moss": ["5", "6"]}
    assert "moved" not in imported()


def test_photos_that_were_moved_to_another_folder_have_its_label_unless_a_person_decided(
    here: Store, folder: Path, dandelion: Dandelion, imported: Import
) -> None:
    dandelion("images", "keep", "2.jpg", *WHY)
    for name in ("1.jpg", "2.jpg"):
        (folder / "grass" / name).rename(folder / "moss" / name)
    assert "2 photos moved from grass to moss: the label is now moss" in imported()
    assert labels(here) == {"grass": ["2", "3", "4"], "moss": ["1", "5", "6"]}


def test_photos_that_are_gone_stay_until_the_source_is_mirrored(
    here: Store, folder: Path, imported: Import
) -> None:
    (folder / "grass" / "1.jpg").unlink()
    said = imported()
    assert "1 photo that the last import held is gone from the source and stays" in said
    assert f"dandelion images import '{folder}' --mirror" in said
    assert labels(here)["grass"] == ["1", "2", "3", "4"]
    assert "1 photo gone from the source: left out" in imported("--mirror")
    assert labels(here)["grass"] == ["2", "3", "4"]
    put(folder, "grass", 1)
    assert "1 back again" in imported()
    assert labels(here)["grass"] == ["1", "2", "3", "4"]


def test_a_mirror_that_lost_more_than_half_is_refused_unless_forced(
    here: Store, folder: Path, imported: Import
) -> None:
    shutil.rmtree(folder / "grass")
    put(folder, "clover", 7)
    with pytest.raises(Refused, match="4 of the 6 photos that it held are gone"):
        imported("--mirror")
    assert sum(map(len, labels(here).values())) == 6
    imported()
    assert labels(here)["clover"] == ["7"]
    imported("--mirror", "--force")
    assert labels(here) == {"clover": ["7"], "moss": ["5", "6"]}


def test_half_of_the_photos_may_go_without_force(
    here: Store, folder: Path, imported: Import
) -> None:
    for number in (1, 2, 5):
        next(folder.glob(f"*/{number}.jpg")).unlink()
    imported("--mirror")
    assert labels(here) == {"grass": ["3", "4"], "moss": ["6"]}


def test_a_folder_of_one_class_that_the_store_knows_is_taken_and_another_one_asked_about(
    here: Store, tmp_path: Path, imported: Import
) -> None:
    put(tmp_path / "more", "moss", 7)
    put(tmp_path / "other", "clover", 8)
    imported(source=tmp_path / "more")
    assert labels(here)["moss"] == ["5", "6", "7"]
    with pytest.raises(SourceError, match="the store knows grass, moss"):
        imported(source=tmp_path / "other")
    imported("--labels", "clover", source=tmp_path / "other")
    assert labels(here)["clover"] == ["8"]


def test_a_class_is_renamed_by_a_command_for_photos_of_before_and_of_later(
    here: Store, folder: Path, dandelion: Dandelion, imported: Import
) -> None:
    assert dandelion("classes", "rename", "grass", "lawn", *WHY).exit_code == 0
    put(folder, "grass", 7)
    imported()
    assert labels(here) == {"lawn": ["1", "2", "3", "4", "7"], "moss": ["5", "6"]}
    listed = json.loads(dandelion("classes", "list", "--json").stdout)
    assert listed["classes"] == {"lawn": 5, "moss": 2}
    assert [(one["old"], one["new"]) for one in listed["renames"]] == [("grass", "lawn")]
    assert "renamed" in dandelion("classes", "list").stdout
    dandelion("classes", "rename", "lawn", "grass", *WHY)
    assert set(labels(here)) == {"grass", "moss"}
    dandelion("classes", "rename", "grass", "moss", "--merge", *WHY)
    assert set(labels(here)) == {"moss"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("fern", "lawn", *WHY), "there is no such class"),
        (("grass", "moss", *WHY), "there is a class moss already, with 2 photos"),
        (("grass", "grass", *WHY), "it is the name that the class has"),
        (("grass", "a/b", *WHY), "holds a slash"),
        (("grass", "lawn", "--reason", ""), "it is empty"),
    ],
)
def test_a_name_that_a_class_cannot_have_is_refused(
    here: Store, dandelion: Dandelion, imported: Import, arguments: tuple[str, ...], message: str
) -> None:
    error = dandelion("classes", "rename", *arguments).exception
    assert isinstance(error, ReviewError)
    assert message in str(error)
    assert here.list_objects(layout.CLASSES) == []


def test_photos_are_dropped_and_relabelled_by_lists_of_ids_and_file_names(
    here: Store, tmp_path: Path, dandelion: Dandelion, imported: Import
) -> None:
    first = sha256_hex((tmp_path / "my photos/grass/1.jpg").read_bytes())
    listed, table = tmp_path / "bad.txt", tmp_path / "labels.csv"
    listed.write_text(f"# blurred\n{first[:12]}\ngrass/2.jpg\n\n2.jpg\n")
    assert dandelion("images", "drop", "--from-list", str(listed), *WHY).exit_code == 0
    table.write_text("id,label\n3.jpg,moss\n")
    assert dandelion("images", "relabel", "--from-list", str(table), *WHY).exit_code == 0
    decided = [(review.decision, review.label) for review in reviews(here)]
    assert decided == [("drop", "grass"), ("drop", "grass"), ("relabel", "moss")]


@pytest.mark.parametrize(
    ("command", "text", "message"),
    [
        ("drop", "1.jpg\n99.jpg\n", "none of the 6 photos"),
        ("drop", "# nothing\n", "it names no photo"),
        ("relabel", "1.jpg\n", "row 1 is not an ID and a label"),
        ("relabel", "1.jpg,fern\n", "no photo has it"),
    ],
)
def test_a_list_with_one_wrong_line_decides_nothing(
    here: Store,
    tmp_path: Path,
    dandelion: Dandelion,
    imported: Import,
    command: str,
    text: str,
    message: str,
) -> None:
    (tmp_path / "list").write_text(text)
    error = dandelion("images", command, "--from-list", str(tmp_path / "list"), *WHY).exception
    assert isinstance(error, ReviewError)
    assert message in str(error)
    assert reviews(here) == []


def test_conflicts_are_listed_with_the_ids_to_decide_about(
    here: Store, folder: Path, dandelion: Dandelion, imported: Import
) -> None:
    assert "no photos that are alike" in dandelion("images", "conflicts").stdout
    shutil.copy(folder / "grass" / "1.jpg", folder / "moss" / "1.jpg")
    imported()
    rows = json.loads(dandelion("images", "conflicts", "--json").stdout)
    mine = [row for row in rows if row["name"] == "1.jpg"]
    assert [row["label"] for row in mine] == ["grass", "moss"]
    shown = dandelion("images", "conflicts").stdout
    assert mine[0]["sha256"][:12] in shown
    dandelion("images", "drop", mine[0]["sha256"], *WHY)
    left = json.loads(dandelion("images", "conflicts", "--json").stdout)
    assert not [row for row in left if row["name"] == "1.jpg"]


def test_a_known_source_may_rename_all_its_classes_and_another_one_is_refused(
    here: Store, folder: Path, imported: Import
) -> None:
    for old, new in (("grass", "lawn"), ("moss", "fern")):
        (folder / old).rename(folder / new)
    shutil.copytree(folder, folder.with_name("copy"))
    source = chosen_source(here, SourceChoice(str(folder)))
    assert source is not None
    assert source.labels == ("fern", "lawn")
    with pytest.raises(Refused, match="dandelion classes rename OLD NEW"):
        chosen_source(here, SourceChoice(str(folder.with_name("copy"))))
    with pytest.raises(SettingsError, match="nothing to mirror"):
        chosen_source(here, SourceChoice("", mirror=True))


def test_splits_and_groups_of_the_source_are_kept_on_request(
    here: Store, dandelion: Dandelion, tmp_path: Path
) -> None:
    for split, numbers in (("train", (1, 2)), ("test", (3, 4))):
        put(tmp_path / "sorted" / split, "grass", numbers[0])
        put(tmp_path / "sorted" / split, "moss", numbers[1])
    for options, splits in (((), {""}), (("--keep-splits",), {"train", "test"})):
        pattern = ("--group-pattern", r"(\d)\.jpg")
        given = ("images", "import", str(tmp_path / "sorted"), *options, *pattern)
        assert dandelion(*given).exit_code == 0
        (record,) = last_imports(here)
        assert {file.split for file in record.files if file.held} == splits
        assert {file.group for file in record.files} == {"1", "2", "3", "4"}


def test_photos_carry_the_groups_and_splits_of_their_source(here: Store, imported: Import) -> None:
    photos = all_photos(here)
    assert set(photos["user_group"].to_pylist()) == set(photos["user_split"].to_pylist()) == {""}
    (record,) = last_imports(here)
    held = [replace(file, group="ann", split="test") for file in record.files[:1]]
    record_import(here, Imported(record.facts.source, held, (), today(), "ann"))
    said = {(row["user_group"], row["user_split"]) for row in all_photos(here).to_pylist()}
    assert said == {("ann", "test"), ("", "")}


def test_a_damaged_import_record_is_found(
    here: Store, dandelion: Dandelion, imported: Import
) -> None:
    assert dandelion("store", "check", "--rehash", "tables").exit_code == 0
    (found,) = here.list_objects(layout.IMPORTS)
    here.put(found.key, here.get(found.key)[:-9])
    answer = dandelion("store", "check", "--rehash", "tables")
    assert answer.exit_code == 1
    assert found.key in answer.stdout
    assert "delete it and import the source again" in str(
        dandelion("images", "conflicts").exception
    )


def test_the_day_of_an_import_is_today_by_default(here: Store, imported: Import) -> None:
    assert here.list_objects(layout.landing_day(today()))
