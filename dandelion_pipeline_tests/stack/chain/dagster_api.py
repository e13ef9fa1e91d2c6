"""Dagster's GraphQL API, as its pages use it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from dandelion_pipeline.defs.airflow.runs import DATA_INGESTION, IDENTITY

LOCATION = {"repositoryLocationName": "dandelion", "repositoryName": "__repository__"}
ENDED = ("SUCCESS", "FAILURE", "CANCELED")

_RUNS = """query($job: String!) {runsOrError(filter: {pipelineName: $job}) {
    ... on Runs {results {runId status parentRunId tags {key value}}}}}"""
_RECORDED = """query($key: AssetKeyInput!) {assetOrError(assetKey: $key) {
    ... on Asset {assetMaterializations(limit: 1000) {
        metadataEntries {label ... on TextMetadataEntry {text}}}}}}"""
_LAUNCH = """mutation($run: ExecutionParams!) {launchRun(executionParams: $run) {
    __typename ... on LaunchRunSuccess {run {runId}}}}"""
_BEATS = """{instance {daemonHealth {allDaemonStatuses {required lastHeartbeatTime}}}
    workspaceOrError {... on Workspace {locationEntries {loadStatus locationOrLoadError {
        __typename}}}}}"""


@dataclass(frozen=True)
class Run:
    """What Dagster says of a run."""

    run_id: str
    status: str
    parent: str | None
    day: str
    """The partition; empty if it has none."""


@dataclass(frozen=True)
class Dagster:
    """A webserver."""

    url: str

    def runs(self, job: str) -> list[Run]:
        """All runs of a job, the first one first."""
        found = self._ask(_RUNS, {"job": job})["runsOrError"]["results"]
        return [_run(each) for each in reversed(found)]

    def recorded(self) -> list[str]:
        """The DAG runs that are materialisations of `data_ingestion`, as often as they are."""
        asset = self._ask(_RECORDED, {"key": {"path": [DATA_INGESTION]}})["assetOrError"]
        events = asset.get("assetMaterializations", [])
        entries = [entry for event in events for entry in event["metadataEntries"]]
        return sorted(entry["text"] for entry in entries if entry["label"] == IDENTITY)

    def launch(self, job: str, config: Mapping[str, object]) -> str:
        """Start a job, and give the id of the run."""
        run = {"selector": {**LOCATION, "jobName": job}, "runConfigData": config}
        started = self._ask(_LAUNCH, {"run": run})["launchRun"]
        assert started["__typename"] == "LaunchRunSuccess", started
        return str(started["run"]["runId"])

    def is_loaded(self) -> bool:
        """Whether the webserver answers and has the code location."""
        try:
            entries = self._ask(_BEATS)["workspaceOrError"]["locationEntries"]
        except httpx.HTTPError:
            return False
        loaded = [(entry["locationOrLoadError"] or {}).get("__typename") for entry in entries]
        return loaded == ["RepositoryLocation"]

    def daemons_beat_since(self, moment: float) -> bool:
        """Whether each of the daemon's parts has said since then that it is alive."""
        try:
            statuses = self._ask(_BEATS)["instance"]["daemonHealth"]["allDaemonStatuses"]
        except (httpx.HTTPError, TypeError):
            return False
        beats = [each["lastHeartbeatTime"] or 0 for each in statuses if each["required"]]
        return bool(beats) and min(beats) > moment

    def _ask(self, query: str, variables: Mapping[str, object] | None = None) -> Any:  # noqa: ANN401
        document = {"query": query, "variables": dict(variables or {})}
        answer = httpx.post(f"{self.url}/graphql", json=document, timeout=60, trust_env=False)
        return answer.raise_for_status().json()["data"]


def _run(found: Mapping[str, Any]) -> Run:
    tags = {tag["key"]: tag["value"] for tag in found["tags"]}
    day = tags.get("dagster/partition", "")
    return Run(found["runId"], found["status"], found["parentRunId"], day)
