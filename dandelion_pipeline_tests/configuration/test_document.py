import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from dandelion_pipeline.configuration.document import Configuration, configuration_of
from dandelion_pipeline.errors import SettingsError
from dandelion_pipeline.gate.limits import GateLimits
from dandelion_pipeline.training.config import Model, Preset, TrainingConfig

PARAMETERS = {
    "model": st.sampled_from(["both", "transfer", "resnet18"]),
    "near_duplicates": st.sampled_from(["auto", "exact", "off"]),
    "training.preset": st.sampled_from([one.value for one in Preset]),
    "training.size": st.integers(32, 512),
    "training.epochs": st.none() | st.integers(1, 100),
    "training.mirror": st.sampled_from(["auto", "on", "off"]),
    "quality.smallest_side": st.none() | st.integers(1, 100),
    "batch.max_rejection_rate": st.floats(0, 1),
    "dataset.smallest_class": st.integers(1, 100),
    "gate.significance": st.floats(0.01, 0.99),
}
CHANGES = st.fixed_dictionaries({}, optional=PARAMETERS)


def test_nothing_chosen_is_every_default() -> None:
    nothing = Configuration()
    assert nothing.chosen() == {}
    assert nothing.training_of(Model.RESNET18) == TrainingConfig()
    assert nothing.gate_limits == GateLimits()
    assert nothing.models == [Model.TRANSFER, Model.RESNET18]


@given(CHANGES, CHANGES)
def test_what_is_chosen_holds_and_everything_else_stays(
    first: dict[str, JsonValue], second: dict[str, JsonValue]
) -> None:
    before = Configuration().changed(first)
    after = before.changed(second)
    assert {name: after.effective()[name] for name in second} == second
    others = before.effective().keys() - second.keys()
    if "training.preset" in second:  # it brings values of its own for what nobody chose
        others = {n for n in others if not n.startswith("training.") or n in before.chosen()}
    assert all(after.effective()[n] == before.effective()[n] for n in others)
    assert after.without(list(second)).chosen().items() <= first.items()


@given(CHANGES)
def test_a_configuration_survives_being_written_down(changes: dict[str, JsonValue]) -> None:
    made = Configuration().changed(changes)
    assert configuration_of(json.loads(made.model_dump_json())) == made


def test_a_preset_gives_what_nobody_chose() -> None:
    made = Configuration().changed({"training.preset": "fast", "training.size": 224})
    assert made.training_of(Model.RESNET18) == TrainingConfig.of(Preset.FAST, size=224)


def test_the_transfer_model_takes_the_knobs_that_it_has() -> None:
    made = Configuration().changed({"training.size": 224, "training.seed": 7})
    assert made.training_of(Model.TRANSFER) == TrainingConfig(model=Model.TRANSFER, seed=7)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"training.sise": 224}, "no training.sise; training.size is the nearest"),
        ({"training.size": 3}, "training.size: .*greater than or equal to 32 .it is 3"),
        ({"training.preset": "slow"}, "training.preset: 'slow' is none of sample, fast, best"),
        ({"training.model": "transfer"}, "no training.model"),
        ({"training.weights": "a.safetensors"}, "needs weights_sha256"),
        ({"gate.significance": "high"}, "gate.significance: .*valid number"),
        ({"model": "vgg"}, "model: .*'both', 'transfer' or 'resnet18'"),
        ({"modle": "both"}, "parameter modle: there is none of this name; model is the nearest"),
        ({"training": 3}, "parameter training"),
        ({"gate.": 3}, "parameter gate"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_name(
    change: dict[str, JsonValue], says: str
) -> None:
    with pytest.raises(SettingsError, match=says):
        Configuration().changed(change)


@pytest.mark.parametrize("document", [{"trainng": {}}, {"training": []}, {"gate": {"x": 1}}])
def test_a_document_of_another_form_is_refused(document: dict[str, JsonValue]) -> None:
    with pytest.raises(SettingsError, match=r"the configuration: "):
        configuration_of(document)
