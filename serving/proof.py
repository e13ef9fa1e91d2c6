"""A model proves itself before it answers: it recomputes the golden examples of its bundle."""

import logging
from collections.abc import Callable

import numpy as np

from dandelion_pipeline.errors import BundleError
from dandelion_pipeline.release.bundle import Bundle
from dandelion_pipeline.release.golden import GOLDEN_FILE, Golden
from dandelion_pipeline.release.manifest import INT8_FILE, GoldenExamples
from dandelion_pipeline.storage import layout
from serving.engine import Engine, softmax

_log = logging.getLogger(__name__)


def proven_engine(bundle: Bundle, *, int8: bool, threads: int | None = None) -> Engine:
    """An engine that answers on this machine as the network did where it was trained.

    Args:
        bundle: one without golden examples, from before there were any, is taken at its word.
        int8: whether to answer in 8-bit integers, if the bundle says that they agree with torch
            and they prove it here; otherwise in 32-bit floats.
        threads: as of `Engine`.

    Raises:
        BundleError: the graph cannot be loaded, is not what the manifest says, or answers
            otherwise than it should.
    """
    manifest = bundle.manifest
    if int8 and manifest.int8 is not None and manifest.int8.agrees:
        quick = Engine(bundle, INT8_FILE, threads=threads)
        wrong = _complaint(quick, bundle, lambda golden: golden.int8_tolerance)
        if wrong is None:
            quick.warm_up()
            return quick
        _log.warning("Model %s answers in 32-bit floats: in 8 bits, %s", manifest.version, wrong)
    engine = Engine(bundle, threads=threads)
    wrong = _complaint(engine, bundle, lambda golden: golden.tolerance)
    if wrong is not None:
        raise BundleError(
            f"model {manifest.version}", wrong, "Publish it again, or make another version live"
        )
    engine.warm_up()
    return engine


def _complaint(
    engine: Engine, bundle: Bundle, allowed: Callable[[GoldenExamples], float]
) -> str | None:
    """What is wrong with the engine's answers to the golden examples, or None."""
    manifest = bundle.manifest
    if manifest.golden is None:
        return None
    address = bundle.store.address(layout.model_file(manifest.version, GOLDEN_FILE))
    golden = Golden.parse(bundle.read(GOLDEN_FILE), address)
    size, classes = engine.preprocessing.size, len(manifest.classes)
    if golden.pixels.shape[1:] != (size, size, 3) or golden.logits.shape[1] != classes:
        return "its golden examples are for another model"
    expected = softmax(golden.logits, manifest.temperature)
    difference = float(np.abs(engine.probabilities(golden.pixels) - expected).max())
    if difference <= allowed(manifest.golden):
        return None
    return (
        f"its probabilities for the golden examples are off by {difference:.2g} here, "
        f"and {allowed(manifest.golden):.2g} is allowed"
    )
