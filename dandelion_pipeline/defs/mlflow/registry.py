"""MLflow's model registry says what the store says: a version per bundle, and two aliases.

The store and its release log are the truth; the registry is where people who live in MLflow
look for models. MLflow cannot create a version only if it is absent, so two mirrors at once
may both register a bundle. Therefore everybody who changed something looks again, and of
doubles the lowest number stays, on which all agree: MLflow never gives a number twice.
"""

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion

from dandelion_pipeline.defs.mlflow.model_version import (
    NAME,
    description_of,
    mlmodel_of,
    source_of,
    tags_of,
)
from dandelion_pipeline.defs.mlflow.timeouts import Declined, MlflowWithTimeout
from dandelion_pipeline.errors import BundleError
from dandelion_pipeline.release import log
from dandelion_pipeline.release.bundle import Bundle, open_bundle
from dandelion_pipeline.settings import Settings
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.prefetch import ordered_parallel_map

CHAMPION = "champion"
"""The alias of the live version."""

CHALLENGER = "challenger"
"""The alias of the newest bundle while it is not live: refused, or rolled back from."""

TIMEOUT_S = 14.0
"""How long one mirror waits for MLflow, all its answers together."""

COLLISIONS = 5
"""How often MLflow may say no: two mirrors that write the same at once make it do so."""

_ABSENT = frozenset({"RESOURCE_DOES_NOT_EXIST"})
_TAKEN = frozenset({"RESOURCE_ALREADY_EXISTS"})
_NO_SUCH_RUN = _ABSENT | {"INVALID_PARAMETER_VALUE"}  # or no form that the id of a run can have


@dataclass(frozen=True)
class Mirrored:
    """What the registry says now."""

    versions: dict[str, int]
    """The registered version's number, by bundle."""

    champion: str | None
    """The bundle that the alias points to."""

    challenger: str | None
    changes: tuple[str, ...]
    """What had to be done, for people; empty if nothing lagged."""

    unreadable: tuple[str, ...]
    """Bundles that were left out, because their manifest is damaged."""


def mirror(settings: Settings, store: Store) -> Mirrored:
    """Make MLflow's registry say what the store says. Doing it again changes nothing.

    Any number of processes may do so at once. Other people's versions, tags, aliases and
    descriptions stay as they are. Waits some 15 seconds for MLflow at most.

    Raises:
        TrackingUnavailable: MLflow did not answer in time, or said no. What was done by then
            stays, and the next call goes on from there.
        TransientError: the store did not answer.
        ReleaseError: the release log is broken.
    """
    registry = MlflowWithTimeout(settings, "keeping the model registry", TIMEOUT_S)
    known: dict[str, Bundle] = {}
    changes: list[str] = []
    collisions = 0
    while True:
        truth = _read(store, known)
        try:
            found = _look(registry, truth)
            before = len(changes)
            changes.extend(_repair(registry, truth, found))
        except Declined:
            collisions += 1
            if collisions > COLLISIONS:
                raise
            time.sleep(random.uniform(0, 0.2))  # noqa: S311  so that two don't meet for ever
            continue
        if len(changes) == before:
            return _report(truth, found, changes)


def _report(truth: "_Truth", found: "_Found", changes: list[str]) -> Mirrored:
    return Mirrored(
        {bundle: registered[0].number for bundle, registered in found.versions.items()},
        truth.live if CHAMPION in found.aliases else None,
        truth.challenger,
        tuple(changes),
        truth.unreadable,
    )


@dataclass(frozen=True)
class _Truth:
    """What the store says."""

    bundles: list[Bundle]
    """Those that can be read, in the order of their creation."""

    unreadable: tuple[str, ...]
    loadable: frozenset[str]
    """Versions beside whose files an `MLmodel` lies."""

    releases: dict[str, list[int]]
    """The numbers under which a version went live."""

    live: str | None

    @property
    def challenger(self) -> str | None:
        newest = self.bundles[-1].manifest.version if self.bundles else None
        return newest if newest != self.live else None


def _read(store: Store, known: dict[str, Bundle]) -> _Truth:
    """Look at the store again; manifests never change, so each is read once."""
    entries = log.history(store)  # before the bundles: what is live is then among them
    keys = [stored.key for stored in store.list_objects(layout.MODELS)]
    versions = _with(layout.MANIFEST, keys)
    missing = [version for version in versions if version not in known]
    opened = ordered_parallel_map(lambda version: _open(store, version), missing)
    known |= {bundle.manifest.version: bundle for bundle in opened if bundle is not None}
    releases: dict[str, list[int]] = {}
    for entry in entries:
        releases.setdefault(entry.version, []).append(entry.number)

    def age(bundle: Bundle) -> tuple[str, bool, str]:
        """Of two that were finished in the same second, the one that never was live is newer."""
        version = bundle.manifest.version
        return bundle.manifest.created, version not in releases, version

    return _Truth(
        sorted(known.values(), key=age),
        tuple(version for version in versions if version not in known),
        frozenset(_with(layout.MLMODEL, keys)),
        releases,
        entries[-1].version if entries else None,
    )


def _with(file: str, keys: Sequence[str]) -> list[str]:
    """The versions that have a file of this name."""
    parts = [key.removeprefix(layout.MODELS).split("/") for key in keys]
    return [part[0] for part in parts if part[1:] == [file]]


