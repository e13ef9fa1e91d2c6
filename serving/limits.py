"""How much a request may bring. What is too large is refused before anything is parsed."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dandelion_pipeline.images.decode import MAX_BYTES
from serving.batching import Batcher, Busy
from serving.problems import body_too_large, busy, response_for

MAX_BATCH_BYTES = 128_000_000
"""Of all files of one request."""

_LIMITS = {"/predict": MAX_BYTES, "/predict/batch": MAX_BATCH_BYTES, "/explain": MAX_BYTES}
_MULTIPART_OVERHEAD = 64_000  # boundaries and part headers; some hundred bytes a file in practice


class BodyLimitMiddleware:
    """Refuses bodies that are too large: by their declared length, else while they stream."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = _LIMITS.get(scope["path"], MAX_BYTES)
        most = limit + _MULTIPART_OVERHEAD
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared) > most:
            await response_for(body_too_large(limit), scope)(scope, receive, send)
            return
        received = 0

        async def receive_limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > most:
                raise body_too_large(limit)  # out of the parser, to the handler of HTTP errors
            return message

        await self._app(scope, receive_limited, send)


class RoomMiddleware:
    """Turns photos away before they are received while there is no room for even one."""

    def __init__(self, app: ASGIApp, batcher: Batcher) -> None:
        self._app = app
        self._batcher = batcher

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "http" and scope["path"] in _LIMITS:
            try:
                self._batcher.check_room()
            except Busy as error:
                await response_for(busy(error.seconds), scope)(scope, receive, send)
                return
        await self._app(scope, receive, send)
