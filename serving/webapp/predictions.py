"""Predictions of the API for the photos on the page.

Each click draws the page anew; no photo is sent twice for that.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from time import perf_counter, sleep

import streamlit as st

from serving.api.schemas import BatchPrediction, BatchResult, Prediction, Problem
from serving.client import ApiError, Client, ClientError
from serving.webapp.language import notices
from serving.webapp.language.notices import Notice

PHOTOS_PER_REQUEST = 6
"""Of 20 MB each, they stay below the API's limit of a request."""

ATTEMPTS = 4
"""How often a photo is sent to a busy API, in all."""

_LONGEST_PAUSE = 5

Outcome = Prediction | Notice
"""A prediction, or why there is none."""

_CACHE = "predictions"
_SECONDS = "seconds"


@dataclass(frozen=True)
class Photo:
    """A file that a visitor chose."""

    name: str
    data: bytes
    sha256: str

    @classmethod
    def of(cls, name: str, data: bytes) -> "Photo":
        """A photo, with its digest."""
        return cls(name, data, sha256(data).hexdigest())


def predict(client: Client, photos: Sequence[Photo], version: str) -> list[Outcome]:
    """One outcome for each photo, in their order; a bar shows the progress.

    Predictions are cached for the session, as long as their photo is on the page and the same model
    is live.

    Args:
        client: the API.
        photos: one or more.
        version: of the live model.
    """
    cached: dict[tuple[str, str], Prediction] = st.session_state.get(_CACHE, {})
    outcomes: dict[str, Outcome] = {
        photo.sha256: cached[photo.sha256, version]
        for photo in photos
        if (photo.sha256, version) in cached
    }
    missing = list({p.sha256: p for p in photos if p.sha256 not in outcomes}.values())
    if missing:
        bar = st.progress(0.0, notices.progress(0, len(missing)))
        began = perf_counter()
        for start in range(0, len(missing), PHOTOS_PER_REQUEST):
            chunk = missing[start : start + PHOTOS_PER_REQUEST]

            def wait(seconds: float, done: int = start) -> None:
                bar.progress(done / len(missing), notices.waiting(seconds))
                sleep(seconds)

            received = _request(client, chunk, wait)
            outcomes.update(zip((p.sha256 for p in chunk), received, strict=True))
            done = start + len(chunk)
            bar.progress(done / len(missing), notices.progress(done, len(missing)))
        bar.empty()
        st.session_state[_SECONDS] = perf_counter() - began
    st.session_state[_CACHE] = {
        (name, version): outcome
        for name, outcome in outcomes.items()
        if isinstance(outcome, Prediction)
    }
    return [outcomes[photo.sha256] for photo in photos]


def seconds_taken() -> float:
    """Response time of the last photos that were sent, from this page to the API and back."""
    return float(st.session_state.get(_SECONDS, 0))


def _request(
    client: Client, photos: Sequence[Photo], wait: Callable[[float], None]
) -> list[Outcome]:
    """Send photos to the API; again to a busy one, after the pause that it asks for."""
    for left in reversed(range(ATTEMPTS)):
        try:
            if len(photos) == 1:
                return [client.predict(photos[0].data, photos[0].name)]
            answer = client.predict_batch([(photo.name, photo.data) for photo in photos])
        except ClientError as error:
            if left and isinstance(error, ApiError) and error.problem.type.endswith(":busy"):
                wait(min(error.retry_after or 1, _LONGEST_PAUSE))
                continue
            return [notices.explain(error)] * len(photos)
        return [_outcome(result, answer) for result in answer.results]
    raise AssertionError  # the last try has returned


def _outcome(result: BatchResult, answer: BatchPrediction) -> Outcome:
    if result.prediction is not None:
        predicted = dict(result.prediction)
        return Prediction(**predicted, model=answer.model, request_id=answer.request_id)
    assert isinstance(result.problem, Problem)  # noqa: S101  it is one or the other
    return notices.explain(ApiError(result.problem))
