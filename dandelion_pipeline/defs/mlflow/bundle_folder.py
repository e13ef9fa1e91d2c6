"""How MLflow reads a bundle whose folder its server would not take as a source.

MLflow loads this module by our entry point ``mlflow.artifact_repository``, while it is half
imported itself, so nothing of MLflow is imported here at the top.
"""

from typing import TYPE_CHECKING

from dandelion_pipeline.errors import BundleError

if TYPE_CHECKING:
    from mlflow.store.artifact.artifact_repo import ArtifactRepository

AT = "?at="
"""What stands before the folder's address in a source (see `model_version.source_of`)."""


def bundle_folder(
    artifact_uri: str, tracking_uri: str | None = None, registry_uri: str | None = None
) -> "ArtifactRepository":
    """The files of a source that hides a folder, for MLflow to read.

    Args:
        artifact_uri: ``dandelion:/models/<version>?at=file:///…``.
        tracking_uri: handed on.
        registry_uri: handed on.

    Raises:
        BundleError: no folder's address is in it.
    """
    from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository  # noqa: PLC0415

    address = artifact_uri.partition(AT)[2]
    if not address.startswith("file:"):
        raise BundleError(
            f"the source {artifact_uri}",
            f"no folder's address stands behind {AT}",
            "Load a version that the pipeline registered: its tag `bundle` is set",
        )
    return LocalArtifactRepository(address, tracking_uri, registry_uri)
