"""`dandelion run`: photos in, a published model out."""

import time
from typing import TYPE_CHECKING, Annotated

import pyarrow as pa
import pyarrow.compute as pc
import typer

from dandelion_pipeline.cli.images.commands import (
    LABELS_HELP,
    SOURCE_HELP,
    Force,
    GroupPattern,
    KeepSplits,
    MergeCase,
    Mirror,
    SourceChoice,
    bring_in,
    split_labels,
)
from dandelion_pipeline.cli.report import out, say, show_models
from dandelion_pipeline.cli.stop_signals import stopped_like_ctrl_c
from dandelion_pipeline.cli.store.choice import S3PortOption, StoreOption, chosen_store
from dandelion_pipeline.configuration.document import Configuration
from dandelion_pipeline.configuration.history import gate_since, in_force
from dandelion_pipeline.dataset.cleaning.waiting import waiting_days
from dandelion_pipeline.dataset.dataset import FEWEST_CLASSES, SMALLEST_CLASS
from dandelion_pipeline.dataset.reviewed import known_classes, preview_dataset
from dandelion_pipeline.errors import (
    CheckFailed,
    DatasetError,
    Interrupted,
    ModelRefused,
    Refused,
    SettingsError,
    SourceError,
)
from dandelion_pipeline.gate.judged import Judged, judged
from dandelion_pipeline.ingest.imports import last_import
from dandelion_pipeline.ingest.intake import REJECTED, raw_columns
from dandelion_pipeline.ingest.landing import FIRST_DAY, ImportSummary, is_ingested, today
from dandelion_pipeline.ingest.source_address import source_address
from dandelion_pipeline.ingest.sources import PhotoSource
from dandelion_pipeline.release import log
from dandelion_pipeline.release.bundle import open_bundle
from dandelion_pipeline.release.live import live_model
from dandelion_pipeline.release.manifest import Manifest
from dandelion_pipeline.settings import Settings
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.training.config import Model, ModelChoice, Preset, TrainingConfig

if TYPE_CHECKING:
    from dandelion_pipeline.cli.pipeline import Pipeline


def run(
    images: Annotated[str, typer.Option(help=SOURCE_HELP)] = "",
    labels: Annotated[str, typer.Option(help=LABELS_HELP)] = "",
    preset: Annotated[
        Preset | None,
        typer.Option(
            help="How long the ResNet18 is trained, with all of its knobs. Default: what "
            "`dandelion config` says, else best; for the generated sample, sample. Without "
            "--model, fast trains the transfer model alone."
        ),
    ] = None,
    model: Annotated[
        ModelChoice | None,
        typer.Option(
            help="Default: what `dandelion config` says, else both; for the generated sample, "
            "resnet18."
        ),
    ] = None,
    retrain: Annotated[
        bool, typer.Option("--retrain", help="Train even if nothing changed.")
    ] = False,
    mirror: Mirror = False,
    force: Force = False,
    keep_splits: KeepSplits = False,
    group_pattern: GroupPattern = "",
    merge_case: MergeCase = False,
    kind: StoreOption = "",
    s3_port: S3PortOption = 8333,
) -> None:
    """Bring photos in, train on all there are, and publish the model if it is good enough."""
    started = time.monotonic()
    choice = SourceChoice(
        images, split_labels(labels), mirror, force, keep_splits, group_pattern, merge_case
    )
    with stopped_like_ctrl_c(), chosen_store(kind, s3_port, may_join=True) as (settings, _):
        store = open_store(settings.store)
        try:
            made = _made(settings, store, choice, preset, model, retrain=retrain)
        except KeyboardInterrupt:
            raise Interrupted(
                "the run",
                f"it was stopped; {_live_model(store)}",
                "Run the same command again: photos that are in already are not copied again",
            ) from None
        then = f"make up STORE={kind}" if kind else "make up"
        show_models(store, made, log.live_or_none(store), then)
    out.print(f"     took  {time.monotonic() - started:.0f} s")


def _made(
    settings: Settings,
    store: Store,
    choice: SourceChoice,
    preset: Preset | None,
    model: ModelChoice | None,
    *,
    retrain: bool,
) -> list[Manifest]:
    """The models that all photos make now, the last one last."""
    source = chosen_source(store, choice)
    brought = bring_in(store, choice, source, today()) if source else None
    from dandelion_pipeline.cli.pipeline import Pipeline  # noqa: PLC0415  Dagster takes seconds

    pipeline = Pipeline(settings)
    try:
        _ingest(pipeline, waiting_days(store))
    except CheckFailed:  # if that is why, it is the better answer
        _check_accepted(store, source, brought)
        raise
    _check_accepted(store, source, brought)
    configured = in_force(store)
    if configured is not None:
        say("configuration", configured.in_words)
    chosen = configured.configuration if configured else Configuration()
    dataset = preview_dataset(store, settings.split_salt, chosen.dataset_limits)
    configs = trainings(chosen, preset, model, is_sample=dataset.is_sample)
    if retrain:
        return _trained(store, pipeline, configs)
    since = gate_since(store)
    found = [judged(store, dataset.hash, config, since) for config in configs]
    before = [one for one in found if one is not None]
    for one in before:
        say("trained_model", f"training skipped: {one} (make run RETRAIN=1 makes it again)")
    left = [config for config, one in zip(configs, found, strict=True) if one is None]
    if not left:
        _require_no_refusal(before)
    made = _live_or(store, before) if before else []
    return [*made, *_trained(store, pipeline, left)] if left else made


