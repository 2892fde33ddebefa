"""Captum as a black box: alike where it completes, and where it does not, by how much."""

import warnings

import pytest
import torch
from torch import nn
from torch.nn import functional

from ascribe import attr

captum = pytest.importorskip("captum.attr")


@pytest.fixture(autouse=True)
def _peer_may_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


class Small(nn.Sequential):
    """Modules in a row; what comes before a linear layer is flattened."""

    def forward(self, x):
        for layer in self:
            x = layer(x.flatten(1) if isinstance(layer, nn.Linear) else x)
        return x


def small(bias=True, pool=nn.AvgPool2d):
    torch.manual_seed(0)
    return Small(
        nn.Conv2d(3, 6, 3, padding=1, bias=bias), nn.ReLU(), pool(2), nn.Conv2d(6, 8, 3, bias=bias),
        nn.ReLU(), nn.AvgPool2d(2), nn.Linear(8, 5, bias=bias), nn.ReLU(),
        nn.Linear(5, 3, bias=bias),
    ).eval()  # fmt: skip


@pytest.fixture
def x():
    return torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def base():
    return torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(2))


def check(found, expected):
    expected = expected.detach()
    assert found.shape == expected.shape
    assert float((found - expected).abs().max()) <= 1e-5 * float(expected.abs().max())


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("name", ["DeepLift", "DeepLiftShap"])
def test_deep_lift_is_alike_where_captum_completes(name, bias, x, base):
    model = small(bias)
    ours, theirs = (getattr(library, name)(model) for library in (attr, captum))
    expected, delta = theirs.attribute(x, base, target=1, return_convergence_delta=True)
    assert float(delta.abs().max()) < 1e-5
    check(ours.attribute(x, base, target=1), expected)
    name = "Layer" + name
    ours, theirs = (getattr(library, name)(model, model[3]) for library in (attr, captum))
    check(ours.attribute(x, base, target=1), theirs.attribute(x, base, target=1))


def test_multipliers_and_neurons_are_alike(x, base):
    model = small()
    ours, theirs = (library.DeepLift(model, multiply_by_inputs=False) for library in (attr, captum))
    check(ours.attribute(x, base, target=1), theirs.attribute(x, base, target=1))
    ours, theirs = (library.NeuronDeepLift(model, model[6]) for library in (attr, captum))
    check(ours.attribute(x, 2, base), theirs.attribute(x, 2, base))


@pytest.mark.parametrize("bias", [True, False])
def test_lrp_is_alike(bias, x):
    model = small(bias)
    check(
        attr.LRP(model).attribute(x, target=1),
        captum.LRP(model).attribute(x.clone(), target=1),
    )
    check(
        attr.LayerLRP(model, model[3]).attribute(x, target=1),
        captum.LayerLRP(model, model[3]).attribute(x.clone(), target=1),
    )


def test_lrp_gamma_is_alike_without_biases(x):
    from captum.attr._utils.lrp_rules import GammaRule

    model = small(bias=False)
    found = []
    for library, rule in ((attr, attr.GammaRule), (captum, GammaRule)):
        for layer in model:
            if hasattr(layer, "weight"):
                layer.rule = rule()
        found.append(library.LRP(model).attribute(x.abs(), target=1))
    check(*found)


@pytest.mark.parametrize("name", ["GuidedBackprop", "Deconvolution"])
def test_rectifiers_are_alike(name, x):
    model = small(pool=nn.MaxPool2d)
    ours, theirs = (getattr(library, name)(model) for library in (attr, captum))
    check(ours.attribute(x, target=1), theirs.attribute(x.clone(), target=1))
    ours, theirs = (
        getattr(library, "Neuron" + name)(model, model[6]) for library in (attr, captum)
    )
    check(ours.attribute(x, 2), theirs.attribute(x.clone(), 2))


@pytest.mark.parametrize(
    "options", [{}, {"relu_attributions": True}, {"attr_dim_summation": False}]
)
def test_grad_cam_is_alike(options, x):
    model = small(pool=nn.MaxPool2d)
    ours, theirs = (library.LayerGradCam(model, model[3]) for library in (attr, captum))
    found, expected = (m.attribute(x, target=1, **options) for m in (ours, theirs))
    check(found, expected)


def test_guided_grad_cam_is_alike(x):
    model = small(pool=nn.MaxPool2d)
    ours, theirs = (library.GuidedGradCam(model, model[3]) for library in (attr, captum))
    check(ours.attribute(x, target=1), theirs.attribute(x.clone(), target=1))


