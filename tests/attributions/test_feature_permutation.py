import pytest
import torch
from torch import nn

from ascribe import InputError, Targets
from ascribe.attr import (
    FeatureAblation,
    FeaturePermutation,
    LayerFeatureAblation,
    LayerFeaturePermutation,
    NeuronFeatureAblation,
)


def rolled(x, mask):
    return torch.where(mask, x.roll(1, 0), x)


def test_is_the_definition_feature_by_feature(case):
    model, x = case
    found = FeaturePermutation(model, rolled).attribute(x, target=1)
    flat = x.flatten(1)
    expected = torch.zeros_like(flat)
    with torch.no_grad():
        for feature in range(flat.shape[1]):
            changed = flat.clone()
            changed[:, feature] = flat.roll(1, 0)[:, feature]
            expected[:, feature] = (model(x.clone()) - model(changed.reshape(x.shape)))[:, 1]
    torch.testing.assert_close(found.flatten(1), expected, rtol=1e-9, atol=1e-12)


def test_of_an_additive_score_the_batch_sums_to_zero():
    torch.manual_seed(0)
    x, w = torch.randn(7, 5).double(), torch.randn(5).double()
    found = FeaturePermutation(lambda x: (x.exp() * w).sum(1)).attribute(x)
    assert float(found.sum(0).abs().max()) < 1e-13
    assert float(found.abs().min(1).values.max()) > 0


def test_elements_of_a_group_move_together_across_inputs():
    # A product of two inputs that are always alike is only broken where they move apart.
    x = torch.tensor([[1.0], [2.0], [5.0]]).double()
    masks = (torch.tensor([[0]]), torch.tensor([[0]]))
    score = lambda a, b: (a - b).square().sum(1)  # noqa: E731
    together = FeaturePermutation(score).attribute((x, x.clone()), feature_mask=masks)
    apart = FeaturePermutation(score).attribute((x, x.clone()))
    assert all(float(part.abs().max()) == 0 for part in together)
    assert all(float(part.abs().max()) > 0 for part in apart)


def test_no_shuffle_leaves_all_where_they_are():
    x = torch.tensor([[0.0], [1.0]])
    for seed in range(20):
        found = FeaturePermutation(lambda x: x.sum(1)).attribute(x, seed=seed)
        assert found.flatten().tolist() == [-1, 1]


def test_one_example_and_a_function_that_returns_another_shape_are_refused():
    with pytest.raises(InputError, match="two examples"):
        FeaturePermutation(lambda x: x.sum(1)).attribute(torch.ones(1, 3))
    with pytest.raises(InputError, match="perm_func"):
        FeaturePermutation(lambda x: x.sum(1), lambda x, m: x[:1]).attribute(torch.ones(2, 3))


def test_one_number_for_the_batch_and_several_targets():
    torch.manual_seed(0)
    model, x = nn.Linear(3, 2).double(), torch.randn(5, 3).double()
    loss = FeaturePermutation(lambda x: model(x).square().mean()).attribute(x)
    assert loss.shape == (1, 3)
    both = FeaturePermutation(model).attribute(x, target=Targets([0, 1]))
    assert torch.equal(both[1], FeaturePermutation(model).attribute(x, target=1))


def net():
    torch.manual_seed(2)
    return nn.Sequential(nn.Linear(4, 5), nn.ReLU(inplace=True), nn.Linear(5, 2)).double()


def test_a_layer_is_ablated_and_shuffled_as_inputs_are():
    model, x = net(), torch.randn(3, 4).double()
    hidden = model[:2](x.clone()).detach()
    mask = torch.tensor([[0, 0, 1, 2, 1]])
    ablated = LayerFeatureAblation(model, "1").attribute(
        x, layer_baselines=0.5, target=1, layer_mask=mask
    )
    expected = FeatureAblation(model[2]).attribute(hidden, 0.5, target=1, feature_mask=mask)
    torch.testing.assert_close(ablated, expected)
    shuffled = LayerFeaturePermutation(model, "1").attribute(x, target=1, layer_mask=mask)
    expected = FeaturePermutation(model[2]).attribute(hidden, target=1, feature_mask=mask)
    torch.testing.assert_close(shuffled, expected)


def test_a_neuron_is_ablated_as_a_score_is():
    model, x = net(), torch.randn(3, 4).double()
    found = NeuronFeatureAblation(model, model[1]).attribute(x, 2, baselines=1)
    expected = FeatureAblation(model[:2]).attribute(x, 1, target=2)
    torch.testing.assert_close(found, expected)
