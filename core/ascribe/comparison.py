"""Several explanations side by side: what to call each, what it was made with, how good it is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor
from torch.utils._pytree import tree_leaves

from ascribe.errors import InputError
from ascribe.explanation import Explanation

#: How much of what ``repr`` says of a parameter is told.
LONGEST = 200


def method_names(explanations: Sequence[Explanation]) -> list[str]:
    """Return what to call each explanation: its method, and where that is not enough more.

    Two of one method are told apart by the parameters in which they differ, or else by numbers.

    Examples
    --------
    >>> import torch
    >>> one = Explanation(torch.ones(1, 1, 2), torch.ones(1, 2), [0], torch.ones(1, 1), "Lime")
    >>> method_names([one, one])
    ['Lime 1', 'Lime 2']
    """
    names = []
    for one in explanations:
        alike = [other for other in explanations if other.method == one.method]
        told = [dict(parameters_told(other)) for other in alike]
        own = dict(parameters_told(one))
        differ = [k for k in own if any(other.get(k) != own[k] for other in told)]
        names.append(", ".join([one.method, *(f"{name}={own[name]}" for name in differ)]))
    for name in [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        places = [place for place, other in enumerate(names) if other == name]
        for number, place in enumerate(places, start=1):
            names[place] = f"{name} {number}"
    return names


def parameters_told(explanation: Explanation) -> list[tuple[str, str]]:
    """Return the parameters of an explanation and what to say of each."""
    return [(str(name), _told(value)) for name, value in explanation.parameters.items()]


def diagnostics(
    explanations: Sequence[Explanation],
    metrics: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
) -> dict[str, list[float | None]]:
    """Return numbers that tell how exact explanations are and what they cost.

    Parameters
    ----------
    explanations
        Of one or several methods.
    metrics
        More numbers: for each name one for each explanation, in their order, or a mapping from
        methods to numbers; or the other way round for each explanation a mapping from names to
        numbers. A tensor, of targets and examples, stands for its mean, and its name says so; None
        is for what is not known.

    Returns
    -------
    dict of str to list
        For each name a number, or None, for each explanation: the largest completeness gap and
        standard error, seconds, evaluations of the model, and `metrics`. What is known of no
        explanation is left out.

    Raises
    ------
    InputError
        If a metric does not have one number for each explanation.
    """
    columns: dict[str, list[float | None]] = {
        "completeness gap": [_largest(one.delta) for one in explanations],
        "standard error": [_largest(one.standard_errors) for one in explanations],
        "seconds": [one.seconds for one in explanations],
        "model evaluations": [one.evaluations for one in explanations],
    }
    methods = [one.method for one in explanations]
    for name, given in _by_name(metrics or {}, len(explanations)).items():
        each = _one_each(name, given, methods)
        several = any(isinstance(one, Tensor) and one.numel() > 1 for one in each)
        told = f"{name}, mean" if several else str(name)
        columns[told] = [_number(name, one) for one in each]
    return {n: c for n, c in columns.items() if any(value is not None for value in c)}


def _by_name(metrics: Any, count: int) -> Mapping[str, Any]:
    if isinstance(metrics, Mapping):
        return metrics
    each = list(metrics)
    if len(each) != count or not all(isinstance(one, Mapping) for one in each):
        raise InputError(
            "metrics must be a mapping from names to numbers, or a list of these with one for each "
            f"of the {count} explanations, but are {metrics!r}"
        )
    names = dict.fromkeys(name for one in each for name in one)
    return {name: [one.get(name) for one in each] for name in names}


def _one_each(name: str, given: Any, methods: list[str]) -> list[Any]:
    if isinstance(given, Mapping):
        unknown = [method for method in given if method not in methods]
        if unknown:
            raise InputError(
                f"the metric {name!r} is of {unknown[0]!r}, but the methods are "
                f"{', '.join(dict.fromkeys(methods))}"
            )
        return [given.get(method) for method in methods]
    found = [given] if isinstance(given, (int, float)) else list(given)
    if isinstance(given, str) or len(found) != len(methods):
        raise InputError(
            f"the metric {name!r} must hold one number for each of the {len(methods)} "
            f"explanations, but holds {len(found)}"
        )
    return found


def _number(name: str, value: Any) -> float | None:
    if value is None:
        return None
    try:
        return float(value.double().mean() if isinstance(value, Tensor) else value)
    except (TypeError, ValueError) as error:
        raise InputError(f"the metric {name!r} must hold numbers, but holds {value!r}") from error


def _told(value: Any) -> str:
    shape = getattr(value, "shape", None)
    if shape is not None and math.prod(shape) > 8:
        return f"{type(value).__name__} of shape {tuple(shape)}"
    if callable(value) and hasattr(value, "__name__"):
        return str(value.__name__)
    text = " ".join(repr(value.tolist() if hasattr(value, "tolist") else value).split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _largest(tensors: Any) -> float | None:
    if tensors is None:
        return None
    parts = [part.double().abs().max() for part in tree_leaves(tensors) if part.numel()]
    return max(map(float, parts), default=0.0)
