"""The one call that explains: it makes a method, chooses targets, and times it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import torch

from ascribe import registry
from ascribe.attribution import Attribution
from ascribe.errors import InputError
from ascribe.explanation import Explanation
from ascribe.forward import Forward
from ascribe.inputs import Inputs
from ascribe.internal import LayerAttribution, NeuronAttribution
from ascribe.notes import noted
from ascribe.parameters import AROUND, called_with, check_parameters, make
from ascribe.rehearsal import counted
from ascribe.targets import Targets, highest


def explain(
    model: Callable[..., Any],
    inputs: Any,
    method: str | type[Attribution] = "occlusion",
    target: Any = None,
    parameters: Mapping[str, Any] | None = None,
    original: Any = None,
    **more: Any,
) -> Explanation:
    """Attribute a model's scores to its inputs.

    Parameters
    ----------
    model
        Any callable. It is left as it is.
    inputs
        A tensor ``(batch, *features)``, or a tuple, list or dict of such.
    method
        An algorithm's name (see ``ascribe list``) or class.
    target
        Which score: an int, a tuple, a tensor with one for each example or a callable from output
        to scores; or a list of these, which share each model evaluation. By default each
        example's top prediction, where the model gives several scores.
    parameters
        What the method is made with beside the model, and what its ``attribute`` takes,
        ``additional_forward_args`` included.
    original
        What people see of the inputs: image arrays ``(batch, height, width, 3)`` in [0, 1], the
        tokens of each text, or series as they were before they were scaled. See `Explanation`.
    **more
        The same by keyword, which is shorter: ``n_steps=100``. (A parameter that is itself called
        ``method``, as integrated gradients have, goes into ``parameters``.)

    Returns
    -------
    Explanation

    Raises
    ------
    ParameterError
        If the method does not take a parameter, or misses one.
    InputError
        If inputs, target or parameters do not fit.
    """
    cls = registry.attributions.get(method) if isinstance(method, str) else method
    if not (isinstance(cls, type) and issubclass(cls, Attribution)):
        raise InputError(f"method must be an algorithm's name or class, but is {method!r}")
    parameters = {**(parameters or {}), **more}
    check_parameters(cls, parameters)
    algorithm, options = make(cls, model, parameters)
    taken = called_with(cls, parameters)
    of_neuron = "neuron_selector" in taken and "target" not in taken
    if of_neuron and target is not None:
        raise InputError(f"{cls.__name__} takes no target: its score is what neuron_selector picks")
    started = time.perf_counter()
    targets = (
        [options["neuron_selector"]] if of_neuron else _targets(algorithm, inputs, target, options)
    )
    with _bound(algorithm, inputs, Targets(targets), options, of_neuron) as forward:
        scores = forward.scores
    chosen = targets if "target" in taken else None
    with noted() as notes, counted() as evaluations:
        found = _attribute(algorithm, forward.inputs, inputs, chosen, options)
    return Explanation(
        **found,
        inputs=forward.inputs.pack(tensor.clone() for tensor in forward.inputs.tensors),
        targets=targets,
        scores=scores,
        method=cls.__name__,
        parameters=parameters,
        seconds=time.perf_counter() - started,
        evaluations=sum(evaluations),
        versions=_versions(cls),
        notes=notes,
        original=original,
        labels=[f"neuron {target}" for target in targets] if of_neuron else [],
    )


def _targets(
    algorithm: Attribution, inputs: Any, target: Any, options: Mapping[str, Any]
) -> list[Any]:
    if isinstance(target, Targets):
        return list(target.targets)
    if target is None:
        with _bound(algorithm, inputs, highest, options) as forward:
            tops = forward.scores[0].long().cpu()
        alone = int(tops[0]) if len(tops) == 1 else tops
        return [None] if len(tops) == 0 or bool((tops < 0).all()) else [alone]
    return target if isinstance(target, list) else [target]


def _bound(
    algorithm: Any, inputs: Any, target: Any, options: Mapping[str, Any], of_neuron: bool = False
) -> Forward:
    """Return the model as the method will see it: from a layer on, or up to a neuron, perhaps."""
    while hasattr(algorithm, AROUND):
        algorithm = getattr(algorithm, AROUND)
    args = (inputs, target, options.get("additional_forward_args"))
    if isinstance(algorithm, NeuronAttribution) and of_neuron:
        return algorithm.bind_neuron(*args, options.get("attribute_to_neuron_input", False))
    if isinstance(algorithm, LayerAttribution):
        return algorithm.bind_layer(*args, options.get("attribute_to_layer_input", False))
    return algorithm.bind(*args)


def _attribute(
    algorithm: Attribution,
    form: Inputs,
    inputs: Any,
    targets: list[Any] | None,
    options: dict[str, Any],
) -> dict[str, Any]:
    """Return attributions, and what the method tells of them, with an axis of targets.

    In one pass where the algorithm can.
    """
    told = [name for name, has in _TOLD.items() if getattr(algorithm, has, lambda: False)()]
    options = {**options, **{f"return_{_SWITCHES[name]}": True for name in told}}
    names = ["values", *told]

    def parts(found: Any) -> tuple[Any, ...]:
        return found if told else (found,)

    if targets is not None and algorithm.several_targets:
        found = algorithm.attribute(inputs, target=Targets(targets), **options)
        return dict(zip(names, parts(found), strict=True))
    calls = [{}] if targets is None else [{"target": target} for target in targets]
    each = [parts(algorithm.attribute(inputs, **call, **options)) for call in calls]
    stacked = {}
    for name, results in zip(names, zip(*each, strict=True), strict=True):
        if name == "delta":
            stacked[name] = torch.stack(results)
        else:
            values = [form.per_input(one, name) for one in results]
            stacked[name] = form.pack(map(torch.stack, zip(*values, strict=True)))
    return stacked


#: What a method may tell of its numbers, by the method that says whether it does, and the switch.
_TOLD = {"delta": "has_convergence_delta", "standard_errors": "has_standard_errors"}
_SWITCHES = {"delta": "convergence_delta", "standard_errors": "standard_errors"}


def _versions(cls: type[Attribution]) -> dict[str, str]:
    from importlib import metadata  # late, as versions are wanted last

    plugin = registry.attributions.plugin_of(cls)
    own = {} if plugin is None else {plugin.distribution: plugin.version}
    return {"ascribe": metadata.version("ascribe"), "torch": torch.__version__, **own}
