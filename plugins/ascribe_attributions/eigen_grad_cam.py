"""Eigen-Grad-CAM: the first principal component of activations times gradients.

Muhammad and Yeasin, "Eigen-CAM: Class Activation Map using Principal Components", IJCNN 2020,
https://arxiv.org/abs/2008.00299; with gradients, as pytorch-grad-cam made it known
"""

from __future__ import annotations

from torch import Tensor

from ascribe import Attribution, hookimpl
from ascribe.cams import ClassActivationMap, on_first_component


class LayerEigenGradCam(ClassActivationMap):
    """The projection of activations times gradients on their first right singular vector.

    Parameters
    ----------
    forward_func, layer, device_ids, reshape_transform
        See `ascribe.cams.ClassActivationMap`.
    """

    def weighted(self, activation: Tensor, gradient: Tensor) -> Tensor:
        return on_first_component(activation * gradient, lead=2)


@hookimpl
def ascribe_attributions() -> list[type[Attribution]]:
    return [LayerEigenGradCam]
