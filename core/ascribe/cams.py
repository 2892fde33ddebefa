"""Class activation maps: what they share.

Each weighs the channels of a layer's activations, adds them up, and says of each place of the layer
how it speaks for the score. They differ in the weights alone.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ascribe.activations import Activations
from ascribe.attribution import Attribution, GradientAttribution
from ascribe.errors import InputError
from ascribe.evaluations import at_least_single
from ascribe.forward import packed
from ascribe.guard import modules_in
from ascribe.inner_forward import LayerForward, gradients_in
from ascribe.internal import LayerAttribution
from ascribe.layers import find_layers

#: Makes ``(batch, channels, *sides)`` of a layer's activation.
Reshape = Callable[[Tensor], Tensor]


class ClassActivationMap(LayerAttribution, GradientAttribution):
    """A class activation map of a layer.

    Parameters
    ----------
    forward_func, layer, device_ids
        See `ascribe.internal.InternalAttribution`.
    reshape_transform
        Makes ``(batch, channels, *sides)`` of the layer's activation. By default activations are
        taken to be of that form, but for the layers of torchvision's ``VisionTransformer``, whose
        tokens are put in their places without the class token, and ``SwinTransformer``, whose
        channels come last.
    """

    several_targets = True
    adds_channels = True

    def __init__(
        self,
        forward_func: Callable[..., Any],
        layer: Any,
        device_ids: list[int] | None = None,
        reshape_transform: Reshape | None = None,
    ) -> None:
        super().__init__(forward_func, layer, device_ids)
        self._reshape_transform = reshape_transform

    @abstractmethod
    def weighted(self, activation: Tensor, gradient: Tensor) -> Tensor:
        """Return the activation, weighed.

        Parameters
        ----------
        activation
            ``(batch, channels, *sides)``.
        gradient
            Of each target's score: ``(targets, batch, channels, *sides)``.

        Returns
        -------
        Tensor
            ``(targets, batch, channels, *sides)``.
        """

    def attribute(
        self,
        inputs: Any,
        target: Any = None,
        additional_forward_args: Any = None,
        attribute_to_layer_input: bool = False,
        relu_attributions: bool = True,
        attr_dim_summation: bool = True,
    ) -> Any:
        """Return how each place of the layer speaks for the target's score.

        Parameters
        ----------
        inputs
            A tensor ``(batch, *features)``, or a tuple, list or dict of such.
        target
            Which score: None, an int, a tuple, one for each example in a tensor or list, a
            callable from output to scores, or `ascribe.Targets`. Choose one before a softmax.
        additional_forward_args
            What else the model takes; tensors with one entry for each example follow it.
        attribute_to_layer_input
            Attribute to what the layer is given instead of what it returns.
        relu_attributions
            Keep only what speaks for the score, as the paper does.
        attr_dim_summation
            Add up the channels.

        Returns
        -------
        Tensor or tuple of Tensor, or a list of these for several layers
            ``(batch, 1, *sides)`` in the layer's dtype and size, ``(batch, channels, *sides)``
            without summation; `LayerAttribution.interpolate` brings it to the input's size.
        """
        place = (additional_forward_args, attribute_to_layer_input)
        activations, parts, several = self.found(inputs, target, *place)
        maps = [_summed(part, relu_attributions, attr_dim_summation) for part in parts]
        return packed(activations, maps, several)

    def found(
        self, inputs: Any, target: Any, additional_forward_args: Any, of_inputs: bool
    ) -> tuple[Activations, list[Tensor], bool]:
        """Return activations, these weighed, and whether there are several targets."""
        bound = Attribution.bind(self, inputs, target, additional_forward_args)
        with bound as forward:
            place = (self.forward_func, self.layer, of_inputs)
            activations, gradients = gradients_in(forward, *place)
            parts = [
                self.weighted(reshape(activation), torch.stack(list(map(reshape, gradient))))
                for reshape, activation, gradient in zip(
                    self.reshapes(activations), activations.tensors, gradients, strict=True
                )
            ]
            return activations, parts, forward.several

    def reshapes(self, activations: Activations) -> list[Reshape]:
        """Return for each activation what makes it ``(batch, channels, *sides)``."""
        layers = find_layers(self.forward_func, self.layer)
        return [
            self._checked(self._reshape_transform or found_reshape(self.forward_func, layer))
            for layer, count in zip(layers, activations.counts, strict=True)
            for _ in range(count)
        ]

    def _checked(self, reshape: Reshape) -> Reshape:
        def checked(activation: Tensor) -> Tensor:
            made = reshape(activation)
            if made.dim() < 2 or len(made) != len(activation):
                raise InputError(
                    f"reshape_transform must make (batch, channels, *sides), but makes "
                    f"{tuple(made.shape)} of {tuple(activation.shape)}"
                )
            return made

        return checked


class GradientFreeMap(ClassActivationMap):
    """A class activation map whose weights are no gradients, but come from the model from there on.

    Parameters
    ----------
    forward_func, layer, device_ids, reshape_transform
        See `ClassActivationMap`.
    """

    def weighted(self, activation: Tensor, gradient: Tensor) -> Tensor:
        """Not used: the weights come from `parts`."""
        raise NotImplementedError

    @abstractmethod
    def parts(self, forward: LayerForward, reshapes: list[Reshape]) -> list[Tensor]:
        """Return for each activation ``(targets, batch, channels, *sides)``, weighed."""

    def found(
        self, inputs: Any, target: Any, additional_forward_args: Any, of_inputs: bool
    ) -> tuple[Activations, list[Tensor], bool]:
        """Return activations, these weighed, and whether there are several targets."""
        with self.bind_layer(inputs, target, additional_forward_args, of_inputs) as forward:
            activations = forward.activations
            return activations, self.parts(forward, self.reshapes(activations)), forward.several


def sides_of(activation: Tensor) -> list[int]:
    """Return the axes of an activation's sides, counted from the last."""
    return list(range(-(activation.dim() - 2), 0))


