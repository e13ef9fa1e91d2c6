from pathlib import Path

import pyarrow as pa

from dandelion_pipeline.evaluation.ancestry import DATASET, ancestry
from dandelion_pipeline.release.manifest import WEIGHTS_FILE
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import sha256_hex
from dandelion_pipeline.storage.records.tables import write_snapshot
from dandelion_pipeline_tests.data.tiny_models import SAMPLE, put_bundle


def test_weights_that_name_themselves_as_their_beginning_are_followed_once(tmp_path: Path) -> None:
    store = open_store(tmp_path.as_uri())
    snapshot = write_snapshot(store, DATASET, pa.table({"sha256": ["a"], "split": ["train"]}))
    training = {"weights": "x", "weights_sha256": sha256_hex(b"first")}
    data = SAMPLE.model_copy(update={"snapshot": snapshot})
    put_bundle(store, "of-first", beside={WEIGHTS_FILE: b"first"}, data=data, training=training)
    found = ancestry(store, training)
    assert (len(found.datasets), found.unknown) == (1, "")
