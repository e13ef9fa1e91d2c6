"""`make run`: from nothing to a published model, twice, interrupted, and on bad input."""

import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from mlflow import MlflowClient

from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline_tests.data.small_data_set import DAY
from dandelion_pipeline_tests.data.tiny_models import photo
from dandelion_pipeline_tests.e2e.conftest import DANDELION, Home, clean_env, run_dandelion

pytestmark = pytest.mark.e2e


def test_the_first_run_ends_with_counts_accuracy_version_and_what_comes_next(home: Home) -> None:
    assert home.first_run.returncode == 0, home.first_run.stderr
    said = home.first_run.stdout
    for expected in ("dandelion", "grass", "train", "validation", "test", "accuracy", "make up"):
        assert expected in said
    assert home.live_version in said
    assert f"/models/{home.live_version}/" in said


def test_a_model_of_the_sample_says_so(home: Home) -> None:
    assert "GENERATED SAMPLE" in home.first_run.stdout
    assert "Trained on the generated sample" in home.first_run.stdout


def test_progress_of_every_epoch_is_shown(home: Home) -> None:
    assert "epoch   1/12" in home.first_run.stderr
    assert "epoch  12/12" in home.first_run.stderr


def test_a_second_run_copies_nothing_and_says_what_it_skipped(home: Home) -> None:
    photos = len(home.store.list_objects("images/"))
    before = home.live_version
    again = home.dandelion("run")
    assert again.returncode == 0, again.stderr
    assert f"0 photos copied, {photos} skipped" in again.stdout
    assert "ingestion skipped" in again.stdout
    assert "training skipped" in again.stdout
    assert before in again.stdout
    assert home.live_version == before
    assert len(home.store.list_objects("images/")) == photos


@contextmanager
def training(home: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """A training whose first epoch is over."""
    command = [DANDELION, "run", *options]
    with subprocess.Popen(
        command, env=clean_env(home), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "epoch   1/12" in line:
                break
        yield process


@pytest.fixture(scope="module")
def small_home(small_store: Store, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """One with few photos, whose first run was killed while it trained: `first_run` is the next."""
    folder: Path = tmp_path_factory.mktemp("small")
    day = layout.landing_day(DAY)
    keys = [found.key for found in small_store.list_objects(day)]
    home, photos = folder / "home", folder / "photos"
    photos.mkdir()
    with_files(photos, {key.removeprefix(day): data for key, data in small_store.get_many(keys)})
    with training(home, "--images", str(photos)) as process:
        process.kill()
    return Home(home, run_dandelion(home, "run"))


def test_after_a_training_was_killed_the_next_one_does_not_wait_for_it(small_home: Home) -> None:
    assert small_home.first_run.returncode == 0, small_home.first_run.stderr
    assert "epoch  12/12" in small_home.first_run.stderr


def test_ctrl_c_in_the_middle_of_training_leaves_the_live_model_and_says_so(
    small_home: Home,
) -> None:
    before = small_home.live_version
    with training(small_home.folder, "--retrain") as process:
        assert process.stderr is not None
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
    assert process.returncode == 130
    assert f"the live model is still {before}" in said
    assert "Traceback" not in said
    assert small_home.live_version == before
    client = MlflowClient(f"sqlite:///{small_home.folder / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("dandelion")
    assert experiment is not None
    newest = client.search_runs([experiment.experiment_id])[0]
    assert newest.info.status == "KILLED"


def missing(folder: Path) -> Path:
    return folder / "nowhere"


def empty(folder: Path) -> Path:
    return folder


def one_class(folder: Path) -> Path:
    return with_files(folder, {f"dandelion/{i}.jpg": photo(size=40 + i) for i in range(30)})


def three_photos(folder: Path) -> Path:
    names = ("dandelion/1.jpg", "dandelion/2.jpg", "grass/3.jpg")
    return with_files(folder, {n: photo(size=40 + i) for i, n in enumerate(names)})


def no_folder(folder: Path) -> Path:
    with_files(folder, {"notes.txt": b"these are notes"})
    return folder / "notes.txt"


def texts_named_jpg(folder: Path) -> Path:
    texts = {f"{c}/{i}.jpg": f"text {c} {i}".encode() for c in ("a", "b") for i in range(10)}
    return with_files(folder, texts)


def with_files(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    return folder


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (missing, "No such file or directory"),
        (empty, "it is empty"),
        (one_class, "one class only (dandelion)"),
        (three_photos, "each class needs at least 3"),
        (no_folder, "it is a file and neither"),
        (texts_named_jpg, "not one of them is a photo"),
    ],
)
def test_bad_input_ends_with_one_message_and_the_live_model_stays(
    home: Home, tmp_path: Path, make: Callable[[Path], Path], why: str
) -> None:
    before = home.live_version
    answer = home.dandelion("run", "--images", str(make(tmp_path)))
    assert answer.returncode == 1
    assert why in answer.stderr
    for part in ("error: ", "why: ", "do: "):
        assert answer.stderr.count(part) == 1
    assert "Traceback" not in answer.stderr
    assert home.live_version == before


def test_the_command_line_classifies_photos_and_names_what_it_cannot_read(
    home: Home, tmp_path: Path
) -> None:
    good, bad = tmp_path / "good.jpg", tmp_path / "bad.jpg"
    good.write_bytes(photo())
    bad.write_bytes(b"no photo")
    answer = home.dandelion("predict", str(good), str(bad))
    assert answer.returncode == 1
    assert "good.jpg" in answer.stdout
    assert home.live_version in answer.stdout
    assert "bad.jpg" in answer.stderr


def test_the_release_log_can_be_listed(home: Home) -> None:
    assert home.live_version in home.dandelion("releases", "list").stdout
    assert '"action": "promote"' in home.dandelion("releases", "list", "--json").stdout
