"""Methods inside a model: to a layer, or of a neuron.

A method at the inputs gets both forms in a line each::

    LayerIntegratedGradients = layer_form(IntegratedGradients)
    NeuronIntegratedGradients = neuron_form(IntegratedGradients)
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from inspect import Parameter
from typing import Any, ClassVar

from torch import Tensor
from torch.nn import functional

from ascribe.attribution import Attribution, GradientAttribution, PerturbationAttribution
from ascribe.inner_forward import LayerForward, NeuronForward
from ascribe.inputs import Inputs
from ascribe.sites import FromLayer, UpToNeuron


class InternalAttribution(Attribution):
    """A method that is made with a layer beside the model.

    Parameters
    ----------
    forward_func
        The model: any callable.
    layer
        A module of the model, its dotted name, or, for methods to layers, a list of these.
    device_ids
        Taken as Captum takes it, and not needed.
    """

    def __init__(
        self, forward_func: Callable[..., Any], layer: Any, device_ids: list[int] | None = None
    ) -> None:
        super().__init__(forward_func)
        self.layer = layer
        self.device_ids = device_ids


class LayerAttribution(InternalAttribution):
    """A method that attributes to the activations of a layer."""

    def bind_layer(
        self,
        inputs: Any,
        target: Any = None,
        additional_forward_args: Any = None,
        attribute_to_layer_input: bool = False,
    ) -> LayerForward:
        """Return the model from the layer on: as `bind`, but with the layer's activations.

        Parameters
        ----------
        inputs, target, additional_forward_args
            As `bind` takes them.
        attribute_to_layer_input
            Attribute to what the layer is given instead of what it returns.
        """
        site = FromLayer(self.layer, attribute_to_layer_input)
        return site.bind(self.forward_func, inputs, target, additional_forward_args)

    def bind(self, inputs: Any, target: Any = None, additional_forward_args: Any = None) -> Any:
        """Return the model from the layer on: see `bind_layer`."""
        return self.bind_layer(inputs, target, additional_forward_args)

    @staticmethod
    def interpolate(
        layer_attribution: Tensor,
        interpolate_dims: int | tuple[int, ...],
        interpolate_mode: str = "nearest",
    ) -> Tensor:
        """Return attributions of a layer in another size, such as that of the input.

        Parameters
        ----------
        layer_attribution
            ``(batch, channels, *sides)`` with up to three sides.
        interpolate_dims
            The new sides.
        interpolate_mode
            As `torch.nn.functional.interpolate` takes it: ``nearest``, ``bilinear``, …
        """
        return functional.interpolate(layer_attribution, interpolate_dims, mode=interpolate_mode)


class NeuronAttribution(InternalAttribution):
    """A method that attributes a neuron's activation to the inputs."""

    def bind_neuron(
        self,
        inputs: Any,
        neuron_selector: Any = None,
        additional_forward_args: Any = None,
        attribute_to_neuron_input: bool = False,
    ) -> Any:
        """Return the model up to the neuron: as `bind`, with the neuron's activation as score.

        Parameters
        ----------
        inputs, additional_forward_args
            As `bind` takes them.
        neuron_selector
            Which neuron: see `ascribe.targets.neuron`.
        attribute_to_neuron_input
            The neuron is among what the layer is given instead of what it returns.
        """
        site = UpToNeuron(self.layer, attribute_to_neuron_input)
        return site.bind(self.forward_func, inputs, neuron_selector, additional_forward_args)

    def bind_through(
        self,
        inputs: Any,
        neuron_selector: Any,
        target: Any = None,
        additional_forward_args: Any = None,
        attribute_to_neuron_input: bool = False,
    ) -> NeuronForward:
        """Return the model, with the neuron on the way watched: see `bind_neuron` and `bind`."""
        neuron = (self.layer, attribute_to_neuron_input, neuron_selector)
        bound = (Inputs.of(inputs), target, additional_forward_args)
        return NeuronForward(self.forward_func, *neuron, *bound)


def layer_form(method: type[Attribution], **renamed: str) -> type[LayerAttribution]:
    """Return the method ``Layer…`` that attributes to a layer what a method attributes to inputs.

    It is made with the model, the layer, and what the method is made with; and its ``attribute``
    takes what the method's takes, and ``attribute_to_layer_input``. Baselines are of the model's
    inputs, and stand for the layer's activations there; renamed to ``layer_baselines``, they are
    activations themselves.

    Parameters
    ----------
    method
        A class that reaches the model through `Attribution.bind` alone.
    **renamed
        What parameters of its ``attribute`` are called here: ``baselines="layer_baselines"``.
    """
    base = _family(method)

    class Form(_LayerForm, base):  # type: ignore[misc, valid-type]
        pass

    switch = Parameter("attribute_to_layer_input", Parameter.POSITIONAL_OR_KEYWORD, default=False)
    called_with = [p.replace(name=renamed.get(p.name, p.name)) for p in _called_with(method)]
    _describe(Form, method, "Layer", "to the activations of a layer", [*called_with, switch])
    Form.renamed = {new: old for old, new in renamed.items()}
    Form.several_targets = method.several_targets
    return Form


