"""Who may ask: with keys configured, every route but the health checks needs one."""

from typing import Any

from fastapi import Security
from fastapi.security import APIKeyHeader, HTTPBearer
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.api.problems import no_key, response_for
from serving.middleware.keys import Keys

OPEN_PATHS = frozenset({"/healthz", "/readyz"})

DOCUMENTED_KEYS: list[Any] = [
    Security(HTTPBearer(auto_error=False)),
    Security(APIKeyHeader(name="X-API-Key", auto_error=False)),
]
"""Tells OpenAPI how keys travel. It is the middleware that checks them."""


class ApiKeyMiddleware:
    """Lets requests with a known key pass. Without any configured key, everyone passes.

    It stands before the router, so that no route can be forgotten.
    """

    def __init__(self, app: ASGIApp, keys: Keys) -> None:
        self._app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http" or self._may_pass(scope):
            await self._app(scope, receive, send)
        else:
            await response_for(no_key(), scope)(scope, receive, send)

    def _may_pass(self, scope: Scope) -> bool:
        if not self._keys.wanted or scope["path"] in OPEN_PATHS:
            return True
        return self._keys.open(given_key(Headers(scope=scope)))


def given_key(headers: Headers) -> str:
    """The key that a request carries; empty if it carries none."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")
