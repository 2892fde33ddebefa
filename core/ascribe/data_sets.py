"""Explanations of a whole data set, batch by batch, in memory that does not grow."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from ascribe import batching
from ascribe.attribution import Attribution
from ascribe.batch_roles import Batch, InputRole
from ascribe.errors import InputError
from ascribe.explaining import explain
from ascribe.explanation import Explanation

#: The target that stands for the label that each example comes with, and what dicts call it.
LABEL, LABEL_KEYS = "label", ("label", "labels")


def explain_data(
    model: Callable[..., Any],
    batches: Iterable[Any],
    method: str | type[Attribution] = "occlusion",
    target: Any = None,
    parameters: Mapping[str, Any] | None = None,
    input_roles: Any = None,
    show_progress: bool = False,
    **more: Any,
) -> Iterator[Explanation]:
    """Explain every example of a data set, as `ascribe.explain` does a batch.

    Parameters
    ----------
    model, method, parameters, **more
        As `ascribe.explain` takes them.
    batches
        Such as a ``DataLoader``, or a generator: tensors ``(batch, *features)``, or tuples or
        dicts of entries. Entries of a dict are keyword arguments of the model. An entry may
        itself be a tuple or dict of inputs, as in ``(inputs, labels)``.
    target
        As `ascribe.explain` takes it, for all batches; or ``"label"``, for each example the one
        that it comes with.
    input_roles
        What the entries of each batch are for: see `ascribe.batch_roles.Batch.of`. Pairs of
        inputs and labels have ``(0, 2)``, where labels are no target. By default each is
        attributed, but with ``target="label"`` the last entry of a tuple, or the entry ``label``
        or ``labels`` of a dict, is the label.
    show_progress
        Show a progress bar, which counts batches.

    Yields
    ------
    Explanation
        Of each batch, when it is asked for, so that no two need be kept.

    Raises
    ------
    InputError
        If a batch cannot be read so; and whatever `ascribe.explain` raises.
    """
    check_batches(batches)
    labelled = isinstance(target, str)
    if labelled and target != LABEL:
        raise InputError(
            f"target must be {LABEL!r} or as ascribe.explain takes it, but is {target!r}"
        )
    own = {**(parameters or {}), **more}

    def explanations() -> Iterator[Explanation]:
        total = operator.length_hint(batches) or None
        with batching.progress(total, "explain_data", show_progress, "batches") as bar:
            for given in batches:
                roles = _with_label(given) if labelled and input_roles is None else input_roles
                batch = Batch.of(given, roles)
                chosen = _label(batch) if labelled else target
                options = _with_forwarded(own, batch.forwarded)
                yield explain(model, _inputs(batch), method, chosen, options)
                bar(1)

    return explanations()


def check_batches(batches: Any) -> None:
    """Check that batches come one after the other, and are not a single one."""
    single = isinstance(batches, (Tensor, Mapping, str))
    if single or not (hasattr(batches, "__iter__") or hasattr(batches, "__getitem__")):
        raise InputError(
            f"batches must come one after the other, as from a DataLoader, a list or "
            f"tensor.split(32), but came as a {type(batches).__name__}"
        )


def _with_label(given: Any) -> dict[Any, InputRole]:
    """Return the roles of a batch with a label where one expects it."""
    if isinstance(given, Mapping):
        keys = list(given)
        labels = [key for key in LABEL_KEYS if key in given]
    else:
        keys = list(range(len(given))) if isinstance(given, (tuple, list)) else [0]
        labels = keys[1:][-1:]
    if not labels:
        raise InputError(
            "target='label' needs batches (inputs, labels), or dicts with an entry 'label' or "
            "'labels'; or say with input_roles which entry it is, as in (0, 2)"
        )
    roles = dict.fromkeys(keys, InputRole.need_attr)
    return {**roles, labels[0]: InputRole.no_forward}


def _label(batch: Batch) -> Tensor:
    if len(batch.left_over) != 1:
        raise InputError(
            f"target='label' needs input_roles that give one entry the role 2, the label's, "
            f"but they give it to {len(batch.left_over)}"
        )
    (label,) = batch.left_over
    try:
        return torch.as_tensor(label).detach().clone()
    except (TypeError, ValueError, RuntimeError):
        raise InputError(
            f"labels that are targets must be a tensor or list of integers, but are {label!r}"
        ) from None


def _inputs(batch: Batch) -> Any:
    attributed = batch.attributed
    alone = isinstance(attributed, tuple) and len(attributed) == 1
    return attributed[0] if alone else attributed


def _with_forwarded(parameters: dict[str, Any], forwarded: Any) -> dict[str, Any]:
    if forwarded is None:
        return parameters
    if parameters.get("additional_forward_args") is not None:
        raise InputError(
            "additional_forward_args must be left out where input_roles give an entry of the "
            "batch the role 1, which takes its place"
        )
    return {**parameters, "additional_forward_args": forwarded}
