"""How much a request may bring. What is too large is refused before anything is parsed."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dandelion_pipeline.images.decode import MAX_BYTES
from serving.problems import body_too_large, response_for

_MULTIPART_OVERHEAD = 64_000  # boundaries and part headers; some hundred bytes in practice
MAX_BODY = MAX_BYTES + _MULTIPART_OVERHEAD


class BodyLimitMiddleware:
    """Refuses bodies above `MAX_BODY` bytes: by their declared length, else while they stream."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared) > MAX_BODY:
            await response_for(body_too_large(), scope)(scope, receive, send)
            return
        received = 0

        async def receive_limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > MAX_BODY:
                raise body_too_large()  # out of the parser, to the handler of HTTP errors
            return message

        await self._app(scope, receive_limited, send)
