"""`trained_model` and `evaluation`."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import dagster as dg
import pyarrow as pa

from dandelion_pipeline.configuration.document import Configuration
from dandelion_pipeline.dataset.dataset import DatasetInfo
from dandelion_pipeline.defs.configuration import configuration_of_run, given_to, with_given
from dandelion_pipeline.defs.mlflow.tracking import Tracking
from dandelion_pipeline.defs.previews import picture
from dandelion_pipeline.defs.resources import StoreResource
from dandelion_pipeline.defs.runs.pools import TRAINING_POOL
from dandelion_pipeline.defs.runs.retries import transient_errors_retried
from dandelion_pipeline.defs.tables import figure, interval, per_class_table, slices_table
from dandelion_pipeline.evaluation import plots
from dandelion_pipeline.evaluation.pictures import CAPTIONS, evaluation_pictures
from dandelion_pipeline.evaluation.scores import measure_both, score
from dandelion_pipeline.release.manifest import Metrics
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.records.content_hash import content_hash
from dandelion_pipeline.training.config import Model, ModelChoice, TrainingConfig
from dandelion_pipeline.training.fit import TrainedModel, fit
from dandelion_pipeline.training.history import EpochMetrics
from dandelion_pipeline.training.pace import Outlook
from dandelion_pipeline.training.transfer.fit import fit_transfer


class TrainedModelConfig(dg.Config, TrainingConfig):
    """Every knob of a training; the defaults are the preset `best`."""


@dg.asset(
    io_manager_key="models",
    pool=TRAINING_POOL,
    group_name="training",
    kinds={"pytorch", "mlflow", "onnx"},
)
def trained_model(
    context: dg.AssetExecutionContext,
    config: TrainedModelConfig,
    store: StoreResource,
    mlflow: dg.ResourceParam[Tracking],
    dataset: pa.Table,
) -> TrainedModel:
    """A ResNet18, or a head on the pretrained backbone.

    Of a ResNet18, the average of its weights at the end of the schedule is kept.
    """
    with mlflow.failures_recorded(), transient_errors_retried(context):
        opened = store.open()
        knobs = _knobs(context, config, configuration_of_run(context, opened))
        mlflow.log_params(knobs.model_dump())
        report = layout.report(DatasetInfo.of(dataset).hash)
        if opened.exists(report):
            mlflow.log_page(opened.get(report), "data_report.html")
        reporter = _Reporter(context, mlflow)
        if knobs.model is Model.TRANSFER:
            model = fit_transfer(opened, dataset, knobs, reporter.on_epoch, context.log.info)
        else:
            model = fit(
                opened, dataset, knobs, reporter.on_epoch, reporter.on_resume, reporter.on_start
            )
        record = model.record
        context.log.info(f"served in {record.served_in_words}")
        unit = record.plan.unit if record.plan else "epoch"
        curves = plots.learning_curves(record.history, unit)
        mlflow.log_plot(curves, "learning_curves.png")
        mlflow.set_tags(
            {
                "version": record.version,
                "data_hash": record.data.hash,
                "sample": record.data.is_sample,
                "served_as": record.served_as,
            }
        )
    reporter.on_end(record.history)
    last = record.history[-1]
    context.set_data_version(context.asset_key, dg.DataVersion(record.version))
    context.add_output_metadata(
        {
            "learning_curves": picture(curves, "png", f"loss and accuracy by {unit}"),
            "rounds": last.epoch,
            "steps": last.epoch * record.plan.steps_per_round if record.plan else None,
            "choices": "; ".join(record.choices.sentences()) if record.choices else "none",
            "validation_accuracy": figure(last.validation_accuracy),
            "seconds": round(record.seconds, 1),
            "is_sample": record.data.is_sample,
            "served_in": record.served_in_words,
            **mlflow.metadata,
        }
    )
    return model


def _knobs(
    context: dg.AssetExecutionContext, config: TrainedModelConfig, chosen: Configuration
) -> TrainingConfig:
    """Every knob of this training. Where nobody says which of two models, it is the ResNet18."""
    given = given_to(context)
    usual = Model.TRANSFER if chosen.model is ModelChoice.TRANSFER else Model.RESNET18
    model = config.model if "model" in given else usual
    return with_given(chosen.training_of(model), given, config)


@dg.asset(
    io_manager_key="tables",
    group_name="training",
    kinds={"onnx", "mlflow", "parquet"},
)
def evaluation(
    context: dg.AssetExecutionContext,
    store: StoreResource,
    mlflow: dg.ResourceParam[Tracking],
    trained_model: TrainedModel,
    dataset: pa.Table,
) -> pa.Table:
    """What the model, and the one in production, say of each photo of the test split."""
    with mlflow.failures_recorded(), transient_errors_retried(context):
        table = score(store.open(), dataset, trained_model)
        metrics = measure_both(table, trained_model.record.classes)
        pictures = evaluation_pictures(store.open(), trained_model, table, metrics)
        for name, data in pictures.items():
            mlflow.log_plot(data, name)
        mlflow.log_metrics(_figures(metrics))
    champion = (
        f"; live model {metrics.champion_version}: {metrics.champion_accuracy:.1%} "
        f"of {metrics.compared_photos}"
        if metrics.champion_accuracy is not None
        else ""
    )
    context.log.info(f"accuracy {metrics.accuracy:.1%} of {metrics.test_photos} photos{champion}")
    context.set_data_version(context.asset_key, dg.DataVersion(content_hash(table)))
    figures = _figures(metrics)
    context.add_output_metadata(
        {
            **_shown(pictures),
            **{name.removeprefix("test_"): figure(value) for name, value in figures.items()},
            "accuracy_interval": interval(metrics.accuracy_interval),
            "temperature": figure(trained_model.record.temperature),
            "test_photos": metrics.test_photos,
            "per_class": per_class_table(metrics.per_class),
            "by_slice": slices_table(metrics.slices),
            "champion": metrics.champion_version or "none",
            "champion_accuracy": _or_none(metrics.champion_accuracy),
            "compared_photos": metrics.compared_photos,
            "is_sample": trained_model.record.data.is_sample,
            **mlflow.metadata,
        }
    )
    return table


def _or_none(value: float | None) -> float | None:
    return None if value is None else figure(value)


def _figures(metrics: Metrics) -> dict[str, float]:
    figures = {"test_accuracy": metrics.accuracy, "test_log_loss": metrics.log_loss}
    if metrics.balanced_accuracy is not None and metrics.macro_f1 is not None:
        figures["test_balanced_accuracy"] = metrics.balanced_accuracy
        figures["test_macro_f1"] = metrics.macro_f1
    if metrics.calibration is not None:
        figures |= {
            "test_log_loss_before_scaling": metrics.calibration.log_loss_before,
            "test_ece": metrics.calibration.ece,
            "test_ece_before_scaling": metrics.calibration.ece_before,
            "test_ece_by_chance": metrics.calibration.ece_by_chance,
        }
    return figures


def _shown(pictures: Mapping[str, bytes]) -> dict[str, dg.MarkdownMetadataValue]:
    names = {name: name.split(".") for name in pictures}
    return {
        stem: picture(pictures[name], kind, CAPTIONS[name]) for name, (stem, kind) in names.items()
    }


class _Reporter:
    """Says in Dagster's log and in MLflow how a training goes."""

    def __init__(self, context: dg.AssetExecutionContext, mlflow: Tracking) -> None:
        self._context = context
        self._mlflow = mlflow
        self._outlook: Outlook | None = None
        self._spent: list[float] = []

    def on_start(self, outlook: Outlook) -> None:
        """Nothing is trained yet."""
        self._outlook = outlook
        self._context.log.info(outlook.sentence())
        for sentence in outlook.choices.sentences():
            self._context.log.info(sentence)

    def on_epoch(self, row: EpochMetrics) -> None:
        """A round is over."""
        self._spent.append(row.seconds)
        left = f", {_clock(self._outlook.left(self._spent))} left" if self._outlook else ""
        self._context.log.info(
            f"{self._round(f'{row.epoch:3d}')}  loss {row.train_loss:.3f}  "
            f"validation {row.validation_loss:.3f}, accuracy {row.validation_accuracy:.1%}  "
            f"{row.seconds:.1f} s{left}"
        )
        self._track(row)

    def on_resume(self, rows: Sequence[EpochMetrics]) -> None:
        """Rounds of a run before this one: its MLflow run ended, so this one's gets their curve."""
        self._context.log.info(
            f"going on after {self._round(str(len(rows)))}, "
            "from the checkpoint of a training with this data and configuration"
        )
        for row in rows:
            self._track(row)

    def on_end(self, rows: Sequence[EpochMetrics]) -> None:
        """The last round is over: perhaps sooner than was planned."""
        if self._outlook is not None and len(rows) < self._outlook.plan.rounds:
            self._context.log.info(
                f"ended after {self._round(str(len(rows)))}: nothing was left to learn, all photos "
                "were right for a sixth of the training"
            )

    def _round(self, number: str) -> str:
        plan = self._outlook.plan if self._outlook else None
        return f"{plan.unit} {number}/{plan.rounds}" if plan else f"round {number}"

    def _track(self, row: EpochMetrics) -> None:
        values = asdict(row)
        self._mlflow.log_metrics(values, step=values.pop("epoch"))


def _clock(seconds: float) -> str:
    return f"{seconds // 60:.0f}:{seconds % 60:02.0f}"
