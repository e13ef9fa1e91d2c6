"""What was given for one run comes before what is configured, and nothing else does."""

from typing import Any

import dagster as dg
import pytest

from dandelion_pipeline.defs.assets.training import TrainedModelConfig
from dandelion_pipeline.defs.configuration import given_to, with_given
from dandelion_pipeline.training.config import Imbalance, TrainingConfig

CONFIGURED = TrainingConfig(size=224, epochs=3, seed=7)


@dg.asset
def probe(context: dg.AssetExecutionContext, config: TrainedModelConfig) -> dict[str, Any]:
    """The parameters of a run."""
    return with_given(CONFIGURED, given_to(context), config).model_dump()


@pytest.mark.parametrize(
    ("given", "changes"),
    [
        ({}, {}),
        ({"config": {}}, {}),
        ({"config": {"seed": 5}}, {"seed": 5}),
        ({"config": {"size": 144}}, {"size": 144}),  # the default of the code, asked for
        ({"config": {"epochs": None}}, {"epochs": None}),
        ({"config": {"imbalance": "NONE"}}, {"imbalance": Imbalance.NONE}),
    ],
)
def test_a_field_that_is_not_given_is_as_configured(
    given: dict[str, Any], changes: dict[str, Any]
) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        done = dg.materialize([probe], instance=instance, run_config={"ops": {"probe": given}})
    assert done.output_for_node("probe") == {**CONFIGURED.model_dump(), **changes}
