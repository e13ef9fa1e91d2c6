"""Classes of very different size: what training does about them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from dandelion_pipeline.training.config import Imbalance

FROM_RATIO = 4.0
"""Times the smallest class: the largest class from where on `Imbalance.AUTO` does something."""

SAMPLING_POWER = 0.5


@dataclass(frozen=True)
class Balance:
    """What a training does about the sizes of its classes."""

    method: Imbalance
    """Never ``auto``."""

    counts: torch.Tensor
    """Training photos of each class, at least 1."""

    @classmethod
    def of(cls, wanted: Imbalance, labels: torch.Tensor, classes: int) -> "Balance":
        """Resolve ``auto`` by the labels of the training photos."""
        counts = torch.bincount(labels, minlength=classes).clamp(min=1).double()
        if wanted is not Imbalance.AUTO:
            return cls(wanted, counts)
        uneven = float(counts.max() / counts.min()) >= FROM_RATIO
        return cls(Imbalance.BALANCED_SAMPLING if uneven else Imbalance.NONE, counts)

    def reason(self, wanted: Imbalance) -> str:
        """Why it is this method, in words."""
        if wanted is not Imbalance.AUTO:
            return "the configuration says so"
        largest, smallest = int(self.counts.max()), int(self.counts.min())
        return f"the largest class has {largest} training photos, the smallest {smallest}"

    @property
    def _drawn(self) -> torch.Tensor:
        """How often a photo of each class is drawn, in proportion."""
        return self.counts**SAMPLING_POWER

    def order(self, labels: torch.Tensor) -> torch.Tensor:
        """The photos of one pass, by number, at random: ``(N,)``."""
        if self.method is not Imbalance.BALANCED_SAMPLING:
            return torch.randperm(len(labels))
        weights = (self._drawn / self.counts)[labels]
        return torch.multinomial(weights, len(labels), replacement=True)

    def sample_weights(self, labels: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """The same as weights of photos, 1 on average, for methods that see all of them at once."""
        weights = (self._drawn / self.counts)[torch.from_numpy(labels)].numpy()
        found: npt.NDArray[np.float64] = weights / weights.mean()
        return found

    def loss_offset(self) -> torch.Tensor:
        """What is added to logits in the loss of training: ``(classes,)``."""
        if self.method is not Imbalance.LOGIT_ADJUSTMENT:
            return torch.zeros(len(self.counts))
        return (self.counts / self.counts.sum()).log().float()

    def served_offset(self) -> torch.Tensor:
        """What is added to logits so that probabilities hold for the data's own mix of classes."""
        if self.method is not Imbalance.BALANCED_SAMPLING:
            return torch.zeros(len(self.counts))
        drawn = self._drawn / self._drawn.sum()
        return ((self.counts / self.counts.sum()).log() - drawn.log()).float()
