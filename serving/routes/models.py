"""The live model, and what there is to know of it."""

from typing import Any

from fastapi import APIRouter

from dandelion_pipeline.release.manifest import Manifest
from serving.models import LiveModel
from serving.routes.services import AnyLiveModel, AnyServices, problems
from serving.schemas import ModelInfo, ModelRef, ReleaseInfo

router = APIRouter(tags=["model"])


@router.get("/model", summary="Which model answers?", responses=problems(401, 500, 503))
async def model(services: AnyServices, live: AnyLiveModel) -> ModelInfo:
    """The live model: how good it is, what it was made from, who made it live and why."""
    trouble = services.models.trouble
    return model_info(live, trouble.message if trouble else None)


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