class Of(nn.Module):
    """A function between two linear layers."""

    def __init__(self, function):
        super().__init__()
        self.first, self.last = nn.Linear(3, 4), nn.Linear(4, 1)
        self.function = function

    def forward(self, x):
        return self.last(self.function(self.first(x)))


#: The smallest models on which Captum's contributions miss the difference of the score.
MISSED = {
    "functional relu": lambda: Of(functional.relu),
    "gelu": lambda: Of(nn.GELU()),
    "silu": lambda: Of(nn.SiLU()),
    "layer norm": lambda: Of(nn.LayerNorm(4)),
    "product": lambda: Of(lambda z: z * torch.sigmoid(z.roll(1, 1))),
    "softmax function": lambda: Of(lambda z: z.softmax(1)),
}


@pytest.mark.parametrize("name", MISSED)
def test_captum_s_deep_lift_misses_the_difference_in_silence_where_ours_meets_it(name):
    torch.manual_seed(0)
    model = MISSED[name]().double().eval()
    x, base = torch.randn(3, 3).double(), torch.randn(3, 3).double()
    change = (model(x) - model(base))[:, 0].detach()
    gaps = []
    for library in (attr, captum):
        found = library.DeepLift(model).attribute(x, base, target=0).detach()
        gap = (found.sum(1) - change).abs() / found.abs().sum(1)
        gaps.append(float(gap.max()))
    ours, theirs = gaps
    assert ours < 1e-14
    assert theirs > 1e-4


def test_captum_s_deep_lift_refuses_a_relu_that_is_used_twice():
    relu = nn.ReLU()
    model = nn.Sequential(nn.Linear(3, 4), relu, nn.Linear(4, 4), relu, nn.Linear(4, 1))
    x = torch.randn(2, 3)
    with pytest.raises(RuntimeError):
        captum.DeepLift(model).attribute(x, x * 0, target=0)
    _, delta = attr.DeepLift(model).attribute(x, x * 0, target=0, return_convergence_delta=True)
    assert float(delta.abs().max()) < 1e-6


def test_captum_s_lrp_is_not_conserved_past_a_skip_connection():
    class Skipping(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.relu = nn.Linear(3, 3, bias=False), nn.ReLU()
            self.last = nn.Linear(3, 1, bias=False)

        def forward(self, x):
            return self.last(x + self.relu(self.inner(x)))

    torch.manual_seed(0)
    model, x = Skipping(), torch.randn(3, 3)
    score = model(x)[:, 0].detach()
    ours = attr.LRP(model).attribute(x, target=0).sum(1) - score
    theirs = captum.LRP(model).attribute(x.clone(), target=0).detach().sum(1) - score
    assert float(ours.abs().max()) < 1e-5
    assert float(theirs.abs().max()) > 1e-2


def test_captum_s_guided_backprop_does_not_see_a_functional_relu():
    torch.manual_seed(0)
    model, x = Of(functional.relu).eval(), torch.randn(3, 3)
    modules = Of(nn.ReLU()).eval()
    modules.load_state_dict(model.state_dict())
    expected = captum.GuidedBackprop(modules).attribute(x.clone(), target=0)
    check(attr.GuidedBackprop(model).attribute(x, target=0), expected)
    blind = captum.GuidedBackprop(model).attribute(x.clone(), target=0)
    assert float((blind - expected).abs().max()) > 1e-2


def test_captum_s_z_plus_rule_clamps_weights_where_the_paper_clamps_products():
    from captum.attr._utils.lrp_rules import Alpha1_Beta0_Rule

    layer, x = nn.Linear(3, 1, bias=False), torch.tensor([[2.0, -1.0, 0.5]])
    layer.weight.data = torch.tensor([[1.0, 2.0, -1.0]])
    layer.rule = attr.Alpha1_Beta0_Rule()
    # Products 2, -2 and -0.5: the first alone is positive, and the score is -0.5.
    found = attr.LRP(layer).attribute(x, target=0)
    torch.testing.assert_close(found, torch.tensor([[-0.5, 0.0, 0.0]]))
    model = nn.Sequential(layer)
    layer.rule = Alpha1_Beta0_Rule()
    theirs = captum.LRP(model).attribute(x.clone(), target=0)
    assert not torch.allclose(theirs, found)
