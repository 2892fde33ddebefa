"""Eigen-CAM: the first principal component of a layer's activations, whatever the target.

Muhammad and Yeasin, "Eigen-CAM: Class Activation Map using Principal Components", IJCNN 2020,
https://arxiv.org/abs/2008.00299
"""

from __future__ import annotations

from torch import Tensor

from ascribe import Attribution, hookimpl
from ascribe.cams import GradientFreeMap, Reshape, on_first_component
from ascribe.inner_forward import LayerForward


class LayerEigenCam(GradientFreeMap):
    """The projection of activations on their first right singular vector: the same for each target.

    Parameters
    ----------
    forward_func, layer, device_ids, reshape_transform
        See `ascribe.cams.ClassActivationMap`.
    """

    def parts(self, forward: LayerForward, reshapes: list[Reshape]) -> list[Tensor]:
        """Return the projections for each activation; no gradient is needed."""
        forward.scores.shape  # noqa: B018 - a target that chooses nothing is refused
        pairs = zip(reshapes, forward.inputs.tensors, strict=True)
        found = [on_first_component(reshape(activation)) for reshape, activation in pairs]
        return [part.expand(forward.targets, *part.shape) for part in found]


@hookimpl
def ascribe_attributions() -> list[type[Attribution]]:
    return [LayerEigenCam]
