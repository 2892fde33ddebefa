"""Operations by torch's own kernels whose gradient takes a shorter way: the same up to rounding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

#: Up to so many input channels a convolution with strides hands its gradient back by phases: with
#: few, as of a picture, torch's kernel takes twice as long.
FEW_CHANNELS = 4

#: From so many places in a window on, pooling is quicker where channels lie last.
LARGE_WINDOW = 9


def input_gradient(gradient: Tensor, weight: Tensor, shape: Sequence[int], *places: Any) -> Tensor:
    """Return the gradient of a convolution with respect to its input.

    Parameters
    ----------
    gradient
        With respect to the output.
    weight
        Of the convolution.
    shape
        Of the input.
    *places
        Stride, padding, dilation and groups; the first three as numbers or one for each side.
    """
    weight, dims = weight.to(gradient.dtype), weight.dim() - 2
    stride, padding, dilation = (_each(one, dims) for one in places[:3])
    if by_phases(weight, stride, dilation, places[3]):
        return _of_phases(gradient, weight, shape, stride, padding)
    found = torch.ops.aten.convolution_backward(
        gradient,
        gradient.new_empty(tuple(shape)),
        weight,
        None,
        stride,
        padding,
        dilation,
        False,
        (0,) * dims,
        places[3],
        (True, False, False),
    )
    return torch.as_tensor(found[0])


def by_phases(weight: Tensor, stride: Any, dilation: Any, groups: int) -> bool:
    """Whether `input_gradient` goes by phases, which is worth a function of its own."""
    if weight.dim() != 4 or weight.device.type != "cpu" or groups != 1:
        return False
    few = weight.shape[1] <= FEW_CHANNELS
    return few and min(_each(stride, 2)) > 1 and max(_each(dilation, 2)) == 1


def _each(one: Any, dims: int) -> tuple[int, ...]:
    sides = (one,) if isinstance(one, int) else tuple(one)
    return sides * dims if len(sides) == 1 else sides


def _of_phases(
    gradient: Tensor, weight: Tensor, shape: Sequence[int], stride: Any, padding: Any
) -> Tensor:
    """Return the gradient where each phase of the stride is a channel of a convolution without.

    With a stride of two, what comes back to even places passes the even places of the kernel, and
    what comes back to odd ones the odd: four convolutions of a quarter of the kernel, run as one.
    """
    (outputs, inputs, *sizes), (tall, wide) = weight.shape, stride
    rows, columns = (-(-size // step) for size, step in zip(sizes, stride, strict=True))
    padded = functional.pad(weight, (0, columns * wide - sizes[1], 0, rows * tall - sizes[0]))
    kernels = padded.view(outputs, inputs, rows, tall, columns, wide).flip(2, 4)
    kernels = kernels.permute(1, 3, 5, 0, 2, 4).reshape(-1, outputs, rows, columns)
    phases = functional.conv2d(gradient, kernels, None, 1, (rows - 1, columns - 1))
    height, width = phases.shape[2:]
    found = phases.view(len(gradient), inputs, tall, wide, height, width).permute(0, 1, 4, 2, 5, 3)
    found = found.reshape(len(gradient), inputs, height * tall, width * wide)
    (top, left), (high, broad) = padding, shape[2:]
    missing = max(0, top + high - height * tall), max(0, left + broad - width * wide)
    if any(missing):  # the last places of the input are in no window
        found = functional.pad(found, (0, missing[1], 0, missing[0]))
    return found[:, :, top : top + high, left : left + broad].contiguous()


class StridedConvolution(torch.autograd.Function):
    """A convolution whose gradient goes by phases: see `by_phases`."""

    ours = True

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, func: Any, weight: Tensor, bias: Tensor | None, *places: Any
    ) -> Any:
        ctx.save_for_backward(weight)
        ctx.shape, ctx.places = x.shape, places
        return func(x, weight, bias, *places)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (weight,), (gradient,) = ctx.saved_tensors, gradients
        return input_gradient(gradient, weight, ctx.shape, *ctx.places), *[None] * 7


def quicker_with_channels_last(x: Tensor, kernel: Any, dilation: Any) -> bool:
    """Whether pooling is quicker with channels last: the largest of the same numbers either way."""
    sides = _each(kernel, 2)
    return (
        x.dim() == 4
        and x.device.type == "cpu"
        and x.is_floating_point()
        and x.is_contiguous()
        and sides[0] * sides[1] >= LARGE_WINDOW
        and max(_each(dilation, 2)) == 1
    )


class MaxPoolOfChannelsLast(torch.autograd.Function):
    """Max pooling with channels last; where numbers tie, the first has the gradient as ever."""

    ours = True

    @staticmethod
    def forward(ctx: Any, x: Tensor, *places: Any) -> Any:
        places = (*(_each(one, 2) for one in places[:4]), places[4])
        last = x.contiguous(memory_format=torch.channels_last)
        value, index = torch.ops.aten.max_pool2d_with_indices(last, *places)
        ctx.save_for_backward(index.contiguous())
        ctx.shape, ctx.places = x.shape, places
        return value.contiguous()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (index,), (gradient,) = ctx.saved_tensors, gradients
        like = gradient.new_empty(()).expand(ctx.shape)
        found = torch.ops.aten.max_pool2d_with_indices_backward(
            gradient.contiguous(), like, *ctx.places, index
        )
        return found, *[None] * 5
