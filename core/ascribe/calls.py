"""One operation as a model runs it: what is called, with what, from where."""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_leaves, tree_unflatten

from ascribe import operations
from ascribe.detached import detached
from ascribe.errors import InputError

#: Takes what comes back to an operation's value, and returns what goes on to each of its operands:
#: a tensor, or a sequence of them where there are several.
Pull = Callable[[Tensor], Any]


@dataclass
class Call:
    """One operation as a model runs it.

    Attributes
    ----------
    name
        See `ascribe.operations.name_of`.
    func
        What is called.
    leaves
        All arguments in a row; parameters of the model are detached.
    structure
        How they become arguments again.
    places
        Where among them the operands stand: the tensors that depend on what is attributed.
    """

    name: str
    func: Callable[..., Any]
    leaves: list[Any]
    structure: Any
    places: list[int]

    @property
    def operands(self) -> list[Tensor]:
        """The tensors that depend on what is attributed."""
        return [self.leaves[place] for place in self.places]

    @property
    def operand(self) -> Tensor:
        """The first operand."""
        return torch.as_tensor(self.leaves[self.places[0]])

    def arguments(self, operands: Sequence[Tensor] | None = None) -> tuple[Any, dict[str, Any]]:
        """Return arguments, with other tensors in the place of the operands."""
        leaves = list(self.leaves)
        if operands is not None:
            for place, operand in zip(self.places, operands, strict=True):
                leaves[place] = operand
        args, kwargs = tree_unflatten(leaves, self.structure)
        return tuple(args), kwargs

    def argument(self, name: str, position: int, default: Any = None) -> Any:
        """Return an argument, given by name or by position."""
        args, kwargs = self.arguments()
        return kwargs.get(name, args[position] if len(args) > position else default)

    def run(self, operands: Sequence[Tensor] | None = None) -> Any:
        """Return what the operation gives, for other operands perhaps."""
        args, kwargs = self.arguments(operands)
        return self.func(*args, **kwargs)

    def differentiate(
        self, operands: Sequence[Tensor], private: bool = False
    ) -> tuple[Tensor, Pull]:
        """Return the operation's value at a point, and the transpose of its derivative there.

        Parameters
        ----------
        operands
            The point.
        private
            Nothing will write to these tensors, so that they need not be copied.
        """
        with torch.enable_grad():
            points = [operand.detach() if private else operand.clone() for operand in operands]
            points = [point.detach().requires_grad_() for point in points]
            value = self.run([point.view_as(point) for point in points])

        def pull(cotangent: Tensor) -> tuple[Tensor, ...]:
            return torch.autograd.grad(
                value, points, cotangent, retain_graph=True, materialize_grads=True,
                allow_unused=True,
            )  # fmt: skip

        return value.detach(), pull

    def aside(self) -> Tensor | None:
        """Make an operation in place one that is not, and return the tensor that it writes to."""
        args, kwargs = self.arguments()
        if kwargs.get("out") is not None:
            raise InputError(
                f"the model gives {self.name} a tensor to write to (out=), which no gradient "
                f"passes; take what it returns instead"
            )
        signature = _in_place_signature(self.func)
        if signature is not None:
            bound = signature.bind(*args, **kwargs)
            if not bound.arguments.get("inplace", False):
                return None
            bound.arguments["inplace"] = False
            self._fill(bound.args, bound.kwargs)
            return next(iter(bound.arguments.values()))
        if not operations.in_place(self.func) or not args or not isinstance(args[0], Tensor):
            return None
        func = self.func
        self.func = lambda first, *rest, **named: func(first.clone(), *rest, **named)
        return args[0]

    def _fill(self, args: Iterable[Any], kwargs: Mapping[str, Any]) -> None:
        leaves, self.structure = tree_flatten((list(args), dict(kwargs)))
        self.leaves = list(map(detached, leaves))
        self.places = [place for place, leaf in enumerate(self.leaves) if depends(leaf)]


#: What torch takes for other names of parameters, as numpy has them.
_ALIASES = {"axis": "dim", "keepdims": "keepdim"}


def call_of(func: Any, args: Iterable[Any], kwargs: Mapping[str, Any]) -> Call:
    """Return the call of a function."""
    if not isinstance(func, types.FunctionType) and "quantize" not in str(func):
        kwargs = {_ALIASES.get(name, name): value for name, value in kwargs.items()}
    call = Call(operations.name_of(func), func, [], None, [])
    call._fill(args, kwargs)
    return call


def depends(value: Any) -> bool:
    """Whether something is a tensor that depends on what is attributed."""
    return isinstance(value, Tensor) and value.requires_grad


def leaves_of(value: Any) -> list[Any]:
    """Return all that a structure of tuples, lists and dicts holds."""
    return list(tree_leaves(value))


def _in_place_signature(func: Any) -> inspect.Signature | None:
    code = getattr(func, "__code__", None)
    if code is None or "inplace" not in code.co_varnames[: code.co_argcount]:
        return None
    return inspect.signature(func)


def running_module() -> nn.Module | None:
    """Return the innermost module that runs, seen from within an intercepted operation."""
    frame: Any = sys._getframe(1)
    while frame is not None:
        module = frame.f_locals.get("self")
        if isinstance(module, nn.Module):
            return module
        frame = frame.f_back
    return None


_OURS = ("torch", "ascribe", "ascribe_attributions")


def place(modules: Sequence[nn.Module]) -> str:
    """Say in which module, and in which line of whose code, an operation is called."""
    module, frame = running_module(), sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").split(".")[0] in _OURS:
        frame = frame.f_back  # type: ignore[assignment]
    line = "" if frame is None else f" at {frame.f_code.co_filename}:{frame.f_lineno}"
    if module is None:
        return f"called{line}"
    names = {id(inner): name for outer in modules[:1] for name, inner in outer.named_modules()}
    path = names.get(id(module))
    return f"called in {repr(path) + ', a ' if path else ''}{type(module).__name__}{line}"
