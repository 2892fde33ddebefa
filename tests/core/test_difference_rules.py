"""Rules for differences: complete on any pair of points, and near the gradient on close ones."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from ascribe import operations
from ascribe.attr import DeepLift

SHAPE = (2, 3, 4, 4)


def numbers(seed, shape=SHAPE):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def read(z):
    """Return one score for each example, in which every number counts and differently."""
    z = z.flatten(1)
    weights = torch.cos(torch.arange(z.shape[1], dtype=z.dtype)) + 0.1
    return (z * weights).sum(1)


def gap_of(operation, x, base):
    """Return by how much contributions miss the difference, as a share of the magnitudes."""

    def model(x):
        return read(operation(x))

    method = DeepLift(model)
    found, delta = method.attribute(x, base, return_convergence_delta=True)
    assert bool(found.isfinite().all())
    scale = found.abs().flatten(1).sum(1) + model(x).abs() + model(base).abs()
    return float((delta.abs() / scale).max())


#: Where functions of one number are defined, if not everywhere.
POSITIVE = [
    "digamma", "lgamma", "log", "log10", "log1p", "log2", "reciprocal", "rsqrt", "sqrt",
    "special_digamma", "special_entr", "special_gammaln", "special_log1p",
]  # fmt: skip
BELOW_ONE = [
    "acos", "arccos", "arcsin", "arctanh", "asin", "atanh", "erfinv", "logit", "special_erfinv",
    "special_logit", "special_ndtri",
]  # fmt: skip
ABOVE_ONE = ["acosh", "arccosh"]
EXTRA = {
    "pow": (3,), "float_power": (3.0,), "clamp": (-0.5, 0.5), "clip": (-0.5, 0.5),
    "clamp_max": (0.5,), "clamp_min": (-0.5,), "threshold": (0.1, -2.0),
    "prelu": (torch.tensor([0.2], dtype=torch.float64),), "atan2": (1.5,), "fmod": (0.7,),
    "remainder": (0.7,),
}  # fmt: skip
OF_TWO = [
    "arctan2", "atan2", "copysign", "hypot", "logaddexp", "logaddexp2", "special_xlog1py",
    "special_xlogy", "xlogy",
]  # fmt: skip


def function_of(name):
    for where in (functional, torch, torch.special):
        short = name.removeprefix("special_") if where is torch.special else name
        if hasattr(where, short) and not (where is torch and name.startswith("special_")):
            return getattr(where, short)
    return None


ONE_NUMBER = sorted(n for n in operations.ELEMENTWISE if function_of(n) and n not in OF_TWO)


def in_domain(name, x):
    if name in POSITIVE:
        return x.abs() + 0.1
    if name in BELOW_ONE:
        return 0.1 + 0.8 * torch.sigmoid(x)
    return x.abs() + 1.1 if name in ABOVE_ONE else x


@pytest.mark.parametrize("name", ONE_NUMBER)
def test_every_function_of_one_number_completes_and_nears_its_derivative(name):
    function, more = function_of(name), EXTRA.get(name, ())
    x, base = in_domain(name, numbers(0)), in_domain(name, numbers(1))
    assert gap_of(lambda x: function(x, *more), x, base) < 1e-13
    assert gap_of(lambda x: function(x, *more), x, x.clone()) < 1e-13
    near = DeepLift(lambda x: read(function(x, *more)), multiply_by_inputs=False)
    found = near.attribute(x + 1e-9, x)
    leaf = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(read(function(leaf, *more)).sum(), leaf)
    # 1e-9 times a second derivative, and the rounding of a quotient with that divisor.
    torch.testing.assert_close(found, gradient, rtol=1e-5, atol=1e-5)


def test_the_list_of_functions_has_no_name_that_torch_lacks():
    unknown = {n for n in operations.ELEMENTWISE if function_of(n) is None}
    methods = {name for name in unknown if hasattr(torch.Tensor, name)}
    assert len(ONE_NUMBER) > 80
    assert unknown - methods <= {"log_sigmoid"}  # the name of logsigmoid's kernel


OPERATIONS = {
    "product": lambda x: x * x.roll(1, 1),
    "square by itself": lambda x: x * x,
    "product of three": lambda x: x * x.roll(1, 1) * torch.sigmoid(x),
    "broadcast product": lambda x: x * x.mean((2, 3), keepdim=True),
    "in place product": lambda x: x.clone().mul_(x.tanh()),
    "matmul": lambda x: x @ x.transpose(-2, -1),
    "bmm": lambda x: torch.bmm(x.flatten(0, 1), x.flatten(0, 1)).reshape(x.shape),
    "einsum of two": lambda x: torch.einsum("bcij,bcjk->bcik", x, x.tanh()),
    "einsum of three": lambda x: torch.einsum("bcij,bcjk,bckl->bcil", x, x.tanh(), x),
    "prod": lambda x: x.prod(-1),
    "addcmul": lambda x: torch.addcmul(x, x, x.tanh(), value=0.5),
    "lerp": lambda x: torch.lerp(x, x.tanh(), x.sigmoid()),
    "linear with weights from the input": lambda x: functional.linear(x[:, 0], x[0, 1] * 0 + 1),
    "division": lambda x: x / (x.roll(1, 1).abs() + 1),
    "division of a constant": lambda x: 2 / (x.abs() + 1),
    "division by a constant": lambda x: x / 3,
    "reversed operators": lambda x: 2 ** (1 - x) - 3,
    "power of two": lambda x: (x.abs() + 1) ** x,
    "softmax": lambda x: x.softmax(1),
    "sharp softmax": lambda x: (60 * x).softmax(-1),
    "masked softmax": lambda x: x.masked_fill(
        torch.ones(4, 4).triu(1).bool(), -torch.inf
    ).softmax(-1),
    "softmin": lambda x: functional.softmin(x, 1),
    "log_softmax": lambda x: x.log_softmax(1),
    "logsumexp": lambda x: x.logsumexp((1, 2)),
    "logsumexp keeping": lambda x: x.logsumexp(1, keepdim=True),
    "max of all along": lambda x: x.max(2).values,
    "max of two": lambda x: torch.max(x, x.roll(1, 1)),
    "min along": lambda x: x.min(-1, keepdim=True)[0],
    "minimum": lambda x: torch.minimum(x, x.tanh()),
    "amax": lambda x: x.amax((1, 3)),
    "amin": lambda x: x.amin(1, keepdim=True),
    "maximum with a constant": lambda x: torch.maximum(x, torch.full_like(x, 0.3)),
    "max_pool1d": lambda x: functional.max_pool1d(x.flatten(2), 3, 2, 1),
    "max_pool2d": lambda x: functional.max_pool2d(x, 2),
    "overlapping max_pool2d": lambda x: functional.max_pool2d(x, 3, 1, 1),
    "dilated max_pool2d": lambda x: functional.max_pool2d(x, 2, 1, 0, 2),
    "ceiled max_pool2d": lambda x: functional.max_pool2d(x, 3, 2, ceil_mode=True),
    "max_pool3d": lambda x: functional.max_pool3d(x[:, None], 2),
    "adaptive_max_pool1d": lambda x: functional.adaptive_max_pool1d(x.flatten(2), 5),
    "adaptive_max_pool2d": lambda x: functional.adaptive_max_pool2d(x, 3),
    "adaptive_max_pool3d": lambda x: functional.adaptive_max_pool3d(x[:, None], 2),
    "lp_pool2d": lambda x: functional.lp_pool2d(x, 2, 2),
    "layer_norm": lambda x: functional.layer_norm(x, (4, 4)),
    "group_norm": lambda x: functional.group_norm(x, 3),
    "instance_norm": lambda x: functional.instance_norm(x),
    "rms_norm": lambda x: functional.rms_norm(x, (4,)),
    "local_response_norm": lambda x: functional.local_response_norm(x, 2),
    "normalize": lambda x: functional.normalize(x, dim=1),
    "norm": lambda x: x.norm(dim=1),
    "norm of order one": lambda x: x.norm(1, dim=1),
    "std and var": lambda x: x.std(2) + x.var(3, unbiased=False),
    "glu": lambda x: functional.glu(x, -1),
    "attention": lambda x: functional.scaled_dot_product_attention(x, x.tanh(), x.roll(1, 1)),
    "causal attention": lambda x: functional.scaled_dot_product_attention(x, x, x, is_causal=True),
    "interpolate": lambda x: functional.interpolate(x, scale_factor=2, mode="bilinear"),
    "writing into a buffer": lambda x: torch.zeros_like(x).index_copy(
        1, torch.tensor([1]), x[:, :1].exp()
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", OPERATIONS)
@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 9999), scale=st.sampled_from([1.0, 1e-3, 5.0]))
def test_every_other_operation_completes(name, seed, scale):
    x, base = scale * numbers(seed), scale * numbers(seed + 1)
    assert gap_of(OPERATIONS[name], x, base) < 1e-11
    assert gap_of(OPERATIONS[name], base + 1e-9 * x, base) < 1e-11


MODULES = {
    "multihead attention": lambda: Attends(),
    "encoder layer": lambda: nn.TransformerEncoderLayer(4, 2, 8, batch_first=True),
    "gelu encoder layer": lambda: nn.TransformerEncoderLayer(
        4, 2, 8, activation="gelu", norm_first=True, batch_first=True
    ),
    "batch norm": lambda: nn.Sequential(nn.Flatten(0, 1), nn.BatchNorm1d(4), nn.ELU()),
    "hardswish": lambda: nn.Sequential(nn.Linear(4, 3), nn.Hardswish(inplace=True)),
}


class Attends(nn.Module):
    def __init__(self):
        super().__init__()
        self.attend = nn.MultiheadAttention(4, 2, batch_first=True)

    def forward(self, x):
        found, weights = self.attend(x, x, x)
        return torch.cat([found, weights], -1)


@pytest.mark.parametrize("name", MODULES)
def test_modules_made_of_many_operations_complete(name):
    torch.manual_seed(0)
    module = MODULES[name]().double().eval()
    x, base = numbers(3, (2, 5, 4)), numbers(4, (2, 5, 4))
    found, delta = DeepLift(lambda x: read(module(x).reshape(2, -1))).attribute(
        x, base, return_convergence_delta=True
    )
    assert float(delta.abs().max()) < 1e-13 * float(found.abs().sum() + 1)


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 9999))
def test_multipliers_of_a_maximum_are_shares(seed):
    x, base = numbers(seed, (1, 6)), numbers(seed + 1, (1, 6))
    method = DeepLift(lambda x: x.amax(1), multiply_by_inputs=False)
    found = method.attribute(x, base)
    assert bool(((found >= 0) & (found <= 1)).all())


def test_a_shift_of_all_logits_changes_no_multiplier_of_a_softmax():
    x, base = numbers(0, (2, 5)), numbers(1, (2, 5))
    method = DeepLift(lambda x: x.softmax(1)[:, 0], multiply_by_inputs=False)
    torch.testing.assert_close(method.attribute(x + 3, base), method.attribute(x, base))
