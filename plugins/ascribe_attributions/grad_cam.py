"""Grad-CAM: a layer's channels, each weighed by its mean gradient.

Selvaraju, Cogswell, Das, Vedantam, Parikh and Batra, "Grad-CAM: Visual Explanations from Deep
Networks via Gradient-based Localization", ICCV 2017, https://arxiv.org/abs/1610.02391
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ascribe import Attribution, hookimpl
from ascribe.cams import ClassActivationMap, sides_of


class LayerGradCam(ClassActivationMap):
    """Channels, each weighed by the mean of its gradient over all places.

    Parameters
    ----------
    forward_func, layer, device_ids, reshape_transform
        See `ascribe.cams.ClassActivationMap`.
    """

    @classmethod
    def claims(cls, **parameters: Any) -> dict[str, float]:
        whole = parameters.get("attr_dim_summation", True)
        relu = parameters.get("relu_attributions", False)
        return {"weighted_feature_maps": 0.0} if whole and relu else {}

    def attribute(
        self,
        inputs: Any,
        target: Any = None,
        additional_forward_args: Any = None,
        attribute_to_layer_input: bool = False,
        relu_attributions: bool = False,
        attr_dim_summation: bool = True,
    ) -> Any:
        """Return how each place speaks for the score: see `ClassActivationMap.attribute`.

        Only ``relu_attributions`` is False by default here, as users of Captum know it; the paper
        has it True.
        """
        arguments = (inputs, target, additional_forward_args, attribute_to_layer_input)
        return super().attribute(*arguments, relu_attributions, attr_dim_summation)

    def weighted(self, activation: Tensor, gradient: Tensor) -> Tensor:
        sides = sides_of(activation)
        return activation * (gradient.mean(sides, keepdim=True) if sides else gradient)


@hookimpl
def ascribe_attributions() -> list[type[Attribution]]:
    return [LayerGradCam]
