"""Torch's operations by name, sorted by what a backward rule has to know of them.

A name is what ``__name__`` says of the function or method, without the underscore of operations in
place: ``torch.relu``, ``Tensor.relu_``, ``nn.functional.relu`` and the module ``nn.ReLU`` are all
``relu``.
"""

from __future__ import annotations

import inspect
import math
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional

from ascribe.errors import InputError

if TYPE_CHECKING:
    from ascribe.calls import Call

#: Hand numbers on: each element of the output is an element of an input, or a constant.
MOVING = frozenset(
    [
        "alias",
        "asarray",
        "as_tensor",
        "as_strided",
        "atleast_1d",
        "atleast_2d",
        "atleast_3d",
        "broadcast_tensors",
        "broadcast_to",
        "cat",
        "channel_shuffle",
        "chunk",
        "clone",
        "col2im_backward",
        "column_stack",
        "concat",
        "concatenate",
        "constant_pad_nd",
        "contiguous",
        "copy",
        "cpu",
        "cuda",
        "cudnn_is_acceptable",
        "diag",
        "diag_embed",
        "diagonal",
        "diagonal_scatter",
        "double",
        "dropout",
        "alpha_dropout",
        "feature_dropout",
        "feature_alpha_dropout",
        "dropout1d",
        "dropout2d",
        "dropout3d",
        "dsplit",
        "dstack",
        "expand",
        "expand_as",
        "fill",
        "flatten",
        "flip",
        "fliplr",
        "flipud",
        "float",
        "gather",
        "__getitem__",
        "half",
        "bfloat16",
        "hsplit",
        "hstack",
        "im2col",
        "index_copy",
        "index_fill",
        "index_put",
        "index_select",
        "masked_fill",
        "masked_scatter",
        "masked_select",
        "max_unpool1d",
        "max_unpool2d",
        "max_unpool3d",
        "meshgrid",
        "moveaxis",
        "movedim",
        "narrow",
        "narrow_copy",
        "native_channel_shuffle",
        "pad",
        "permute",
        "pin_memory",
        "pixel_shuffle",
        "pixel_unshuffle",
        "positive",
        "put",
        "ravel",
        "repeat",
        "repeat_interleave",
        "reshape",
        "reshape_as",
        "resize",
        "roll",
        "rot90",
        "row_stack",
        "scatter",
        "select",
        "select_scatter",
        "__setitem__",
        "slice_scatter",
        "split",
        "split_with_sizes",
        "squeeze",
        "stack",
        "swapaxes",
        "swapdims",
        "t",
        "take",
        "take_along_dim",
        "tensor_split",
        "tile",
        "to",
        "transpose",
        "tril",
        "triu",
        "type",
        "type_as",
        "unbind",
        "unflatten",
        "unfold",
        "unfold_copy",
        "unsafe_chunk",
        "unsafe_split",
        "unsqueeze",
        "view",
        "view_as",
        "view_as_complex",
        "view_as_real",
        "vsplit",
        "vstack",
        "where",
        "zero",
        "adjoint",
    ]
)

#: Linear: weighted sums with fixed weights. `BILINEAR` ones are linear too where one operand
#: alone depends on the input.
MIXING = frozenset(
    [
        "adaptive_avg_pool1d",
        "adaptive_avg_pool2d",
        "adaptive_avg_pool3d",
        "add",
        "avg_pool1d",
        "avg_pool2d",
        "avg_pool3d",
        "batch_norm",
        "cumsum",
        "diff",
        "fft_fft",
        "fft_ifft",
        "fft_rfft",
        "fft_irfft",
        "fft_fft2",
        "fft_ifft2",
        "fft_rfft2",
        "fft_irfft2",
        "fft_fftn",
        "fft_ifftn",
        "fold",
        "fold_backward",
        "col2im",
        "grid_sampler",
        "grid_sample",
        "index_add",
        "mean",
        "nanmean",
        "nansum",
        "neg",
        "negative",
        "real",
        "imag",
        "rsub",
        "scatter_add",
        "sub",
        "subtract",
        "sum",
        "sum_to_size",
        "trace",
        "trapezoid",
        "trapz",
        "upsample_bicubic2d",
        "upsample_bilinear2d",
        "upsample_linear1d",
        "upsample_nearest1d",
        "upsample_nearest2d",
        "upsample_nearest3d",
        "upsample_trilinear3d",
        "_upsample_bicubic2d_aa",
        "_upsample_bilinear2d_aa",
        "_upsample_nearest_exact1d",
        "_upsample_nearest_exact2d",
        "_upsample_nearest_exact3d",
        "embedding",
        "embedding_bag",
        "istft",
        "stft",
    ]
)

