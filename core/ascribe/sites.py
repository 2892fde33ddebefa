"""Where attribution takes place: at the inputs, from a layer on, or up to a neuron.

From a layer on, its activations are the input: the model is a function of them, and below them it
runs as it does for the model's inputs. Up to a neuron, the neuron's activation is the score. So an
algorithm knows nothing of either: it is bound to another function.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from ascribe.forward import Forward
from ascribe.inner_forward import LayerForward
from ascribe.inputs import Inputs
from ascribe.layers import Taps, find_layers
from ascribe.targets import Targets, neuron


class Site(Protocol):
    """A place of attribution: see `FromLayer` and `UpToNeuron`."""

    def bind(
        self,
        forward_func: Callable[..., Any],
        inputs: Any,
        target: Any = None,
        additional_forward_args: Any = None,
    ) -> Forward:
        """Bind a model there, as `ascribe.Attribution.bind` does at the inputs."""


@dataclass(frozen=True)
class FromLayer:
    """Attribution to the activations of a layer.

    Attributes
    ----------
    layer
        A module of the model, its dotted name, or a list of these, which are attributed together.
        A layer that runs several times has as many activations, each with its own attribution.
    of_inputs
        Attribute to what the layer is given instead of what it returns.
    own_baselines
        Whether baselines are of the layer's activations themselves, instead of the model's inputs.
    """

    layer: Any
    of_inputs: bool = False
    own_baselines: bool = False

    def bind(
        self,
        forward_func: Callable[..., Any],
        inputs: Any,
        target: Any = None,
        additional_forward_args: Any = None,
    ) -> LayerForward:
        """Return the model from the layer on: a function of its activations."""
        place, bound = (self.layer, self.of_inputs), (target, additional_forward_args)
        forward = LayerForward(forward_func, *place, Inputs.of(inputs), *bound)
        forward.own_baselines = self.own_baselines
        return forward


@dataclass(frozen=True)
class UpToNeuron:
    """Attribution of a neuron's activation, which takes the place of the score.

    Attributes
    ----------
    layer
        The neuron's layer: a module of the model, or its dotted name.
    of_inputs
        The neuron is among what the layer is given instead of what it returns.
    """

    layer: Any
    of_inputs: bool = False

    def bind(
        self,
        forward_func: Callable[..., Any],
        inputs: Any,
        target: Any = None,
        additional_forward_args: Any = None,
    ) -> Forward:
        """Return the model up to the layer; ``target`` is as `ascribe.targets.neuron` takes it."""
        taps = Taps(find_layers(forward_func, self.layer), self.of_inputs)

        def activation(*given: Any, **named: Any) -> Any:
            found = taps.read(lambda: forward_func(*given, **named), stop=True)
            return found[0] if len(found) == 1 else tuple(found)

        several = isinstance(target, Targets)
        chosen = Targets(list(map(neuron, target.targets))) if several else neuron(target)
        return Forward(activation, Inputs.of(inputs), chosen, additional_forward_args)
