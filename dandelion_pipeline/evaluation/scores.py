"""Challenger, champion and the best model so far on the same test photos, at the same moment."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, TypeAdapter

from dandelion_pipeline.dataset.dataset import TEST, VALIDATION, rows_of
from dandelion_pipeline.errors import BundleError
from dandelion_pipeline.evaluation.ancestry import ancestry, seen
from dandelion_pipeline.evaluation.champion import (
    ChampionRecord,
    OnValidation,
    best_before,
    trained_on,
)
from dandelion_pipeline.evaluation.metrics import answers, measure, prediction_table
from dandelion_pipeline.evaluation.slices import with_facts
from dandelion_pipeline.images.decoding.preprocess import Preprocessing
from dandelion_pipeline.networks.graphs import GRAPH_ERRORS, predict_logits, run
from dandelion_pipeline.release.bundle import Bundle, open_bundle
from dandelion_pipeline.release.live import live_model
from dandelion_pipeline.release.manifest import GRAPHS, Metrics
from dandelion_pipeline.release.ood import OOD_FILE, FeatureDistribution, joined
from dandelion_pipeline.statistics.intervals import wilson_interval
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.training.fit import TrainedModel
from dandelion_pipeline.training.inputs.loading import load_prepared

CHALLENGER, CHAMPION, BEST = "challenger", "champion", "best"
_TINY = 1e-12
_OTHER: TypeAdapter[ChampionRecord | None] = TypeAdapter(ChampionRecord | None)
_ANCESTORS = b"dandelion.ancestors"


class Ancestors(BaseModel):
    """What the models whose weights the challenger began with have seen of the test split."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    left_out: int = 0
    """Test photos that are not in the scores, because one of them was trained on them."""

    everything: bool = False
    """Whether they were trained on all test photos: then the scores have all of them."""

    unknown: str = ""
    """Why it is not known what one of them was trained on, if so."""


def score(store: Store, dataset: pa.Table, challenger: TrainedModel) -> pa.Table:
    """Let the models answer for each test photo that the challenger's ancestors have not seen.

    Returns:
        One row a photo and a model: ``model`` is `CHALLENGER`, `CHAMPION` or `BEST`, the other
        columns are those of `metrics.prediction_table`. There are no rows of a champion if no
        model is live, or the live one knows other classes or is damaged; none of the best one,
        if it is the live one. The schema's metadata says which they are (`other_model`).
    """
    record = challenger.record
    test, ancestors = _unseen(store, rows_of(dataset, TEST), challenger)
    rows = with_facts(store, test)
    ours = _challenger_answers(store, rows, challenger)
    champion, theirs = _ask_champion(store, rows, record.classes)
    if champion is not None and theirs is not None:
        rivals = _on_validation(store, dataset, challenger, champion.version)
        champion = champion.model_copy(update={"on_validation": rivals})
    best, earlier = _ask_best(store, rows, record.classes)
    tables = [
        _marked(said, model)
        for said, model in ((ours, CHALLENGER), (theirs, CHAMPION), (earlier, BEST))
        if said is not None
    ]
    others = {CHAMPION: champion, BEST: best}
    metadata = {_key(name): _OTHER.dump_json(other) for name, other in others.items()}
    metadata[_ANCESTORS] = ancestors.model_dump_json().encode()
    return pa.concat_tables(tables).replace_schema_metadata(metadata)


def other_model(scores: pa.Table, name: str) -> ChampionRecord | None:
    """The model that was live (`CHAMPION`) or the best before it (`BEST`), if there was one."""
    document = scores.schema.metadata.get(_key(name))  # scores of before had no `BEST`
    return _OTHER.validate_json(document) if document else None


def ancestors_of(scores: pa.Table) -> Ancestors:
    """What is known of the models whose weights the challenger began with."""
    document = scores.schema.metadata.get(_ANCESTORS)
    return Ancestors.model_validate_json(document) if document else Ancestors()


def champion_version(scores: pa.Table) -> str | None:
    """The version of the model that was live when the scores were made."""
    champion = other_model(scores, CHAMPION)
    return champion.version if champion else None


def measure_both(scores: pa.Table, classes: Sequence[str]) -> Metrics:
    """The challenger's figures, and the champion's on the photos that the gate compares."""
    beside: dict[str, object] = {"champion_version": champion_version(scores)}
    ours, theirs = compared(scores, CHAMPION)
    if theirs.num_rows:
        mine, other = right_answers(ours), right_answers(theirs)
        hits = pc.sum(other).as_py()
        beside |= {
            "champion_accuracy": hits / theirs.num_rows,
            "champion_interval": wilson_interval(hits, theirs.num_rows),
            "lost": pc.sum(pc.and_not(other, mine)).as_py(),
            "gained": pc.sum(pc.and_not(mine, other)).as_py(),
            "compared_photos": theirs.num_rows,
        }
    return measure(challenger_rows(scores), classes).model_copy(update=beside)


def compared(scores: pa.Table, name: str) -> tuple[pa.Table, pa.Table]:
    """What the challenger and another model say of the photos that neither has seen.

    Returns:
        Two tables of the same photos in the same order, as of `metrics.prediction_table`; empty
        ones if there is no such photo, or if the other model was not asked.
    """
    other, theirs = other_model(scores, name), _of(scores, name)
    ours = challenger_rows(scores)
    if other is None or not theirs.num_rows or ancestors_of(scores).everything:
        return ours.slice(0, 0), theirs.slice(0, 0)
    fair = pc.invert(pc.is_in(theirs["sha256"], pa.array(other.trained_on or [], pa.string())))
    return ours.filter(fair), theirs.filter(fair)


