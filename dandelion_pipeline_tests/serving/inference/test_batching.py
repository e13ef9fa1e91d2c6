"""Photos in a hurry: none is lost or gets another's answer, and who must wait too long is told."""

import asyncio
import os
import sys
import threading
from collections.abc import Awaitable, Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dandelion_pipeline.errors import ImageRefused
from dandelion_pipeline.release import log
from dandelion_pipeline.release.bundle import open_bundle
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline_tests.data.tiny_models import GREEN, YELLOW, onnx_graph, photo, publish
from serving.inference.batching import Batcher, Busy, Classified, File
from serving.model.engine import BATCHES, Engine, Prepared
from serving.model.follower import LiveModel
from serving.threads import BEHIND


def file(data: bytes) -> File:
    return File(len(data), lambda: data)


PHOTOS = {
    "dandelion": file(photo(YELLOW)),
    "grass": file(photo(GREEN)),
    "broken": file(b"no photo"),
}


class Watched(Engine):
    """An engine that can be held up, and remembers the sizes of its batches."""

    def __init__(self, store: Store, version: str) -> None:
        super().__init__(open_bundle(store, version))
        self.batches: list[int] = []
        self.begun = threading.Event()
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def probabilities(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        if hasattr(self, "batches"):
            self.batches.append(len(pixels))
            self.begun.set()
            assert self.may_go_on.wait(30)
        return super().probabilities(pixels)


def live(store: Store, version: str = "first", graph: bytes | None = None) -> LiveModel:
    publish(store, version, graph)
    return LiveModel(log.live(store), Watched(store, version))


def watched(model: LiveModel) -> Watched:
    assert isinstance(model.engine, Watched)
    return model.engine


def run(
    work: Callable[[Batcher], Awaitable[None]], capacity: int = 128, timeout: float = 30.0
) -> None:
    async def between_start_and_stop() -> None:
        batcher = Batcher(capacity, timeout)
        batcher.start()
        try:
            await work(batcher)
        finally:
            await batcher.stop()
        assert batcher.inside == 0

    asyncio.run(between_start_and_stop())


async def begun(model: LiveModel) -> None:
    assert await asyncio.to_thread(watched(model).begun.wait, 30)


def label(outcome: object) -> str:
    if isinstance(outcome, Classified):
        return max(outcome.probabilities, key=outcome.probabilities.__getitem__)
    assert isinstance(outcome, ImageRefused)
    return "broken"


@given(asked=st.lists(st.tuples(st.sampled_from(sorted(PHOTOS)), st.booleans()), max_size=40))
@settings(max_examples=25)
def test_every_photo_gets_the_answer_of_its_own_model(
    asked: list[tuple[str, bool]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = open_store(tmp_path_factory.mktemp("store").as_uri())
    right, wrong = live(store), live(store, "second", onnx_graph(flipped=True))
    swapped = {"dandelion": "grass", "grass": "dandelion", "broken": "broken"}

    async def work(batcher: Batcher) -> None:
        coming = [
            batcher.classify(wrong if second else right, PHOTOS[kind]) for kind, second in asked
        ]
        found = await asyncio.gather(*coming, return_exceptions=True)
        for (kind, second), outcome in zip(asked, found, strict=True):
            assert label(outcome) == (swapped[kind] if second else kind)
            if isinstance(outcome, Classified):
                assert outcome.live is (wrong if second else right)

    run(work)


def test_photos_that_come_while_one_is_inferred_are_inferred_together(store: Store) -> None:
    model = live(store)
    engine = watched(model)
    engine.may_go_on.clear()

    async def work(batcher: Batcher) -> None:
        first = asyncio.ensure_future(batcher.classify(model, PHOTOS["grass"]))
        await begun(model)
        others = [
            asyncio.ensure_future(batcher.classify(model, PHOTOS["dandelion"])) for _ in range(11)
        ]
        while batcher.waiting < len(others):
            await asyncio.sleep(0.01)
        engine.may_go_on.set()
        assert label(await first) == "grass"
        assert {label(one) for one in await asyncio.gather(*others)} == {"dandelion"}

    run(work)
    assert engine.batches == [1, 8, 2, 1]
    assert set(engine.batches) <= set(BATCHES)


def test_who_finds_no_room_is_turned_away_at_once_and_the_others_are_answered(
    store: Store,
) -> None:
    model = live(store)
    watched(model).may_go_on.clear()

    async def work(batcher: Batcher) -> None:
        inside = [asyncio.ensure_future(batcher.classify(model, PHOTOS["grass"])) for _ in range(4)]
        await asyncio.sleep(0)
        with pytest.raises(Busy) as busy:
            await batcher.classify(model, PHOTOS["grass"])
        assert busy.value.seconds > 0
        watched(model).may_go_on.set()
        assert [label(one) for one in await asyncio.gather(*inside)] == ["grass"] * 4
        assert label(await batcher.classify(model, PHOTOS["grass"])) == "grass"

    run(work, capacity=4)


def test_a_photo_whose_turn_does_not_come_in_time_is_turned_away(store: Store) -> None:
    model = live(store)
    watched(model).may_go_on.clear()

    async def work(batcher: Batcher) -> None:
        first = asyncio.ensure_future(batcher.classify(model, PHOTOS["grass"]))
        await begun(model)
        late = asyncio.ensure_future(batcher.classify(model, PHOTOS["grass"]))
        await asyncio.sleep(1.7)
        watched(model).may_go_on.set()
        assert label(await first) == "grass"
        with pytest.raises(Busy):
            await late

    run(work, timeout=1.5)


def test_photos_whose_turn_would_not_come_in_time_are_turned_away_though_there_is_room(
    store: Store,
) -> None:
    model = live(store)
    watched(model).may_go_on.clear()

    async def work(batcher: Batcher) -> None:
        coming = [
            asyncio.ensure_future(batcher.classify(model, PHOTOS["grass"])) for _ in range(500)
        ]
        await asyncio.sleep(0)
        turned_away = [one for one in coming if one.done()]
        assert 0 < len(turned_away) < len(coming)
        assert {type(one.exception()) for one in turned_away} == {Busy}
        watched(model).may_go_on.set()
        inside = [one for one in coming if one not in turned_away]
        assert {label(one) for one in await asyncio.gather(*inside)} == {"grass"}

    run(work, capacity=1000, timeout=4.0)


@pytest.mark.skipif(
    sys.platform != "linux", reason="elsewhere threads have no priority of their own"
)
def test_threads_that_compute_step_back_behind_the_event_loop(store: Store) -> None:
    model = live(store)
    computing = []

    class Noting(Watched):
        def prepare(self, data: bytes) -> Prepared:
            computing.append((os.nice(0), os.sched_getscheduler(0)))
            return super().prepare(data)

        def probabilities(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
            computing.append((os.nice(0), os.sched_getscheduler(0)))
            return super().probabilities(pixels)

    noting = LiveModel(model.release, Noting(store, "first"))
    computing.clear()

    async def work(batcher: Batcher) -> None:
        await batcher.classify(noting, PHOTOS["grass"])

    run(work)
    assert computing == [(os.nice(0) + BEHIND, os.SCHED_BATCH)] * 2
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


def test_a_training_leaves_threads_that_compute_a_fair_share() -> None:
    """At equal numbers of threads; weights are of nice(2) on Linux: a factor of 1.25 a step."""
    weight = 1.25**-BEHIND
    assert weight / (weight + 1) >= 1 / 5


def test_a_request_that_is_cancelled_leaves_the_queue(store: Store) -> None:
    model = live(store)
    engine = watched(model)
    engine.may_go_on.clear()

    async def work(batcher: Batcher) -> None:
        first = asyncio.ensure_future(batcher.classify(model, PHOTOS["grass"]))
        await begun(model)
        given_up = asyncio.ensure_future(batcher.classify(model, PHOTOS["grass"]))
        while not batcher.waiting:
            await asyncio.sleep(0.01)
        given_up.cancel()
        await asyncio.sleep(0)
        assert batcher.inside == 1
        engine.may_go_on.set()
        await first

    run(work)
    assert engine.batches == [1]


def test_more_photos_than_there_is_room_for_are_let_in_when_nobody_else_is_there(
    store: Store,
) -> None:
    model = live(store)

    async def work(batcher: Batcher) -> None:
        found = await batcher.classify_all(model, [PHOTOS["grass"], PHOTOS["broken"]] * 5)
        assert [label(one) for one in found] == ["grass", "broken"] * 5

    run(work, capacity=3)


def test_a_bug_in_a_batch_reaches_those_who_wait_and_the_next_ones_are_answered(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = live(store)

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    async def work(batcher: Batcher) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(Watched, "probabilities", broken)
            with pytest.raises(ZeroDivisionError):
                await batcher.classify(model, PHOTOS["grass"])
        assert label(await batcher.classify(model, PHOTOS["grass"])) == "grass"

    run(work)
