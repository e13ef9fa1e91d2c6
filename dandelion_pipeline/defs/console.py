"""What a run says in the terminal: our own messages, and Dagster's only from errors on."""

import logging

import dagster as dg


class _Readable(logging.Filter):
    """Let our messages pass, and hold back the engine's events."""

    def filter(self, record: logging.LogRecord) -> bool:
        meta = getattr(record, "dagster_meta", {})
        record.step = meta.get("step_key") or "dagster"
        from_engine = meta.get("dagster_event") is not None
        return record.levelno >= (logging.ERROR if from_engine else logging.INFO)


def _readable_logger(_: dg.InitLoggerContext) -> logging.Logger:
    logger = logging.Logger("dandelion", level=logging.INFO)
    handler = logging.StreamHandler()
    handler.addFilter(_Readable())
    handler.setFormatter(logging.Formatter("%(step)-15s %(dagster_message)s"))
    logger.addHandler(handler)
    return logger


console = dg.LoggerDefinition(
    _readable_logger,
    description="Our own messages, without Dagster's events; those are in the UI.",
)
