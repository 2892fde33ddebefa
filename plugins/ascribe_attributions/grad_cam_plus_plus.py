"""Grad-CAM++: a layer's channels, weighed so that each of several objects counts.

Chattopadhay, Sarkar, Howlader and Balasubramanian, "Grad-CAM++: Generalized Gradient-based Visual
Explanations for Deep Convolutional Networks", WACV 2018, https://arxiv.org/abs/1710.11063

For the exponential of the score, as in the paper, whose higher derivatives are powers of the
gradient. The factor exp(score), common to all weights, is left out: it may overflow, and the map is
the same up to scale.
"""

from __future__ import annotations

from torch import Tensor

from ascribe import Attribution, hookimpl
from ascribe.cams import ClassActivationMap, sides_of


class LayerGradCamPlusPlus(ClassActivationMap):
    """Channels, each weighed by a weighted sum of its positive gradients.

    Parameters
    ----------
    forward_func, layer, device_ids, reshape_transform
        See `ascribe.cams.ClassActivationMap`.
    """

    def weighted(self, activation: Tensor, gradient: Tensor) -> Tensor:
        sides = sides_of(activation)
        if not sides:
            return activation * gradient.relu()
        total = activation.sum(sides, keepdim=True)
        below = 2 * gradient**2 + total * gradient**3
        shares = (gradient**2 / below).masked_fill(below == 0, 0)
        return activation * (shares * gradient.relu()).sum(sides, keepdim=True)


@hookimpl
def ascribe_attributions() -> list[type[Attribution]]:
    return [LayerGradCamPlusPlus]
