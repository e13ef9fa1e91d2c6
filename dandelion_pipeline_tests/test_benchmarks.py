"""`make bench` without the example's photos."""

from itertools import islice
from pathlib import Path

import pytest

from benchmarks.common import example
from benchmarks.images import data_sets

BENCHMARKS = Path(example.__file__).parents[1]


@pytest.fixture(autouse=True)
def no_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(example, "FOLDER", tmp_path / "nowhere")


def test_generated_photos_take_the_place_of_the_example(capsys: pytest.CaptureFixture[str]) -> None:
    [(label, data), *_] = islice(example.photos(), 2)
    assert label == "dandelion"
    assert data[:2] == b"\xff\xd8"
    assert example.folder_or_sample() == "sample"
    assert "generated ones are measured" in capsys.readouterr().err


def test_a_set_that_is_not_there_is_left_out_with_a_sentence(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert data_sets.main(["example"]) == 0
    assert "example: left out" in capsys.readouterr().out


def test_benchmarks_look_for_the_example_in_one_place() -> None:
    looking = [path.name for path in BENCHMARKS.rglob("*.py") if '/ "shared' in path.read_text()]
    assert looking == ["example.py"]
