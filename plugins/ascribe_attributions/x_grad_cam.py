"""XGrad-CAM: a layer's channels, each weighed by its gradient where it is active.

Fu, Hu, Dong, Guo, Gao and Li, "Axiom-based Grad-CAM: Towards Accurate Visualization and Explanation
of CNNs", BMVC 2020, https://arxiv.org/abs/2008.02312
"""

from __future__ import annotations

from torch import Tensor

from ascribe import Attribution, hookimpl
from ascribe.cams import ClassActivationMap, sides_of


class LayerXGradCam(ClassActivationMap):
    """Channels, each weighed by the mean of its gradient, in proportion to its activations.

    Parameters
    ----------
    forward_func, layer, device_ids, reshape_transform
        See `ascribe.cams.ClassActivationMap`.
    """

    def weighted(self, activation: Tensor, gradient: Tensor) -> Tensor:
        sides = sides_of(activation)
        if not sides:
            return activation * gradient
        total = activation.sum(sides, keepdim=True)
        weights = (gradient * activation).sum(sides, keepdim=True) / total
        return activation * weights.masked_fill(total == 0, 0)


@hookimpl
def ascribe_attributions() -> list[type[Attribution]]:
    return [LayerXGradCam]
