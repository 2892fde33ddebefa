import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ascribe import InputError, Targets
from ascribe.attr import FeatureAblation


def replica(model, x, baseline, target):
    """One example and one feature at a time."""
    found = torch.zeros_like(x)
    for example in range(len(x)):
        for feature in torch.cartesian_prod(*map(torch.arange, x.shape[1:])).reshape(
            -1, x.dim() - 1
        ):
            changed = x[example : example + 1].clone()
            place = (0, *feature.tolist())
            changed[place] = baseline[place]
            score = model(x[example : example + 1].clone()) - model(changed)
            found[(example, *feature.tolist())] = score[0, target]
    return found


def test_is_the_definition_feature_by_feature(case):
    model, x = case
    baseline = torch.randn(1, *x.shape[1:], dtype=torch.float64)
    with torch.no_grad():
        expected = replica(model, x, baseline, 2)
    found = FeatureAblation(model).attribute(x, baseline, target=2)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


@given(st.integers(0, 1000), st.integers(1, 4), st.integers(1, 5))
def test_of_an_additive_score_each_group_gets_its_own_change(seed, batch, features):
    generator = torch.Generator().manual_seed(seed)
    x, b, w = torch.randn(3, batch, features, generator=generator, dtype=torch.float64)
    mask = torch.randint(0, 5, (1, features), generator=generator)
    found = FeatureAblation(lambda x: (w[0] * x).sum(1)).attribute(x, b, feature_mask=mask)
    same = (mask[0][:, None] == mask[0][None]).double()
    torch.testing.assert_close(found, (w[0] * (x - b)) @ same)


@pytest.mark.parametrize("per_eval", [None, 1, 2, 7, 1000])
def test_how_work_is_cut_changes_nothing(case, per_eval):
    model, x = case
    expected = FeatureAblation(model).attribute(x, target=[0, 1, 2])
    found = FeatureAblation(model).attribute(x, target=[0, 1, 2], perturbations_per_eval=per_eval)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-14)


def test_groups_reach_across_inputs():
    def model(x, y):
        return x[:, 0] * y[:, 0] + x[:, 1] + 10 * y[:, 1]

    x, y = torch.tensor([[2.0, 3.0]]), torch.tensor([[5.0, 7.0]])
    masks = (torch.tensor([[0, 1]]), torch.tensor([[0, 2]]))
    found = FeatureAblation(model).attribute((x, y), (1, 1), feature_mask=masks)
    assert [part.tolist() for part in found] == [[[9, 2]], [[9, 60]]]


def test_examples_may_have_masks_of_their_own():
    x = torch.tensor([[1.0, 2.0, 4.0], [1.0, 2.0, 4.0]])
    mask = torch.tensor([[0, 0, 1], [0, 1, 1]])
    found = FeatureAblation(lambda x: x.sum(1)).attribute(x, feature_mask=mask)
    assert found.tolist() == [[3, 3, 4], [1, 6, 6]]
    with pytest.raises(InputError, match="batch of one where the model returns one number"):
        FeatureAblation(lambda x: x.sum()).attribute(x, feature_mask=mask)


def test_several_targets_share_every_evaluation():
    rows = []

    def model(x):
        rows.append(len(x))
        return torch.stack([x.sum(1), x.prod(1), x[:, 0]], 1)

    x = torch.tensor([[2.0, 3.0], [5.0, 7.0]])
    found = FeatureAblation(model).attribute(x, target=Targets([1, 0, 2]))
    assert found.tolist() == [
        [[6, 6], [35, 35]],
        [[2, 3], [5, 7]],
        [[2, 0], [5, 0]],
    ]
    assert rows == [2, 4, 4]  # clean, whether a copy may share an evaluation, perturbed


def test_integer_inputs_have_attributions_in_the_dtype_of_the_score():
    table = torch.tensor([0.0, 0.5, 0.25]).double()
    found = FeatureAblation(lambda ids: table[ids].sum(1)).attribute(torch.tensor([[1, 2]]))
    assert found.dtype == torch.float64
    assert found.tolist() == [[0.5, 0.25]]


def test_a_score_for_the_whole_batch_gives_one_attribution():
    x = torch.tensor([[1.0, 2.0], [3.0, 5.0]])
    for score in (lambda x: x.sum(), lambda x: float(x.sum())):
        assert FeatureAblation(score).attribute(x).tolist() == [[4, 7]]


def test_a_nan_stays_where_it_is():
    x, b = torch.ones(1, 4), torch.tensor([[0.0, float("nan"), 0.0, 0.0]])
    found = FeatureAblation(lambda x: x.sum(1)).attribute(x, b)
    assert found.isnan().tolist() == [[False, True, False, False]]
    assert found[0, [0, 2, 3]].tolist() == [1, 1, 1]


def test_an_empty_batch_gives_an_empty_result(linear):
    assert FeatureAblation(linear).attribute(torch.zeros(0, 6).double(), target=1).shape == (0, 6)
