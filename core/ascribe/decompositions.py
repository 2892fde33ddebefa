"""Torch's operations in terms of simpler ones.

Each function here takes what torch's own takes, and gives the same up to rounding.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ascribe.errors import InputError

#: Takes a tensor, axes and a stabiliser; returns the tensor normalised along the axes.
Normalise = Callable[[Tensor, list[int], float], Tensor]


def largest(input: Tensor, *args: Any, **kwargs: Any) -> Any:
    """Return ``torch.max``, of a tensor, along a dimension, or of two tensors."""
    other = kwargs.get("other", args[0] if args else None)
    if isinstance(other, Tensor):
        return maximum(input, other)
    if not args and not kwargs:
        return torch.amax(input, list(range(input.dim())))
    with torch.no_grad():
        found = torch.max(input, *args, **kwargs)
    dim, keepdim = (
        kwargs.get(name, args[n] if len(args) > n else False)
        for n, name in enumerate(("dim", "keepdim"))
    )
    return type(found)((torch.amax(input, dim, keepdim), found.indices))


def smallest(input: Tensor, *args: Any, **kwargs: Any) -> Any:
    """Return ``torch.min``, of a tensor, along a dimension, or of two tensors."""
    other = kwargs.pop("other", args[0] if args else None)
    if isinstance(other, Tensor):
        return minimum(input, other)
    found = largest(-input, *args, **kwargs)
    if isinstance(found, Tensor):
        return -found
    return torch.return_types.min((-found[0], found[1]))


def maximum(input: Tensor, other: Tensor) -> Tensor:
    """Return the larger of two numbers."""
    return torch.amax(torch.stack(torch.broadcast_tensors(input, other)), 0)


def minimum(input: Tensor, other: Tensor) -> Tensor:
    """Return the smaller of two numbers."""
    return -maximum(-input, -other)


def smallest_along(input: Tensor, dim: Any = (), keepdim: bool = False) -> Tensor:
    """Return ``torch.amin``."""
    return -torch.amax(-input, dim, keepdim)


def quotient(a: Any, b: Any, *, rounding_mode: str | None = None) -> Any:
    """Return ``a / b`` for a divisor that depends on the input."""
    if rounding_mode is not None:
        raise InputError(f"a division with rounding_mode={rounding_mode!r} has no rule")
    return torch.mul(torch.reciprocal(b), a)


def power(a: Tensor, b: Tensor) -> Tensor:
    """Return ``a ** b`` where both depend on the input."""
    return torch.exp(torch.mul(torch.log(a), b))


def attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """Return scaled dot-product attention (Vaswani et al. 2017)."""
    if enable_gqa:
        key, value = (t.repeat_interleave(query.size(-3) // t.size(-3), -3) for t in (key, value))
    scale = 1 / math.sqrt(query.size(-1)) if scale is None else scale
    logits = torch.matmul(query * scale, key.transpose(-2, -1))
    if is_causal:
        shape = (query.size(-2), key.size(-2))
        attn_mask = torch.ones(shape, dtype=torch.bool, device=query.device).tril()
    if attn_mask is None:
        weights = torch.softmax(logits, -1)
    else:
        masked = attn_mask.dtype == torch.bool
        logits = logits.masked_fill(~attn_mask, -math.inf) if masked else logits + attn_mask
        # Where all is masked the weights are zero, as torch has it, and not 0 / 0.
        empty = (~attn_mask if masked else attn_mask.isneginf()).all(-1, keepdim=True)
        weights = torch.softmax(logits.masked_fill(empty, 0), -1).masked_fill(empty, 0)
    if dropout_p:
        weights = torch.dropout(weights, dropout_p, True)
    return torch.matmul(weights, value)


def layer_norm(
    input: Tensor,
    normalized_shape: Any,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
    *,
    normalise: Normalise | None = None,
) -> Tensor:
    """Return a layer norm (Ba, Kiros and Hinton 2016)."""
    axes = list(range(-len(tuple(normalized_shape)), 0))
    return _affine((normalise or normalised)(input, axes, eps), weight, bias)


def rms_norm(
    input: Tensor, normalized_shape: Any, weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """Return a root-mean-square norm (Zhang and Sennrich 2019)."""
    axes = list(range(-len(tuple(normalized_shape)), 0))
    eps = torch.finfo(input.dtype).eps if eps is None else eps
    power = torch.square(input).mean(axes, keepdim=True)
    return _affine(torch.mul(input, torch.rsqrt(power + eps)), weight, None)


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
    *,
    normalise: Normalise | None = None,
) -> Tensor:
    """Return a group norm (Wu and He 2018)."""
    groups = input.reshape(input.size(0), num_groups, -1)
    normed = (normalise or normalised)(groups, [2], eps)
    return _by_channel(normed.reshape(input.shape), weight, bias)


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Return an instance norm (Ulyanov, Vedaldi and Lempitsky 2016)."""
    if not use_input_stats:
        fixed = (running_mean, running_var, weight, bias, False, momentum, eps)
        return functional.batch_norm(input, *fixed)
    return _by_channel(normalised(input, list(range(2, input.dim())), eps), weight, bias)


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Return a batch norm by the batch's own statistics (Ioffe and Szegedy 2015)."""
    return _by_channel(normalised(input, [0, *range(2, input.dim())], eps), weight, bias)


