"""The last model that proved itself, on this machine's disk: for a start while the store is away.

The folder is a small store of its own, laid out as the real one is: what is read from it is
verified like everything else, so a copy that was damaged is no model.
"""

import logging
from pathlib import Path

from dandelion_pipeline.errors import DandelionError
from dandelion_pipeline.release import log
from dandelion_pipeline.release.bundle import open_bundle
from dandelion_pipeline.release.golden import GOLDEN_FILE
from dandelion_pipeline.release.log import Release
from dandelion_pipeline.release.manifest import INT8_FILE, Form
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store
from serving.model.engine import Engine
from serving.model.proof import proven_engine

_log = logging.getLogger(__name__)


class OfflineCopy:
    """A copy of one model.

    Args:
        folder: where it lies; made when it is needed.
        keeps: whether `keep` does anything: of several processes, one is enough.
    """

    def __init__(self, folder: Path, *, keeps: bool = True) -> None:
        self._folder = folder
        self._keeps = keeps
        self._complained = False

    def keep(self, store: Store, release: Release, engine: Engine) -> None:
        """Copy what an engine was loaded from, in place of what was kept before.

        A disk that is full or read-only takes nothing away from the model that answers: it is
        logged once.
        """
        if not self._keeps:
            return
        try:
            self._keep(store, release, engine)
        except (DandelionError, OSError) as error:
            if not self._complained:
                _log.warning(
                    "No copy of the model is kept for a start without the store: %s", error
                )
            self._complained = True

    def load(self, *, threads: int | None = None) -> tuple[Release, Engine]:
        """The model that was copied, in the form that it answered in, proven once more.

        Raises:
            DandelionError: there is none, or it was damaged.
        """
        copy = open_store(self._folder.as_uri())
        release = log.live(copy)
        bundle = open_bundle(copy, release.version, release.manifest_sha256)
        int8 = copy.exists(layout.model_file(release.version, INT8_FILE))
        because = "it is the graph that is copied on this machine's disk"
        form: Form = "int8" if int8 else "fp32"
        return release, proven_engine(bundle, form, because=because, threads=threads)

    def _keep(self, store: Store, release: Release, engine: Engine) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        copy = open_store(self._folder.as_uri())
        bundle = open_bundle(store, release.version, release.manifest_sha256)
        files = [name for name in (*engine.files, GOLDEN_FILE) if name in bundle.manifest.files]
        for name in files:
            copy.put(layout.model_file(release.version, name), bundle.read(name))
        manifest = layout.model_file(release.version, layout.MANIFEST)
        entry = layout.release(release.number)
        for key in (manifest, entry):  # the entry last: it is what makes the copy exist
            copy.put(key, store.get(key))
        wanted = {*(layout.model_file(release.version, name) for name in files), manifest, entry}
        for prefix in ("models/", layout.RELEASES):
            for found in list(copy.list_objects(prefix)):
                if found.key not in wanted:
                    copy.delete(found.key)
