"""HiResCAM: a layer's activations times their gradients.

Draelos and Carin, "Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional
neural networks", 2020, https://arxiv.org/abs/2011.08891
"""

from __future__ import annotations

from torch import Tensor

from ascribe import Attribution, hookimpl
from ascribe.cams import ClassActivationMap


class LayerHiResCam(ClassActivationMap):
    """Activations, each times its own gradient.

    Parameters
    ----------
    forward_func, layer, device_ids, reshape_transform
        See `ascribe.cams.ClassActivationMap`.
    """

    def weighted(self, activation: Tensor, gradient: Tensor) -> Tensor:
        return activation * gradient


@hookimpl
def ascribe_attributions() -> list[type[Attribution]]:
    return [LayerHiResCam]
