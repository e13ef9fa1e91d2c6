import pytest
from pydantic import ValidationError

from dandelion_pipeline.training.config import SPARE, Preset, TrainingConfig


def test_the_defaults_are_the_preset_best() -> None:
    assert TrainingConfig() == TrainingConfig.of(Preset.BEST)


def test_a_preset_can_be_changed_knob_by_knob() -> None:
    changed = TrainingConfig.of(Preset.FAST, seed=3)
    assert changed.seed == 3
    assert changed.size == TrainingConfig.of(Preset.FAST).size


@pytest.mark.parametrize("center_crop", [0.01, 0.3, 0.66, 0.875, 1.0])
@pytest.mark.parametrize("size", [32, 113, 512])
def test_photos_are_not_reduced_below_what_is_cropped_from_them(
    size: int, center_crop: float
) -> None:
    preprocessing = TrainingConfig(size=size, center_crop=center_crop).preprocessing
    assert preprocessing.shorter_side * center_crop >= size
    assert preprocessing.shorter_side >= size * SPARE


@pytest.mark.parametrize("knob", [{"epochs": 0}, {"size": 8}, {"device": "tpu"}, {"epoch": 3}])
def test_a_knob_that_makes_no_sense_is_refused(knob: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TrainingConfig.of(Preset.BEST, **knob)


def test_evaluation_and_serving_share_the_input_size() -> None:
    assert TrainingConfig(size=96).preprocessing.size == 96


def test_the_first_epochs_see_smaller_crops() -> None:
    config = TrainingConfig(epochs=10, size=96, early_share=0.3, early_scale=0.5)
    assert [config.crop_size(part, 10) for part in range(10)] == [48] * 3 + [96] * 7


def test_without_an_early_share_all_crops_have_the_size_of_the_input() -> None:
    config = TrainingConfig(epochs=2, size=96, early_share=0)
    assert [config.crop_size(part, 2) for part in range(2)] == [96, 96]
