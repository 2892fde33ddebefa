"""Leaving a model, and the random state, as they were: on every path, exceptions included."""

from __future__ import annotations

import functools
import random
import types
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from ascribe.errors import AscribeWarning

#: How far into a list that a function names modules are looked for.
MOST_MEMBERS = 64


def warn_if_training(modules: list[nn.Module]) -> None:
    """Warn of modules whose answers are random, or mix examples, as the model stands."""
    active = [m for m in modules if m.training and isinstance(m, (_BatchNorm, _DropoutNd))]
    if active:
        kinds = ", ".join(sorted({type(module).__name__ for module in active}))
        warnings.warn(
            f"the model is in training mode ({kinds}): its answers are random or depend on the "
            f"rest of the batch, and so do attributions; call model.eval() first",
            AscribeWarning,
            stacklevel=4,
        )


@contextmanager
def untouched(modules: list[nn.Module]) -> Iterator[None]:
    """Put back, at the end of the block, whatever a forward pass changed on the modules.

    Restored are each module's attributes, training flag, hooks and registrations, the contents of
    its buffers, and ``requires_grad`` and ``.grad`` of its parameters; and the global random state
    of torch, numpy and Python. (The values of parameters are not copied: no algorithm writes
    there.)
    """
    restorers = [_remember_module(module) for module in modules]
    restorers.append(_remember_random_state())
    try:
        yield
    finally:
        for restore in restorers:
            restore()


def modules_in(forward_func: Any) -> list[nn.Module]:
    """Return the modules that a function is known to run, sub-modules included.

    Looks at the function itself, at the object of a bound method, through `functools.partial`,
    and at the variables that a Python function closes over or names.
    """
    found: dict[int, nn.Module] = {}
    for thing in _reachable(forward_func):
        if isinstance(thing, nn.Module):
            found.update((id(module), module) for module in thing.modules())
    return list(found.values())


def _reachable(func: Any, depth: int = 3) -> Iterator[Any]:
    yield func
    if depth == 0 or isinstance(func, nn.Module):
        return
    inner: list[Any] = []
    if isinstance(func, (list, tuple)):
        inner = list(func[:MOST_MEMBERS])
    elif isinstance(func, functools.partial):
        inner = [func.func, *func.args, *func.keywords.values()]
    elif isinstance(func, types.MethodType):
        inner = [func.__self__, func.__func__]
    elif isinstance(func, types.FunctionType):
        inner = _named_by(func)
    elif hasattr(func, "__dict__") and not isinstance(func, (type, types.ModuleType)):
        inner = list(vars(func).values())
    for thing in inner:
        yield from _reachable(thing, depth - 1)


def _named_by(func: types.FunctionType) -> list[Any]:
    names = func.__code__.co_names
    named = [func.__globals__[name] for name in names if name in func.__globals__]
    for cell in func.__closure__ or ():
        try:
            named.append(cell.cell_contents)
        except ValueError:  # a variable that is not bound yet
            continue
    return named


def _remember_module(module: nn.Module) -> Callable[[], None]:
    attributes = dict(vars(module))
    inner = {key: dict(value) for key, value in attributes.items() if isinstance(value, dict)}
    buffers = [
        (b, b.detach().clone(), _version(b)) for b in module._buffers.values() if b is not None
    ]
    parameters = [
        (p, p.requires_grad, p.grad) for p in module._parameters.values() if p is not None
    ]

    def restore() -> None:
        _restore_dict(vars(module), attributes)
        for key, value in inner.items():
            _restore_dict(attributes[key], value)
        for buffer, content, version in buffers:
            if version is None or _version(buffer) != version:
                with torch.no_grad():
                    buffer.copy_(content)
        for parameter, requires_grad, grad in parameters:
            if parameter.requires_grad != requires_grad:
                parameter.requires_grad_(requires_grad)
            if parameter.grad is not grad:
                parameter.grad = grad

    return restore


def _restore_dict(current: dict[Any, Any], before: dict[Any, Any]) -> None:
    # Only what differs is written: another thread may be running the same model.
    for key in [key for key in current if key not in before]:
        del current[key]
    for key, value in before.items():
        if key not in current or current[key] is not value:
            current[key] = value


def _version(tensor: Tensor) -> int | None:
    return None if tensor.is_inference() else tensor._version


def _remember_random_state() -> Callable[[], None]:
    cpu, python, legacy = torch.get_rng_state(), random.getstate(), np.random.get_state()
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []

    def restore() -> None:
        # A state that nobody drew from is left alone, for another thread's sake.
        if not torch.equal(torch.get_rng_state(), cpu):
            torch.set_rng_state(cpu)
        if cuda and not all(map(torch.equal, torch.cuda.get_rng_state_all(), cuda)):
            torch.cuda.set_rng_state_all(cuda)
        if random.getstate() != python:
            random.setstate(python)
        if any(map(np.any, map(np.not_equal, _parts(np.random.get_state()), _parts(legacy)))):
            np.random.set_state(legacy)

    return restore


def _parts(state: Any) -> Any:
    return state[1:]
