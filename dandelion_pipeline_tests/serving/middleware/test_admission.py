"""Admission to the queue: a request has a place once it has arrived, and nobody has one before."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from starlette.types import Message, Receive, Scope, Send

from serving.api.problems import ApiProblem
from serving.inference.batching import Batcher
from serving.middleware.limits import AdmissionMiddleware

CAPACITY = 2
WHOLE = {"type": "http.request", "body": b"a photo", "more_body": False}
PART = {"type": "http.request", "body": b"a ph", "more_body": True}


class Api:
    """What lies behind the middleware: receives a body to its end, and works until it may end."""

    def __init__(self) -> None:
        self.may_end = asyncio.Event()
        self.may_arrive = asyncio.Event()
        self.working = 0
        self.guarded = AdmissionMiddleware(self, Batcher(CAPACITY, 30))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["more_body"]:
            pass
        self.working += 1
        await self.may_end.wait()

    async def ask(self, *messages: Message, path: str = "/predict") -> None:
        """Send the messages, the second one when it may arrive, and then nothing more."""
        coming = iter(messages)

        async def receive() -> Message:
            for message in coming:
                if message is not messages[0]:
                    await self.may_arrive.wait()
                return message
            return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                raise ApiProblem(message["status"], kind="", title="", detail="")

        scope = {"type": "http", "path": path, "state": {"request_id": "x"}, "headers": []}
        await self.guarded(scope, receive, send)


@asynccontextmanager
async def asking(api: Api, *messages: Message, times: int) -> AsyncIterator[list[asyncio.Task]]:  # type: ignore[type-arg]
    tasks = [asyncio.create_task(api.ask(*messages)) for _ in range(times)]
    for _ in range(5):
        await asyncio.sleep(0)
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def statuses(tasks: list[asyncio.Task]) -> list[int]:  # type: ignore[type-arg]
    ended = [task.exception() for task in tasks if task.done()]
    return [error.status_code for error in ended if isinstance(error, ApiProblem)]


def test_of_many_requests_that_arrive_at_once_only_those_with_a_place_are_worked_on() -> None:
    async def work() -> None:
        api = Api()
        async with asking(api, WHOLE, times=10) as tasks:
            assert api.working == CAPACITY
            assert statuses(tasks) == [503] * (10 - CAPACITY)

    asyncio.run(work())


def test_a_request_that_is_still_arriving_takes_nobodys_place() -> None:
    async def work() -> None:
        api = Api()
        async with asking(api, PART, times=10) as slow, asking(api, WHOLE, times=CAPACITY):
            assert api.working == CAPACITY
            assert statuses(slow) == []

    asyncio.run(work())


def test_one_that_arrives_when_the_places_are_taken_is_turned_away_before_it_is_parsed() -> None:
    async def work() -> None:
        api = Api()
        async with asking(api, PART, WHOLE, times=3) as late, asking(api, WHOLE, times=CAPACITY):
            assert statuses(late) == []
            api.may_arrive.set()
            await asyncio.wait(late, timeout=10)
            assert api.working == CAPACITY
            assert statuses(late) == [503] * 3

    asyncio.run(work())


@pytest.mark.parametrize("ended", ["answered", "given up"])
def test_a_place_is_free_again_when_its_request_is_over(ended: str) -> None:
    async def work() -> None:
        api = Api()
        async with asking(api, WHOLE, times=CAPACITY) as first:
            if ended == "answered":
                api.may_end.set()
            else:
                for task in first:
                    task.cancel()
            await asyncio.gather(*first, return_exceptions=True)
            async with asking(api, WHOLE, times=CAPACITY) as second:
                assert api.working == 2 * CAPACITY
                assert statuses(second) == []

    asyncio.run(work())


def test_what_needs_no_room_always_passes() -> None:
    async def work() -> None:
        api = Api()
        api.may_end.set()
        async with asking(api, WHOLE, times=CAPACITY):
            await api.ask(WHOLE, path="/model")

    asyncio.run(work())
