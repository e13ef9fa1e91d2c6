"""A live model is compared by the graph that answers, not by another of its bundle."""

from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pytest

from dandelion_pipeline.evaluation.scores import CHAMPION, compared, score
from dandelion_pipeline.release.agreement import Agreement
from dandelion_pipeline.release.manifest import INT8_FILE
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline_tests.data import tiny_models
from dandelion_pipeline_tests.gate.test_publish import challenger, coloured_dataset

AGREES = Agreement(
    photos=400, labels_equal=1.0, labels_wanted=0.97, largest_difference=0.01, agrees=True
)
DIFFERS = AGREES.model_copy(update={"agrees": False})


@pytest.mark.parametrize(
    ("said", "right"),
    [
        ({"served_as": "int8", "int8": AGREES}, False),
        ({"served_as": "fp32", "int8": DIFFERS}, True),
        ({"served_as": "fp32", "int8": AGREES}, True),
        ({"int8": AGREES}, False),
        ({"int8": DIFFERS}, True),
        ({}, True),
    ],
)
def test_the_live_model_is_compared_by_the_graph_that_answers(
    tmp_path: Path, said: dict[str, Any], right: bool
) -> None:
    store = open_store((tmp_path / "store").as_uri())
    dataset = coloured_dataset(store, each=30)
    beside = {INT8_FILE: tiny_models.onnx_graph(flipped=True)}
    tiny_models.publish(store, "v1", beside=beside, **said)
    _, answers = compared(score(store, dataset, challenger(dataset, "v2")), CHAMPION)
    assert answers.num_rows
    assert pc.all(pc.equal(pc.equal(answers["predicted"], answers["label"]), right)).as_py()
