"""Keeping parameters out of the graph, with nothing left on the model."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from ascribe import batching
from ascribe.backward import (
    MaxPoolOfChannelsLast,
    StridedConvolution,
    by_phases,
    input_gradient,
    quicker_with_channels_last,
)
from ascribe.errors import AscribeError
from ascribe.layers import saving_is_hooked

Result = TypeVar("Result")


def without_parameters(
    run: Callable[[AbstractContextManager[Any]], Result], copies: Copies | None = None
) -> Result:
    """Return what a function returns, with parameters out of its graph if it can do without.

    Parameters
    ----------
    run
        The function. It is given a context to run the model in.
    copies
        What it tells of shifted copies that it makes: see `Copies`.
    """
    try:
        return run(DetachedParameters(copies))
    except RuntimeError as error:
        if isinstance(error, AscribeError) or batching.out_of_memory(error):
            raise
        # A model that takes gradients of its own parameters as it runs cannot do without them.
        return run(nullcontext())


class Copies:
    """Rows that are copies of examples, each with one shift for all its copies, which is zero.

    The shift counts in each copy by a weight, so a gradient with respect to it is the weighted sum
    of those with respect to the copies. A convolution of the copies can then take its part of it
    once, for the sum.

    Parameters
    ----------
    weights
        Of the copies of each example: ``(copies,)``.
    """

    def __init__(self, weights: Tensor) -> None:
        self.weights = weights
        self._known: list[tuple[Tensor, int, Tensor]] = []

    def shifted(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return a shift, ``(examples, *features)``, and rows, ``(copies * examples, ...)``."""
        copies = rows.unflatten(0, (len(self.weights), -1))
        shift = torch.zeros_like(copies[0], requires_grad=True)
        made = (copies + shift * self._each(copies)).flatten(0, 1)
        self._known.append((made, made._version, shift))
        return shift, made

    def summed(self, gradient: Tensor) -> Tensor:
        """Return the weighted sum over copies of what comes back to rows."""
        copies = gradient.unflatten(0, (len(self.weights), -1))
        return (copies * self._each(copies)).sum(0)

    def _each(self, copies: Tensor) -> Tensor:
        # A clone, as weights may be of a block in inference mode.
        return self.weights.to(copies).clone().reshape(-1, *[1] * (copies.dim() - 1))

    def shift_of(self, rows: Any) -> Tensor | None:
        """Return what rows were shifted by, if they are known and nobody wrote to them since."""
        found = (s for r, version, s in self._known if r is rows and r._version == version)
        return next(found, None)

    def watch(self, name: str, args: tuple[Any, ...]) -> None:
        """Make way for a model that looks at gradients itself, as it runs.

        Raises
        ------
        RuntimeError
            If it differentiates: with respect to rows, perhaps, of which the graph knows nothing.
        """
        if name in ("register_hook", "retain_grad") and args:
            self._known = [known for known in self._known if known[0] is not args[0]]
        if name in ("grad", "backward"):
            raise RuntimeError("the model differentiates as it runs")


class DetachedParameters(TorchFunctionMode):
    """Keeps parameters out of the graph, for this thread alone, without touching the model.

    Gradients with respect to inputs need none of what autograd would save for parameters. A batch
    norm with fixed statistics would save its input all the same; here it saves its scale.

    Parameters
    ----------
    copies
        Rows whose convolutions take their gradient for the sum: see `Copies`.
    """

    def __init__(self, copies: Copies | None = None) -> None:
        super().__init__()
        self._copies = copies

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        # What reads or sets an attribute must find the parameter itself. And a checkpoint (which
        # hooks what is saved) computes again during the backward pass, where no block reaches it:
        # it has to save the same tensors both times.
        name = getattr(func, "__name__", "")
        if self._copies is not None and name in _DIFFERENTIATING:
            self._copies.watch(name, args)
        if name in _ACCESS or saving_is_hooked():
            return func(*args, **kwargs)
        args, kwargs = tuple(map(detached, args)), {k: detached(v) for k, v in kwargs.items()}
        if func is functional.batch_norm and args:
            return _batch_norm(*args, **kwargs)
        if func in _CONVOLUTIONS and args:
            return _convolution(func, self._copies, *args, **kwargs)
        if func in _POOLS and args:
            return _max_pool(func, *args, **kwargs)
        return func(*args, **kwargs)