def neuron_form(method: type[Attribution]) -> type[NeuronAttribution]:
    """Return the method ``Neuron…`` that attributes a neuron as a method attributes a score.

    It is made with the model, the layer, and what the method is made with; and its ``attribute``
    takes ``neuron_selector`` after the inputs, instead of a target, and
    ``attribute_to_neuron_input``. See `ascribe.targets.neuron` for selectors.
    """
    base = _family(method)

    class Form(_NeuronForm, base):  # type: ignore[misc, valid-type]
        pass

    first, *others = _called_with(method)
    selector = Parameter("neuron_selector", Parameter.POSITIONAL_OR_KEYWORD)
    left = [p for p in others if p.name not in ("target", "return_convergence_delta")]
    switch = Parameter("attribute_to_neuron_input", Parameter.POSITIONAL_OR_KEYWORD, default=False)
    called_with = [first, selector, *left, switch]
    _describe(Form, method, "Neuron", "of a neuron's activation", called_with)
    return Form


class _Form(InternalAttribution):
    """What both forms do: hold the method, and answer for it."""

    method: ClassVar[type[Attribution]]

    def __init__(
        self,
        forward_func: Callable[..., Any],
        layer: Any,
        device_ids: list[int] | None = None,
        **made_with: Any,
    ) -> None:
        super().__init__(forward_func, layer, device_ids)
        self._method = self.method(forward_func, **made_with)

    @classmethod
    def claims(cls, **parameters: Any) -> dict[str, float]:
        return cls.method.claims(**parameters)

    @classmethod
    def most_features(cls, **parameters: Any) -> int | None:
        return cls.method.most_features(**parameters)

    @property
    def multiplies_by_inputs(self) -> bool:
        """As the method at the inputs."""
        return self._method.multiplies_by_inputs

    def _given(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Return the arguments of a call of ``attribute`` by name."""
        given = inspect.signature(self.attribute).bind(*args, **kwargs)
        return {**given.arguments.pop("kwargs", {}), **given.arguments}


class _LayerForm(_Form, LayerAttribution):
    renamed: ClassVar[dict[str, str]]

    @classmethod
    def claims(cls, **parameters: Any) -> dict[str, float]:
        claims = super().claims(**parameters)
        if "one_hidden_layer" in claims:  # in which the model is linear from the layer on
            claims["hidden_units"] = 0.0
        return claims

    def has_convergence_delta(self) -> bool:
        """As the method at the inputs."""
        return self._method.has_convergence_delta()

    def attribute(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        given = (
            inspect.signature(type(self).attribute).bind(self, inputs, *args, **kwargs).arguments
        )
        of_inputs = given.pop("attribute_to_layer_input", False)
        site = FromLayer(self.layer, of_inputs, "layer_baselines" in self.renamed)
        given = {self.renamed.get(name, name): value for name, value in given.items()}
        given.pop("self")
        return self._method.at(site).attribute(**given)


class _NeuronForm(_Form, NeuronAttribution):
    def attribute(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        given = (
            inspect.signature(type(self).attribute).bind(self, inputs, *args, **kwargs).arguments
        )
        site = UpToNeuron(self.layer, given.pop("attribute_to_neuron_input", False))
        given.pop("self")
        return self._method.at(site).attribute(target=given.pop("neuron_selector"), **given)


def _family(method: type[Attribution]) -> type[Attribution]:
    families = (GradientAttribution, PerturbationAttribution)
    return next((family for family in families if issubclass(method, family)), Attribution)


def _called_with(method: type[Attribution]) -> list[Parameter]:
    """Return what a method's ``attribute`` takes, the inputs first."""
    return list(inspect.signature(method.attribute).parameters.values())[1:]


def _describe(
    form: Any, method: type[Attribution], prefix: str, place: str, called_with: list[Parameter]
) -> None:
    """Give a form its name, its place, its documentation and its signatures."""
    form.method = method
    for trait in ("draws_baselines", "over_the_batch", "jointly"):
        setattr(form, trait, getattr(method, trait, False))
    form.__name__ = form.__qualname__ = prefix + method.__name__
    form.__module__ = method.__module__
    form.__doc__ = f"{inspect.getdoc(method)}\n\nHere {place}: see `ascribe.internal`."
    this, model, *made_with = inspect.signature(method.__init__).parameters.values()
    layer = Parameter("layer", Parameter.POSITIONAL_OR_KEYWORD)
    devices = Parameter("device_ids", Parameter.POSITIONAL_OR_KEYWORD, default=None)
    needed = [p for p in made_with if p.default is p.empty]
    others = [p for p in made_with if p.default is not p.empty]
    form.__init__ = _signed(form.__init__, [this, model, layer, *needed, devices, *others])
    form.attribute = _signed(form.attribute, [this, *called_with])
    added = next(p for p in called_with if p.name.startswith("attribute_to_"))
    form.attribute.__doc__ = (
        f"{inspect.getdoc(method.attribute)}\n\nHere {place}, with {added.name} (bool) for what "
        f"the layer is given instead of what it returns: see `ascribe.internal`."
    )


def _signed(function: Any, parameters: Iterable[Parameter]) -> Any:
    def signed(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    signed.__name__ = signed.__qualname__ = function.__name__
    ordered = sorted(parameters, key=lambda parameter: parameter.kind)
    signed.__signature__ = inspect.Signature(ordered)  # type: ignore[attr-defined]
    return signed
