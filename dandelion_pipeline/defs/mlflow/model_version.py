"""What MLflow's model registry is told of a bundle."""

from collections.abc import Mapping, Sequence

from dandelion_pipeline.release.bundle import Bundle
from dandelion_pipeline.storage import layout

NAME = "dandelion"
"""The registered model; named like the experiment (`tracking.EXPERIMENT`)."""


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
        return f"{NAME}:/{layout.MODELS}{bundle.manifest.version}?at={address}"
    return address


def _address(bundle: Bundle) -> str:
    return bundle.store.address(layout.model_file(bundle.manifest.version, "")).rstrip("/")
