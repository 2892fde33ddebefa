"""Layers of a model: found by module or by name, read and replaced as one thread runs the model."""

from __future__ import annotations

import difflib
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_unflatten

from ascribe.errors import InputError
from ascribe.guard import modules_in

#: Told the number of a layer and the tensors that it gives (or takes); returns what to put in
#: their place, or None.
Visit = Callable[[int, list[Tensor]], Sequence[Tensor] | None]


def find_layers(forward_func: Callable[..., Any], layer: Any) -> list[nn.Module]:
    """Return the layers that a module, a dotted name, or a list of these stands for.

    Raises
    ------
    InputError
        If a name is no module's of the model.
    """
    several = layer if isinstance(layer, (list, tuple)) else [layer]
    if not several:
        raise InputError("layer must name at least one layer, but is an empty list")
    return [_find(forward_func, one) for one in several]


def _find(forward_func: Callable[..., Any], layer: Any) -> nn.Module:
    if isinstance(layer, nn.Module):
        return layer
    if not isinstance(layer, str):
        raise InputError(
            f"layer must be a module of the model or its name, but is a {type(layer).__name__}"
        )
    names = list[str]()
    for module in modules_in(forward_func):  # the outermost comes first
        known = dict(module.named_modules())
        if layer in known:
            return known[layer]
        names += [name for name in known if name and name not in names]
    near = difflib.get_close_matches(layer, names, 3) or names[:8]
    raise InputError(f"the model has no layer {layer!r}; it has, among others, {', '.join(near)}")


@contextmanager
def visited(layers: Sequence[nn.Module], of_inputs: bool, visit: Visit) -> Iterator[None]:
    """Visit layers whenever this thread runs them in the block; other threads feel nothing.

    Parameters
    ----------
    layers
        Which.
    of_inputs
        Visit what they are given instead of what they return.
    visit
        See `Visit`.
    """
    with ExitStack() as stack:
        for number, layer in enumerate(layers):
            hook = _Hook(number, layer, visit)
            handle = (
                layer.register_forward_pre_hook(hook.before, with_kwargs=True)
                if of_inputs
                else layer.register_forward_hook(hook.after)
            )
            stack.callback(handle.remove)
        yield


class _Hook:
    def __init__(self, number: int, layer: nn.Module, visit: Visit) -> None:
        self._number, self._layer, self._visit = number, layer, visit
        self._thread = threading.get_ident()

    #: Tells `ascribe.guard` that nobody else is to remove it or put it back.
    transient = True

    def before(self, module: nn.Module, args: Any, kwargs: Any) -> Any:
        return self._replaced((args, kwargs))

    def after(self, module: nn.Module, args: Any, output: Any) -> Any:
        return self._replaced(output)

    def _replaced(self, value: Any) -> Any:
        if threading.get_ident() != self._thread:
            return None
        leaves, structure = tree_flatten(value)
        places = _places(self._layer, leaves)
        found = self._visit(self._number, [leaves[place] for place in places])
        if found is None:
            return None
        for place, tensor in zip(places, found, strict=True):
            leaves[place] = tensor
        return tree_unflatten(leaves, structure)


def _places(layer: nn.Module, leaves: list[Any]) -> list[int]:
    """Return where the activations stand among what a layer gives: what is floating point, if any.

    The states of a recurrent layer have no batch in their first dimension, and are left alone.
    """
    numbers = [
        place
        for place, leaf in enumerate(leaves)
        if isinstance(leaf, Tensor) and leaf.dim() and leaf.dtype != torch.bool
    ]
    floating = [place for place in numbers if leaves[place].is_floating_point()]
    chosen = floating or numbers
    return chosen[:1] if isinstance(layer, nn.RNNBase) else chosen


