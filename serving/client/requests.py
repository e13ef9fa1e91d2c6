"""What the clients can ask: a request says what is sent, and how the answer is read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import quote

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

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class ApiRequest(Generic[Answer]):
    """What is sent, and how the answer is read."""

    method: str
    path: str
    read: Callable[[bytes], Answer]
    """Raises `ValueError` where it is none."""

    body: dict[str, Any] = field(default_factory=dict)


def predict(data: bytes, name: str) -> ApiRequest[Prediction]:
    """One photo."""
    return ApiRequest(
        "POST", "/predict", Prediction.model_validate_json, {"files": {"file": (name, data)}}
    )


def predict_batch(photos: Sequence[tuple[str, bytes]]) -> ApiRequest[BatchPrediction]:
    """Several."""
    files = [("files", photo) for photo in photos]
    return ApiRequest(
        "POST", "/predict/batch", BatchPrediction.model_validate_json, {"files": files}
    )


def explain(data: bytes, name: str, label: str) -> ApiRequest[Explanation]:
    """What it looked at."""
    body: dict[str, Any] = {"files": {"file": (name, data)}, "data": {"label": label}}
    return ApiRequest("POST", "/explain", Explanation.model_validate_json, body)


def similar(data: bytes, name: str, count: int) -> ApiRequest[SimilarPhotos]:
    """The training photos that resemble it most."""
    body: dict[str, Any] = {"files": {"file": (name, data)}, "params": {"count": count}}
    return ApiRequest("POST", "/similar", SimilarPhotos.model_validate_json, body)


def feedback(
    prediction_id: str, label: str, comment: str, photo: bytes | None
) -> ApiRequest[FeedbackReceipt]:
    """What a photo really shows."""
    said = {"prediction_id": prediction_id, "label": label, "comment": comment}
    body: dict[str, Any] = {"data": {**said, "consent": str(photo is not None).lower()}}
    if photo is not None:
        body["files"] = {"file": ("photo", photo)}
    return ApiRequest("POST", "/feedback", FeedbackReceipt.model_validate_json, body)


def history(limit: int) -> ApiRequest[ReleaseHistory]:
    """The release log."""
    body = {"params": {"limit": limit}}
    return ApiRequest("GET", "/models", ReleaseHistory.model_validate_json, body)


def card(version: str) -> ApiRequest[str]:
    """The card in Markdown."""
    return ApiRequest("GET", f"{_of(version)}/card", bytes.decode)


def card_page(version: str) -> ApiRequest[str]:
    """The card as a page."""
    return ApiRequest("GET", f"{_of(version)}/card.html", bytes.decode)


def report_page(version: str) -> ApiRequest[str]:
    """The data report as a page."""
    return ApiRequest("GET", f"{_of(version)}/report.html", bytes.decode)


def details(version: str) -> ApiRequest[ModelDetails]:
    """How good a model is."""
    return ApiRequest("GET", _of(version), ModelDetails.model_validate_json)


def refusals(limit: int) -> ApiRequest[Refusals]:
    """What the gate refused."""
    return ApiRequest(
        "GET", "/refusals", Refusals.model_validate_json, {"params": {"limit": limit}}
    )


def activity(minutes: int) -> ApiRequest[Activity]:
    """What was answered of late."""
    body = {"params": {"minutes": minutes}}
    return ApiRequest("GET", "/activity", Activity.model_validate_json, body)


def _of(version: str) -> str:
    return f"/models/{quote(version, safe='')}"


MODEL = ApiRequest("GET", "/model", ModelInfo.model_validate_json)
METRICS = ApiRequest("GET", "/metrics", bytes.decode)
READY = ApiRequest("GET", "/readyz", Readiness.model_validate_json)
