"""Where in a photo the network finds what it says."""

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn.functional import interpolate

from dandelion_pipeline.images.decoding.preprocess import Preprocessing
from dandelion_pipeline.networks.resnet import ServedNetwork

Heat = npt.NDArray[np.float64]


def grad_cam(
    network: nn.Module,
    preprocessing: Preprocessing,
    pixels: npt.NDArray[np.uint8],
    targets: npt.NDArray[np.int64],
) -> Heat:
    """Gradient-weighted class activation maps of the last convolutional stage.

    Source: Selvaraju et al., "Grad-CAM: visual explanations from deep networks via
    gradient-based localization", 2017, equations 1 and 2.

    Args:
        network: a ResNet as `build_network` makes it, in evaluation mode.
        preprocessing: of its photos.
        pixels: prepared photos, shape ``(N, size, size, 3)``.
        targets: the class of each photo that is asked about, as a number, shape ``(N,)``.

    Returns:
        Shape ``(N, size, size)``; 1 where a photo speaks most for its class, and all zeros where
        nothing does.
    """
    seen: list[torch.Tensor] = []
    stage = network.get_submodule("layer4")
    hook = stage.register_forward_hook(lambda module, inputs, output: seen.append(output))
    try:
        logits, *_ = ServedNetwork(network, preprocessing).eval()(torch.from_numpy(pixels))
    finally:
        hook.remove()
    (activations,) = seen
    wanted = logits[torch.arange(len(targets)), torch.from_numpy(targets)].sum()
    (gradients,) = torch.autograd.grad(wanted, activations)
    weights = gradients.mean(dim=(2, 3), keepdim=True)
    maps = (weights * activations).sum(dim=1, keepdim=True).relu().detach()
    maps /= maps.amax(dim=(2, 3), keepdim=True).clamp(min=torch.finfo(maps.dtype).tiny)
    large = interpolate(maps, size=pixels.shape[1:3], mode="bilinear", align_corners=False)
    return large[:, 0].numpy().astype(np.float64)
