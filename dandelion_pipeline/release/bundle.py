"""Model bundles under ``models/<version>/``: written once, manifest last.

A bundle without a manifest does not exist for readers, so a writer may die at any moment.
The release log holds the hash of the manifest, the manifest is sealed and holds the hash of
each file: whatever is altered shows before a parser sees it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from dandelion_pipeline.errors import BundleError, ObjectDamaged, ObjectNotFound
from dandelion_pipeline.release.manifest import FileDigest, Manifest
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store, sha256_hex


def put_files(store: Store, version: str, files: Mapping[str, bytes]) -> None:
    """Write the files of a bundle-to-be. Files that are there already must be the same.

    Raises:
        BundleError: a file of this version exists with other contents.
    """
    for name, data in files.items():
        _put_once(store, layout.model_file(version, name), data)


def finish(store: Store, manifest: Manifest) -> "Bundle":
    """Write the manifest, which makes the bundle exist. Doing it twice is fine.

    Returns:
        The bundle, verified.

    Raises:
        BundleError: a file that the manifest lists is missing or differs, or the version
            has another manifest already.
    """
    document = manifest.to_json()
    bundle = Bundle(store, manifest, sha256_hex(document))
    bundle.verify()
    _put_once(store, layout.model_file(manifest.version, layout.MANIFEST), document)
    return bundle


def digests(files: Mapping[str, bytes]) -> dict[str, FileDigest]:
    """What the manifest says of each file."""
    return {n: FileDigest(sha256=sha256_hex(d), size=len(d)) for n, d in sorted(files.items())}


@dataclass(frozen=True)
class Bundle:
    """A finished bundle. Its files are verified as they are read, before anybody parses them."""

    store: Store
    manifest: Manifest
    manifest_sha256: str
    """The hash of the manifest as it is stored, for the release log."""

    def verify(self) -> None:
        """Read every file and throw it away again.

        Raises:
            BundleError: a file is missing or was altered.
        """
        for name in self.manifest.files:
            self.read(name)

    def read(self, name: str) -> bytes:
        """The bytes of one file.

        Raises:
            BundleError: the manifest does not list it, it is missing, or it was altered.
        """
        version = self.manifest.version
        expected = self.manifest.files.get(name)
        if expected is None:
            raise BundleError(f"file {name} of model {version}", "it is not listed", _REMEDY)
        key = layout.model_file(version, name)
        try:
            data = self.store.get(key)
        except ObjectNotFound:
            raise BundleError(f"file {self.store.address(key)}", "it is missing", _REMEDY) from None
        except ObjectDamaged as error:
            raise BundleError(f"file {self.store.address(key)}", error.why, _REMEDY) from None
        if len(data) != expected.size or sha256_hex(data) != expected.sha256:
            raise BundleError(
                f"file {self.store.address(key)}", "it is not what the manifest says", _REMEDY
            )
        return data


def open_bundle(store: Store, version: str, manifest_sha256: str | None = None) -> Bundle:
    """Open a finished bundle.

    Args:
        store: where it lies.
        version: which one.
        manifest_sha256: what the release log says of its manifest, if it was released.

    Raises:
        BundleError: there is no such bundle, or its manifest was altered or cannot be used.
    """
    key = layout.model_file(version, layout.MANIFEST)
    try:
        data = store.get(key)
    except ObjectNotFound:
        raise BundleError(
            f"model {version}", f"there is no {store.address(key)}", _REMEDY
        ) from None
    except ObjectDamaged as error:
        raise BundleError(f"the manifest {store.address(key)}", error.why, _REMEDY) from None
    digest = sha256_hex(data)
    if manifest_sha256 not in (None, digest):
        raise BundleError(
            f"the manifest {store.address(key)}", "it is not what was released", _REMEDY
        )
    manifest = Manifest.parse(data, store.address(key))
    if manifest.version != version:
        raise BundleError(f"model {version}", f"its manifest speaks of {manifest.version}", _REMEDY)
    return Bundle(store, manifest, digest)


_REMEDY = "Publish the model again, or make another version live (`dandelion releases rollback`)"


def _put_once(store: Store, key: str, data: bytes) -> None:
    if not store.put_if_absent(key, data) and store.get(key) != data:
        raise BundleError(
            f"could not write {store.address(key)}",
            "it exists with other contents, and bundles are never changed",
            "Publish under a new version",
        )
