"""How much a request may bring. What is too large is refused before anything is parsed."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.api.limits import MAX_BATCH_BYTES, MAX_PHOTO_BYTES
from serving.api.problems import ApiProblem, body_too_large, busy, response_for
from serving.inference.batching import Batcher, Busy

_LIMITS = {
    "/predict": MAX_PHOTO_BYTES,
    "/predict/batch": MAX_BATCH_BYTES,
    "/explain": MAX_PHOTO_BYTES,
    "/similar": MAX_PHOTO_BYTES,
}
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
        limit = _LIMITS.get(scope["path"], MAX_PHOTO_BYTES)
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


class AdmissionMiddleware:
    """Turns photos away while there is no room for even one.

    It looks before a photo is received, and again before it is parsed, which takes longer than to
    refuse it. A request has a place from the moment when it has arrived, so that of a hundred that
    come at once not all see the last place free; one that is still arriving has none, however slow.
    """

    def __init__(self, app: ASGIApp, batcher: Batcher) -> None:
        self._app = app
        self._batcher = batcher
        self._arrived = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http" or scope["path"] not in _LIMITS:
            await self._app(scope, receive, send)
            return
        arrived = False

        async def receive_and_enter() -> Message:
            nonlocal arrived
            message = await receive()
            whole = message["type"] == "http.request" and not message.get("more_body", False)
            if whole and not arrived:
                self._check_capacity()  # raises into the parser, as `BodyLimitMiddleware` does
                arrived = True
                self._arrived += 1
            return message

        try:
            self._check_capacity()
        except ApiProblem as problem:
            await response_for(problem, scope)(scope, receive, send)
            return
        try:
            await self._app(scope, receive_and_enter, send)
        finally:
            self._arrived -= arrived

    def _check_capacity(self) -> None:
        try:
            self._batcher.check_capacity(arrived=self._arrived)
        except Busy as error:
            raise busy(error.seconds) from None
