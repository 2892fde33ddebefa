"""What operations are called, and what they are made of."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from ascribe import InputError, decompositions, operations
from ascribe.calls import call_of

D = decompositions


def randn(*shape):
    return torch.randn(*shape, dtype=torch.float64)


def assert_same(found, expected):
    if isinstance(expected, tuple):
        assert type(found) is type(expected)
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
    elif expected.is_floating_point():
        # Both sum up to a few hundred numbers of size one.
        torch.testing.assert_close(found, expected, rtol=1e-13, atol=1e-13, equal_nan=True)
    else:
        assert torch.equal(found, expected)


SPREADS = [
    ((), {}),
    ((0,), {}),
    ((True,), {}),
    ((False,), {}),
    (((1, 2), False, True), {}),
    ((), {"unbiased": False}),
    ((), {"dim": 1, "unbiased": False}),
    ((), {"dim": -1, "keepdim": True}),
    ((), {"dim": (0, 1), "correction": 2, "keepdim": True}),
    ((), {"dim": None, "keepdim": True}),
    ((), {"dim": []}),
    ((), {"correction": 0}),
]


@pytest.mark.parametrize(("args", "options"), SPREADS)
@pytest.mark.parametrize("name", ["std", "var"])
def test_standard_deviations_and_variances_are_torch_s(name, args, options):
    x = randn(3, 4, 5)
    assert_same(getattr(D, name)(x, *args, **options), getattr(torch, name)(x, *args, **options))


NORMS = [
    {},
    {"p": 1},
    {"p": 3.5},
    {"p": None},
    {"p": "fro"},
    {"p": "fro", "dim": (0, 1)},
    {"p": 3, "dim": 1, "keepdim": True},
    {"p": 0.5, "dim": -1},
    {"p": 2, "dim": None, "keepdim": True},
]


@pytest.mark.parametrize("options", NORMS)
def test_norms_are_torch_s(options):
    x = randn(3, 4, 5)
    assert_same(D.norm(x, **options), torch.norm(x, **options))
    if isinstance(options.get("p", 2), (int, float)):
        options = {"ord" if key == "p" else key: value for key, value in options.items()}
        assert_same(D.vector_norm(x, **options), torch.linalg.vector_norm(x, **options))


def test_norms_are_computed_in_the_type_that_is_asked_for():
    x = randn(3, 4).float()
    expected = torch.norm(x, 3, 1, dtype=torch.float64)
    assert_same(D.norm(x, 3, 1, dtype=torch.float64), expected)
    assert_same(D.vector_norm(x, 3, 1, dtype=torch.float64), expected)


@pytest.mark.parametrize("order", [0, math.inf, -1, "nuc"])
def test_norms_of_other_orders_are_refused(order):
    with pytest.raises(InputError, match="no rule"):
        D.norm(randn(3), order)


EXTREMES = [
    ((), {}),
    ((1,), {}),
    ((-1, True), {}),
    ((1,), {"keepdim": True}),
    ((), {"dim": 0, "keepdim": True}),
]


@pytest.mark.parametrize(("args", "options"), EXTREMES)
@pytest.mark.parametrize("name", ["max", "min"])
def test_extremes_are_torch_s_with_their_places(name, args, options):
    x = randn(3, 4, 5)
    found = D.EXTREMES[name](x, *args, **options)
    assert_same(found, getattr(torch, name)(x, *args, **options))


@pytest.mark.parametrize("name", ["max", "min", "maximum", "minimum"])
def test_extremes_of_two_tensors_are_torch_s(name):
    x, y = randn(3, 4, 5), randn(4, 1)
    expected = getattr(torch, name)(x, y)
    assert_same(D.EXTREMES[name](x, y), expected)
    assert_same(D.EXTREMES[name](x, other=y), expected)


@pytest.mark.parametrize("options", [{}, {"dim": 1}, {"dim": (0, -1), "keepdim": True}])
def test_least_elements_are_torch_s(options):
    x = randn(3, 4, 5)
    assert_same(D.smallest_along(x, **options), torch.amin(x, **options))


def masks():
    bools = torch.rand(5, 7) > 0.5
    bools[:, 0] = True
    floats = randn(2, 1, 5, 7)
    floats[..., 3] = -math.inf
    empty = bools.clone()
    empty[2] = False
    return {"bool": bools, "float": floats, "empty": empty, "empty_float": empty.double().log()}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"attn_mask": "bool"},
        {"attn_mask": "float"},
        {"attn_mask": "empty"},
        {"attn_mask": "empty_float"},
        {"is_causal": True},
        {"scale": 0.3},
        {"attn_mask": "bool", "scale": 2.0},
    ],
)
def test_attention_is_torch_s(options):
    if "attn_mask" in options:
        options = {**options, "attn_mask": masks()[options["attn_mask"]]}
    qkv = randn(2, 4, 5, 6), randn(2, 4, 7, 6), randn(2, 4, 7, 3)
    expected = functional.scaled_dot_product_attention(*qkv, **options)
    assert_same(D.attention(*qkv, **options), expected)


def test_attention_of_grouped_queries_is_torch_s():
    qkv = randn(2, 4, 5, 6), randn(2, 2, 7, 6), randn(2, 2, 7, 3)
    expected = functional.scaled_dot_product_attention(*qkv, enable_gqa=True)
    assert_same(D.attention(*qkv, enable_gqa=True), expected)


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("eps", [1e-5, 0.3])
def test_norms_of_layers_are_torch_s(affine, eps):
    x, weight, bias = randn(3, 4, 5, 6), randn(5, 6), randn(5, 6)
    given = [weight, bias] if affine else [None, None]
    sizes = (5, 6)
    assert_same(D.layer_norm(x, sizes, *given, eps), functional.layer_norm(x, sizes, *given, eps))
    found = D.rms_norm(x, sizes, given[0], eps)
    assert_same(found, functional.rms_norm(x, sizes, given[0], eps))
    assert_same(D.rms_norm(x, sizes, given[0]), functional.rms_norm(x, sizes, given[0]))
    given = [randn(4), randn(4)] if affine else [None, None]
    assert_same(D.group_norm(x, 2, *given, eps), functional.group_norm(x, 2, *given, eps))
    found = D.instance_norm(x, None, None, *given, eps=eps)
    assert_same(found, functional.instance_norm(x, None, None, *given, eps=eps))
    found = D.batch_norm(x, None, None, *given, True, eps=eps)
    assert_same(found, functional.batch_norm(x, None, None, *given, True, eps=eps))
    fixed = (randn(4), torch.rand(4).double() + 0.1, *given, False)
    assert_same(D.instance_norm(x, *fixed, eps=eps), functional.instance_norm(x, *fixed, eps=eps))


def test_gates_quotients_and_powers_are_torch_s():
    x, y = randn(3, 4), torch.rand(3, 4).double() + 0.1
    assert_same(D.glu(x), functional.glu(x))
    assert_same(D.glu(x, 1), functional.glu(x, 1))
    assert_same(D.quotient(x, y), x / y)
    assert_same(D.quotient(2.0, y), 2.0 / y)
    assert_same(D.power(y, x), y**x)


def test_a_quotient_that_is_rounded_is_refused():
    with pytest.raises(InputError, match="rounding_mode='floor'"):
        D.quotient(randn(3), randn(3), rounding_mode="floor")


WAYS = {
    "relu": [torch.relu, torch.relu_, Tensor.relu, Tensor.relu_, functional.relu],
    "add": [torch.add, Tensor.add_, Tensor.__add__, Tensor.__iadd__, Tensor.__radd__],
    "sub": [torch.sub, Tensor.sub_, Tensor.__sub__, Tensor.__isub__],
    "mul": [torch.mul, torch.multiply, Tensor.mul_, Tensor.__mul__, Tensor.__imul__],
    "div": [torch.div, torch.true_divide, torch.divide, Tensor.__truediv__, Tensor.div_],
    "matmul": [torch.matmul, Tensor.matmul, Tensor.__matmul__],
    "pow": [torch.pow, Tensor.pow_, Tensor.__pow__],
    "neg": [torch.neg, Tensor.__neg__, Tensor.neg_],
    "abs": [torch.abs, Tensor.abs, Tensor.__abs__],
    "softmax": [torch.softmax, Tensor.softmax, functional.softmax, torch.special.softmax],
    "max_pool2d": [functional.max_pool2d_with_indices, torch.max_pool2d],
    "leaky_relu": [functional.leaky_relu, functional.leaky_relu_],
    "clamp": [torch.clamp, torch.clamp_, Tensor.clamp, Tensor.clamp_],
}


@pytest.mark.parametrize("name", WAYS)
def test_all_ways_to_write_an_operation_have_one_name(name):
    assert {operations.name_of(func) for func in WAYS[name]} == {name}


def test_an_operation_in_place_is_known_by_its_name():
    for func in (torch.relu_, Tensor.relu_, Tensor.__iadd__, functional.leaky_relu_):
        assert operations.in_place(func)
    for func in (torch.relu, Tensor.__add__, Tensor.__getitem__, Tensor.__invert__):
        assert not operations.in_place(func)


def test_each_operation_is_of_one_kind():
    kinds = [operations.MOVING, operations.MIXING, operations.BILINEAR, operations.ELEMENTWISE]
    assert len(frozenset.union(*kinds)) == sum(map(len, kinds))


def test_numpy_s_names_of_parameters_are_torch_s():
    x = randn(3, 4).requires_grad_()
    call = call_of(torch.logsumexp, (x,), {"axis": 1, "keepdims": True})
    assert call.argument("dim", 1) == 1
    assert call.argument("keepdim", 2) is True
    assert_same(call.run(), torch.logsumexp(x, 1, True))


class Seen(torch.overrides.TorchFunctionMode):
    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.names.append(operations.name_of(func))
        return func(*args, **(kwargs or {}))


OPENED = [
    (functional.softmin, (randn(2, 3), 1), {"softmax", "neg"}),
    (functional.normalize, (randn(2, 3),), {"norm", "div"}),
    (functional.softsign, (randn(2, 3),), {"abs", "div"}),
    (functional.tanhshrink, (randn(2, 3),), {"tanh", "sub"}),
]


@pytest.mark.parametrize(("func", "args", "names"), OPENED)
def test_a_function_written_in_python_is_opened(func, args, names):
    copy = operations.opened(func)
    with Seen() as seen:
        found = copy(*args)
    assert names <= set(seen.names)
    assert func.__name__ not in seen.names
    assert_same(found, func(*args))


def test_only_torch_s_own_functions_are_opened():
    def mine(x):
        return x

    for func in (mine, torch.relu, Tensor.relu, nn.ReLU(), functional.cosine_similarity):
        assert operations.opened(func) is None