def on_first_component(maps: Tensor, lead: int = 1) -> Tensor:
    """Return maps ``(*lead, channels, *sides)`` projected on their first component.

    The component is that direction among channels along which the maps of all places are largest
    (the first singular vector, without centring). What is returned keeps the channels: their sum is
    the projection. Its sign is that in which the projection sums to no less than zero.

    Parameters
    ----------
    maps
        With ``lead`` dimensions before the channels.
    lead
        How many.
    """
    flat = at_least_single(maps).unsqueeze(-1).flatten(lead + 1)
    first = torch.linalg.svd(flat, full_matrices=False).U[..., :1]
    total = (flat * first).sum((-2, -1), keepdim=True)
    projected = flat * first * torch.where(total < 0, -1, 1)
    return projected.reshape(maps.shape)


def _summed(part: Tensor, relu: bool, add: bool) -> Tensor:
    part = part.sum(2, keepdim=True) if add else part
    return part.relu() if relu else part


def found_reshape(forward_func: Callable[..., Any], layer: nn.Module) -> Reshape:
    """Return what makes a layer's activation ``(batch, channels, *sides)``, by where it lies."""
    for module in modules_in(forward_func):
        kind = f"{type(module).__module__}.{type(module).__qualname__}"
        if kind == "torchvision.models.vision_transformer.VisionTransformer" and _inside(
            layer, module.encoder
        ):
            side = int(module.image_size) // int(module.patch_size)  # type: ignore[arg-type]
            return lambda tokens: _grid(tokens, side)
        if kind == "torchvision.models.swin_transformer.SwinTransformer" and _channels_last(
            layer, module
        ):
            return lambda activation: activation.movedim(-1, 1)
    return lambda activation: activation


def _inside(layer: nn.Module, module: Any) -> bool:
    return any(layer is inner for inner in module.modules())


def _channels_last(layer: nn.Module, swin: Any) -> bool:
    within = _inside(layer, swin.features) or layer is swin.norm
    return within and not isinstance(layer, nn.Conv2d)


def _grid(tokens: Tensor, side: int) -> Tensor:
    if tokens.dim() != 3 or tokens.shape[1] != side * side + 1:
        raise InputError(
            f"a layer of a VisionTransformer must give (batch, {side * side + 1}, channels), but "
            f"gives {tuple(tokens.shape)}; give reshape_transform, or choose a whole block"
        )
    return tokens[:, 1:].movedim(-1, 1).unflatten(2, (side, side))
