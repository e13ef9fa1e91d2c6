"""The typed clients of the API: `Client` for programs that wait, `AsyncClient` for asyncio."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

import httpx

from serving.api.model_schemas import ModelDetails, ModelInfo, Refusals, ReleaseHistory
from serving.api.schemas import (
    Activity,
    BatchPrediction,
    Explanation,
    FeedbackReceipt,
    Prediction,
    Readiness,
    SimilarPhotos,
)
from serving.client import requests
from serving.client.exchange import ApiError, ApiUnreachable, BaseClient, ClientError
from serving.client.requests import Answer, ApiRequest

__all__ = ["ApiError", "ApiUnreachable", "AsyncClient", "Client", "ClientError"]


class Client(BaseClient):
    """Speaks to one API; use it in a ``with`` statement, or call `close`.

    Args:
        base_url: where the API is, such as ``http://127.0.0.1:8000``.
        api_key: one of its keys, if it asks for one.
        timeout: how many seconds to wait for any one step of an exchange.
    """

    def __init__(self, base_url: str, api_key: str | None = None, *, timeout: float = 30) -> None:
        super().__init__(base_url, api_key)
        self._http = httpx.Client(headers=self._headers, timeout=timeout)

    def predict(self, data: bytes, name: str) -> Prediction:
        """What the live model sees in a photo.

        Args:
            data: the photo's bytes: JPEG, PNG, WebP, GIF, BMP, HEIC, AVIF or TIFF.
            name: the file's name; the API makes no use of it.

        Raises:
            ApiError: the photo was refused (see ``reason``), no model is live, or the like.
            ApiUnreachable: no API answered.
        """
        return self._ask(requests.predict(data, name))

    def predict_batch(self, photos: Sequence[tuple[str, bytes]]) -> BatchPrediction:
        """What the live model sees in each of up to 64 photos, by name and bytes.

        Raises like `predict`, but not for a photo that was refused: its result says so.
        """
        return self._ask(requests.predict_batch(photos))

    def explain(self, data: bytes, name: str, label: str = "") -> Explanation:
        """What the live model looked at in a photo.

        Args:
            data: the photo's bytes.
            name: the file's name; the API makes no use of it.
            label: the class that it is about; without one, the class that is seen.

        Raises like `predict`, and an `ApiError` for a label that the model does not know.
        """
        return self._ask(requests.explain(data, name, label))

    def similar(self, data: bytes, name: str, count: int = 5) -> SimilarPhotos:
        """The training photos of the live model that resemble a photo most.

        Args:
            data: the photo's bytes.
            name: the file's name; the API makes no use of it.
            count: how many are wanted, from 1 to 50.

        Raises like `predict`, and an `ApiError` of status 409 if the model does not know its
        training photos.
        """
        return self._ask(requests.similar(data, name, count))

    def feedback(
        self, prediction_id: str, label: str, comment: str = "", photo: bytes | None = None
    ) -> FeedbackReceipt:
        """Say what a photo really shows.

        Args:
            prediction_id: of the prediction that it is about.
            label: one of the model's classes.
            comment: anything else, up to 1,000 characters.
            photo: its bytes, if its owner consents to its being learned from.

        Raises:
            ApiError: the label is not known, the photo was refused, or the store is away.
            ApiUnreachable: no API answered.
        """
        return self._ask(requests.feedback(prediction_id, label, comment, photo))

    def model(self) -> ModelInfo:
        """The model that answers now. Raises like `predict`."""
        return self._ask(requests.MODEL)

    def history(self, limit: int = 20) -> ReleaseHistory:
        """What was live when, newest first; ``limit`` entries at most. Raises like `predict`."""
        return self._ask(requests.history(limit))

    def card(self, version: str) -> str:
        """The model card of a version, in Markdown.

        Raises:
            ApiError: there is no such version, it has no card, or the store is away.
            ApiUnreachable: no API answered.
        """
        return self._ask(requests.card(version))

    def card_page(self, version: str) -> str:
        """The model card with its plots, as one HTML page. Raises like `card`."""
        return self._ask(requests.card_page(version))

    def report_page(self, version: str) -> str:
        """The report of the data that a version was made from, as one HTML page.

        Raises like `card`.
        """
        return self._ask(requests.report_page(version))

    def details(self, version: str) -> ModelDetails:
        """How good a version is, and what the gate said of it. Raises like `card`."""
        return self._ask(requests.details(version))

    def refusals(self, limit: int = 10) -> Refusals:
        """The models that the gate refused, newest first; raises like `card`."""
        return self._ask(requests.refusals(limit))

    def activity(self, minutes: int = 60) -> Activity:
        """What was answered in the last minutes, up to 180, by the log. Raises like `card`."""
        return self._ask(requests.activity(minutes))

    def metrics(self) -> str:
        """How the API is doing, in Prometheus' text format. Raises like `predict`."""
        return self._ask(requests.METRICS)

    def ready(self) -> Readiness:
        """Whether a model is loaded; if none is, an `ApiError` of status 503 says why."""
        return self._ask(requests.READY)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _ask(self, request: ApiRequest[Answer]) -> Answer:
        with self._reaching():
            url = self.base_url + request.path
            response = self._http.request(request.method, url, **request.body)
        return self._understood(request, response)


