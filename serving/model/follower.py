"""Which model answers: follows the release log, and swaps engines between two requests."""

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from dandelion_pipeline.errors import BundleError, DandelionError, NothingReleased
from dandelion_pipeline.release import log
from dandelion_pipeline.release.bundle import open_bundle
from dandelion_pipeline.release.log import Release
from dandelion_pipeline.storage.objects.store import Store
from serving.model.engine import Engine
from serving.model.offline_copy import OfflineCopy
from serving.model.proof import proven_engine
from serving.settings import Precision
from serving.threads import step_back

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LiveModel:
    """An engine, and the entry of the log that made it live.

    A request takes one of these and keeps it to its end, whatever is swapped meanwhile.
    """

    release: Release
    engine: Engine


@dataclass(frozen=True)
class Trouble:
    """Why the live model is not what the log names: words only.

    An exception that is kept would keep its frames, and with them whole model files.
    """

    message: str
    nothing_released: bool

    @classmethod
    def of(cls, error: DandelionError) -> "Trouble":
        """What an error leaves behind."""
        return cls(str(error), isinstance(error, NothingReleased))


class ModelFollower:
    """Holds the live model of a store.

    What has been loaded goes on answering until something better is loaded: an empty log, a
    broken bundle or a store that is away change ``trouble``, never ``live``. The model before
    the live one is kept too, so that a rollback to it is a matter of one look.

    Args:
        store: where bundles and the release log lie.
        precision: in which numbers to answer, as the operator wants it.
        offline_copy: where a copy of the live model is kept, for a start while the store is away.
        threads: as of `Engine`.
    """

    def __init__(
        self,
        store: Store,
        *,
        precision: Precision = "auto",
        offline_copy: OfflineCopy | None = None,
        threads: int | None = None,
    ) -> None:
        self._store = store
        self._precision: Precision = precision
        self._offline_copy = offline_copy
        self._threads = threads
        self._refused: tuple[Release, Trouble] | None = None
        self._before: LiveModel | None = None
        self._thread = ThreadPoolExecutor(1, "models", step_back)
        self.live: LiveModel | None = None
        self.trouble: Trouble | None = None
        """Why ``live`` is not what the log names, as of the last look."""

        self.reachable = False
        """Whether the last look at the log worked."""

        self.last_look = time.monotonic()
        """When a look worked for the last time; before there was one, when this was made."""

        self.swaps = 0
        """How many models took over."""

        self.refusals = 0
        """How many were refused."""

    def look(self) -> None:
        """Look at the log once, and load what it names. Blocks; one caller at a time."""
        before, self.trouble = self.trouble, self._load_what_is_live()
        if self.trouble is not None and self.trouble != before:  # once, not at every look
            answering = f"model {self.live.release.version}" if self.live else "no model"
            _log.warning("%s (The API goes on with %s.)", self.trouble.message, answering)

    async def look_aside(self) -> None:
        """`look`, in a thread that steps back, and whose engines' threads do so, too."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self.look)

    async def follow(self, poll_seconds: float) -> None:
        """Look at the log again and again until cancelled."""
        while True:
            await asyncio.sleep(poll_seconds)
            await self.look_aside()

    def _load_what_is_live(self) -> Trouble | None:
        try:
            release = log.live(self._store)
        except NothingReleased as error:
            self.reachable, self.last_look = True, time.monotonic()
            return Trouble.of(error)
        except DandelionError as error:  # of the store or the log: the next look may do better
            self.reachable = False
            self._fall_back()
            return Trouble.of(error)
        self.reachable, self.last_look = True, time.monotonic()
        try:
            return self._load(release)
        except DandelionError as error:  # likewise, in the middle of a bundle
            self._fall_back()
            return Trouble.of(error)

    def _fall_back(self) -> None:
        """At the start, while the store is away: take the copy."""
        if self.live is not None or self._offline_copy is None:
            return
        try:
            self.live = LiveModel(*self._offline_copy.load(threads=self._threads))
        except NothingReleased:
            return  # none was ever kept
        except DandelionError as error:
            _log.warning("The copy of the last model cannot be used: %s", error)
            return
        _log.warning("Model %s answers, from the copy on disk.", self.live.release.version)

    def _load(self, release: Release) -> Trouble | None:
        if self.live is not None and self.live.release == release:
            return None
        if self._refused is not None and self._refused[0] == release:
            return self._refused[1]  # loading it again would not make it better
        try:
            engine = self._engine(release)
        except BundleError as error:
            self._refused = (release, Trouble.of(error))
            self.refusals += 1
            return self._refused[1]
        if self.live is not None and self.live.engine is not engine:
            self._before = self.live
        self.live = LiveModel(release, engine)
        self.swaps += 1
        _log.info("Model %s answers now, from %s.", release.version, engine.graph)
        if self._offline_copy is not None:
            self._offline_copy.keep(self._store, release, engine)
        return None

    def _engine(self, release: Release) -> Engine:
        for known in (self.live, self._before):  # a rollback has nothing to wait for
            if known is not None and known.release.manifest_sha256 == release.manifest_sha256:
                return known.engine
        bundle = open_bundle(self._store, release.version, release.manifest_sha256)
        return proven_engine(bundle, self._precision, threads=self._threads)
