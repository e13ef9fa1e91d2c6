"""Photos are learned from as they will be served."""

import io

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from dandelion_pipeline.images.decoding.decode import decode
from dandelion_pipeline.images.decoding.preprocess import Preprocessing, pixels_of
from dandelion_pipeline.storage.content_store import keep
from dandelion_pipeline.storage.objects.store import Store, sha256_hex
from dandelion_pipeline.training.inputs.loading import TrainingPhotos, load_prepared, load_training


@pytest.mark.parametrize("shorter_side", [75, 600])
def test_a_large_photo_is_reduced_as_far_as_the_model_says(store: Store, shorter_side: int) -> None:
    file = io.BytesIO()
    Image.effect_noise((800, 600), 80).convert("RGB").save(file, "JPEG")
    photo = file.getvalue()
    keep(store, photo)
    rows = pa.table({"sha256": [sha256_hex(photo)], "label": ["grass"]})
    preprocessing = Preprocessing(size=48, shorter_side=shorter_side)
    served = pixels_of(photo, preprocessing)
    assert (load_prepared(store, rows, ["grass"], preprocessing).pixels[0] == served).all()
    reduced = decode(photo, shorter_side).image
    expected = TrainingPhotos.of([reduced], np.array([0]), preprocessing.size)
    found = load_training(store, rows, ["grass"], preprocessing)
    assert (found.pixels == expected.pixels).all()