class AsyncClient(BaseClient):
    """The same for asyncio; use it in an ``async with`` statement, or await `close`.

    Arguments, answers and errors of each method are those of `Client`.
    """

    def __init__(self, base_url: str, api_key: str | None = None, *, timeout: float = 30) -> None:
        super().__init__(base_url, api_key)
        self._http = httpx.AsyncClient(headers=self._headers, timeout=timeout)

    async def predict(self, data: bytes, name: str) -> Prediction:
        """What the live model sees in a photo."""
        return await self._ask(requests.predict(data, name))

    async def predict_batch(self, photos: Sequence[tuple[str, bytes]]) -> BatchPrediction:
        """What the live model sees in each of up to 64 photos, by name and bytes."""
        return await self._ask(requests.predict_batch(photos))

    async def explain(self, data: bytes, name: str, label: str = "") -> Explanation:
        """What the live model looked at in a photo."""
        return await self._ask(requests.explain(data, name, label))

    async def similar(self, data: bytes, name: str, count: int = 5) -> SimilarPhotos:
        """The training photos of the live model that resemble a photo most."""
        return await self._ask(requests.similar(data, name, count))

    async def feedback(
        self, prediction_id: str, label: str, comment: str = "", photo: bytes | None = None
    ) -> FeedbackReceipt:
        """Say what a photo really shows."""
        return await self._ask(requests.feedback(prediction_id, label, comment, photo))

    async def model(self) -> ModelInfo:
        """The model that answers now."""
        return await self._ask(requests.MODEL)

    async def history(self, limit: int = 20) -> ReleaseHistory:
        """What was live when, newest first."""
        return await self._ask(requests.history(limit))

    async def card(self, version: str) -> str:
        """The model card of a version, in Markdown."""
        return await self._ask(requests.card(version))

    async def card_page(self, version: str) -> str:
        """The model card with its plots, as one HTML page."""
        return await self._ask(requests.card_page(version))

    async def report_page(self, version: str) -> str:
        """The report of the data that a version was made from, as one HTML page."""
        return await self._ask(requests.report_page(version))

    async def details(self, version: str) -> ModelDetails:
        """How good a version is, and what the gate said of it."""
        return await self._ask(requests.details(version))

    async def refusals(self, limit: int = 10) -> Refusals:
        """The models that the gate refused, newest first."""
        return await self._ask(requests.refusals(limit))

    async def activity(self, minutes: int = 60) -> Activity:
        """What was answered in the last minutes."""
        return await self._ask(requests.activity(minutes))

    async def metrics(self) -> str:
        """How the API is doing, in Prometheus' text format."""
        return await self._ask(requests.METRICS)

    async def ready(self) -> Readiness:
        """Whether a model is loaded."""
        return await self._ask(requests.READY)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def _ask(self, request: ApiRequest[Answer]) -> Answer:
        with self._reaching():
            url = self.base_url + request.path
            response = await self._http.request(request.method, url, **request.body)
        return self._understood(request, response)
