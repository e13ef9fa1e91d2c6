"""Every error of the API, as a problem document (RFC 9457) that says what to do about it."""

import logging
import math
from collections.abc import Sequence
from http import HTTPStatus
from typing import cast

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Scope

from dandelion_pipeline.errors import DandelionError, ImageRefused
from dandelion_pipeline.images.decoding.containers.sanitized import SHRINK
from serving.api.request_id import HEADER, request_id
from serving.api.schemas import Problem
from serving.inference.batching import Busy

MEDIA_TYPE = "application/problem+json"
SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""Of every answer. Source: OWASP, REST Security Cheat Sheet."""

MOST_FILES = 64
"""Photos in one request."""

_STATUS_OF_REASON = {
    "empty": HTTPStatus.UNPROCESSABLE_ENTITY,
    "broken": HTTPStatus.UNPROCESSABLE_ENTITY,
    "unknown_format": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "too_many_pixels": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "too_complex": HTTPStatus.UNPROCESSABLE_ENTITY,
}
_CLIENT_GONE = 499
"""Nobody reads it; logs and metrics do. Source: nginx."""

_log = logging.getLogger(__name__)


class ApiProblem(HTTPException):
    """An HTTP error that says more than its status.

    Args:
        status: the HTTP status.
        kind: what tells this kind of problem from others; the end of the document's ``type``.
        title: the kind in words, the same each time.
        detail: what happened this time, why, and what to do.
        reason: of a refused photo: one word for programs.
        headers: more headers of the answer.
    """

    def __init__(
        self,
        status: int,
        *,
        kind: str,
        title: str,
        detail: str,
        reason: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(status, detail, headers)
        self.kind = kind
        self.title = title
        self.reason = reason


def photo_refused(error: ImageRefused) -> ApiProblem:
    """The decoder did not accept the photo."""
    return ApiProblem(
        _STATUS_OF_REASON.get(error.reason, HTTPStatus.UNPROCESSABLE_ENTITY),
        kind="photo-refused",
        title="The photo was refused",
        detail=str(error),
        reason=error.reason,
    )


def body_too_large(limit: int) -> ApiProblem:
    """The request is larger than any that would be accepted.

    Args:
        limit: bytes of photos that it may hold.
    """
    return photo_refused(
        ImageRefused(
            "too_large",
            "the request",
            f"{limit / 1e6:.0f} MB of photos may come at most",
            "Send less, or smaller copies",
        )
    )


def photo_too_large(size: int, limit: int) -> ImageRefused:
    """The photo is larger than the API takes, though the pipeline may take it.

    Args:
        size: bytes of the photo.
        limit: bytes that it may have.
    """
    return ImageRefused(
        "too_large",
        f"a file of {size / 1e6:.1f} MB",
        f"the API takes {limit / 1e6:.0f} MB at most",
        SHRINK,
    )


def too_many_files(files: int) -> ApiProblem:
    """The request holds more photos than are answered at once."""
    return ApiProblem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        kind="too-many-files",
        title="There are too many files",
        detail=f"These are {files}, and {MOST_FILES} may come at once. Send several requests.",
    )


def busy(seconds: float) -> ApiProblem:
    """There is more to do than can be done in time.

    Args:
        seconds: after which another try makes sense.
    """
    after = math.ceil(max(seconds, 1))
    return ApiProblem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        kind="busy",
        title="The API is busy",
        detail=f"Nothing was done with this request. Send it again after {after} s.",
        headers={"Retry-After": str(after)},
    )


def no_such_label(label: str, known: Sequence[str]) -> ApiProblem:
    """The label is no class of the live model."""
    return ApiProblem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        kind="unknown-label",
        title="The label is not known",
        detail=f"{label[:100]!r} is no class of the live model. "
        f"It knows {', '.join(map(repr, known))}.",
    )


def no_neighbours(version: str) -> ApiProblem:
    """The live model does not know its training photos."""
    return ApiProblem(
        HTTPStatus.CONFLICT,
        kind="no-neighbours",
        title="The live model does not know its training photos",
        detail=f"The bundle of model {version} holds no features of them: it is older than "
        "`POST /similar`, or its network sees nothing in them. Train and publish a model again "
        "(`make run RETRAIN=1`).",
    )


def no_such_model(version: str, why: str) -> ApiProblem:
    """There is no such model, or not what was asked of it."""
    return ApiProblem(
        HTTPStatus.NOT_FOUND,
        kind="no-such-model",
        title="There is no such model",
        detail=f"Model {version} {why}. `GET /models` lists those that were released.",
    )


def store_away(why: str) -> ApiProblem:
    """The store is needed and cannot be used; the words of the error are for the log."""
    _log.error("A request needs the store: %s", why)
    return ApiProblem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        kind="store-away",
        title="The store does not answer",
        detail="Nothing was done. Send it again later.",
        headers={"Retry-After": "10"},
    )


def no_model(detail: str) -> ApiProblem:
    """There is nothing to answer with."""
    return ApiProblem(
        HTTPStatus.SERVICE_UNAVAILABLE, kind="no-model", title="No model is live", detail=detail
    )


def no_key() -> ApiProblem:
    """The request carries no key, or none that opens this API."""
    return ApiProblem(
        HTTPStatus.UNAUTHORIZED,
        kind="key-needed",
        title="An API key is needed",
        detail="Send one as `Authorization: Bearer KEY` or `X-API-Key: KEY`.",
        headers={"WWW-Authenticate": "Bearer"},
    )


def document(error: HTTPException, scope: Scope) -> Problem:
    """The problem document for an HTTP error; `ApiProblem` says more than others."""
    known = error if isinstance(error, ApiProblem) else None
    return Problem(
        type=f"urn:dandelion:problem:{known.kind}" if known else "about:blank",
        title=known.title if known else HTTPStatus(error.status_code).phrase,
        status=error.status_code,
        detail=error.detail,
        reason=known.reason if known else None,
        request_id=request_id(scope),
    )


def response_for(error: HTTPException, scope: Scope) -> Response:
    """The answer to a request that met an HTTP error."""
    return Response(
        document(error, scope).model_dump_json(exclude_none=True),
        error.status_code,
        headers={**SECURITY_HEADERS, **(error.headers or {}), HEADER: request_id(scope)},
        media_type=MEDIA_TYPE,
    )


def answer_errors_with_problems(app: FastAPI) -> None:
    """Make an application answer each error with a problem document."""
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(DandelionError, _our_error)
    app.add_exception_handler(Busy, _busy)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, _bug)


async def _http_error(request: Request, error: Exception) -> Response:
    return response_for(cast("HTTPException", error), request.scope)


async def _our_error(request: Request, error: Exception) -> Response:
    if isinstance(error, ImageRefused):
        return response_for(photo_refused(error), request.scope)
    return await _bug(request, error)


async def _busy(request: Request, error: Exception) -> Response:
    return response_for(busy(cast("Busy", error).seconds), request.scope)


async def _gone(request: Request, _: Exception) -> Response:
    return Response(status_code=_CLIENT_GONE, headers={HEADER: request_id(request.scope)})


async def _invalid_request(request: Request, error: Exception) -> Response:
    invalid = cast("RequestValidationError", error)
    faults = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in invalid.errors()]
    return response_for(
        ApiProblem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            kind="invalid-request",
            title="The request is not as documented",
            detail=f"{'; '.join(faults)}. Send a photo as the multipart field `file`, "
            "or several as `files` to /predict/batch.",
        ),
        request.scope,
    )


async def _bug(request: Request, error: Exception) -> Response:
    # What went wrong is for the log alone: it may name files, addresses or data.
    _log.error("request %s failed", request_id(request.scope), exc_info=error)
    failed = HTTPException(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "The API failed on this request. Its log says more under this request id.",
        headers={"Connection": "close"},  # Starlette raises the bug on, and uvicorn hangs up
    )
    return response_for(failed, request.scope)
