"""The routes: what can be asked, and how an answer is put together."""

from serving.routes import feedback, health, metrics, models, predictions

OPEN = (health.router,)
"""What answers without a key."""

GUARDED = (models.router, predictions.router, feedback.router, metrics.router)
