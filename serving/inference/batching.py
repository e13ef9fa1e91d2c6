"""Photos wait for their turn here: decoded in threads, inferred together, answered or turned away.

A photo takes one `LiveModel` from beginning to end, and a batch holds photos of one model only. No
timer makes a batch wait for more photos: while one is inferred, the next ones gather.

    event loop            threads that decode         the thread that infers
    classify() ────────►  prepare the pixels ───────► as many as wait, one batch
        ▲                                                       │
        └──────────────── one call for the whole batch ◄────────┘
"""

import asyncio
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from anyio import to_thread

from dandelion_pipeline.storage.objects.store import sha256_hex
from serving.inference.answers import Stages
from serving.model.engine import BATCHES, Prepared
from serving.model.follower import LiveModel
from serving.threads import step_back

CAPACITY_BYTES = 256_000_000
"""Of the files of all photos that are inside; they lie on disk, or in memory if they are small."""

_RECENT = 0.1  # how much the last batch counts for the pace
_SURE = 0.8  # of the timeout that a photo may be expected to wait: paces change


class Busy(Exception):
    """There are more photos than can be answered in time; nothing was done with this one.

    Args:
        seconds: after which another try makes sense.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


@dataclass(frozen=True)
class File:
    """A photo's file; it is read where it is decoded, so that few lie in memory at once."""

    size: int
    """Bytes."""

    read: Callable[[], bytes]
    """From the beginning; in any thread."""


@dataclass(frozen=True)
class Classified:
    """What a model sees in a photo."""

    live: LiveModel
    file: File
    sha256: str
    prepared: Prepared
    probabilities: dict[str, float]
    novelty: float | None
    """As of `engine.Answer`."""

    features: npt.NDArray[np.float32] | None
    """Likewise, of this photo alone."""

    stages: Stages
    batch: int
    """How many photos its batch held."""


@dataclass(frozen=True)
class _Asked:
    live: LiveModel
    file: File
    deadline: float
    answer: asyncio.Future[Classified]


@dataclass(frozen=True)
class _Ready:
    asked: _Asked
    sha256: str
    prepared: Prepared
    decode: float
    since: float


