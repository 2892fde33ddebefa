"""What a method takes beside model, inputs and target: when it is made, and when it is called."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from ascribe import registry
from ascribe.errors import ParameterError

#: What `Attribution.attribute` takes that is no parameter of the method's own.
_COMMON = ("self", "inputs", "target", "return_convergence_delta", "return_standard_errors")

_VARIABLE = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)

#: The parameter that makes a method one around another: it is made with that instead of a model,
#: and hands on what it does not take itself.
AROUND = "attribution_method"


def own_parameters(cls: type, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return a method's own parameters by name: those it is made with, then those of its calls.

    Parameters
    ----------
    cls
        A class with the interface of `ascribe.Attribution`.
    given
        Values of them: of a method around another, the inner one's parameters belong to it too.
    """
    first, made_with = _made_with(cls)
    inner = inner_of(given or {})
    inside = {} if inner is None else own_parameters(inner)
    around = {AROUND: first} if first.name == AROUND else {}
    called = {name: p for name, p in called_with(cls).items() if name not in _COMMON}
    return {**around, **inside, **made_with, **called}


def check_parameters(cls: type, given: Mapping[str, Any]) -> None:
    """Check that a method takes these parameters and misses none.

    Raises
    ------
    ParameterError
        Otherwise.
    """
    check_names(cls, given)
    own = own_parameters(cls, given)
    missing = [n for n, p in own.items() if p.default is p.empty and n not in given]
    _refuse(cls, "needs", missing, own)


def check_names(cls: type, given: Mapping[str, Any]) -> None:
    """Check that a method takes these parameters, whatever it misses; see `check_parameters`."""
    own = own_parameters(cls, given)
    _refuse(cls, "needs", [name for name in own if name == AROUND and name not in given], own)
    _refuse(cls, "takes no", [name for name in given if name not in own], own)


def _refuse(cls: type, verb: str, names: list[str], own: Mapping[str, Any]) -> None:
    if names:
        layer = verb == "needs" and "layer" in names
        hint = " (a module, or its name in the model.named_modules())" if layer else ""
        raise ParameterError(
            f"{cls.__name__} {verb} {' or '.join(names)}{hint}; its parameters are {', '.join(own)}"
        )


def make(
    cls: type, model: Callable[..., Any], given: Mapping[str, Any]
) -> tuple[Any, dict[str, Any]]:
    """Return a method made with a model, and the parameters that are left for its calls.

    A method around another gets that one made first: ``attribution_method`` may be a name or a
    class. (One that is made already goes in as it is.)
    """
    first, made_with = _made_with(cls)
    own = {name: value for name, value in given.items() if name in made_with}
    rest = {name: value for name, value in given.items() if name not in made_with}
    if first.name != AROUND:
        return cls(model, **own), rest
    inner, around = inner_of(given), rest.pop(AROUND, None)
    if inner is not None and not isinstance(around, inner):
        around, rest = make(inner, model, rest)
    return cls(around, **own), rest


def called_with(cls: Any, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return what ``attribute`` takes, by name; of a method around another, the inner one's too."""
    inner = inner_of(given or {})
    inside = {} if inner is None else called_with(inner)
    parameters = inspect.signature(cls.attribute).parameters.values()
    return {**inside, **{p.name: p for p in parameters if p.kind not in _VARIABLE}}


def inner_of(given: Mapping[str, Any]) -> Any:
    """Return the class of the method inside one around another, None where none is given."""
    inner = given.get(AROUND)
    if isinstance(inner, str):
        return registry.attributions.get(inner)
    return inner if inner is None or isinstance(inner, type) else type(inner)


def _made_with(cls: type) -> tuple[inspect.Parameter, dict[str, inspect.Parameter]]:
    """Return the model's parameter, or that of the inner method, and those after it."""
    first, *others = inspect.signature(cls).parameters.values()
    return first, {p.name: p for p in others if p.kind not in _VARIABLE}