#: Polynomials, of a degree that is at most the number of operands that depend on the input.
BILINEAR = frozenset(
    [
        "addbmm",
        "addcmul",
        "addmm",
        "addmv",
        "addr",
        "baddbmm",
        "bilinear",
        "bmm",
        "chain_matmul",
        "conv1d",
        "conv2d",
        "conv3d",
        "conv_transpose1d",
        "conv_transpose2d",
        "conv_transpose3d",
        "cross",
        "dot",
        "einsum",
        "ger",
        "inner",
        "kron",
        "lerp",
        "linear",
        "linalg_multi_dot",
        "linalg_vecdot",
        "matmul",
        "mm",
        "mul",
        "multiply",
        "mv",
        "outer",
        "tensordot",
        "vdot",
    ]
)

#: One number from one number; whatever else they take is constant.
ELEMENTWISE = frozenset(
    [
        "abs",
        "absolute",
        "acos",
        "acosh",
        "arccos",
        "arccosh",
        "arcsin",
        "arcsinh",
        "arctan",
        "arctanh",
        "asin",
        "asinh",
        "atan",
        "atanh",
        "ceil",
        "celu",
        "clamp",
        "clamp_max",
        "clamp_min",
        "clip",
        "cos",
        "cosh",
        "digamma",
        "elu",
        "erf",
        "erfc",
        "erfinv",
        "exp",
        "exp2",
        "expm1",
        "fix",
        "float_power",
        "floor",
        "frac",
        "gelu",
        "hardshrink",
        "hardsigmoid",
        "hardswish",
        "hardtanh",
        "leaky_relu",
        "lgamma",
        "log",
        "log10",
        "log1p",
        "log2",
        "log_sigmoid",
        "logit",
        "logsigmoid",
        "mish",
        "nan_to_num",
        "pow",
        "prelu",
        "reciprocal",
        "relu",
        "relu6",
        "round",
        "rrelu",
        "rsqrt",
        "selu",
        "sgn",
        "sigmoid",
        "sign",
        "silu",
        "sin",
        "sinc",
        "sinh",
        "softplus",
        "softshrink",
        "softsign",
        "special_digamma",
        "special_entr",
        "special_erf",
        "special_erfc",
        "special_erfcx",
        "special_erfinv",
        "special_exp2",
        "special_expit",
        "special_expm1",
        "special_gammaln",
        "special_i0",
        "special_i0e",
        "special_i1",
        "special_i1e",
        "special_log1p",
        "special_log_ndtr",
        "special_logit",
        "special_ndtr",
        "special_ndtri",
        "special_round",
        "special_sinc",
        "sqrt",
        "square",
        "tan",
        "tanh",
        "tanhshrink",
        "threshold",
        "trunc",
    ]
)

#: Reading and setting attributes.
ACCESS = frozenset(["__get__", "__set__", "__delete__"])

#: Takes a tensor, axes and a stabiliser; returns the tensor normalised along the axes.
Normalise = Callable[[Tensor, list[int], float], Tensor]

_SYNONYMS = {
    "__iadd__": "add", "__add__": "add", "__radd__": "add",
    "__isub__": "sub", "__sub__": "sub",
    "__imul__": "mul", "__mul__": "mul", "__rmul__": "mul", "multiply": "mul",
    "__itruediv__": "div", "__truediv__": "div", "__idiv__": "div", "__div__": "div",
    "divide": "div", "true_divide": "div",
    "__matmul__": "matmul", "__imatmul__": "matmul",
    "__ipow__": "pow", "__pow__": "pow", "__neg__": "neg", "__abs__": "abs", "__pos__": "positive",
    "max_pool1d_with_indices": "max_pool1d", "max_pool2d_with_indices": "max_pool2d",
    "max_pool3d_with_indices": "max_pool3d", "special_softmax": "softmax",
    "special_log_softmax": "log_softmax", "special_logsumexp": "logsumexp",
}  # fmt: skip


def name_of(func: Any) -> str:
    """Return an operation's name, the same for all ways to write it."""
    name = getattr(func, "__name__", str(func))
    name = _SYNONYMS.get(name, name)
    return name if name.startswith("__") else name.rstrip("_")


def in_place(func: Any) -> bool:
    """Whether an operation writes to its first argument, by its name."""
    name = getattr(func, "__name__", "")
    dunder = name.startswith("__")
    return name.startswith("__i") and name in _SYNONYMS if dunder else name.endswith("_")


