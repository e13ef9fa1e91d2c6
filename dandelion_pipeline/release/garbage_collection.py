"""Bundles that were never finished, are incomplete or altered, and what old ones left behind."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from dandelion_pipeline.errors import BundleError, ReleaseError
from dandelion_pipeline.release import log
from dandelion_pipeline.release.bundle import open_bundle
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.garbage_collection import Damage, Orphan
from dandelion_pipeline.storage.objects.store import Store, StoredObject

_UNTRAINED = "untrained-1"
"""The network that looked at photos where no model was live."""


def orphans(store: Store) -> list[Orphan]:
    """Bundles without a manifest: a training that died, or that nobody published.

    Raises:
        ReleaseError: the release log cannot be read, so nobody knows what was released.
    """
    released = {entry.version for entry in log.history(store)}
    return [
        Orphan(
            layout.model_file(version, ""),
            "a model without a manifest",
            tuple(files),
            needed_if=layout.model_file(version, layout.MANIFEST),
        )
        for version, files in _unfinished(store).items()
        if version not in released  # its manifest is lost: that is damage, and no rubbish
    ]


def outdated_embeddings(store: Store) -> list[Orphan]:
    """What trained models saw in photos, from the time before the backbone: nothing reads it."""
    models = {*known_versions(store), _UNTRAINED}
    return [
        Orphan(found.key, "features of a trained model", (found,))
        for found in store.list_objects(layout.EMBEDDINGS)
        if layout.embeddings_version(found.key) in models
    ]


def known_versions(store: Store) -> list[str]:
    """The versions of all bundles that are finished or, as far as the log can be read, released."""
    found = set(_by_version(store)) - set(_unfinished(store))
    return sorted(found | set(_released(store)))


def damaged(store: Store, versions: Sequence[str], *, reading: bool) -> Iterator[Damage | None]:
    """Look at bundles: one result for each, None if nothing is wrong with it.

    Args:
        store: where they lie.
        versions: which ones.
        reading: whether each file is read and hashed, or only its size is compared.
    """
    released = _released(store)
    sizes = {o.key: o.size for o in store.list_objects(layout.MODELS)}
    for version in versions:
        try:
            bundle = open_bundle(store, version, released.get(version))
            if reading:
                bundle.verify()
        except BundleError as error:
            yield Damage(layout.model_file(version, ""), f"{error.what}: {error.why}")
            continue
        wrong = [
            name
            for name, file in bundle.manifest.files.items()
            if sizes.get(layout.model_file(version, name)) != file.size
        ]
        why = f"missing or of another size: {', '.join(wrong)}"
        yield Damage(layout.model_file(version, ""), why) if wrong else None


def _released(store: Store) -> dict[str, str]:
    """The hash of each released version's manifest; nothing if the log cannot be read."""
    try:
        return {entry.version: entry.manifest_sha256 for entry in log.history(store)}
    except ReleaseError:
        return {}


def _unfinished(store: Store) -> dict[str, list[StoredObject]]:
    return {
        version: files
        for version, files in _by_version(store).items()
        if layout.model_file(version, layout.MANIFEST) not in {file.key for file in files}
    }


def _by_version(store: Store) -> dict[str, list[StoredObject]]:
    versions: dict[str, list[StoredObject]] = defaultdict(list)
    for found in store.list_objects(layout.MODELS):
        versions[found.key.removeprefix(layout.MODELS).split("/", 1)[0]].append(found)
    return versions
