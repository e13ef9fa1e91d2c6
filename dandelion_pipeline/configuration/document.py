"""The configuration: which models are trained and how, and the limits of every check.

It holds what somebody chose; everything else is the default of the version that runs, so that an
update brings its defaults along.
"""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from dandelion_pipeline.dataset.checks import DatasetLimits
from dandelion_pipeline.dataset.cleaning.batch_checks import BatchLimits
from dandelion_pipeline.errors import SettingsError
from dandelion_pipeline.gate.limits import GateLimits
from dandelion_pipeline.images.measures.quality_limits import QualityLimits
from dandelion_pipeline.images.near_duplicates.matches import NearDuplicates
from dandelion_pipeline.training.config import Model, ModelChoice, Preset, TrainingConfig

PRESET = "preset"
_SHARED = ("imbalance", "seed", "device", "precision")
"""Parameters that a training of the transfer model has as well."""

Section = dict[str, JsonValue]
"""What was chosen of one part, by parameter."""


class Configuration(BaseModel):
    """What somebody chose."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: ModelChoice = ModelChoice.BOTH
    """What `make run` and the weekly schedule train."""

    near_duplicates: NearDuplicates = "auto"
    """Which photos share a group, and so a split."""

    training: Section = Field(default_factory=dict)
    """``preset``, and parameters of `TrainingConfig` that differ from it."""

    quality: Section = Field(default_factory=dict)
    """Of `QualityLimits`: from where on a photo is too poor to learn from."""

    batch: Section = Field(default_factory=dict)
    """Of `BatchLimits`: what the photos of a day may look like together."""

    dataset: Section = Field(default_factory=dict)
    """Of `DatasetLimits`: what a data set has to be like."""

    gate: Section = Field(default_factory=dict)
    """Of `GateLimits`: what a challenger has to keep to go live."""

    @model_validator(mode="after")
    def _each_part_makes_sense(self) -> "Configuration":
        for name, kind in _PARTS.items():
            known = [*kind.model_fields, PRESET] if kind is TrainingConfig else kind.model_fields
            for parameter in getattr(self, name):
                if parameter not in known or (name, parameter) == ("training", "model"):
                    near = get_close_matches(parameter, [one for one in known if one != "model"], 1)
                    hint = f"; {name}.{near[0]} is the nearest" if near else ""
                    raise ValueError(f"there is no {name}.{parameter}{hint}")
        try:
            self._parts()
        except ValidationError as error:
            raise ValueError(_in_words(error)) from None
        return self

    @property
    def models(self) -> list[Model]:
        """What is trained, in that order."""
        return self.model.models

    def training_of(self, model: Model) -> TrainingConfig:
        """How a model of this kind is trained."""
        if model is Model.RESNET18:
            return _training(self.training)
        shared = {name: self.training[name] for name in _SHARED if name in self.training}
        return TrainingConfig.model_validate({"model": model, **shared})

    @property
    def quality_limits(self) -> QualityLimits:
        """From where on a photo is too poor to learn from."""
        return QualityLimits.model_validate(self.quality)

    @property
    def batch_limits(self) -> BatchLimits:
        """What the photos of a day may look like together."""
        return BatchLimits.model_validate(self.batch)

    @property
    def dataset_limits(self) -> DatasetLimits:
        """What a data set has to be like."""
        return DatasetLimits.model_validate(self.dataset)

    @property
    def gate_limits(self) -> GateLimits:
        """What a challenger has to keep to go live."""
        return GateLimits.model_validate(self.gate)

    def _parts(self) -> dict[str, BaseModel]:
        return {
            "training": self.training_of(Model.RESNET18),
            "quality": self.quality_limits,
            "batch": self.batch_limits,
            "dataset": self.dataset_limits,
            "gate": self.gate_limits,
        }

    def chosen(self) -> dict[str, JsonValue]:
        """What somebody chose, by its dotted name, such as ``training.size``."""
        return dict(_dotted(self.model_dump(mode="json", exclude_defaults=True)))

    def effective(self) -> dict[str, JsonValue]:
        """Every parameter that there is, by its dotted name, with the value that holds."""
        parts = {name: part.model_dump(mode="json") for name, part in self._parts().items()}
        del parts["training"]["model"]
        parts["training"] = {PRESET: self.training.get(PRESET, Preset.BEST), **parts["training"]}
        whole = {"model": self.model, "near_duplicates": self.near_duplicates, **parts}
        return dict(_dotted(whole))

    def changed(self, changes: Mapping[str, JsonValue]) -> "Configuration":
        """The same configuration with some parameters changed.

        Args:
            changes: by dotted name.

        Raises:
            SettingsError: there is no such parameter, or the value makes no sense.
        """
        document = self.model_dump(mode="json", exclude_defaults=True)
        for name, value in changes.items():
            part, _, parameter = name.partition(".")
            if part in _PARTS and parameter:
                document[part] = {**document.get(part, {}), parameter: value}
            elif part in type(self).model_fields and part not in _PARTS and not parameter:
                document[part] = value
            else:
                raise _no_parameter(name, list(self.effective()))
        return configuration_of(document)

    def without(self, names: list[str]) -> "Configuration":
        """The same configuration with some parameters at their defaults again.

        Raises:
            SettingsError: there is no such parameter.
        """
        for name in names:
            if name not in self.effective():
                raise _no_parameter(name, list(self.effective()))
        kept = {name: value for name, value in self.chosen().items() if name not in names}
        return Configuration().changed(kept)


_PARTS: dict[str, type[BaseModel]] = {
    "training": TrainingConfig,
    "quality": QualityLimits,
    "batch": BatchLimits,
    "dataset": DatasetLimits,
    "gate": GateLimits,
}


_NAMES = {kind.__name__: name for name, kind in _PARTS.items()}
"""The name of each part by that of its class, which pydantic gives its errors."""


def configuration_of(document: Mapping[str, Any]) -> Configuration:
    """A configuration from its parts, as they stand in JSON.

    Raises:
        SettingsError: a part or a parameter is unknown, or a value makes no sense.
    """
    try:
        return Configuration.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        why = first["msg"].removeprefix("Value error, ")
        raise SettingsError(
            "the configuration",
            f"{where}: {why}" if where else why,
            "Nothing was changed. `dandelion config show --all` lists all with their values",
        ) from None


def _training(chosen: Section) -> TrainingConfig:
    preset = chosen.get(PRESET, Preset.BEST)
    if preset not in set(Preset):
        raise ValueError(f"training.{PRESET}: {preset!r} is none of {', '.join(Preset)}")
    parameters = {name: value for name, value in chosen.items() if name != PRESET}
    return TrainingConfig.of(Preset(preset), **parameters)


def _dotted(document: Mapping[str, Any]) -> Iterator[tuple[str, JsonValue]]:
    for name, value in document.items():
        if name in _PARTS:
            yield from ((f"{name}.{parameter}", chosen) for parameter, chosen in value.items())
        else:
            yield name, value


def _no_parameter(name: str, known: list[str]) -> SettingsError:
    near = get_close_matches(name, known, 1)
    return SettingsError(
        f"the parameter {name}",
        "there is none of this name" + (f"; {near[0]} is the nearest" if near else ""),
        "Nothing was changed. `dandelion config show --all` lists all with their values",
    )


def _in_words(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join((_NAMES[error.title], *(str(one) for one in first["loc"])))
    return f"{where}: {first['msg'].removeprefix('Value error, ')} (it is {first['input']!r})"
