import json
from pathlib import Path

import pytest

from dandelion_pipeline.dataset.cleaning.acceptance import accepted
from dandelion_pipeline.dataset.cleaning.clean import CLEAN_IMAGES, clean
from dandelion_pipeline.dataset.labels.reviews import reviews
from dandelion_pipeline.errors import CheckFailed, ReviewError, SettingsError
from dandelion_pipeline.ingest.intake import RAW_IMAGES, take_in
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store, sha256_hex
from dandelion_pipeline.storage.records.tables import write_snapshot, write_table
from dandelion_pipeline_tests.cli.conftest import Dandelion
from dandelion_pipeline_tests.data.tiny_models import GREEN, YELLOW, photo
from dandelion_pipeline_tests.dataset.test_dataset import built, photos

DAY = "2025-05-01"
YELLOW_ID, GREEN_ID = (sha256_hex(photo(colour)) for colour in (YELLOW, GREEN))
WHY = ("--reason", "a lawn")


@pytest.fixture
def two(here: Store) -> Store:
    """A store with one photo of each of two classes."""
    here.put(layout.landing_photo(DAY, "dandelion", "1.jpg"), photo(YELLOW))
    here.put(layout.landing_photo(DAY, "grass", "2.jpg"), photo(GREEN))
    raw = take_in(here, DAY, None).table
    write_table(here, layout.table(RAW_IMAGES, DAY), raw)
    write_table(here, layout.table(CLEAN_IMAGES, DAY), clean(here, raw))
    return here


def test_a_photo_gets_another_label_by_the_beginning_of_its_id(
    two: Store, dandelion: Dandelion
) -> None:
    answer = dandelion("images", "relabel", YELLOW_ID[:8], "grass", *WHY, "--who", "ann")
    assert answer.exit_code == 0
    (review,) = reviews(two)
    assert (review.decision, review.sha256, review.label) == ("relabel", YELLOW_ID, "grass")
    assert (review.who, review.why) == ("ann", "a lawn")


def test_a_photo_is_dropped_or_kept(two: Store, dandelion: Dandelion) -> None:
    dandelion("images", "drop", GREEN_ID, *WHY)
    dandelion("images", "keep", YELLOW_ID, *WHY)
    assert [(r.decision, r.sha256, r.label) for r in reviews(two)] == [
        ("drop", GREEN_ID, "grass"),
        ("keep", YELLOW_ID, "dandelion"),
    ]


def test_decisions_are_listed_newest_first(two: Store, dandelion: Dandelion) -> None:
    assert "nothing has been decided yet" in dandelion("images", "reviews").stdout
    dandelion("images", "drop", GREEN_ID, *WHY)
    dandelion("images", "relabel", YELLOW_ID, "tulip", "--new-class", *WHY)
    lines = dandelion("images", "reviews").stdout.splitlines()
    assert [line.split()[:3] for line in lines if line.strip()[:1].isdigit()] == [
        ["2", "relabel", YELLOW_ID[:12]],
        ["1", "drop", GREEN_ID[:12]],
    ]
    document = json.loads(dandelion("images", "reviews", "--json").stdout)
    assert document == [review.model_dump() for review in reviews(two)[::-1]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("drop", "abc", *WHY), "too short"),
        (("drop", "0" * 12, *WHY), "none of the 2 photos"),
        (("relabel", YELLOW_ID, "tulip", *WHY), "there are dandelion, grass"),
        (("relabel", YELLOW_ID, "dandelion", *WHY), "its label is dandelion already"),
        (("drop", YELLOW_ID, "--reason", " "), "it is empty"),
        (("accept", "2025-05-02", *WHY), "not been looked at yet"),
        (("accept", DAY, "--reason", ""), "it is empty"),
    ],
)
def test_what_cannot_be_decided_is_an_error_with_its_remedy_and_changes_nothing(
    two: Store, dandelion: Dandelion, arguments: tuple[str, ...], message: str
) -> None:
    error = dandelion("images", *arguments).exception
    assert isinstance(error, ReviewError)
    assert message in str(error)
    assert error.remedy
    assert reviews(two) == []
    assert accepted(two, DAY) is None


def test_a_day_that_is_none_is_refused(dandelion: Dandelion) -> None:
    error = dandelion("images", "accept", "yesterday", *WHY).exception
    assert isinstance(error, SettingsError)


def test_a_relabelled_photo_counts_with_its_new_label(two: Store, dandelion: Dandelion) -> None:
    dandelion("images", "relabel", YELLOW_ID, "grass", *WHY)
    error = dandelion("images", "relabel", YELLOW_ID, "grass", *WHY).exception
    assert "its label is grass already" in str(error)


def test_suspects_are_listed_with_what_is_suggested(here: Store, dandelion: Dandelion) -> None:
    assert isinstance(dandelion("images", "suspects").exception, ReviewError)
    used = built(photos(30, "a"), photos(30, "b")).used
    suggested = ["b", "a", *[None] * 58]
    quality = [0.2, 0.1, *[0.9] * 58]
    table = used.append_column("label_quality", [quality])
    write_snapshot(here, "dataset", table.append_column("suggested_label", [suggested]))
    first, second = (used["sha256"][row].as_py() for row in (1, 0))
    rows = json.loads(dandelion("images", "suspects", "--json").stdout)
    assert [row["sha256"] for row in rows] == [first, second]
    listed = dandelion("images", "suspects").stdout
    assert listed.index(first[:12]) < listed.index(second[:12])


def test_a_stopped_day_is_taken_in_once_it_is_accepted(
    here: Store, dandelion: Dandelion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))  # the pipeline would set it
    for number in range(10):
        here.put(layout.landing_photo(DAY, "a", f"{number}.jpg"), b"no image")
    here.put(layout.landing_photo(DAY, "a", "good.jpg"), photo())
    from dandelion_pipeline.cli.pipeline import Pipeline  # noqa: PLC0415  takes seconds
    from dandelion_pipeline.settings import load_settings  # noqa: PLC0415

    with pytest.raises(CheckFailed):
        Pipeline(load_settings()).ingest(DAY)
    assert dandelion("images", "accept", DAY, *WHY).exit_code == 0
    word = accepted(here, DAY)
    assert word is not None
    assert word.why == "a lawn"
    assert here.exists(layout.table(CLEAN_IMAGES, DAY))
