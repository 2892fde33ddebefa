"""LRP: each rule against its formula, and conservation."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from ascribe import InputError, Targets
from ascribe.attr import (
    LRP,
    Alpha1_Beta0_Rule,
    AlphaBetaRule,
    EpsilonRule,
    FlatRule,
    GammaRule,
    IdentityRule,
    InputXGradient,
    LayerLRP,
    WSquareRule,
    ZBoxRule,
)
from ascribe.lrp_rules import shared


def numbers(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture
def layer():
    torch.manual_seed(0)
    return nn.Linear(4, 3).double()


def plus(number):
    return max(float(number), 0.0)


def minus(number):
    return min(float(number), 0.0)


LOW, HIGH = -4.0, 4.0

#: What each rule distributes in proportion to, as the overview has it (Montavon et al. 2019): of an
#: input x, its weight w and a unit's bias b, with the share of relevance that the part gets.
FORMULAS = {
    "epsilon": (EpsilonRule(), [(1, lambda x, w: x * w, lambda b: b)]),
    "gamma": (
        GammaRule(0.3),
        [(1, lambda x, w: x * (w + 0.3 * plus(w)), lambda b: b + 0.3 * plus(b))],
    ),
    "gamma without bias": (
        GammaRule(0.3, set_bias_to_zero=True),
        [(1, lambda x, w: x * (w + 0.3 * plus(w)), lambda b: 0.0)],
    ),
    "z plus": (Alpha1_Beta0_Rule(), [(1, lambda x, w: plus(x * w), plus)]),
    "alpha beta": (
        AlphaBetaRule(2, 1),
        [(2, lambda x, w: plus(x * w), plus), (-1, lambda x, w: minus(x * w), minus)],
    ),
    "w squared": (WSquareRule(), [(1, lambda x, w: w * w, lambda b: 0.0)]),
    "flat": (FlatRule(), [(1, lambda x, w: 1.0, lambda b: 0.0)]),
    "box": (
        ZBoxRule(LOW, HIGH),
        [(1, lambda x, w: x * w - LOW * plus(w) - HIGH * minus(w), lambda b: 0.0)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMULAS)
def test_each_rule_follows_its_formula(name, layer):
    rule, parts = FORMULAS[name]
    x = numbers(1, 2, 4)
    found = LRP(layer, composite=rule).attribute(x, target=1)
    with torch.no_grad():
        relevance = layer(x)[:, 1]
    weight, bias = layer.weight[1].tolist(), layer.bias[1].item()
    for example in range(2):
        for place in range(4):
            expected = 0.0
            for share, product, constant in parts:
                terms = [product(float(v), w) for v, w in zip(x[example], weight, strict=True)]
                total = sum(terms) + constant(bias)
                if total:
                    expected += share * terms[place] / total * float(relevance[example])
            assert float(found[example, place]) == pytest.approx(expected, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("name", FORMULAS)
def test_a_convolution_is_the_linear_layer_that_it_stands_for(name):
    rule, _ = FORMULAS[name]
    torch.manual_seed(0)
    convolution = nn.Conv1d(2, 3, 3).double()
    x = numbers(1, 2, 2, 5)
    matrix = torch.zeros(9, 10, dtype=torch.float64)
    for unit in range(3):
        for start in range(3):
            window = torch.zeros(2, 5, dtype=torch.float64)
            window[:, start : start + 3] = convolution.weight[unit].detach()
            matrix[3 * unit + start] = window.flatten()
    dense = nn.Linear(10, 9).double()
    dense.weight.data, dense.bias.data = matrix, convolution.bias.data.repeat_interleave(3)
    if name == "flat":  # there the places outside the window count too
        return
    one = LRP(nn.Sequential(convolution, nn.Flatten()), composite=rule).attribute(x, target=4)
    other = LRP(dense, composite=rule).attribute(x.flatten(1), target=4)
    torch.testing.assert_close(one.flatten(1), other)


def test_epsilon_takes_its_part(layer):
    x = numbers(1, 2, 4)
    found, delta = LRP(layer, composite=EpsilonRule(0.5)).attribute(
        x, target=1, return_convergence_delta=True
    )
    z = layer(x)[:, 1:2].detach()
    torch.testing.assert_close(found, x * layer.weight[1].detach() * z / (z + 0.5 * z.sign()))
    assert float(delta.abs().max()) < 1e-14


class Branches(nn.Module):
    """Convolution, reused ReLU, pooling, a residual sum and a concatenation."""

    def __init__(self, bias):
        super().__init__()
        self.first = nn.Conv2d(2, 4, 3, padding=1, bias=bias)
        self.second = nn.Conv2d(4, 4, 3, padding=1, bias=bias)
        self.relu = nn.ReLU(inplace=True)
        self.last = nn.Linear(8, 3, bias=bias)

    def forward(self, x):
        x = functional.max_pool2d(self.relu(self.first(x)), 2)
        x = self.relu(x + self.second(x))
        return self.last(torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1))


@pytest.mark.parametrize(
    "composite", ["epsilon", "epsilon_plus", "epsilon_plus_flat", GammaRule(), WSquareRule()]
)
def test_relevance_is_conserved_without_biases(composite):
    torch.manual_seed(0)
    model, x = Branches(bias=False).double().eval(), numbers(1, 3, 2, 8, 8)
    found, delta = LRP(model, composite=composite).attribute(
        x, target=1, return_convergence_delta=True
    )
    score = model(x)[:, 1].detach()
    scale = float(found.abs().sum())
    # What the stabiliser, 1e-9 or 1e-6 of a denominator, takes.
    assert float((found.flatten(1).sum(1) - score).abs().max()) < 2e-6 * scale
    assert float(delta.abs().max()) < 1e-13 * scale


@pytest.mark.parametrize(
    "composite", ["epsilon", "epsilon_plus", "epsilon_alpha2_beta1", "epsilon_alpha2_beta1_flat"]
)
def test_with_biases_what_they_absorb_is_counted(composite):
    torch.manual_seed(0)
    model, x = Branches(bias=True).double().eval(), numbers(1, 3, 2, 8, 8)
    found, delta = LRP(model, composite=composite).attribute(
        x, target=1, return_convergence_delta=True
    )
    score = model(x)[:, 1].detach()
    missed = LRP(model).compute_convergence_delta(found, score)
    assert float(missed.abs().min()) > 1e-3
    assert float(delta.abs().max()) < 1e-12 * float(found.abs().sum())


def test_something_hidden_is_told_by_delta(layer):
    class Hiding(nn.Module):
        def forward(self, x):
            return layer(x) + torch.zeros_like(x[:, :1]).data.add_(1.0)

    x = numbers(1, 2, 4)
    _, delta = LRP(Hiding()).attribute(x, target=0, return_convergence_delta=True)
    assert float(delta.abs().max()) < 1e-13  # a constant: counted


def test_epsilon_is_input_x_gradient_on_relu_nets_with_biases():
    # Ancona et al. 2018, proposition 1.
    torch.manual_seed(0)
    model, x = Branches(bias=True).double().eval(), numbers(1, 3, 2, 8, 8)
    found = LRP(model).attribute(x, target=1)
    expected = InputXGradient(model).attribute(x, target=1)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("composite", ["epsilon", "epsilon_plus", GammaRule()])
def test_a_batch_norm_is_one_with_the_convolution_before_it(composite):
    torch.manual_seed(0)
    convolution, norm = nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3)
    norm.running_mean += torch.randn(3)
    norm.running_var += torch.rand(3)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    apart = nn.Sequential(convolution, norm, nn.ReLU(inplace=True), nn.Flatten()).double().eval()
    joined = nn.utils.fuse_conv_bn_eval(convolution, norm)
    fused = nn.Sequential(joined, nn.ReLU(), nn.Flatten()).double().eval()
    x = numbers(1, 2, 2, 5, 5)
    one, other = (LRP(m, composite=composite).attribute(x, target=4) for m in (apart, fused))
    torch.testing.assert_close(one, other)


def test_rules_are_chosen_by_module_name_class_and_operation(layer):
    model = nn.Sequential(layer, nn.ReLU(), nn.Linear(3, 2).double())
    x = numbers(1, 2, 4)
    flat = {"0": FlatRule(), nn.Linear: EpsilonRule()}
    found = LRP(model, composite=flat).attribute(x, target=0)
    torch.testing.assert_close(found, found[:, :1].expand_as(found))  # the same to each
    for mapping in ({layer: FlatRule()}, {"linear": FlatRule()}):
        other = LRP(model, composite=mapping).attribute(x, target=0)
        torch.testing.assert_close(other, other[:, :1].expand_as(other))
    layer.rule = FlatRule()
    torch.testing.assert_close(LRP(model).attribute(x, target=0), found)


def test_a_composite_with_a_box_needs_its_bounds_and_all_inputs_within():
    model = nn.Sequential(nn.Conv1d(1, 2, 2), nn.ReLU(), nn.Flatten()).double()
    x = numbers(1, 2, 1, 4)
    with pytest.raises(InputError, match="least and largest possible inputs"):
        LRP(model, composite="epsilon_gamma_box")
    boxed = LRP(model, composite=("epsilon_gamma_box", {"low": -5, "high": 5}))
    found, delta = boxed.attribute(x, target=0, return_convergence_delta=True)
    assert float(delta.abs().max()) < 1e-13
    torch.testing.assert_close(found.flatten(1).sum(1), model(x)[:, 0].detach())
    tight = LRP(model, composite=("epsilon_gamma_box", {"low": 0, "high": 0.1}))
    with pytest.raises(InputError, match="must hold all inputs"):
        tight.attribute(x, target=0)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: LRP(nn.Linear(1, 1), composite="zplus"), "composite must be one of epsilon"),
        (lambda: LRP(nn.Linear(1, 1), composite={"0": "flat"}), "must map to rules"),
        (lambda: AlphaBetaRule(2, 2), "alpha - beta must be 1"),
        (lambda: EpsilonRule(-1), "epsilon must be a number of at least 0"),
        (lambda: GammaRule("big"), "gamma must be a number"),
    ],
)
def test_bad_rules_are_refused(make, told):
    with pytest.raises(InputError, match=told):
        make()


def test_a_module_s_rule_of_another_kind_is_refused(layer):
    layer.rule = "epsilon"
    with pytest.raises(InputError, match="a module's rule must be one of"):
        LRP(layer).attribute(numbers(1, 2, 4), target=0)


def test_an_identity_needs_one_shape(layer):
    with pytest.raises(InputError, match="IdentityRule needs outputs of the shape"):
        LRP(layer, composite=IdentityRule()).attribute(numbers(1, 2, 4), target=0)
    square = nn.Linear(4, 4, bias=False).double()
    found = LRP(square, composite=IdentityRule()).attribute(numbers(1, 2, 4), target=2)
    torch.testing.assert_close(found[:, 2], square(numbers(1, 2, 4))[:, 2].detach())


def test_a_layer_s_relevance_adds_up_too():
    torch.manual_seed(0)
    model, x = Branches(bias=False).double().eval(), numbers(1, 3, 2, 8, 8)
    found = LayerLRP(model, model.first).attribute(x, target=1)
    torch.testing.assert_close(
        found.flatten(1).sum(1), model(x)[:, 1].detach(), rtol=1e-5, atol=1e-8
    )
    whole = LRP(model).attribute(x, target=Targets([0, 1]))
    torch.testing.assert_close(whole[1], LRP(model).attribute(x, target=1))


def test_a_transformer_s_relevance_is_accounted_for():
    torch.manual_seed(0)
    block = nn.TransformerEncoderLayer(4, 2, 8, activation="gelu", batch_first=True).double().eval()
    x = numbers(1, 2, 5, 4)

    class Reading(nn.Module):
        def __init__(self):
            super().__init__()
            self.block, self.last = block, nn.Linear(4, 2).double()

        def forward(self, x):
            return self.last(self.block(x)[:, 0])

    found, delta = LRP(Reading()).attribute(x, target=1, return_convergence_delta=True)
    assert found.shape == x.shape
    assert float(delta.abs().max()) < 1e-12 * float(found.abs().sum() + 1)


@pytest.mark.parametrize("shape", [None, (), (3, 1, 1), (1, 3, 1, 1), (4,), (2, 3, 4, 4), 0.5])
def test_what_a_constant_and_the_stabiliser_absorb_is_counted(shape):
    relevance, value = numbers(0, 2, 3, 4, 4), numbers(1, 2, 3, 4, 4)
    constant = numbers(2, *shape) if isinstance(shape, tuple) else shape
    epsilon = 0.1
    shares, absorbed = shared(relevance, value, constant, epsilon)
    stabiliser = torch.where(value < 0, -1, 1).double() * epsilon
    assert torch.equal(shares, relevance / (value + stabiliser))
    kept = stabiliser if constant is None else stabiliser + constant
    torch.testing.assert_close(absorbed, (shares * kept).sum(), rtol=1e-13, atol=1e-13)


def test_the_stabiliser_of_zero_is_positive_whatever_its_sign():
    shares, _ = shared(torch.ones(2), torch.tensor([0.0, -0.0]), None, 0.5)
    assert shares.tolist() == [2, 2]
