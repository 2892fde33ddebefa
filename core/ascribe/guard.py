"""Leaving a model, and the random state, as they were: on every path, exceptions included."""

from __future__ import annotations

import functools
import operator
import random
import types
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.parameter import is_lazy

from ascribe.errors import AscribeWarning

#: How far modules are looked for: into a list or dict that a function names, and in all.
MOST_MEMBERS, MOST_OBJECTS = 64, 2000


def warn_if_training(modules: list[nn.Module]) -> None:
    """Warn of modules whose answers are random, or mix examples, as the model stands."""
    active = [m for m in modules if getattr(m, "training", False) and _mixes_or_draws(m)]
    if active:
        kinds = ", ".join(sorted({type(module).__name__ for module in active}))
        warnings.warn(
            f"the model is in training mode ({kinds}): its answers are random or depend on the "
            f"rest of the batch, and so do attributions; call model.eval() first",
            AscribeWarning,
            stacklevel=4,
        )


def _mixes_or_draws(module: nn.Module) -> bool:
    if isinstance(module, (_BatchNorm, nn.RReLU)):
        return True
    # Recurrent layers and attention have no dropout module, but a number of that name; and what
    # drops whole paths has a name and a number of its own.
    drops = isinstance(module, _DropoutNd) or "Drop" in type(module).__name__
    names = ("p", "drop_prob") if drops or type(module).__name__ == "StochasticDepth" else ()
    shares = [getattr(module, name, 0) for name in (*names, "dropout")]
    return any(isinstance(share, float) and share > 0 for share in shares)


@contextmanager
def untouched(modules: list[nn.Module]) -> Iterator[None]:
    """Put back, at the end of the block, whatever a forward pass changed on the modules.

    Restored are each module's attributes (lists and dicts with their members), training
    flag, hooks and registrations, the contents of its buffers, and ``requires_grad`` and ``.grad``
    of its parameters; and the global random state of torch, numpy and Python. The values of
    parameters are not copied: where a forward pass writes to one, a warning says so.
    """
    written: list[str] = []
    # A stack, so that each is restored whatever happens to the others.
    with ExitStack() as stack:
        stack.callback(_warn_if_written, written)
        stack.callback(_remember_random_state())
        for module in modules:
            stack.callback(_remember_module(module, written))
        yield


def _warn_if_written(names: list[str]) -> None:
    if names:
        warnings.warn(
            f"the model wrote to its parameters {', '.join(names)} while it ran: that is not "
            f"undone, and attributions may be those of several models",
            AscribeWarning,
            stacklevel=6,
        )


def modules_in(forward_func: Any) -> list[nn.Module]:
    """Return the modules that a function is known to run, sub-modules included.

    Looks at the function itself, at the object of a bound method, through `functools.partial`,
    and at what a Python function closes over, names (in nested functions too) or has as defaults.
    """
    found: dict[int, nn.Module] = {}
    seen: set[int] = set()
    queue: deque[Any] = deque([forward_func])
    while queue and len(seen) < MOST_OBJECTS:
        thing = queue.popleft()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, nn.Module):
            found.update((id(module), module) for module in thing.modules())
        else:
            queue.extend(_within(thing))
    return list(found.values())


def _within(thing: Any) -> list[Any]:
    """Return what a function or an object can reach at first hand."""
    if isinstance(thing, dict):
        return list(thing.values())[:MOST_MEMBERS]
    if isinstance(thing, (list, tuple)):
        return list(thing[:MOST_MEMBERS])
    if isinstance(thing, functools.partial):
        return [thing.func, *thing.args, *thing.keywords.values()]
    if isinstance(thing, types.MethodType):
        return [thing.__self__, thing.__func__]
    if isinstance(thing, types.FunctionType):
        return _named_by(thing)
    if isinstance(thing, (type, types.ModuleType, Tensor, str, bytes, int, float)):
        return []
    slots = [getattr(thing, name, None) for name in getattr(type(thing), "__slots__", ())]
    shared = [value for value in vars(type(thing)).values() if isinstance(value, nn.Module)]
    return [*getattr(thing, "__dict__", {}).values(), *slots, *shared]


