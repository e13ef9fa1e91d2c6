"""A model proves itself before it answers: it recomputes the golden examples of its bundle."""

import logging
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dandelion_pipeline.errors import BundleError
from dandelion_pipeline.release.bundle import Bundle
from dandelion_pipeline.release.golden import GOLDEN_FILE, Golden
from dandelion_pipeline.release.manifest import GRAPHS, NUMBERS, Form
from dandelion_pipeline.storage import layout
from serving.model.engine import Engine, softmax
from serving.settings import Precision

_log = logging.getLogger(__name__)


def proven_engine(
    bundle: Bundle,
    precision: Precision = "auto",
    *,
    because: str = "",
    threads: int | None = None,
) -> Engine:
    """An engine that answers on this machine as its graph did where it was judged.

    Args:
        bundle: one without golden examples, from before there were any, is taken at its word.
        precision: what the operator wants. The graph in 8-bit integers gives way to the one in
            32-bit floats if there is none, or if it does not prove itself here.
        because: why that one, if it is not an operator who wants it.
        threads: as of `Engine`.

    Raises:
        BundleError: the graph cannot be loaded, is not what the manifest says, or answers
            otherwise than it should.
    """
    version = bundle.manifest.version
    form, reason = _wanted(bundle, precision)
    because = because or reason
    if form == "int8":
        quick = Engine(bundle, "int8", because=because, threads=threads)
        wrong = _complaint(quick, bundle)
        if wrong is None:
            quick.warm_up()
            return quick
        _log.warning("Model %s answers in 32-bit floats: in 8 bits, %s", version, wrong)
        because = f"in 8-bit integers, {wrong}"
    engine = Engine(bundle, "fp32", because=because, threads=threads)
    wrong = _complaint(engine, bundle)
    if wrong is not None:
        raise BundleError(
            f"model {version}", wrong, "Publish it again, or make another version live"
        )
    engine.warm_up()
    return engine


def _wanted(bundle: Bundle, precision: Precision) -> tuple[Form, str]:
    """The graph to load, and why that one."""
    manifest = bundle.manifest
    if precision == "auto":
        return manifest.form, manifest.served_because
    judged = manifest.served_as or "fp32"
    because = f"DANDELION_PRECISION asks for it; the model was judged in {NUMBERS[judged]}"
    if precision == "int8" and GRAPHS["int8"] not in manifest.files:
        _log.warning("Model %s answers in 32-bit floats: it has no others", manifest.version)
        return "fp32", "the model has no graph in 8-bit integers"
    return precision, because


@dataclass(frozen=True)
class _Expected:
    """Answers to the golden examples."""

    logits: npt.NDArray[np.float32]
    tolerance: float
    whole: bool
    """Whether the distance of all of a photo's probabilities counts, or that of the worst."""


def _expected(golden: Golden, form: Form, bundle: Bundle) -> _Expected:
    said = bundle.manifest.golden
    assert said is not None  # noqa: S101  or there are no golden examples
    if form == "fp32":
        return _Expected(golden.logits, said.tolerance, whole=True)
    if golden.int8_logits is not None:
        return _Expected(golden.int8_logits, said.int8_tolerance, whole=True)
    return _Expected(golden.logits, said.int8_tolerance, whole=False)


def _complaint(engine: Engine, bundle: Bundle) -> str | None:
    """What is wrong with the engine's answers to the golden examples, or None."""
    manifest = bundle.manifest
    if manifest.golden is None:
        return None
    address = bundle.store.address(layout.model_file(manifest.version, GOLDEN_FILE))
    golden = Golden.parse(bundle.read(GOLDEN_FILE), address)
    size, classes = engine.preprocessing.size, len(manifest.classes)
    if golden.pixels.shape[1:] != (size, size, 3) or golden.logits.shape[1] != classes:
        return "its golden examples are for another model"
    expected = _expected(golden, engine.form, bundle)
    apart = np.abs(
        engine.probabilities(golden.pixels) - softmax(expected.logits, engine.temperature)
    )
    difference = float((apart.sum(axis=1) / 2 if expected.whole else apart).max())
    if difference <= expected.tolerance:
        return None
    return (
        f"its probabilities for the golden examples are off by {difference:.2g} here, "
        f"and {expected.tolerance:.2g} is allowed"
    )
