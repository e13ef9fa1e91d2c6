"""What people are told: of runs that failed for good, of warnings, and of Dagster itself."""

import logging
from collections.abc import Iterable
from dataclasses import asdict, dataclass

import dagster as dg
import httpx
from dagster_shared.error import SerializableErrorInfo

from dandelion_pipeline.defs.checks import ACCEPTED_BY
from dandelion_pipeline.settings import Settings

_WEBHOOK_TIMEOUT_S = 10


@dataclass(frozen=True)
class Alert:
    """One thing that somebody should look at, in words. What does not apply is empty."""

    what: str
    """Such as ``failed``."""

    reason: str
    run_id: str = ""
    job: str = ""
    partition: str = ""
    step: str = ""
    """The step that failed first, or nothing if the run never came to one."""

    level: int = logging.ERROR
    """Of the line in the log."""

    @property
    def message(self) -> str:
        """One line for people."""
        of_run = f"run {self.run_id} of {self.job} " if self.run_id else ""
        of_day = f"of {self.partition} " if self.partition else ""
        in_step = f" in {self.step}" if self.step else ""
        return f"{of_run}{of_day}{self.what}{in_step}: {self.reason}"


def alert_of(run: dg.DagsterRun, failure: dg.DagsterEvent) -> Alert | None:
    """The alert for a failed run, or None if Dagster runs it again by itself.

    Dagster notes that on the run, so of a run and its automatic retries the last one alone
    raises an alert.
    """
    if run.tags.get("dagster/will_retry", "").lower() == "true":
        return None
    first = failure.job_failure_data.first_step_failure_event
    error = failure.job_failure_data.error
    reason = failure.message or "no reason given"
    if first is not None:
        error = first.step_failure_data.error
    if error is not None:
        reason = innermost(error)
    return Alert(
        what="failed",
        run_id=run.run_id,
        job=run.job_name,
        partition=run.tags.get("dagster/partition", ""),
        step=(first.step_key or "") if first is not None else "",
        reason=" ".join(reason.split()),
    )


def alert_of_warnings(
    run: dg.DagsterRun, checks: Iterable[dg.AssetCheckEvaluation]
) -> Alert | None:
    """The alert for a run that succeeded although checks did not pass; None if all did.

    What somebody has accepted (`dandelion images accept`) is decided, and raises none.
    """
    said = [
        f"{check.asset_key.to_user_string()}, {check.check_name}: {check.description or '-'}"
        for check in checks
        if not check.passed and ACCEPTED_BY not in check.metadata
    ]
    if not said:
        return None
    return Alert(
        what="succeeded with warnings",
        level=logging.WARNING,
        reason="; ".join(said),
        run_id=run.run_id,
        job=run.job_name,
        partition=run.tags.get("dagster/partition", ""),
    )


def raise_alert(alert: Alert, settings: Settings, log: logging.Logger) -> None:
    """Log an alert, and post it to `DANDELION_ALERT_WEBHOOK` if there is one.

    It is posted as JSON: its fields, and ``text``, which chat programs show. Never raises: one that
    cannot be sent is logged, and the sensor goes on with the next.
    """
    log.log(alert.level, alert.message)
    if settings.alert_webhook is None:
        return
    document = {"text": alert.message, **asdict(alert)}
    del document["what"], document["level"]
    webhook = settings.alert_webhook.get_secret_value()
    try:
        httpx.post(webhook, json=document, timeout=_WEBHOOK_TIMEOUT_S).raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL) as error:  # the URL may hold a secret: not logged
        log.error(
            f"the alert could not be sent ({type(error).__name__}); check DANDELION_ALERT_WEBHOOK"
        )


def innermost(error: SerializableErrorInfo) -> str:
    """What an error says that others were raised from."""
    while error.cause is not None:
        error = error.cause
    return error.message
