"""The live model, which may be damaged."""

from dataclasses import dataclass

from dandelion_pipeline.errors import BundleError
from dandelion_pipeline.release import log
from dandelion_pipeline.release.bundle import Bundle, open_bundle
from dandelion_pipeline.storage.objects.store import Store


@dataclass(frozen=True)
class Live:
    """The live model, as far as it can be read."""

    version: str
    bundle: Bundle | None
    damage: str = ""


def live_model(store: Store) -> Live | None:
    """The live model; None if no model is live. A damaged one is no error here."""
    release = log.live_or_none(store)
    if release is None:
        return None
    try:
        bundle = open_bundle(store, release.version, release.manifest_sha256)
    except BundleError as error:
        return Live(release.version, None, f"{error.what}: {error.why}")
    return Live(release.version, bundle)
