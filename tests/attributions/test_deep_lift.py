"""DeepLIFT and Deep SHAP against replicas of the papers, and in every form."""

import pytest
import torch
from torch import nn

from ascribe import InputError, Targets
from ascribe.attr import (
    DeepLift,
    DeepLiftShap,
    LayerDeepLift,
    LayerDeepLiftShap,
    NeuronDeepLift,
)


def numbers(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 5), nn.Tanh(), nn.Linear(5, 3))


@pytest.fixture
def double(model):
    return model.double().eval()


def replica(model, x, base, target):
    """Return contributions by the linear and the rescale rule (Shrikumar et al. 2017)."""
    points, references = [x], [base]
    for layer in model:
        points.append(layer(points[-1]))
        references.append(layer(references[-1]))
    multiplier = torch.zeros_like(points[-1])
    multiplier[:, target] = 1
    for layer, (z, z0), (y, y0) in zip(
        reversed(model),
        reversed(list(zip(points[:-1], references[:-1], strict=True))),
        reversed(list(zip(points[1:], references[1:], strict=True))),
        strict=True,
    ):
        if isinstance(layer, nn.Linear):
            multiplier = multiplier @ layer.weight
        else:
            multiplier = multiplier * (y - y0) / (z - z0)
    return (multiplier * (x - base)).detach()


def test_it_is_the_paper_s_linear_and_rescale_rules(double):
    x, base = numbers(1, 3, 4), numbers(2, 3, 4)
    found = DeepLift(double).attribute(x, base, target=1)
    torch.testing.assert_close(found, replica(double, x, base, 1))


def test_multipliers_times_differences_are_the_contributions(double):
    x, base = numbers(1, 3, 4), numbers(2, 3, 4)
    multipliers = DeepLift(double, multiply_by_inputs=False).attribute(x, base, target=1)
    expected = DeepLift(double).attribute(x, base, target=1)
    torch.testing.assert_close(multipliers * (x - base), expected)


class Least(nn.Module):
    """The smaller of two numbers, as the paper writes it."""

    def __init__(self):
        super().__init__()
        self.difference = nn.Linear(2, 1, bias=False).double()
        self.difference.weight.data = torch.tensor([[1.0, -1.0]], dtype=torch.float64)

    def forward(self, x):
        return x[:, 0] - torch.relu(self.difference(x))[:, 0]


def test_reveal_cancel_shares_the_minimum_of_two_where_rescale_does_not():
    x = torch.tensor([[3.0, 2.0], [1.0, 4.0], [5.0, 5.0]], dtype=torch.float64)
    revealed = DeepLift(Least(), nonlinearity="reveal_cancel").attribute(x)
    torch.testing.assert_close(revealed, x.amin(1, keepdim=True).expand(3, 2) / 2)
    torch.testing.assert_close(DeepLift(Least()).attribute(x)[0], x.new_tensor([0.0, 2.0]))


def test_reveal_cancel_follows_its_formula_for_a_layer():
    first, last = nn.Linear(3, 4).double(), nn.Linear(4, 1).double()
    x, base = numbers(3, 1, 3), numbers(4, 1, 3)
    with torch.no_grad():
        parts = first.weight * (x - base)  # (units, inputs)
        up, down = parts.clamp(min=0).sum(1), parts.clamp(max=0).sum(1)
        start = first(base)[0]

        def f(z):
            return torch.tanh(z)

        gain = (f(start + up) - f(start) + f(start + up + down) - f(start + down)) / 2
        loss = (f(start + down) - f(start) + f(start + up + down) - f(start + up)) / 2
        shares = (
            parts.clamp(min=0) * (gain / up).nan_to_num(0)[:, None]
            + parts.clamp(max=0) * (loss / down).nan_to_num(0)[:, None]
        )
        expected = (last.weight[0][:, None] * shares).sum(0)
    model = nn.Sequential(first, nn.Tanh(), last)
    found = DeepLift(model, nonlinearity="reveal_cancel").attribute(x, base, target=0)
    torch.testing.assert_close(found[0], expected)


def test_reveal_cancel_completes_through_convolution_and_batch_norm():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.GELU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(36, 5), nn.ReLU(inplace=True), nn.Linear(5, 2),
    ).double().eval()  # fmt: skip
    model[1].running_mean += 0.3
    method = DeepLift(model, nonlinearity="reveal_cancel")
    x, base = numbers(5, 3, 2, 6, 6), numbers(6, 3, 2, 6, 6)
    found, delta = method.attribute(x, base, target=1, return_convergence_delta=True)
    assert float(delta.abs().max()) < 1e-14
    assert float((found - DeepLift(model).attribute(x, base, target=1)).abs().max()) > 1e-4