def trainings(
    chosen: Configuration, preset: Preset | None, model: ModelChoice | None, *, is_sample: bool
) -> list[TrainingConfig]:
    """What is trained, in that order.

    Args:
        chosen: what the store's configuration says.
        preset: what somebody wants this time; in place of what is configured of the ResNet18.
        model: what somebody wants this time.
        is_sample: whether the photos were generated: then, where nobody says otherwise, it is
            the smallest training.
    """
    if is_sample and not chosen.training:
        preset = preset or Preset.SAMPLE
    if model is None:
        usual = usual_model(preset, is_sample=is_sample and not chosen.training)
        model = usual or chosen.model
    of = {one: chosen.training_of(one) for one in model.models}
    if preset is not None and Model.RESNET18 in of:
        of[Model.RESNET18] = TrainingConfig.of(preset)
    return list(of.values())


def usual_model(preset: Preset | None, *, is_sample: bool) -> ModelChoice | None:
    """What is trained if nobody says which model; None for what the configuration says."""
    if preset is Preset.FAST:
        return ModelChoice.TRANSFER
    return ModelChoice.RESNET18 if is_sample or preset is Preset.SAMPLE else None


def _trained(store: Store, pipeline: "Pipeline", configs: list[TrainingConfig]) -> list[Manifest]:
    """Train one model after the other; one that the gate refuses does not stop the next.

    Raises:
        ModelRefused: the gate refused all of them.
    """
    made: list[Manifest] = []
    refused: ModelRefused | None = None
    for config in configs:
        try:
            made.append(open_bundle(store, pipeline.train(config)).manifest)
        except ModelRefused as error:
            say("published_model", str(error).splitlines()[0])
            refused = error
    if refused is not None and not made:
        raise refused
    return made


def _require_no_refusal(before: list[Judged]) -> None:
    """Of photos whose models the gate refused, the same command says the same again.

    Raises:
        ModelRefused: it was against all of them.
    """
    if all(one.refused for one in before):
        raise ModelRefused(
            "these photos",
            "; ".join(str(one) for one in before),
            "What was live stays live. Add photos, change the configuration, or publish one all "
            f"the same: `dandelion releases promote {before[-1].manifest.version} --force "
            "--reason …`",
        )


def _live_or(store: Store, before: list[Judged]) -> list[Manifest]:
    """The live model; one that is not made again in its place, if it cannot be read."""
    live = live_model(store)
    return [live.bundle.manifest if live and live.bundle else before[-1].manifest]


def _ingest(pipeline: "Pipeline", waiting: list[str]) -> None:
    if not waiting:
        say("raw_images", "no new files: ingestion skipped")
    for day in waiting:
        if is_ingested(day):
            pipeline.ingest(day)
        else:
            say("raw_images", f"skipped landing/{day}/: days go from {FIRST_DAY} to today (UTC)")


def _live_model(store: Store) -> str:
    live = log.live_or_none(store)
    return f"the live model is still {live.version}" if live else "no model is live yet"


def chosen_source(store: Store, choice: SourceChoice) -> PhotoSource | None:
    """Where new photos come from; None if the store's own are to be used.

    Raises:
        Refused: the source is new and knows none of the classes that the store holds.
    """
    known, images = known_classes(store), choice.spec
    if choice.mirror and not images:
        raise SettingsError(
            "MIRROR=1", "no IMAGES given, so there is nothing to mirror", "Add IMAGES=…"
        )
    if not images and known:
        say(
            "import",
            f"no IMAGES given: using the photos of {', '.join(sorted(known))} in the store",
        )
        return None
    if not images:
        say("import", "no IMAGES given: using a GENERATED SAMPLE of dandelions and grass")
    source = choice.open(known)
    if not known:
        _check_count(source)
    elif images and known.isdisjoint(source.labels) and not _is_known(store, images):
        names = ", ".join(sorted(known))
        raise Refused(
            f"the photos of {', '.join(source.labels)}",
            f"the store holds {names}, and one store makes one classifier",
            "Give the new classes a store of their own, for example with "
            "DANDELION_HOME=.dandelion-other in front of the command. If they are the same classes "
            "under other names: `dandelion classes rename OLD NEW --reason …` for each first",
        )
    return source


def _is_known(store: Store, spec: str) -> bool:
    """Whether photos of this source were imported before: then it has renamed its classes."""
    return last_import(store, source_address(spec)) is not None


def _check_count(source: PhotoSource) -> None:
    """Refuse what can never make a data set, before anything is copied."""
    # A third class that is too small is no reason to copy nothing.
    needed = SMALLEST_CLASS * min(FEWEST_CLASSES, len(source.labels))
    if source.count is not None and source.count < needed:
        raise DatasetError(
            source.describe(),
            f"that is too few: each class needs at least {SMALLEST_CLASS}, "
            f"and some 100 make a useful model",
            "Add photos and run the same command again",
        )


def _check_accepted(
    store: Store, source: PhotoSource | None, brought: ImportSummary | None
) -> None:
    """Refuse to train on what was there before if nothing of the source is a photo."""
    if source is None or brought is None:
        return
    hashes = pa.array({file.sha256 for file in brought.files}, pa.string())
    rows = raw_columns(store, "name", "sha256", "status", "detail")
    mine = rows.filter(pc.is_in(rows["sha256"], hashes)).to_pylist()
    if mine and all(row["status"] == REJECTED for row in mine):
        raise SourceError(
            source.describe(),
            f"not one of them is a photo; the first, {mine[0]['name']}: {mine[0]['detail']}",
            "Give a folder of photos; nothing was trained, and the live model stays as it is",
        )
