"""A file of a bundle with the training photos that an answer can be compared with."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from safetensors.numpy import save

from dandelion_pipeline.errors import BundleError
from dandelion_pipeline.release.neighbours import Neighbours

PARTS: dict[str, npt.NDArray[Any]] = {
    "features": np.eye(3, 5, dtype=np.float16),
    "labels": np.array([0, 1, 1], np.int32),
    "sha256": np.zeros((3, 32), np.uint8),
}


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"no tensors", "cannot be read"),
        (save({k: v for k, v in PARTS.items() if k != "labels"}), "cannot be read"),
        (save({**PARTS, "features": np.eye(3, 5)}), "of the types float64, int32, uint8"),
        (save({**PARTS, "sha256": np.zeros((3, 20), np.uint8)}), "do not belong together"),
        (save({**PARTS, "features": PARTS["features"][:2]}), "do not belong together"),
        (save({name: part[:0] for name, part in PARTS.items()}), "do not belong together"),
        (save({**PARTS, "labels": np.array(0, np.int32)}), "do not belong together"),
        (save({**PARTS, "labels": np.array([0, 1, 2], np.int32)}), "none of the model's 2"),
        (save({**PARTS, "labels": np.array([0, -1, 1], np.int32)}), "none of the model's 2"),
        (save({**PARTS, "features": PARTS["features"] * 2}), "not of length 1"),
        (save({**PARTS, "features": PARTS["features"] * np.float16(np.nan)}), "not of length 1"),
    ],
)
def test_a_file_that_holds_no_training_photos_is_refused_by_name(
    data: bytes, complaint: str
) -> None:
    with pytest.raises(BundleError, match=complaint) as refused:
        Neighbours.parse(data, "neighbours.safetensors of model v", 2)
    assert "neighbours.safetensors of model v" in str(refused.value)


def test_the_nearest_are_those_of_the_largest_cosine_whatever_the_length() -> None:
    random = np.random.default_rng(0)
    given = random.normal(size=(200, 40)).astype(np.float32)
    given /= np.linalg.norm(given, axis=1, keepdims=True)
    hashes = random.integers(0, 256, (200, 32), dtype=np.uint8)
    made = Neighbours(given, (np.arange(200) % 7).astype(np.int32), hashes)
    read = Neighbours.parse(made.to_bytes(), "here", 7)
    photo = random.normal(size=40).astype(np.float32)
    cosines = given @ photo / np.linalg.norm(photo)
    order = np.argsort(-cosines)[:6]
    for features in (photo, photo * 300):
        found = read.nearest(features, 6)
        assert [one.sha256 for one in found] == [hashes[row].tobytes().hex() for row in order]
        assert [one.label for one in found] == (order % 7).tolist()
        assert [one.cosine for one in found] == pytest.approx(cosines[order], abs=1e-3)


def test_a_photo_in_which_nothing_is_seen_resembles_none() -> None:
    read = Neighbours.parse(save(PARTS), "here", 2)
    assert [one.cosine for one in read.nearest(np.zeros(5, np.float32), 50)] == [0, 0, 0]