def _named_by(func: types.FunctionType) -> list[Any]:
    names, codes = set[str](), [func.__code__]
    while codes:
        code = codes.pop()
        names.update(code.co_names)
        codes += [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
    named = [func.__globals__[name] for name in sorted(names) if name in func.__globals__]
    named += [*(func.__defaults__ or ()), *(func.__kwdefaults__ or {}).values()]
    for cell in func.__closure__ or ():
        try:
            named.append(cell.cell_contents)
        except ValueError:  # a variable that is not bound yet
            continue
    return named


def _remember_module(module: nn.Module, written: list[str]) -> Callable[[], None]:
    """Return what restores a module, and notes the parameters that were written to."""
    attributes, passing = dict(vars(module)), _passing_hooks(module)
    dicts = [value for value in attributes.values() if isinstance(value, dict)]
    inner = [
        (d, {k: v for k, v in list(d.items()) if k not in passing} if d else {}) for d in dicts
    ]
    lists = [(value, list(value)) for value in attributes.values() if isinstance(value, list)]
    buffers = [b for b in vars(module).get("_buffers", {}).values() if _has_values(b)]
    named = vars(module).get("_parameters", {})
    parameters = {name: p for name, p in named.items() if _has_values(p)}
    states = {name: (p.requires_grad, p.grad, _version(p)) for name, p in parameters.items()}
    # An embedding with a largest norm scales its weight as it is used.
    scaled = parameters.values() if getattr(module, "max_norm", None) is not None else ()
    contents = [(tensor, tensor.detach().clone()) for tensor in (*buffers, *scaled)]

    def restore() -> None:
        if not _same(vars(module), attributes):
            _restore_dict(vars(module), attributes)
        # Most are empty, and stay so.
        changed = [pair for pair in inner if any(pair) and not _same(*pair)]
        passing = _passing_hooks(module) if changed else ()
        for held, kept in changed:
            there = {k: v for k, v in list(held.items()) if k in passing}
            _restore_dict(held, {**kept, **there})
        for listed, members in lists:
            listed[:] = members
        for tensor, content in contents:
            _restore_content(tensor, content)
        for name, (requires_grad, grad, version) in states.items():
            parameter = parameters[name]
            if parameter.requires_grad != requires_grad:
                parameter.requires_grad_(requires_grad)
            if parameter.grad is not grad:
                parameter.grad = grad
            if _version(parameter) != version and not scaled:
                written.append(name)

    return restore


#: Where modules keep what is no hook.
_NO_HOOKS = frozenset(["_parameters", "_buffers", "_modules", "_non_persistent_buffers_set"])


def _passing_hooks(module: nn.Module) -> set[Any]:
    """Return the keys of hooks that some thread has there for one forward pass, and will remove."""
    named = list(vars(module).items())
    dicts = [v for name, v in named if isinstance(v, dict) and v and name not in _NO_HOOKS]
    items = [item for value in dicts for item in list(value.items())]
    return {key for key, hook in items if hasattr(getattr(hook, "__self__", None), "transient")}


def _same(current: dict[Any, Any], before: dict[Any, Any]) -> bool:
    """Whether two dicts hold the very same objects in the same order."""
    if len(current) != len(before):
        return False
    alike = map(operator.is_, current.values(), before.values())
    return all(alike) and list(current) == list(before)


def _has_values(tensor: Tensor | None) -> bool:
    return tensor is not None and not is_lazy(tensor)


def _restore_content(tensor: Tensor, content: Tensor) -> None:
    # Not by version: a batch norm updates its statistics without counting that as a change.
    if tensor.shape == content.shape and torch.equal(tensor, content):
        return
    with torch.no_grad():
        if tensor.shape != content.shape:
            tensor.resize_(content.shape)
        tensor.copy_(content)


def _restore_dict(current: dict[Any, Any], before: dict[Any, Any]) -> None:
    # Only what differs is written: another thread may be running the same model.
    for key in [key for key in current if key not in before]:
        del current[key]
    for key, value in before.items():
        if key not in current or current[key] is not value:
            current[key] = value
    if list(current) != list(before):  # what was taken out and put back is last now
        current.clear()
        current.update(before)


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
        if not _same_state(np.random.get_state(), legacy):
            np.random.set_state(legacy)

    return restore


def _same_state(state: Any, other: Any) -> bool:
    (_, keys, *rest), (_, others, *another) = state, other
    return rest == another and np.array_equal(keys, others)