def test_an_unknown_nonlinearity_is_refused(model):
    with pytest.raises(InputError, match="'rescale' or 'reveal_cancel'"):
        DeepLift(model, nonlinearity="deconv")


def test_a_function_of_ones_own_makes_attributions_of_up_to_three_things(double):
    x, base = numbers(1, 3, 4), numbers(2, 3, 4)
    method = DeepLift(double)
    multipliers = DeepLift(double, multiply_by_inputs=False).attribute(x, base, target=1)
    one = method.attribute(x, base, 1, custom_attribution_func=lambda m: m)
    two = method.attribute(x, base, 1, custom_attribution_func=lambda m, x: (m[0] * x[0],))
    three = method.attribute(
        x, base, 1, custom_attribution_func=lambda m, x, b: (m[0] * (x[0] - 2 * b[0]),)
    )
    torch.testing.assert_close(one, multipliers)
    torch.testing.assert_close(two, multipliers * x)
    torch.testing.assert_close(three, multipliers * (x - 2 * base))


def test_deep_shap_is_the_mean_over_baselines(double):
    x, bases = numbers(1, 3, 4), numbers(7, 6, 4)
    expected = torch.stack(
        [DeepLift(double).attribute(x, base[None], target=2) for base in bases]
    ).mean(0)
    found, delta = DeepLiftShap(double).attribute(x, bases, target=2, return_convergence_delta=True)
    torch.testing.assert_close(found, expected)
    assert delta.shape == (3,)
    assert float(delta.abs().max()) < 1e-14
    made = DeepLiftShap(double).attribute(x, lambda x: bases, target=2)
    torch.testing.assert_close(made, expected)


def test_several_targets_share_a_pass(double):
    x = numbers(1, 3, 4)
    found, delta = DeepLift(double).attribute(
        x, target=Targets([0, 2]), return_convergence_delta=True
    )
    alone = [DeepLift(double).attribute(x, target=target) for target in (0, 2)]
    torch.testing.assert_close(found, torch.stack(alone))
    assert delta.shape == (2, 3)


def test_contributions_of_a_layer_add_up_and_do_not_depend_on_what_is_below(double):
    x, base = numbers(1, 3, 4), numbers(2, 3, 4)
    change = (double(x) - double(base))[:, 1].detach()
    found, delta = LayerDeepLift(double, double[1]).attribute(
        x, base, target=1, return_convergence_delta=True
    )
    torch.testing.assert_close(found.sum(1), change)
    assert float(delta.abs().max()) < 1e-14
    below, above = double[:2], double[2:]
    direct = DeepLift(above).attribute(below(x).detach(), below(base).detach(), target=1)
    torch.testing.assert_close(found, direct)
    shap = LayerDeepLiftShap(double, double[1]).attribute(x, base[:1], target=1)
    torch.testing.assert_close(
        shap, LayerDeepLift(double, double[1]).attribute(x, base[:1], target=1)
    )


def test_a_branch_gets_its_own_part_beside_a_residual_connection():
    torch.manual_seed(0)
    branch, last = nn.Linear(4, 4).double(), nn.Linear(4, 1).double()
    x, base = numbers(1, 3, 4), numbers(2, 3, 4)

    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.branch, self.last = branch, last

        def forward(self, x):
            return self.last(torch.tanh(x + self.branch(x)))

    found = LayerDeepLift(Residual(), "branch").attribute(x, base, target=0)
    with torch.no_grad():
        z, z0 = x + branch(x), base + branch(base)
        slope = (z.tanh() - z0.tanh()) / (z - z0)
        expected = last.weight * slope * (branch(x) - branch(base))
    torch.testing.assert_close(found, expected)


def test_a_neuron_takes_the_place_of_the_score(double):
    x, base = numbers(1, 3, 4), numbers(2, 3, 4)
    found = NeuronDeepLift(double, double[3]).attribute(x, 2, base)
    expected = DeepLift(double[:4]).attribute(x, base, target=2)
    torch.testing.assert_close(found, expected)


def test_a_given_eps_takes_the_derivative_within_it(double):
    x = numbers(1, 3, 4)
    found = DeepLift(double, multiply_by_inputs=False, eps=1e-3).attribute(x, x - 1e-5, target=0)
    leaf = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(double(leaf)[:, 0].sum(), leaf)
    torch.testing.assert_close(found, gradient)


def test_a_table_is_short_and_another_library_s_method_adds_to_it_in_a_line():
    class Third(DeepLift):
        def __init__(self, model):
            from ascribe.difference_rules import rescale

            super().__init__(model, rules={"polygamma": rescale})

    x = numbers(1, 3, 4).abs() + 1
    _, delta = Third(lambda x: torch.polygamma(2, x).sum(1)).attribute(
        x, 1.0, return_convergence_delta=True
    )
    assert float(delta.abs().max()) < 1e-13
