"""Keeping parameters out of the graph, with nothing left on the model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from ascribe import batching
from ascribe.errors import AscribeError
from ascribe.layers import saving_is_hooked

Result = TypeVar("Result")


def without_parameters(run: Callable[[], Result]) -> Result:
    """Return what a function returns, with parameters out of its graph if it can do without."""
    try:
        with DetachedParameters():
            return run()
    except RuntimeError as error:
        if isinstance(error, AscribeError) or batching.out_of_memory(error):
            raise
        # A model that takes gradients of its own parameters as it runs cannot do without them.
        return run()


class DetachedParameters(TorchFunctionMode):
    """Keeps parameters out of the graph, for this thread alone, without touching the model.

    Gradients with respect to inputs need none of what autograd would save for parameters. A batch
    norm with fixed statistics would save its input all the same; here it saves its scale.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        # What reads or sets an attribute must find the parameter itself. And a checkpoint (which
        # hooks what is saved) computes again during the backward pass, where no block reaches it:
        # it has to save the same tensors both times.
        if getattr(func, "__name__", "") in _ACCESS or saving_is_hooked():
            return func(*args, **kwargs)
        func = _batch_norm if func is functional.batch_norm else func
        return func(*map(detached, args), **{k: detached(v) for k, v in kwargs.items()})


def _batch_norm(
    x: Tensor,
    mean: Tensor | None,
    variance: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    given = (mean, variance, weight, bias)
    moving = any(tensor is not None and tensor.requires_grad for tensor in given)
    if training or mean is None or variance is None or moving:
        return functional.batch_norm(x, mean, variance, weight, bias, training, momentum, eps)
    return FixedBatchNorm.apply(x, mean, variance, weight, bias, eps)  # type: ignore[no-untyped-call]


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


_ACCESS = ("__get__", "__set__", "__delete__")


def detached(value: Any) -> Any:
    """Return a parameter, or a list of them, out of the graph; and all else as it is."""
    if isinstance(value, nn.Parameter):
        return value.detach()
    if type(value) in (list, tuple) and any(isinstance(one, nn.Parameter) for one in value):
        return type(value)(map(detached, value))
    return value