class Taps:
    """Which activations a forward pass has: by layer, by use of it, by tensor of a use.

    Attributes
    ----------
    uses
        For each layer, for each of its uses, the number of its tensors.
    """

    def __init__(self, layers: Sequence[nn.Module], of_inputs: bool) -> None:
        self._layers, self._of_inputs = layers, of_inputs
        self.uses: list[list[int]] | None = None

    def read(self, run: Callable[[], Any], stop: bool = False) -> list[Tensor]:
        """Return the activations of a forward pass, in the graph if there is one.

        Parameters
        ----------
        run
            Runs the model.
        stop
            Leave the pass when the last activation is known, from the second pass on.
        """
        found: list[list[list[Tensor]]] = [[] for _ in self._layers]
        last = sum(map(len, self.uses)) if stop and self.uses else 0

        def visit(number: int, tensors: list[Tensor]) -> None:
            # Copies: what follows may write to them.
            found[number].append([tensor.clone() for tensor in tensors])
            if sum(map(len, found)) == last:
                raise _EnoughError

        try:
            with visited(self._layers, self._of_inputs, visit):
                run()
        except _EnoughError:
            pass
        self._note([[len(use) for use in layer] for layer in found])
        return [tensor for layer in found for use in layer for tensor in use]

    def replace(self, tensors: Sequence[Tensor], run: Callable[[], Any]) -> Any:
        """Return what the model returns with these activations, in the order of `read`."""
        assert self.uses is not None  # read comes first
        left = iter(tensors)
        queues = [[[next(left) for _ in range(count)] for count in uses] for uses in self.uses]

        def visit(number: int, given: list[Tensor]) -> list[Tensor]:
            _refuse_checkpoint()
            if not queues[number]:
                raise InputError(f"layer {number} is used more often than for the inputs")
            return queues[number].pop(0)

        with visited(self._layers, self._of_inputs, visit):
            output = run()
        if any(queues):
            raise InputError("a layer is used less often than for the inputs")
        return output

    def watch(self, run: Callable[[], Any], rows: int) -> tuple[list[Tensor], Any]:
        """Return the activations of rows, in the graph, and what the model makes of them.

        Where no graph leads to an activation, one begins there.
        """
        found: list[list[Tensor]] = [[] for _ in self._layers]
        counts: list[list[int]] = [[] for _ in self._layers]

        def visit(number: int, tensors: list[Tensor]) -> list[Tensor]:
            apart = [tensor.clone() for tensor in by_row(tensors, rows)]
            for tensor in apart:
                if tensor.is_floating_point() and not tensor.requires_grad:
                    _refuse_checkpoint()
                    tensor.requires_grad_()
            found[number] += apart
            counts[number].append(len(apart))
            return [tensor.clone() for tensor in apart]  # what follows may write to them

        with visited(self._layers, self._of_inputs, visit):
            output = run()
        self._note(counts)
        return [tensor for tensors in found for tensor in tensors], output

    def _note(self, uses: list[list[int]]) -> None:
        for layer, counts in zip(self._layers, uses, strict=True):
            if not sum(counts):
                what = "takes" if self._of_inputs else "returns"
                raise InputError(
                    f"the layer {type(layer).__name__} {what} no tensor in the forward pass"
                    if counts
                    else f"the layer {type(layer).__name__} is not called in the forward pass: "
                    f"choose one that is (of a compiled model, one of the model as it was before)"
                )
        if self.uses not in (None, uses):
            raise InputError("a layer is used otherwise for other inputs, so it has no one value")
        self.uses = uses


def by_row(activations: Iterable[Tensor], rows: int) -> list[Tensor]:
    """Return activations with an entry for each row: what the rows share is repeated.

    Raises
    ------
    InputError
        If an activation has another number of entries.
    """
    activations = list(activations)
    for tensor in activations:
        if len(tensor) not in (1, rows):
            raise InputError(
                f"a layer's activations must have the batch, here of {rows}, in their first "
                f"dimension, but have the shape {tuple(tensor.shape)}; choose another layer"
            )
    return [t if len(t) == rows else t.expand(rows, *t.shape[1:]) for t in activations]


class _EnoughError(BaseException):
    """Ends a forward pass; no handler of `Exception` in a model is to catch it."""


def _refuse_checkpoint() -> None:
    # A checkpoint computes again during the backward pass, where nothing is replaced.
    if torch.is_grad_enabled() and saving_is_hooked():
        raise InputError(
            "a layer inside a checkpoint cannot be replaced, for the checkpoint runs it again; "
            "turn checkpointing off (of a transformer: model.gradient_checkpointing_disable())"
        )


def saving_is_hooked() -> bool:
    """Whether a checkpoint, or the like, decides what is saved for the backward pass."""
    return torch._C._autograd._top_saved_tensors_default_hooks(True) is not None
