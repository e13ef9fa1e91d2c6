"""The routes: what can be asked, and how an answer is put together."""

from serving.api.routes import (
    activity,
    explanations,
    feedback,
    health,
    metrics,
    models,
    predictions,
    similar,
)

OPEN = (health.router,)
"""What answers without a key."""

GUARDED = (
    models.router,
    predictions.router,
    explanations.router,
    similar.router,
    feedback.router,
    activity.router,
    metrics.router,
)