class Batcher:
    """The way of photos through the decoder and the live model, between `start` and `stop`.

    Args:
        capacity: how many photos may be inside at once.
        timeout: how many seconds a photo may wait before it is turned away.
        decoders: how many threads decode; None for one for each processor.
    """

    def __init__(self, capacity: int, timeout: float, decoders: int | None = None) -> None:
        self._capacity = capacity
        self._timeout = timeout
        self.inside = 0
        """How many photos are being decoded, wait, or are being inferred."""

        self._bytes = 0
        self._pace = 0.01  # seconds from one answer to the next, as of late
        self._answered = 0.0  # when the last batch was, if somebody was left waiting
        self._queue: deque[_Ready] = deque()
        self._changed = threading.Condition()
        self._over = False
        self._decoders = ThreadPoolExecutor(decoders or os.cpu_count(), "decode", step_back)
        self._inferring = threading.Thread(target=self._infer_on_and_on, name="infer", daemon=True)

    def start(self) -> None:
        """Begin to answer, in the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._inferring.start()

    async def stop(self) -> None:
        """Answer what is inside, and end the threads."""
        await to_thread.run_sync(self._decoders.shutdown)
        with self._changed:
            self._over = True
            self._changed.notify()
        await to_thread.run_sync(self._inferring.join)

    @property
    def waiting(self) -> int:
        """How many photos are decoded and wait to be inferred."""
        return len(self._queue)

    def check_capacity(self, photos: int = 1, size: int = 0, *, arrived: int = 0) -> None:
        """Whether so many photos would be let in now. Anything is, when nobody else is there.

        Args:
            photos: their number.
            size: bytes of their files.
            arrived: requests that will come in or are here already.

        Raises:
            Busy: they would not, or as of late their turn would not come in time.
        """
        before = max(self.inside, arrived)
        wait = before * self._pace
        full = before + photos > self._capacity or self._bytes + size > CAPACITY_BYTES
        if before and (full or wait > _SURE * self._timeout):
            raise Busy(wait)

    async def classify(self, live: LiveModel, file: File) -> Classified:
        """What a model sees in a photo. Who is cancelled while waiting gives up the place.

        Args:
            live: the model to ask.
            file: the photo.

        Raises:
            ImageRefused: it is no photo that we accept.
            Busy: there is no room, or the photo's turn did not come in time.
        """
        self.check_capacity(1, file.size)
        return await self._enter(live, file)

    async def classify_all(
        self, live: LiveModel, files: Sequence[File]
    ) -> list[Classified | BaseException]:
        """What one model sees in each of several photos, or what `classify` would have raised.

        Raises:
            Busy: there is no room for so many.
        """
        self.check_capacity(len(files), sum(file.size for file in files))
        entered = [self._enter(live, file) for file in files]
        return await asyncio.gather(*entered, return_exceptions=True)

    def _enter(self, live: LiveModel, file: File) -> asyncio.Future[Classified]:
        answer: asyncio.Future[Classified] = self._loop.create_future()
        if not self.inside:
            self._answered = 0.0
        self.inside += 1
        self._bytes += file.size

        def leave(_: object) -> None:
            self.inside -= 1
            self._bytes -= file.size

        answer.add_done_callback(leave)
        asked = _Asked(live, file, time.monotonic() + self._timeout, answer)
        self._decoders.submit(self._decode, asked)
        return answer

    def _decode(self, asked: _Asked) -> None:
        if self._given_up(asked):
            return
        started = time.perf_counter()
        try:
            data = asked.file.read()
            prepared = asked.live.engine.prepare(data)
            sha256 = sha256_hex(data)
        except BaseException as error:  # noqa: BLE001  who waits has to know, whatever it is
            self._loop.call_soon_threadsafe(_fail, [asked], error)
            return
        now = time.perf_counter()
        with self._changed:
            self._queue.append(_Ready(asked, sha256, prepared, now - started, now))
            self._changed.notify()

    def _infer_on_and_on(self) -> None:
        step_back()
        while batch := self._next_batch():
            try:
                self._infer(batch)
            except BaseException as error:  # noqa: BLE001  as above, and the thread must go on
                self._loop.call_soon_threadsafe(_fail, [one.asked for one in batch], error)

    def _next_batch(self) -> list[_Ready]:
        """As many as are inferred at once and are of one model; none at the end."""
        with self._changed:
            while True:
                while self._queue and self._given_up(self._queue[0].asked):
                    self._queue.popleft()
                if self._queue:
                    return self._taken()
                if self._over:
                    return []
                self._changed.wait()

    def _taken(self) -> list[_Ready]:
        engine = self._queue[0].asked.live.engine
        alike = 0
        for one in self._queue:
            if alike == BATCHES[-1] or one.asked.live.engine is not engine:
                break
            alike += 1
        size = max(batch for batch in BATCHES if batch <= alike)
        return [self._queue.popleft() for _ in range(size)]

    def _given_up(self, asked: _Asked) -> bool:
        """Whether nobody waits for it any more, or it has been waiting for too long."""
        if asked.answer.done():
            return True
        if time.monotonic() < asked.deadline:
            return False
        self._loop.call_soon_threadsafe(_fail, [asked], Busy(self._timeout))
        return True

    def _infer(self, batch: Sequence[_Ready]) -> None:
        began = time.perf_counter()
        engine = batch[0].asked.live.engine
        answer = engine.answer(np.stack([one.prepared.pixels for one in batch]))
        now = time.perf_counter()
        took = now - began
        since = self._answered or began  # while some wait, what keeps them waiting counts, too
        self._pace += _RECENT * ((now - since) / len(batch) - self._pace)
        self._answered = now
        answers = [
            Classified(
                one.asked.live,
                one.asked.file,
                one.sha256,
                one.prepared,
                dict(zip(engine.manifest.classes, row, strict=True)),
                None if answer.novelty is None else float(answer.novelty[number]),
                None if answer.features is None else answer.features[number],
                Stages(one.decode, began - one.since, took),
                len(batch),
            )
            for number, (one, row) in enumerate(
                zip(batch, answer.probabilities.tolist(), strict=True)
            )
        ]
        self._loop.call_soon_threadsafe(_answer, batch, answers)


def _answer(batch: Sequence[_Ready], answers: Sequence[Classified]) -> None:
    for one, classified in zip(batch, answers, strict=True):
        if not one.asked.answer.done():
            one.asked.answer.set_result(classified)


def _fail(asked: Sequence[_Asked], error: BaseException) -> None:
    for one in asked:
        if not one.answer.done():
            one.answer.set_exception(error)
