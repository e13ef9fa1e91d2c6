import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dandelion_pipeline.errors import SettingsError, SourceError
from dandelion_pipeline.ingest.drop_folder import Upload, scan, share, upload
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store

DAY, NEXT, THIRD = "2026-11-01", "2026-11-02", "2026-11-03"


def drop(folder: Path, label: str, *names: str) -> None:
    for name in names:
        path = folder / label / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(f"{label} {name}".encode())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    drop(tmp_path / "drop", "dandelion", *(f"{n:02}.jpg" for n in range(25)))
    drop(tmp_path / "drop", "grass", *(f"{n:02}.jpg" for n in range(12)))
    return tmp_path / "drop"


def landed(store: Store, day: str, label: str) -> list[str]:
    prefix = layout.landing_day(day)
    keys = [o.key for o in store.list_objects(prefix)]
    return [k.removeprefix(f"{prefix}{label}/") for k in keys if k.startswith(f"{prefix}{label}/")]


def test_a_scan_counts_the_files_of_each_class(folder: Path) -> None:
    (folder / "empty").mkdir()
    drop(folder, "grass", "deeper/99.jpg", ".DS_Store")
    drop(folder, ".trash", "1.jpg")
    (folder / "README.txt").write_text("not a class")
    assert scan(folder) == {"dandelion": 25, "empty": 0, "grass": 13}


def test_a_missing_folder_is_named() -> None:
    with pytest.raises(SourceError, match=r"/nowhere/at/all: it cannot be opened"):
        scan(Path("/nowhere/at/all"))


def test_files_side_by_side_are_no_classes(tmp_path: Path) -> None:
    (tmp_path / "1.jpg").write_bytes(b"")
    with pytest.raises(SourceError, match="nothing says which class"):
        scan(tmp_path)


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="it is empty"):
        scan(tmp_path)


def test_a_class_folder_that_can_be_no_part_of_a_key_is_an_error(tmp_path: Path) -> None:
    drop(tmp_path, "a#1", "1.jpg")
    with pytest.raises(SourceError, match="no class name"):
        scan(tmp_path)


def test_a_day_gets_the_first_photos_of_each_class_by_name(store: Store, folder: Path) -> None:
    done = upload(store, folder, DAY)
    assert done == Upload(
        DAY,
        uploaded={"dandelion": 10, "grass": 10},
        present={"dandelion": 0, "grass": 0},
        waiting={"dandelion": 15, "grass": 2},
    )
    assert landed(store, DAY, "grass") == [f"{n:02}.jpg" for n in range(10)]
    assert store.get(layout.landing_photo(DAY, "grass", "07.jpg")) == b"grass 07.jpg"


def test_a_repeated_day_uploads_nothing(store: Store, folder: Path) -> None:
    upload(store, folder, DAY)
    again = upload(store, folder, DAY)
    assert again.uploaded == {"dandelion": 0, "grass": 0}
    assert again.present == {"dandelion": 10, "grass": 10}


def test_a_past_day_stays_as_it_is_when_photos_come_and_go(store: Store, folder: Path) -> None:
    upload(store, folder, DAY)
    upload(store, folder, NEXT)
    drop(folder, "grass", "00-earlier-by-name.jpg")
    (folder / "grass" / "05.jpg").unlink()
    assert upload(store, folder, DAY).uploaded == {"dandelion": 0, "grass": 0}
    assert landed(store, DAY, "grass") == [f"{n:02}.jpg" for n in range(10)]


def test_the_next_day_goes_on_and_the_last_gets_what_is_left(store: Store, folder: Path) -> None:
    for day in (DAY, NEXT, THIRD):
        upload(store, folder, day)
    assert landed(store, NEXT, "dandelion") == [f"{n:02}.jpg" for n in range(10, 20)]
    assert landed(store, THIRD, "dandelion") == [f"{n:02}.jpg" for n in range(20, 25)]
    assert landed(store, NEXT, "grass") == ["10.jpg", "11.jpg"]
    assert landed(store, THIRD, "grass") == []


def test_an_upload_that_stopped_in_the_middle_is_completed(store: Store, folder: Path) -> None:
    for name in ("00.jpg", "01.jpg", "04.jpg"):  # uploads run side by side: gaps are possible
        store.put(layout.landing_photo(DAY, "grass", name), f"grass {name}".encode())
    done = upload(store, folder, DAY)
    assert (done.uploaded["grass"], done.present["grass"]) == (7, 3)
    assert landed(store, DAY, "grass") == [f"{n:02}.jpg" for n in range(10)]


