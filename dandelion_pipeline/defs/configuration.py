"""What the store's configuration says, and what was given for one run: the run's comes first."""

from collections.abc import Mapping
from typing import Any, TypeVar, cast

import dagster as dg
from pydantic import BaseModel

from dandelion_pipeline.configuration.document import Configuration
from dandelion_pipeline.configuration.history import in_force
from dandelion_pipeline.defs.runs.retries import transient_errors_retried
from dandelion_pipeline.storage.objects.store import Store

M = TypeVar("M", bound=BaseModel)


def configuration_of_run(context: dg.AssetExecutionContext, store: Store) -> Configuration:
    """What the store's configuration says now; the log says whose it is.

    Raises:
        SettingsError: it cannot be read.
    """
    with transient_errors_retried(context):
        found = in_force(store)
    if found is None:
        return Configuration()
    context.log.info(found.in_words)
    return found.configuration


def given_to(context: dg.AssetExecutionContext) -> Mapping[str, Any]:
    """The configuration that was given for this run of an asset, without any default."""
    given: Any = context.run.run_config
    for name in ("ops", context.op_execution_context.op.name, "config"):
        given = given.get(name) or {}
    return cast("Mapping[str, Any]", given)


def with_given(configured: M, given: Mapping[str, Any], parsed: BaseModel) -> M:
    """What is configured, and in its place what was given.

    Args:
        configured: what the store says.
        given: what somebody wrote down for this run; its names alone count.
        parsed: the same as Dagster read it, with defaults for everything else.
    """
    values = {name: getattr(parsed, name) for name in given}
    return type(configured).model_validate({**configured.model_dump(), **values})