def _open(store: Store, version: str) -> Bundle | None:
    try:
        return open_bundle(store, version)
    except BundleError:
        return None


@dataclass(frozen=True)
class _Version:
    """What the registry says of a version."""

    number: int
    tags: dict[str, str]


@dataclass(frozen=True)
class _Found:
    """What the registry says."""

    model: bool
    versions: dict[str, list[_Version]]
    """By bundle; if there are doubles, the one that stays comes first."""

    aliases: dict[str, int]


def _look(registry: MlflowWithTimeout, truth: _Truth) -> _Found:
    model = registry.ask_unless(_ABSENT, lambda client: client.get_registered_model(NAME))
    if model is None:
        return _Found(model=False, versions={}, aliases={})
    versions: dict[str, list[_Version]] = {b.manifest.version: [] for b in truth.bundles}
    for listed in sorted(registry.ask(_all_versions), key=lambda each: int(each.version)):
        bundle = listed.tags.get("bundle")
        if bundle is not None:
            version = _Version(int(listed.version), dict(listed.tags))
            versions.setdefault(bundle, []).append(version)
    aliases = {alias: int(number) for alias, number in model.aliases.items()}
    return _Found(True, {b: found for b, found in versions.items() if found}, aliases)


def _all_versions(client: MlflowClient) -> list[ModelVersion]:
    page = client.search_model_versions(f"name='{NAME}'")
    found = list(page)
    while page.token:
        page = client.search_model_versions(f"name='{NAME}'", page_token=page.token)
        found += page
    return found


def _repair(registry: MlflowWithTimeout, truth: _Truth, found: _Found) -> Iterator[str]:
    """Do what there is to do, and say what was done."""
    if not found.model and truth.bundles:
        yield _make_model(registry)
    for bundle in truth.bundles:
        if bundle.manifest.version not in truth.loadable:
            yield _make_loadable(bundle)
        registered = found.versions.get(bundle.manifest.version)
        if registered is None:
            yield _register(registry, bundle, tags_of(bundle, truth.releases))
        else:
            yield from _correct_tags(registry, registered[0], tags_of(bundle, truth.releases))
    yield from _point(registry, CHAMPION, truth.live, truth, found)
    yield from _point(registry, CHALLENGER, truth.challenger, truth, found)
    for doubles in found.versions.values():
        yield from (_remove(registry, double) for double in doubles[1:])


def _make_model(registry: MlflowWithTimeout) -> str:
    about = "Follows the release log: `champion` is live, `challenger` is the newest if it is not."
    registry.ask_unless(_TAKEN, lambda client: client.create_registered_model(NAME, None, about))
    return f"model {NAME}"


def _make_loadable(bundle: Bundle) -> str:
    version = bundle.manifest.version
    bundle.store.put_if_absent(layout.model_file(version, layout.MLMODEL), mlmodel_of(bundle))
    return f"{layout.MLMODEL} of {version}"


def _register(registry: MlflowWithTimeout, bundle: Bundle, tags: dict[str, str]) -> str:
    manifest = bundle.manifest
    run = registry.ask_unless(_NO_SUCH_RUN, lambda client: client.get_run(manifest.mlflow_run))
    registry.ask_unless(
        _ABSENT,  # somebody removed the whole model meanwhile: the next look tells
        lambda client: client.create_model_version(
            NAME,
            source_of(bundle, through_a_server=registry.is_server),
            run_id=manifest.mlflow_run if run is not None else None,
            tags=tags,
            description=description_of(bundle),
            await_creation_for=0,
        ),
    )
    return f"version for {manifest.version}"


def _correct_tags(
    registry: MlflowWithTimeout, version: _Version, tags: dict[str, str]
) -> Iterator[str]:
    number = str(version.number)
    for key, value in tags.items():
        if version.tags.get(key) != value:
            change = partial(_set_tag, number=number, key=key, value=value)
            registry.ask_unless(_ABSENT, change)
            yield f"tag {key} of version {number}"


def _set_tag(client: MlflowClient, number: str, key: str, value: str) -> None:
    client.set_model_version_tag(NAME, number, key, value)


def _point(
    registry: MlflowWithTimeout, alias: str, bundle: str | None, truth: _Truth, found: _Found
) -> Iterator[str]:
    """Set or remove an alias; one that waits for its version to be registered stays."""
    registered = found.versions.get(bundle) if bundle is not None else None
    if registered is not None:
        number = registered[0].number
        if found.aliases.get(alias) != number:
            registry.ask_unless(
                _ABSENT,
                lambda client: client.set_registered_model_alias(NAME, alias, str(number)),
            )
            yield f"{alias} is {bundle}"
    elif alias in found.aliases and bundle not in {b.manifest.version for b in truth.bundles}:
        registry.ask_unless(
            _ABSENT, lambda client: client.delete_registered_model_alias(NAME, alias)
        )
        yield f"no {alias}"


def _remove(registry: MlflowWithTimeout, double: _Version) -> str:
    number = str(double.number)
    registry.ask_unless(_ABSENT, lambda client: client.delete_model_version(NAME, number))
    return f"version {number} was a double of {double.tags['bundle']}"
