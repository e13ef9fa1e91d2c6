"""Every answer is in the store once, and nothing that happens to the log happens to an answer."""

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import httpx

from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store, sha256_hex
from dandelion_pipeline.storage.records.predictions import read_predictions
from dandelion_pipeline_tests.data.tiny_models import GREEN, YELLOW, photo, publish
from dandelion_pipeline_tests.serving.conftest import StartApi, api_on, wait_until


def logged(store: Store) -> list[dict[str, object]]:
    today = datetime.now(UTC)
    rows: list[dict[str, object]] = read_predictions(store, f"{today:%Y-%m-%d}").to_pylist()
    return rows


def ask(api: httpx.Client, data: bytes) -> str:
    answer = api.post("/predict", files={"file": data}).raise_for_status().json()
    return str(answer["prediction_id"])


def test_an_answer_is_in_the_store_with_all_that_is_known_of_it(
    store: Store, start_api: StartApi
) -> None:
    publish(store, "first")
    api = start_api(log_seconds=0.1)
    data = photo(YELLOW, size=70)
    name = ask(api, data)
    wait_until(lambda: logged(store))
    (row,) = logged(store)
    assert row["prediction_id"] == name
    assert (row["label"], row["model_version"]) == ("dandelion", "first")
    assert (row["photo_sha256"], row["bytes"]) == (sha256_hex(data), len(data))
    assert (row["format"], row["width"], row["height"]) == ("JPEG", 70, 70)
    assert row["classes"] == ["dandelion", "grass"]
    assert row["probabilities"][0] == row["confidence"]  # type: ignore[index]
    assert not store.list_objects("predictions/photos/")


def test_photos_are_kept_where_the_setting_says_so(store: Store, start_api: StartApi) -> None:
    publish(store, "first")
    api = start_api(log_seconds=0.1, keep_photos=True)
    photos = [photo(YELLOW), photo(GREEN), photo(YELLOW)]
    for data in photos:
        ask(api, data)
    for data in photos:
        key = layout.answered_photo(sha256_hex(data))
        wait_until(lambda: store.exists(key))  # noqa: B023
        assert store.get(key) == data


def test_rows_wait_on_disk_while_the_store_is_away(
    store: Store, start_api: StartApi, tmp_path: Path
) -> None:
    publish(store, "first")
    api = start_api(log_seconds=0.1)
    (tmp_path / "store" / "predictions").write_text("a file where a folder should be")
    names = [ask(api, photo()) for _ in range(3)]
    wait_until(lambda: "dandelion_log_waiting_bytes 0.0" not in api.get("/metrics").text)
    (tmp_path / "store" / "predictions").unlink()
    wait_until(lambda: len(logged(store)) == 3)
    assert {row["prediction_id"] for row in logged(store)} == set(names)


def test_a_disk_that_is_full_costs_rows_and_no_answers(
    store: Store, small_disk: Path, start_api: StartApi
) -> None:
    publish(store, "first")
    api = start_api(home=small_disk, log_seconds=3600)
    (small_disk / "ballast").write_bytes(b"\0" * 900_000)
    with (small_disk / "more").open("wb", buffering=0) as file, suppress(OSError):
        while file.write(b"\0" * 4_096):
            pass
    for _ in range(30):
        ask(api, photo())
    text = api.get("/metrics").text
    assert "dandelion_log_rows_dropped_total 0.0" not in text


def test_a_segment_whose_table_was_written_before_its_process_died_doubles_no_row(
    store: Store, tmp_path: Path
) -> None:
    publish(store, "first")
    home = tmp_path / "home"
    with api_on(store, home=home, log_seconds=3600) as api:
        names = {ask(api, photo()) for _ in range(3)}
        (segment,) = home.rglob("*.journal")
        rows = segment.read_bytes()
    assert {row["prediction_id"] for row in logged(store)} == names
    assert not segment.exists()
    segment.write_bytes(rows)
    with api_on(store, home=home, log_seconds=0.1):
        wait_until(lambda: not segment.exists())
    assert sorted(str(row["prediction_id"]) for row in logged(store)) == sorted(names)


def test_without_a_log_nothing_is_written(store: Store, start_api: StartApi) -> None:
    publish(store, "first")
    api = start_api(prediction_log=False)
    ask(api, photo())
    assert "dandelion_log" not in api.get("/metrics").text


def test_told_to_stop_it_writes_what_it_has(store: Store) -> None:
    publish(store, "first")
    with api_on(store, log_seconds=3600) as api:
        names = {ask(api, photo()) for _ in range(5)}
        assert not logged(store)
    assert {row["prediction_id"] for row in logged(store)} == names