def test_a_photo_that_cannot_be_read_is_named_and_stops_no_other(
    store: Store, folder: Path
) -> None:
    bad = folder / "grass" / "05.jpg"
    content = bad.read_bytes()
    bad.unlink()
    bad.symlink_to(bad)  # a loop: not even root can read it
    done = upload(store, folder, DAY)
    assert done.uploaded == {"dandelion": 10, "grass": 10}
    assert "it cannot be read" in done.odd["grass/05.jpg"]
    bad.unlink()
    bad.write_bytes(content)
    upload(store, folder, NEXT)
    assert store.get(layout.landing_photo(NEXT, "grass", "05.jpg")) == content


def test_what_is_no_photo_takes_no_share_and_names_from_a_mac_are_the_same_class(
    store: Store, tmp_path: Path
) -> None:
    drop(tmp_path / "drop", "lo\u0308wenzahn", "1.jpg", "1.xmp", "@eaDir/1.jpg/THUMB.jpg", "1.AAE")
    drop(tmp_path / "drop", "grass", "1.jpg")
    store.put(layout.landing_photo(DAY, "Löwenzahn", "0.jpg"), b"0")
    done = upload(store, tmp_path / "drop", DAY, each=5)
    assert done.uploaded == {"grass": 1, "Löwenzahn": 1}
    assert landed(store, DAY, "Löwenzahn") == ["0.jpg", "1.jpg"]


def test_several_uploads_for_one_day_at_once_agree_on_the_share(store: Store, folder: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: upload(store, folder, DAY), range(4)))
    assert sum(each.uploaded["dandelion"] for each in done) == 10
    assert landed(store, DAY, "dandelion") == [f"{n:02}.jpg" for n in range(10)]


def test_names_are_made_safe(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "drop"
    drop(folder, "grass", "deeper/1.jpg", "a*b?.jpg")
    upload(store, folder, DAY)
    names = landed(store, DAY, "grass")
    assert len(names) == 2
    assert all("/" not in name and "*" not in name for name in names)
    assert upload(store, folder, NEXT).uploaded == {"grass": 0}


@pytest.mark.parametrize("day", ["20261101", "2026-02-30", "yesterday", "2026-1-1"])
def test_a_day_that_is_none_is_refused(tmp_path: Path, day: str) -> None:
    with pytest.raises(SettingsError, match="YYYY-MM-DD"):
        upload(open_store(tmp_path.as_uri()), tmp_path, day)


def test_a_share_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="DANDELION_SHARE"):
        upload(open_store(tmp_path.as_uri()), tmp_path, DAY, each=0)


def test_what_lies_in_the_day_already_counts_whatever_it_is_called() -> None:
    photos = {"grass": ["b", "a", "c", "d"]}
    others = {"grass": {DAY: {"from elsewhere"}, NEXT: {"a"}}}
    assert share(photos, others, DAY, each=3) == {"grass": ["b", "c"]}


_runs = st.lists(st.tuples(st.sampled_from([DAY, NEXT, THIRD]), st.integers(0, 4)), max_size=8)


@given(runs=_runs, each=st.integers(1, 4), grass=st.integers(0, 9))
@settings(max_examples=50)
def test_in_any_sequence_of_days_a_photo_lands_once_and_a_share_is_never_exceeded(
    runs: list[tuple[str, int]], each: int, grass: int
) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder, store = Path(temporary, "drop"), open_store(Path(temporary, "store").as_uri())
        (folder / "grass").mkdir(parents=True)
        drop(folder, "grass", *(f"{n}.jpg" for n in range(grass)))
        drop(folder, "dandelion", "only.jpg")
        for number, (day, more) in enumerate(runs):
            drop(folder, "grass", *(f"{10 - number}-{n}.jpg" for n in range(more)))
            before = len(landed(store, day, "grass"))
            there = len(list((folder / "grass").iterdir()))
            elsewhere = sum(len(landed(store, d, "grass")) for d in {DAY, NEXT, THIRD} - {day})
            done = upload(store, folder, day, each)
            after = len(landed(store, day, "grass"))
            assert after == min(each, there - elsewhere)
            assert done.uploaded["grass"] == after - before
            assert done.waiting["grass"] == there - elsewhere - after
        names = Counter(o.key.split("/", 2)[2] for o in store.list_objects(layout.LANDING))
        assert all(times == 1 for times in names.values())


def test_it_stands_on_the_base_dependencies_alone() -> None:
    absent = ["pyarrow", "torch", "dagster", "httpx", "boto3", "mlflow"]
    program = (
        f"import sys; sys.modules.update(dict.fromkeys({absent}))\n"
        "import dandelion_pipeline.ingest.drop_folder, dandelion_pipeline.storage.objects.location"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
