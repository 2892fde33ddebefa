import pytest
import torch

from ascribe import Targets
from ascribe.attr import InputXGradient, Saliency


def test_of_a_linear_model_is_its_weights(linear):
    x = torch.randn(3, 6, dtype=torch.float64)
    weight = linear.weight.detach()
    signed = Saliency(linear).attribute(x, target=2, abs=False)
    assert torch.equal(signed, weight[2].expand(3, 6))
    assert torch.equal(Saliency(linear).attribute(x, target=2), weight[2].abs().expand(3, 6))
    torch.testing.assert_close(InputXGradient(linear).attribute(x, target=2), weight[2] * x)


def test_agrees_with_central_differences():
    x, step = torch.randn(1, 6, dtype=torch.float64), 1e-5
    model = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.Tanh(), torch.nn.Linear(5, 2))
    model = model.double()
    shifts = step * torch.eye(6, dtype=torch.float64)
    expected = (model(x + shifts) - model(x - shifts))[:, 1].detach() / (2 * step)
    found = Saliency(model).attribute(x, target=1, abs=False)
    # The rule's own error is step^2 times a third derivative of order one.
    torch.testing.assert_close(found[0], expected, rtol=0, atol=1e-8)


@pytest.mark.parametrize("method", [Saliency, InputXGradient])
def test_targets_of_each_form_and_several_at_once_agree(case, method):
    model, x = case
    alone = torch.stack([method(model).attribute(x, target=t) for t in range(4)])
    each = torch.tensor([2, 0, 3])
    torch.testing.assert_close(method(model).attribute(x, target=each), alone[each, range(3)])
    torch.testing.assert_close(
        method(model).attribute(x, target=each.tolist()), alone[each, range(3)]
    )
    torch.testing.assert_close(
        method(model).attribute(x, target=lambda output: output[:, 1]), alone[1]
    )
    torch.testing.assert_close(method(model).attribute(x, target=Targets([3, 1])), alone[[3, 1]])


@pytest.mark.parametrize("method", [Saliency, InputXGradient])
def test_every_input_has_a_result_of_its_form_and_dtype(method):
    inputs = {"a": torch.randn(2, 3), "b": torch.randn(2, 3).double()}
    found = method(lambda a, b: (a * b).sum(1)).attribute(inputs)
    assert [found[key].dtype for key in ("a", "b")] == [torch.float32, torch.float64]
    assert not found["a"].requires_grad
    half = method(lambda x: x.square().sum(1)).attribute(torch.ones(2, 3).bfloat16())
    assert half.dtype == torch.bfloat16


@pytest.mark.parametrize("method", [Saliency, InputXGradient])
def test_an_empty_batch_gives_an_empty_result(method, linear):
    x = torch.zeros(0, 6, dtype=torch.float64)
    assert method(linear).attribute(x, target=1).shape == (0, 6)
