"""Challenger and champion on the same test photos, at the same moment."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import TypeAdapter

from dandelion_pipeline.errors import BundleError
from dandelion_pipeline.images.preprocess import Preprocessing
from dandelion_pipeline.release.bundle import Bundle
from dandelion_pipeline.release.manifest import GRAPHS, Metrics
from dandelion_pipeline.storage.store import Store
from dandelion_pipeline.training.champion import GRAPH_ERRORS, Champion, live_model, trained_on
from dandelion_pipeline.training.data import load_prepared
from dandelion_pipeline.training.dataset import TEST, rows_of
from dandelion_pipeline.training.evaluate import measure, predict_logits, prediction_table
from dandelion_pipeline.training.fit import TrainedModel
from dandelion_pipeline.training.gate import changed_answers
from dandelion_pipeline.training.intervals import wilson_interval
from dandelion_pipeline.training.slices import with_facts

CHALLENGER, CHAMPION = "challenger", "champion"
_METADATA = b"dandelion.champion"
_CHAMPION: TypeAdapter[Champion | None] = TypeAdapter(Champion | None)


def score(store: Store, dataset: pa.Table, challenger: TrainedModel) -> pa.Table:
    """Let both models answer for each test photo.

    Returns:
        One row a photo and a model: ``model`` is `CHALLENGER` or `CHAMPION`, the other columns
        are those of `evaluate.prediction_table`. There are no rows of a champion if no model
        is live, or the live one knows other classes or is damaged. The schema's metadata says
        which it is (`champion_of`).
    """
    rows, record = with_facts(store, rows_of(dataset, TEST)), challenger.record
    answers = _answers(
        store, rows, record.classes, record.preprocessing, challenger.onnx, record.temperature
    )
    champion, theirs = _ask_champion(store, rows, record.classes)
    tables = [
        _marked(answers, CHALLENGER),
        *([_marked(theirs, CHAMPION)] if theirs is not None else []),
    ]
    description = champion.model_dump_json() if champion else "null"
    return pa.concat_tables(tables).replace_schema_metadata({_METADATA: description})


def champion_of(scores: pa.Table) -> Champion | None:
    """The model that was live when the scores were made."""
    return _CHAMPION.validate_json(scores.schema.metadata[_METADATA])


def champion_version(scores: pa.Table) -> str | None:
    """Its version."""
    champion = champion_of(scores)
    return champion.version if champion else None


def measure_both(scores: pa.Table, classes: Sequence[str]) -> Metrics:
    """The challenger's figures, with the champion's on the same photos beside them."""
    ours, theirs = challenger_rows(scores), champion_rows(scores)
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


def champion_rows(scores: pa.Table) -> pa.Table:
    """What the champion says of the same photos, in the same order; empty if it was not asked."""
    return _of(scores, CHAMPION)


def challenger_rows(scores: pa.Table) -> pa.Table:
    """What the challenger says, in the columns of `evaluate.prediction_table`."""
    return _of(scores, CHALLENGER)


def _ask_champion(
    store: Store, rows: pa.Table, classes: Sequence[str]
) -> tuple[Champion | None, pa.Table | None]:
    """What is known of the live model, and its answers if it can give any."""
    live = live_model(store)
    if live is None:
        return None, None
    if live.bundle is None:
        return Champion(version=live.version, damage=live.damage), None
    try:
        return _ask(live.bundle, rows, classes)
    except BundleError as error:
        return Champion(version=live.version, damage=f"{error.what}: {error.why}"), None
    except GRAPH_ERRORS as error:
        why = f"ONNX Runtime cannot run it ({str(error).strip().splitlines()[0]})"
        return Champion(version=live.version, damage=why), None


def _ask(
    bundle: Bundle, rows: pa.Table, classes: Sequence[str]
) -> tuple[Champion, pa.Table | None]:
    manifest = bundle.manifest
    champion = Champion(
        version=manifest.version,
        is_sample=manifest.data.is_sample,
        trained_on=trained_on(bundle, rows),
    )
    model = bundle.read(GRAPHS[manifest.form])
    if manifest.classes != classes:
        return champion, None
    preprocessing = Preprocessing.model_validate(manifest.preprocessing)
    return champion, _answers(
        bundle.store, rows, classes, preprocessing, model, manifest.temperature
    )


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
