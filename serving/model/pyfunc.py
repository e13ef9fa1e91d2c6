"""A bundle as MLflow's `python_function` flavor loads it: `mlflow.pyfunc.load_model`.

The `MLmodel` of each bundle names this module, and MLflow calls `_load_pyfunc` with the folder that
it has put the bundle's files in. The engine is that of the API, so the answers are the same.
Nothing is unpickled: the folder holds ONNX and JSON, and the manifest the hash of each file.
"""

import base64
import binascii
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from dandelion_pipeline.errors import ImageRefused
from dandelion_pipeline.release.bundle import open_bundle
from dandelion_pipeline.release.manifest import Manifest
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.location import open_store
from serving.model.engine import BATCHES, Engine
from serving.model.proof import proven_engine


class PhotoClassifier:
    """What `mlflow.pyfunc.load_model` wraps."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def predict(self, photos: Any, params: object = None) -> list[dict[str, object]]:  # noqa: ANN401  MLflow's signature
        """The answer to each photo: its label, the confidence, all probabilities, and the model.

        Args:
            photos: a data frame, as MLflow makes it of whatever it is given: in the first column
                the bytes of one photo a row, or their Base64 text.
            params: none are known.

        Raises:
            ImageRefused: one of them is no photo that we accept; the message says which.
        """
        found: list[dict[str, object]] = []
        files = [_bytes_of(value) for value in photos.iloc[:, 0]]
        for start in range(0, len(files), max(BATCHES)):
            found += self._answers(files[start : start + max(BATCHES)], start)
        return found

    def _answers(self, files: list[bytes], start: int) -> list[dict[str, object]]:
        pixels = []
        for number, data in enumerate(files, start):
            try:
                pixels.append(self._engine.prepare(data).pixels)
            except ImageRefused as error:
                error.add_note(f"It is photo {number} of the request, counted from 0.")
                raise
        manifest = self._engine.manifest
        return [
            {
                "label": manifest.classes[int(row.argmax())],
                "confidence": float(row.max()),
                "probabilities": dict(zip(manifest.classes, row.tolist(), strict=True)),
                "model": manifest.version,
            }
            for row in self._engine.probabilities(np.stack(pixels))
        ]


def _load_pyfunc(path: str) -> PhotoClassifier:
    """Load the bundle whose files lie in a folder, verified and proven as the API does.

    Args:
        path: the folder, under any name.

    Raises:
        BundleError: a file is missing or was altered, or the model answers otherwise than where it
            was judged.
    """
    folder = Path(path).resolve()
    document = folder / layout.MANIFEST
    version = Manifest.parse(document.read_bytes(), document.as_uri()).version
    with tempfile.TemporaryDirectory() as root:  # a store in which the bundle has its own place
        place = Path(root) / layout.model_file(version, "")
        place.parent.mkdir()
        place.symlink_to(folder, target_is_directory=True)
        return PhotoClassifier(proven_engine(open_bundle(open_store(Path(root).as_uri()), version)))


def _bytes_of(value: Any) -> bytes:  # noqa: ANN401  whatever a client sent
    """A photo's bytes, of themselves or of their Base64 text, as JSON clients send them.

    No format that we accept consists of the letters of Base64 alone.
    """
    data = value.encode() if isinstance(value, str) else bytes(value)
    try:
        return base64.b64decode(data, validate=True) or data
    except (binascii.Error, ValueError):
        return data
