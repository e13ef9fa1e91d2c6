"""What a run says in the terminal: our own messages; the engine's events are in the UI."""

import logging

import dagster as dg


class _OurMessages(logging.Filter):
    """Let what assets log pass, each line under its step, and hold back the engine's events."""

    def filter(self, record: logging.LogRecord) -> bool:
        meta = getattr(record, "dagster_meta", {})
        record.step = meta.get("step_key") or "dagster"
        record.said = meta.get("orig_message", record.msg)
        from_engine = getattr(record, "dagster_event", None) is not None
        return record.levelno >= logging.INFO and not from_engine


def _readable_logger(_: dg.InitLoggerContext) -> logging.Logger:
    logger = logging.Logger("dandelion", level=logging.INFO)
    handler = logging.StreamHandler()
    handler.addFilter(_OurMessages())
    handler.setFormatter(logging.Formatter("%(step)-15s %(said)s"))
    logger.addHandler(handler)
    return logger


console = dg.LoggerDefinition(
    _readable_logger,
    description="Our own messages, without Dagster's events; those are in the UI.",
)