def normalised(x: Tensor, axes: list[int], eps: float) -> Tensor:
    """Return numbers less their mean, over their standard deviation, along some axes."""
    centred = x - x.mean(axes, keepdim=True)
    return torch.mul(centred, torch.rsqrt(torch.square(centred).mean(axes, keepdim=True) + eps))


def _by_channel(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    shape = (1, -1, *[1] * (x.dim() - 2))
    return _affine(x, *(None if t is None else t.reshape(shape) for t in (weight, bias)))


def _affine(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    x = x if weight is None else x * weight
    return x if bias is None else x + bias


def var(
    input: Tensor, dim: Any = None, unbiased: bool = True, keepdim: bool = False, *,
    correction: float | None = None,
) -> Tensor:  # fmt: skip
    """Return the variance."""
    if isinstance(dim, bool):  # var(input, unbiased)
        dim, unbiased = None, dim
    axes = [dim] if isinstance(dim, int) else list(dim or range(input.dim()))
    correction = float(unbiased) if correction is None else correction
    count = math.prod(input.size(axis) for axis in axes)
    squares = torch.square(input - input.mean(axes, keepdim=True)).sum(axes, keepdim=keepdim)
    return squares / (count - correction)


def std(*args: Any, **kwargs: Any) -> Tensor:
    """Return the standard deviation."""
    return torch.sqrt(var(*args, **kwargs))


def norm(
    input: Tensor,
    p: Any = 2,
    dim: Any = None,
    keepdim: bool = False,
    dtype: Any = None,
    out: Any = None,
) -> Tensor:
    """Return the vector norm of order ``p`` (a finite number)."""
    p = 2 if p in (None, "fro") else p
    if not isinstance(p, (int, float)) or not 0 < p < math.inf:
        raise InputError(f"the norm of order {p!r} has no rule; that of a finite number has")
    x = input if dtype is None else input.to(dtype)
    axes = list(range(x.dim())) if dim is None else dim
    if p == 1:
        return torch.abs(x).sum(axes, keepdim=keepdim)
    powers = torch.square(x) if p == 2 else torch.pow(torch.abs(x), p)
    sums = powers.sum(axes, keepdim=keepdim)
    return torch.sqrt(sums) if p == 2 else torch.pow(sums, 1 / p)


def vector_norm(
    input: Tensor, ord: Any = 2, dim: Any = None, keepdim: bool = False, *,
    dtype: Any = None, out: Any = None,
) -> Tensor:  # fmt: skip
    """Return the vector norm of order ``ord``."""
    return norm(input, ord, dim, keepdim, dtype)


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """Return a gated linear unit (Dauphin et al. 2017)."""
    value, gate = input.chunk(2, dim)
    return torch.mul(value, torch.sigmoid(gate))


#: What is written here in simpler operations.
DECOMPOSED: dict[str, Callable[..., Any]] = {
    "scaled_dot_product_attention": attention,
    "layer_norm": layer_norm,
    "rms_norm": rms_norm,
    "group_norm": group_norm,
    "glu": glu,
    "std": std,
    "var": var,
    "norm": norm,
    "linalg_vector_norm": vector_norm,
    "amin": smallest_along,
}

#: Extremes, in terms of ``amax``; what they return depends on their arguments.
EXTREMES: dict[str, Callable[..., Any]] = {
    "max": largest,
    "min": smallest,
    "maximum": maximum,
    "minimum": minimum,
}
