"""Torch's operations by name, sorted by what a backward rule has to know of them.

A name is what ``__name__`` says of the function or method, without the underscore of operations in
place: ``torch.relu``, ``Tensor.relu_``, ``nn.functional.relu`` and the module ``nn.ReLU`` are all
``relu``.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from torch.nn import functional

from ascribe import decompositions

if TYPE_CHECKING:
    from ascribe.calls import Call


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Hand numbers on: each element of the output is an element of an input, or a constant.
MOVING = _words(
    """
    __getitem__ __setitem__ adjoint alias alpha_dropout as_strided as_tensor asarray atleast_1d
    atleast_2d atleast_3d bfloat16 broadcast_tensors broadcast_to cat channel_shuffle chunk
    clone column_stack concat concatenate constant_pad_nd contiguous copy cpu
    cuda diag diag_embed diagonal diagonal_scatter double dropout dropout1d
    dropout2d dropout3d dsplit dstack expand expand_as feature_alpha_dropout feature_dropout
    fill flatten flip fliplr flipud float gather half hsplit hstack im2col index_copy index_fill
    index_put index_select masked_fill masked_scatter masked_select max_unpool1d max_unpool2d
    max_unpool3d meshgrid moveaxis movedim narrow narrow_copy native_channel_shuffle pad permute
    pin_memory pixel_shuffle pixel_unshuffle positive put ravel repeat repeat_interleave reshape
    reshape_as resize roll rot90 row_stack scatter select select_scatter slice_scatter split
    split_with_sizes squeeze stack swapaxes swapdims t take take_along_dim tensor_split tile to
    transpose tril triu type type_as unbind unflatten unfold unfold_copy unsafe_chunk
    unsafe_split unsqueeze view view_as view_as_complex view_as_real vsplit vstack where zero
    """
)

#: Linear: weighted sums with fixed weights. `BILINEAR` ones are linear too where one operand
#: alone depends on the input.
MIXING = _words(
    """
    _upsample_bicubic2d_aa _upsample_bilinear2d_aa _upsample_nearest_exact1d
    _upsample_nearest_exact2d _upsample_nearest_exact3d adaptive_avg_pool1d adaptive_avg_pool2d
    adaptive_avg_pool3d add avg_pool1d avg_pool2d avg_pool3d batch_norm col2im cumsum diff
    embedding embedding_bag fft_fft fft_fft2 fft_fftn fft_ifft fft_ifft2 fft_ifftn fft_irfft
    fft_irfft2 fft_rfft fft_rfft2 fold fold_backward grid_sample grid_sampler imag index_add
    istft mean nanmean nansum neg negative real rsub scatter_add stft sub subtract sum
    sum_to_size trace trapezoid trapz upsample_bicubic2d upsample_bilinear2d upsample_linear1d
    upsample_nearest1d upsample_nearest2d upsample_nearest3d upsample_trilinear3d
    """
)

#: Linear in their first operand alone.
OF_FIRST = _words("grid_sample grid_sampler istft stft trapezoid trapz")

#: Polynomials, of a degree that is at most the number of operands that depend on the input.
BILINEAR = _words(
    """
    addbmm addcmul addmm addmv addr baddbmm bilinear bmm chain_matmul conv1d conv2d conv3d
    conv_transpose1d conv_transpose2d conv_transpose3d cross dot einsum ger inner kron lerp
    linalg_multi_dot linalg_vecdot linear matmul mm mul multiply mv outer tensordot vdot
    """
)

#: One number from one number; whatever else they take is constant.
ELEMENTWISE = _words(
    """
    abs absolute acos acosh arccos arccosh arcsin arcsinh arctan arctan2 arctanh asin asinh atan
    atan2 atanh ceil celu clamp clamp_max clamp_min clip copysign cos cosh deg2rad digamma elu
    erf erfc erfinv exp exp2 expm1 fix float_power floor fmod frac gelu hardshrink hardsigmoid
    hardswish hardtanh hypot leaky_relu lgamma log log10 log1p log2 log_sigmoid logaddexp
    logaddexp2 logit logsigmoid mish nan_to_num pow prelu rad2deg reciprocal relu relu6
    remainder round rrelu rsqrt selu sgn sigmoid sign silu sin sinc sinh softplus softshrink
    softsign special_digamma special_entr special_erf special_erfc special_erfcx special_erfinv
    special_exp2 special_expit special_expm1 special_gammaln special_i0 special_i0e special_i1
    special_i1e special_log1p special_log_ndtr special_logit special_ndtr special_ndtri
    special_round special_sinc special_xlog1py special_xlogy sqrt square tan tanh tanhshrink
    threshold trunc xlogy
    """
)

#: Reading and setting attributes.
ACCESS = frozenset(["__get__", "__set__", "__delete__"])

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
    "_threshold": "threshold",
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
        return _has_fixed_statistics(call) and call.places == [0]
    if call.name in MOVING or call.name in MIXING:
        return call.name not in OF_FIRST or call.places == [0]
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
        return decompositions.batch_norm
    if call.func is functional.instance_norm:
        return decompositions.instance_norm
    if call.name == "div" and call.places != [0]:
        return decompositions.quotient
    if call.name == "pow" and len(call.places) == 2:
        return decompositions.power
    if call.name in decompositions.EXTREMES:
        return decompositions.EXTREMES[call.name]
    return None


def _has_fixed_statistics(call: Call) -> bool:
    mean = call.argument("running_mean", 1 if call.func is functional.batch_norm else 3)
    return mean is not None and not call.argument("training", 5, False)
