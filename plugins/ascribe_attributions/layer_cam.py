"""LayerCAM: a layer's activations times what is positive of their gradients.

Jiang, Zhang, Hou, Cheng and Wei, "LayerCAM: Exploring Hierarchical Class Activation Maps for
Localization", IEEE Transactions on Image Processing 30 (2021),
https://doi.org/10.1109/TIP.2021.3089943
"""

from __future__ import annotations

from torch import Tensor

from ascribe import Attribution, hookimpl
from ascribe.cams import ClassActivationMap


class LayerLayerCam(ClassActivationMap):
    """Activations, each times its own gradient where that is positive.

    Parameters
    ----------
    forward_func, layer, device_ids, reshape_transform
        See `ascribe.cams.ClassActivationMap`.
    """

    def weighted(self, activation: Tensor, gradient: Tensor) -> Tensor:
        return activation * gradient.relu()


@hookimpl
def ascribe_attributions() -> list[type[Attribution]]:
    return [LayerLayerCam]
