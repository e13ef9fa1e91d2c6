"""What a manifest says of the graphs of a bundle: how near they are, and how a server proves it."""

from pydantic import BaseModel, ConfigDict


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Agreement(_Part):
    """How near an exported graph is to what it was made from, at temperature 1.

    The graph in floats is compared with the network in torch, the one in integers with the graph
    in floats. What has a default is not in older manifests. A distance is the total variation
    distance of a photo's probabilities, from 0 to 1: half the sum of all differences.
    """

    photos: int
    """Of the validation split, and for the graph in integers of the training split, too."""

    labels_equal: float
    """Share of the photos that get the same label, from 0 to 1."""

    labels_wanted: float
    """The smallest share at which the two agree; of the interval's lower end, if there is one."""

    largest_difference: float
    """Of a probability, over all photos and classes."""

    agrees: bool
    """Whether that is near enough to serve the graph in the other's place."""

    labels_interval: tuple[float, float] | None = None
    """Of ``labels_equal``: Wilson's, at 95 %."""

    mean_distance: float | None = None
    p99_distance: float | None = None
    """Exceeded by one photo of a hundred."""

    largest_distance: float | None = None


class GoldenExamples(_Part):
    """How far a server's answers to the golden examples may be from those that are kept."""

    photos: int
    tolerance: float
    """Of ``model.onnx``, from the network in torch."""

    int8_tolerance: float
    """Of ``model.int8.onnx``: from its own answers where the model was judged, if they are kept; in
    older bundles, of a probability, from the network in torch."""
