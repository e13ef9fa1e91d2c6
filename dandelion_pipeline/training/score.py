"""Challenger and champion on the same test photos, at the same moment."""

import json
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from dandelion_pipeline.images.preprocess import Preprocessing
from dandelion_pipeline.release import log
from dandelion_pipeline.release.bundle import Bundle, open_bundle
from dandelion_pipeline.release.manifest import ONNX_FILE, Metrics
from dandelion_pipeline.storage.store import Store
from dandelion_pipeline.training.data import load_prepared
from dandelion_pipeline.training.dataset import TEST, rows_of
from dandelion_pipeline.training.evaluate import measure, predict_logits, prediction_table
from dandelion_pipeline.training.fit import TrainedModel
from dandelion_pipeline.training.gate import Decision, changed_answers, decide
from dandelion_pipeline.training.intervals import wilson_interval
from dandelion_pipeline.training.slices import with_facts

CHALLENGER, CHAMPION = "challenger", "champion"
_METADATA = b"dandelion.champion"


def score(store: Store, dataset: pa.Table, challenger: TrainedModel) -> pa.Table:
    """Let both models answer for each test photo.

    Returns:
        One row a photo and a model: ``model`` is `CHALLENGER` or `CHAMPION`, the other columns
        are those of `evaluate.prediction_table`. There are no rows of a champion if no model
        is live or the live one knows other classes. The schema's metadata names the champion.
    """
    rows, record = with_facts(store, rows_of(dataset, TEST)), challenger.record
    answers = _answers(
        store, rows, record.classes, record.preprocessing, challenger.onnx, record.temperature
    )
    tables = [_marked(answers, CHALLENGER)]
    champion = live_bundle(store)
    if champion is not None and champion.manifest.classes == record.classes:
        manifest = champion.manifest
        preprocessing = Preprocessing.model_validate(manifest.preprocessing)
        theirs = _answers(
            store,
            rows,
            record.classes,
            preprocessing,
            champion.read(ONNX_FILE),
            manifest.temperature,
        )
        tables.append(_marked(theirs, CHAMPION))
    description = _describe(champion)
    return pa.concat_tables(tables).replace_schema_metadata({_METADATA: json.dumps(description)})


def champion_version(scores: pa.Table) -> str | None:
    """The model that was live when the scores were made."""
    version: str | None = json.loads(scores.schema.metadata[_METADATA])["version"]
    return version


def measure_both(scores: pa.Table, classes: Sequence[str]) -> Metrics:
    """The challenger's figures, with the champion's on the same photos beside them."""
    ours, theirs = challenger_rows(scores), _of(scores, CHAMPION)
    beside: dict[str, object] = {"champion_version": champion_version(scores)}
    if theirs.num_rows:
        hits = pc.sum(pc.equal(theirs["predicted"], theirs["label"])).as_py()
        lost, gained = changed_answers(ours, theirs)
        beside |= {
            "champion_accuracy": hits / theirs.num_rows,
            "champion_interval": wilson_interval(hits, theirs.num_rows),
            "lost": lost,
            "gained": gained,
        }
    return measure(ours, classes).model_copy(update=beside)


def challenger_rows(scores: pa.Table) -> pa.Table:
    """What the challenger says, in the columns of `evaluate.prediction_table`."""
    return _of(scores, CHALLENGER)


def judge(scores: pa.Table, challenger: TrainedModel) -> Decision:
    """Ask the gate."""
    champion = json.loads(scores.schema.metadata[_METADATA])
    ours, theirs = _of(scores, CHALLENGER), _of(scores, CHAMPION)
    comparable = theirs.num_rows > 0
    lost, gained = changed_answers(ours, theirs) if comparable else (0, 0)
    return decide(
        challenger_is_sample=challenger.record.data.is_sample,
        champion_is_sample=champion["is_sample"],
        comparable=comparable,
        lost=lost,
        gained=gained,
    )


def live_bundle(store: Store) -> Bundle | None:
    """The bundle of the live model, if one is live."""
    release = log.live_or_none(store)
    if release is None:
        return None
    return open_bundle(store, release.version, release.manifest_sha256)


def _describe(champion: Bundle | None) -> dict[str, object]:
    if champion is None:
        return {"version": None, "is_sample": None}
    manifest = champion.manifest
    return {"version": manifest.version, "is_sample": manifest.data.is_sample}


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
