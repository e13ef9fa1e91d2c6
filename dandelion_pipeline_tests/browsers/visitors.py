"""All that comes to an API in an hour: good requests, mistakes, and malice; no 500 for any."""

import asyncio
import os
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from urllib.parse import urlsplit

import httpx

from dandelion_pipeline_tests.data.tiny_models import GREEN, YELLOW, photo
from dandelion_pipeline_tests.images.decoding.mutants import EACH, mutant, sound_files

Visit = Callable[[], Awaitable[str]]
_REFUSED = frozenset({413, 415, 422})
_LINES = (
    b"GET / HTTP/9.9\r\n\r\n",
    b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00",
    b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n",
)


class Visitors:
    """Clients of an API that come one after the other, several at a time.

    Args:
        url: of the API.
        key: that opens it.
        seed: of who comes when.
    """

    def __init__(self, url: str, key: str = "", seed: int = 0) -> None:
        self._url = url
        self._headers = {"X-API-Key": key} if key else {}
        self._chance = random.Random(seed)  # noqa: S311 (it has to be the same each time)
        self._visits: list[Visit] = [
            *[self._thumbnail] * 8,
            *[self._damaged] * 4,
            self._large,
            self._many,
            self._correction,
            self._explanation,
            self._comparison,
            self._nonsense,
            self._hang_up,
            self._give_up,
            self._slow,
            self._lost,
            self._scrape,
        ]
        self.seen: Counter[str] = Counter()
        """How the visits ended, by what they were."""

    async def come(self, seconds: float, at_once: int = 4, pause: float = 0.0) -> None:
        """Visit for so long.

        Args:
            seconds: for how long.
            at_once: visitors.
            pause: seconds between two visits of one of them.

        Raises:
            AssertionError: an answer was not what it should be.
            httpx.HTTPError: there was none.
        """
        until = asyncio.get_running_loop().time() + seconds
        async with (
            httpx.AsyncClient(
                base_url=self._url, headers=self._headers, trust_env=False, timeout=60
            ) as self._client,
            asyncio.TaskGroup() as group,
        ):
            for _ in range(at_once):
                group.create_task(self._visit_until(until, pause))

    async def _visit_until(self, until: float, pause: float) -> None:
        while asyncio.get_running_loop().time() < until:
            visit = self._chance.choice(self._visits)
            outcome = await visit()
            self.seen[f"{visit.__name__[1:].replace('_', ' ')}: {outcome}"] += 1
            await asyncio.sleep(pause)

    async def _post(self, path: str, *allowed: int, **request: object) -> httpx.Response:
        answer = await self._client.post(path, **request)  # type: ignore[arg-type]
        assert answer.status_code in {*allowed, 503}, f"{path}: {answer.status_code} {answer.text}"
        return answer

    async def _thumbnail(self) -> str:
        colour = self._chance.choice([YELLOW, GREEN])
        kind = self._chance.choice(["JPEG", "PNG", "WEBP"])
        answer = await self._post("/predict", 200, files={"file": photo(colour, 96, kind)})
        return str(answer.status_code)

    async def _damaged(self) -> str:
        name = self._chance.choice(sorted(sound_files()))
        data = mutant(name, self._chance.randrange(EACH))
        answer = await self._post("/predict", 200, *_REFUSED, files={"file": data})
        return "answered" if answer.status_code == 200 else str(answer.json().get("reason"))

    async def _large(self) -> str:
        side = self._chance.choice([2_000, 4_000, 6_000])  # the last one has too many pixels
        answer = await self._post("/predict", 200, 413, files={"file": photo(YELLOW, side)})
        return str(answer.status_code)

    async def _many(self) -> str:
        files = [("files", photo(GREEN, 64)) for _ in range(self._chance.choice([1, 16, 64, 65]))]
        return str((await self._post("/predict/batch", 200, 422, files=files)).status_code)

    async def _correction(self) -> str:
        said = await self._post("/predict", 200, files={"file": photo(GREEN)})
        if said.status_code != 200:
            return "busy"
        form = {"prediction_id": said.json()["prediction_id"], "label": "grass"}
        return str((await self._post("/feedback", 201, data=form)).status_code)

    async def _explanation(self) -> str:
        answer = await self._post("/explain", 200, files={"file": photo(YELLOW, 96)})
        return str(answer.status_code)

    async def _comparison(self) -> str:
        count = self._chance.choice([0, 1, 5, 50, 51])
        files = {"file": photo(GREEN, 96)}
        answer = await self._post("/similar", 200, 409, 422, params={"count": count}, files=files)
        return str(answer.status_code)

    async def _nonsense(self) -> str:
        path = self._chance.choice(
            ["/predict", "/predict/batch", "/feedback", "/explain", "/similar"]
        )
        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        body = os.urandom(self._chance.randrange(50_000))
        answer = await self._post(path, 400, 413, 422, content=body, headers=headers)
        return str(answer.status_code)

    async def _lost(self) -> str:
        path = self._chance.choice(
            ["/", "/predict", "/models/../etc/passwd", "/wp-login.php", "/%00"]
        )
        answer = await self._client.get(path, headers={"X-API-Key": "wrong"})
        assert answer.status_code in {401, 404, 405}, f"{path}: {answer.status_code}"
        return str(answer.status_code)

    async def _scrape(self) -> str:
        path = self._chance.choice(["/metrics", "/readyz", "/model", "/models", "/openapi.json"])
        answer = await self._client.get(path)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        return "200"

    async def _give_up(self) -> str:
        with suppress(httpx.TimeoutException):
            seconds = self._chance.uniform(0.001, 0.02)
            await self._client.post("/predict", files={"file": photo(GREEN)}, timeout=seconds)
        return "gone"

    async def _hang_up(self) -> str:
        _, writer = await self._connect()
        writer.write(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n")
        if self._chance.random() < 0.5:
            writer.write(
                b"Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n" + b"x" * 500
            )
            await asyncio.sleep(0.01)
        writer.transport.abort()
        return "gone"

    async def _slow(self) -> str:
        reader, writer = await self._connect()
        with suppress(ConnectionError):
            if self._chance.random() < 0.5:
                writer.write(self._chance.choice(_LINES))
            else:
                for byte in b"POST /pre":
                    writer.write(bytes([byte]))
                    await asyncio.sleep(0.05)
                writer.write(b"\0\r\n\r\n")
            status = (await reader.read(65_536))[:12]
            assert not status.startswith(b"HTTP/1.1 5"), status
        writer.transport.abort()
        return "ended"

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        address = urlsplit(self._url)
        return await asyncio.open_connection(address.hostname, address.port)