def opened(func: Any) -> Callable[..., Any] | None:
    """Return a function of torch's, written in Python, with its body open to view; else None.

    Such a function, called where operations are intercepted, is intercepted as a whole. This copy
    of it runs the body instead, so that what that calls is intercepted.
    """
    if not isinstance(func, types.FunctionType):
        return None
    checks = [name for name in func.__globals__ if name.startswith("has_torch_function")]
    if not checks or not func.__module__.startswith("torch."):
        return None
    scope = {**func.__globals__, **dict.fromkeys(checks, _never)}
    copy = types.FunctionType(
        func.__code__, scope, func.__name__, func.__defaults__, func.__closure__
    )
    copy.__kwdefaults__ = func.__kwdefaults__
    return copy


def _never(*args: Any, **kwargs: Any) -> bool:
    return False


def is_linear(call: Call) -> bool:
    """Whether an operation is linear in its operands, which depend on the input."""
    if call.name == "batch_norm":
        return _has_fixed_statistics(call)
    if call.name in MOVING or call.name in MIXING:
        return True
    if call.name in BILINEAR:
        return len(call.places) == 1
    return call.name == "div" and call.places == [0] and not call.argument("rounding_mode", 2)


def is_random(call: Call) -> bool:
    """Whether an operation draws at random: a dropout, say, in training mode."""
    if "dropout" not in call.name and call.name != "rrelu":
        return False
    if isinstance(call.func, types.FunctionType):
        args, kwargs = call.arguments()
        bound = inspect.signature(call.func).bind(*args, **kwargs)
        bound.apply_defaults()
        return bool(bound.arguments["training"]) and bool(bound.arguments.get("p", 1))
    return bool(call.argument("train", 2) if "dropout" in call.name else call.argument("", 3))


def simpler(call: Call) -> Callable[..., Any] | None:
    """Return an operation in simpler ones, where its arguments decide that."""
    if call.name == "batch_norm" and not _has_fixed_statistics(call):
        return batch_norm
    if call.func is functional.instance_norm:
        return instance_norm
    if call.name == "div" and call.places != [0]:
        return quotient
    if call.name == "pow" and len(call.places) == 2:
        return power
    if call.name in ("max", "min") or call.name in ("maximum", "minimum"):
        return {"max": largest, "min": smallest, "maximum": maximum, "minimum": minimum}[call.name]
    return None


def _has_fixed_statistics(call: Call) -> bool:
    mean = call.argument("running_mean", 1 if call.func is functional.batch_norm else 3)
    return mean is not None and not call.argument("training", 5, False)


# Operations in terms of simpler ones.


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
    return -found if isinstance(found, Tensor) else type(found)((-found[0], found[1]))


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
    if attn_mask is not None:
        masked = attn_mask.dtype == torch.bool
        logits = logits.masked_fill(~attn_mask, -math.inf) if masked else logits + attn_mask
    weights = torch.softmax(logits, -1)
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
    axes = list(range(input.dim())) if dim is None else [dim] if isinstance(dim, int) else list(dim)
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
    axes = list(range(input.dim())) if dim is None else dim
    if p == 1:
        return torch.abs(input).sum(axes, keepdim=keepdim)
    powers = torch.square(input) if p == 2 else torch.pow(torch.abs(input), p)
    sums = powers.sum(axes, keepdim=keepdim)
    return torch.sqrt(sums) if p == 2 else torch.pow(sums, 1 / p)


def vector_norm(
    input: Tensor, ord: Any = 2, dim: Any = None, keepdim: bool = False, **kw: Any
) -> Tensor:
    """Return the vector norm of order ``ord``."""
    return norm(input, ord, dim, keepdim)


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """Return a gated linear unit (Dauphin et al. 2017)."""
    value, gate = input.chunk(2, dim)
    return torch.mul(value, torch.sigmoid(gate))


def softmin(input: Tensor, dim: Any = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """Return the softmax of the negative."""
    return torch.softmax(-input, dim)


#: What is written here in simpler operations.
DECOMPOSED: dict[str, Callable[..., Any]] = {
    "scaled_dot_product_attention": attention,
    "layer_norm": layer_norm,
    "rms_norm": rms_norm,
    "group_norm": group_norm,
    "glu": glu,
    "softmin": softmin,
    "std": std,
    "var": var,
    "norm": norm,
    "linalg_vector_norm": vector_norm,
    "amin": smallest_along,
}