_CONVOLUTIONS = (torch.conv1d, torch.conv2d, torch.conv3d)
_POOLS = (functional.max_pool2d, torch.max_pool2d)


def _convolution(
    func: Any,
    copies: Copies | None,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    moving = weight.requires_grad or (bias is not None and bias.requires_grad)
    places = (stride, padding, dilation, groups)
    shift = None if copies is None else copies.shift_of(x)
    if moving or isinstance(padding, str) or x.dim() != weight.dim():
        made = func(x, weight, bias, *places)
    elif shift is not None:
        made = ConvolutionOfCopies.apply(shift, copies, func, x.detach(), weight, bias, *places)  # type: ignore[no-untyped-call]
    elif x.requires_grad and by_phases(weight, stride, dilation, groups):
        made = StridedConvolution.apply(x, func, weight, bias, *places)  # type: ignore[no-untyped-call]
    else:
        made = func(x, weight, bias, *places)
    return cast(Tensor, made)


def _max_pool(
    func: Any,
    x: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    **others: Any,
) -> Tensor:
    if any(others.values()) or not quicker_with_channels_last(x, kernel_size, dilation):
        return cast(Tensor, func(x, kernel_size, stride, padding, dilation, ceil_mode, **others))
    places = (kernel_size, stride or kernel_size, padding, dilation)
    made = MaxPoolOfChannelsLast.apply(x, *places, ceil_mode)  # type: ignore[no-untyped-call]
    return cast(Tensor, made)


class ConvolutionOfCopies(torch.autograd.Function):
    """A convolution by torch's own kernel, whose gradient is taken once for all copies."""

    @staticmethod
    def forward(
        ctx: Any,
        shift: Tensor,
        copies: Copies,
        func: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        *places: Any,
    ) -> Any:
        ctx.save_for_backward(weight)
        ctx.shape, ctx.copies, ctx.places = shift.shape, copies, places
        return func(x, weight, bias, *places)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (weight,), (gradient,) = ctx.saved_tensors, gradients
        total = ctx.copies.summed(gradient)
        return input_gradient(total, weight, ctx.shape, *ctx.places), *[None] * 9


def _batch_norm(
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    given = (running_mean, running_var, weight, bias)
    moving = any(tensor is not None and tensor.requires_grad for tensor in given)
    if training or running_mean is None or running_var is None or moving:
        return functional.batch_norm(x, *given, training, momentum, eps)
    return FixedBatchNorm.apply(x, *given, eps)  # type: ignore[no-untyped-call]


class FixedBatchNorm(torch.autograd.Function):
    """Batch norm with fixed statistics, by torch's own kernel: a scale and a shift."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        mean: Tensor,
        variance: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        eps: float,
    ) -> Tensor:
        scale = (variance + eps).rsqrt()
        scale = scale if weight is None else scale * weight
        ctx.save_for_backward(scale.reshape(-1, *[1] * (x.dim() - 2)))
        return functional.batch_norm(x, mean, variance, weight, bias, False, 0.0, eps)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (gradient,), (scale,) = gradients, ctx.saved_tensors
        return (gradient * scale).to(gradient.dtype), None, None, None, None, None


_DIFFERENTIATING = ("grad", "backward", "register_hook", "retain_grad")
_ACCESS = ("__get__", "__set__", "__delete__")


def detached(value: Any) -> Any:
    """Return a parameter, or a list of them, out of the graph; and all else as it is."""
    if isinstance(value, Tensor):  # asked first, as it is quicker
        return value.detach() if isinstance(value, nn.Parameter) else value
    if type(value) in (list, tuple) and any(isinstance(one, nn.Parameter) for one in value):
        return type(value)(map(detached, value))
    return value
