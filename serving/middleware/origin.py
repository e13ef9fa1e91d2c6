"""Pages of other sites in somebody's browser are no clients of ours.

A browser lets any page post a form anywhere, and adds where the page is from (`Origin`, RFC 6454).
Where no key is needed, a page could plant photos that way; and one whose name is made to point
to this machine (DNS rebinding) could read answers, too.
"""

from http import HTTPStatus
from urllib.parse import SplitResult, urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.api.problems import ApiProblem, response_for
from serving.settings import is_this_machine


class OriginMiddleware:
    """Refuses what comes from a page of another site.

    Args:
        app: what comes after.
        this_machine_only: whether the API must be called by a name of this machine, too.
    """

    def __init__(self, app: ASGIApp, *, this_machine_only: bool) -> None:
        self._app = app
        self._this_machine_only = this_machine_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        refusal = self._refusal(Headers(scope=scope)) if scope["type"] == "http" else None
        if refusal is None:
            await self._app(scope, receive, send)
        else:
            await response_for(refusal, scope)(scope, receive, send)

    def _refusal(self, headers: Headers) -> ApiProblem | None:
        host, origin = headers.get("host", ""), headers.get("origin")
        if origin is not None and _split(origin).netloc != host:
            return _forbidden("It comes from a page of another site, in a browser.")
        if self._this_machine_only and not is_this_machine(_split(f"//{host}").hostname or ""):
            return _forbidden(
                "Without keys the API answers to the names of this machine alone: ask for "
                "127.0.0.1 or localhost, or set DANDELION_API_KEYS."
            )
        return None


def _split(url: str) -> SplitResult:
    """The parts of a URL; none of what is no URL."""
    try:
        return urlsplit(url)
    except ValueError:
        return SplitResult("", "", "", "", "")


def _forbidden(detail: str) -> ApiProblem:
    return ApiProblem(
        HTTPStatus.FORBIDDEN,
        kind="other-site",
        title="The request is not for this API",
        detail=detail,
    )
