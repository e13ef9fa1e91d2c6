"""What people say of an answer: the right label, and maybe the photo to learn from."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import uuid4

from anyio import to_thread
from fastapi import APIRouter, Form, UploadFile
from fastapi import File as FormFile

from dandelion_pipeline.errors import DandelionError, ImageRefused
from dandelion_pipeline.images.decoding.decode import decode
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store, sha256_hex
from dandelion_pipeline.storage.records.sealed import seal
from serving.api.problems import no_such_label, photo_refused, store_away
from serving.api.routes.services import AnyLiveModel, AnyServices, problems
from serving.api.schemas import Feedback, FeedbackReceipt

router = APIRouter(tags=["feedback"])

_EXTENSIONS = {"JPEG": "jpg", "HEIF": "heic"}
"""Of photos by their format; of all others it is the format's own name."""


@router.post(
    "/feedback",
    status_code=201,
    summary="What is it really?",
    responses=problems(400, 401, 413, 415, 422, 500, 503),
)
async def feedback(
    services: AnyServices,
    live: AnyLiveModel,
    prediction_id: Annotated[
        str, Form(pattern="^[0-9a-f]{32}$", description="As in the answer that it is about")
    ],
    label: Annotated[str, Form(description="What the photo shows: one of the model's classes")],
    comment: Annotated[str, Form(max_length=1000, description="Anything else")] = "",
    consent: Annotated[bool, Form(description="Whether the photo may be learned from")] = False,
    file: Annotated[
        UploadFile | None, FormFile(description="The photo; kept only with consent")
    ] = None,
) -> FeedbackReceipt:
    """Keeps what the right label is, in the store, before it answers.

    With ``consent`` and the photo, the photo lands under its label in today's landing folder,
    marked as feedback by its name, and is taken in like any other. Without consent it is not kept.
    """
    if label not in live.engine.manifest.classes:
        raise no_such_label(label, live.engine.manifest.classes)
    said = Feedback(
        prediction_id=prediction_id,
        label=label,
        comment=comment,
        model_version=live.release.version,
    )
    photo = await file.read() if file is not None and consent else None
    return await to_thread.run_sync(_keep, services.store, said, photo)


def _keep(store: Store, said: Feedback, photo: bytes | None) -> FeedbackReceipt:
    name = uuid4().hex
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    try:
        landed = _land(store, day, said.label, photo) if photo is not None else None
        document = said.model_copy(update={"photo": landed}).model_dump_json(indent=2)
        store.put_if_absent(layout.feedback(day, name), seal(document.encode()))
    except ImageRefused as error:
        raise photo_refused(error) from None
    except DandelionError as error:
        raise store_away(str(error)) from None
    return FeedbackReceipt(feedback_id=name, learned_from=landed is not None)


def _land(store: Store, day: str, label: str, photo: bytes) -> str:
    extension = _extension(decode(photo).format)
    name = f"{layout.FEEDBACK_NAME}{sha256_hex(photo)[:16]}.{extension}"
    key = layout.landing_photo(day, label, name)
    store.put_if_absent(key, photo)
    return key


def _extension(image_format: str) -> str:
    return _EXTENSIONS.get(image_format, image_format.lower())
