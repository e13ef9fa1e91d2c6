"""What `make run` trains when nobody says which model."""

import pytest
from pydantic import JsonValue

from dandelion_pipeline.cli.run import trainings, usual_model
from dandelion_pipeline.configuration.document import Configuration
from dandelion_pipeline.training.config import Model, ModelChoice, Preset, TrainingConfig

HEAD = TrainingConfig(model=Model.TRANSFER)


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


@pytest.mark.parametrize(
    ("chosen", "preset", "model", "is_sample", "expected"),
    [
        ({}, None, None, False, [HEAD, TrainingConfig()]),
        ({}, None, None, True, [TrainingConfig.of(Preset.SAMPLE)]),
        ({"model": "resnet18"}, None, None, False, [TrainingConfig()]),
        ({"training.size": 224}, None, None, False, [HEAD, TrainingConfig(size=224)]),
        ({"training.size": 224}, None, None, True, [HEAD, TrainingConfig(size=224)]),
        ({"training.size": 224}, Preset.BEST, None, False, [HEAD, TrainingConfig()]),
        ({"training.size": 224}, None, ModelChoice.TRANSFER, False, [HEAD]),
        ({"model": "resnet18"}, Preset.FAST, None, False, [HEAD]),
    ],
)
def test_what_is_trained_is_as_configured_and_what_the_command_says_comes_first(
    chosen: dict[str, JsonValue],
    preset: Preset | None,
    model: ModelChoice | None,
    is_sample: bool,
    expected: list[TrainingConfig],
) -> None:
    configuration = Configuration().changed(chosen)
    assert trainings(configuration, preset, model, is_sample=is_sample) == expected
