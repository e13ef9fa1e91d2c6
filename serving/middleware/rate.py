"""How often one client may ask: a token bucket for each key, or each address where there is none.

Who asks with a wrong key is counted by address, too, so that keys cannot be guessed at full speed.
"""

import math
import time
from collections import OrderedDict
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.api.problems import ApiProblem, response_for
from serving.middleware.auth import OPEN_PATHS, given_key
from serving.middleware.keys import Keys, digest

MOST_BUCKETS = 10_000
BURST_SECONDS = 2
"""So many seconds' requests may come at once."""


class Buckets:
    """Tokens by client. The clients that were not seen for longest are forgotten: full again.

    Args:
        rate: tokens that each gets a second.
    """

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._most = max(1.0, rate * BURST_SECONDS)
        self._buckets: OrderedDict[bytes, tuple[float, float]] = OrderedDict()

    def take(self, client: bytes, now: float) -> float:
        """Take a token. Zero, or the seconds until there is one.

        Args:
            client: who asks.
            now: seconds on a clock that never goes back.
        """
        left, since = self._buckets.pop(client, (self._most, now))
        left = min(self._most, left + (now - since) * self._rate)
        taken = left >= 1
        self._buckets[client] = (left - taken, now)
        if len(self._buckets) > MOST_BUCKETS:
            self._buckets.popitem(last=False)
        return 0 if taken else (1 - left) / self._rate


class RateMiddleware:
    """Answers 429 to who asks too often. Health is asked by machines, and is exempt."""

    def __init__(self, app: ASGIApp, keys: Keys, rate: float) -> None:
        self._app = app
        self._keys = keys
        self._buckets = Buckets(rate)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "http" and scope["path"] not in OPEN_PATHS:
            wait = self._buckets.take(self._client(scope), time.monotonic())
            if wait:
                await response_for(_too_often(wait), scope)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _client(self, scope: Scope) -> bytes:
        key = given_key(Headers(scope=scope))
        if self._keys.wanted and self._keys.open(key):
            return digest(key)
        return str((scope["client"] or ("",))[0]).encode()


def _too_often(seconds: float) -> ApiProblem:
    after = math.ceil(seconds)
    return ApiProblem(
        HTTPStatus.TOO_MANY_REQUESTS,
        kind="too-often",
        title="Too many requests",
        detail=f"Nothing was done with this one. Send it again after {after} s.",
        headers={"Retry-After": str(after)},
    )
