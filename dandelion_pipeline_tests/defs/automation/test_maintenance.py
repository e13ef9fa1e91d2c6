"""The weekly maintenance: a check, garbage collection, and what is too old."""

import os
from pathlib import Path

import dagster as dg
import pytest

from dandelion_pipeline.defs.automation.maintenance import (
    apply_retention,
    maintenance_job,
    maintenance_schedules,
)
from dandelion_pipeline.defs.resources import StoreResource
from dandelion_pipeline.errors import SettingsError
from dandelion_pipeline.ingest.landing import import_photos
from dandelion_pipeline.settings import Settings, load_settings
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline_tests.ingest.two_photos import DAY, PHOTOS, ingest

ORPHAN = layout.image("f" * 64)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A day that has been taken in, and an old photo that nobody names."""
    folder = tmp_path / "store"
    monkeypatch.setenv("DANDELION_HOME", str(tmp_path))
    opened = open_store(folder.as_uri())
    import_photos(opened, PHOTOS, DAY)
    ingest(opened)
    opened.put(ORPHAN, b"nobody's")
    os.utime(folder / ORPHAN, (0, 0))
    return opened


def maintain(store: Store, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    return maintenance_job.execute_in_process(
        resources={"store": StoreResource(url=store.url)}, instance=instance, raise_on_error=False
    )


def test_maintenance_removes_what_nobody_needs_and_what_is_too_old(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DANDELION_KEEP_LANDING_DAYS", "30")
    with dg.DagsterInstance.ephemeral() as instance:
        assert maintain(store, instance).success
    assert not store.exists(ORPHAN)
    assert not store.list_objects(layout.LANDING)
    assert len(store.list_objects(layout.IMAGES)) == len(PHOTOS)


def test_nothing_is_removed_from_a_store_that_is_damaged(store: Store) -> None:
    photo = next(found for found in store.list_objects(layout.IMAGES) if found.key != ORPHAN)
    store.delete(photo.key)
    with dg.DagsterInstance.ephemeral() as instance:
        ended = maintain(store, instance)
    assert not ended.success
    (failure,) = ended.get_failed_step_keys()
    assert failure == "checked_store"
    assert store.exists(ORPHAN)


def test_by_default_nothing_is_deleted_by_its_age(store: Store) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        assert apply_retention(store, load_settings(), instance) == {}
    assert len(store.list_objects(layout.LANDING)) == len(PHOTOS)


def test_logs_of_steps_go_where_dagster_keeps_them_on_this_machine(
    store: Store, tmp_path: Path
) -> None:
    (tmp_path / "dagster").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as instance:
        folder = Path(instance.storage_directory()) / "a-run" / "compute_logs"
        folder.mkdir(parents=True)
        for name in ("old.out", "new.out"):
            (folder / name).write_text("printed")
        os.utime(folder / "old.out", (0, 0))
        gone = apply_retention(store, Settings(keep_step_output_days=7), instance)
        assert (gone["compute logs"].objects, gone["compute logs"].bytes) == (1, 7)
        assert [path.name for path in folder.iterdir()] == ["new.out"]


def test_answers_are_deleted_only_where_it_is_said(store: Store) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        found = apply_retention(store, Settings(keep_predictions_days=7), instance)
    assert list(found) == ["predictions"]


def test_an_empty_time_means_never_and_another_must_be_one() -> None:
    assert [one.name for one in maintenance_schedules(Settings())] == [
        "weekly_maintenance_schedule"
    ]
    assert maintenance_schedules(Settings(maintenance_cron="")) == []
    with pytest.raises(SettingsError, match="DANDELION_MAINTENANCE_CRON"):
        maintenance_schedules(Settings(maintenance_cron="every sunday"))


def test_no_number_of_days_means_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DANDELION_KEEP_LANDING_DAYS", "")
    assert load_settings().keep_landing_days is None
    monkeypatch.setenv("DANDELION_KEEP_LANDING_DAYS", "0")
    with pytest.raises(SettingsError, match="DANDELION_KEEP_LANDING_DAYS"):
        load_settings()
