"""What `make run` trains when nobody says which model."""

import pytest

from dandelion_pipeline.cli.run import ModelChoice, usual_model
from dandelion_pipeline.training.config import Preset


@pytest.mark.parametrize(
    ("preset", "is_sample", "model"),
    [
        (None, False, None),
        (Preset.BEST, False, None),
        (Preset.FAST, False, ModelChoice.TRANSFER),
        (Preset.FAST, True, ModelChoice.TRANSFER),
        (Preset.SAMPLE, False, ModelChoice.RESNET18),
        (None, True, ModelChoice.RESNET18),
    ],
)
def test_fast_is_the_transfer_model_alone_and_generated_photos_train_a_resnet18(
    preset: Preset | None, is_sample: bool, model: ModelChoice | None
) -> None:
    assert usual_model(preset, is_sample=is_sample) is model
