"""Every request has a name: the caller's `X-Request-ID` if it is sane, else one of ours."""

import re
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.api.request_id import HEADER

_SANE = re.compile(r"[A-Za-z0-9._-]{1,128}")


class RequestIdMiddleware:
    """Names the request and returns the name as a header of the answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        name = _sane_or_new(Headers(scope=scope).get(HEADER))
        scope.setdefault("state", {})["request_id"] = name

        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = name
            await send(message)

        await self._app(scope, receive, send_named)


def _sane_or_new(given: str | None) -> str:
    # An insane one is replaced, not refused: it would only end in logs.
    return given if given is not None and _SANE.fullmatch(given) else uuid4().hex
