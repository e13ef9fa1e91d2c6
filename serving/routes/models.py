"""The live model, and what there is to know of it."""

from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from dandelion_pipeline.errors import BundleError, DandelionError
from dandelion_pipeline.release import log
from dandelion_pipeline.release.bundle import open_bundle
from dandelion_pipeline.release.log import Release
from dandelion_pipeline.release.manifest import CARD_MARKDOWN, Manifest
from dandelion_pipeline.storage.store import Store
from serving.models import LiveModel
from serving.problems import no_such_model, store_away
from serving.routes.services import AnyLiveModel, AnyServices, problems
from serving.schemas import ModelInfo, ModelRef, ReleasedModel, ReleaseHistory, ReleaseInfo

router = APIRouter(tags=["model"])


@router.get("/model", summary="Which model answers?", responses=problems(401, 500, 503))
async def model(services: AnyServices, live: AnyLiveModel) -> ModelInfo:
    """The live model: how good it is, what it was made from, who made it live and why."""
    trouble = services.models.trouble
    return model_info(live, trouble.message if trouble else None)


@router.get("/models", summary="What was live when?", responses=problems(401, 422, 500, 503))
async def models(
    services: AnyServices, limit: Annotated[int, Query(ge=1, le=100)] = 20
) -> ReleaseHistory:
    """The release log, newest first: who made which model live, when and why."""
    return await to_thread.run_sync(_history, services.store, limit)


@router.get(
    "/models/{version}/card",
    summary="What is a model good at?",
    response_class=Response,
    responses={
        200: {"content": {"text/markdown": {"schema": {"type": "string"}}}},
        **problems(401, 404, 422, 500, 503),
    },
)
async def card(
    services: AnyServices,
    version: Annotated[str, Path(pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")],
) -> Response:
    """The model card, in Markdown."""
    text = await to_thread.run_sync(_card, services.store, version)
    return Response(text, media_type="text/markdown; charset=utf-8")


def _history(store: Store, limit: int) -> ReleaseHistory:
    try:
        entries = log.history(store)
    except DandelionError as error:
        raise store_away(str(error)) from None
    newest = entries[-1].number if entries else 0
    chosen = entries[::-1][:limit]
    released = [_released(store, one, live=one.number == newest) for one in chosen]
    return ReleaseHistory(releases=released, total=len(entries))


def _released(store: Store, entry: Release, *, live: bool) -> ReleasedModel:
    try:
        manifest = open_bundle(store, entry.version, entry.manifest_sha256).manifest
    except DandelionError:  # the entry is worth showing all the same
        manifest = None
    return ReleasedModel(
        **entry.model_dump(include=set(ReleaseInfo.model_fields)),
        version=entry.version,
        live=live,
        forced=entry.forced,
        accuracy=manifest.metrics.accuracy if manifest else None,
        data_hash=manifest.data.hash if manifest else None,
        is_sample=manifest.data.is_sample if manifest else None,
    )


def _card(store: Store, version: str) -> bytes:
    try:
        bundle = open_bundle(store, version)
        if CARD_MARKDOWN not in bundle.manifest.files:
            raise no_such_model(version, "has no card")
        return bundle.read(CARD_MARKDOWN)
    except BundleError:
        raise no_such_model(version, "is not in the store, or is damaged") from None
    except DandelionError as error:
        raise store_away(str(error)) from None


def model_info(live: LiveModel, trouble: str | None) -> ModelInfo:
    """What there is to know of a live model."""
    manifest, release = live.engine.manifest, live.release
    return ModelInfo(
        **_ref(manifest),
        classes=manifest.classes,
        architecture=manifest.architecture,
        created=manifest.created,
        size=live.engine.preprocessing.size,
        accuracy=manifest.metrics.accuracy,
        test_photos=manifest.metrics.test_photos,
        counts=manifest.data.counts,
        release=ReleaseInfo(**release.model_dump(include=set(ReleaseInfo.model_fields))),
        trouble=trouble,
    )


def model_ref(manifest: Manifest) -> ModelRef:
    """Which model answers."""
    return ModelRef(**_ref(manifest))


def _ref(manifest: Manifest) -> dict[str, Any]:
    return {
        "version": manifest.version,
        "is_sample": manifest.data.is_sample,
        "data_hash": manifest.data.hash,
        "dagster_run": manifest.dagster_run,
        "mlflow_run": manifest.mlflow_run,
    }