def was_asked(scores: pa.Table, name: str) -> bool:
    """Whether another model has answered, be it for photos that it knows."""
    return bool(_of(scores, name).num_rows)


def right_answers(answers: pa.Table) -> pa.ChunkedArray:
    """Which predictions are the given labels."""
    return pc.equal(answers["predicted"], answers["label"])


def challenger_rows(scores: pa.Table) -> pa.Table:
    """What the challenger says, in the columns of `metrics.prediction_table`."""
    return _of(scores, CHALLENGER)


def _unseen(store: Store, test: pa.Table, challenger: TrainedModel) -> tuple[pa.Table, Ancestors]:
    """The photos to judge a challenger by. If its ancestors have seen all, these are all."""
    found = ancestry(store, challenger.record.config.model_dump())
    known = seen(found.datasets, test)
    if len(known) == test.num_rows:
        return test, Ancestors(everything=bool(known), unknown=found.unknown)
    unseen = pc.invert(pc.is_in(test["sha256"], pa.array(known, pa.string())))
    return test.filter(unseen), Ancestors(left_out=len(known), unknown=found.unknown)


def _ask_champion(
    store: Store, rows: pa.Table, classes: Sequence[str]
) -> tuple[ChampionRecord | None, pa.Table | None]:
    """What is known of the live model, and its answers if it can give any."""
    live = live_model(store)
    if live is None:
        return None, None
    if live.bundle is None:
        return ChampionRecord(version=live.version, damage=live.damage), None
    return _ask_if_possible(live.bundle, rows, classes)


def _on_validation(
    store: Store, dataset: pa.Table, challenger: TrainedModel, version: str
) -> OnValidation | None:
    """Compare models of different kinds that learnt from the same data."""
    record, manifest = challenger.record, open_bundle(store, version).manifest
    if manifest.data.hash != record.data.hash or manifest.architecture == record.architecture:
        return None
    rows, classes = rows_of(dataset, VALIDATION), record.classes
    ours = _challenger_answers(store, rows, challenger)
    _, theirs = _ask(open_bundle(store, version), rows, classes)
    if theirs is None or not rows.num_rows:
        return None
    mine, other = right_answers(ours), right_answers(theirs)
    return OnValidation(
        photos=rows.num_rows,
        lost=pc.sum(pc.and_not(other, mine)).as_py(),
        gained=pc.sum(pc.and_not(mine, other)).as_py(),
        log_loss=_log_loss(ours, classes),
        other_log_loss=_log_loss(theirs, classes),
    )


def _log_loss(said: pa.Table, classes: Sequence[str]) -> float:
    labels, probabilities = answers(said, classes)
    return float(-np.log(np.maximum(probabilities[np.arange(len(labels)), labels], _TINY)).mean())


def _ask_best(
    store: Store, rows: pa.Table, classes: Sequence[str]
) -> tuple[ChampionRecord | None, pa.Table | None]:
    """The same of the best model so far; a damaged one is none, and holds nobody up."""
    bundle = best_before(store)
    if bundle is None:
        return None, None
    best, answers = _ask_if_possible(bundle, rows, classes)
    return (best, answers) if answers is not None else (None, None)


def _ask_if_possible(
    bundle: Bundle, rows: pa.Table, classes: Sequence[str]
) -> tuple[ChampionRecord, pa.Table | None]:
    version = bundle.manifest.version
    try:
        return _ask(bundle, rows, classes)
    except BundleError as error:
        return ChampionRecord(version=version, damage=f"{error.what}: {error.why}"), None
    except GRAPH_ERRORS as error:
        why = f"ONNX Runtime cannot run it ({str(error).strip().splitlines()[0]})"
        return ChampionRecord(version=version, damage=why), None


def _ask(
    bundle: Bundle, rows: pa.Table, classes: Sequence[str]
) -> tuple[ChampionRecord, pa.Table | None]:
    manifest = bundle.manifest
    known, unknown = trained_on(bundle, rows)
    champion = ChampionRecord(
        version=manifest.version,
        is_sample=manifest.data.is_sample,
        trained_on=known,
        unknown_ancestor=unknown,
    )
    model = bundle.read(GRAPHS[manifest.form])
    if manifest.classes != classes:
        return champion, None
    preprocessing = Preprocessing.model_validate(manifest.preprocessing)
    return champion, _answers(
        bundle.store, rows, classes, preprocessing, model, manifest.temperature
    )


def _challenger_answers(store: Store, rows: pa.Table, challenger: TrainedModel) -> pa.Table:
    record = challenger.record
    photos = load_prepared(store, rows, record.classes, record.preprocessing)
    outputs = run(challenger.onnx, photos.pixels)
    novelty = None
    if record.ood is not None:
        distribution = FeatureDistribution.parse(challenger.files[OOD_FILE], record.version)
        distances = distribution.distances(joined(outputs.features, outputs.early))
        novelty = distances / record.ood.limits[record.served_as or "fp32"]
    return prediction_table(rows, record.classes, outputs.logits, record.temperature, novelty)


def _answers(
    store: Store,
    rows: pa.Table,
    classes: Sequence[str],
    preprocessing: Preprocessing,
    model: bytes,
    temperature: float,
) -> pa.Table:
    photos = load_prepared(store, rows, classes, preprocessing)
    logits = predict_logits(model, photos.pixels)
    return prediction_table(rows, classes, logits, temperature)


def _marked(answers: pa.Table, model: str) -> pa.Table:
    return answers.append_column("model", pa.array([model] * answers.num_rows, pa.string()))


def _of(scores: pa.Table, model: str) -> pa.Table:
    return scores.filter(pc.equal(scores["model"], model)).drop_columns("model")


def _key(name: str) -> bytes:
    return f"dandelion.{name}".encode()
