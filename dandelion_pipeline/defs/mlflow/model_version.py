"""What MLflow is told of a bundle: its version in the registry, and the `MLmodel` beside its files.

MLflow loads a version from its source, which is the folder of the bundle itself.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from platform import python_version

from mlflow.models import Model, ModelSignature
from mlflow.types.schema import ColSpec, DataType, Map, Schema

from dandelion_pipeline.defs.mlflow.bundle_folder import AT
from dandelion_pipeline.release.bundle import Bundle
from dandelion_pipeline.storage import layout

NAME = "dandelion"
"""The registered model; named like the experiment (`tracking.EXPERIMENT`)."""

LOADER = "serving.model.pyfunc"
"""The module that loads a bundle with the API's engine; imported by MLflow where it loads one."""


def tags_of(bundle: Bundle, releases: Mapping[str, Sequence[int]]) -> dict[str, str]:
    """What a version is found by.

    Args:
        bundle: what is registered.
        releases: the numbers under which bundles went live.
    """
    manifest = bundle.manifest
    tags = {
        "bundle": manifest.version,
        "address": _address(bundle),
        "manifest_sha256": bundle.manifest_sha256,
        "data_hash": manifest.data.hash,
        "is_sample": str(manifest.data.is_sample).lower(),
        "accuracy": f"{manifest.metrics.accuracy:.4f}",
        "dagster_run": manifest.dagster_run,
        "code_version": manifest.code_version,
    }
    numbers = releases.get(manifest.version)
    return {**tags, "releases": ", ".join(map(str, numbers))} if numbers else tags


def description_of(bundle: Bundle) -> str:
    """What a version is, for people."""
    manifest = bundle.manifest
    photos = "generated photos (a sample)" if manifest.data.is_sample else "photos"
    return (
        f"{manifest.architecture} for {', '.join(manifest.classes)}; "
        f"{manifest.metrics.accuracy:.1%} of {manifest.metrics.test_photos} test photos right. "
        f"Trained on {photos}, data set {manifest.data.hash[:12]}; "
        f"finished {manifest.created}. Files: {_address(bundle)}"
    )


def source_of(bundle: Bundle, *, through_a_server: bool) -> str:
    """Where MLflow is told that the files lie.

    A server refuses folders that are no artifacts of a run, and any path that is a link on its
    own disk. So it is given a folder's address behind a question mark, where it does not look.
    """
    address = _address(bundle)
    if through_a_server and address.startswith("file:"):
        return f"{NAME}:/{layout.MODELS}{bundle.manifest.version}{AT}{address}"
    return address


def mlmodel_of(bundle: Bundle) -> bytes:
    """The document by which `mlflow.pyfunc.load_model` and `mlflow models serve` load a bundle.

    It names a module of the installed package and holds no code, so that whoever can write to the
    bucket cannot have anything run.
    """
    manifest = bundle.manifest
    photo = Schema([ColSpec(DataType.binary)])
    answer = Schema(
        [
            ColSpec(DataType.string, "label"),
            ColSpec(DataType.double, "confidence"),
            ColSpec(Map(DataType.double), "probabilities"),
            ColSpec(DataType.string, "model"),
        ]
    )
    model = Model(
        signature=ModelSignature(inputs=photo, outputs=answer),
        utc_time_created=datetime.fromisoformat(manifest.created),
        model_uuid=bundle.manifest_sha256[:32],
        metadata={"bundle": manifest.version, "manifest_sha256": bundle.manifest_sha256},
    )
    # As `mlflow.pyfunc.add_to_model` writes it; importing that takes seconds.
    model.add_flavor(
        "python_function", loader_module=LOADER, data=".", python_version=python_version()
    )
    return model.to_yaml().encode()


def _address(bundle: Bundle) -> str:
    return bundle.store.address(layout.model_file(bundle.manifest.version, "")).rstrip("/")
